"""The command line: ``workmail-rooms inventory``."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from workmail_rooms.inventory.connection import Connection, UnusableRegionError
from workmail_rooms.inventory.data import as_csv, as_json
from workmail_rooms.inventory.declare import Declared, LeftOut, declare
from workmail_rooms.inventory.existing import Entry, UnreadableTemplateError, as_before, entries, match
from workmail_rooms.inventory.failures import explain
from workmail_rooms.inventory.files import FilesExistError, UnwritableError, write
from workmail_rooms.inventory.progress import ProgressBar
from workmail_rooms.inventory.read import Reader, organizations
from workmail_rooms.inventory.resources import Resource
from workmail_rooms.inventory.stacks import assign
from workmail_rooms.inventory.template import DEFAULT_TOKEN, render, size

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
INCOMPLETE: Final = 3
INTERRUPTED: Final = 130

_PROGRAM: Final = "workmail-rooms inventory"
_ORGANIZATION_ID = re.compile(r"m-[0-9a-f]{32}")
_SERVICE_TOKEN = re.compile(r"arn:[\w:.\-]+|[\w:\-]+")
#: A template up to this size can be sent with the call; a larger one has to be in S3.
_LARGEST_INLINE: Final = 51_200
_LARGEST: Final = 1_048_576

_DESCRIPTION: Final = """\
Read the rooms and equipment of a WorkMail organization, and write them as CloudFormation templates that adopt each one
exactly as it is, or as data. Nothing is ever changed in WorkMail.
"""
_EPILOG: Final = """\
templates
  Files ALIAS-rooms-1.yaml, ALIAS-rooms-2.yaml ... of at most 500 resources each; their paths are printed. A resource
  that cannot be declared exactly as it is, is left out, with a warning that says why. Where such files are in
  --output-dir, every resource stays in the file that declares it, under its logical ID and as it is owned there; new
  ones go where there is room, or into a new file.

data
  --format csv and --format json print all resources, or write ALIAS-rooms.csv or .json to --output-dir.

environment
  AWS_PROFILE, AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_WORKMAIL and the rest, as the AWS CLI has them.

exit status
  0  everything is written
  1  failed; nothing is written
  2  the command line has to be changed, for instance to name an organization
  3  templates are written, and some resources are left out of them
  130  interrupted
