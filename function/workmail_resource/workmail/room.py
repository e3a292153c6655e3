"""One resource as WorkMail shows it, and as it shall be. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from .properties import BookingOptions, Declaration

State = Literal["ENABLED", "DISABLED", "DELETED"]


class Room(NamedTuple):
    """A room or piece of equipment in WorkMail.

    Attributes
    ----------
    email:
        The primary address; None when WorkMail shows none.
    aliases:
        Without the primary address; None when they were not read.
    delegates:
        Entity ids; None when they were not read.
    """

    resource_id: str
    name: str
    type: str
    state: State
    email: str | None = None
    description: str | None = None
    hidden: bool = False
    booking: BookingOptions = BookingOptions()
    aliases: frozenset[str] | None = None
    delegates: frozenset[str] | None = None

    @property
    def enabled(self) -> bool:
        """Whether the resource is registered, and so bookable."""
        return self.state == "ENABLED"

    def listing(self, *, aliases: Iterable[str], delegates: Iterable[str]) -> "Room":
        """Return the room with what WorkMail lists of it: the primary address stands among its aliases there."""
        primary = (self.email or "").casefold()
        others = frozenset(alias for alias in aliases if alias.casefold() != primary)
        return self._replace(aliases=others, delegates=frozenset(delegates))


class Wanted(NamedTuple):
    """What a resource shall look like.

    Attributes
    ----------
    email:
        None for a resource that shall be DISABLED.
    delegates:
        Entity ids: names and addresses were looked up before.
    """

    name: str
    type: str
    description: str | None
    hidden: bool
    email: str | None
    booking: BookingOptions
    aliases: frozenset[str]
    delegates: frozenset[str]

    @classmethod
    def declared(cls, declaration: Declaration, delegates: frozenset[str]) -> "Wanted":
        """Return what *declaration* asks for, its delegates given as entity ids."""
        return cls(
            name=declaration.name,
            type=declaration.type,
            description=declaration.description,
            hidden=declaration.hidden,
            email=declaration.email,
            booking=declaration.booking,
            aliases=frozenset(declaration.aliases),
            delegates=delegates,
        )

    @classmethod
    def as_it_is(cls, room: Room) -> "Wanted":
        """Return what keeps *room*, or brings it back, as it is."""
        return cls(
            name=room.name,
            type=room.type,
            description=room.description,
            hidden=room.hidden,
            email=room.email if room.enabled else None,
            booking=room.booking,
            aliases=room.aliases or frozenset(),
            delegates=room.delegates or frozenset(),
        )


def snapshot(room: Room) -> dict[str, Any]:
    """Return *room* as plain data, from which :func:`from_snapshot` makes it again."""
    return {
        "ResourceId": room.resource_id,
        "Name": room.name,
        "Type": room.type,
        "State": room.state,
        "Email": room.email,
        "Description": room.description,
        "HiddenFromGlobalAddressList": room.hidden,
        "BookingOptions": list(room.booking),
        "Aliases": sorted(room.aliases or ()),
        "Delegates": sorted(room.delegates or ()),
    }


def from_snapshot(data: Mapping[str, Any]) -> Room:
    """Return the room that :func:`snapshot` wrote down."""
    return Room(
        resource_id=data["ResourceId"],
        name=data["Name"],
        type=data["Type"],
        state=data["State"],
        email=data["Email"],
        description=data["Description"],
        hidden=data["HiddenFromGlobalAddressList"],
        booking=BookingOptions(*data["BookingOptions"]),
        aliases=frozenset(data["Aliases"]),
        delegates=frozenset(data["Delegates"]),
    )


def attributes(room: Room, organization_id: str) -> dict[str, str]:
    """Return what ``Fn::GetAtt`` can ask for: the same keys after Create and Update."""
    return {
        "ResourceId": room.resource_id,
        "OrganizationId": organization_id,
        "Name": room.name,
        "Type": room.type,
        "Email": (room.email or "") if room.enabled else "",
        "State": room.state,
    }
