"""The command line: ``workmail-rooms export``."""

import argparse
import re
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Column, Table

from workmail_rooms.common.command import (
    ENVIRONMENT,
    FAILED,
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
from workmail_rooms.common.files import write
from workmail_rooms.common.progress import Progress, ProgressBar
from workmail_rooms.export.checks import PERMISSIONS as CHECKED
from workmail_rooms.export.checks import check
from workmail_rooms.export.jobs import MOST_AT_ONCE, Exporter, Outside
from workmail_rooms.export.manifest import (
    Mailbox,
    Manifest,
    Target,
    UnusableManifestError,
    file_of,
    from_json,
    to_csv,
    to_json,
)
from workmail_rooms.inventory.read import PERMISSIONS as READ
from workmail_rooms.inventory.read import Reader
from workmail_rooms.inventory.resources import Resource

PERMISSIONS: Final = (
    *READ[:-2],
    "workmail:StartMailboxExportJob",
    "workmail:DescribeMailboxExportJob",
    "workmail:ListMailboxExportJobs",
    # WorkMail is handed the role.
    "iam:PassRole",
)

_WORDS: Final = Words(
    program="workmail-rooms export",
    task="an export",
    permissions=PERMISSIONS,
    interrupted="jobs that run go on in WorkMail, and the same command goes on where this one stopped",
)

_DESCRIPTION: Final = """\
Export the calendars of rooms and equipment: WorkMail writes the mailbox of each into a .zip file in an S3 bucket.
Nothing else is changed. The same command, given again, goes on where it stopped, and exports nothing twice.
"""
_EPILOG: Final = f"""\
manifest
  ALIAS-export.json (or --manifest FILE), and the same as .csv beside it: what became of each mailbox, and where its
  file is. It is written after each step. Keep it with the files.

permissions
  {", ".join(PERMISSIONS)}.
  To check role, bucket and key first, as far as they are there: {", ".join(CHECKED)}.

{ENVIRONMENT}
exit status
  0  everything is exported
  1  failed, or a mailbox could not be exported
  2  the command line has to be changed
  130  interrupted
"""

_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]+")
_KEY = re.compile(r"arn:aws:kms:[a-z0-9-]+:\d{12}:key/[\w-]+")
_BUCKET = re.compile(r"[A-Za-z0-9.-]{3,63}")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()/-]{1,1023}")


def main(
    arguments: Sequence[str],
    *,
    sleep: Callable[[float], None] = time.sleep,
    new_token: Callable[[], str] = lambda: str(uuid.uuid4()),
) -> int:
    """Export calendars.

    Parameters
    ----------
    arguments:
        The command line without the program's name.
    sleep:
        Waits that many seconds between two looks at the running jobs.
    new_token:
        Returns a ClientToken that was never used.

    Returns
    -------
    The exit status, as ``--help`` explains it.
    """
    options = _parser().parse_args(arguments)
    return carry_out(_WORDS, lambda: _Command(options, sleep, new_token).run())


class _Command:
    """One run."""

    def __init__(
        self, options: argparse.Namespace, sleep: Callable[[float], None], new_token: Callable[[], str]
    ) -> None:
        self._options = options
        self._sleep = sleep
        self._new_token = new_token
        self._connection = Connection(profile=options.profile, region=options.region)

    def run(self) -> int:
        organization_id, alias = choose_organization(self._connection, self._options.organization_id)
        path: Path = self._options.manifest or Path(f"{alias}-export.json")
        if path.suffix != ".json":
            raise UsageError(f"--manifest {path} has to end with .json; the .csv is written beside it.")
        options = self._options
        target = Target(
            organization_id=organization_id,
            region=self._connection.region,
            bucket=options.bucket,
            prefix=options.prefix,
            role_arn=options.role_arn,
            kms_key_arn=options.kms_key_arn,
        )
        manifest = _continued(path, target)
        manifest.add(self._mailboxes(organization_id))
        if options.retry_failed:
            manifest.again()
        self._check(target)
        if options.dry_run:
            return _plan(manifest)
        self._export(manifest, path)
        _show(manifest)
        return OK if len(manifest.in_state("COMPLETED")) == len(manifest.mailboxes) else FAILED

    def _mailboxes(self, organization_id: str) -> list[Mailbox]:
        with ProgressBar() as progress:
            resources = Reader(self._connection.patient(), organization_id, progress).resources(name_delegates=False)
        named = self._options.rooms
        chosen = _named(resources, named) if named else [one for one in resources if one.room.enabled]
        disabled = [one.room.name for one in chosen if not one.room.enabled]
        if disabled:
            raise UsageError(
                f"Not enabled, so without a mailbox that can be exported: {', '.join(disabled)}. Leave them out."
            )
        return [Mailbox(one.room.resource_id, one.room.name, one.room.type, one.room.email or "") for one in chosen]

    def _check(self, target: Target) -> None:
        findings = check(target, self._connection.service)
        for finding in findings:
            if not finding.certain:
                say(finding.text)
        certain = [finding.text for finding in findings if finding.certain]
        if certain:
            lines = "".join(f"\n  {text}" for text in certain)
            raise FailedError(f"No export was started, because no job could end well:{lines}")

    def _export(self, manifest: Manifest, path: Path) -> None:
        outside = Outside(save=partial(_save, path), new_token=self._new_token, sleep=self._sleep)
        outside.save(manifest)
        with ProgressBar("Exporting") as progress:
            self._run(manifest, outside, progress)

    def _run(self, manifest: Manifest, outside: Outside, progress: Progress) -> None:
        client = self._connection.starting_jobs()
        Exporter(client, manifest, outside, at_once=self._options.jobs, progress=progress).run()


