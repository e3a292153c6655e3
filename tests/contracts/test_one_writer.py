"""Contracts 62 and 63: one writer at a time, events that come too late, and rooms that are not shown yet."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import everything, room_properties
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER

DENIED: dict[str, Any] = {"code": "AccessDeniedException", "status": 400}
INVENTED = "rooms-Room-1ABCDEFGHIJKL"
MOVED = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
PLAIN = room_properties()


# --------------------------------------------------------------------------------------------------------- contract 62


def test_contract_62_a_stale_replacement(play: Timeless) -> None:
    """Issue 13, line 11: a cancelled, slow replacement takes away nothing that a later, successful one has made."""
    old = play.create()
    stale = play.update(old, PLAIN, MOVED)
    answers = []

    def meanwhile() -> None:
        play.wait(60)
        answers.append(play.deliver(play.update(old, MOVED, PLAIN)))
        answers.append(play.deliver(play.update(old, PLAIN, MOVED)))

    play.after("CreateResource", meanwhile)
    late = play.deliver(stale)

    assert [one.status for one in answers] == ["SUCCESS", "SUCCESS"], [one.reason for one in answers]
    assert late.status == "FAILED"
    assert {one.ResourceId for one in play.stage.rooms()} == {old, answers[1].physical_id}
    assert play.deliver(play.event("Delete", physical_id=old)).succeeded
    assert [one.ResourceId for one in play.stage.rooms()] == [answers[1].physical_id]


@pytest.mark.parametrize("kind", ["create", "adoption", "replacement"])
def test_contract_62_a_cancelled_event_that_is_throttled_while_it_clears_up(play: Timeless, kind: str) -> None:
    """The event that follows a cancelled one waits for a minute, and clears what WorkMail has throttled so long.

    GIVEN an event that is cancelled while it makes or adopts a room
    WHEN WorkMail throttles its calls to take that away, or to give it back
    THEN it leaves that to the event which waits for its turn.
    """
    declared, operation, old = PLAIN, "UpdateResource", ""
    match kind:
        case "adoption":
            declared = room_properties(Description="as declared", ExistingResource="ADOPT")
            play.stage.create_room(Email=PLAIN["Email"])
        case "replacement":
            operation, old = "CreateResource", play.create()
    before = play.stage.rooms()
    cancelled = play.update(old, PLAIN, MOVED) if old else play.event("Create", properties=declared)
    following = []

    def meanwhile() -> None:
        delete = play.event("Delete", properties=declared, physical_id=INVENTED)
        following.append(play.update(old, MOVED, PLAIN) if old else delete)
        play.dies(following[0], "PutItem")
        for throttled in ("DeleteResource", "UpdateResource"):
            play.stage.interventions.fail(throttled, code="ThrottlingException", status=400, times=10**6)

    play.after(operation, meanwhile)
    assert play.deliver(cancelled).reason.startswith("Cancelled:")
    assert play.took < 70
    play.stage.interventions.clear()

    assert play.deliver(following[0]).succeeded
    assert play.stage.rooms() == before


@pytest.mark.parametrize("ready", [True, False])
def test_contract_53_a_rest_that_cannot_be_removed(play: Timeless, *, ready: bool) -> None:
    """A reversed Update does not spend its time on what a cancelled replacement has left; Lambda sends it again."""
    room = play.create()
    forward = play.update(room, PLAIN, MOVED)
    if ready:
        assert play.deliver(forward).succeeded
    else:
        play.dies(forward, "TransactWriteItems")
    reversal = play.update(room, MOVED, PLAIN)
    play.stage.interventions.fail("DeleteResource", code="ThrottlingException", status=400, times=10**6)

    answer = play.deliver(reversal)

    assert answer.succeeded, answer.reason
    assert play.comes_again
    play.stage.interventions.clear()
    assert play.deliver(reversal).succeeded
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


def test_contract_53_a_rest_that_cannot_be_removed_before_the_rollback_has_failed(play: Timeless) -> None:
    """A reversed Update that has failed over a rest still clears it when Lambda sends it again, and changes no more."""
    room = play.create()
    play.dies(play.update(room, PLAIN, MOVED), "TransactWriteItems")
    reversal = play.update(room, MOVED, PLAIN)
    play.stage.interventions.fail("DeleteResource", code="ThrottlingException", status=400, times=10**6)
    play.stage.interventions.fail("DescribeResource", code="ThrottlingException", status=400, times=10**6)
    assert not play.deliver(reversal).succeeded
    assert play.comes_again
    play.stage.interventions.clear()
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "UPDATE_FAILED")
    play.wait(60)

    assert play.deliver(reversal).reason.startswith("Cancelled:")

    assert [one.ResourceId for one in play.stage.rooms()] == [room]


def test_contract_28_a_vanished_room_that_cloudformation_still_names(play: Timeless) -> None:
    """A rollback that cleans up what was made instead of a vanished room leaves a stack that can be updated."""
    changed = room_properties(HiddenFromGlobalAddressList="true")
    room = play.create(properties=changed)
    assert play.deliver(play.update(room, changed, PLAIN)).succeeded
    play.stage.delete_room(room)
    made = play.deliver(play.update(room, PLAIN, changed)).physical_id
    assert play.deliver(play.event("Delete", properties=changed, physical_id=made)).succeeded

    again = play.deliver(play.update(room, PLAIN, changed))

    assert again.succeeded, again.reason
    assert play.deliver(play.event("Delete", properties=PLAIN, physical_id=room)).succeeded
    assert play.deliver(play.event("Delete", properties=changed, physical_id=again.physical_id)).succeeded
    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


def test_contract_53_a_rollback_beside_a_room_that_was_retained(play: Timeless) -> None:
    """A rollback stays with the room that it names, if that was as declared, and does not go back to an older one.

    GIVEN a room that goes to another organization and comes back as it was; the first one was retained, and renamed
    WHEN a later update is rolled back
    THEN the room that came back is as before.
    """
    declared = room_properties(Email=None)
    there = declared | {"OrganizationId": OTHER}
    changed_there, changed = there | {"Description": "changed"}, declared | {"Description": "changed"}
    play.stage.cloudformation.status = "UPDATE_IN_PROGRESS"
    first = play.create(properties=declared)
    moved = play.deliver(play.update(first, declared, there)).physical_id
    assert play.deliver(play.update(moved, there, changed_there)).succeeded
    within = {"OrganizationId": declared["OrganizationId"], "ResourceId": first}
    play.stage.workmail.invoke("UpdateResource", within | {"Name": "retained"})
    came_back = play.deliver(play.update(moved, changed_there, declared))
    assert came_back.succeeded, came_back.reason
    assert play.deliver(play.update(came_back.physical_id, declared, changed)).succeeded
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    answer = play.deliver(play.update(came_back.physical_id, changed, declared))

    assert (answer.status, answer.physical_id) == ("SUCCESS", came_back.physical_id), answer.reason
    assert [play.stage.describe(one)["name"] for one in (first, answer.physical_id)] == ["retained", "boardroom"]


@pytest.mark.parametrize("existing", [{}, {"ExistingResource": "ADOPT", "Aliases": []}])
def test_contract_21_a_return_to_a_room_whose_clean_up_has_failed(play: Timeless, existing: dict[str, Any]) -> None:
    """A return to a room that a failed clean-up has deregistered registers it, if WorkMail shows that late, too."""
    declared = room_properties(Aliases=["alias@example.com"])
    old = play.create(properties=declared)
    moved = play.deliver(play.update(old, declared, MOVED)).physical_id
    workmail = play.stage.workmail
    workmail.behaviour = replace(workmail.behaviour, disabled_after=3)
    play.dies(play.event("Delete", physical_id=old), "DeregisterFromWorkMail")

    answer = play.deliver(play.update(moved, MOVED, declared | existing))

    assert (answer.status, answer.physical_id) == ("SUCCESS", old), answer.reason
    assert play.stage.describe(old)["state"] == "ENABLED"


@pytest.mark.parametrize("kind", ["adoption", "return"])
def test_contract_21_a_retry_of_what_shows_late(play: Timeless, kind: str) -> None:
    """A retry does not take a room for DISABLED that its first try has registered for a change, and that shows late.

    GIVEN a WorkMail that changes only what is registered, and shows a new registration unsteadily
    WHEN an adoption, or a return to a former room, dies before it has deregistered the room again
    THEN the retry deregisters it.
    """
    workmail = play.stage.workmail
    workmail.behaviour = replace(workmail.behaviour, update_on_disabled="EntityStateException", enabled_flaps="yes")
    declared = room_properties(Email=None, Description="as declared")

    def within(room: str) -> dict[str, Any]:
        return {"OrganizationId": declared["OrganizationId"], "ResourceId": room}

    if kind == "adoption":
        room = play.stage.create_room()
        event = play.event("Create", properties=declared | {"ExistingResource": "ADOPT"})
    else:
        room = play.create(properties=declared)
        moved = play.deliver(play.update(room, declared, MOVED)).physical_id
        workmail.behaviour = replace(workmail.behaviour, update_on_disabled="ok")
        workmail.invoke("UpdateResource", within(room) | {"Description": "as people want it"})
        workmail.behaviour = replace(workmail.behaviour, update_on_disabled="EntityStateException")
        event = play.update(moved, MOVED, declared)
    play.dies(event, "UpdateResource", 2)
    # The next look shows it as it was.
    assert workmail.invoke("DescribeResource", within(room))["State"] == "ENABLED"
    play.wait(60)

    answer = play.deliver(event)

    assert (answer.status, answer.physical_id) == ("SUCCESS", room), answer.reason
    workmail.behaviour = replace(workmail.behaviour, enabled_flaps="no")
    assert [play.stage.describe(room)[key] for key in ("state", "description")] == ["DISABLED", "as declared"]


def test_contract_21_what_another_stack_has_left_half_removed(play: Timeless) -> None:
    """An adoption does not take a room for ENABLED that its former stack was about to delete, and that shows late.

    GIVEN a stack whose Delete of a room has died when that was deregistered, and which does not have it any more
    WHEN another stack adopts the room
    THEN it registers the room again.
    """
    first = f"{play.stage.stack_id[:-4]}aaaa"
    room = play.create(stack_id=first)
    workmail = play.stage.workmail
    workmail.behaviour = replace(workmail.behaviour, disabled_after=3)
    play.dies(play.event("Delete", physical_id=room, stack_id=first), "DeregisterFromWorkMail")
    play.stage.cloudformation.hide(first, "Room")
    play.wait(60)

    answer = play.deliver(play.event("Create", properties={**PLAIN, "ExistingResource": "ADOPT"}))

    assert (answer.status, answer.physical_id) == ("SUCCESS", room), answer.reason
    workmail.behaviour = replace(workmail.behaviour, disabled_after=0)
    assert [play.stage.describe(room)[key] for key in ("state", "email")] == ["ENABLED", PLAIN["Email"]]


@pytest.mark.parametrize("slow_at", ["PutItem", "CreateResource", "TransactWriteItems", "RegisterToWorkMail"])
def test_contract_62_a_stale_create(play: Timeless, slow_at: str) -> None:
    """Issue 13, line 12: a cancelled, slow Create neither takes nor changes the room of a new deployment."""
    stale = play.event("Create", properties=everything())
    answers = []

    def meanwhile() -> None:
        play.wait(60)
        answers.append(play.deliver(play.event("Delete", properties=everything(), physical_id=INVENTED)))
        answers.append(play.deliver(play.event("Create")))

    play.after(slow_at, meanwhile)
    late = play.deliver(stale)

    assert [one.status for one in answers] == ["SUCCESS", "SUCCESS"], [one.reason for one in answers]
    assert late.reason.startswith("Cancelled:")
    assert [one.ResourceId for one in play.stage.rooms()] == [answers[1].physical_id]
    assert play.stage.describe(answers[1].physical_id)["delegates"] == []
    assert play.deliver(play.event("Delete", physical_id=answers[1].physical_id)).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("dies", [True, False])
def test_contract_62_a_retry_whose_delete_has_failed(play: Timeless, *, dies: bool) -> None:
    """Lambda's retry of a Create that was given up leaves nothing, even if its Delete could write that nowhere."""
    stale = play.event("Create")
    if dies:
        play.dies(stale, "CreateResource")
    play.stage.interventions.fail(service="dynamodb", operation="PutItem", times=10**6, **DENIED)
    told = INVENTED if dies else play.deliver(stale).physical_id
    assert play.deliver(play.event("Delete", physical_id=told)).status == "FAILED"
    play.stage.interventions.clear()
    play.wait(60)

    late = play.deliver(stale)

    assert late.reason.startswith("Cancelled: CloudFormation does not wait for it any more"), late.reason
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("adopts", [True, False])
def test_contract_62_an_event_whose_delete_has_failed(play: Timeless, *, adopts: bool) -> None:
    """A slow Create that was given up leaves nothing, even if its Delete could write that nowhere meanwhile."""
    before = play.stage.create_room(Description="as people know it", Email="old@example.com") if adopts else None
    stale = play.event("Create", properties=room_properties(ExistingResource="ADOPT"))

    def meanwhile() -> None:
        play.wait(6)
        play.stage.interventions.fail(service="dynamodb", operation="PutItem", times=10**6, **DENIED)
        assert play.deliver(play.event("Delete", physical_id=INVENTED)).status == "FAILED"
        play.stage.interventions.clear()

    play.after("UpdateResource", meanwhile)
    late = play.deliver(stale)

    assert late.reason.startswith("Cancelled: CloudFormation does not wait for it any more"), late.reason
    assert [one.ResourceId for one in play.stage.rooms()] == ([before] if adopts else [])
    assert play.stage.entries() == []
    if before:
        room = play.stage.describe(before)
        assert (room["description"], room["email"]) == ("as people know it", "old@example.com")


