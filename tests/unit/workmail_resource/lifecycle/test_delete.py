"""What Delete does without WorkMail; whole stories are told against the embedded WorkMail."""

import pytest

from tests.unit.workmail_resource.scripted import MakeScripted, item
from tests.unit.workmail_resource.support import ORGANIZATION, OTHER_RESOURCE, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.delete import delete
from workmail_resource.ownership.errors import LedgerUnavailableError
from workmail_resource.ownership.rules import CREATE_FAILED
from workmail_resource.protocol.errors import MalformedEventError

INVENTED = "rooms-BoardRoom-1ABCDEFGHIJKL"


def test_a_foreign_resource_type_is_refused(scripted: MakeScripted) -> None:
    """A Delete of another resource type is refused before any call (contract 41)."""
    with pytest.raises(MalformedEventError, match="Custom::Other"):
        delete(scripted(event("Delete", resource_type="Custom::Other")).work, abandon=False)


@pytest.mark.parametrize("physical_id", [CREATE_FAILED, INVENTED, "", RESOURCE, "2026/11/22/[$LATEST]0123456789abcdef"])
@pytest.mark.parametrize("properties", [{}, {"OrganizationId": 7}, {"OrganizationId": ORGANIZATION, "Nonsense": "x"}])
def test_what_the_ledger_does_not_know_is_left_alone(
    scripted: MakeScripted, physical_id: str, properties: dict[str, object]
) -> None:
    """Without an entry nothing proves a resource to be ours: SUCCESS, and no call to WorkMail (contracts 31 and 35)."""
    world = scripted(event("Delete", physical_resource_id=physical_id, properties=properties))
    world.ledger.add_response("query", {"Items": []})
    delete(world.work, abandon=False)
    assert [message for message, _ in world.told] == (
        ["left alone: the ledger has no entry of this resource for this stack"] if physical_id == RESOURCE else []
    )


def test_the_clean_up_of_a_replacement_leaves_the_new_one(scripted: MakeScripted) -> None:
    """A Delete of another resource's id does not touch the settled one (contract 23)."""
    world = scripted(event("Delete", physical_resource_id=OTHER_RESOURCE))
    world.ledger.add_response("query", {"Items": [item(settled=True)]})
    delete(world.work, abandon=False)


def test_a_dated_delete_cancels_first(scripted: MakeScripted) -> None:
    """Before it asks the ledger, a Delete writes that it came, so that no Create goes on behind it (contract 32)."""
    world = scripted(event("Delete", physical_resource_id=INVENTED, signed_at=100))
    world.ledger.add_response("put_item", {})
    world.ledger.add_response("query", {"Items": []})
    delete(world.work, abandon=False)


def test_a_create_at_work_is_waited_for(scripted: MakeScripted) -> None:
    """While a Create may be between CreateResource and the ledger, its Delete waits (contract 32)."""
    world = scripted(event("Delete", physical_resource_id=INVENTED))
    begun = item(settled=False, resource_id=None, worker="request-0", working_until=int(world.clock.now) + 60)
    for _ in range(3):
        world.ledger.add_response("query", {"Items": [begun]})
    world.ledger.add_response("query", {"Items": []})
    delete(world.work, abandon=False)
    assert len(world.clock.slept) == 3


@pytest.mark.parametrize("physical_id", [INVENTED, CREATE_FAILED, ""])
def test_an_unreadable_ledger_is_not_taken_for_an_empty_one(scripted: MakeScripted, physical_id: str) -> None:
    """Where only the ledger knows what exists and cannot be asked, Delete fails (contracts 34 and 36)."""
    world = scripted(event("Delete", physical_resource_id=physical_id))
    world.ledger.add_client_error("query", "AccessDeniedException", "no", 400)
    with pytest.raises(LedgerUnavailableError):
        delete(world.work, abandon=False)


def test_an_unreadable_ledger_does_not_release_what_may_be_adopted(scripted: MakeScripted) -> None:
    """While ADOPT is declared and the ledger cannot be asked, a live room is not deleted on suspicion (contract 47)."""
    properties = {"OrganizationId": ORGANIZATION, "ExistingResource": "ADOPT"}
    world = scripted(event("Delete", properties=properties))
    world.ledger.add_client_error("query", "AccessDeniedException", "no", 400)
    with pytest.raises(LedgerUnavailableError):
        delete(world.work, abandon=False)


@pytest.mark.parametrize("code", ["OrganizationNotFoundException", "OrganizationStateException"])
def test_a_resource_goes_with_its_organization(scripted: MakeScripted, code: str) -> None:
    """Where the whole organization is gone, Delete succeeds and the entry goes (contract 30)."""
    world = scripted(event("Delete"))
    world.ledger.add_response("query", {"Items": [item(settled=True)]})
    world.workmail.add_client_error("describe_resource", code, f"{ORGANIZATION} is not Active, state: Deleted", 400)
    if code == "OrganizationStateException":
        world.workmail.add_response("describe_organization", {"State": "Deleted"})
    world.ledger.add_response("transact_write_items", {})
    delete(world.work, abandon=False)


def test_a_resource_does_not_go_with_an_organization_that_is_only_busy(scripted: MakeScripted) -> None:
    """An organization in any other state may still have the resource, and Delete fails (contract 34)."""
    world = scripted(event("Delete"))
    world.ledger.add_response("query", {"Items": [item(settled=True)]})
    world.workmail.add_client_error("describe_resource", "OrganizationStateException", "is not Active", 400)
    world.workmail.add_response("describe_organization", {"State": "Requested"})
    with pytest.raises(ServiceError, match="OrganizationStateException"):
        delete(world.work, abandon=False)


def test_abandoning_asks_the_ledger_only(scripted: MakeScripted) -> None:
    """With AbandonOnDelete the entry goes and WorkMail is not called."""
    world = scripted(event("Delete"))
    world.ledger.add_response("query", {"Items": [item(settled=True)]})
    world.ledger.add_response("transact_write_items", {})
    delete(world.work, abandon=True)


def test_abandoning_never_fails(scripted: MakeScripted) -> None:
    """With AbandonOnDelete even an unreachable ledger does not keep a stack from being deleted."""
    world = scripted(event("Delete"))
    world.ledger.add_client_error("query", "AccessDeniedException", "no", 400)
    delete(world.work, abandon=True)
    assert len(world.told) == 1
