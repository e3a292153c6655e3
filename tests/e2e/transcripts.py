"""Runs the terminal sessions that a document shows, and compares what came with what the document shows."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tests.e2e.documents import Block
from workmail_rooms.cli import PROGRAM

ELISION = "..."
CTRL_C = "^C"

# What differs from run to run; the ids of rooms are compared one by one.
_ROOM = re.compile(r"\br-[0-9a-f]{32}\b")
_VARYING = (
    (re.compile(r"^\d\d:\d\d:\d\d"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b"), "<minute>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}"), "<log stream>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d+"), "<port>"),
    (re.compile(r"(?<=SSL_CERT_FILE=)\S*/(?=\.sandbox/)"), "<folder>/"),
    (re.compile(r" {2,}"), "  "),
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command, and the lines that the document shows after it, without empty ones."""

    command: str
    shown: tuple[str, ...]


def exchanges(block: Block) -> Iterator[Exchange]:
    """Yield the commands of a ``console`` block."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield Exchange(command, tuple(line for line in shown if line))


def normalise(line: str) -> str:
    """Return *line* without what differs from run to run."""
    line = _ROOM.sub("<room>", line)
    for pattern, replacement in _VARYING:
        line = pattern.sub(replacement, line)
    return line.rstrip()


@dataclass(slots=True)
class Session:
    """A terminal in a folder of its own, over several blocks.

    Parameters
    ----------
    folder:
        Where the commands run.
    command:
        Runs the project's own command there, and returns what it prints; by default the shell does.
    """

    folder: Path
    command: Callable[[str], list[str]] | None = None
    _rooms: dict[str, str] = field(default_factory=dict)

    def run(self, exchange: Exchange) -> list[str]:
        """Run a command and return how the document is wrong about what it prints."""
        lines = self._interrupt(exchange) if exchange.shown[-1:] == (CTRL_C,) else self._finish(exchange.command)
        shown = [line for line in exchange.shown if line not in {ELISION, CTRL_C}]
        return list(self._differences(shown, [line for line in lines if line], partly=ELISION in exchange.shown))

    def _differences(self, shown: list[str], printed: list[str], *, partly: bool) -> Iterator[str]:
        """Compare without regard to the order, since rooms are made at the same time."""
        left = {index: normalise(line) for index, line in enumerate(printed)}
        for line in shown:
            match = next((index for index, form in left.items() if form == normalise(line)), None)
            if match is None:
                yield f"shown, but not printed: {line}"
                continue
            del left[match]
            for documented, actual in zip(_ROOM.findall(line), _ROOM.findall(printed[match]), strict=True):
                if self._rooms.setdefault(documented, actual) != actual:
                    yield f"{documented} stands for two rooms: {line}"
        if not partly:
            yield from (f"printed, but not shown: {printed[index]}" for index in left)

    def _finish(self, command: str) -> list[str]:
        if self.command is not None and command.startswith(f"{PROGRAM} "):
            return self.command(command)
        result = subprocess.run(
            ["bash", "-c", command],  # noqa: S607 - the shell of the user
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        return result.stdout.splitlines()

    def _interrupt(self, exchange: Exchange) -> list[str]:
        """Run a server until it has printed as much as is shown, then press Ctrl-C."""
        with subprocess.Popen(
            # Free ports, so that the test can run beside another one.
            ["bash", "-c", f"exec {exchange.command} --workmail-port 0 --response-port 0"],  # noqa: S607 - as above
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            text=True,
        ) as server:
            assert server.stdout is not None
            lines = [line.rstrip("\n") for line in islice(server.stdout, len(exchange.shown) - 1)]
            server.send_signal(signal.SIGINT)
            assert server.wait() == 0
        return lines


def _environment() -> dict[str, str]:
    """Return what a terminal has after ``. .venv/bin/activate`` in the project's folder."""
    tools = Path(sys.executable).parent
    return {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