@pytest.mark.parametrize("restored", ["before the replacement", "after it"])
def test_contract_49_a_table_that_was_backed_up_too_early(play: Timeless, restored: str) -> None:
    """A replacement and its Delete leave a replaced room alone, even if a restored table takes that for unfinished."""
    # GIVEN a table that was backed up while the room was made, which an UpdateReplacePolicy retains
    items, backup = play.stage.world.table.items, dict[Any, Any]()
    play.after("UpdateResource", lambda: backup.update(deepcopy(items)))
    room = current = play.create()
    old, moved = PLAIN, MOVED
    if restored == "after it":
        current = play.deliver(play.update(room, PLAIN, MOVED)).physical_id
        old, moved = MOVED, room_properties(Name="another", Email="another@example.com")
        play.wait(60)
    items.clear()
    items.update(backup)

    # WHEN it is replaced, or what has replaced it is, and what came of that is deleted
    answer = play.deliver(play.update(current, old, moved))
    assert answer.succeeded, answer.reason
    assert play.deliver(play.event("Delete", properties=moved, physical_id=answer.physical_id)).succeeded

    # THEN the retained rooms are there
    assert {one.ResourceId for one in play.stage.rooms()} == {room, current}


@pytest.mark.parametrize("shown", ["COMPLETE", "DELETE_SKIPPED"])
@pytest.mark.parametrize("late", ["Create", "Update", "Update after its clean-up"])
def test_contract_49_a_retry_that_finds_a_restored_table(play: Timeless, late: str, shown: str) -> None:
    """A retry takes nothing away that CloudFormation has taken, even if a restored table knows it as unfinished."""
    # GIVEN an event that has succeeded, and a table that was backed up while it made the room
    items, backup = play.stage.world.table.items, dict[Any, Any]()
    kind = late.partition(" ")[0]
    former = play.create() if kind == "Update" else ""
    event = play.update(former, PLAIN, MOVED) if former else play.event("Create")
    play.after("UpdateResource", lambda: backup.update(deepcopy(items)))
    room = play.deliver(event).physical_id
    items.clear()
    items.update(backup)
    # AND CloudFormation, which has taken its answer, or retained the room since
    status = shown if shown == "DELETE_SKIPPED" else f"{kind.upper()}_COMPLETE"
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, status)
    if late == "Update after its clean-up":
        assert play.deliver(play.event("Delete", physical_id=former)).succeeded

    # WHEN Lambda delivers it again
    play.wait(60)
    play.deliver(event)

    # THEN the room is there
    assert room in {one.ResourceId for one in play.stage.rooms()}


