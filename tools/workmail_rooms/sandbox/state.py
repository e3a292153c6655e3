"""What the sandbox remembers between two commands: one JSON file, replaced as a whole, and one lock."""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

if sys.platform == "win32":
    raise SystemExit(
        "The sandbox runs on Linux and macOS. On Windows, run it in the Windows Subsystem for Linux (WSL)."
    )
import fcntl

# Raised with every change that an older sandbox could not read.
VERSION = 1


class StateError(Exception):
    """The state folder cannot be used as it is. The message says why and what to do."""


class StateFolder:
    """The folder that ``--state-dir`` names.

    Parameters
    ----------
    path:
        The folder; it is made when something is first written.

    Attributes
    ----------
    logs:
        Where the functions' log streams are.
    certificates:
        Where the local CA is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # Workers run in another folder, so what they are told must not be relative.
        self.logs = path.resolve() / "logs"
        self.certificates = path.resolve() / "tls"
        self._file = path / "state.json"
        self._lock = path / "lock"

    @contextlib.contextmanager
    def lock(self, holder: str) -> Iterator[None]:
        """Keep other commands from changing the state.

        The system gives the lock back when the process ends, however it ends.

        Parameters
        ----------
        holder:
            Says who holds it, for the message that the second command prints.

        Raises
        ------
        StateError
            Somebody else holds the lock, or the folder cannot be written.
        """
        with self._explained("be written"):
            self.path.mkdir(parents=True, exist_ok=True)
            file = self._lock.open("a+", encoding="utf-8")
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                other = file.read().strip() or "another command"
                raise StateError(
                    f"The state folder {self.path} is in use by {other}. "
                    "Wait for it to end, or give this command a --state-dir of its own."
                ) from None
            with self._explained("be written"):
                file.truncate(0)
                file.write(f"{holder} (process {os.getpid()})\n")
                file.flush()
            yield
            file.truncate(0)

    def load(self) -> dict[str, Any] | None:
        """Read the state; None when there is none yet. Needs no lock: the file is only ever replaced as a whole.

        Raises
        ------
        StateError
            The file cannot be read, is damaged, or was written by a newer sandbox.
        """
        if not self._file.exists():
            return None
        with self._explained("be read"):
            text = self._file.read_bytes()
        try:
            document = json.loads(text)
            version = document["version"]
        except (ValueError, KeyError, TypeError):
            raise StateError(
                f"{self._file} is damaged. Remove it to begin with a fresh organization, or give another --state-dir."
            ) from None
        if version != VERSION:
            raise StateError(
                f"{self._file} has format {version!r}; this sandbox reads format {VERSION}. "
                "Use the version of the sandbox that wrote it, or give another --state-dir."
            )
        return dict(document)

    def save(self, document: Mapping[str, Any]) -> None:
        """Replace the state as a whole; after a failure, the old state is still there.

        Raises
        ------
        StateError
            The disk is full, or the folder cannot be written.
        """
        text = json.dumps({"version": VERSION, **document}, separators=(",", ":"))
        temporary = self._file.with_name(f"{self._file.name}.{os.getpid()}")
        with self._explained("be written; the state from before this command is kept"):
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                with temporary.open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(self._file)
            finally:
                with contextlib.suppress(OSError):
                    temporary.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _explained(self, purpose: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = "no space left on the disk" if error.errno == errno.ENOSPC else error.strerror
            raise StateError(f"The state in {self.path} cannot {purpose}: {reason}.") from error
