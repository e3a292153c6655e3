"""The command line: ``workmail-rooms inventory``."""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from workmail_rooms.common.command import (
    ENVIRONMENT,
    OK,
    FailedError,
    UsageError,
    Words,
    add_connection,
    add_organization,
    carry_out,
    choose_organization,
    count,
    make_parser,
    say,
)
from workmail_rooms.common.connection import Connection
from workmail_rooms.common.files import FilesExistError, write
from workmail_rooms.common.progress import ProgressBar
from workmail_rooms.inventory import google
from workmail_rooms.inventory.data import as_csv, as_json
from workmail_rooms.inventory.declare import Declared, LeftOut, declare
from workmail_rooms.inventory.existing import Entry, UnreadableTemplateError, as_before, entries, match
from workmail_rooms.inventory.google import Building
from workmail_rooms.inventory.microsoft365 import as_script
from workmail_rooms.inventory.moving import Domains, bookable
from workmail_rooms.inventory.read import PERMISSIONS, Reader
from workmail_rooms.inventory.resources import Resource
from workmail_rooms.inventory.stacks import assign
from workmail_rooms.inventory.template import DEFAULT_TOKEN, render, size

INCOMPLETE: Final = 3

#: The forms of data, with the ends of their files' names.
_ENDINGS: Final = {"csv": ".csv", "json": ".json", "microsoft365": ".ps1", "google": "-google.csv"}
_NEXT: Final = ("microsoft365", "google")

_WORDS: Final = Words(
    program="workmail-rooms inventory",
    task="an inventory",
    permissions=PERMISSIONS,
    interrupted="no file is half written",
)
_SERVICE_TOKEN = re.compile(r"arn:[\w:.\-]+|[\w:\-]+")
#: A template up to this size can be sent with the call; a larger one has to be in S3.
_LARGEST_INLINE: Final = 51_200
_LARGEST: Final = 1_048_576

_DESCRIPTION: Final = """\
Read the rooms and equipment of a WorkMail organization, and write them as CloudFormation templates that adopt each one
exactly as it is, or as data. Nothing is ever changed in WorkMail.
"""
_EPILOG: Final = f"""\
templates
  Files ALIAS-rooms-1.yaml, ALIAS-rooms-2.yaml ... of at most 500 resources each; their paths are printed. A resource
  that cannot be declared exactly as it is, is left out, with a warning that says why. Where such files are in
  --output-dir, every resource stays in the file that declares it, under its logical ID and as it is owned there; new
  ones go where there is room, or into a new file.

data
  --format csv and --format json print all resources, or write ALIAS-rooms.csv or .json to --output-dir.

the next system
  --format microsoft365 is a PowerShell script (.ps1) that makes the rooms in Exchange Online, and can be run again.
  --format google is the CSV of calendar resources for the bulk upload of Google's Admin console (-google.csv).

{ENVIRONMENT}
exit status
  0  everything is written
  1  failed; nothing is written
  2  the command line has to be changed, for instance to name an organization
  3  templates are written, and some resources are left out of them
  130  interrupted
"""


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
    return carry_out(_WORDS, lambda: _Command(options).run())