@pytest.mark.parametrize("operation", ["CreateResource", "UpdateResource"])
def test_contract_62_a_record_that_a_sibling_changes(play: Timeless, operation: str) -> None:
    """An event goes on, and is not cancelled, where another logical resource changes its record meanwhile."""
    items = play.stage.world.table.items

    def hand_back() -> None:
        (key,) = (key for key in items if key[1] == "record")
        items[key] = {**items[key], "Version": {"N": str(int(items[key]["Version"]["N"]) + 1)}}

    play.after(operation, hand_back)

    answer = play.deliver(play.event("Create"))

    assert answer.succeeded, answer.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [answer.physical_id]


def test_contract_49_a_room_whose_last_update_has_failed(play: Timeless) -> None:
    """A clean-up that names a room to which an Update has gone back leaves it, also after the next one has failed."""
    # GIVEN a room to which an Update has gone back from its replacement, and an Update of it that has failed since
    room = play.create()
    replacement = play.deliver(play.update(room, PLAIN, MOVED)).physical_id
    play.wait(60)
    assert play.deliver(play.update(replacement, MOVED, PLAIN)).physical_id == room
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "UPDATE_FAILED")

    # WHEN CloudFormation deletes the stack, first what was replaced, of which the room is one
    play.wait(60)
    assert play.deliver(play.event("Delete", physical_id=room)).succeeded

    # THEN the room is there, for its DeletionPolicy to decide
    assert room in {one.ResourceId for one in play.stage.rooms()}
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "DELETE_IN_PROGRESS")
    assert play.deliver(play.event("Delete", physical_id=room)).succeeded
    assert room not in {one.ResourceId for one in play.stage.rooms()}


