"""WorkMail in memory: the sandbox's operations and switches, without its wire, and with the people who use it."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from workmail_rooms.sandbox.workmail.account import Account
from workmail_rooms.sandbox.workmail.behaviour import Behaviour
from workmail_rooms.sandbox.workmail.exceptions import WorkMailError
from workmail_rooms.sandbox.workmail.operations import ORGANIZATION_OPERATIONS
from workmail_rooms.sandbox.workmail.operations.organizations import new_organization
from workmail_rooms.sandbox.workmail.organization import Group, MailDomain, Member, Organization, Resource, User
from workmail_rooms.sandbox.workmail.validation import checked

EXAMPLE: Final = "m-d281d0a2fd824be5b6cd3d3ce909fd27"
OTHER: Final = "m-11112222333344445555666677778888"

#: By organization: its mail domain, its users and its groups.
ORGANIZATIONS: Final[Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]]] = {
    EXAMPLE: ("example.com", ("alice", "bob"), ("facilities",)),
    OTHER: ("example.org", ("dave",), ("reception",)),
}

#: The operations that change something.
WRITES: Final = frozenset(
    operation for operation in ORGANIZATION_OPERATIONS if not operation.startswith(("Describe", "List", "Get"))
)


class WorkMail:
    """Both organizations and everything in them.

    Parameters
    ----------
    rng:
        Where ids come from.
    clock:
        Gives the seconds since the epoch.
    behaviour:
        How it behaves; its users and groups are there from the beginning, and settled.
    """

    def __init__(self, rng: Random, clock: Callable[[], float], behaviour: Behaviour) -> None:
        self._account = Account("us-east-1", "123456789012", clock, rng, behaviour)
        for alias, (organization_id, (domain, users, groups)) in zip(
            ("example", "other"), ORGANIZATIONS.items(), strict=True
        ):
            organization = new_organization(self._account, alias, organization_id)
            organization.domains[domain] = MailDomain(domain, verified=True)
            organization.default_domain = domain
            for name in users:
                self._add(organization, User, self._account.new_uuid(), name, display_name=name)
            for name in groups:
                self._add(organization, Group, self._account.new_group_id(), name)

    def _add(self, organization: Organization, kind: type[Member], new_id: str, name: str, **more: Any) -> None:
        member = kind(
            id=new_id,
            name=name,
            sequence=organization.next_sequence,
            state="ENABLED",
            email=f"{name}@{organization.default_domain}",
            enabled_date=self._account.now(),
            **more,
        )
        organization.add(member)

    def organization(self, organization_id: str) -> Organization:
        """Return an organization as it is, without reading it over the API."""
        return self._account.organizations[organization_id]

    def serve(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a call.

        Raises
        ------
        WorkMailError
            The service refuses.
        """
        good = checked(operation, request)
        organization = self._account.organization(operation, good)
        return ORGANIZATION_OPERATIONS[operation](self._account, organization, good)

    def rooms(self) -> dict[str, tuple[str, Resource]]:
        """Return every live room and piece of equipment by its id, with its organization."""
        return {
            entity.id: (organization.id, entity)
            for organization in self._account.organizations.values()
            for entity in organization.entities.values()
            if isinstance(entity, Resource) and entity.state != "DELETED"
        }

    def room(self, organization_id: str, reference: str) -> Resource | None:
        """Return the live room with this id or name, without reading it over the API."""
        organization = self._account.organizations.get(organization_id)
        if organization is None:
            return None
        entity = organization.entities.get(reference) or organization.named(reference)
        return entity if isinstance(entity, Resource) and entity.state != "DELETED" else None


def picture(room: Resource) -> dict[str, Any]:
    """Return what people see of a room: what has to be the same when it was not touched, or was given back."""
    enabled = room.state == "ENABLED"
    return {
        "Name": room.name.casefold(),
        "Type": room.type,
        "State": room.state,
        "Description": room.description,
        "Hidden": room.hidden,
        "Booking": dict(room.booking),
        "Email": (room.email or "").casefold() if enabled else None,
        "Aliases": sorted(alias.casefold() for alias in room.aliases) if enabled else [],
        "Delegates": sorted(room.delegates) if enabled else [],
    }


__all__ = ["EXAMPLE", "ORGANIZATIONS", "OTHER", "WRITES", "Behaviour", "WorkMail", "WorkMailError", "picture"]
