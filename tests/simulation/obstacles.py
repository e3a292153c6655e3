"""What truly stands in the way of an event in WorkMail, and what a room looks like that is as declared.

Read from WorkMail's models, not over its API: nothing here lags, and nothing is counted as a read.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from workmail_rooms.sandbox.workmail.organization import Entity, Organization
from workmail_rooms.sandbox.workmail.organization import Resource as Room

from .events import Event, declares_adopt, owner_of
from .workmail import ORGANIZATIONS

if TYPE_CHECKING:
    from .checks import Known
    from .cloudformation import Request
    from .world import World

Properties = Mapping[str, Any]

#: What a room cannot be without its address: it is not registered, and has no delegates then.
OF_ADDRESSES: Final = frozenset({"Email", "Aliases", "State", "Delegates", "Booking"})


def declared_picture(world: "World", properties: Properties) -> dict[str, Any]:
    """Return what :func:`.workmail.picture` shows of a room that is as *properties* declare."""
    email = properties.get("Email")
    booking = properties.get("BookingOptions", {})
    organization = world.workmail.organization(properties["OrganizationId"])
    # Who has left cannot be a delegate any more (contract 53).
    delegates = [entity.id for name in properties.get("Delegates", ()) if (entity := _member(organization, name))]
    return {
        "Name": properties["Name"].casefold(),
        "Type": properties["Type"],
        "State": "ENABLED" if email else "DISABLED",
        "Description": properties.get("Description"),
        "Hidden": properties.get("HiddenFromGlobalAddressList", "false") == "true",
        "Booking": {
            "AutoAcceptRequests": booking.get("AutoAcceptRequests", "true") == "true",
            "AutoDeclineRecurringRequests": booking.get("AutoDeclineRecurringRequests", "false") == "true",
            "AutoDeclineConflictingRequests": booking.get("AutoDeclineConflictingRequests", "true") == "true",
        },
        "Email": email.casefold() if email else None,
        "Aliases": sorted(alias.casefold() for alias in properties.get("Aliases", ())) if email else [],
        "Delegates": sorted(delegates) if email else [],
    }


def _member(organization: Organization, name: str) -> Entity | None:
    entity = organization.named(name) or organization.by_address(name)
    return None if isinstance(entity, Room) else entity


def _is_able(entity: Entity | None) -> bool:
    return entity is not None and entity.shown_state == "ENABLED"


def _addresses(properties: Properties) -> list[str]:
    return [address for address in (properties.get("Email"), *properties.get("Aliases", ())) if address]


def taken(world: "World", properties: Properties, room_id: str) -> set[str]:
    """Return what of a declared room cannot be at this moment, by the keys of :func:`.workmail.picture`."""
    organization = world.workmail.organization(properties["OrganizationId"])
    found = set()
    holder = organization.named(properties["Name"])
    if holder is not None and holder.id != room_id:
        found.add("Name")
    room = organization.entities.get(room_id)
    if world.story.behaviour.get("rename_changes_email") == "yes" and room is not None and room.email:
        renamed = organization.by_address(f"{properties['Name']}@{room.email.partition('@')[2]}")
        if renamed is not None and renamed.id != room_id:
            found.add("Name")
    for address in _addresses(properties):
        entity = organization.by_address(address)
        if entity is not None and entity.id != room_id:
            found |= OF_ADDRESSES
    if not all(_is_able(_member(organization, name)) for name in properties.get("Delegates", ())):
        # Where nobody is left to answer requests, they are accepted automatically.
        found |= {"Delegates", "Booking"}
    return found


def obstacle(world: "World", request: "Request") -> str:
    """Return what stands in the way of an event at this moment; empty when nothing does."""
    event = request.event
    properties = event["ResourceProperties"]
    if properties.get("OrganizationId") not in ORGANIZATIONS:
        return "there is no such organization"
    if event["RequestType"] == "Delete":
        return ""
    if properties["Type"] not in {"ROOM", "EQUIPMENT"}:
        return "it is declared wrong"
    if world.checks.ledger_lost:
        return "the ledger was lost"
    organization = world.workmail.organization(properties["OrganizationId"])
    return (
        _bad_domain(organization, _addresses(properties))
        or _in_the_name(world, request, organization)
        or _in_the_addresses(world, request, organization)
        or _in_the_delegates(request, organization)
        or _gone(world, request)
        or _taken_over(world, request)
        or _just_given_up(world, request)
    )


def _bad_domain(organization: Organization, addresses: Iterable[str]) -> str:
    for address in addresses:
        if address.partition("@")[2] not in organization.domains:
            return f"there is no domain of {address}"
    return ""


def _own(world: "World", request: "Request") -> set[str]:
    owner = owner_of(request.event)
    return {
        room_id
        for room_id, known in world.checks.known.items()
        if room_id == request.event.get("PhysicalResourceId") or known.maker == owner
    }


def _in_the_name(world: "World", request: "Request", organization: Organization) -> str:
    event = request.event
    holder = organization.named(event["ResourceProperties"]["Name"])
    if holder is None or holder.id == event.get("PhysicalResourceId"):
        return ""
    if declares_adopt(event) and isinstance(holder, Room) and holder.type != event["ResourceProperties"]["Type"]:
        return "it is of another type"
    if holder.id in _own(world, request):
        return ""
    known = world.checks.known.get(holder.id)
    if known is None or not declares_adopt(event):
        return f"{holder.id} has the name"
    others = any(stack.stack_id != event["StackId"] for stack, _ in world.cloudformation.holders(holder.id))
    busy = _is_wanted(world, event) or _may_return(world, request, known)
    if others or busy or world.cloudformation.is_deleting(holder.id):
        return "another stack has it, has not yet let it go, is taking it over, or may go back to it"
    # What was let go only while the event was looking may come too late for it. Of what a Create that failed has left
    # with its mark, nobody can tell whether that still goes on.
    ready = known.settled or bool(known.answered_by)
    free = known.of_people or (ready and known.let_go and known.let_go_at < request.sent_at)
    return "" if free else "another stack may have it"


def _is_wanted(world: "World", event: Event) -> bool:
    """Tell whether an event of another stack that is waited for adopts the same room."""
    return any(
        other.open
        and other.event["StackId"] != event["StackId"]
        and declares_adopt(other.event)
        and _declared_name(other.event) == _declared_name(event)
        for other in world.cloudformation.requests.values()
    )


def _declared_name(event: Event) -> tuple[str, str]:
    properties = event["ResourceProperties"]
    return properties["OrganizationId"], properties["Name"].casefold()


def _just_given_up(world: "World", request: "Request") -> str:
    """Tell whether another stack has given the name up since the event was sent: it was refused what it has seen.

    However often it looks, the name may become free between its last look and its answer. Only what a sibling has is
    waited for (contract 54).
    """
    event = request.event
    giver, at = world.checks.given_up_names.get(_declared_name(event), (owner_of(event), 0.0))
    others = declares_adopt(event) and giver[0] != event["StackId"]
    return "another stack had the name when the event was sent" if others and at >= request.sent_at else ""


def _may_return(world: "World", request: "Request", known: "Known") -> bool:
    """Tell whether another stack that had the room, or has adopted it, is not at rest."""
    had = {known.maker, *known.adopters, *known.former, *known.released}
    stacks = [world.cloudformation.find(stack_id) for stack_id, _ in had if stack_id != request.event["StackId"]]
    return any(stack is not None and not stack.status.endswith("_COMPLETE") for stack in stacks)


def _in_the_addresses(world: "World", request: "Request", organization: Organization) -> str:
    own = _own(world, request)
    adopted = organization.named(request.event["ResourceProperties"]["Name"])
    for address in _addresses(request.event["ResourceProperties"]):
        entity = organization.by_address(address)
        if entity is not None and entity.id not in own and entity is not adopted:
            return f"{entity.id} has the address {address}"
    return ""


def _in_the_delegates(request: "Request", organization: Organization) -> str:
    if request.kind == "reverse":
        return ""
    for name in request.event["ResourceProperties"].get("Delegates", ()):
        if not _is_able(_member(organization, name)):
            return f"there is no delegate {name}"
    return ""


def _gone(world: "World", request: "Request") -> str:
    """Tell whether people have deleted what the event is about, or what it has made."""
    if request.kind == "reverse":
        return ""
    adopts, since = declares_adopt(request.event), request.sent_at
    for room_id, known in world.checks.known.items():
        if adopts and known.touched >= since and world.workmail.room(known.organization_id, room_id) is None:
            return "people have deleted a room that it may have found"
        made = known.made_by == request.event["ResponseURL"] and known.touched >= 0
        own = made or request.event.get("PhysicalResourceId") == room_id
        if own and world.workmail.room(known.organization_id, room_id) is None:
            return "the room is gone"
    return ""


def _taken_over(world: "World", request: "Request") -> str:
    """Tell whether another logical resource has adopted what the event is about, or is about to (contracts 56, 57)."""
    owner, organization_id = owner_of(request.event), request.event["ResourceProperties"]["OrganizationId"]
    named = request.event.get("PhysicalResourceId", "")
    for room_id, known in world.checks.known.items():
        owners = {known.maker, *known.former, *known.released}
        if known.organization_id == organization_id and (room_id == named or owner in owners):
            if known.adopters - {owner}:
                return f"{room_id} is being taken over"
            for stack, resource in world.cloudformation.holders(room_id):
                if (stack.stack_id, resource.logical_id) != owner:
                    return f"{room_id} was taken over"
            if _is_adopted_by_a_sibling(world, request, room_id):
                return f"{room_id} is about to be taken over"
    return ""


def _is_adopted_by_a_sibling(world: "World", request: "Request", room_id: str) -> bool:
    """Tell whether an event of the same stack that is under way adopts a room by its present name."""
    organization_id = request.event["ResourceProperties"]["OrganizationId"]
    room = world.workmail.room(organization_id, room_id)
    return room is not None and any(
        other.open
        and other is not request
        and other.event["StackId"] == request.event["StackId"]
        and declares_adopt(other.event)
        and _declared_name(other.event) == (organization_id, room.name.casefold())
        for other in world.cloudformation.requests.values()
    )