def test_contract_34_a_delete_that_dies_between_two_rooms(play: Timeless) -> None:
    """A Delete whose worker dies when the first of two rooms is gone leaves nothing of the other either (line 24)."""
    room = play.create()
    play.dies(play.update(room, PLAIN, MOVED), "RegisterToWorkMail")
    delete = play.event("Delete", physical_id=room)
    play.dies(delete, "TransactWriteItems")
    play.wait(60)

    assert play.deliver(delete).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_62_a_late_copy_of_a_clean_up(play: Timeless) -> None:
    """A late copy of the Delete of a room stops no later event that takes it over again."""
    room = play.stage.create_room(Description="as people know it", Email="old@example.com")
    adopting = everything(ExistingResource="ADOPT")
    assert play.create(properties=adopting) == room
    stale = play.event("Delete", properties=adopting, physical_id=room)
    assert play.deliver(stale).succeeded
    play.after("UpdateResource", lambda: play.deliver(stale))

    again = play.deliver(play.event("Create", properties=adopting))

    assert again.succeeded, again.reason
    assert again.physical_id == room


@pytest.mark.parametrize("status", ["DELETE_SKIPPED", "DELETE_IN_PROGRESS"])
def test_contract_49_a_late_clean_up_of_a_room_that_came_back(play: Timeless, status: str) -> None:
    """A late copy of a clean-up that named a room to which an Update has gone back leaves that when it is retained."""
    room = play.create()
    moved = play.deliver(play.update(room, PLAIN, MOVED)).physical_id
    assert play.deliver(play.update(moved, MOVED, PLAIN)).physical_id == room
    clean_up = play.event("Delete", physical_id=room)
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "UPDATE_COMPLETE")
    assert play.deliver(clean_up).succeeded

    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, status)
    assert play.deliver(clean_up).succeeded

    assert (room in {one.ResourceId for one in play.stage.rooms()}) is (status == "DELETE_SKIPPED")


@pytest.mark.parametrize("then", ["cleaned up", "updated, and cleaned up", "deleted"])
def test_contract_49_a_return_that_a_restored_table_does_not_know(play: Timeless, then: str) -> None:
    """A room to which an Update has gone back outlives its clean-up, also where the table was restored to before that.

    GIVEN a room that was replaced, and to which an Update goes back
    WHEN the table is restored to before that, and the clean-up Delete of the replacement names the room
    THEN the room stays while its stack counts it.
    """
    old = play.create()
    moved = play.deliver(play.update(old, PLAIN, MOVED)).physical_id
    items, backup = play.stage.world.table.items, deepcopy(play.stage.world.table.items)
    assert play.deliver(play.update(moved, MOVED, PLAIN)).physical_id == old
    items.clear()
    items.update(backup)
    if then.startswith("updated"):
        play.stage.cloudformation.status = "UPDATE_IN_PROGRESS"
        assert play.deliver(play.update(old, PLAIN, room_properties(HiddenFromGlobalAddressList="true"))).succeeded
    play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "UPDATE_COMPLETE")
    deleted = then == "deleted"
    play.stage.cloudformation.status = "DELETE_IN_PROGRESS" if deleted else "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"

    assert play.deliver(play.event("Delete", physical_id=old)).succeeded

    assert old in {one.ResourceId for one in play.stage.rooms()}
    play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "DELETE_IN_PROGRESS")
    assert play.deliver(play.event("Delete", physical_id=old)).succeeded
    assert old not in {one.ResourceId for one in play.stage.rooms()}


