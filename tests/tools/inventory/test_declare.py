"""A resource is declared exactly as it is, or left out with the reason."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tools.inventory.support import ALICE, BOARD, ORGANIZATION, resource
from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import BookingOptions, parse
from workmail_resource.workmail.room import Wanted
from workmail_rooms.inventory.declare import declare
from workmail_rooms.inventory.resources import Resource

MINIMAL = {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM", "ExistingResource": "ADOPT"}


def declared(one: Resource) -> dict[str, Any]:
    """Return the properties of a resource that can be declared."""
    (found,), left_out = declare(ORGANIZATION, [one])
    assert left_out == []
    return dict(found.properties)


def reasons(*resources: Resource) -> str:
    """Return why resources cannot be declared."""
    found, left_out = declare(ORGANIZATION, resources)
    assert found == []
    return "; ".join(reason for one in left_out for reason in one.reasons)


def test_everything() -> None:
    """Every property that differs from its default is declared; delegates by id."""
    booking = BookingOptions(
        auto_accept_requests=False, auto_decline_recurring_requests=True, auto_decline_conflicting_requests=False
    )
    one = resource(
        ALICE,
        BOARD,
        type="EQUIPMENT",
        description="12 seats",
        hidden=True,
        aliases=frozenset({"b@example.com", "A@example.com"}),
        booking=booking,
    )
    assert declared(one) == {
        **MINIMAL,
        "Type": "EQUIPMENT",
        "Description": "12 seats",
        "HiddenFromGlobalAddressList": True,
        "Email": "boardroom@example.com",
        "Aliases": ["A@example.com", "b@example.com"],
        "BookingOptions": {
            "AutoAcceptRequests": False,
            "AutoDeclineRecurringRequests": True,
            "AutoDeclineConflictingRequests": False,
        },
        "Delegates": [ALICE.id, BOARD.id],
    }


def test_a_plain_room() -> None:
    """What is as by default is not declared."""
    assert declared(resource()) == {**MINIMAL, "Email": "boardroom@example.com"}


def test_a_disabled_room_has_no_email() -> None:
    """A disabled resource is declared without Email, whatever WorkMail keeps of it, and a note says what that is."""
    one = resource(ALICE, state="DISABLED", aliases=frozenset({"old@example.com"}))
    assert declared(one) == MINIMAL
    (found,), _ = declare(ORGANIZATION, [one])
    assert "old@example.com, alice@example.com" in found.note
    (plain,), _ = declare(ORGANIZATION, [resource(state="DISABLED")])
    assert plain.note == ""


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"booking": BookingOptions(auto_accept_requests=False)}, "BookingOptions.AutoAcceptRequests is false"),
        ({"booking": BookingOptions(auto_accept_requests=False), "state": "DISABLED"}, "only an enabled resource"),
        ({"name": "board room"}, "Name is 'board room'"),
        ({"name": "x" * 21}, "Name has 21 characters"),
        ({"description": "x" * 65}, "Description has 65 characters"),
        ({"description": "two\nlines"}, "Description must be a text without a blank"),
        ({"description": "a {{resolve:ssm:x}}"}, "CloudFormation would replace"),
        ({"description": f"Custom::WorkMailResource owner {'0' * 32}"}, "a stack is creating it"),
        ({"email": None}, "shows no address"),
        ({"email": "boardroom@localhost"}, "Email is 'boardroom@localhost'"),
        ({"aliases": frozenset(f"a{number}@example.com" for number in range(101))}, "Aliases has 101 entries"),
        ({"aliases": frozenset({"a@example.com", "A@example.com"})}, "twice"),
    ],
)
def test_what_cannot_be_declared_is_left_out(changes: dict[str, Any], reason: str) -> None:
    """A resource that the function would refuse or change is left out, and the reason names the property."""
    assert reason in reasons(resource(**changes))


@pytest.mark.parametrize(("shown", "taken"), [(" 12 seats\u00a0", "12 seats"), (" ", None)])
def test_blanks_around_a_description_are_left_away(shown: str, taken: str | None) -> None:
    """The function takes no blanks at the ends of a text, and leaves those alone that WorkMail shows."""
    assert declared(resource(description=shown)).get("Description") == taken


def test_names_that_differ_in_case_only() -> None:
    """ADOPT could take one for the other, so both are left out."""
    twins = [resource(name=name, resource_id=f"r-{digit * 32}") for name, digit in (("Room", "1"), ("room", "2"))]
    assert reasons(*twins).count("the same name") == 2


RESOURCES = st.builds(
    lambda delegates, **changes: resource(*delegates, **changes),
    st.sampled_from([(), (ALICE,), (ALICE, BOARD)]),
    name=st.sampled_from(["boardroom", "on", "1e5", "x@example.com", "board room"]),
    type=st.sampled_from(["ROOM", "EQUIPMENT"]),
    state=st.sampled_from(["ENABLED", "DISABLED"]),
    email=st.sampled_from([None, "b@example.com", "B@Example.com", "nonsense"]),
    description=st.none() | st.text(min_size=1, max_size=70),
    hidden=st.booleans(),
    booking=st.builds(BookingOptions, st.booleans(), st.booleans(), st.booleans()),
    aliases=st.frozensets(st.sampled_from(["a@example.com", "A@example.com", "c@example.com", "d"])),
)


@given(RESOURCES)
def test_what_is_declared_changes_nothing(one: Resource) -> None:
    """Whatever a resource is like: it is left out with a reason, or the function has no call to make."""
    found, left_out = declare(ORGANIZATION, [one])
    if left_out:
        assert all(left_out[0].reasons)
        return
    declaration = parse(found[0].properties)
    # The function reads no lists of a disabled resource.
    room = one.room if one.room.enabled else one.room._replace(aliases=frozenset(), delegates=frozenset())
    assert plan(room, Wanted.declared(declaration, frozenset(declaration.delegates))) == ()
    assert declaration.existing == "ADOPT"
