"""Contracts 22-29: Update."""

from typing import Any

import pytest

from tests.harness import DESCRIPTION, Stage, everything, room_properties
from tests.harness.account import Account
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER

CHANGED = everything(
    Name="sitzungssaal",
    Type="EQUIPMENT",
    Email="saal@example.com",
    Aliases=["boardroom@example.com"],
    Delegates=["bob"],
    Description="another secret of the house",
)
ELSEWHERE = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")


def _update(
    stage: Account, physical_id: str, properties: dict[str, Any], old: dict[str, Any], **rest: Any
) -> dict[str, Any]:
    return stage.event("Update", properties=properties, old_properties=old, physical_id=physical_id, **rest)


# --------------------------------------------------------------------------------------------------------- contract 22


@pytest.mark.parametrize(
    "change",
    [
        {"Name": "conference"},
        {"Type": "EQUIPMENT"},
        {"Description": DESCRIPTION},
        {"HiddenFromGlobalAddressList": "true"},
        {"Email": "conference@example.com"},
        {"Email": None},
        {"Aliases": ["conference@example.com"]},
        {"Delegates": ["carol"]},
        {"BookingOptions": {"AutoDeclineRecurringRequests": "true"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_contract_22_a_change_in_place(virtual: VirtualStage, change: dict[str, Any]) -> None:
    """Every property but OrganizationId changes in place: same id, the change is there and in the ledger, and back."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    before = virtual.state()
    old, new = room_properties(), room_properties(**change)
    answer = virtual.deliver(_update(virtual, room, new, old))
    after = virtual.state()
    named = [one["name"] for one in virtual.entries() if one["Entry"] == "entry"]
    back = virtual.deliver(_update(virtual, room, old, new))

    assert (answer.status, answer.physical_id) == ("SUCCESS", room)
    assert (back.status, back.physical_id) == ("SUCCESS", room)
    assert after != before
    assert named == [new["Name"]]
    if change != {"Email": None}:
        assert virtual.state() == before


def test_contract_22_unchanged_in_effect(stage: Stage) -> None:
    """Properties that say the same in other words (True and "true", another order) write nothing to WorkMail."""
    old = everything()
    room = stage.deliver(stage.event("Create", properties=old)).physical_id
    mark = stage.mark()
    same = everything(
        HiddenFromGlobalAddressList=True,
        Aliases=list(reversed(old["Aliases"])),
        Delegates=["facilities@example.com", "alice@example.com"],
        BookingOptions={key: value.title() for key, value in old["BookingOptions"].items()},
    )
    answer = stage.deliver(_update(stage, room, same, old))

    assert (answer.status, answer.physical_id) == ("SUCCESS", room)
    assert stage.writes(mark) == []


# --------------------------------------------------------------------------------------------------------- contract 23


def test_contract_23_a_replacement(stage: Stage) -> None:
    """Another OrganizationId makes a new resource and leaves the old one alone; the Delete that follows removes it."""
    old = everything()
    first = stage.deliver(stage.event("Create", properties=old)).physical_id
    before = stage.describe(first)
    replaced = stage.deliver(_update(stage, first, ELSEWHERE, old))
    second = replaced.physical_id
    new = stage.describe(second, OTHER)

    assert replaced.succeeded
    assert second != first
    assert stage.describe(first) == before

    deleted = stage.deliver(stage.event("Delete", properties=old, physical_id=first))
    assert (deleted.status, deleted.physical_id) == ("SUCCESS", first)
    assert [room.ResourceId for room in stage.rooms()] == [second]
    assert stage.describe(second, OTHER) == new


def test_contract_23_a_replacement_in_a_stack(stage: Stage) -> None:
    """A stack whose resource changes its organization ends with the new one only."""
    stage.deploy(stage.template({"Room": room_properties()}))
    outcome = stage.deploy(stage.template({"Room": ELSEWHERE}))

    assert outcome.status == "UPDATE_COMPLETE"
    assert [room.OrganizationId for room in stage.rooms()] == [OTHER]
    assert stage.engine.observations == []
    assert stage.delete().status == "DELETE_COMPLETE"
    assert stage.rooms() == []


# --------------------------------------------------------------------------------------------------------- contract 24


def test_contract_24_everything_in_place(stage: Stage) -> None:
    """All properties but the organization, changed at once, keep the id: no second resource needs the name."""
    old = everything()
    room = stage.deliver(stage.event("Create", properties=old)).physical_id
    mark = stage.mark()
    answer = stage.deliver(_update(stage, room, CHANGED, old))
    (now,) = stage.rooms()

    assert (answer.status, answer.physical_id) == ("SUCCESS", room)
    assert "CreateResource" not in stage.operations(mark)
    assert (now.Name, now.Type, now.Email, now.Aliases, now.Delegates) == (
        "sitzungssaal",
        "EQUIPMENT",
        "saal@example.com",
        ("boardroom@example.com",),
        ("bob",),
    )


# --------------------------------------------------------------------------------------------------------- contract 25


def test_contract_25_a_failed_update_in_place(virtual: VirtualStage) -> None:
    """Whatever call of an Update fails, it answers the event's id, and the reversed Update restores the old state."""
    old = everything()
    room = virtual.deliver(virtual.event("Create", properties=old)).physical_id
    before, mark = virtual.state(), virtual.mark()
    assert virtual.deliver(_update(virtual, room, CHANGED, old)).succeeded
    calls = virtual.writes(mark)
    assert virtual.deliver(_update(virtual, room, old, CHANGED)).succeeded
    assert virtual.state() == before

    assert len(calls) >= 5
    # What was declared within a day is taken for the aim of a rollback, which does without what WorkMail refuses.
    changed = {**CHANGED, "Description": "not declared before"}
    for name in dict.fromkeys(calls):
        for nth in {1, calls.count(name)}:
            virtual.interventions.fail(name, nth, code="InvalidParameterException", status=400, times=10**6)
            failed = virtual.deliver(_update(virtual, room, changed, old))
            virtual.interventions.clear()
            assert (failed.status, failed.physical_id) == ("FAILED", room), (name, nth)
            assert failed.reason.startswith("InvalidParameterException: "), (name, nth)

            reversed_ = virtual.deliver(_update(virtual, room, old, changed))
            assert (reversed_.status, reversed_.physical_id) == ("SUCCESS", room), (name, nth)
            assert virtual.state() == before, (name, nth)


# --------------------------------------------------------------------------------------------------------- contract 26


@pytest.mark.parametrize("failing", ["CreateResource", "RegisterToWorkMail", "UpdateResource", "DescribeResource"])
def test_contract_26_a_failed_replacement(virtual: VirtualStage, failing: str) -> None:
    """A replacement that fails removes what it has made before it answers the old id; the old resource still works."""
    old = everything()
    room = virtual.deliver(virtual.event("Create", properties=old)).physical_id
    before = virtual.state()
    virtual.interventions.fail(failing, code="InvalidParameterException", status=400)
    new = everything(
        OrganizationId=OTHER, Email="boardroom@example.org", Aliases=["board-room@example.org"], Delegates=["dave"]
    )
    answer = virtual.deliver(_update(virtual, room, new, old))

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert answer.reason.startswith("InvalidParameterException: ")
    assert virtual.state() == before
    assert [entry["organization_id"] for entry in virtual.entries() if entry["Entry"] != "claim"] == [EXAMPLE]
    # The rollback's reversed Update finds nothing to do.
    reversed_ = virtual.deliver(_update(virtual, room, old, new))
    assert (reversed_.status, reversed_.physical_id) == ("SUCCESS", room)
    assert virtual.state() == before


def test_contract_26_a_taken_name(stage: Stage) -> None:
    """A replacement whose name somebody else has in the new organization touches neither resource."""
    foreign = stage.create_room("boardroom", organization_id=OTHER, Email="taken@example.org")
    room = stage.deliver(stage.event("Create")).physical_id
    before = stage.state()
    answer = stage.deliver(_update(stage, room, ELSEWHERE, room_properties()))

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert answer.reason.startswith("NameAvailabilityException: ")
    assert foreign in answer.reason
    assert stage.state() == before


def test_contract_26_a_failed_return(virtual: VirtualStage) -> None:
    """A return to the resource that a replacement has left, by ADOPT, leaves it this stack's own where it fails."""
    old, adopting = room_properties(), room_properties(ExistingResource="ADOPT", Description=DESCRIPTION)
    first = virtual.deliver(virtual.event("Create", properties=old)).physical_id
    before = virtual.describe(first)
    second = virtual.deliver(_update(virtual, first, ELSEWHERE, old)).physical_id
    virtual.interventions.fail("UpdateResource", code="InvalidParameterException", status=400)
    failed = virtual.deliver(_update(virtual, second, adopting, ELSEWHERE))

    assert (failed.status, failed.physical_id) == ("FAILED", second)
    assert virtual.describe(first) == before
    for room, properties in ((second, ELSEWHERE), (first, old)):
        assert virtual.deliver(virtual.event("Delete", properties=properties, physical_id=room)).succeeded
    assert virtual.rooms() == []


def test_contract_49_a_late_clean_up_of_a_return(virtual: VirtualStage) -> None:
    """A copy of the clean-up of a return by ADOPT leaves the room, which was given back as it was, in place."""
    old, adopting = room_properties(), room_properties(ExistingResource="ADOPT", Description=DESCRIPTION)
    first = virtual.deliver(virtual.event("Create", properties=old)).physical_id
    before = virtual.describe(first)
    second = virtual.deliver(_update(virtual, first, ELSEWHERE, old)).physical_id
    assert virtual.deliver(_update(virtual, second, adopting, ELSEWHERE)).physical_id == first
    assert virtual.deliver(_update(virtual, first, ELSEWHERE, adopting)).physical_id == second
    clean_up = virtual.event("Delete", properties=adopting, physical_id=first)

    for _ in range(2):
        assert virtual.deliver(clean_up).succeeded
        assert virtual.describe(first) == before


# --------------------------------------------------------------------------------------------------------- contract 27


@pytest.mark.long
@pytest.mark.parametrize("new", [CHANGED, everything(Email=None, Aliases=None, Delegates=None, BookingOptions=None)])
def test_contract_27_rolled_back_after_success(stage: Stage, new: dict[str, Any]) -> None:
    """When another resource of the stack fails, our successful Update is reversed, to the old state exactly."""
    good, bad = everything(), room_properties(Name="den", Email="den@example.com")
    stage.deploy(stage.template({"Room": good, "Den": bad}))
    before = stage.state()
    bad = {**bad, "Delegates": ["nobody"]}
    template = stage.template({"Room": new, "Den": bad})
    template["Resources"]["Den"]["DependsOn"] = "Room"
    outcome = stage.deploy(template)

    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "UpdateResource" in stage.operations()
    assert stage.state() == before


def test_contract_27_a_replacement_rolled_back(stage: Stage) -> None:
    """When another resource fails after our replacement, the old resource stays as it was and the new one goes."""
    den = room_properties(Name="den", Email="den@example.com")
    stage.deploy(stage.template({"Room": everything(), "Den": den}))
    before = stage.state()
    template = stage.template({"Room": ELSEWHERE, "Den": {**den, "Delegates": ["nobody"]}})
    template["Resources"]["Den"]["DependsOn"] = "Room"
    outcome = stage.deploy(template)

    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert stage.state() == before
    assert stage.delete().status == "DELETE_COMPLETE"
    assert stage.rooms() == []


# --------------------------------------------------------------------------------------------------------- contract 28


def test_contract_28_deleted_behind_our_back(stage: Stage) -> None:
    """An Update of a resource that is gone fails and says so; the reversed Update makes it anew."""
    room = stage.deliver(stage.event("Create")).physical_id
    stage.delete_room(room)
    new = room_properties(Description=DESCRIPTION)
    failed = stage.deliver(_update(stage, room, new, room_properties()))
    reversed_ = stage.deliver(_update(stage, room, room_properties(), new))

    assert (failed.status, failed.physical_id) == ("FAILED", room)
    assert failed.reason.startswith("ResourceGone: ")
    assert room in failed.reason
    assert reversed_.succeeded
    assert [(one.ResourceId, one.State) for one in stage.rooms()] == [(reversed_.physical_id, "ENABLED")]


def test_contract_28_in_a_stack(stage: Stage) -> None:
    """A stack whose resource was deleted behind its back rolls an update back completely, and works afterwards."""
    stage.deploy(stage.template({"Room": room_properties()}))
    stage.delete_room(stage.stack().resources["Room"].physical_id)
    changed = stage.template({"Room": room_properties(Description=DESCRIPTION)})
    outcome = stage.deploy(changed)

    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert [room.Name for room in stage.rooms()] == ["boardroom"]
    assert stage.deploy(changed).status == "UPDATE_COMPLETE"
    assert stage.delete().status == "DELETE_COMPLETE"
    assert stage.rooms() == []


# --------------------------------------------------------------------------------------------------------- contract 29

BROKEN = [
    {},
    {"OrganizationId": EXAMPLE},
    {"OrganizationId": "another form", "Name": 5, "Aliases": "text", "BookingOptions": []},
    {"Colour": "green", "Delegates": {"Fn": "x"}, "ExistingResource": ["ADOPT"]},
]


@pytest.mark.parametrize("broken", BROKEN)
def test_contract_29_broken_old_properties(virtual: VirtualStage, broken: dict[str, Any]) -> None:
    """Old properties of another time or in no form at all break neither Update, nor its reverse, nor Delete."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    updated = virtual.deliver(_update(virtual, room, CHANGED, broken))
    again = virtual.deliver(_update(virtual, room, room_properties(), broken))
    deleted = virtual.deliver(virtual.event("Delete", properties=broken, physical_id=room))

    assert [(one.status, one.physical_id) for one in (updated, again, deleted)] == [("SUCCESS", room)] * 3
    assert virtual.rooms() == []


@pytest.mark.parametrize("broken", [None, "text", 7, []])
def test_contract_29_old_properties_that_are_no_object(stage: Stage, broken: object) -> None:
    """OldResourceProperties that are no object, or missing, do not break an Update."""
    room = stage.deliver(stage.event("Create")).physical_id
    event = {**_update(stage, room, CHANGED, {}), "OldResourceProperties": broken}

    assert stage.deliver(event).succeeded
