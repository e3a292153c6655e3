"""What the commands print: rows and documents. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from workmail_resource.ownership.rules import Entry, Record, StackView
from workmail_rooms.ledger.contents import Contents, Key, logical_id, stack_name
from workmail_rooms.ledger.damages import Damage

COLUMNS = ("Name", "ResourceId", "Stack", "LogicalId", "Origin", "State", "Since")


def rows(contents: Contents, *, now: float) -> list[dict[str, str]]:
    """Return a row for each entry, and for each claim without one."""
    found = [
        _row(
            entry.organization_id,
            entry.resource_id or "",
            record.owner,
            name=entry.name,
            origin=entry.origin,
            state=_state(contents, record, entry, now=now),
            since=moment(entry.ready_at or entry.made_at),
        )
        for record, entry in contents.entries()
    ]
    found += [
        _row(organization_id, resource_id, holder, state="claim without an entry")
        for (organization_id, resource_id), holder in sorted(contents.claims.items())
        if contents.record(holder).with_id(resource_id) is None
    ]
    return sorted(found, key=lambda row: (row["OrganizationId"], row["Name"].casefold(), row["ResourceId"]))


def _row(
    organization_id: str,
    resource_id: str,
    owner: str,
    *,
    state: str,
    name: str = "",
    origin: str = "",
    since: str = "",
) -> dict[str, str]:
    return {
        "OrganizationId": organization_id,
        "Name": name,
        "ResourceId": resource_id,
        "StackId": owner.rpartition("|")[0],
        "Stack": stack_name(owner),
        "LogicalId": logical_id(owner),
        "Origin": origin,
        "State": state,
        "Since": since,
    }


def _state(contents: Contents, record: Record, entry: Entry, *, now: float) -> str:
    if entry.handed_to:
        state = f"handed over to {logical_id(entry.handed_to)}"
    elif entry.giving_back:
        state = "being given back"
    elif entry.ready:
        state = "ready"
    else:
        state = "begun" if entry.resource_id is None else "not ready"
    key = (entry.organization_id, entry.resource_id or "")
    claimed = entry.resource_id is None or entry.handed_to or contents.claims.get(key) == record.owner
    at_work = ", at work" if record.is_held(worker="", now=now) else ""
    return f"{state}{'' if claimed else ', not its claim'}{at_work}"


def moment(seconds: int) -> str:
    """Return a time in UTC for a person; empty when it is not known."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}" if seconds else ""


def document(contents: Contents, key: Key, views: Mapping[str, StackView | None]) -> dict[str, Any]:
    """Return all that the ledger has about one room.

    Parameters
    ----------
    views:
        What CloudFormation shows of each owner; None where it was not to be had.
    """
    return {
        "OrganizationId": key[0],
        "ResourceId": key[1],
        "ClaimedBy": contents.claims.get(key, ""),
        "Owners": [
            {
                "StackId": owner.rpartition("|")[0],
                "LogicalId": logical_id(owner),
                "CloudFormation": _shown(view),
                "Entry": _entry(contents.record(owner), key),
                "Record": _record(contents.record(owner)),
            }
            for owner, view in views.items()
        ],
    }


def _shown(view: StackView | None) -> dict[str, str] | None:
    return None if view is None else {"PhysicalId": view.physical_id, "Status": view.status}


def _entry(record: Record, key: Key) -> dict[str, Any] | None:
    entry = next((one for one in record.entries if (one.organization_id, one.resource_id) == key), None)
    return (
        None if entry is None else {name: value for name, value in entry._asdict().items() if value not in ("", None)}
    )


def _record(record: Record) -> dict[str, Any]:
    values = record._asdict() | {"lease": None if record.lease is None else asdict(record.lease)}
    return {name: value for name, value in values.items() if name not in {"owner", "entries", "old_items"}}


def lines(value: Any, indent: str = "") -> Iterable[str]:
    """Yield a document as indented lines."""
    for name, inner in value.items() if isinstance(value, Mapping) else enumerate(value, 1):
        if isinstance(inner, Mapping) or (isinstance(inner, Sequence) and not isinstance(inner, str) and inner):
            yield f"{indent}{name}:"
            yield from lines(inner, f"{indent}  ")
        else:
            yield f"{indent}{name}: {'-' if inner in ('', None, (), []) else inner}"


def damage_document(damage: Damage) -> dict[str, Any]:
    """Return a damage as data."""
    return {
        "Damage": str(damage.kind),
        "OrganizationId": damage.organization_id,
        "ResourceId": damage.resource_id,
        "Name": damage.name,
        "StackId": damage.owner.rpartition("|")[0],
        "LogicalId": logical_id(damage.owner),
        "What": damage.what,
        "Advice": damage.advice,
        "Repairable": damage.fix is not None,
    }


def damage_lines(damage: Damage) -> list[str]:
    """Return a damage for a person."""
    room = " ".join(filter(None, [damage.name, f"({damage.resource_id})" if damage.resource_id else ""]))
    owner = f"{logical_id(damage.owner)} of {damage.owner.rpartition('|')[0]}" if "|" in damage.owner else damage.owner
    return [f"{damage.kind}: {', '.join(filter(None, [room, owner]))}", f"  {damage.what}", f"  {damage.advice}"]
