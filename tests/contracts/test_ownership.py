"""Contracts 13 to 16, 19 and 37, and what else decides whose a resource is; the cut points are in ``tests/e2e``."""

import threading
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from tests.contracts.timeless import Timeless
from tests.harness import DOMAIN, Function, Stage, everything, room_properties
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER
from workmail_rooms.sandbox.services import Call

NOT_CREATED = "Custom::WorkMailResource/not-created"
CREATE_FAILED = "Custom::WorkMailResource/create-failed"


def test_contract_13_a_crash_after_the_answer(stage: Stage) -> None:
    """A Create whose process dies when its answer is out answers the same once more, and writes nothing again."""
    create = stage.event("Create")
    first = stage.deliver(create)
    state, mark = stage.state(), stage.mark()

    assert stage.deliver(create).body == first.body
    assert stage.writes(mark) == []
    assert stage.state() == state


def test_contract_14_the_same_create_twice(stage: Stage) -> None:
    """A Create that is delivered twice, one after the other, answers SUCCESS with the same id twice."""
    create = stage.event("Create", properties=everything())

    answers = [stage.deliver(create) for _ in range(2)]

    assert [answer.succeeded for answer in answers] == [True, True]
    assert len({answer.physical_id for answer in answers}) == len(stage.rooms()) == 1


@pytest.mark.parametrize("slow", ["Query", "PutItem", "CreateResource", "TransactWriteItems", "RegisterToWorkMail"])
def test_contract_14_the_same_create_at_the_same_time(stage: Stage, slow: str) -> None:
    """Two deliveries of one Create that meet at any call make one resource, and both answer SUCCESS with its id."""
    # GIVEN that the first to make the call waits until the second makes it too, or is sure not to
    meeting = threading.Barrier(2)

    def meet(_call: Call) -> None:
        try:
            meeting.wait(0.5)
        except threading.BrokenBarrierError:
            return

    stage.interventions.before(meet, slow, times=2)

    # WHEN Lambda delivers the event twice at once
    answers = stage.send(stage.event("Create", properties=everything()), copies=2).answers()

    # THEN
    assert [answer.status for answer in answers] == ["SUCCESS", "SUCCESS"], [answer.reason for answer in answers]
    assert {answer.physical_id for answer in answers} == {room.ResourceId for room in stage.rooms()}
    assert len(stage.rooms()) == 1


@pytest.mark.parametrize("how", ["lost", "error"])
def test_contract_15_created_but_the_answer_was_lost(stage: Stage, how: str) -> None:
    """A Create whose CreateResource was carried out without its reply coming through finds its resource."""
    if how == "lost":
        stage.interventions.lose_reply("CreateResource")
    else:
        stage.interventions.fail("CreateResource", carried_out=True)

    answer = stage.deliver(stage.event("Create", properties=everything()))

    assert answer.succeeded, answer.reason
    assert [(room.ResourceId, room.State) for room in stage.rooms()] == [(answer.physical_id, "ENABLED")]
    assert stage.operations().count("CreateResource") == 2


def test_contract_15_two_crashes_in_a_row(play: Timeless) -> None:
    """A Create whose process dies twice, each time after another call, goes on where it was and finishes."""
    create = play.event("Create", properties=everything())

    play.dies(create, "CreateResource")
    play.dies(create, "AssociateDelegateToResource", nth=2)
    answer = play.deliver(create)

    assert answer.succeeded
    assert [room.ResourceId for room in play.stage.rooms()] == [answer.physical_id]


@pytest.mark.parametrize("kind", ["room", "room in capitals", "user", "group"])
def test_contract_16_a_name_that_somebody_else_owns(virtual: VirtualStage, kind: str) -> None:
    """A Create with a taken name fails with the marker id, and neither it nor its Delete touches who has the name."""
    name = {"user": "alice", "group": "facilities"}.get(kind, "boardroom")
    if kind.startswith("room"):
        virtual.create_room("BoardRoom" if "capitals" in kind else name, Email=f"boardroom@{DOMAIN}")
    before, properties = virtual.state(), room_properties(Name=name)

    answer = virtual.deliver(virtual.event("Create", properties=properties))

    assert answer.status == "FAILED"
    assert answer.physical_id.startswith(f"{CREATE_FAILED}/")
    assert answer.reason.startswith("NameAvailabilityException:")
    assert virtual.state() == before
    for physical_id in (answer.physical_id, CREATE_FAILED, "rooms-Room-1ABCDEFGHIJKL"):
        assert virtual.deliver(virtual.event("Delete", properties=properties, physical_id=physical_id)).succeeded
    assert virtual.state() == before
    assert virtual.entries() == []


