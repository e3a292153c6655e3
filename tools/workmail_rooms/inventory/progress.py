"""How far the reading is."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Is told how far the reading is; does nothing itself."""

    def begin(self, total: int) -> None:
        """Take note that *total* resources will be read."""

    def advance(self) -> None:
        """Take note that one more was read."""


class ProgressBar(Progress):
    """A bar on a terminal's standard error; nothing anywhere else."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn("Reading"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, total: int) -> None:
        """Show how much there is."""
        self._bar.update(self._task, total=total)

    def advance(self) -> None:
        """Show that one more is done."""
        self._bar.advance(self._task)
