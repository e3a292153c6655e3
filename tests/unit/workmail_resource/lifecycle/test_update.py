"""What Update decides before WorkMail is called; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import OWNER, READY, SIBLING, MakeScripted
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, STACK, FakeClock, event
from workmail_resource.lifecycle.update import update
from workmail_resource.ownership.errors import CancelledError, ForeignPhysicalIdError, NotOwnedError
from workmail_resource.ownership.rules import CREATE_FAILED, Record, declared_digest
from workmail_resource.workmail.errors import NameTakenError, ResourceGoneError
from workmail_resource.workmail.properties import parse

NOW = int(FakeClock().now)
UPDATE = event("Update", signed_at=NOW)
OTHER_RESOURCE = f"r-{'f' * 32}"
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def stack_resource(**changes: str) -> dict[str, Any]:
    """Return what DescribeStackResource answers."""
    shown = {
        "LogicalResourceId": "Den",
        "ResourceType": "Custom::WorkMailResource",
        "ResourceStatus": "CREATE_COMPLETE",
    }
    return {"StackResourceDetail": {**shown, "LastUpdatedTimestamp": "2026-11-22", **changes}}


def stack(status: str) -> dict[str, str]:
    """Return one stack of what DescribeStacks answers."""
    return {"StackName": "rooms", "CreationTime": "2026-11-22", "StackStatus": status}


def test_an_outdated_update_changes_nothing(scripted: MakeScripted) -> None:
    """An Update that comes after the Delete changes nothing, and is FAILED (contracts 32 and 62)."""
    world = scripted(UPDATE)
    before = world.has(updates_void_until=NOW, voided_by=f"request-9@{NOW}")
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    world.workmail.add_response("list_resources", {})
    with pytest.raises(CancelledError):
        update(world.work)
    assert world.ledger.read(OWNER) == before


def test_an_adopted_resource_is_the_stack_s_after_the_first_update(scripted: MakeScripted) -> None:
    """The time in which a Delete gives back ends with the first Update, even one without a change (contract 55)."""
    world = scripted(UPDATE)
    world.has(READY._replace(origin="ADOPTED", before={}, digest=declared_digest(parse(UPDATE.properties))))
    world.workmail.shows(SHOWN)
    update(world.work)
    (entry,) = world.ledger.read(OWNER).entries
    assert entry.changed


@pytest.mark.parametrize("physical_id", [CREATE_FAILED, "rooms-BoardRoom-1ABCDEFGHIJKL", RESOURCE.upper()])
def test_an_id_that_is_none_is_told_before_any_call(scripted: MakeScripted, physical_id: str) -> None:
    """An Update of what is no resource's ID is refused before anything is called (contract 31)."""
    with pytest.raises(ForeignPhysicalIdError):
        update(scripted(event("Update", physical_resource_id=physical_id), table="elsewhere").work)


@pytest.mark.parametrize("changes", [True, False])
def test_a_resource_without_an_entry_is_not_changed(
    scripted: MakeScripted, monkeypatch: pytest.MonkeyPatch, *, changes: bool
) -> None:
    """A live resource that the ledger does not know is not changed; where nothing is to be, that is no failure (53).

    What was declared before is not known then, so that WorkMail is looked at twice before it counts as declared now.
    """
    monkeypatch.setattr("workmail_resource.lifecycle.steps.LOOK_AGAIN", 0.0)
    world = scripted(UPDATE)
    world.workmail.shows(*([{**SHOWN, "Name": "other"}] if changes else [SHOWN, SHOWN]))
    if changes:
        with pytest.raises(NotOwnedError, match=RESOURCE):
            update(world.work)
    else:
        assert update(world.work).physical_id == RESOURCE
    assert world.ledger.read(OWNER) == Record(OWNER)


def test_a_resource_that_was_handed_over_is_not_changed(scripted: MakeScripted) -> None:
    """Two logical IDs of one stack cannot both declare a resource (contract 56)."""
    world = scripted(UPDATE)
    before = world.has(READY._replace(handed_to=SIBLING))
    world.workmail.shows(SHOWN)
    world.cloudformation.add_response("describe_stack_resource", stack_resource(PhysicalResourceId=RESOURCE))
    with pytest.raises(NotOwnedError, match="was taken over by Den of stack"):
        update(world.work)
    assert world.ledger.read(OWNER) == before


