"""The CSV of calendar resources that the bulk upload of Google's Admin console takes. Pure.

Read in November 2026: the fields of a resource, its categories, and which description administrators alone see, in the
Directory API (https://developers.google.com/workspace/admin/directory/reference/rest/v1/resources.calendars); that a
row with a known Resource Id updates its resource, and another makes one, in "Switch to Google Calendar structured
resources" (https://support.google.com/a/answer/9053626). The columns are those of a file that was made for this upload
(https://github.com/nomalab/stationf-meeting-room/blob/master/conference_rooms_create_zone.csv); the columns of the
buildings beside it are the ones in Google's "Create buildings, features & Calendar resources"
(https://support.google.com/a/answer/1033925). Not read: that page's table for resources, "Formats to use". The Resource
Id is WorkMail's, which never changes.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from workmail_rooms.inventory.moving import Domains, addresses_of, bookable
from workmail_rooms.inventory.resources import Resource

COLUMNS: Final = (
    "Resource Id",
    "Resource Name",
    "Building Id",
    "Resource Category",
    "Resource Type",
    "Floor Name",
    "Capacity",
    "Floor Section",
    "User Visible Description",
    "Description",
)


@dataclass(frozen=True, slots=True)
class Building:
    """Where rooms are, which WorkMail does not know and Google wants of each.

    Attributes
    ----------
    building_id, floor:
        As they were uploaded before.
    capacity:
        Seats.
    """

    building_id: str
    floor: str
    capacity: int


def as_csv(resources: Sequence[Resource], domains: Domains, building: Building) -> bytes:
    """Return a line with the columns' names and one for each enabled resource.

    Texts are exactly WorkMail's: the upload takes a leading apostrophe for a part of the text. So open the file with a
    text editor, or import it into a spreadsheet as text.
    """
    moved, _ = bookable(resources)
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n", quoting=csv.QUOTE_ALL, restval="")
    writer.writeheader()
    writer.writerows(_row(one, domains, building) for one in moved)
    return text.getvalue().encode("utf-8", "backslashreplace")


def _row(resource: Resource, domains: Domains, building: Building) -> dict[str, str]:
    room = resource.room
    row = {
        "Resource Id": room.resource_id,
        "Resource Name": room.name,
        "User Visible Description": _one_line(room.description or ""),
        "Description": _one_line(" ".join(_not_moved(resource, domains))),
    }
    if room.type != "ROOM":
        return row | {"Resource Category": "OTHER", "Resource Type": "Equipment"}
    return row | {
        "Resource Category": "CONFERENCE_ROOM",
        "Building Id": building.building_id,
        "Floor Name": building.floor,
        "Capacity": str(building.capacity),
    }


def _not_moved(resource: Resource, domains: Domains) -> Iterator[str]:
    """Yield what has no column, for the Description, which only administrators see."""
    room, booking = resource.room, resource.room.booking
    # Google gives each resource an address of its own.
    yield f"WorkMail: {room.email}."
    if room.aliases:
        yield f"Aliases: {' '.join(sorted(room.aliases))}."
    addresses, without = addresses_of(resource.delegates, domains)
    if resource.delegates:
        yield f"Delegates: {' '.join([*addresses, *without])}."
    if room.hidden:
        yield "Hidden from the address list."
    if not booking.auto_accept_requests:
        yield "Requests need approval."
    if booking.auto_decline_recurring_requests:
        yield "Declines recurring requests."
    if not booking.auto_decline_conflicting_requests:
        yield "Accepts conflicting requests."


def _one_line(text: str) -> str:
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())
