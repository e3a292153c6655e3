"""Contract 32 and its kin: CloudFormation gives an event up, and Lambda delivers it all the same."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import Answer, Stage, everything, room_properties
from tests.matrices.virtual import Sent, VirtualStage
from workmail_rooms.sandbox.seed import OTHER

INVENTED: Final = "rooms-Room-1ABCDEFGHIJKL"
NOON: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)


def expiring_target(
    stack_id: str, logical_resource_id: str, signed_at: datetime, unique: uuid.UUID, signature: str
) -> str:
    """Build path and query of a ResponseURL in the older form, whose only date is that of its end, two hours later."""
    key = quote(f"{stack_id}|{logical_resource_id}|{unique}", safe="")
    expires = int((signed_at + timedelta(hours=2)).timestamp())
    query = f"AWSAccessKeyId=AKIAEXAMPLE&Expires={expires}&Signature={signature}"
    return f"/cloudformation-custom-resource-response-useast1/{key}?{query}"


Form = Callable[..., str] | None
FORMS: Final = [pytest.param(None, id="X-Amz-Date"), pytest.param(expiring_target, id="Expires")]


def signed(stage: Stage, event: dict[str, Any], at: datetime, form: Form) -> dict[str, Any]:
    """Return *event* with a ResponseURL of the given form and date."""
    return stage.sign(event, at) if form is None else stage.sign(event, at, form)


@pytest.mark.parametrize("form", FORMS)
def test_contract_32_delete_before_the_create_starts(stage: Stage, form: Form) -> None:
    """A Create that Lambda delivers only after the Delete that cancels it makes nothing."""
    create = signed(stage, stage.event("Create"), NOON, form)
    delete = signed(stage, stage.event("Delete", physical_id=INVENTED), NOON + timedelta(seconds=1), form)

    assert stage.deliver(delete).succeeded
    mark = stage.mark()
    answer = stage.deliver(create)

    assert answer.status == "FAILED"
    assert answer.reason.startswith("Cancelled:")
    assert stage.writes(mark) == []
    assert stage.rooms() == []
    assert stage.entries() == []


@pytest.mark.parametrize("form", FORMS)
def test_contract_32_within_one_second(stage: Stage, form: Form) -> None:
    """A Create that bears the same second as the Delete is the one that it cancels: the date has no finer unit."""
    create = signed(stage, stage.event("Create"), NOON, form)
    delete = signed(stage, stage.event("Delete", physical_id=INVENTED), NOON, form)

    assert stage.deliver(delete).succeeded
    assert not stage.deliver(create).succeeded
    assert stage.rooms() == []
    assert stage.entries() == []


@pytest.mark.parametrize("form", FORMS)
def test_contract_32_delete_after_the_create(stage: Stage, form: Form) -> None:
    """A Create that succeeded without anybody waiting for its answer is found by the Delete of an invented id."""
    create = signed(stage, stage.event("Create", properties=everything()), NOON, form)
    delete = stage.event("Delete", properties=everything(), physical_id=INVENTED)
    assert stage.deliver(create).succeeded
    stage.cloudformation.show(stage.stack_id, "Room", INVENTED, "DELETE_IN_PROGRESS")

    assert stage.deliver(signed(stage, delete, NOON + timedelta(seconds=1), form)).succeeded
    assert stage.rooms() == []
    assert stage.entries() == []
    # A late copy of the Create changes nothing any more.
    assert not stage.deliver(create).succeeded
    assert stage.rooms() == []


@pytest.mark.parametrize("form", FORMS)
def test_contract_32_a_later_create_is_not_blocked(stage: Stage, form: Form) -> None:
    """After a cancelled Create, a later genuine one of the same logical id in the same stack succeeds."""
    cancelled = signed(stage, stage.event("Create"), NOON, form)
    delete = signed(stage, stage.event("Delete", physical_id=INVENTED), NOON + timedelta(seconds=1), form)
    genuine = signed(stage, stage.event("Create", properties=everything()), NOON + timedelta(seconds=2), form)

    assert stage.deliver(delete).succeeded
    answer = stage.deliver(genuine)
    assert answer.succeeded, answer.reason
    before = stage.state()

    # The cancelled one and the Delete are delivered once more, and change nothing.
    assert not stage.deliver(cancelled).succeeded
    assert stage.deliver(delete).succeeded
    assert stage.state() == before
    assert [room.ResourceId for room in stage.rooms()] == [answer.physical_id]


def test_contract_32_events_without_a_date(stage: Stage) -> None:
    """A ResponseURL whose query says nothing of a date is answered; Create and Delete do their plain work."""

    def undated(stack_id: str, _logical_id: str, _at: datetime, unique: uuid.UUID, signature: str) -> str:
        return f"/{quote(stack_id, safe='')}/{unique}?Signature={signature}"

    answer = stage.deliver(stage.sign(stage.event("Create"), presign=undated))
    assert answer.succeeded, answer.reason

    deleted = stage.deliver(stage.sign(stage.event("Delete", physical_id=answer.physical_id), presign=undated))
    assert deleted.succeeded
    assert stage.rooms() == []


def test_contract_32_the_cancelled_create_is_the_one_that_lambda_retries(play: Timeless) -> None:
    """A Create that died half way is cancelled before Lambda's next try: the try does nothing, the Delete clears."""
    create = play.event("Create", properties=everything())
    play.dies(create, "CreateResource")
    tries: list[Answer] = []
    play.at_next_wait(lambda: tries.append(play.deliver(create)))

    deleted = play.deliver(play.event("Delete", properties=everything(), physical_id=INVENTED))

    assert tries[0].reason.startswith("Cancelled:")
    assert deleted.succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_32_a_delete_waits_for_a_create_that_has_no_id_yet(virtual: VirtualStage) -> None:
    """While CreateResource is on its way, Delete does not say SUCCESS; it does when the Create has cleared away."""
    create = virtual.event("Create")
    delete: list[Sent] = []
    waited: list[bool] = []

    def cancel(_call: object) -> None:
        delete.append(virtual.send(virtual.event("Delete", physical_id=INVENTED)))
        virtual.wait(lambda: any(item.get("CreatesVoidUntil") for item in virtual.ledger()), 5)
        # Long enough for a Delete that would not wait.
        virtual.wait(delete[0].ended, 5)
        waited.append(not delete[0].ended())

    virtual.interventions.after(cancel, "CreateResource")
    answer = virtual.deliver(create)

    assert waited == [True]
    assert answer.reason.startswith("Cancelled:")
    assert delete[0].answer().succeeded
    assert virtual.rooms() == []
    assert virtual.entries() == []


