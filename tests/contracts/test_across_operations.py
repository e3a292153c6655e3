"""Contracts 49 to 52, 58 and 59: whose a room is over several operations, in virtual time."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import everything, room_properties
from workmail_resource.workmail.converge import VISIBLE_WITHIN
from workmail_rooms.sandbox.seed import OTHER

INVENTED = "rooms-Room-1ABCDEFGHIJKL"
#: Seconds for which a dead worker may hold others up.
LONGEST_WAIT = 60.0
#: Seconds beside that in which a room may become visible that was perhaps just made (contract 63), and a few calls.
LOOK = VISIBLE_WITHIN + 5


def other_stack(play: Timeless) -> str:
    """Return the id of a second stack."""
    return f"{play.stage.stack_id[:-4]}beef"


# --------------------------------------------------------------------------------------------------------- contract 49


@pytest.mark.parametrize(
    "physical_id", [INVENTED, "Custom::WorkMailResource/create-failed", "Custom::WorkMailResource/create-failed/x@1"]
)
@pytest.mark.parametrize("asked", ["counts it", "denied"])
def test_contract_49_a_settled_room_is_deleted_by_its_own_id_only(play: Timeless, physical_id: str, asked: str) -> None:
    """A Delete with a marker or an invented ID leaves a room that its stack has, and its own Delete removes it."""
    room = play.create()
    before = play.stage.state()
    if asked == "denied":
        play.stage.deny_cloudformation()

    stray = play.deliver(play.event("Delete", physical_id=physical_id))

    assert stray.succeeded
    assert play.stage.state() == before
    assert play.deliver(play.event("Delete", physical_id=room)).succeeded
    assert play.stage.rooms() == []


def test_contract_49_a_marker_removes_what_an_unfinished_create_has_left(play: Timeless) -> None:
    """The Delete of an invented ID removes the room of a Create that died before it was done."""
    play.dies(play.event("Create"), "RegisterToWorkMail")
    play.wait(3600)

    assert play.deliver(play.event("Delete", physical_id=INVENTED)).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_49_the_room_that_stays_is_told_of(play: Timeless) -> None:
    """When a settled room stays because CloudFormation counts it, a log line says so, with the room's id."""
    room = play.create()
    play.stage.cloudformation.show(play.stage.stack_id, "Room", room)

    play.deliver(play.event("Delete", physical_id=INVENTED))

    assert [line["resource_id"] for line in play.log if str(line["message"]).startswith("left alone")] == [room]


# --------------------------------------------------------------------------------------------------------- contract 50


def test_contract_50_an_old_owner_that_comes_back(play: Timeless) -> None:
    """Issue 13, line 1: the logical ID that once had a moved room is used again, fails, and the room stays."""
    # GIVEN a room that was kept by its first stack (Retain), and is the second one's now
    room = play.create()
    play.stage.cloudformation.hide(play.stage.stack_id, "Room")
    adopting = room_properties(ExistingResource="ADOPT")
    moved = play.deliver(play.event("Create", properties=adopting, stack_id=other_stack(play)))
    assert (moved.succeeded, moved.physical_id) == (True, room), moved.reason
    before = play.stage.state()

    # WHEN the first stack declares it anew, which fails, and every Delete that can follow comes
    failed = play.deliver(play.event("Create"))
    assert failed.reason.startswith("NameAvailabilityException:")
    for physical_id in (failed.physical_id, INVENTED, room):
        answer = play.deliver(play.event("Delete", physical_id=physical_id))
        assert answer.succeeded, answer.reason
        assert play.calls < 100

    # THEN the room stays, as the second stack's
    assert play.stage.state() == before
    assert play.deliver(
        play.event("Delete", physical_id=room, stack_id=other_stack(play), properties=room_properties())
    ).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("how", ["Update", "reversed Update", "Delete"])
