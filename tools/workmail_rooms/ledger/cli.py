"""The command line: ``workmail-rooms ledger``."""

import argparse
import json
import sys
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Column
from rich.table import Table as Grid

from workmail_resource.ownership.rules import StackView
from workmail_resource.protocol.clock import Clock, SystemClock
from workmail_rooms.common.command import (
    ENVIRONMENT,
    FAILED,
    OK,
    USAGE,
    FailedError,
    UsageError,
    Words,
    add_connection,
    carry_out,
    count,
    make_parser,
    say,
)
from workmail_rooms.common.connection import Connection
from workmail_rooms.common.failures import explain
from workmail_rooms.common.progress import ProgressBar
from workmail_rooms.ledger.contents import Contents, Key, told
from workmail_rooms.ledger.damages import Damage, Evidence, at_work, damages, release, writes
from workmail_rooms.ledger.look import look, view
from workmail_rooms.ledger.show import COLUMNS, damage_document, damage_lines, document, lines, rows
from workmail_rooms.ledger.table import Provider, Table, provider

PERMISSIONS: Final = (
    "cloudformation:DescribeStacks",
    "cloudformation:DescribeStackResource",
    "dynamodb:DescribeTable",
    "dynamodb:Scan",
    "workmail:ListOrganizations",
    "workmail:DescribeOrganization",
    "workmail:ListResources",
    "workmail:DescribeResource",
)
#: Of ``release`` and ``repair`` besides.
WRITING: Final = ("dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem")

_WORDS: Final = Words(
    program="workmail-rooms ledger",
    task="the ledger",
    permissions=(*PERMISSIONS, *WRITING),
    interrupted="every write so far is whole, and the same command goes on",
)

