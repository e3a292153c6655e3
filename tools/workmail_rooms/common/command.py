"""How a command starts and ends: its common options, the organization that it is about, its exit status."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from workmail_rooms.common.connection import Connection, UnusableRegionError
from workmail_rooms.common.failures import explain
from workmail_rooms.common.files import UnwritableError

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient
    from mypy_boto3_workmail.type_defs import OrganizationSummaryTypeDef

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INTERRUPTED: Final = 130

#: For the help of each command.
ENVIRONMENT: Final = """\
environment
  AWS_PROFILE, AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_WORKMAIL and the rest, as the AWS CLI has them.
"""

_ORGANIZATION_ID = re.compile(r"m-[0-9a-f]{32}")


class UsageError(Exception):
    """The command line has to be changed. The message says why and how."""


class FailedError(Exception):
    """What was asked for cannot be done now. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Words:
    """What one command says of itself.

    Attributes
    ----------
    program:
        As it is typed.
    task:
        What it does, as a noun.
    permissions:
        All that it needs.
    interrupted:
        What the person should know after Ctrl-C, as the end of a sentence.
    failed:
        The exit status when what was asked for cannot be done.
    """

    program: str
    task: str
    permissions: Sequence[str]
    interrupted: str
    failed: int = FAILED


def carry_out(words: Words, run: Callable[[], int]) -> int:
    """Run a command and return its exit status; say what went wrong, if anything did.

    Parameters
    ----------
    run:
        Returns the exit status; raises :class:`UsageError`, :class:`FailedError` and what calls and files raise.
    """
    try:
        status = run()
        sys.stdout.flush()
    except (UsageError, UnusableRegionError) as error:
        say(f"{words.program}: {error}")
        return USAGE
    except (FailedError, UnwritableError) as error:
        say(f"{words.program}: {error}")
        return words.failed
    except (BotoCoreError, ClientError) as error:
        say(f"{words.program}: {explain(error, task=words.task, permissions=words.permissions)}")
        return words.failed
    except KeyboardInterrupt:
        say(f"{words.program}: interrupted; {words.interrupted}.")
        return INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # otherwise whoever read the output has enough of it
            say(f"{words.program}: {error.strerror or error}: {error.filename or 'the standard output'}")
        return words.failed
    return status


def say(message: str) -> None:
    """Print a message for a person, without what a terminal would obey."""
    text = "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in message)
    with suppress(BrokenPipeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def count(number: int, what: str) -> str:
    """Return a number with its noun."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def make_parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    """Return a command's parser, whose help shows the two texts as they are written."""
    return argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_connection(
    parser: argparse.ArgumentParser, *, region: str = "the organization's Region: us-east-1, us-west-2 or eu-west-1"
) -> None:
    """Add the options that say which account and *region* are meant."""
    parser.add_argument("--profile", help="a profile of the AWS configuration")
    parser.add_argument("--region", help=region)


def add_organization(parser: argparse.ArgumentParser) -> None:
    """Add the option that says which organization is meant."""
    parser.add_argument(
        "--organization-id",
        type=_organization_id,
        metavar="m-...",
        help="the organization (default: the account's only active one)",
    )


def _organization_id(text: str) -> str:
    if not _ORGANIZATION_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no organization id: m- followed by 32 hexadecimal digits")
    return text


def organizations(client: "WorkMailClient") -> "list[OrganizationSummaryTypeDef]":
    """Return the organizations of the account and Region, in whatever state."""
    pages = client.get_paginator("list_organizations").paginate(PaginationConfig={"PageSize": 100})
    return [summary for page in pages for summary in page["OrganizationSummaries"]]


def choose_organization(connection: Connection, given: str | None) -> tuple[str, str]:
    """Return the organization's id, and what its files are named after.

    Parameters
    ----------
    given:
        Its id; None for the only active one.

    Raises
    ------
    UsageError
        None was given, and there is not exactly one.
    FailedError
        It is deleted.
    """
    client = connection.brisk()
    if given is not None:
        organization = client.describe_organization(OrganizationId=given)
        if organization["State"].casefold() in {"deleted", "deleting"}:
            raise FailedError(f"Organization {given} is in state {organization['State']}; there is nothing to read.")
        return given, _stem(organization.get("Alias"), given)
    known = organizations(client)
    active = [one for one in known if one.get("State") == "Active"]
    if len(active) == 1:
        organization_id, alias = active[0]["OrganizationId"], active[0].get("Alias")
        say(f"Organization {organization_id} ({alias}), the only active one in {connection.region}.")
        return organization_id, _stem(alias, organization_id)
    listed = "".join(
        f"\n  {one.get('OrganizationId')}  {one.get('Alias', '')}  {one.get('State', '')}" for one in known
    )
    if active:
        raise UsageError(f"There are several organizations; name one with --organization-id:{listed}")
    others = f" It has these:{listed}" if known else ""
    raise UsageError(
        f"The account has no active WorkMail organization in {connection.region}. Check --profile and --region.{others}"
    )


def _stem(alias: str | None, organization_id: str) -> str:
    """Return the beginning of a file name: the alias, if it is one."""
    return alias if alias and re.fullmatch(r"[\w\-]+", alias, re.ASCII) else organization_id
