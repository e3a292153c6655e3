"""The life of a stack, as its users see it: what they declare is what WorkMail holds, whatever happens on the way."""

from typing import Any

import pytest

from tests.harness import OTHER_DOMAIN, Stage, everything, room_properties
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER


def _five_rooms(**overrides: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return five rooms, A to E, each with an address of its own; *overrides* by logical id."""
    rooms = {
        logical_id: room_properties(Name=f"room-{logical_id}", Email=f"room-{logical_id}@example.com")
        for logical_id in "ABCDE"
    }
    return {logical_id: {**room, **overrides.get(logical_id, {})} for logical_id, room in rooms.items()}


def test_edited_room_keeps_its_id(stage: Stage) -> None:
    """A room that is edited in the template is updated in place: same physical id, the new state."""
    # GIVEN a stack with a room that declares everything
    stage.deploy(stage.template({"Room": everything()}))
    before = stage.stack().resources["Room"].physical_id
    # WHEN everything that can change in place is changed
    changed = everything(
        Name="meetingroom",
        Type="EQUIPMENT",
        Description="14 seats and a secret cellar",
        HiddenFromGlobalAddressList="false",
        Email="meetingroom@example.com",
        Aliases=["sitzungssaal@example.com", "salle@example.com"],
        Delegates=["bob"],
        BookingOptions={"AutoDeclineConflictingRequests": "true"},
    )
    outcome = stage.deploy(stage.template({"Room": changed}))
    # THEN the same resource has all of it
    assert (outcome.status, stage.stack().resources["Room"].physical_id) == ("UPDATE_COMPLETE", before)
    (room,) = stage.rooms()
    assert (room.Name, room.Type, room.Description, room.Email) == (
        "meetingroom",
        "EQUIPMENT",
        "14 seats and a secret cellar",
        "meetingroom@example.com",
    )
    assert (room.Aliases, room.Delegates) == (("salle@example.com", "sitzungssaal@example.com"), ("bob",))
    assert (room.HiddenFromGlobalAddressList, room.BookingOptions["AutoAcceptRequests"]) == (False, True)


def test_other_organization_replaces_the_room(stage: Stage) -> None:
    """A room that moves to another organization gets a new physical id, and the old one is deleted."""
    # GIVEN a room in one organization
    stage.deploy(stage.template({"Room": room_properties()}))
    before = stage.stack().resources["Room"].physical_id
    # WHEN the template names another organization
    moved = room_properties(OrganizationId=OTHER, Email=f"boardroom@{OTHER_DOMAIN}")
    outcome = stage.deploy(stage.template({"Room": moved}))
    # THEN there is one room, in the other organization, and CloudFormation has deleted the old id
    after = stage.stack().resources["Room"].physical_id
    assert (outcome.status, after != before) == ("UPDATE_COMPLETE", True)
    assert [(room.OrganizationId, room.ResourceId) for room in stage.rooms()] == [(OTHER, after)]
    assert ("DELETE_COMPLETE", before) in [
        (event.resource_status, event.physical_resource_id) for event in outcome.events
    ]


def test_second_deploy_calls_nothing(stage: Stage) -> None:
    """Deploying the same template again says that there is nothing to do, and calls nothing."""
    template = stage.template({"Room": everything()})
    stage.deploy(template)
    mark = stage.mark()
    outcome = stage.deploy(template)
    assert (outcome.ok, outcome.changed, outcome.reason) == (True, False, "No updates are to be performed.")
    assert stage.calls(mark) == ()


def test_deleted_stack_leaves_nothing(stage: Stage) -> None:
    """Deleting a stack deletes its rooms, and nothing else."""
    foreign = stage.create_room("annex")
    stage.deploy(stage.template(_five_rooms(C={"Email": "third@example.com", "Delegates": ["alice"]})))
    assert stage.delete().status == "DELETE_COMPLETE"
    assert [room.ResourceId for room in stage.rooms()] == [foreign]
    assert stage.entries() == []


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"Name": "has spaces"}, "InvalidProperties: 1 problem in the properties: Name is 'has spaces'"),
        ({"Name": "annex"}, "NameAvailabilityException"),
        ({"Email": "room@elsewhere.example"}, "MailDomainNotFoundException"),
    ],
)
def test_failed_create_rolls_all_back(stage: Stage, wrong: dict[str, Any], reason: str) -> None:
    """A stack of which one room cannot be created ends in ROLLBACK_COMPLETE, says why, and leaves no room behind."""
    foreign = stage.create_room("annex")
    outcome = stage.deploy(stage.template(_five_rooms(C=wrong)))
    assert (outcome.status, outcome.ok) == ("ROLLBACK_COMPLETE", False)
    assert any(reason in (event.resource_status_reason or "") for event in outcome.events)
    assert [room.ResourceId for room in stage.rooms()] == [foreign]
    assert stage.entries() == []


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
    stage.engine.settle(timeout=20)
    # THEN nothing of it remains
    assert (outcome.status, outcome.ok) == ("UPDATE_ROLLBACK_COMPLETE", False)
    assert stage.state() == before
    assert {room.OrganizationId for room in stage.rooms()} == {EXAMPLE}
    # AND the stack can be deleted
    assert stage.delete().status == "DELETE_COMPLETE"
    assert [room.Name for room in stage.rooms()] == ["annex"]
