"""Contracts 37 and 57: what is left in the ledger of what is gone, or of before a backup, blocks nothing."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import room_properties

ADOPTING: Final = room_properties(ExistingResource="ADOPT")

Left = Callable[[Timeless], object]


def deny(play: Timeless, operation: str) -> None:
    """Deny a call from now on."""
    play.stage.interventions.fail(operation, code="AccessDeniedException", status=400, message="not you", times=10**6)


def deleted_by_hand(play: Timeless) -> None:
    """Delete its room by hand."""
    play.stage.delete_room(play.create())


def an_outage_of_the_ledger(play: Timeless) -> None:
    """Let the ledger fail while its room is made."""
    deny(play, "TransactWriteItems")
    assert "the ledger" in play.deliver(play.event("Create")).reason


def an_outage_of_workmail(play: Timeless) -> None:
    """Let WorkMail fail while its room is made, and while it is removed again."""
    deny(play, "RegisterToWorkMail")
    deny(play, "DeleteResource")
    failed = play.deliver(play.event("Create"))
    assert not failed.succeeded
    assert not play.deliver(play.event("Delete", physical_id=failed.physical_id)).succeeded


def no_such_organization(play: Timeless) -> None:
    """Declare an organization that does not exist."""
    wrong = room_properties(OrganizationId=f"m-{'0' * 32}", ExistingResource="ADOPT")
    assert not play.deliver(play.event("Create", properties=wrong)).succeeded


def a_dead_worker(play: Timeless) -> None:
    """Let the worker die that makes its room."""
    play.dies(play.event("Create"), "CreateResource")


@pytest.mark.parametrize("declared", [room_properties(), ADOPTING], ids=["FAIL", "ADOPT"])
@pytest.mark.parametrize(
    "left", [deleted_by_hand, an_outage_of_the_ledger, an_outage_of_workmail, no_such_organization, a_dead_worker]
)
def test_contract_37_what_was_left_blocks_nothing(play: Timeless, left: Left, declared: dict[str, Any]) -> None:
    """Issue 13, line 24: the next Create works, whatever an earlier one has left, and nothing of that stays."""
    # GIVEN something that CloudFormation has let go without a Delete, or after one that failed
    left(play)
    play.stage.interventions.clear()
    play.stage.cloudformation.hide(play.stage.stack_id, "Room")
    play.wait(120)

    # WHEN the resource is declared again, and taken out
    again = play.deliver(play.event("Create", properties=declared))
    assert again.succeeded, again.reason
    assert len(play.stage.rooms()) == 1
    assert play.deliver(play.event("Delete", properties=room_properties(), physical_id=again.physical_id)).succeeded

    # THEN nothing is left
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("declared", [room_properties(), ADOPTING], ids=["FAIL", "ADOPT"])
def test_contract_37_a_retained_room_is_adopted_again(play: Timeless, declared: dict[str, Any]) -> None:
    """A room that was kept (Retain) is taken again with ADOPT; without, the Reason says that it is in the way."""
    room = play.create()
    play.stage.cloudformation.hide(play.stage.stack_id, "Room")

    again = play.deliver(play.event("Create", properties=declared))

    if declared is not ADOPTING:
        assert again.reason.startswith("NameAvailabilityException:")
        assert "which this logical resource had made before" in again.reason
        assert "ExistingResource: ADOPT" in again.reason
        for physical_id in (again.physical_id, "rooms-Room-1ABCDEFGHIJKL"):
            assert play.deliver(play.event("Delete", physical_id=physical_id)).succeeded
        again = play.deliver(play.event("Create", properties=ADOPTING))
    assert (again.succeeded, again.physical_id) == (True, room), again.reason


@pytest.mark.parametrize("request_type", ["Create", "Update"])
@pytest.mark.parametrize("at", ["ready", "half made"])
def test_contract_57_an_entry_older_than_the_room(play: Timeless, at: str, request_type: str) -> None:
    """Issue 13, line 8: after the table was restored to before the room, ADOPT takes the room."""
    # GIVEN a backup of the table, with a room that is gone by now, or that was only begun
    before = play.event("Create")
    if at == "ready":
        old = play.deliver(before).physical_id
    else:
        play.dies(before, "CreateResource")
    restore = play.stage.back_up_ledger()
    if at == "ready":
        assert play.deliver(play.event("Delete", physical_id=old)).succeeded
    else:
        assert play.deliver(play.event("Delete", physical_id="rooms-Room-1ABCDEFGHIJKL")).succeeded
    # AND the room that was made after it
    room = play.create()
    restore()
    play.wait(3600)

    # WHEN the room is adopted
    arguments: dict[str, Any] = (
        {} if request_type == "Create" else {"physical_id": room, "old_properties": room_properties()}
    )
    answer = play.deliver(play.event(request_type, properties=ADOPTING, **arguments))

    # THEN that works, and the room is the stack's again
    assert (answer.succeeded, answer.physical_id) == (True, room), answer.reason
    dropped = play.deliver(
        play.event("Update", properties=room_properties(), old_properties=ADOPTING, physical_id=room)
    )
    assert dropped.succeeded, dropped.reason
    assert play.deliver(play.event("Delete", physical_id=room)).succeeded
    assert play.stage.rooms() == []
