"""The calls that lead from a resource as WorkMail shows it to what is declared.

Pure: :func:`plan` works out *what* to call, in an order that WorkMail accepts; :mod:`.api` makes the calls.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .room import BOOKING_KEYS, Room, Wanted


@dataclass(frozen=True, slots=True)
class Step:
    """One call that changes a resource.

    Attributes
    ----------
    operation:
        The API's name.
    parameters:
        All but ``OrganizationId``.
    subject:
        What the call is about, for a person; never a Description.
    """

    operation: str
    parameters: Mapping[str, Any]
    subject: str


def plan(room: Room, wanted: Wanted) -> tuple[Step, ...]:
    """Return the calls that bring *room* to what is *wanted*; none when it is there.

    The order keeps each call acceptable
    (https://docs.aws.amazon.com/workmail/latest/APIReference/API_UpdateResource.html): registered before anything that
    needs a mailbox; delegates before ``AutoAcceptRequests`` is switched off, and switched on before the last of them
    goes; aliases make room before others come; deregistered last.
    """
    return tuple(_steps(room, wanted))


def _steps(room: Room, wanted: Wanted) -> Iterator[Step]:
    aliases = {alias.casefold(): alias for alias in room.aliases or ()}
    if wanted.email is not None:
        yield from _address(room, wanted.email, aliases)
        yield from _delegates("AssociateDelegateToResource", room, wanted.delegates - (room.delegates or frozenset()))
    if not _same_attributes(room, wanted):
        yield _update(room.resource_id, wanted)
    wanted_aliases = {alias.casefold(): alias for alias in wanted.aliases}
    if room.enabled:
        surplus = (room.delegates or frozenset()) - wanted.delegates
        yield from _delegates("DisassociateDelegateFromResource", room, surplus)
        yield from _aliases("DeleteAlias", room, aliases, without=wanted_aliases)
    if wanted.email is not None:
        yield from _aliases("CreateAlias", room, wanted_aliases, without=aliases)
    elif room.enabled:
        yield Step("DeregisterFromWorkMail", {"EntityId": room.resource_id}, f"resource {room.resource_id}")


def _address(room: Room, email: str, aliases: dict[str, str]) -> Iterator[Step]:
    """Yield the call that gives *room* its address, and bring *aliases* to what they will be after it."""
    entity = {"EntityId": room.resource_id, "Email": email}
    if not room.enabled:
        yield Step("RegisterToWorkMail", entity, f"Email {email}")
    elif room.email is None or room.email.casefold() != email.casefold():
        yield Step("UpdatePrimaryEmailAddress", entity, f"Email {email}")
        # WorkMail keeps the former address as an alias, and takes the new one out of the aliases.
        if room.email is not None:
            aliases[room.email.casefold()] = room.email
        aliases.pop(email.casefold(), None)


def _same_attributes(room: Room, wanted: Wanted) -> bool:
    return (room.name, room.type, room.description, room.hidden, room.booking) == (
        wanted.name,
        wanted.type,
        wanted.description,
        wanted.hidden,
        wanted.booking,
    )


def _update(resource_id: str, wanted: Wanted) -> Step:
    """Return the UpdateResource that sets everything at once.

    Its documentation reads like a full replacement ("the dataset in the request should be the one expected when
    performing another DescribeResource call"), and what a missing booking option becomes is unknown: so nothing is left
    out.
    """
    booking = wanted.booking
    return Step(
        "UpdateResource",
        {
            "ResourceId": resource_id,
            "Name": wanted.name,
            "Type": wanted.type,
            "Description": wanted.description or "",
            "HiddenFromGlobalAddressList": wanted.hidden,
            "BookingOptions": dict(
                zip(
                    BOOKING_KEYS,
                    (
                        booking.auto_accept_requests,
                        booking.auto_decline_recurring_requests,
                        booking.auto_decline_conflicting_requests,
                    ),
                    strict=True,
                )
            ),
        },
        f"Name {wanted.name}",
    )


def _delegates(operation: str, room: Room, delegates: frozenset[str]) -> Iterator[Step]:
    for delegate in sorted(delegates):
        yield Step(operation, {"ResourceId": room.resource_id, "EntityId": delegate}, f"delegate {delegate}")


def _aliases(operation: str, room: Room, aliases: Mapping[str, str], *, without: Mapping[str, str]) -> Iterator[Step]:
    for key in sorted(aliases.keys() - without.keys()):
        yield Step(operation, {"EntityId": room.resource_id, "Alias": aliases[key]}, f"alias {aliases[key]}")


def differences(room: Room, wanted: Wanted) -> tuple[str, ...]:
    """Name what of *room* is not as *wanted*, for a person; never a Description's text."""
    found = []
    state = "ENABLED" if wanted.email is not None else "DISABLED"
    if room.state != state:
        found.append(f"State is {room.state}, not {state}")
    if wanted.email is not None and (room.email or "").casefold() != wanted.email.casefold():
        found.append(f"Email is {room.email or 'absent'}, not {wanted.email}")
    for label, actual, declared in (
        ("Name", room.name, wanted.name),
        ("Type", room.type, wanted.type),
        ("HiddenFromGlobalAddressList", room.hidden, wanted.hidden),
        ("BookingOptions", room.booking, wanted.booking),
        ("Aliases", _folded(room.aliases), _folded(wanted.aliases)),
        ("Delegates", sorted(room.delegates or ()), sorted(wanted.delegates)),
    ):
        if actual != declared:
            found.append(f"{label} is {actual}, not {declared}")
    if room.description != wanted.description:
        found.append("Description is another")
    return tuple(found)


def _folded(addresses: frozenset[str] | None) -> list[str]:
    return sorted(address.casefold() for address in addresses or ())
