"""What Update decides before WorkMail is called; whole stories are told against the embedded WorkMail."""

import pytest

from tests.unit.workmail_resource.scripted import MakeScripted, item
from tests.unit.workmail_resource.support import RESOURCE, STACK, event
from workmail_resource.lifecycle.update import update
from workmail_resource.ownership.errors import CancelledError, ForeignPhysicalIdError, NotOwnedError
from workmail_resource.ownership.rules import CREATE_FAILED
from workmail_resource.protocol.errors import MalformedEventError
from workmail_resource.workmail.errors import InvalidPropertiesError

SHOWN = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def test_a_foreign_resource_type_is_refused(scripted: MakeScripted) -> None:
    """An Update of another resource type is refused before any call (contract 41)."""
    with pytest.raises(MalformedEventError):
        update(scripted(event("Update", resource_type="Custom::Other")).work)


def test_invalid_properties_are_refused(scripted: MakeScripted) -> None:
    """Invalid properties are refused before any call (contract 20)."""
    with pytest.raises(InvalidPropertiesError):
        update(scripted(event("Update", properties={"Name": ""})).work)


@pytest.mark.parametrize("physical_id", [CREATE_FAILED, "rooms-BoardRoom-1ABCDEFGHIJKL", RESOURCE.upper()])
def test_a_foreign_id_is_refused(scripted: MakeScripted, physical_id: str) -> None:
    """An Update of an ID that is no WorkMail resource's is refused before any call (contract 31)."""
    with pytest.raises(ForeignPhysicalIdError, match="is not a WorkMail ResourceId"):
        update(scripted(event("Update", physical_resource_id=physical_id)).work)


def test_a_cancelled_update_changes_nothing(scripted: MakeScripted) -> None:
    """An Update that comes after the Delete changes nothing, and is FAILED (contract 32)."""
    world = scripted(event("Update", signed_at=99))
    cancelled = {
        "Owner": {"S": f"{STACK}|BoardRoom"},
        "Entry": {"S": "cancelled"},
        "CreatesUntil": {"N": "100"},
        "UpdatesUntil": {"N": "99"},
        "By": {"S": "request-9"},
    }
    world.ledger.add_response("query", {"Items": [cancelled]})
    with pytest.raises(CancelledError):
        update(world.work)


def test_nothing_to_change_writes_nothing(scripted: MakeScripted) -> None:
    """An Update to what is there reads once and writes neither WorkMail nor the ledger (contract 22)."""
    world = scripted(event("Update"))
    world.ledger.add_response("query", {"Items": [item(settled=True)]})
    world.workmail.add_response("describe_resource", SHOWN)
    result = update(world.work)
    assert result.physical_id == RESOURCE
    assert result.data["State"] == "DISABLED"


@pytest.mark.parametrize("old", [{}, {"OrganizationId": 7}, {"OrganizationId": "m-1", "Nonsense": [None]}])
def test_broken_old_properties_break_nothing(scripted: MakeScripted, old: dict[str, object]) -> None:
    """Whatever OldResourceProperties are, a resource that the ledger knows is updated in place (contract 29)."""
    world = scripted(event("Update", old_properties=old))
    world.ledger.add_response("query", {"Items": [item(settled=True)]})
    world.workmail.add_response("describe_resource", SHOWN)
    assert update(world.work).physical_id == RESOURCE


def test_a_resource_without_an_entry_is_not_changed(scripted: MakeScripted) -> None:
    """A live resource that the ledger does not know as this stack's is not changed without ADOPT."""
    world = scripted(event("Update"))
    world.ledger.add_response("query", {"Items": []})
    world.workmail.add_response("describe_resource", {**SHOWN, "Name": "other"})
    with pytest.raises(NotOwnedError, match=RESOURCE):
        update(world.work)
