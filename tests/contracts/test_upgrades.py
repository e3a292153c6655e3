"""Contract 44: what version 1.0.0 has made is updated and rolled back, though 1.0.0 did not write down as what."""

from typing import Any

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import room_properties
from tests.simulation.upgrade import rewrite
from workmail_rooms.sandbox.seed import OTHER

DECLARED = room_properties(Delegates=["alice"])
HIDDEN = room_properties(HiddenFromGlobalAddressList="true")


def made_by_1_0_0(play: Timeless) -> str:
    """Return a room that version 1.0.0 has made; it was upgraded a year later."""
    room = play.create(properties=DECLARED)
    assert rewrite(play.stage.world.table, play.now) == 1
    play.wait(365 * 24 * 3600)
    return room


@pytest.mark.parametrize("changed", [HIDDEN, room_properties(OrganizationId=OTHER, Email=None)], ids=["same", "other"])
@pytest.mark.parametrize("apart", [0, 1], ids=["in one second", "later"])
def test_contract_44_a_rollback_that_overtakes_its_update(play: Timeless, changed: dict[str, Any], apart: int) -> None:
    """The first update after the upgrade is void once it was reversed, however late Lambda delivers it.

    GIVEN a room of version 1.0.0, and its first Update after the upgrade, which Lambda has not delivered yet
    WHEN it is cancelled, and its reversal comes first
    THEN the reversal succeeds, and the Update changes nothing any more.
    """
    room = made_by_1_0_0(play)
    before = play.stage.rooms()
    late = play.update(room, DECLARED, changed)
    play.now += apart - 1
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    back = play.deliver(play.update(room, changed, DECLARED))

    assert back.succeeded, back.reason
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_COMPLETE"
    assert play.deliver(late).reason.startswith("Cancelled:")
    assert play.stage.rooms() == before


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS", "AccessDenied"])
def test_contract_44_a_rollback_without_a_delegate_who_left(play: Timeless, status: str) -> None:
    """A rollback does without a delegate who has left since 1.0.0 made the room; a deliberate update fails.

    So does one of which CloudFormation cannot be asked: nothing else tells that it is a rollback.
    """
    room = made_by_1_0_0(play)
    play.stage.remove_user("alice")
    play.stage.cloudformation.status = status
    play.stage.cloudformation_denied = status == "AccessDenied"

    back = play.deliver(play.update(room, HIDDEN, DECLARED))

    assert back.succeeded is ("ROLLBACK" in status), back.reason
    assert back.succeeded or back.reason.startswith("EntityNotFoundException: Delegates names alice"), back.reason


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
def test_contract_44_a_rollback_of_a_room_that_has_vanished(play: Timeless, status: str) -> None:
    """A rollback makes anew what people have deleted since 1.0.0 made it; a deliberate update first says so."""
    room = made_by_1_0_0(play)
    play.stage.delete_room(room)
    play.stage.cloudformation.status = status

    back = play.deliver(play.update(room, HIDDEN, DECLARED))

    assert back.succeeded is ("ROLLBACK" in status), back.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [back.physical_id] * back.succeeded
    assert back.succeeded or back.reason.startswith("ResourceGone:"), back.reason
