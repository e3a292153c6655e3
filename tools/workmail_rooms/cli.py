"""The command line: ``workmail-rooms``."""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NoReturn

from workmail_resource import __version__

PROGRAM: Final = "workmail-rooms"

_FAILED: Final = 1
_INTERRUPTED: Final = 130
#: Whatever else cannot be found is a dependency that is not installed.
_OURS: Final = frozenset({"workmail_resource", "workmail_rooms"})


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes
    ----------
    module:
        Has ``main(arguments)``, which gets the words after the command and returns the exit status. It is imported
        when the command is used.
    summary:
        What the command does, in one line.
    extra:
        The optional dependencies that it needs; none when empty.
    """

    module: str
    summary: str
    extra: str = ""


COMMANDS: Final[Mapping[str, Command]] = MappingProxyType(
    {
        "diff": Command("workmail_rooms.diff.cli", "compare what templates declare with WorkMail", extra="sandbox"),
        "export": Command("workmail_rooms.export.cli", "export the calendars of rooms to S3"),
        "inventory": Command(
            "workmail_rooms.inventory.cli", "read existing rooms, and write templates that adopt them, or data"
        ),
        "ledger": Command("workmail_rooms.ledger.cli", "show which stack owns each room; check and repair the ledger"),
        "probe": Command(
            "workmail_rooms.probe.cli", "learn how a real WorkMail behaves, with temporary rooms", extra="sandbox"
        ),
        "sandbox": Command(
            "workmail_rooms.sandbox.cli", "run WorkMail, Lambda and CloudFormation on this machine", extra="sandbox"
        ),
    }
)


def main(arguments: Sequence[str]) -> int:
    """Run one command.

    Parameters
    ----------
    arguments:
        The command line without the program's name.

    Returns
    -------
    The command's exit status; 1 when its optional dependencies are not installed.
    """
    # What follows the command is the command's own, --help too.
    name: str = _parser().parse_args(arguments[:1]).command
    command = COMMANDS[name]
    try:
        status: int = importlib.import_module(command.module).main(arguments[1:])
    except ModuleNotFoundError as error:
        if not command.extra or (error.name or "").partition(".")[0] in _OURS:
            raise
        sys.stderr.write(
            f"{PROGRAM} {name}: {error.name} is not installed. "
            f"Install what this command needs: pip install '{PROGRAM}[{command.extra}]'\n"
        )
        return _FAILED
    return status


def run() -> NoReturn:
    """Run the command line of this process, and end the process."""
    # Ctrl-C too: a shell's background job would ignore it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        status = main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.stderr.write(f"{PROGRAM}: interrupted.\n")
        status = _INTERRUPTED
    # Whoever read the output may have gone; the command has said so, if it matters.
    with suppress(OSError):
        sys.stdout.flush()
    # Python's own end would wait for calls that other threads are still trying.
    os._exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Amazon WorkMail rooms in CloudFormation stacks.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.summary, add_help=False)
    return parser