def _continued(path: Path, target: Target) -> Manifest:
    """Return the manifest of an earlier run, or a new one."""
    if not path.exists():
        return Manifest(target)
    try:
        manifest = from_json(path.read_bytes())
    except (UnusableManifestError, OSError) as error:
        raise UsageError(f"{path} cannot be used: {error}. Give another --manifest, or move it away.") from error
    if manifest.target != target:
        raise UsageError(
            f"{path} is of an export of {manifest.target.organization_id} to s3://{manifest.target.bucket}/"
            f"{manifest.target.prefix} with {manifest.target.role_arn} and {manifest.target.kms_key_arn}. "
            "Go on with the same, or give another --manifest."
        )
    return manifest


def _named(resources: Sequence[Resource], names: Sequence[str]) -> list[Resource]:
    """Return the resources with these names, addresses or ids."""
    known = {
        key.casefold(): one
        for one in resources
        for key in (one.room.resource_id, one.room.name, one.room.email)
        if key is not None
    }
    unknown = [name for name in names if name.casefold() not in known]
    if unknown:
        raise UsageError(f"The organization has no room or equipment {', '.join(unknown)}.")
    return list({known[name.casefold()].room.resource_id: known[name.casefold()] for name in names}.values())


def _save(path: Path, manifest: Manifest) -> None:
    write({path: to_json(manifest), path.with_suffix(".csv"): to_csv(manifest)}, overwrite=True)


def _plan(manifest: Manifest) -> int:
    """Say what would be done."""
    for mailbox in manifest.in_state("WAITING", "STARTING"):
        sys.stdout.write(f"{mailbox.resource_id}  {mailbox.name}\n")
    waiting, running = len(manifest.in_state("WAITING", "STARTING")), len(manifest.in_state("RUNNING"))
    say(f"Would start {count(waiting, 'export job')}; {running:,} run already.")
    return OK


def _show(manifest: Manifest) -> None:
    """Print what became of each mailbox."""
    table = Table(*(Column(title, overflow="fold") for title in ("Room", "State", "File", "Error")), box=None)
    for mailbox in manifest.mailboxes.values():
        table.add_row(mailbox.name, mailbox.state, file_of(manifest.target, mailbox), mailbox.error)
    # In a pipe, each row is one line, whatever its length.
    Console(markup=False, width=None if sys.stdout.isatty() else 1 << 12).print(table)
    done = len(manifest.in_state("COMPLETED"))
    say(f"{done:,} of {len(manifest.mailboxes):,} exported.")


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(_WORDS.program, _DESCRIPTION, _EPILOG)
    parser.add_argument("rooms", nargs="*", metavar="ROOM", help="names, addresses or ids (default: all enabled)")
    add_organization(parser)
    parser.add_argument("--bucket", required=True, type=_fitting(_BUCKET, "the name of a bucket"), help="where to")
    parser.add_argument(
        "--prefix",
        default="rooms",
        type=_fitting(_PREFIX, "letters, digits and ! _ . * ' ( ) / -"),
        help="begins the name of each file (default: rooms)",
    )
    parser.add_argument(
        "--role-arn",
        required=True,
        type=_fitting(_ROLE, "the ARN of a role"),
        metavar="ARN",
        help="the role with which WorkMail writes",
    )
    parser.add_argument(
        "--kms-key-arn",
        required=True,
        type=_fitting(_KEY, "the ARN of a key; an alias is not taken"),
        metavar="ARN",
        help="the symmetric key with which the files are encrypted",
    )
    parser.add_argument(
        "--jobs",
        type=int,
        choices=range(1, MOST_AT_ONCE + 1),
        default=MOST_AT_ONCE,
        metavar="N",
        help=f"how many at the same time (default: {MOST_AT_ONCE}, WorkMail's limit)",
    )
    parser.add_argument(
        "--manifest", type=Path, metavar="FILE", help="where the manifest is (default: ALIAS-export.json here)"
    )
    parser.add_argument("--retry-failed", action="store_true", help="export again what has failed or was cancelled")
    parser.add_argument("--dry-run", action="store_true", help="check, print what would be exported, and start nothing")
    add_connection(parser)
    return parser


def _fitting(pattern: re.Pattern[str], form: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not pattern.fullmatch(text):
            raise argparse.ArgumentTypeError(f"{text!r} is not {form}")
        return text

    return parse
