"""The calls that lead from a resource as WorkMail shows it to what is declared.

Pure: :func:`plan` works out *what* to call, in an order that WorkMail accepts; :mod:`.api` makes the calls.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from .room import Room, Wanted


class Step(NamedTuple):
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
    goes; aliases make room before others come; deregistered last, and not before what a new Name makes of the addresses
    was seen: WorkMail may keep the former one as an alias, which nobody could see any more.
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
    elif room.enabled and same_name(room.name, wanted.name):
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
    return (
        same_name(room.name, wanted.name)
        and _same_description(room.description, wanted.description)
        and (room.type, room.hidden, room.booking) == (wanted.type, wanted.hidden, wanted.booking)
    )


def same_name(one: str, other: str) -> bool:
    """Tell whether two names are the same to WorkMail, which does not tell upper from lower case.

    It may also show a name in another case than it was given in, so that a change of case alone could never be seen.
    """
    return one.casefold() == other.casefold()


def _same_description(one: str | None, other: str | None) -> bool:
    # WorkMail may trim what it is given, and rooms from before may have blanks at their ends.
    return (one or "").strip() == (other or "").strip()


def _update(resource_id: str, wanted: Wanted) -> Step:
    """Return the UpdateResource that sets everything at once.

    Its documentation reads like a full replacement ("the dataset in the request should be the one expected when
    performing another DescribeResource call"), and what a missing booking option becomes is unknown: so nothing is left
    out.
    """
    return Step(
        "UpdateResource",
        {
            "ResourceId": resource_id,
            "Name": wanted.name,
            "Type": wanted.type,
            "Description": wanted.description or "",
            "HiddenFromGlobalAddressList": wanted.hidden,
            "BookingOptions": wanted.booking.by_key(),
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
    if not same_name(room.name, wanted.name):
        found.append(f"Name is {room.name}, not {wanted.name}")
    for label, actual, declared in (
        ("Type", room.type, wanted.type),
        ("HiddenFromGlobalAddressList", room.hidden, wanted.hidden),
        ("BookingOptions", room.booking, wanted.booking),
        ("Aliases", _folded(room.aliases), _folded(wanted.aliases)),
        ("Delegates", sorted(room.delegates or ()), sorted(wanted.delegates)),
    ):
        if actual != declared:
            found.append(f"{label} is {actual}, not {declared}")
    if not _same_description(room.description, wanted.description):
        found.append("Description is another")
    return tuple(found)


def _folded(addresses: frozenset[str] | None) -> list[str]:
    return sorted(address.casefold() for address in addresses or ())
