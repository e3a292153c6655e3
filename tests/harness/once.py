"""What is dear to make and the same for all tests: made by the process of a run that needs it first."""

import fcntl
from collections.abc import Callable
from pathlib import Path


class Once:
    """Folders that the processes of one run of the suite share.

    Parameters
    ----------
    folder:
        The run's folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "once"
        self._folder.mkdir(exist_ok=True)

    def __call__(self, name: str, make: Callable[[Path], object]) -> Path:
        """Return the folder *name*, which *make* fills if nobody has; others wait for it."""
        folder, ready = self._folder / name, self._folder / f"{name}.ready"
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not ready.exists():
                folder.mkdir()
                make(folder)
                ready.touch()
        return folder