class _Command:
    """One run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._connection = Connection(profile=options.profile, region=options.region)

    def run(self) -> int:
        organization_id, alias = choose_organization(self._connection, self._options.organization_id)
        with ProgressBar() as progress:
            reader = Reader(self._connection.patient(), organization_id, progress)
            resources = reader.resources()
        if reader.denied:
            missing = ", ".join(f"workmail:{operation}" for operation in sorted(reader.denied))
            say(f"Delegates are shown by id only: the permission {missing} is missing.")
        if self._options.format == "template":
            return self._write_templates(organization_id, alias, resources)
        return self._write_data(organization_id, alias, resources)

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
            raise FailedError(_losses(folder, alias, lost))
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
                say(f"Note: {one.properties['Name']} ({one.resource_id}) {one.note}.")
        _warn(left_out)
        say(f"{count(len(declared), 'resource')} of {organization_id} in {count(len(files), 'template')}.")
        for path in sorted({_path(folder, alias, entry.number) for entry in lost} - files.keys()):
            say(f"Warning: {path} was left as it is; no resource that it declares could be declared again.")
        for path in (path for path, content in files.items() if len(content) > _LARGEST):
            say(f"Warning: {path} has more than the 1 MB that CloudFormation takes; move rooms to another by hand.")
        if any(len(content) > _LARGEST_INLINE for content in files.values()):
            say("A template of more than 51,200 bytes goes through S3: aws cloudformation deploy --s3-bucket ...")
        return INCOMPLETE if left_out else OK

    # -------------------------------------------------------------------------------------------------------- data

    def _write_data(self, organization_id: str, alias: str, resources: Sequence[Resource]) -> int:
        form: str = self._options.format
        content = self._data(organization_id, resources)
        if self._options.output_dir is None:
            sys.stdout.buffer.write(content)
        else:
            path = self._options.output_dir / f"{alias}-rooms{_ENDINGS[form]}"
            self._write({path: content})
            sys.stdout.write(f"{path}\n")
        _, without = bookable(resources)
        if form in _NEXT and without:
            names = ", ".join(one.room.name for one in without)
            say(f"Left out, because they are disabled and have no address: {names}.")
        say(f"{count(len(resources), 'resource')} of {organization_id}.")
        return OK

    def _data(self, organization_id: str, resources: Sequence[Resource]) -> bytes:
        options = self._options
        domains = Domains({old.casefold(): new for old, new in options.domain})
        match options.format:
            case "csv":
                return as_csv(organization_id, resources, bom=options.bom)
            case "json":
                return as_json(organization_id, resources)
            case "microsoft365":
                return as_script(organization_id, resources, domains)
            case _:
                return google.as_csv(resources, domains, self._building(resources))

    def _building(self, resources: Sequence[Resource]) -> Building:
        options = self._options
        if None in {options.building, options.floor, options.capacity}:
            if any(one.room.type == "ROOM" for one in bookable(resources)[0]):
                raise UsageError(
                    "Google wants the building, floor and capacity of each room, which WorkMail does not know: give "
                    "--building ID, --floor NAME and --capacity N, and correct single rooms in the file."
                )
            return Building("", "", 0)
        return Building(options.building, options.floor, options.capacity)

    def _write(self, files: dict[Path, bytes]) -> None:
        try:
            write(files, overwrite=self._options.overwrite)
        except FilesExistError as error:
            raise FailedError(
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
            raise FailedError(
                f"{path} cannot be read ({error}), so its rooms are not known; nothing was written. "
                "Correct it, or give another --output-dir."
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
        "Correct what is named, or give --allow-removal to write the templates without it."
    )


def _warn(left_out: Sequence[LeftOut]) -> None:
    for one in left_out:
        say(f"Left out: {one.room.name} ({one.room.resource_id}): {'; '.join(one.reasons)}.")
    if left_out:
        say(
            f"{count(len(left_out), 'resource')} left out, which no template can declare exactly as "
            f"{'it is' if len(left_out) == 1 else 'they are'}: change what is named in WorkMail and run this again, or "
            "declare it by hand as you want it."
        )


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(_WORDS.program, _DESCRIPTION, _EPILOG)
    add_organization(parser)
    parser.add_argument(
        "--format",
        choices=["template", *_ENDINGS],
        default="template",
        help="what to write (default: template)",
    )
    parser.add_argument(
        "--output-dir",
        type=Path,
        metavar="DIR",
        help="where to write files; made if it is not there (default: templates here, data to the standard output)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist with another content")
    parser.add_argument("--bom", action="store_true", help="begin CSV with a byte order mark, for Excel")
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
    parser.add_argument(
        "--domain",
        action="append",
        type=_domain,
        default=[],
        metavar="OLD=NEW",
        help="a domain that changes on the way to the next system; may be given several times",
    )
    parser.add_argument("--building", metavar="ID", help="of the rooms, for Google")
    parser.add_argument("--floor", metavar="NAME", help="of the rooms, for Google")
    parser.add_argument("--capacity", type=int, metavar="N", help="of the rooms, for Google")
    add_connection(parser)
    return parser


def _service_token(text: str) -> str:
    if not _SERVICE_TOKEN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither an ARN nor the name of an export")
    return text


def _domain(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals and new) or "@" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form old.example.com=new.example.com")
    return old, new
