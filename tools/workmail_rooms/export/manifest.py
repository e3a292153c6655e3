"""The manifest: what is exported where, and how far it is. Pure.

It is written down before and after each call that matters, so an export that ended in the middle goes on where it was.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal, get_args

from workmail_rooms.common.table import as_csv

State = Literal["WAITING", "STARTING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"]

#: The states in which nothing more will happen by itself.
ENDED: Final[frozenset[State]] = frozenset({"COMPLETED", "FAILED", "CANCELLED"})
VERSION: Final = 1

_COLUMNS: Final = (
    "ResourceId",
    "Name",
    "Type",
    "Email",
    "State",
    "S3Path",
    "Error",
    "JobId",
    "StartTime",
    "EndTime",
)


class UnusableManifestError(Exception):
    """A file is no manifest, or one of another export. The message says what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """What the mailboxes of one export have in common.

    Attributes
    ----------
    bucket, prefix:
        Where WorkMail writes the files.
    role_arn:
        With which role.
    kms_key_arn:
        Encrypted with which key.
    """

    organization_id: str
    region: str
    bucket: str
    prefix: str
    role_arn: str
    kms_key_arn: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The mailbox of one room or piece of equipment.

    Attributes
    ----------
    state:
        ``WAITING``; ``STARTING`` while the call that starts its job is made; else the state of its job.
    token:
        The ClientToken of that call, with which it can be repeated; empty before.
    job_id, path, error, started, ended:
        What WorkMail says of the job; empty before. Times are ISO 8601, UTC.
    """

    resource_id: str
    name: str
    type: str
    email: str
    state: State = "WAITING"
    token: str = ""
    job_id: str = ""
    path: str = ""
    error: str = ""
    started: str = ""
    ended: str = ""


@dataclass(slots=True)
class Manifest:
    """An export.

    Attributes
    ----------
    mailboxes:
        By ResourceId, in the order in which they are exported.
    """

    target: Target
    mailboxes: dict[str, Mailbox] = field(default_factory=dict)

    def add(self, found: Iterable[Mailbox]) -> None:
        """Take in mailboxes that are not there yet."""
        for mailbox in found:
            self.mailboxes.setdefault(mailbox.resource_id, mailbox)

    def again(self) -> None:
        """Let every mailbox that failed or was cancelled be exported again."""
        for resource_id, mailbox in self.mailboxes.items():
            if mailbox.state in {"FAILED", "CANCELLED"}:
                self.mailboxes[resource_id] = Mailbox(mailbox.resource_id, mailbox.name, mailbox.type, mailbox.email)

    def change(self, resource_id: str, **changes: Any) -> Mailbox:
        """Change one mailbox and return it."""
        self.mailboxes[resource_id] = replace(self.mailboxes[resource_id], **changes)
        return self.mailboxes[resource_id]

    def in_state(self, *states: State) -> list[Mailbox]:
        """Return the mailboxes in these states."""
        return [mailbox for mailbox in self.mailboxes.values() if mailbox.state in states]


def to_json(manifest: Manifest) -> bytes:
    """Return a manifest as it is kept, with a line for each mailbox.

    All of it is written at each change, and `json` is fast only where it does not indent.
    """
    head = {"Version": VERSION, **_document(manifest.target), "Mailboxes": []}
    lines = ",\n".join(json.dumps(_document(mailbox)) for mailbox in manifest.mailboxes.values())
    return f"{json.dumps(head).removesuffix(']}')}\n{lines}\n]}}\n".encode()


def from_json(content: bytes) -> Manifest:
    """Return the manifest that :func:`to_json` wrote.

    Raises
    ------
    UnusableManifestError
        It is none.
    """
    try:
        document = json.loads(content)
        if document["Version"] != VERSION:
            raise UnusableManifestError(f"it has version {document['Version']}, and this command writes {VERSION}")
        manifest = Manifest(Target(**_fields(Target, document)))
        manifest.add(Mailbox(**_fields(Mailbox, mailbox)) for mailbox in document["Mailboxes"])
    except (ValueError, LookupError, TypeError) as error:
        raise UnusableManifestError("it is no manifest of an export") from error
    if any(mailbox.state not in get_args(State) for mailbox in manifest.mailboxes.values()):
        raise UnusableManifestError("it has a state that is not known")
    return manifest


def to_csv(manifest: Manifest) -> bytes:
    """Return the same for people: a line for each mailbox."""
    return as_csv(
        _COLUMNS,
        (
            {
                "ResourceId": mailbox.resource_id,
                "Name": mailbox.name,
                "Type": mailbox.type,
                "Email": mailbox.email,
                "State": mailbox.state,
                "S3Path": file_of(manifest.target, mailbox),
                "Error": mailbox.error,
                "JobId": mailbox.job_id,
                "StartTime": mailbox.started,
                "EndTime": mailbox.ended,
            }
            for mailbox in manifest.mailboxes.values()
        ),
    )


def file_of(target: Target, mailbox: Mailbox) -> str:
    """Return where the file of a completed job is; empty for any other."""
    if mailbox.state != "COMPLETED" or not mailbox.path:
        return ""
    # "The path to the S3 bucket and file": whether it begins with the bucket is not documented.
    return f"s3://{target.bucket}/{mailbox.path.removeprefix(f'{target.bucket}/')}"


_KEYS: Final = {"bucket": "S3BucketName", "prefix": "S3Prefix", "path": "S3Path", "token": "ClientToken"} | {
    "started": "StartTime",
    "ended": "EndTime",
}


#: What each field is called in the file.
_NAMES: Final[Mapping[type, Mapping[str, str]]] = {
    kind: {
        one.name: _KEYS.get(one.name) or "".join(part.capitalize() for part in one.name.split("_"))
        for one in fields(kind)
    }
    for kind in (Target, Mailbox)
}


def _document(value: Target | Mailbox) -> dict[str, Any]:
    # `asdict`, which copies values, would take most of the time.
    return {key: getattr(value, name) for name, key in _NAMES[type(value)].items()}


def _fields(kind: type[Target | Mailbox], document: dict[str, Any]) -> dict[str, Any]:
    values = {name: document[key] for name, key in _NAMES[kind].items()}
    if not all(isinstance(value, str) for value in values.values()):
        raise TypeError("every value is a text")
    return values