def test_a_resource_that_was_handed_over_and_let_go_is_taken_back(scripted: MakeScripted) -> None:
    """Where a rollback has retained the logical ID that took a resource over, the former one has it again (56)."""
    world = scripted(UPDATE)
    world.ledger.write(Record(OWNER)._replace(entries=(READY._replace(handed_to=SIBLING),), written_by="test"))
    world.has(READY._replace(made_by="request-8@60", taken_from=OWNER), owner=SIBLING)
    hidden = {**SHOWN, "HiddenFromGlobalAddressList": True}
    world.workmail.shows(hidden, hidden)
    world.workmail.add_response("update_resource", {})
    world.workmail.shows(SHOWN)
    world.cloudformation.add_response(
        "describe_stack_resource", stack_resource(PhysicalResourceId="rooms-Den-1", ResourceStatus="DELETE_SKIPPED")
    )
    assert update(world.work).physical_id == RESOURCE
    (entry,) = world.ledger.read(OWNER).entries
    assert (entry.handed_to, world.ledger.holder(ORGANIZATION, RESOURCE)) == ("", OWNER)
    assert world.ledger.read(SIBLING).entries == ()


def test_a_cancelled_update_takes_nothing_back(scripted: MakeScripted) -> None:
    """Only the reversed Update takes back what was taken over, not a cancelled one to an earlier declaration (50)."""
    world = scripted(UPDATE)
    back = declared_digest(parse(UPDATE.properties))
    recent = int(world.clock.now)
    before = world.has(READY._replace(handed_to=SIBLING, digest="another", previous=back, ready_at=recent))
    world.workmail.shows(SHOWN)
    world.cloudformation.add_response("describe_stack_resource", stack_resource(PhysicalResourceId=RESOURCE))
    world.cloudformation.add_response("describe_stacks", {"Stacks": [stack("UPDATE_ROLLBACK_IN_PROGRESS")]})
    world.shows_counted(RESOURCE, "UPDATE_FAILED")
    with pytest.raises(CancelledError):
        update(world.work)
    assert world.ledger.read(OWNER) == before


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "AccessDenied"])
def test_only_a_rollback_does_without_what_is_refused(scripted: MakeScripted, status: str) -> None:
    """An Update to what was declared before leaves nothing out, unless CloudFormation rolls back or cannot be asked."""
    world = scripted(UPDATE)
    hidden = {**SHOWN, "HiddenFromGlobalAddressList": True, "Name": "other"}
    world.has(READY._replace(digest=declared_digest(parse(UPDATE.properties))))
    world.workmail.shows(hidden)
    world.workmail.refuses("update_resource", "NameAvailabilityException")
    world.workmail.shows({**SHOWN, "ResourceId": OTHER_RESOURCE})
    if status == "AccessDenied":
        world.cloudformation.refuses("describe_stacks", status)
    else:
        world.cloudformation.add_response("describe_stacks", {"Stacks": [stack(status)]}, {"StackName": STACK})
    world.workmail.shows(hidden)
    if status == "UPDATE_IN_PROGRESS":
        with pytest.raises(NameTakenError, match=OTHER_RESOURCE):
            update(world.work)
        return
    world.workmail.add_response("update_resource", {})
    world.workmail.shows({**SHOWN, "Name": "other"})
    assert update(world.work).data["Name"] == "other"
    assert "a rollback could not bring everything back" in world.told


def test_a_resource_that_has_gone_is_told_once(scripted: MakeScripted) -> None:
    """The Update of what was deleted behind our back fails, and says so in the ledger for the next one (28)."""
    world = scripted(UPDATE)
    world.has(READY)
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    with pytest.raises(ResourceGoneError):
        update(world.work)
    (entry,) = world.ledger.read(OWNER).entries
    assert entry.gone_by == f"request-1@{NOW}"