_DESCRIPTION: Final = """\
Show which stack owns each room, compare the provider's ledger with WorkMail and CloudFormation, and repair it. Nothing
is changed in WorkMail or in CloudFormation.
"""
_EPILOG: Final = f"""\
permissions
  {", ".join(PERMISSIONS[:4])},
  {", ".join(PERMISSIONS[4:])};
  list, show and release need nothing of WorkMail. To release and to repair also
  {", ".join(WRITING)}.

{ENVIRONMENT}
exit status
  0  done; check: nothing is wrong; repair: nothing is wrong any more
  1  failed, or not agreed to; check and repair: something is wrong
  2  the command line has to be changed; check: could not look
  130  interrupted
"""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the command needs of the world.

    Attributes
    ----------
    ask:
        Asks the person a question and returns the answer; raises EOFError when nobody is there.
    new_token:
        Returns a text that was never used.
    connect:
        Makes a :class:`Connection`.
    """

    clock: Clock
    ask: Callable[[str], str]
    new_token: Callable[[], str]
    connect: Callable[..., Connection]


def _ask(question: str) -> str:
    say(question)
    return input()


_WORLD: Final = Outside(SystemClock(), _ask, lambda: str(uuid.uuid4()), Connection)


def main(arguments: Sequence[str], *, outside: Outside = _WORLD) -> int:
    """Show the ledger, or repair it.

    Parameters
    ----------
    arguments:
        The command line without the program's name.
    outside:
        Time, randomness, the person and the services.

    Returns
    -------
    The exit status, as ``--help`` explains it.
    """
    options = _parser().parse_args(arguments)
    words = replace(_WORDS, failed=USAGE) if options.command == "check" else _WORDS
    return carry_out(words, lambda: _Command(options, outside).run())


class _Command:
    """One run."""

    def __init__(self, options: argparse.Namespace, outside: Outside) -> None:
        self._options = options
        self._outside = outside
        self._connection = outside.connect(profile=options.profile, region=options.region, workmail=False)

    def run(self) -> int:
        match self._options.command:
            case "list":
                return self._list()
            case "show":
                return self._show()
            case "check":
                evidence = self._look()
                return self._tell(evidence, damages(evidence))
            case "release":
                return self._release()
            case _:
                return self._repair()

    @cached_property
    def _provider(self) -> Provider:
        if self._options.table:
            return Provider(self._options.table, None)
        return provider(self._connection.service("cloudformation"), self._options.provider_stack)

    @cached_property
    def _table(self) -> Table:
        client = self._connection.service("dynamodb", patient=True)
        return Table(client, self._provider.table, clock=self._outside.clock, new_token=self._outside.new_token)

    # --------------------------------------------------------------------------------------------------------- looking

    def _list(self) -> int:
        contents = self._table.contents()
        found = rows(contents, now=self._outside.clock.time())
        if self._options.output == "json":
            _print_json({"Table": self._table.name, "Rooms": found})
            return OK
        grid = Grid(*(Column(title, overflow="fold") for title in COLUMNS), box=None, pad_edge=False)
        for row in found:
            grid.add_row(*(row[column] for column in COLUMNS))
        # In a pipe, each row is one line, whatever its length.
        Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 1 << 12).print(grid)
        say(f"{count(len(found), 'room')} in {self._table.name}.")
        return OK

    def _show(self) -> int:
        contents = self._table.contents()
        key = _named(contents, self._options.room)
        shown = document(contents, key, {owner: self._view(owner) for owner in _owners(contents, key)})
        if self._options.output == "json":
            _print_json(shown)
        else:
            sys.stdout.write("".join(f"{line}\n" for line in lines(shown)))
        return OK

    def _view(self, owner: str) -> StackView | None:
        """Return what CloudFormation shows; None when it cannot be asked."""
        try:
            return view(self._connection.service("cloudformation"), owner)
        except (BotoCoreError, ClientError) as error:
            say(f"CloudFormation could not be asked: {explain(error, task=_WORDS.task, permissions=PERMISSIONS)}")
            return None

    def _look(self) -> Evidence:
        region = self._options.workmail_region or self._provider.workmail_region or self._connection.region
        workmail = self._outside.connect(profile=self._options.profile, region=region).patient()
        cloudformation = self._connection.service("cloudformation", patient=True)
        with ProgressBar("Looking") as progress:
            return look(self._table, workmail, cloudformation, now=self._outside.clock.time, progress=progress)

    def _tell(self, evidence: Evidence, found: Sequence[Damage]) -> int:
        """Print what is wrong, and return the exit status."""
        left_out = at_work(evidence)
        if self._options.output == "json":
            _print_json(
                {
                    "Table": self._table.name,
                    "Damages": [damage_document(damage) for damage in found],
                    "AtWork": left_out,
                }
            )
        else:
            sys.stdout.write("".join(f"{line}\n" for damage in found for line in damage_lines(damage)))
        if left_out:
            say(f"Left out, because an event is at work on them: {', '.join(map(told, left_out))}.")
        entries, rooms = len(evidence.contents.entries()), len(evidence.rooms)
        say(f"Looked at {rooms:,} of WorkMail's rooms and {entries:,} of the ledger's entries.")
        if not found:
            say("Nothing is wrong.")
            return OK
        repairable = sum(damage.fix is not None for damage in found)
        say(f"{count(len(found), 'damage')}, of which `{_WORDS.program} repair` can repair {repairable:,}.")
        return FAILED

    # ------------------------------------------------------------------------------------------------------- repairing

    def _repair(self) -> int:
        evidence = self._look()
        found = damages(evidence)
        todo = writes(evidence.contents, found)
        if not todo:
            return self._tell(evidence, found)
        for write in todo:
            for damage in write.repairs:
                say("\n".join(damage_lines(damage)))
        self._agree(f"Repair {count(sum(len(write.repairs) for write in todo), 'damage')} in {self._table.name}?")
        failed = [f"{told(write.record.owner)}: {why}" for write in todo if (why := self._table.write(write))]
        for text in failed:
            say(f"Not repaired: {text}.")
        evidence = self._look()
        return max(self._tell(evidence, damages(evidence)), FAILED if failed else OK)

    def _release(self) -> int:
        contents = self._table.contents()
        key = _named(contents, self._options.room)
        owners = _owners(contents, key)
        now = self._outside.clock.time()
        busy = [owner for owner in owners if contents.record(owner).is_held(worker="", now=now)]
        if busy:
            raise FailedError(f"An event is at work on {', '.join(map(told, busy))}. Nothing was written; wait for it.")
        for owner in owners:
            shown = self._view(owner)
            counted = shown is not None and shown.counts(key[1])
            say(
                f"{told(owner)} has {key[1]} of {key[0]}"
                f"{', and CloudFormation counts it there: its next change will fail with NotOwned' if counted else ''}."
            )
        self._agree(f"Release {self._options.room}? It stays in WorkMail, and any stack can take it over with ADOPT.")
        why = self._table.write(*release(contents, key))
        if why:
            raise FailedError(f"Nothing was written: {why}.")
        say(f"Released {key[1]} of {key[0]}.")
        return OK

    def _agree(self, question: str) -> None:
        """Ask, unless --yes was given.

        Raises
        ------
        FailedError
            The person did not say yes.
        """
        if self._options.yes:
            return
        try:
            answer = self._outside.ask(f"{question} [y/N]")
        except EOFError:
            raise FailedError("Nobody answered, so nothing was written. Give --yes.") from None
        if answer.strip().casefold() not in {"y", "yes"}:
            raise FailedError("Nothing was written.")


def _owners(contents: Contents, key: Key) -> list[str]:
    """Return who has an entry or the claim of a room."""
    return [write.record.owner for write in release(contents, key)]


def _named(contents: Contents, room: str) -> Key:
    """Return the room of the ledger with this id, ORGANIZATION/ROOM, or name.

    Raises
    ------
    UsageError
        There is none, or several.
    """
    known: dict[Key, str] = dict.fromkeys(contents.claims, "")
    for _, entry in contents.entries():
        if entry.resource_id is not None:
            known[entry.organization_id, entry.resource_id] = entry.name
    exact = [key for key in known if room in {key[1], "/".join(key)}]
    found = exact or [key for key, name in known.items() if name and name.casefold() == room.casefold()]
    if not found:
        raise UsageError(f"The ledger has no room {room}; `{_WORDS.program} list` shows those it has.")
    if len(found) > 1:
        raise UsageError(f"Several rooms are called {room}; name one as {' or '.join('/'.join(key) for key in found)}.")
    return found[0]


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    where = common.add_mutually_exclusive_group()
    where.add_argument(
        "--provider-stack",
        default="workmail-resource",
        metavar="NAME",
        help="the provider's stack, whose outputs name the table (default: workmail-resource)",
    )
    where.add_argument("--table", metavar="NAME", help="the table, where there is no such stack")
    common.add_argument("--output", choices=["table", "json"], default="table", help="how to print (default: table)")
    add_connection(common, region="the provider stack's Region")
    workmail = argparse.ArgumentParser(add_help=False)
    workmail.add_argument(
        "--workmail-region",
        metavar="REGION",
        help="the organizations' Region (default: what the provider stack says, or its own)",
    )
    sure = argparse.ArgumentParser(add_help=False)
    sure.add_argument("--yes", action="store_true", help="do not ask")
    room = argparse.ArgumentParser(add_help=False)
    room.add_argument("room", metavar="ROOM", help="its id, ORGANIZATION/ROOM, or its name")

    parser = make_parser(_WORDS.program, _DESCRIPTION, _EPILOG)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("list", parents=[common], help="print each room and the stack that owns it")
    commands.add_parser("show", parents=[common, room], help="print all that is known of one room")
    commands.add_parser("check", parents=[common, workmail], help="compare the ledger, WorkMail and CloudFormation")
    commands.add_parser("release", parents=[common, room, sure], help="forget a room; it stays in WorkMail")
    commands.add_parser("repair", parents=[common, workmail, sure], help="repair what check has found, where it can be")
    return parser
