"""What the ledger holds. Pure; the items are read by the function's own code."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workmail_resource.ownership.ledger import CLAIM, OLD_TOMBSTONE, record_of
from workmail_resource.ownership.rules import Entry, Record

#: An organization's id and a room's.
Key = tuple[str, str]

_ARN_PARTS: Final = 6


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Items of one partition key that are neither records nor claims."""

    owner: str
    problem: str


@dataclass(frozen=True, slots=True)
class Contents:
    """The whole table.

    Attributes
    ----------
    records:
        By owner.
    claims:
        The owner that claims a room.
    unreadable:
        What this version cannot read.
    """

    records: Mapping[str, Record]
    claims: Mapping[Key, str]
    unreadable: tuple[Unreadable, ...] = ()

    def record(self, owner: str) -> Record:
        """Return what is known of *owner*."""
        return self.records.get(owner) or Record(owner)

    def entries(self) -> list[tuple[Record, Entry]]:
        """Return all entries with the records that they are in, in order."""
        return [(self.records[owner], entry) for owner in sorted(self.records) for entry in self.records[owner].entries]

    def owners(self) -> list[str]:
        """Return everyone who has an entry or a claim, in order."""
        with_entries = {record.owner for record, _ in self.entries()}
        return sorted(with_entries | set(self.claims.values()))

    def organizations(self) -> set[str]:
        """Return every organization of an entry or a claim."""
        return {entry.organization_id for _, entry in self.entries()} | {
            organization for organization, _ in self.claims
        }


def contents_of(items: Iterable[Mapping[str, Any]]) -> Contents:
    """Read all items of the table, those of version 1.0.0 too."""
    by_owner: dict[str, list[dict[str, Any]]] = {}
    claims: dict[Key, str] = {}
    unreadable: list[Unreadable] = []
    for item in items:
        key = item["Owner"]["S"]
        if item["Entry"]["S"] != CLAIM:
            by_owner.setdefault(key, []).append(dict(item))
        elif "S" in item.get("Holder", {}) and "/" in key:
            organization_id, _, resource_id = key.partition("/")
            claims[organization_id, resource_id] = item["Holder"]["S"]
        else:
            unreadable.append(Unreadable(key, "a claim without a room or a holder"))
    records = {}
    for owner, own in by_owner.items():
        try:
            records[owner] = record_of(owner, own)
        except (KeyError, TypeError, ValueError) as error:
            unreadable.append(Unreadable(owner, f"{type(error).__name__}: {error}"))
    return Contents(records, claims, tuple(unreadable))


def is_old(record: Record) -> bool:
    """Tell whether something of version 1.0.0 is left in it; its tombstones expire by themselves."""
    return any(item != OLD_TOMBSTONE for item in record.old_items)


def stack_name(owner: str) -> str:
    """Return the name of an owner's stack; its whole id when that is none of CloudFormation's."""
    stack_id = owner.rpartition("|")[0]
    parts = stack_id.split("/")
    return parts[1] if len(parts) > 1 and ":stack" in parts[0] else stack_id


def logical_id(owner: str) -> str:
    """Return the logical ID of an owner."""
    return owner.rpartition("|")[2]


def told(owner: str) -> str:
    """Return an owner in a few words."""
    return f"{logical_id(owner)} of stack {stack_name(owner)}"


def account_and_region(arn: str) -> tuple[str, str]:
    """Return the account and the Region in an ARN; empty ones when it is none."""
    parts = arn.split(":", _ARN_PARTS - 1)
    return (parts[4], parts[3]) if len(parts) == _ARN_PARTS else ("", "")
