"""How far the work is."""

from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """Is told how far the work is; does nothing itself."""

    def begin(self, total: int) -> None:
        """Take note that there are *total* pieces of it."""

    def advance(self) -> None:
        """Take note that one more is done."""


class ProgressBar(Progress):
    """A bar on a terminal's standard error; nothing anywhere else.

    Parameters
    ----------
    label:
        What is being done.
    """

    def __init__(self, label: str = "Reading") -> None:
        console = Console(stderr=True)
        self._bar = Bar(
            TextColumn(label),
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
