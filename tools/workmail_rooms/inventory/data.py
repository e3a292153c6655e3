"""The inventory as data, for those who move away."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from workmail_resource.workmail.properties import BOOKING_KEYS
from workmail_resource.workmail.room import snapshot
from workmail_rooms.common import table
from workmail_rooms.inventory.resources import Resource

#: The columns of the CSV form.
COLUMNS: Final = (
    "OrganizationId",
    "ResourceId",
    "Name",
    "Type",
    "State",
    "Email",
    "Aliases",
    "Delegates",
    "DelegateIds",
    *BOOKING_KEYS,
    "HiddenFromGlobalAddressList",
    "Description",
    "EnabledDate",
    "DisabledDate",
)


def as_json(organization_id: str, resources: Sequence[Resource]) -> bytes:
    """Return one JSON object: the organization and all its resources."""
    document = {"OrganizationId": organization_id, "Resources": [_object(resource) for resource in resources]}
    # A lone surrogate, which no file can hold, comes out as an escape.
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def as_csv(organization_id: str, resources: Sequence[Resource], *, bom: bool = False) -> bytes:
    """Return a line with the columns' names and one for each resource; lists are separated by spaces.

    Parameters
    ----------
    bom:
        Whether it begins with a byte order mark.
    """
    rows = ({"OrganizationId": organization_id, **_row(resource)} for resource in resources)
    return table.as_csv(COLUMNS, rows, bom=bom)


def _object(resource: Resource) -> dict[str, Any]:
    data = snapshot(resource.room)
    return data | {
        "BookingOptions": resource.room.booking.by_key(),
        "Delegates": [
            {"Id": delegate.id, "Type": delegate.type, "Name": delegate.name, "Email": delegate.email}
            for delegate in resource.delegates
        ],
        "EnabledDate": _date(resource.enabled_date),
        "DisabledDate": _date(resource.disabled_date),
    }


def _row(resource: Resource) -> dict[str, str]:
    data = _object(resource)
    values = data | data.pop("BookingOptions")
    values["Aliases"] = " ".join(values["Aliases"])
    values["DelegateIds"] = " ".join(delegate.id for delegate in resource.delegates)
    values["Delegates"] = " ".join(delegate.spoken for delegate in resource.delegates)
    return {key: str(value).lower() if isinstance(value, bool) else value or "" for key, value in values.items()}


def _date(date: datetime | None) -> str | None:
    return None if date is None else date.astimezone(UTC).isoformat(timespec="seconds")