def test_contract_62_a_late_clean_up_while_a_rollback_is_dead(play: Timeless) -> None:
    """A late copy of a failed clean-up stops no rollback that follows it, even if its worker has died at its start."""
    old = play.create()
    moved = play.deliver(play.update(old, PLAIN, MOVED)).physical_id
    clean_up = play.event("Delete", physical_id=old)
    assert not play.deliver(play.update(moved, MOVED, PLAIN | {"Name": "den", "Delegates": ["nobody"]})).succeeded
    back = play.update(moved, PLAIN | {"Name": "den"}, MOVED)
    play.dies(back, "PutItem")

    assert play.deliver(clean_up).succeeded

    answer = play.deliver(back)
    assert (answer.status, answer.physical_id) == ("SUCCESS", moved), answer.reason


@pytest.mark.parametrize(
    ("request_type", "status"),
    [("Create", "DELETE_SKIPPED"), ("Update", "DELETE_SKIPPED"), ("Update", "CREATE_IN_PROGRESS")],
)
def test_contract_50_a_late_copy_for_a_room_that_was_let_go(play: Timeless, request_type: str, status: str) -> None:
    """A late copy of an event that has succeeded changes nothing of a room that its stack has retained since."""
    event = play.event("Create")
    room = play.deliver(event).physical_id
    if request_type == "Update":
        event = play.update(room, PLAIN, everything())
        assert play.deliver(event).succeeded
    play.stage.cloudformation.show(play.stage.stack_id, "Room", "" if status.startswith("CREATE") else room, status)
    play.stage.workmail.invoke(
        "UpdateResource", {"OrganizationId": EXAMPLE, "ResourceId": room, "Description": "by its new owner"}
    )
    before = play.stage.state()
    play.wait(60)

    assert not play.deliver(event).succeeded
    assert play.stage.state() == before


def test_contract_49_a_late_copy_of_a_failed_delete(play: Timeless) -> None:
    """A late copy of a Delete that has failed leaves the room when its stack has retained it since."""
    room = play.create()
    delete = play.event("Delete", physical_id=room)
    play.stage.interventions.fail("DeregisterFromWorkMail", **DENIED)
    assert not play.deliver(delete).succeeded
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "DELETE_SKIPPED")
    before = play.stage.state()
    play.wait(60)

    play.deliver(delete)

    assert play.stage.state() == before
    assert play.stage.entries() == []


def test_contract_62_a_delete_that_loses_its_turn(play: Timeless) -> None:
    """A Delete so slow that a retry of its Create has had its turn meanwhile ends in SUCCESS all the same."""
    cancelled = play.event("Create")
    play.dies(cancelled, "CreateResource")

    def meanwhile() -> None:
        play.wait(60)
        assert play.deliver(cancelled).status == "FAILED"

    play.after("DeleteResource", meanwhile)

    assert play.deliver(play.event("Delete", physical_id=INVENTED)).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_62_a_plan_from_before_the_lease(play: Timeless) -> None:
    """Issue 13, line 21: the reversed Update plans on what the forward one has left, not on what it saw before."""
    room = play.create()
    changed = room_properties(Email="saal@example.com")
    before = play.stage.state()
    forward, reversal = play.update(room, PLAIN, changed), play.update(room, changed, PLAIN)
    answers = []

    # WHEN the reversed one reads the room, and the forward one ends before it takes its turn
    play.after("DescribeResource", lambda: answers.append(play.deliver(forward)))
    answers.append(play.deliver(reversal))

    # THEN
    assert answers[-1].succeeded, answers[-1].reason
    assert {key: {**one, "aliases": sorted(one["aliases"])} for key, one in play.stage.state().items()} == before


def test_contract_62_an_update_that_finds_nothing_to_do(play: Timeless) -> None:
    """Issue 13, line 22: an Update that changes nothing does not refuse its genuine reversal, even in its second."""
    room = play.create()
    changed = room_properties(HiddenFromGlobalAddressList="false")
    forward = play.update(room, PLAIN, changed)

    assert play.deliver(forward).succeeded
    reversal = {**play.event("Update", properties=PLAIN, old_properties=changed, physical_id=room)}
    answer = play.deliver(reversal)

    assert answer.succeeded, answer.reason


def test_contract_62_an_outdated_update_writes_nothing(play: Timeless) -> None:
    """An Update that Lambda delivers after a later one, and once more after that, writes nothing each time."""
    room = play.create()
    first = play.update(room, PLAIN, everything())
    assert play.deliver(play.update(room, everything(), room_properties(Name="den"))).succeeded
    before = play.stage.state()

    for _ in range(2):
        mark = play.stage.mark()
        answer = play.deliver(first)
        assert answer.reason.startswith("Cancelled:")
        assert play.stage.writes(mark) == []
    assert play.stage.state() == before