# ---------------------------------------------------------------------------------------------------- cancelled Updates

MOVED: Final = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")


def test_contract_25_a_cancelled_replacement_after_its_end(stage: Stage) -> None:
    """The reversed Update of a replacement that had ended unheard leaves the old room, and nothing elsewhere."""
    old = stage.deliver(stage.event("Create")).physical_id
    before, entries = stage.state(), stage.entries()
    update = stage.event("Update", properties=MOVED, old_properties=room_properties(), physical_id=old)
    assert stage.deliver(update).physical_id != old

    answer = stage.deliver(stage.event("Update", properties=room_properties(), old_properties=MOVED, physical_id=old))

    assert (answer.status, answer.physical_id) == ("SUCCESS", old)
    assert stage.state() == before
    assert [item["Owner"] for item in stage.entries()] == [item["Owner"] for item in entries]
    # A late copy of the cancelled one makes nothing.
    assert not stage.deliver(update).succeeded
    assert stage.state() == before


def test_contract_25_a_cancelled_update_that_starts_too_late(virtual: VirtualStage) -> None:
    """An Update that Lambda delivers after the reversed one that cancels it changes nothing."""
    old = virtual.deliver(virtual.event("Create")).physical_id
    before = virtual.state()
    for changed in (everything(), MOVED):
        update = virtual.event("Update", properties=changed, old_properties=room_properties(), physical_id=old)
        reversal = virtual.event("Update", properties=room_properties(), old_properties=changed, physical_id=old)

        answer = virtual.deliver(reversal)
        late = virtual.deliver(update)

        assert (answer.status, answer.physical_id) == ("SUCCESS", old)
        assert (late.status, late.physical_id) == ("FAILED", old), f"{changed}"
        assert virtual.state() == before


@pytest.mark.parametrize("how", ["FAIL", "ADOPT"])
def test_contract_17_a_late_duplicate_of_a_create(virtual: VirtualStage, how: str) -> None:
    """A Create, or an adoption, that is delivered once more after an Update does not undo the Update (contract 18)."""
    if how == "ADOPT":
        virtual.create_room(Description="as people know it")
    declared = room_properties(ExistingResource=how)
    create = virtual.event("Create", properties=declared)
    room = virtual.deliver(create).physical_id
    update = virtual.event("Update", properties=everything(), old_properties=declared, physical_id=room)
    assert virtual.deliver(update).succeeded
    before, entries = virtual.state(), virtual.entries()

    virtual.deliver(create)

    assert virtual.state() == before
    assert virtual.entries() == entries


def test_contract_18_a_late_duplicate_of_an_update(virtual: VirtualStage) -> None:
    """An Update that is delivered once more after a later one does not undo the later one."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    first = virtual.event("Update", properties=everything(), old_properties=room_properties(), physical_id=room)
    second = virtual.event("Update", properties=everything(Name="den"), old_properties=everything(), physical_id=room)
    assert virtual.deliver(first).succeeded
    assert virtual.deliver(second).succeeded
    before, entries = virtual.state(), virtual.entries()

    answer = virtual.deliver(first)

    assert answer.physical_id == room
    assert virtual.state() == before
    assert virtual.entries() == entries


def test_contract_18_a_late_duplicate_of_an_update_that_is_overtaken_while_it_runs(virtual: VirtualStage) -> None:
    """Two Updates at once end in what the later one declares, whichever comes first."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    first = virtual.event("Update", properties=everything(), old_properties=room_properties(), physical_id=room)
    second = virtual.event(
        "Update", properties=room_properties(Name="den"), old_properties=everything(), physical_id=room
    )
    sent: list[Sent] = []

    def overtake(_call: object) -> None:
        sent.append(virtual.send(second))
        virtual.wait(sent[0].ended, 5)

    virtual.interventions.after(overtake, "AssociateDelegateToResource")
    virtual.deliver(first)
    answer = sent[0].answer()

    assert answer.succeeded, answer.reason
    described = virtual.describe(room)
    assert (described["name"], described["delegates"], described["description"]) == ("den", [], None)