def test_contract_50_an_entry_without_its_claim(play: Timeless, how: str) -> None:
    """A stack whose room was given to another by hand neither changes nor deletes it, and forgets its entry."""
    room = play.create()
    forwards = play.event("Update", physical_id=room, properties=everything(), old_properties=room_properties())
    if how == "reversed Update":
        play.dies(forwards, "UpdateResource")
        play.wait(60)
    claim = next(item for item in play.stage.entries() if item["Entry"] == "claim")
    play.stage.load_ledger(
        [{"Owner": {"S": claim["Owner"]}, "Entry": {"S": "claim"}, "Holder": {"S": f"{other_stack(play)}|Room"}}]
    )
    before = play.stage.state()

    if how == "Delete":
        assert play.deliver(play.event("Delete", physical_id=room)).succeeded
    else:
        back = play.event("Update", physical_id=room, properties=room_properties(), old_properties=everything())
        answer = play.deliver(forwards if how == "Update" else back)
        assert answer.reason.startswith("NotOwned:")
        assert "beef" in answer.reason

    assert play.stage.state() == before
    assert [item["Entry"] for item in play.stage.entries()] == ["claim"]
    assert play.stage.leases() == []


# --------------------------------------------------------------------------------------------------------- contract 51


@pytest.mark.parametrize("request_id", ["same", "another"])
@pytest.mark.parametrize("order", ["before", "between", "after"])
def test_contract_51_a_failed_create_that_is_tried_again(play: Timeless, order: str, request_id: str) -> None:
    """Issue 13, line 2: the Delete of a failed Create's ID leaves alone what the retry has made, in any order."""
    # GIVEN a Create that failed, since somebody had the name
    foreign = play.stage.create_room()
    first = play.event("Create")
    failed = play.deliver(first)
    assert not failed.succeeded
    play.stage.delete_room(foreign)
    again = {"request_id": first["RequestId"]} if request_id == "same" else {}
    retry = play.event("Create", **again)
    delete = play.event("Delete", physical_id=failed.physical_id)

    # WHEN it is tried again, and the first one's ID is deleted
    answers = []
    if order == "before":
        answers.append(play.deliver(delete))
    if order == "between":
        play.after("RegisterToWorkMail", lambda: answers.append(play.deliver(delete)))
    room = play.deliver(retry)
    if order == "after":
        answers.append(play.deliver(delete))

    # THEN the new room is there
    assert room.succeeded, room.reason
    assert [one.succeeded for one in answers] == [True]
    assert [(one.ResourceId, one.State) for one in play.stage.rooms()] == [(room.physical_id, "ENABLED")]
    assert play.deliver(play.event("Delete", physical_id=room.physical_id)).succeeded
    assert play.stage.entries() == []


@pytest.mark.parametrize("order", ["before", "after"])
def test_contract_51_a_failed_create_that_had_a_room(play: Timeless, order: str) -> None:
    """A Create that failed with a room, tried again: its Delete removes that room, and never the retry's."""
    play.stage.interventions.fail("RegisterToWorkMail", code="InvalidParameterException", status=400)
    failed = play.deliver(play.event("Create"))
    assert failed.physical_id.startswith("r-")
    delete = play.event("Delete", physical_id=failed.physical_id)

    if order == "before":
        assert play.deliver(delete).succeeded
    room = play.create()
    if order == "after":
        assert play.deliver(play.event("Delete", physical_id=failed.physical_id)).succeeded

    assert room != failed.physical_id
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


def test_contract_51_a_failed_create_of_the_day_before(play: Timeless) -> None:
    """The Delete of a Create that failed with a room removes that also when it comes after a later day's Create."""
    play.stage.interventions.fail("RegisterToWorkMail", code="InvalidParameterException", status=400)
    failed = play.deliver(play.event("Create"))
    play.wait(25 * 3600)
    room = play.create(properties=room_properties(Name="den", Email="den@example.com"))

    assert play.deliver(play.event("Delete", physical_id=failed.physical_id)).succeeded

    assert [one.ResourceId for one in play.stage.rooms()] == [room]


def test_contract_51_what_an_earlier_create_has_left(play: Timeless) -> None:
    """The Delete of the latest failed Create also removes what those before it have left half way."""
    first = play.event("Create")
    play.dies(first, "CreateResource")
    play.stage.interventions.fail("DeleteResource", code="AccessDeniedException", status=400, times=10)
    dead = play.last_resort(first)
    assert not play.deliver(play.event("Delete", physical_id=dead.physical_id)).succeeded
    failed = play.deliver(play.event("Create"))
    assert not failed.succeeded
    play.stage.interventions.clear()

    assert play.deliver(play.event("Delete", physical_id=failed.physical_id)).succeeded

    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


def test_contract_51_a_dead_create_that_is_tried_again(play: Timeless) -> None:
    """The Delete of a last-resort answer's ID leaves alone what the retry has made."""
    first = play.event("Create")
    play.dies(first, "CreateResource")
    failed = play.last_resort(first)
    play.wait(LONGEST_WAIT)
    room = play.create()

    assert play.deliver(play.event("Delete", physical_id=failed.physical_id)).succeeded
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


