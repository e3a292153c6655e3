"""Whom a resource is taken over from; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import MADE, OWNER, READY, SIBLING, STRANGER, MakeScripted, Scripted
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, event
from workmail_resource.lifecycle.adopt import adopt
from workmail_resource.lifecycle.work import Result
from workmail_resource.ownership.errors import AdoptionRefusedError, OvertakenError
from workmail_resource.ownership.rules import Lease, owner_mark
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room

DECLARATION = Declaration(ORGANIZATION, "boardroom", "ROOM", existing="ADOPT")
ROOM = Room(RESOURCE, "boardroom", "ROOM", "DISABLED")
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def stack(status: str) -> dict[str, Any]:
    """Return what DescribeStacks answers."""
    return {"Stacks": [{"StackName": "other", "CreationTime": "2026-11-22", "StackStatus": status}]}


def adopting(world: Scripted, room: Room = ROOM) -> Result:
    """Let the event adopt *room*."""
    return adopt(world.work, world.work.workmail(ORGANIZATION), world.work.turn.wait(), room, DECLARATION)


def reads(world: Scripted) -> None:
    """Let WorkMail show the room as it is declared; what it keeps of a disabled one's lists is read too."""
    world.workmail.shows(SHOWN)
    world.workmail.add_response("list_aliases", {})
    world.workmail.add_response("list_resource_delegates", {})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"type": "EQUIPMENT"}, "is of Type EQUIPMENT, not ROOM"),
        ({"description": owner_mark(STRANGER, "a@1")}, "has the mark of a creation by another stack"),
    ],
)
def test_what_is_not_one_to_adopt_is_not_touched(scripted: MakeScripted, changes: dict[str, Any], problem: str) -> None:
    """A resource of another Type, or that is only just being made, is refused before anything is written (45)."""
    world = scripted(event(signed_at=100))
    with pytest.raises(AdoptionRefusedError, match=problem):
        adopting(world, ROOM._replace(**changes))
    assert world.ledger.read(OWNER).version == 0


@pytest.mark.parametrize("changes", [{"ready": False}, {"giving_back": True}])
def test_what_a_sibling_has_not_finished_is_not_taken(scripted: MakeScripted, changes: dict[str, Any]) -> None:
    """A resource that another logical ID is only making, or giving back, is not taken over (contract 56)."""
    world = scripted(event(signed_at=100))
    before = world.has(READY._replace(**changes), owner=SIBLING)
    with pytest.raises(AdoptionRefusedError, match="is being changed by Den of stack"):
        adopting(world)
    assert world.ledger.read(SIBLING) == before


def test_a_sibling_at_work_is_waited_for(scripted: MakeScripted) -> None:
    """While another logical ID is at work on its resource, the adoption waits, and then looks again (62)."""
    world = scripted(event(signed_at=100))
    world.has(READY, owner=SIBLING, lease=Lease("another", "request-0@50", int(world.clock.now) + 5))
    with pytest.raises(OvertakenError):
        adopting(world)
    assert sum(world.clock.slept) >= 5
    assert world.ledger.read(OWNER).version == 0


