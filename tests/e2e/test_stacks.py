"""The life of a stack, as its users see it: what they declare is what WorkMail holds, whatever happens on the way."""

from typing import Any

import pytest

from tests.harness import OTHER_DOMAIN, Stage, room_properties
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER


def _five_rooms(**overrides: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return five rooms, A to E, each with an address of its own; *overrides* by logical id."""
    rooms = {
        logical_id: room_properties(Name=f"room-{logical_id}", Email=f"room-{logical_id}@example.com")
        for logical_id in "ABCDE"
    }
    return {logical_id: {**room, **overrides.get(logical_id, {})} for logical_id, room in rooms.items()}


@pytest.mark.long
@pytest.mark.parametrize(
    "wrong",
    [
        {"Name": "has spaces"},
        {"Name": "annex"},
        {"OrganizationId": OTHER},
        {"Delegates": ["nobody"], "Email": "other@example.com"},
    ],
    ids=["invalid", "taken", "replacement-fails", "after-the-address"],
)
def test_failed_update_brings_the_old_state_back(stage: Stage, wrong: dict[str, Any]) -> None:
    """An update of which one room fails ends in UPDATE_ROLLBACK_COMPLETE, with every room exactly as it was."""
    # GIVEN five rooms, and a foreign one
    stage.create_room("annex")
    stage.deploy(stage.template(_five_rooms(B={"Aliases": ["second@example.com"], "Delegates": ["alice"]})))
    before = stage.state()
    # WHEN all five change, one moves to another organization, and one of the changes cannot be made
    changes: dict[str, dict[str, Any]] = {
        "A": {"Type": "EQUIPMENT", "Description": "a wheel", "Aliases": ["first@example.com"]},
        "B": {"Email": "two@example.com", "Delegates": ["bob"], "BookingOptions": {"AutoAcceptRequests": "false"}},
        "C": wrong,
        "D": {"OrganizationId": OTHER, "Email": f"room-D@{OTHER_DOMAIN}"},
        "E": {"Name": "room-F", "Email": "room-F@example.com"},
    }
    outcome = stage.deploy(stage.template(_five_rooms(**changes)))
    stage.engine.settle(timeout=120)
    # THEN nothing of it remains
    assert (outcome.status, outcome.ok) == ("UPDATE_ROLLBACK_COMPLETE", False)
    assert stage.state() == before
    assert {room.OrganizationId for room in stage.rooms()} == {EXAMPLE}
    # AND the stack can be deleted
    assert stage.delete().status == "DELETE_COMPLETE"
    assert [room.Name for room in stage.rooms()] == ["annex"]