def test_contract_16_somebody_elses_mark(stage: Stage) -> None:
    """A room of the name that bears another stack's owner mark is as foreign as any other."""
    other = stage.event("Create", stack_id=f"{stage.stack_id[:-4]}beef")

    def crash(_call: Call) -> None:
        stage.kill(other)

    # GIVEN another stack whose Create has just made the room, and has died of it for good
    stage.interventions.after(crash, "CreateResource", times=1)
    stage.interventions.after(crash, "Query", nth=2, times=2)
    stage.send(other).wait()
    before = stage.state()

    # WHEN this stack wants the same name
    answer = stage.deliver(stage.event("Create"))

    # THEN
    assert answer.reason.startswith("NameAvailabilityException:")
    assert stage.deliver(stage.event("Delete", physical_id=answer.physical_id)).succeeded
    assert stage.state() == before


def test_contract_19_the_id_is_reported_as_soon_as_it_exists(virtual: VirtualStage) -> None:
    """A Create that fails for good after CreateResource answers with the real id, and the Delete of it removes it."""
    virtual.interventions.fail("RegisterToWorkMail", code="EmailAddressInUseException", status=400, times=99)
    answer = virtual.deliver(virtual.event("Create"))

    room = virtual.room()
    assert room is not None
    assert (answer.status, answer.physical_id) == ("FAILED", room.ResourceId)
    assert answer.reason.startswith("EmailAddressInUseException:")
    assert virtual.deliver(virtual.event("Delete", physical_id=answer.physical_id)).succeeded
    assert virtual.rooms() == []
    assert virtual.entries() == []


def test_contract_19_a_failure_before_the_id_is_cleaned_up(stage: Stage) -> None:
    """A Create that fails for good before the ledger knows the id leaves nothing, not even a room with the mark."""
    stage.interventions.fail("TransactWriteItems", code="AccessDeniedException", status=400, message="not you")
    answer = stage.deliver(stage.event("Create"))

    assert not answer.succeeded
    assert stage.deliver(stage.event("Delete", physical_id=answer.physical_id)).succeeded
    assert stage.rooms() == []
    assert stage.entries() == []


def test_contract_17_a_request_id_used_again_for_a_resource_that_a_stack_has_let_go(stage: Stage) -> None:
    """A RequestId that made a resource proves nothing about another resource that has the name now."""
    first = stage.event("Create")
    stage.delete_room(stage.deliver(first).physical_id)
    foreign = stage.create_room("boardroom")
    before = stage.state()

    answer = stage.deliver(stage.event("Create", request_id=first["RequestId"]))

    assert answer.reason.startswith("NameAvailabilityException:")
    assert stage.deliver(stage.event("Delete", physical_id=answer.physical_id)).succeeded
    assert stage.state() == before
    assert stage.describe(foreign)["state"] == "DISABLED"


def test_contract_37_a_replaced_resource_that_is_retained(stage: Stage) -> None:
    """A replaced resource whose Delete never comes (UpdateReplacePolicy Retain) is not touched by later Updates."""
    old = stage.deliver(stage.event("Create")).physical_id
    moved = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    new = stage.deliver(
        stage.event("Update", properties=moved, old_properties=room_properties(), physical_id=old)
    ).physical_id
    before = stage.describe(old)

    hidden = {**moved, "HiddenFromGlobalAddressList": "true"}
    answer = stage.deliver(stage.event("Update", properties=hidden, old_properties=moved, physical_id=new))

    assert (answer.status, answer.physical_id) == ("SUCCESS", new)
    assert stage.describe(old) == before
    assert stage.deliver(stage.event("Delete", properties=hidden, physical_id=new)).succeeded
    assert [room.ResourceId for room in stage.rooms()] == [old]
    assert stage.describe(old) == before


# ------------------------------------------------------------------------------------------- the organization is away


@pytest.fixture
def abandoning(stage: Stage) -> Function:
    """Return the function of a provider stack with AbandonOnDelete: true."""
    return stage.variant("abandoning", environment={"ABANDON_ON_DELETE": "true"})


@pytest.mark.parametrize("properties", [room_properties(), room_properties(ExistingResource="ADOPT")])
def test_contract_30_abandon_on_delete(stage: Stage, abandoning: Function, properties: dict[str, Any]) -> None:
    """With AbandonOnDelete, Delete succeeds without a call to WorkMail, and the ledger lets go of the resource."""
    for physical_id in (None, "rooms-Room-1ABCDEFGHIJKL", CREATE_FAILED):
        stage.reset()
        room = stage.deliver(stage.event("Create", properties=properties)).physical_id
        state, mark = stage.state(), stage.mark()

        event = stage.event("Delete", properties=properties, physical_id=physical_id or room, function=abandoning)
        answer = stage.deliver(event)

        assert answer.succeeded
        assert stage.operations(mark, "workmail") == []
        assert stage.state() == state
        assert stage.entries() == []