def test_a_stack_that_is_being_changed_is_waited_for(scripted: MakeScripted) -> None:
    """While a stack may still go back to a room that it has replaced, the adoption waits, and then looks again (57)."""
    world = scripted(event(signed_at=100))
    world.has(READY, owner=STRANGER)
    world.shows_counted("r-other", "UPDATE_COMPLETE")
    world.shows_counted("", "CREATE_IN_PROGRESS")
    for _ in range(3):
        world.cloudformation.add_response("describe_stacks", stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"))
    world.cloudformation.add_response("describe_stacks", stack("UPDATE_COMPLETE"))
    with pytest.raises(OvertakenError):
        adopting(world)
    assert len(world.clock.slept) == 3


@pytest.mark.parametrize(
    ("shown", "taken"),
    [
        ("gone", True),
        (("r-other", "UPDATE_COMPLETE", "UPDATE_COMPLETE"), True),
        (("r-other", "UPDATE_COMPLETE", "UPDATE_FAILED"), False),
        (("r-other", "CREATE_FAILED", "UPDATE_ROLLBACK_COMPLETE"), True),
        (("r-other", "CREATE_FAILED", "UPDATE_FAILED"), False),
        (("r-other", "DELETE_FAILED", "ROLLBACK_FAILED"), False),
        ((RESOURCE, "DELETE_SKIPPED"), True),
        ((RESOURCE, "UPDATE_COMPLETE"), False),
        ((RESOURCE, "DELETE_FAILED"), False),
        ("denied", False),
    ],
)
def test_another_stack_s_resource_is_taken_only_if_it_has_let_it_go(
    scripted: MakeScripted, shown: Any, *, taken: bool
) -> None:
    """CloudFormation is asked whether the other stack still counts the room; without an answer it does (57, 59)."""
    world = scripted(event(signed_at=100))
    before = world.has(READY, owner=STRANGER)
    if shown == "gone":
        world.cloudformation.refuses("describe_stack_resource", "ValidationError", "Stack x does not exist")
    elif shown == "denied":
        world.cloudformation.refuses("describe_stack_resource", "AccessDenied")
    else:
        world.shows_counted(shown[0], shown[1])
    if shown != "denied":
        world.shows_counted("", "CREATE_IN_PROGRESS")
    if len(shown) == 3:
        world.cloudformation.add_response("describe_stacks", stack(shown[2]))
    if len(shown) == 3 and taken:
        world.shows_counted(shown[0], shown[1])
    if taken:
        reads(world)
        adopting(world)
        assert world.ledger.holder(ORGANIZATION, RESOURCE) == OWNER
        assert world.ledger.read(STRANGER).is_empty
        # A late copy of the Create that had made it makes nothing anew.
        assert world.ledger.read(STRANGER).has_outdated(event(request_id="request-0", signed_at=50))
    else:
        advice = "Allow the provider's role" if shown == "denied" else "give it DeletionPolicy: Retain there"
        advice = "Deploy again when that has ended" if len(shown) == 3 else advice
        with pytest.raises(AdoptionRefusedError, match="BoardRoom of stack") as raised:
            adopting(world)
        assert advice in raised.value.advice
        assert world.ledger.read(STRANGER) == before
        assert world.ledger.read(OWNER).version == 0


@pytest.mark.parametrize("origin", ["CREATED", "ADOPTED"])
def test_what_an_event_that_was_given_up_has_left(scripted: MakeScripted, origin: Any) -> None:
    """The rest of an own, cancelled event is no less own when it is adopted, and what was before stays known (46)."""
    world = scripted(event(signed_at=100))
    before = {"State": "DISABLED"} if origin == "ADOPTED" else None
    began = f"request-0@{int(world.clock.now) - 60}"
    world.has(MADE._replace(made_by=began, origin=origin, before=before))
    reads(world)
    adopting(world)
    (entry,) = world.ledger.read(OWNER).entries
    assert (entry.made_by, entry.origin) == ("request-1@100", origin)
    assert entry.before == before or before is None


def test_what_a_failed_create_has_left_in_another_stack_is_taken_over(
    scripted: MakeScripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A room with a mark that CloudFormation has let go is adopted, and its mark is not given back later (46, 57)."""
    monkeypatch.setattr("workmail_resource.lifecycle.steps.LOOK_AGAIN", 0.0)
    world = scripted(event(signed_at=100))
    world.has(MADE, owner=STRANGER)
    world.shows_counted(RESOURCE, "DELETE_SKIPPED")
    world.shows_counted("", "CREATE_IN_PROGRESS")
    marked = {**SHOWN, "Description": owner_mark(STRANGER, "request-0@50")}
    world.workmail.shows(marked)
    world.workmail.add_response("list_aliases", {})
    world.workmail.add_response("list_resource_delegates", {})
    world.workmail.add_response("update_resource", {})
    world.workmail.shows(SHOWN)
    world.workmail.shows(SHOWN)
    adopting(world, ROOM._replace(description=marked["Description"]))
    (entry,) = world.ledger.read(OWNER).entries
    assert entry.before is not None
    assert entry.before["Description"] is None


def test_an_adoption_that_had_begun_to_end_ends_first(scripted: MakeScripted) -> None:
    """What an earlier event has begun to give back is given back before it is adopted anew (contract 63)."""
    world = scripted(event(signed_at=100))
    world.has(READY._replace(origin="ADOPTED", giving_back=True))
    with pytest.raises(OvertakenError):
        adopting(world)
    assert world.ledger.read(OWNER).entries == ()
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None
