"""What the organizations hold: every room and piece of equipment, as a user would look it up in the console."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from workmail_rooms.sandbox.workmail import Organization, WorkMailBackend
from workmail_rooms.sandbox.workmail.organization import Resource

# How many aliases or delegates a table shows of a room.
_SHOWN = 3
_BOOKING = {
    "AutoAcceptRequests": "accept",
    "AutoDeclineRecurringRequests": "decline recurring",
    "AutoDeclineConflictingRequests": "decline conflicting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One resource of an organization. The field names are the template's property names."""

    OrganizationId: str
    ResourceId: str
    Name: str
    Type: str
    State: str
    Email: str
    Aliases: tuple[str, ...]
    Delegates: tuple[str, ...]
    BookingOptions: dict[str, bool]
    HiddenFromGlobalAddressList: bool
    Description: str

    def export(self) -> dict[str, Any]:
        """Return JSON-serialisable data."""
        return asdict(self)

    def cells(self) -> list[str]:
        """Return the texts of a table's row, without the organization."""
        booking = ", ".join(label for option, label in _BOOKING.items() if self.BookingOptions[option])
        return [
            self.Name,
            self.Type,
            self.State,
            self.Email or "-",
            _few(self.Aliases),
            _few(self.Delegates),
            booking or "by delegates",
            "yes" if self.HiddenFromGlobalAddressList else "no",
            self.Description or "-",
            self.ResourceId,
        ]


def _few(names: tuple[str, ...]) -> str:
    """Return the first names, and how many more there are; `rooms --output json` has all."""
    shown = ", ".join(names[:_SHOWN]) or "-"
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown


def rooms(workmail: WorkMailBackend) -> list[Room]:
    """Return the resources of all organizations, by organization and name; deleted ones are left out."""
    with workmail.lock:
        organizations = [workmail.organization(organization_id) for organization_id in _organization_ids(workmail)]
        return [room for organization in organizations for room in _rooms(organization)]


def _organization_ids(workmail: WorkMailBackend) -> Iterator[str]:
    token: dict[str, str] = {}
    while True:
        page = workmail.invoke("ListOrganizations", token)
        yield from (summary["OrganizationId"] for summary in page["OrganizationSummaries"])
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def _rooms(organization: Organization) -> list[Room]:
    entities = organization.entities
    resources = [entity for entity in entities.values() if isinstance(entity, Resource) and entity.state != "DELETED"]
    return [
        Room(
            OrganizationId=organization.id,
            ResourceId=resource.id,
            Name=resource.name,
            Type=resource.type,
            State=resource.state,
            Email=resource.email or "",
            Aliases=tuple(sorted(resource.aliases)),
            Delegates=tuple(sorted(entities[delegate].name for delegate in resource.delegates)),
            BookingOptions=dict(resource.booking),
            HiddenFromGlobalAddressList=resource.hidden,
            Description=resource.description or "",
        )
        for resource in sorted(resources, key=lambda resource: resource.name.casefold())
    ]
