"""The command line: ``workmail-rooms probe``."""

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Final

from botocore.client import BaseClient

from workmail_rooms.common.command import (
    ENVIRONMENT,
    FAILED,
    INTERRUPTED,
    OK,
    FailedError,
    UsageError,
    Words,
    add_connection,
    add_organization,
    carry_out,
    count,
    make_parser,
    say,
)
from workmail_rooms.common.connection import Connection
from workmail_rooms.common.files import FilesExistError, write
from workmail_rooms.sandbox.show import make_console, table

from . import findings
from .calls import OPERATIONS, Caller
from .run import Probe, Report

LEFT_BEHIND: Final = 3

_PROGRAM: Final = "workmail-rooms probe"
_DOMAIN = re.compile(r"[A-Za-z0-9.-]+\.[A-Za-z-]{2,}")
_DAY: Final = 86_400
_WORDS: Final = Words(
    program=_PROGRAM,
    task="the probe",
    permissions=[f"workmail:{operation}" for operation in OPERATIONS],
    interrupted="run it again to see whether something is left: it offers to remove it",
)

_DESCRIPTION: Final = """\
Learn from your organization how WorkMail behaves where its documentation is silent. The probe creates up to three
temporary rooms, touches nothing else, and removes them. Run one at a time.
"""
_EPILOG: Final = f"""\
{ENVIRONMENT}
exit status
  0    everything was asked, and nothing is left
  1    it ended early; nothing is left
  2    the command line has to be changed
  3    a room of the probe could not be removed: run the probe again, which offers to
  130  interrupted
"""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """What comes from outside the command.

    Attributes
    ----------
    client : callable
        Makes a boto3 client for ``workmail`` of a profile and a Region, each of which may be None.
    clock, sleep : callable
        The time in seconds since 1970, and waiting.
    random : random.Random
        Where names come from.
    answer : callable
        Asks the user a question, and returns what was typed.
    """

    client: Callable[[str | None, str | None], BaseClient]
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Random
    answer: Callable[[str], str]


def _client(profile: str | None, region: str | None) -> BaseClient:
    return Connection(profile=profile, region=region).single()


def main(arguments: Sequence[str] | None = None, outside: Outside | None = None) -> int:
    """Probe an organization.

    Parameters
    ----------
    arguments :
        The command line without the program's name; None takes the process's own.
    outside :
        None takes AWS, the clock and the terminal.

    Returns
    -------
    The exit status, as ``--help`` explains it.
    """
    options = _parser().parse_args(arguments)
    real = Outside(client=_client, clock=time.time, sleep=time.sleep, random=SystemRandom(), answer=_typed)
    return carry_out(_WORDS, lambda: _Command(options, outside or real).run())