def test_contract_30_abandon_on_delete_without_a_ledger(stage: Stage, abandoning: Function) -> None:
    """With AbandonOnDelete, Delete succeeds even when the ledger cannot be asked."""
    room = stage.deliver(stage.event("Create")).physical_id
    stage.interventions.fail(service="dynamodb", code="ResourceNotFoundException", status=400, times=99)
    mark = stage.mark()

    assert stage.deliver(stage.event("Delete", physical_id=room, function=abandoning)).succeeded
    assert stage.operations(mark, "workmail") == []


@pytest.mark.parametrize("declared", ["CREATED", "ADOPTED"])
@pytest.mark.parametrize("how", ["gone", "Deleted", "Deleted, later gone"])
def test_contract_30_the_organization_has_gone(virtual: VirtualStage, how: str, declared: str) -> None:
    """Delete of a resource whose organization has gone, or is in state Deleted, succeeds and forgets it."""
    adopt = "ADOPT" if declared == "ADOPTED" else None
    if adopt:
        virtual.create_room()
    properties = room_properties(ExistingResource=adopt)
    room = virtual.deliver(virtual.event("Create", properties=properties)).physical_id
    if how == "gone":
        virtual.interventions.fail(service="workmail", code="OrganizationNotFoundException", status=400, times=99)
    else:
        virtual.workmail.organization(EXAMPLE).state = "Deleted"
    if "later" in how:
        virtual.interventions.fail("DescribeOrganization", code="OrganizationNotFoundException", status=400)

    answers = [
        virtual.deliver(virtual.event("Delete", properties=properties, physical_id=physical_id))
        for physical_id in (room, room, "rooms-Room-1ABCDEFGHIJKL")
    ]

    assert [one.status for one in answers] == ["SUCCESS"] * 3, [one.reason for one in answers]
    assert virtual.entries() == []


def test_contract_34_an_organization_that_only_rests(stage: Stage) -> None:
    """Delete of a resource whose organization is in any other state than Deleted fails, and forgets nothing."""
    room = stage.deliver(stage.event("Create")).physical_id
    stage.workmail.organization(EXAMPLE).state = "Disabled"
    before = stage.entries()

    answer = stage.deliver(stage.event("Delete", physical_id=room))

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert answer.reason.startswith("OrganizationStateException:")
    assert stage.entries() == before


def test_contract_34_workmail_cannot_be_reached(virtual: VirtualStage) -> None:
    """Delete fails when WorkMail does not answer, and its Reason names AbandonOnDelete."""
    room = virtual.deliver(virtual.event("Create")).physical_id

    def nobody_listens(_call: Call) -> None:
        raise EndpointConnectionError(endpoint_url="https://workmail.us-east-1.amazonaws.com")

    virtual.interventions.before(nobody_listens, service="workmail", times=10**6)

    answer = virtual.deliver(virtual.event("Delete", physical_id=room))

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert "AbandonOnDelete" in answer.reason
    virtual.interventions.clear()
    assert virtual.deliver(virtual.event("Delete", physical_id=room)).succeeded


def test_contract_37_a_retained_resource_and_a_create_that_fails_elsewhere(stage: Stage) -> None:
    """After DeletionPolicy Retain, a failed Create of the same logical id in another organization touches nothing."""
    stage.deliver(stage.event("Create"))
    stage.create_room("boardroom", organization_id=OTHER)
    before = stage.state()
    elsewhere = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")

    failed = stage.deliver(stage.event("Create", properties=elsewhere))
    deleted = stage.deliver(stage.event("Delete", properties=elsewhere, physical_id=failed.physical_id))

    assert (failed.status, deleted.status) == ("FAILED", "SUCCESS")
    assert stage.state() == before


def test_contract_31_a_late_duplicate_of_a_delete(virtual: VirtualStage) -> None:
    """A Delete that Lambda delivers once more, later, does not touch what a later Create has made."""
    created = virtual.deliver(virtual.event("Create")).physical_id
    deletes = [virtual.event("Delete", physical_id=id_) for id_ in (created, CREATE_FAILED, "rooms-Room-1ABCDEFGHIJKL")]
    assert [virtual.deliver(delete).succeeded for delete in deletes] == [True] * 3
    virtual.deliver(virtual.event("Create", properties=everything()))
    before, entries = virtual.state(), virtual.entries()

    assert [virtual.deliver(delete).succeeded for delete in deletes] == [True] * 3
    assert virtual.state() == before
    assert virtual.entries() == entries
