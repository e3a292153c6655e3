"""Files that are there as a whole, or not at all."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
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
    OSError
        A file cannot be written.
    """
    changed = {path: content for path, content in files.items() if not _holds(path, content)}
    existing = [path for path in changed if os.path.lexists(path)]
    if existing and not overwrite:
        raise FilesExistError(existing)
    with contextlib.ExitStack() as cleanup:
        ready = [(_beside(path, content, cleanup), path) for path, content in changed.items()]
        for temporary, path in ready:
            temporary.replace(path)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _beside(path: Path, content: bytes, cleanup: contextlib.ExitStack) -> Path:
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