# --------------------------------------------------------------------------------------------------------- contract 52


@pytest.mark.parametrize("died_at", ["PutItem", "CreateResource", "TransactWriteItems", "RegisterToWorkMail"])
def test_contract_52_a_dead_create_holds_nobody_up_for_long(play: Timeless, died_at: str) -> None:
    """Issue 13, line 7: the Delete of an invented ID waits at most a minute for a Create that died, and removes all."""
    play.dies(play.event("Create"), died_at)

    answer = play.deliver(play.event("Delete", physical_id=INVENTED))

    assert answer.succeeded, answer.reason
    assert play.took <= LONGEST_WAIT + (LOOK if died_at == "PutItem" else 0)
    assert play.stage.rooms() == []
    assert play.stage.entries() == []
    assert play.stage.leases() == []


@pytest.mark.parametrize("died_at", ["PutItem", "CreateResource", "TransactWriteItems", "RegisterToWorkMail"])
def test_contract_52_after_the_last_resort_nobody_waits(play: Timeless, died_at: str) -> None:
    """The Delete that follows the last-resort answer to a Create does not wait for its lease, and removes all."""
    create = play.event("Create")
    play.dies(create, died_at)
    answer = play.deliver(play.event("Delete", physical_id=play.last_resort(create).physical_id))

    assert answer.succeeded, answer.reason
    assert play.took <= LOOK
    assert play.stage.rooms() == []
    assert play.stage.entries() == []
    assert play.stage.leases() == []


def test_contract_52_a_dead_update_is_reversed_soon(play: Timeless) -> None:
    """Issue 13, line 20: an Update died, was cancelled, is tried again by Lambda: the reversed one succeeds soon."""
    room = play.create(properties=everything())
    before = play.stage.state()
    changed = everything(Name="den", Email="den@example.com", Aliases=[], Delegates=["facilities"])
    update = play.event("Update", properties=changed, old_properties=everything(), physical_id=room)
    play.dies(update, "UpdateResource")

    reversal = play.event("Update", properties=everything(), old_properties=changed, physical_id=room)
    play.at_next_wait(lambda: play.deliver(update))
    answer = play.deliver(reversal)

    assert answer.succeeded, answer.reason
    assert play.took <= 2 * LONGEST_WAIT
    assert play.stage.state() == before
    assert play.stage.leases() == []


def test_contract_52_a_dead_delete_is_followed_soon(play: Timeless) -> None:
    """A Delete that died is finished by the next one within a minute."""
    room = play.create()
    play.dies(play.event("Delete", physical_id=room), "DeregisterFromWorkMail")

    assert play.deliver(play.event("Delete", physical_id=room)).succeeded
    assert play.took <= LONGEST_WAIT
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("physical_id", ["failed", INVENTED])
def test_contract_62_every_exit_ends_the_lease(play: Timeless, physical_id: str) -> None:
    """Issue 13, line 19: after ADOPT with a typo in OrganizationId the Delete succeeds at once; nothing is left."""
    typo = room_properties(OrganizationId="m-" + 32 * "0", ExistingResource="ADOPT")

    failed = play.deliver(play.event("Create", properties=typo))
    assert failed.reason.startswith("OrganizationNotFoundException:")
    assert play.stage.leases() == []
    named = failed.physical_id if physical_id == "failed" else physical_id
    answer = play.deliver(play.event("Delete", properties=typo, physical_id=named))

    assert answer.succeeded, answer.reason
    assert play.took <= LOOK
    assert play.stage.entries() == []


# --------------------------------------------------------------------------------------------------------- contract 58


@pytest.mark.parametrize("request_type", ["Create", "Delete"])
def test_contract_58_a_wait_without_end_is_bounded(play: Timeless, request_type: str) -> None:
    """However long somebody else keeps the turn, an event makes at most 500 calls, and ends in time."""
    room = play.create()
    owner = f"{play.stage.stack_id}|Room"
    item = next(one for one in play.stage.ledger() if one["Entry"] == "record")
    play.stage.load_ledger(
        [
            {
                **{
                    key: {"N": str(value)} if not isinstance(value, str) else {"S": value}
                    for key, value in item.items()
                },
                "Owner": {"S": owner},
                "Worker": {"S": "somebody"},
                "WorkerEvent": {"S": "another@1"},
                "WorkerRequestType": {"S": "Delete"},
                "LeaseUntil": {"N": str(int(play.now) + 10**6)},
            }
        ]
    )
    arguments = {} if request_type == "Create" else {"physical_id": room}

    answer = play.deliver(play.event(request_type, **arguments))

    assert answer.reason.startswith("TimedOut:")
    assert play.calls <= 500
    assert play.took < 300
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