"""


class _UsageError(Exception):
    """The command line has to be changed. The message says why and how."""


class _FailedError(Exception):
    """What was asked for cannot be done now. The message says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Make an inventory.

    Parameters
    ----------
    arguments:
        The command line without the program's name.

    Returns
    -------
    The exit status, as ``--help`` explains it.
    """
    options = _parser().parse_args(arguments)
    try:
        status = _Command(options).run()
        sys.stdout.flush()
    except (_UsageError, UnusableRegionError, _FailedError, UnwritableError, BotoCoreError, ClientError) as error:
        return _end(error)
    except KeyboardInterrupt:
        _say(f"{_PROGRAM}: interrupted; no file is half written.")
        return INTERRUPTED
    except OSError as error:
        if not isinstance(error, BrokenPipeError):  # otherwise whoever read the output has enough of it
            _say(f"{_PROGRAM}: {error.strerror or error}: {error.filename or 'the standard output'}")
        return FAILED
    return status


def _end(error: Exception) -> int:
    """Say why there is no inventory, and return the exit status."""
    text = explain(error) if isinstance(error, BotoCoreError | ClientError) else str(error)
    _say(f"{_PROGRAM}: {text}")
    return USAGE if isinstance(error, _UsageError | UnusableRegionError) else FAILED


def _say(message: str) -> None:
    """Print a message for a person, without what a terminal would obey."""
    text = "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in message)
    with suppress(BrokenPipeError):
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


class _Command:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._connection = Connection(profile=options.profile, region=options.region)

    def run(self) -> int:
        organization_id, alias = self._organization()
        with ProgressBar() as progress:
            reader = Reader(self._connection.patient(), organization_id, progress)
            resources = reader.resources()
        if reader.denied:
            missing = ", ".join(f"workmail:{operation}" for operation in sorted(reader.denied))
            _say(f"Delegates are shown by id only: the permission {missing} is missing.")
        if self._options.format == "template":
            return self._write_templates(organization_id, alias, resources)
        return self._write_data(organization_id, alias, resources)

    # ------------------------------------------------------------------------------------------------ organization

    def _organization(self) -> tuple[str, str]:
        """Return the organization's id, and what its files are named after."""
        client = self._connection.brisk()
        given: str | None = self._options.organization_id
        if given is not None:
            organization = client.describe_organization(OrganizationId=given)
            if organization["State"].casefold() in {"deleted", "deleting"}:
                raise _FailedError(
                    f"Organization {given} is in state {organization['State']}; there is nothing to read."
                )
            return given, _stem(organization.get("Alias"), given)
        known = organizations(client)
        active = [one for one in known if one.get("State") == "Active"]
        if len(active) == 1:
            organization_id, alias = active[0]["OrganizationId"], active[0].get("Alias")
            _say(f"Organization {organization_id} ({alias}), the only active one in {self._connection.region}.")
            return organization_id, _stem(alias, organization_id)
        listed = "".join(
            f"\n  {one.get('OrganizationId')}  {one.get('Alias', '')}  {one.get('State', '')}" for one in known
        )
        if active:
            raise _UsageError(f"There are several organizations; name one with --organization-id:{listed}")
        others = f" It has these:{listed}" if known else ""
        raise _UsageError(
            f"The account has no active WorkMail organization in {self._connection.region}. "
            f"Check --profile and --region.{others}"
        )

    # --------------------------------------------------------------------------------------------------- templates

    def _write_templates(self, organization_id: str, alias: str, resources: Sequence[Resource]) -> int:
        folder: Path = self._options.output_dir or Path()
        token: str = self._options.service_token
        declared, left_out = declare(organization_id, resources)
        names = {one.room.resource_id: one.room.name for one in resources}
        kept, unmatched = match(organization_id, _earlier(folder, alias), names)
        lost = dict.fromkeys(unmatched, "is no resource of this organization, or is declared twice")
        lost |= {kept[one.room.resource_id]: "; ".join(one.reasons) for one in left_out if one.room.resource_id in kept}
        if lost and not self._options.allow_removal:
            raise _FailedError(_losses(folder, alias, lost))
        by_id = {one.resource_id: one for one in as_before(declared, kept)}
        stacks = assign(
            {resource_id: size(one, service_token=token) for resource_id, one in by_id.items()},
            _numbers(kept, by_id),
        )
        files = {
            _path(folder, alias, number): render(
                organization_id, number, [by_id[resource_id] for resource_id in stack], service_token=token
            )
            for number, stack in stacks.items()
        }
        self._write(files)
        for path in files:
            sys.stdout.write(f"{path}\n")
        for one in declared:
            if one.note:
                _say(f"Note: {one.properties['Name']} ({one.resource_id}) {one.note}.")
        _warn(left_out)
        _say(f"{_count(len(declared), 'resource')} of {organization_id} in {_count(len(files), 'template')}.")
        for path in sorted({_path(folder, alias, entry.number) for entry in lost} - files.keys()):
            _say(f"Warning: {path} was left as it is; no resource that it declares could be declared again.")
        for path in (path for path, content in files.items() if len(content) > _LARGEST):
            _say(f"Warning: {path} has more than the 1 MB that CloudFormation takes; move rooms to another by hand.")
        if any(len(content) > _LARGEST_INLINE for content in files.values()):
            _say("A template of more than 51,200 bytes goes through S3: aws cloudformation deploy --s3-bucket ...")
        return INCOMPLETE if left_out else OK

    # -------------------------------------------------------------------------------------------------------- data

    def _write_data(self, organization_id: str, alias: str, resources: Sequence[Resource]) -> int:
        form: str = self._options.format
        text = (as_csv if form == "csv" else as_json)(organization_id, resources)
        # A lone surrogate, which no file can hold, comes out as an escape.
        content = text.encode("utf-8", "backslashreplace")
        if self._options.output_dir is None:
            sys.stdout.buffer.write(content)
        else:
            path = self._options.output_dir / f"{alias}-rooms.{form}"
            self._write({path: content})
            sys.stdout.write(f"{path}\n")
        _say(f"{_count(len(resources), 'resource')} of {organization_id}.")
        return OK

    def _write(self, files: dict[Path, bytes]) -> None:
        try:
            write(files, overwrite=self._options.overwrite)
        except FilesExistError as error:
            raise _FailedError(
                f"{error} would be replaced by another content; nothing was written. "
                "Give --overwrite to replace it, or another --output-dir."
            ) from None


