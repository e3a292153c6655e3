"""What goes on, and what does not, while DynamoDB cannot be reached."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from tests.harness import Stage, everything, room_properties
from tests.harness.account import Account
from tests.matrices.virtual import VirtualStage
from tests.simulation.awslambda import LEDGER_TABLE
from workmail_rooms.sandbox.seed import OTHER

ADOPTING: Final = room_properties(ExistingResource="ADOPT")
MOVED: Final = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")

OUTAGES: Final[Mapping[str, Mapping[str, Any]]] = {
    "no table": {"code": "ResourceNotFoundException", "status": 400, "message": "Requested resource not found"},
    "not allowed": {
        "code": "AccessDeniedException",
        "status": 400,
        "message": "User: x is not authorized to perform: dynamodb:Query on resource: y",
    },
    # Tried again for some ten seconds, so only where it matters.
    "errors": {"code": "InternalServerError", "status": 500},
}


def break_ledger(stage: Account, outage: str) -> None:
    """Let every call to DynamoDB fail from now on."""
    stage.interventions.fail(service="dynamodb", times=10_000, **OUTAGES[outage])


@pytest.mark.parametrize("outage", OUTAGES)
def test_contract_36_an_outage_fails_create_before_any_change(virtual: VirtualStage, outage: str) -> None:
    """While the ledger cannot be used, Create fails before it changes anything in WorkMail, and names the table."""
    before, mark = virtual.state(), virtual.mark()
    break_ledger(virtual, outage)

    answer = virtual.deliver(virtual.event("Create", properties=everything()))

    assert answer.status == "FAILED"
    assert answer.reason.startswith(f"{OUTAGES[outage]['code']}:")
    assert LEDGER_TABLE in answer.reason
    assert virtual.writes(mark) == []
    assert virtual.state() == before


@pytest.mark.parametrize("new", [everything(), MOVED, ADOPTING], ids=["in place", "replacement", "adopt"])
@pytest.mark.parametrize("outage", ["no table", "not allowed"])
def test_contract_36_an_outage_fails_update_before_any_change(
    virtual: VirtualStage, outage: str, new: dict[str, Any]
) -> None:
    """While the ledger cannot be used, Update fails before it changes anything in WorkMail, and names the table."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    before, mark = virtual.state(), virtual.mark()
    break_ledger(virtual, outage)

    answer = virtual.deliver(
        virtual.event("Update", properties=new, old_properties=room_properties(), physical_id=room)
    )

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert LEDGER_TABLE in answer.reason
    assert virtual.writes(mark) == []
    assert virtual.state() == before


@pytest.mark.parametrize("call", ["PutItem", "TransactWriteItems"])
def test_contract_19_an_outage_that_begins_later(virtual: VirtualStage, call: str) -> None:
    """When the ledger fails only while a Create is at work, its Delete leaves nothing, with or without the ledger."""
    for until_when in ("Create", "Delete"):
        virtual.reset()
        before = virtual.state()
        virtual.interventions.fail(call, code="AccessDeniedException", status=400, message="not you", times=99)

        answer = virtual.deliver(virtual.event("Create", properties=everything()))

        assert answer.status == "FAILED"
        assert LEDGER_TABLE in answer.reason
        if until_when == "Create":
            virtual.interventions.clear()
        else:
            break_ledger(virtual, "no table")
        deleted = virtual.deliver(virtual.event("Delete", properties=everything(), physical_id=answer.physical_id))
        # Without the ledger, nobody can know what a Create has made, or whose a live room is (contract 49).
        assert deleted.succeeded == (until_when == "Create")
        assert not deleted.succeeded or virtual.state() == before


@pytest.mark.parametrize("outage", ["no table", "not allowed"])
def test_contract_49_an_outage_fails_delete_of_a_live_room(stage: Stage, outage: str) -> None:
    """Without the ledger nobody can prove whose a live room is: its Delete fails and leaves it; a later one works."""
    room = stage.deliver(stage.event("Create", properties=everything())).physical_id
    before, mark = stage.state(), stage.mark()
    break_ledger(stage, outage)

    answer = stage.deliver(stage.event("Delete", properties=everything(), physical_id=room))

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert "the ledger, DynamoDB table" in answer.reason
    assert stage.writes(mark) == []
    assert stage.state() == before
    stage.interventions.clear()
    assert stage.deliver(stage.event("Delete", properties=everything(), physical_id=room)).succeeded
    assert stage.rooms() == []
    assert stage.entries() == []


def test_contract_49_an_outage_while_a_room_is_not_shown_yet(virtual: VirtualStage) -> None:
    """Without the ledger, a room that WorkMail does not show yet does not count as gone; a later Delete removes it."""
    virtual.workmail.behaviour = replace(virtual.workmail.behaviour, visible_after=2)
    virtual.interventions.fail("TransactWriteItems", code="AccessDeniedException", status=400, times=99)
    failed = virtual.deliver(virtual.event("Create"))
    break_ledger(virtual, "not allowed")
    delete = virtual.event("Delete", physical_id=failed.physical_id)

    assert virtual.deliver(delete).status == "FAILED"
    virtual.interventions.clear()
    assert virtual.deliver(delete).succeeded
    assert virtual.rooms() == []


@pytest.mark.parametrize("outage", ["no table", "not allowed"])
def test_contract_30_an_outage_does_not_fail_delete_of_what_is_gone(virtual: VirtualStage, outage: str) -> None:
    """Delete of a resource that WorkMail shows to be gone works without the ledger."""
    room = virtual.deliver(virtual.event("Create", properties=everything())).physical_id
    virtual.delete_room(room)
    break_ledger(virtual, outage)

    answer = virtual.deliver(virtual.event("Delete", properties=everything(), physical_id=room))

    assert answer.succeeded, answer.reason
    # WHEN the ledger is back, its stale entry stands in nobody's way.
    virtual.interventions.clear()
    again = virtual.deliver(virtual.event("Create"))
    assert again.succeeded
    assert virtual.deliver(virtual.event("Delete", physical_id=again.physical_id)).succeeded
    assert virtual.rooms() == []
    assert virtual.entries() == []


@pytest.mark.parametrize(
    ("properties", "physical_id"),
    [
        (ADOPTING, None),
        (room_properties(), "rooms-Room-1ABCDEFGHIJKL"),
        (room_properties(), "Custom::WorkMailResource/create-failed"),
    ],
)
def test_contract_34_an_outage_fails_delete_of_what_only_the_ledger_knows(
    virtual: VirtualStage, properties: dict[str, Any], physical_id: str | None
) -> None:
    """Delete fails, and touches nothing, where only the ledger could say whose the resource is."""
    if physical_id is None:
        virtual.create_room()
    room = virtual.deliver(virtual.event("Create", properties=properties)).physical_id
    before = virtual.state()
    break_ledger(virtual, "no table")
    delete = virtual.event("Delete", properties=properties, physical_id=physical_id or room)

    answer = virtual.deliver(delete)

    assert (answer.status, answer.physical_id) == ("FAILED", physical_id or room)
    assert LEDGER_TABLE in answer.reason
    assert virtual.state() == before
    # WHEN the ledger is back, the repeated Delete works, where CloudFormation has never taken the Create's answer.
    virtual.interventions.clear()
    if physical_id is not None:
        virtual.cloudformation.show(delete["StackId"], "Room", physical_id, "DELETE_IN_PROGRESS")
    again = virtual.event("Delete", physical_id=room)
    assert virtual.deliver({**delete, "ResponseURL": again["ResponseURL"]}).succeeded
    assert virtual.entries() == []
