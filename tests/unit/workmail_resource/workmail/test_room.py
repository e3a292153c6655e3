import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.support import DELEGATE, OTHER_DELEGATE, RESOURCE
from workmail_resource.workmail.plan import Step, differences, plan
from workmail_resource.workmail.properties import BookingOptions
from workmail_resource.workmail.room import Room, State, Wanted, from_snapshot, snapshot

DISABLED = Room(RESOURCE, "boardroom", "ROOM", "DISABLED", aliases=frozenset(), delegates=frozenset())
ENABLED = DISABLED._replace(state="ENABLED", email="boardroom@example.com")
MANUAL = BookingOptions(auto_accept_requests=False)
PLAIN = Wanted.as_it_is(DISABLED)
BOOKABLE = Wanted.as_it_is(ENABLED)


def operations(room: Room, wanted: Wanted) -> list[tuple[str, str]]:
    """Return the planned calls, each with what it is about."""
    return [(step.operation, step.subject) for step in plan(room, wanted)]


def test_plan_of_the_same_in_another_order_and_case_is_empty() -> None:
    """The order of a set and the case of an address are no difference (contract 22)."""
    room = ENABLED._replace(aliases=frozenset({"A@example.com", "b@example.com"}))
    wanted = BOOKABLE._replace(email="BoardRoom@Example.com", aliases=frozenset({"B@example.com", "a@example.com"}))
    assert plan(room, wanted) == ()


def test_plan_registers_before_anything_else() -> None:
    """What needs a mailbox comes after the registration; delegates come before their being needed."""
    wanted = BOOKABLE._replace(
        booking=MANUAL, delegates=frozenset({DELEGATE}), aliases=frozenset({"alias@example.com"})
    )
    assert operations(DISABLED, wanted) == [
        ("RegisterToWorkMail", "Email boardroom@example.com"),
        ("AssociateDelegateToResource", f"delegate {DELEGATE}"),
        ("UpdateResource", "Name boardroom"),
        ("CreateAlias", "alias alias@example.com"),
    ]


def test_plan_accepts_automatically_before_the_last_delegate_goes() -> None:
    """AutoAcceptRequests is switched on before its delegates are taken away."""
    room = ENABLED._replace(booking=MANUAL, delegates=frozenset({DELEGATE}))
    assert operations(room, BOOKABLE) == [
        ("UpdateResource", "Name boardroom"),
        ("DisassociateDelegateFromResource", f"delegate {DELEGATE}"),
    ]


def test_plan_exchanges_delegates_without_a_gap() -> None:
    """A new delegate comes before the old one goes, so that somebody always answers the requests."""
    room = ENABLED._replace(booking=MANUAL, delegates=frozenset({DELEGATE}))
    wanted = BOOKABLE._replace(booking=MANUAL, delegates=frozenset({OTHER_DELEGATE}))
    assert operations(room, wanted) == [
        ("AssociateDelegateToResource", f"delegate {OTHER_DELEGATE}"),
        ("DisassociateDelegateFromResource", f"delegate {DELEGATE}"),
    ]


def test_plan_leaves_no_alias_of_a_former_address() -> None:
    """WorkMail keeps a former address as an alias; the plan takes it away again."""
    wanted = BOOKABLE._replace(email="new@example.com")
    assert plan(ENABLED, wanted) == (
        Step("UpdatePrimaryEmailAddress", {"EntityId": RESOURCE, "Email": "new@example.com"}, "Email new@example.com"),
        Step(
            "DeleteAlias",
            {"EntityId": RESOURCE, "Alias": "boardroom@example.com"},
            "alias boardroom@example.com",
        ),
    )


def test_plan_keeps_a_former_address_that_is_declared_as_alias() -> None:
    """An address and an alias that change places need one call."""
    room = ENABLED._replace(aliases=frozenset({"new@example.com"}))
    wanted = BOOKABLE._replace(email="new@example.com", aliases=frozenset({"boardroom@example.com"}))
    assert operations(room, wanted) == [("UpdatePrimaryEmailAddress", "Email new@example.com")]


def test_plan_makes_room_for_new_aliases_first() -> None:
    """Aliases go before others come: there can be no more than 100."""
    room = ENABLED._replace(aliases=frozenset({"b@example.com", "a@example.com"}))
    wanted = BOOKABLE._replace(aliases=frozenset({"c@example.com", "d@example.com"}))
    assert operations(room, wanted) == [
        ("DeleteAlias", "alias a@example.com"),
        ("DeleteAlias", "alias b@example.com"),
        ("CreateAlias", "alias c@example.com"),
        ("CreateAlias", "alias d@example.com"),
    ]