def test_contract_62_a_late_copy_of_a_failed_update(play: Timeless) -> None:
    """An Update that has failed changes nothing when it comes again, also if the one after it found nothing to do."""
    room = play.create()
    hidden = room_properties(HiddenFromGlobalAddressList="true")
    failed = play.update(room, PLAIN, hidden)
    play.stage.interventions.fail("UpdateResource", code="InvalidParameterException", status=400)
    assert not play.deliver(failed).succeeded
    assert play.deliver(play.update(room, PLAIN, PLAIN)).succeeded
    before = play.stage.state()

    assert play.deliver(failed).reason.startswith("Cancelled:")
    assert play.stage.state() == before


@pytest.mark.parametrize("deleted_by", ["a person", "a Delete"])
def test_contract_62_a_late_copy_of_a_create(play: Timeless, deleted_by: str) -> None:
    """Issue 13, line 18: a copy of a Create that comes late makes nothing anew that has been deleted since."""
    create = play.event("Create")
    room = play.deliver(create).physical_id
    if deleted_by == "a person":
        play.stage.delete_room(room)
    else:
        play.deliver(play.event("Delete", physical_id=room))

    answer = play.deliver(create)

    assert not answer.succeeded
    assert play.stage.rooms() == []


def test_contract_62_a_late_copy_of_a_return(play: Timeless) -> None:
    """A late copy of an Update that has gone back to a former room makes nothing where that has been deleted since."""
    room = play.create()
    moved = play.deliver(play.update(room, PLAIN, MOVED)).physical_id
    back = play.update(moved, MOVED, PLAIN)
    assert play.deliver(back).physical_id == room
    play.stage.delete_room(room)

    assert play.deliver(back).reason.startswith("ResourceGone")
    assert [one.ResourceId for one in play.stage.rooms()] == [moved]


def test_contract_62_a_late_copy_of_an_adoption(play: Timeless) -> None:
    """A second copy of an adoption does nothing after a Delete has cancelled it."""
    play.stage.create_room(Description="as people know it")
    adopting = room_properties(ExistingResource="ADOPT")
    create = play.event("Create", properties=adopting)
    room = play.deliver(create).physical_id
    play.deliver(play.event("Delete", properties=adopting, physical_id=room))
    before = play.stage.state()

    assert not play.deliver(create).succeeded
    assert play.stage.state() == before
    assert play.stage.entries() == []


def test_contract_62_a_vanished_room_made_anew_fails(play: Timeless) -> None:
    """Issue 13, line 17: a reversed Update that makes a room anew and fails leaves nothing, and answers the old ID."""
    room = play.create()
    changed = room_properties(HiddenFromGlobalAddressList="true")
    play.stage.delete_room(room)
    gone = play.deliver(play.update(room, PLAIN, changed))
    assert gone.reason.startswith("ResourceGone")
    play.stage.interventions.fail("RegisterToWorkMail", code="InvalidParameterException", status=400)

    failed = play.deliver(play.update(room, changed, PLAIN))

    assert (failed.status, failed.physical_id) == ("FAILED", room)
    assert play.stage.rooms() == []
    # The next try of the rollback succeeds.
    again = play.deliver(play.update(room, changed, PLAIN))
    assert again.succeeded, again.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [again.physical_id]


def test_contract_62_a_vanished_room_made_anew_and_not_told(play: Timeless) -> None:
    """A reversed Update that dies after it has made a room anew answers with that room at its next delivery."""
    room = play.create()
    changed = room_properties(HiddenFromGlobalAddressList="true")
    play.stage.delete_room(room)
    assert not play.deliver(play.update(room, PLAIN, changed)).succeeded
    back = play.update(room, changed, PLAIN)
    play.dies(back, "PutItem", 2)

    # The last resort may have answered FAILED, so that the rollback is continued with another event.
    answers = [play.deliver(back), play.deliver(play.update(room, changed, PLAIN))]

    assert [one.status for one in answers] == ["SUCCESS", "SUCCESS"], [one.reason for one in answers]
    assert [one.ResourceId for one in play.stage.rooms()] == [answers[0].physical_id] == [answers[1].physical_id]
    # The stack may be deleted with the former room, too, if it never took an answer.
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "DELETE_IN_PROGRESS")
    play.stage.cloudformation.status = "DELETE_IN_PROGRESS"
    assert play.deliver(play.event("Delete", physical_id=room)).succeeded
    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


def test_contract_49_a_room_retained_before_another_has_vanished(play: Timeless) -> None:
    """What UpdateReplacePolicy retains stays when the stack is deleted, also with a vanished room that came after it.

    GIVEN a room that was replaced, and taken again by ADOPT: its replacement is retained
    WHEN somebody deletes the room, and the stack is deleted
    THEN what is retained stays.
    """
    room = play.create()
    retained = play.deliver(play.update(room, PLAIN, MOVED)).physical_id
    play.wait(60)
    adopting = {**PLAIN, "Description": "again", "ExistingResource": "ADOPT"}
    assert play.deliver(play.update(retained, MOVED, adopting)).physical_id == room
    play.stage.delete_room(room)
    assert not play.deliver(play.update(room, adopting, PLAIN)).succeeded
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room, "DELETE_IN_PROGRESS")
    play.stage.cloudformation.status = "DELETE_IN_PROGRESS"

    assert play.deliver(play.event("Delete", properties=adopting, physical_id=room)).succeeded

    assert [one.ResourceId for one in play.stage.rooms()] == [retained]


