"""What Create decides before WorkMail is called; whole stories are told against the embedded WorkMail."""

import pytest

from tests.unit.workmail_resource.scripted import MakeScripted, item
from tests.unit.workmail_resource.support import STACK, event
from workmail_resource.lifecycle.create import create
from workmail_resource.ownership.errors import CancelledError, LedgerUnavailableError
from workmail_resource.protocol.errors import MalformedEventError
from workmail_resource.workmail.errors import InvalidPropertiesError

_CANCELLED = {
    "Owner": {"S": f"{STACK}|BoardRoom"},
    "Entry": {"S": "cancelled"},
    "CreatesUntil": {"N": "100"},
    "UpdatesUntil": {"N": "99"},
    "By": {"S": "request-9"},
}


def test_a_foreign_resource_type_is_refused(scripted: MakeScripted) -> None:
    """A Create of another resource type is refused before any call (contract 41)."""
    with pytest.raises(MalformedEventError, match="ResourceType is 'Custom::Other'; this function provides"):
        create(scripted(event(resource_type="Custom::Other")).work)


def test_invalid_properties_are_refused(scripted: MakeScripted) -> None:
    """Invalid properties are refused before any call (contract 20)."""
    with pytest.raises(InvalidPropertiesError):
        create(scripted(event(properties={})).work)


def test_without_a_ledger_nothing_is_created(scripted: MakeScripted) -> None:
    """Where the ledger cannot be asked, WorkMail is not called: nobody would know whose the room is."""
    world = scripted(event())
    world.ledger.add_client_error("query", "ResourceNotFoundException", "no such table", 400)
    with pytest.raises(LedgerUnavailableError):
        create(world.work)
    assert world.reported == []


def test_a_cancelled_create_creates_nothing(scripted: MakeScripted) -> None:
    """A Create that comes after its own Delete makes nothing, and is FAILED (contract 32)."""
    world = scripted(event(signed_at=100))
    world.ledger.add_response("query", {"Items": [_CANCELLED]})
    with pytest.raises(CancelledError):
        create(world.work)
    assert world.reported == []


def test_an_outdated_create_creates_nothing(scripted: MakeScripted) -> None:
    """A Create that is delivered again after a later Update has changed the resource changes nothing back."""
    world = scripted(event(signed_at=100, request_id="request-0"))
    world.ledger.add_response("query", {"Items": [{**item(settled=True), "SignedAt": {"N": "101"}}]})
    with pytest.raises(CancelledError):
        create(world.work)


def test_another_event_s_work_is_never_overwritten(scripted: MakeScripted) -> None:
    """Where the ledger has got an entry at the same moment, the Create looks again instead of writing over it."""
    # GIVEN an empty ledger, into which somebody writes just before the Create does
    world = scripted(event(signed_at=100))
    world.ledger.add_response("query", {"Items": []})
    world.ledger.add_client_error("put_item", "ConditionalCheckFailedException", "The conditional request failed", 400)
    # WHEN what it then finds is that CloudFormation has cancelled it
    world.ledger.add_response("query", {"Items": [_CANCELLED]})
    # THEN it stops there
    with pytest.raises(CancelledError):
        create(world.work)
    assert world.reported == []
