"""How stacks, events and rooms look on a terminal, in a pipe, and as JSON."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from workmail_rooms.sandbox.cloudformation import StackEvent

# A signed URL is a key to somebody's bucket, so it is not shown, even where a function puts it into its answer.
_SIGNATURE = re.compile(r"((?:X-Amz-)?Signature=)[^&\s\"']+", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\s*\n\s*")
_STACK = "AWS::CloudFormation::Stack"
# Widths that later events rarely exceed, so that lines printed one by one stand under each other. The longest
# statuses, which only a stack has, and only during a clean-up, may stick out.
_STATUS_WIDTH = len("UPDATE_ROLLBACK_IN_PROGRESS")
_LOGICAL_ID_WIDTH = 20
_ROOMY_TERMINAL = 120
_NARROWEST_REASON = 30
# A pipe has no width; nothing is wrapped or padded for it.
_PIPE_WIDTH = 1_000_000


class _Console(Console):
    """A console whose reader may go away."""

    def on_broken_pipe(self) -> None:
        """Go on silently: ``deploy ... | head`` ends what it prints, not what it does. rich would end the process."""
        self.quiet = True
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), self.file.fileno())


def make_console(*, stderr: bool = False) -> Console:
    """Make a console: colours on a terminal unless NO_COLOR is set, plain text and no wrapping elsewhere."""
    console = _Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def clean(text: str) -> str:
    """Return *text* without signatures and without control characters, which a terminal would obey."""
    masked = _SIGNATURE.sub(r"\1***", text)
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in masked)


class EventPrinter:
    """Prints stack events, one aligned line each.

    Parameters
    ----------
    console:
        Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        roomy = console.width >= _ROOMY_TERMINAL
        self._widths = [_LOGICAL_ID_WIDTH, len(_STACK)] if roomy else [0, 0]

    def fit(self, events: Iterable[StackEvent]) -> None:
        """Make the columns wide enough for *events*."""
        for event in events:
            cells = (event.logical_resource_id, event.resource_type)
            self._widths = [max(width, len(cell)) for width, cell in zip(self._widths, cells, strict=True)]

    def __call__(self, event: StackEvent) -> None:
        """Print one event: time, status, logical id, type, then physical id and reason."""
        self.fit([event])
        logical_id, kind = self._widths
        line = Text(f"{local_time(event.timestamp)}  ")
        line.append(event.resource_status.ljust(_STATUS_WIDTH), style=status_style(event.resource_status))
        line.append(f"  {event.logical_resource_id.ljust(logical_id)}  ")
        line.append(event.resource_type.ljust(kind), style="dim")
        physical_id = "" if event.resource_type == _STACK else clean(event.physical_resource_id)
        reason = clean(event.resource_status_reason)
        tail = "  ".join(part for part in (physical_id, reason) if part)
        print_hanging(self._console, line, tail, style="red" if event.resource_status.endswith("FAILED") else "")


def print_hanging(console: Console, head: Text, tail: str, style: str = "") -> None:
    """Print *head* and, beside it, *tail*: wrapped under itself on a terminal, in one line in a pipe."""
    if not console.is_terminal:
        parts = [head.plain, _LINE_BREAK.sub(" ", tail)]
        console.print("  ".join(part for part in parts if part).rstrip(), soft_wrap=True)
        return
    room = console.width - head.cell_len - 2
    indent = head.cell_len + 2 if room >= _NARROWEST_REASON else 4
    lines = list(Text(tail, style=style).wrap(console, max(console.width - indent, 1))) if tail else []
    if lines and room >= _NARROWEST_REASON:
        head = Text.assemble(head, "  ", lines.pop(0))
    head.rstrip()
    console.print(head, soft_wrap=True)
    for line in lines:
        console.print(Text.assemble(" " * indent, line), soft_wrap=True)


def status_style(status: str) -> str:
    """Return the colour of a stack or resource status."""
    if status.endswith("FAILED"):
        return "bold red"
    if "ROLLBACK" in status:
        return "yellow"
    return "green" if status.endswith(("COMPLETE", "SKIPPED")) else "cyan"


def local_time(at: datetime) -> str:
    """Return the time of day where the user is."""
    return f"{at.astimezone():%H:%M:%S}"


def table(console: Console, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; where it does not fit the terminal, one block for each row. Nothing is cut."""
    rows = [[clean(cell) for cell in row] for row in rows]
    grid = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, header_style="bold", pad_edge=False
    )
    for column in columns:
        grid.add_column(column, overflow="fold", no_wrap=True)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    if not console.is_terminal:
        _print_plain(console, title, columns, rows)
    elif Measurement.get(console, console.options.update(width=_PIPE_WIDTH), grid).maximum <= console.width:
        console.print(grid)
    else:
        console.print(Text(title, style="bold"))
        _print_blocks(console, columns, rows)


def _print_plain(console: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    cells = [list(columns), *[[_LINE_BREAK.sub(" ", cell) for cell in row] for row in rows]]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    console.print(title, soft_wrap=True)
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(line.rstrip(), soft_wrap=True)


def _print_blocks(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    width = max(map(len, columns))
    for row in rows:
        console.print()
        for column, cell in zip(columns, row, strict=True):
            print_hanging(console, Text(f"  {column.ljust(width)}", style="dim"), cell)


def event_document(event: StackEvent) -> dict[str, Any]:
    """Return an event as DescribeStackEvents has it."""
    return {
        "Timestamp": event.timestamp.isoformat(),
        "EventId": event.event_id,
        "StackName": event.stack_name,
        "LogicalResourceId": event.logical_resource_id,
        "PhysicalResourceId": clean(event.physical_resource_id),
        "ResourceType": event.resource_type,
        "ResourceStatus": event.resource_status,
        "ResourceStatusReason": clean(event.resource_status_reason),
    }


class Progress:
    """Says every few seconds how far a long operation is.

    Parameters
    ----------
    console:
        Where to.
    monotonic:
        Returns seconds.
    interval:
        Seconds between two lines.
    """

    def __init__(self, console: Console, monotonic: Callable[[], float], interval: float = 5.0) -> None:
        self._console = console
        self._monotonic = monotonic
        self._interval = interval
        self._began: float | None = None
        self._said = 0.0
        self._states: dict[tuple[str, str], str] = {}

    def __call__(self, event: StackEvent) -> None:
        """Count an event."""
        if event.resource_type == _STACK:
            return
        self._states[event.stack_id, event.logical_resource_id] = event.resource_status
        now = self._monotonic()
        if self._began is None:
            self._began = self._said = now
        if now - self._said >= self._interval:
            self._said = now
            done = sum(not status.endswith("IN_PROGRESS") for status in self._states.values())
            self._console.print(
                f"          {done} of {len(self._states)} resources done after {now - self._began:.0f} s", style="dim"
            )


def outputs(console: Console, values: Mapping[str, str]) -> None:
    """Print a stack's outputs."""
    if values:
        console.print()
        table(console, "Outputs", ["Key", "Value"], sorted(values.items()))
