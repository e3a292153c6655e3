"""Files that are there as a whole, or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class FilesExistError(Exception):
    """Files of these names exist and hold something else.

    Attributes
    ----------
    paths:
        Which ones.
    """

    def __init__(self, paths: list[Path]) -> None:
        super().__init__(", ".join(map(str, paths)))
        self.paths = paths


class UnwritableError(Exception):
    """A file cannot be written. The message names it, the reason, and what became of the others.

    Parameters
    ----------
    path:
        The file.
    reason:
        What the operating system says.
    written:
        The files that are there now.
    """

    def __init__(self, path: Path, reason: OSError, written: Sequence[Path] = ()) -> None:
        done = f"only {', '.join(map(str, written))} was written" if written else "nothing was written"
        super().__init__(f"{path} cannot be written: {reason.strerror or reason}; {done}.")


def write(files: Mapping[Path, bytes], *, overwrite: bool) -> None:
    """Write all *files*, or, when one of them cannot be written, none.

    Each is written beside its place first and moved there when all are complete, so that a full disk, or the end of
    the process, leaves no half of one. A file that has its content already is left alone.

    Parameters
    ----------
    files:
        Contents, by path; folders are made.
    overwrite:
        Whether a file with another content may be replaced.

    Raises
    ------
    FilesExistError
        One may not.
    UnwritableError
        A file cannot be written, so none was; or, in the moment in which they are moved to their places, only some.
    """
    changed = {path: content for path, content in files.items() if not _holds(path, content)}
    existing = [path for path in changed if os.path.lexists(path)]
    if existing and not overwrite:
        raise FilesExistError(existing)
    with contextlib.ExitStack() as cleanup:
        ready = [(_beside(path, content, cleanup), path) for path, content in changed.items()]
        written: list[Path] = []
        for temporary, path in ready:
            try:
                temporary.replace(path)
            except OSError as error:
                raise UnwritableError(path, error, written) from error
            written.append(path)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.is_file() and path.read_bytes() == content
    except OSError as error:
        raise UnwritableError(path, error) from error


def _beside(path: Path, content: bytes, cleanup: contextlib.ExitStack) -> Path:
    # The operating system's error names the temporary file, or, of a full disk, none.
    try:
        return _written_beside(path, content, cleanup)
    except OSError as error:
        raise UnwritableError(path, error) from error


def _written_beside(path: Path, content: bytes, cleanup: contextlib.ExitStack) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    cleanup.callback(temporary.unlink, missing_ok=True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    # mkstemp lets only the owner read; an ordinary file is made as the umask says.
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)
    return temporary