def test_plan_deregisters_last() -> None:
    """A resource without an Email loses its aliases and delegates while it still has a mailbox, and then that."""
    room = ENABLED._replace(booking=MANUAL, delegates=frozenset({DELEGATE}), aliases=frozenset({"alias@example.com"}))
    assert operations(room, PLAIN) == [
        ("UpdateResource", "Name boardroom"),
        ("DisassociateDelegateFromResource", f"delegate {DELEGATE}"),
        ("DeleteAlias", "alias alias@example.com"),
        ("DeregisterFromWorkMail", f"resource {RESOURCE}"),
    ]


def test_plan_updates_everything_at_once() -> None:
    """UpdateResource says everything, for what an absent value becomes is unknown; an absent Description is empty."""
    wanted = PLAIN._replace(name="den", type="EQUIPMENT", hidden=True, description=None)
    assert plan(DISABLED._replace(description="old"), wanted) == (
        Step(
            "UpdateResource",
            {
                "ResourceId": RESOURCE,
                "Name": "den",
                "Type": "EQUIPMENT",
                "Description": "",
                "HiddenFromGlobalAddressList": True,
                "BookingOptions": {
                    "AutoAcceptRequests": True,
                    "AutoDeclineRecurringRequests": False,
                    "AutoDeclineConflictingRequests": True,
                },
            },
            "Name den",
        ),
    )


def test_plan_never_tells_a_description() -> None:
    """What a call is about is said without the Description (contract 38)."""
    steps = plan(ENABLED._replace(description="merger talks"), BOOKABLE._replace(description="sale talks"))
    assert steps
    assert "talks" not in "".join(step.subject for step in steps)


Parameters = Mapping[str, Any]


class RefusedError(Exception):
    """WorkMail would not have taken this call."""


def carry_out(room: Room, step: Step) -> Room:
    """Do what WorkMail does at a call, by its documentation; refuse what it refuses."""
    parameters = step.parameters
    if (parameters.get("ResourceId") or parameters["EntityId"]) != room.resource_id:
        raise RefusedError("another resource")
    if not room.enabled and step.operation not in {"RegisterToWorkMail", "UpdateResource"}:
        raise RefusedError(f"{step.operation} needs a mailbox")
    return OPERATIONS[step.operation](room, parameters)


def register(room: Room, parameters: Parameters) -> Room:
    """Do what RegisterToWorkMail does."""
    return room._replace(state="ENABLED", email=parameters["Email"])


def deregister(room: Room, _parameters: Parameters) -> Room:
    """Do what DeregisterFromWorkMail does."""
    return room._replace(state="DISABLED", email=None, aliases=frozenset(), delegates=frozenset())


def move(room: Room, parameters: Parameters) -> Room:
    """Do what UpdatePrimaryEmailAddress does: the former address stays as an alias."""
    email = parameters["Email"]
    kept = {alias for alias in room.aliases or () if alias.casefold() != email.casefold()}
    return room._replace(email=email, aliases=frozenset(kept | {room.email or ""}))


def associate(room: Room, parameters: Parameters) -> Room:
    """Do what AssociateDelegateToResource does."""
    return room._replace(delegates=(room.delegates or frozenset()) | {parameters["EntityId"]})


def disassociate(room: Room, parameters: Parameters) -> Room:
    """Do what DisassociateDelegateFromResource does."""
    left = (room.delegates or frozenset()) - {parameters["EntityId"]}
    if left == room.delegates:
        raise RefusedError("no such delegate")
    if not left and not room.booking.auto_accept_requests:
        raise RefusedError("nobody would answer requests")
    return room._replace(delegates=left)


def create_alias(room: Room, parameters: Parameters) -> Room:
    """Do what CreateAlias does."""
    aliases = room.aliases or frozenset()
    if parameters["Alias"].casefold() in {alias.casefold() for alias in (*aliases, room.email or "")}:
        raise RefusedError("EmailAddressInUseException")
    if len(aliases) >= 100:
        raise RefusedError("LimitExceededException")
    return room._replace(aliases=aliases | {parameters["Alias"]})


def delete_alias(room: Room, parameters: Parameters) -> Room:
    """Do what DeleteAlias does."""
    left = (room.aliases or frozenset()) - {parameters["Alias"]}
    if left == room.aliases:
        raise RefusedError("no such alias")
    return room._replace(aliases=left)


def update(room: Room, parameters: Parameters) -> Room:
    """Do what UpdateResource does."""
    options = parameters["BookingOptions"]
    booking = BookingOptions(
        options["AutoAcceptRequests"],
        options["AutoDeclineRecurringRequests"],
        options["AutoDeclineConflictingRequests"],
    )
    if not booking.auto_accept_requests and not room.delegates:
        raise RefusedError("InvalidConfigurationException")
    return room._replace(
        name=parameters["Name"],
        type=parameters["Type"],
        description=parameters["Description"] or None,
        hidden=parameters["HiddenFromGlobalAddressList"],
        booking=booking,
    )