class _Command:
    """One run."""

    def __init__(self, options: argparse.Namespace, outside: Outside) -> None:
        if options.organization_id is None:
            raise UsageError("Name the organization with --organization-id: the probe does not choose where it writes.")
        self._options = options
        self._outside = outside
        self._call = Caller(
            outside.client(options.profile, options.region),
            options.organization_id,
            clock=outside.clock,
            sleep=outside.sleep,
        )
        self._probe = Probe(self._call, clock=outside.clock, sleep=outside.sleep, random=outside.random)
        self._console = make_console()

    def run(self) -> int:
        options = self._options
        file: Path = options.output_file
        if file.exists() and not options.overwrite:
            raise UsageError(f"{file} is there already. Give --overwrite, or another --output-file.")
        organization = self._probe.organization()
        domain: str = options.domain or organization["DefaultMailDomain"]
        self._probe.check_domain(domain)
        say(f"Organization {options.organization_id} ({organization.get('Alias', '')})")
        self._clean_up()
        self._ask(_plan(domain, options.delegate, measure_rate=options.rate), "Go on?")
        report = self._probe.run(
            domain=domain, delegate=options.delegate, measure_rate=options.rate, show=lambda one: say(_line(one))
        )
        self._print(report, [domain, options.delegate, str(organization.get("Alias", ""))])
        if report.complete:
            self._write(file, findings.settings(report.findings))
        return self._end(report)

    def _clean_up(self) -> None:
        left = self._probe.leftovers()
        if left.ghosts:
            dates = [item["DisabledDate"].timestamp() for item in left.ghosts if "DisabledDate" in item]
            since = (
                f"; the oldest was disabled {(self._outside.clock() - min(dates)) / _DAY:.1f} days ago" if dates else ""
            )
            say(f"{count(len(left.ghosts), 'deleted room')} of earlier runs still listed{since}.")
        for item in left.doubtful:
            say(
                f"{item['Name']} ({item['Id']}) has such a name as the probe gives, but not its mark: it is left alone."
            )
        if left.own:
            names = ", ".join(f"{item['Name']} ({item['Id']})" for item in left.own)
            self._ask(f"An earlier run has left {names}. If no other run is under way, they can go.", "Remove them?")
            self._probe.clean_up(left)
            say("Removed.")

    def _ask(self, text: str, question: str) -> None:
        say(text)
        if self._options.yes:
            return
        try:
            answer = self._outside.answer(f"{question} [y/N] ")
        except EOFError:
            raise UsageError("There is nobody to ask. Give --yes.") from None
        if answer.strip().casefold() not in {"y", "yes"}:
            raise FailedError("nothing more was done.")

    def _print(self, report: Report, secrets: Sequence[str]) -> None:
        rows = findings.table(report.findings)
        table(self._console, "What was found", ["Behaviour", "Found", "Embedded WorkMail", "Remark"], rows)
        if report.ghost:
            self._console.print(f"\nThe first deleted room: {report.ghost}.", soft_wrap=True)
        self._section("Never learned", [f"{name}: {reason}" for name, reason in findings.not_learned()])
        self._section("How WorkMail words errors", findings.errors(self._call.answers, secrets))
        self._section("Please report: these need a new switch", findings.requests(report.findings, secrets))

    def _section(self, title: str, lines: Sequence[str]) -> None:
        if lines:
            self._console.print(f"\n{title}", soft_wrap=True)
            for line in lines:
                self._console.print(line, soft_wrap=True)

    def _write(self, file: Path, settings: Mapping[str, Any]) -> None:
        content = json.dumps(settings, indent=2) + "\n"
        try:
            write({file: content.encode()}, overwrite=self._options.overwrite)
        except FilesExistError as error:
            # It came while the probe was at work; what it has found shall not be lost for that.
            sys.stdout.write(content)
            raise UsageError(f"{error} is there already: see above for what it would hold.") from None
        say(f"{count(len(settings), 'learned value')} in {file}.")

    def _end(self, report: Report) -> int:
        if report.problem:
            say(f"{_PROGRAM}: it ended early: {report.problem}")
        if report.left:
            say(
                f"{_PROGRAM}: not everything could be removed: {report.left}. Run the probe again, which offers to "
                "remove it, or delete the rooms whose names begin with wmr-probe- in the WorkMail console."
            )
            return LEFT_BEHIND
        if report.interrupted:
            return INTERRUPTED
        return FAILED if report.problem else OK


def _plan(domain: str, delegate: str, *, measure_rate: bool) -> str:
    text = (
        "The probe makes up to three rooms, named wmr-probe- and random letters, with addresses in "
        f"{domain}, gives one of them an alias and the delegate {delegate}, and removes them. "
        "It makes about seventy calls in half a minute, or in some minutes if WorkMail takes time."
    )
    if measure_rate:
        text += (
            " Then it reads until WorkMail throttles, for up to a minute: other users of the WorkMail API in this "
            "account and Region may be throttled, too."
        )
    return text


def _line(finding: findings.Finding) -> str:
    return f"{finding.asks}: {finding.problem or finding.value}"


def _typed(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(_PROGRAM, _DESCRIPTION, _EPILOG)
    add_organization(parser)
    parser.add_argument(
        "--delegate",
        required=True,
        metavar="WHO",
        help="the id, name or address of an enabled user or group, a delegate of one of the rooms for a moment",
    )
    parser.add_argument(
        "--domain", type=_domain, help="a verified domain of the organization (default: its default domain)"
    )
    parser.add_argument("--rate", action="store_true", help="call until WorkMail throttles, too (default: no)")
    parser.add_argument("--yes", action="store_true", help="ask nothing before it starts")
    parser.add_argument(
        "--output-file",
        type=Path,
        default=Path("behaviour.json"),
        metavar="FILE",
        help="where to write what was learned (default: behaviour.json)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there")
    add_connection(parser)
    return parser


def _domain(text: str) -> str:
    if not _DOMAIN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no domain, such as example.com")
    return text