def _path(folder: Path, alias: str, number: int) -> Path:
    return folder / f"{alias}-rooms-{number}.yaml"


def _earlier(folder: Path, alias: str) -> list[Entry]:
    """Return what the templates of an earlier run declare, in the order of their numbers."""
    name = re.compile(rf"{re.escape(alias)}-rooms-([1-9][0-9]*)\.yaml")
    numbers = sorted(int(found[1]) for path in folder.glob("*.yaml") if (found := name.fullmatch(path.name)))
    found_entries: list[Entry] = []
    for number in numbers:
        path = _path(folder, alias, number)
        try:
            found_entries += entries(number, path.read_text("utf-8"))
        except (UnreadableTemplateError, UnicodeDecodeError, OSError) as error:
            raise _FailedError(
                f"{path} cannot be read ({error}), so nobody can tell which rooms it declares; nothing was written. "
                "Mend it, or give another --output-dir."
            ) from error
    return found_entries


def _numbers(kept: Mapping[str, Entry], by_id: Mapping[str, Declared]) -> dict[int, list[str]]:
    """Return the resources that stay where they are, by the number of their template."""
    numbers: dict[int, list[str]] = {}
    for resource_id, entry in kept.items():
        if resource_id in by_id:
            numbers.setdefault(entry.number, []).append(resource_id)
    return numbers


def _losses(folder: Path, alias: str, lost: Mapping[Entry, str]) -> str:
    """Say which declarations would go, and why."""
    lines = (
        f"\n  {_path(folder, alias, one.number)}: {one.logical_id} ({one.name or 'without a plain Name'}): {reason}"
        for one, reason in lost.items()
    )
    return (
        "Templates would lose what they declare, and a stack deletes what its template loses unless ExistingResource: "
        f"ADOPT or a DeletionPolicy keeps it. Nothing was written:{''.join(lines)}\n"
        "Mend what is named, or give --allow-removal to write the templates without it."
    )


def _warn(left_out: Sequence[LeftOut]) -> None:
    for one in left_out:
        _say(f"Left out: {one.room.name} ({one.room.resource_id}): {'; '.join(one.reasons)}.")
    if left_out:
        _say(
            f"{_count(len(left_out), 'resource')} left out, which no template can declare exactly as "
            f"{'it is' if len(left_out) == 1 else 'they are'}: change what is named in WorkMail and run this again, or "
            "declare it by hand as it shall be."
        )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _stem(alias: str | None, organization_id: str) -> str:
    """Return the beginning of a file name: the alias, if it is one."""
    return alias if alias and re.fullmatch(r"[\w\-]+", alias, re.ASCII) else organization_id


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--organization-id",
        type=_organization_id,
        metavar="m-...",
        help="the organization (default: the account's only active one)",
    )
    parser.add_argument(
        "--format", choices=["template", "csv", "json"], default="template", help="what to write (default: template)"
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="where to write files; made if it is not there (default: templates here, data to the standard output)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist with another content")
    parser.add_argument(
        "--allow-removal",
        action="store_true",
        help="write templates although they lose resources that they declare (default: write nothing then)",
    )
    parser.add_argument(
        "--service-token",
        type=_service_token,
        default=DEFAULT_TOKEN,
        metavar="TOKEN",
        help=f"the provider: the name of the export that has its ARN, or the ARN (default: {DEFAULT_TOKEN})",
    )
    parser.add_argument("--profile", help="a profile of the AWS configuration")
    parser.add_argument("--region", help="the organization's Region: us-east-1, us-west-2 or eu-west-1")
    return parser


def _organization_id(text: str) -> str:
    if not _ORGANIZATION_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no organization id: m- followed by 32 hexadecimal digits")
    return text


def _service_token(text: str) -> str:
    if not _SERVICE_TOKEN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither an ARN nor the name of an export")
    return text
