"""The command line: ``workmail-rooms diff``."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError
from rich.console import Console

from workmail_rooms.common.command import (
    ENVIRONMENT,
    OK,
    FailedError,
    UsageError,
    Words,
    add_connection,
    carry_out,
    make_parser,
    say,
)
from workmail_rooms.common.connection import Connection
from workmail_rooms.common.failures import code_of
from workmail_rooms.common.progress import ProgressBar
from workmail_rooms.diff.compare import Organization, undeclared
from workmail_rooms.diff.deployed import PERMISSIONS as STACKS
from workmail_rooms.diff.deployed import Stacks
from workmail_rooms.diff.show import as_json, as_text, summary
from workmail_rooms.diff.templates import Declared, Reader
from workmail_rooms.inventory.read import PERMISSIONS as READ
from workmail_rooms.inventory.read import Reader as OrganizationReader
from workmail_rooms.sandbox.cloudformation.errors import CloudFormationError

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

DIFFERENT: Final = 1
IMPOSSIBLE: Final = 2

_WORDS: Final = Words(
    program="workmail-rooms diff",
    task="a comparison",
    permissions=(*READ[2:], *STACKS),
    interrupted="nothing was changed",
    failed=IMPOSSIBLE,
)

_DESCRIPTION: Final = """\
Compare each room that templates declare with what WorkMail has. Nothing is ever changed, in WorkMail or anywhere else.
CloudFormation itself has no drift detection for custom resources.
"""
_EPILOG: Final = f"""\
output
  What is declared has a minus sign, what WorkMail has instead a plus sign. A room is the same exactly when an update of
  its stack would make no call that changes it. Rooms that no template declares are listed, and are no difference.

permissions
  {", ".join(READ[2:])}.
  With --stack-name, and where a template imports a value: {", ".join(STACKS)}.

{ENVIRONMENT}
exit status
  0  every declared room is as it is declared
  1  a room is different, or is not in WorkMail
  2  not possible, of one room at least; the message says why
  130  interrupted
"""


def main(arguments: Sequence[str]) -> int:
    """Compare templates with WorkMail.

    Parameters
    ----------
    arguments:
        The command line without the program's name.

    Returns
    -------
    The exit status, as ``--help`` explains it.
    """
    options = _parser().parse_args(arguments)
    return carry_out(_WORDS, lambda: _Command(options).run())


class _Command:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._connection = Connection(profile=options.profile, region=options.region)

    def run(self) -> int:
        declared = self._declared()
        ids = dict.fromkeys(one.declaration.organization_id for one in declared if one.declaration is not None)
        organizations = {organization_id: self._read(organization_id, declared) for organization_id in ids}
        nowhere = Organization((), {})
        results = [
            organizations.get(one.declaration.organization_id if one.declaration else "", nowhere).compare(one)
            for one in declared
        ]
        others = {organization_id: undeclared(one, results) for organization_id, one in organizations.items()}
        if self._options.output == "json":
            sys.stdout.write(as_json(results, others))
        else:
            console = Console(highlight=False, markup=False, soft_wrap=True)
            for line in as_text(results, others):
                console.print(line)
        say(f"{summary(results)}.")
        statuses = {result.status for result in results}
        return IMPOSSIBLE if "impossible" in statuses else DIFFERENT if statuses - {"same"} else OK

    def _declared(self) -> list[Declared]:
        options = self._options
        if not (options.templates or options.stack_name):
            raise UsageError("Name a template, or a deployed stack with --stack-name.")
        if options.parameters and options.stack_name:
            raise UsageError("A deployed stack has its parameters; give --parameters with templates only.")
        with tempfile.TemporaryDirectory() as folder:
            stacks = Stacks(self._connection.service("cloudformation"), Path(folder))
            files = Reader(self._connection.region, stacks.export)
            deployed = Reader(self._connection.region, stacks.export, stacks.read)
            try:
                found = [
                    one
                    for path in options.templates
                    for one in files.read(path, str(path), _of(path, dict(options.parameters)))
                ]
                for name in options.stack_name:
                    path, parameters, stack = stacks.read(name)
                    found += deployed.read(path, name, parameters, stack)
            except CloudFormationError as error:
                raise FailedError(str(error)) from error
        if not found:
            raise FailedError("No room is declared there.")
        return found

    def _read(self, organization_id: str, declared: Sequence[Declared]) -> Organization:
        client = self._connection.patient()
        with ProgressBar() as progress:
            resources = OrganizationReader(client, organization_id, progress).resources(name_delegates=False)
        names = {
            delegate
            for one in declared
            if one.declaration is not None and one.declaration.organization_id == organization_id
            for delegate in one.declaration.delegates
        }
        known = {delegate for one in resources for delegate in (one.room.delegates or ())}
        delegates = {name: name if name in known else _entity_id(client, organization_id, name) for name in names}
        return Organization(resources, delegates)


def _entity_id(client: "WorkMailClient", organization_id: str, name: str) -> str | None:
    """Return the id of the user or group with this id, name or address; None when there is none."""
    try:
        user = client.describe_user(OrganizationId=organization_id, UserId=name)
    except ClientError as error:
        if code_of(error) != "EntityNotFoundException":
            raise
    else:
        if user["State"] != "DELETED":
            return user["UserId"]
    try:
        group = client.describe_group(OrganizationId=organization_id, GroupId=name)
    except ClientError as error:
        if code_of(error) != "EntityNotFoundException":
            raise
        return None
    return group["GroupId"] if group["State"] != "DELETED" else None


def _of(path: Path, given: dict[str, str]) -> dict[str, str]:
    """Return the parameters that the template has: of several templates, each takes its own."""
    from workmail_rooms.sandbox.cloudformation.template import read_template  # noqa: PLC0415 - it takes two seconds

    return {name: value for name, value in given.items() if name in read_template(path).get("Parameters", {})}


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(_WORDS.program, _DESCRIPTION, _EPILOG)
    parser.add_argument("templates", nargs="*", type=Path, metavar="TEMPLATE", help="a file")
    parser.add_argument(
        "--stack-name",
        action="append",
        default=[],
        metavar="NAME",
        help="a deployed stack, with its template, parameters and physical IDs; may be given several times",
    )
    parser.add_argument(
        "--parameters",
        nargs="+",
        action="extend",
        type=_parameter,
        default=[],
        metavar="Key=Value",
        help="parameters of the templates",
    )
    parser.add_argument("--output", choices=["text", "json"], default="text", help="how to print (default: text)")
    add_connection(parser)
    return parser


def _parameter(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form Key=Value")
    return name, value