OPERATIONS: dict[str, Callable[[Room, Parameters], Room]] = {
    "RegisterToWorkMail": register,
    "DeregisterFromWorkMail": deregister,
    "UpdatePrimaryEmailAddress": move,
    "AssociateDelegateToResource": associate,
    "DisassociateDelegateFromResource": disassociate,
    "CreateAlias": create_alias,
    "DeleteAlias": delete_alias,
    "UpdateResource": update,
}
ADDRESSES = ["a@example.com", "b@example.com", "c@example.com", "A@Example.com", "d@example.com"]


@st.composite
def rooms(draw: st.DrawFn) -> Room:
    """Draw a resource as WorkMail may show it."""
    email = draw(st.none() | st.sampled_from(ADDRESSES))
    state: State = "DISABLED" if email is None else "ENABLED"
    lists = [draw(st.lists(st.sampled_from(ADDRESSES), max_size=4, unique_by=str.casefold)) if email else []]
    delegates = draw(st.frozensets(st.sampled_from([DELEGATE, OTHER_DELEGATE]))) if email else frozenset()
    return Room(
        resource_id=RESOURCE,
        name=draw(st.sampled_from(["boardroom", "Boardroom", "den"])),
        type=draw(st.sampled_from(["ROOM", "EQUIPMENT"])),
        state=state,
        email=email,
        description=draw(st.none() | st.sampled_from(["here", "there"])),
        hidden=draw(st.booleans()),
        booking=BookingOptions(draw(st.booleans()) or not delegates, draw(st.booleans()), draw(st.booleans())),
        aliases=frozenset(alias for alias in lists[0] if alias.casefold() != (email or "").casefold()),
        delegates=delegates,
    )


wishes = rooms().map(Wanted.as_it_is)


def brought(room: Room, wanted: Wanted) -> Room:
    """Carry out a plan, and what is planned after the second look at a room that got another name."""
    for _ in range(2):
        for step in plan(room, wanted):
            room = carry_out(room, step)
    return room


@settings(deadline=None, max_examples=100)
@given(rooms(), wishes)
def test_plan_leads_from_anything_to_anything(room: Room, wanted: Wanted) -> None:
    """Every call of a plan is acceptable when its turn comes, and after the last one nothing is left to do."""
    assert plan(brought(room, wanted), wanted) == ()


@settings(deadline=None, max_examples=100)
@given(rooms(), wishes)
def test_plan_leads_back(room: Room, wanted: Wanted) -> None:
    """After an update, the update to what was there before brings exactly that back (contract 25)."""
    changed = brought(brought(room, wanted), Wanted.as_it_is(from_snapshot(snapshot(room))))
    assert plan(changed, Wanted.as_it_is(room)) == ()
    assert (changed.state, changed.name, changed.description) == (room.state, room.name, room.description)


@settings(deadline=None, max_examples=100)
@given(rooms(), wishes)
def test_differences_name_something_whenever_something_is_planned(room: Room, wanted: Wanted) -> None:
    """Whatever a plan still has to do can be told to a person."""
    if plan(room, wanted):
        assert differences(room, wanted)


def test_plan_changes_all_100_aliases() -> None:
    """A full set of aliases can be exchanged for another."""
    old = frozenset(f"old{n}@example.com" for n in range(100))
    new = frozenset(f"new{n}@example.com" for n in range(100))
    room = ENABLED._replace(aliases=old)
    for step in plan(room, BOOKABLE._replace(aliases=new)):
        room = carry_out(room, step)
    assert room.aliases == new


def test_differences_name_everything_but_the_description() -> None:
    """Each difference says what is and what should be; of a Description only that it is another (contract 38)."""
    room = ENABLED._replace(description="merger talks", aliases=frozenset({"a@example.com"}), hidden=True)
    wanted = PLAIN._replace(name="den", type="EQUIPMENT", delegates=frozenset({DELEGATE}), description="sale talks")
    assert differences(room, wanted) == (
        "State is ENABLED, not DISABLED",
        "Name is boardroom, not den",
        "Type is ROOM, not EQUIPMENT",
        "HiddenFromGlobalAddressList is True, not False",
        "Aliases is ['a@example.com'], not []",
        f"Delegates is [], not ['{DELEGATE}']",
        "Description is another",
    )
    assert differences(DISABLED, BOOKABLE) == (
        "State is DISABLED, not ENABLED",
        "Email is absent, not boardroom@example.com",
    )


@settings(deadline=None, max_examples=100)
@given(rooms())
def test_snapshot_survives_json(room: Room) -> None:
    """What an adopted resource was like comes back from the ledger's JSON exactly (contract 46)."""
    assert from_snapshot(json.loads(json.dumps(snapshot(room)))) == room