@pytest.mark.parametrize("operation", ["RegisterToWorkMail", "CreateResource"])
def test_contract_58_a_name_or_address_that_never_becomes_free(play: Timeless, operation: str) -> None:
    """An event that waits for a name or an address until its time is up makes at most 500 calls."""
    code = "NameAvailabilityException" if operation == "CreateResource" else "EmailAddressInUseException"
    play.stage.interventions.fail(operation, code=code, status=400, times=10**6)

    answer = play.deliver(play.event("Create"))

    assert answer.reason.startswith(code)
    assert play.calls <= 500


# --------------------------------------------------------------------------------------------------------- contract 59


def shown_without(play: Timeless) -> None:
    """CloudFormation says that the stack does not have the resource."""
    play.stage.cloudformation.hide(play.stage.stack_id, "Room")


def denied(play: Timeless) -> None:
    """CloudFormation may not be asked."""
    play.stage.deny_cloudformation()


def unreachable(play: Timeless) -> None:
    """CloudFormation does not answer."""
    play.stage.interventions.fail("DescribeStackResource", times=10**6)


@pytest.mark.parametrize(("asked", "stays"), [(shown_without, False), (denied, True), (unreachable, True)])
def test_contract_59_an_answer_that_cloudformation_never_took(
    play: Timeless, asked: Callable[[Timeless], None], *, stays: bool
) -> None:
    """A finished room is removed by an invented ID only if CloudFormation says that it does not count it."""
    room = play.create()
    asked(play)

    answer = play.deliver(play.event("Delete", physical_id=INVENTED))

    assert answer.succeeded, answer.reason
    assert [one.ResourceId for one in play.stage.rooms()] == ([room] if stays else [])
    assert play.logged("left alone") is stays


@pytest.mark.parametrize("began", ["before", "after"])
def test_contract_59_a_room_from_an_earlier_operation(play: Timeless, began: str) -> None:
    """A room that was retained stays at the Delete of an invented ID: its Create was of an earlier operation (49)."""
    play.stage.cloudformation.began = datetime.fromtimestamp(play.now, UTC)
    room = play.create()
    if began == "after":
        # It was taken out with Retain; the Create of another one died before it wrote anything, and was cancelled.
        play.wait(60)
        play.stage.cloudformation.began = datetime.fromtimestamp(play.now, UTC)
    play.stage.cloudformation.show(play.stage.stack_id, "Room", INVENTED, "DELETE_IN_PROGRESS")

    assert play.deliver(play.event("Delete", physical_id=INVENTED)).succeeded

    assert [one.ResourceId for one in play.stage.rooms()] == ([] if began == "before" else [room])
    assert play.logged("left alone") is (began == "after")


def test_contract_59_asked_only_where_the_ledger_cannot_tell(play: Timeless) -> None:
    """A life without disturbance never asks CloudFormation, but for the clean-up of what was replaced.

    That one asks once: the replacement may have ended without anybody to take its answer.
    """
    room = play.create()
    changed = everything()
    play.deliver(play.event("Update", properties=changed, old_properties=room_properties(), physical_id=room))
    elsewhere = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    moved = play.deliver(play.event("Update", properties=elsewhere, old_properties=changed, physical_id=room))
    assert moved.succeeded, moved.reason
    assert play.stage.operations(service="cloudformation") == []
    play.deliver(play.event("Delete", properties=changed, physical_id=room))
    asked = play.stage.operations(service="cloudformation")
    play.deliver(play.event("Delete", properties=elsewhere, physical_id=moved.physical_id))
    play.stage.create_room("den")
    adopting = room_properties(Name="den", Email=None, ExistingResource="ADOPT")
    den = play.create(properties=adopting, logical_id="Den")
    play.deliver(play.event("Delete", properties=adopting, physical_id=den, logical_id="Den"))

    assert play.stage.operations(service="cloudformation") == asked == ["DescribeStackResource"]
    assert [one.Name for one in play.stage.rooms()] == ["den"]