def test_contract_26_a_replacement_that_has_failed_before(play: Timeless) -> None:
    """A late replacement leaves nothing where another delivery of it has failed, and told so, while it was made."""
    old = play.create()
    before = play.stage.state(), play.stage.entries()

    def meanwhile() -> None:
        play.wait(6)
        play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "UPDATE_FAILED")

    play.after("CreateResource", meanwhile)
    answer = play.deliver(play.update(old, PLAIN, MOVED))

    assert answer.reason.startswith("Cancelled:"), answer.reason
    assert (play.stage.state(), play.stage.entries()) == before


def test_contract_49_a_replacement_of_long_ago(play: Timeless) -> None:
    """A replacement of long ago stays: a table that was restored does not know that it was taken, and retained since.

    GIVEN a room in another organization, made by a replacement that the ledger knows as the latest event
    WHEN an Update, a day and an hour later, names the room that was replaced
    THEN both rooms stay.
    """
    old = play.create()
    retained = play.deliver(play.update(old, PLAIN, MOVED)).physical_id
    play.wait(25 * 3600)
    play.stage.cloudformation.status = "UPDATE_IN_PROGRESS"
    changed = room_properties(HiddenFromGlobalAddressList="true")

    assert play.deliver(play.update(old, PLAIN, changed)).succeeded

    assert {one.ResourceId for one in play.stage.rooms()} == {old, retained}


@pytest.mark.parametrize("answer", ["to nobody", "none"])
@pytest.mark.parametrize("then", ["the stack is deleted", "it is changed", "it is replaced again", "cleaned up"])
def test_contract_26_a_replacement_of_which_nobody_was_told(play: Timeless, then: str, answer: str) -> None:
    """What a replacement has made whose answer nobody took goes with the stack, or with the next Update."""
    old = play.create()
    replaced = play.update(old, PLAIN, MOVED)
    if answer == "to nobody":
        assert play.deliver(replaced).succeeded
    else:
        play.dies(replaced, "PutItem", 2)
    if then != "cleaned up":
        assert not play.last_resort(replaced).succeeded
        play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "UPDATE_FAILED")
    play.wait(60)

    if then == "it is changed":
        play.stage.cloudformation.status = "UPDATE_IN_PROGRESS"
        assert play.deliver(play.update(old, PLAIN, room_properties(HiddenFromGlobalAddressList="true"))).succeeded
        assert [one.ResourceId for one in play.stage.rooms()] == [old]
        return
    if then == "it is replaced again":
        play.stage.cloudformation.status = "UPDATE_IN_PROGRESS"
        again = play.deliver(play.update(old, PLAIN, MOVED))
        assert again.succeeded, again.reason
        assert {one.ResourceId for one in play.stage.rooms()} == {old, again.physical_id}
        return
    if then == "cleaned up":
        # Its answer was taken after all; what is deleted is the former room only.
        play.stage.cloudformation.status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
    else:
        play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "DELETE_IN_PROGRESS")
        play.stage.cloudformation.status = "DELETE_IN_PROGRESS"
    assert play.deliver(play.event("Delete", physical_id=old)).succeeded
    assert [one.Name for one in play.stage.rooms()] == (["boardroom"] if then == "cleaned up" else [])


def test_contract_26_a_replacement_of_a_replacement_of_which_nobody_was_told(play: Timeless) -> None:
    """What nobody took goes with the stack also where what it replaced is cleaned up before.

    GIVEN a room that was replaced, and a replacement of that one which was cancelled
    WHEN the stack is deleted with the first, which cleans the one between up
    THEN nothing is left.
    """
    old = play.create()
    moved = play.deliver(play.update(old, PLAIN, MOVED)).physical_id
    assert play.deliver(play.update(moved, MOVED, room_properties(Name="den", Email="den@example.com"))).succeeded
    play.wait(60)
    play.stage.cloudformation.status = "DELETE_IN_PROGRESS"
    play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "UPDATE_COMPLETE")
    assert play.deliver(play.event("Delete", properties=MOVED, physical_id=moved)).succeeded
    play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "DELETE_IN_PROGRESS")

    assert play.deliver(play.event("Delete", physical_id=old)).succeeded

    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_49_a_replacement_that_was_retained(play: Timeless) -> None:
    """A replacement that UpdateReplacePolicy keeps, when its stack goes back from it, stays when that is deleted."""
    here, there = PLAIN | {"ExistingResource": "ADOPT"}, MOVED | {"ExistingResource": "ADOPT"}
    old = play.create(properties=here)
    new = play.deliver(play.update(old, here, there)).physical_id
    play.wait(60)
    assert play.deliver(play.update(new, there, here)).physical_id == old
    play.stage.cloudformation.show(play.stage.stack_id, "Room", old, "DELETE_IN_PROGRESS")
    play.stage.cloudformation.status = "DELETE_IN_PROGRESS"
    play.wait(60)
    delete = play.event("Delete", properties=here, physical_id=old)

    # Lambda delivers it again, since the first answer was lost.
    for _ in range(2):
        assert play.deliver(delete).succeeded

    assert [one.ResourceId for one in play.stage.rooms()] == [new]


