"""What version 1.0.0 would have left in the ledger: for stories in which the provider is upgraded from it."""

import json
from collections.abc import Iterator
from typing import Any, Final

from workmail_resource.ownership.ledger import OLD_TOMBSTONE, RECORD, record_of
from workmail_resource.ownership.rules import Entry, Record

from .dynamodb import Item, Table

#: What 1.0.0 could not do, and so has left no trace of.
_UNKNOWN: Final = frozenset(
    ("giving_back", "replaces", "returned", "taken_from", "former", "handed_to", "let_go", "handed_halfway", "earlier")
)
#: Seconds.
_TOMBSTONE_LIFETIME: Final = 48 * 3600


def rewrite(table: Table, now: float) -> int:
    """Give the records of what is at rest the form of 1.0.0, which knew less; return how many entries these have."""
    rewritten = 0
    for key, item in list(table.items.items()):
        record = record_of(key[0], [item]) if key[1] == RECORD else None
        if record is None or not _is_known(record):
            continue
        del table.items[key]
        table.items |= {(key[0], old["Entry"]["S"]): old for old in _items(record, now)}
        rewritten += len(record.entries)
    return rewritten


def _is_known(record: Record) -> bool:
    """Tell whether 1.0.0 could have left this: an entry for each organization, and nobody at work."""
    ready = all(one.ready and one.resource_id for one in record.entries)
    plain = not any(getattr(one, name) for one in record.entries for name in _UNKNOWN)
    return record.lease is None and ready and plain and len(record.entries) == len(_organizations(record))


def _organizations(record: Record) -> set[str]:
    return {one.organization_id for one in record.entries}


def _items(record: Record, now: float) -> Iterator[Item]:
    owner = {"Owner": {"S": record.owner}}
    for entry in record.entries:
        yield owner | _item(entry)
    if record.creates_void_until or record.updates_void_until:
        yield owner | {
            "Entry": {"S": OLD_TOMBSTONE},
            "CreatesUntil": {"N": str(record.creates_void_until)},
            "UpdatesUntil": {"N": str(record.updates_void_until)},
            "By": {"S": record.voided_by.rpartition("@")[0]},
            "ExpiresAt": {"N": str(int(now) + _TOMBSTONE_LIFETIME)},
        }


def _item(entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {
        "Entry": {"S": entry.organization_id},
        "Name": {"S": entry.name},
        "Origin": {"S": entry.origin},
        "RequestId": {"S": entry.made_by.rpartition("@")[0]},
        "ResourceId": {"S": entry.resource_id},
        "ResourceType": {"S": entry.resource_type},
        "Settled": {"BOOL": entry.ready},
        "SettledAt": {"N": str(entry.ready_at)},
        "SignedAt": {"N": str(entry.signed_at)},
        "Worker": {"S": ""},
        "WorkingUntil": {"N": "0"},
    }
    if entry.before is not None and not entry.changed:
        item["Before"] = {"S": json.dumps(entry.before)}
    if entry.gone_by:
        item["GoneRequestId"] = {"S": entry.gone_by.rpartition("@")[0]}
    return item