@pytest.mark.parametrize("kind", ["Create", "Update"])
def test_contract_62_no_empty_words(play: Timeless, kind: str) -> None:
    """Issue 13, line 23: who is overtaken says what has happened, in words."""
    answers = []
    if kind == "Create":
        event = play.event("Create")
    else:
        room = play.create()
        event = play.update(room, PLAIN, everything())
    overtaking = (
        play.event("Delete", physical_id=INVENTED)
        if kind == "Create"
        else play.update(room, everything(), room_properties(Name="den"))
    )

    def overtake() -> None:
        play.wait(60)
        answers.append(play.deliver(overtaking))

    play.after("RegisterToWorkMail" if kind == "Create" else "UpdateResource", overtake)
    late = play.deliver(event)

    assert late.reason.startswith("Cancelled: CloudFormation has sent a later event"), late.reason
    assert answers[-1].succeeded, answers[-1].reason


# --------------------------------------------------------------------------------------------------------- contract 63


@pytest.mark.parametrize("died_at", ["CreateResource", "TransactWriteItems"])
@pytest.mark.parametrize("reads", [1, 3])
def test_contract_63_a_room_that_is_not_shown_yet(play: Timeless, died_at: str, reads: int) -> None:
    """Issue 13, line 13: the Delete of a cancelled Create finds the room that WorkMail shows a little later."""
    play.stage.workmail.behaviour = replace(play.stage.workmail.behaviour, visible_after=reads)
    play.dies(play.event("Create"), died_at)

    answer = play.deliver(play.event("Delete", physical_id=INVENTED))

    assert answer.succeeded, answer.reason
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("reads", [1, 3])
def test_contract_63_an_overtaken_create_removes_what_is_not_shown_yet(play: Timeless, reads: int) -> None:
    """A Create whose Delete has passed meanwhile removes its own room, also when WorkMail shows it late."""
    play.stage.workmail.behaviour = replace(play.stage.workmail.behaviour, visible_after=reads)

    def cancel() -> None:
        play.wait(60)
        assert play.deliver(play.event("Delete", physical_id=INVENTED)).succeeded

    play.before("CreateResource", cancel)
    late = play.deliver(play.event("Create"))

    assert late.reason.startswith("Cancelled:")
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_63_a_lost_reply_after_a_refused_name(play: Timeless) -> None:
    """A Create whose reply was lost, long after the name was refused, finds its room when WorkMail shows it."""
    play.stage.workmail.behaviour = replace(play.stage.workmail.behaviour, visible_after=2)
    play.stage.interventions.fail("CreateResource", code="NameAvailabilityException", status=400)
    play.stage.interventions.lose_reply("CreateResource", 2)
    play.before("CreateResource", lambda: play.wait(60), 2)

    answer = play.deliver(play.event("Create"))

    assert answer.succeeded, answer.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [answer.physical_id]


def test_contract_63_a_failed_create_removes_what_is_not_shown_yet(play: Timeless) -> None:
    """A Create that fails before the ledger knows the room's id leaves nothing, also when WorkMail shows it late."""
    play.stage.workmail.behaviour = replace(play.stage.workmail.behaviour, visible_after=2)
    play.stage.interventions.lose_reply("CreateResource", times=99)

    failed = play.deliver(play.event("Create"))
    deleted = play.deliver(play.event("Delete", physical_id=failed.physical_id))

    assert (failed.succeeded, deleted.succeeded) == (False, True) or (failed.succeeded, deleted.succeeded) == (
        True,
        True,
    )
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_63_whoever_cannot_remove_its_own_room_comes_again(play: Timeless) -> None:
    """Issue 13, line 16: a Create is denied the removal of its own room after its Delete: Lambda delivers it again."""
    create = play.event("Create")

    def cancel() -> None:
        play.wait(60)
        assert play.deliver(play.event("Delete", physical_id=INVENTED)).succeeded
        play.stage.interventions.fail("DeleteResource", code="AccessDeniedException", status=400, times=99)

    play.before("CreateResource", cancel)
    late = play.deliver(create)
    assert (late.status, play.comes_again) == ("FAILED", True)
    assert len(play.stage.rooms()) == 1
    play.stage.interventions.clear()

    play.deliver(create)

    assert play.stage.rooms() == []
    assert play.stage.entries() == []
    assert not play.comes_again


# ------------------------------------------------------------------------------------------------- what is left behind


@pytest.mark.parametrize("how", ["retained", "deleted by hand", "organization that does not exist"])
def test_contract_62_what_is_left_blocks_nobody(play: Timeless, how: str) -> None:
    """Issue 13, line 24: what is left in the ledger of rooms that are gone or let go blocks no Create and no ADOPT."""
    first = f"{play.stage.stack_id[:-4]}aaaa"
    adopting = room_properties(ExistingResource="ADOPT")
    match how:
        case "retained":
            play.create(stack_id=first)
            play.stage.cloudformation.hide(first, "Room")
            answer = play.deliver(play.event("Create", properties=adopting))
        case "deleted by hand":
            play.stage.delete_room(play.create())
            answer = play.deliver(play.event("Create"))
        case _:
            typo = room_properties(OrganizationId="m-" + 32 * "0")
            failed = play.deliver(play.event("Create", properties=typo))
            play.deliver(play.event("Delete", properties=typo, physical_id=failed.physical_id))
            assert play.stage.entries() == []
            answer = play.deliver(play.event("Create"))

    assert answer.succeeded, answer.reason
    declared = adopting if how == "retained" else PLAIN
    assert play.deliver(play.event("Delete", properties=declared, physical_id=answer.physical_id)).succeeded
