"""What Delete does without WorkMail, or with one look; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import BEGUN, MADE, OWNER, READY, MakeScripted
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, event
from workmail_resource.lifecycle.delete import delete
from workmail_resource.ownership.errors import NotOwnedError
from workmail_resource.ownership.rules import CREATE_FAILED, FUNCTION_FAILED, LEASE, Lease, owner_mark

INVENTED = "rooms-BoardRoom-1ABCDEFGHIJKL"
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def deleting(physical_id: str = RESOURCE, **changes: Any) -> Any:
    """Return a Delete that was issued after the board room's Create."""
    return event("Delete", **{"physical_resource_id": physical_id, "signed_at": 60, **changes})


def test_what_an_update_has_gone_back_to_is_not_told_to_be_gone(scripted: MakeScripted) -> None:
    """Where nobody can tell whether the stack has gone back to a resource, it stays, and the Delete fails (34, 59)."""
    world = scripted(deleting())
    before = world.has(READY._replace(returned=True))
    world.cloudformation.refuses("describe_stack_resource", "AccessDenied")
    with pytest.raises(NotOwnedError, match="CloudFormation could not be asked"):
        delete(world.work, abandon=False)
    assert world.ledger.read(OWNER) == before


@pytest.mark.parametrize(("entry", "lease"), [(MADE, False), (None, True)])
def test_a_create_that_is_tried_again_is_left_alone(scripted: MakeScripted, *, entry: Any, lease: bool) -> None:
    """While CloudFormation makes the resource anew, a Delete with an invented ID is of an earlier try (51, 59)."""
    world = scripted(deleting(INVENTED))
    held = Lease("another", "request-0@50", int(world.clock.now) + 1) if lease else None
    world.has(*([entry] if entry else []), lease=held)
    world.shows_counted("", "CREATE_IN_PROGRESS")
    delete(world.work, abandon=False)
    record = world.ledger.read(OWNER)
    assert record.entries == ((entry,) if entry else ())
    assert record.creates_void_until == 0


def test_the_delete_of_a_failed_create_disturbs_nobody_who_followed_it(scripted: MakeScripted) -> None:
    """A Create that was tried again may be at work while the Delete of the first one comes: it goes on (51, 62)."""
    world = scripted(deleting(f"{CREATE_FAILED}/request-0@50"))
    lease = Lease("another", "request-1@55", int(world.clock.now) + LEASE, "Create")
    before = world.has(BEGUN._replace(made_by="request-1@55"), lease=lease, latest="request-1@55", latest_at=55)
    delete(world.work, abandon=False)
    assert world.ledger.read(OWNER) == before
    assert world.clock.slept == []


@pytest.mark.parametrize("marker", [CREATE_FAILED, FUNCTION_FAILED])
def test_nobody_is_waited_for_who_is_known_to_be_dead(scripted: MakeScripted, marker: str) -> None:
    """After the last-resort answer to a Create, its Delete waits for no lease; otherwise to its end (contract 52)."""
    world = scripted(deleting(f"{marker}/request-0@50"))
    world.has(BEGUN, lease=Lease("dead", "request-0@50", int(world.clock.now) + LEASE, "Create"))
    world.workmail.shows({**SHOWN, "Description": owner_mark(OWNER, BEGUN.made_by)}, SHOWN)
    world.workmail.add_response("delete_resource", {})
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    delete(world.work, abandon=False)
    assert (sum(world.clock.slept) >= LEASE) is (marker == CREATE_FAILED)
    assert world.ledger.read(OWNER).is_empty


@pytest.mark.parametrize("physical_id", [RESOURCE, INVENTED])
def test_abandoning_asks_the_ledger_only(scripted: MakeScripted, physical_id: str) -> None:
    """With AbandonOnDelete the entry goes and WorkMail is not called."""
    world = scripted(deleting(physical_id))
    world.has(READY)
    delete(world.work, abandon=True)
    assert world.ledger.read(OWNER).is_empty
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None


def test_abandoning_never_fails(scripted: MakeScripted) -> None:
    """With AbandonOnDelete even an unreachable ledger does not keep a stack from being deleted."""
    world = scripted(deleting(), table="elsewhere")
    delete(world.work, abandon=True)
    assert world.told == ["the ledger keeps its entry of an abandoned resource"]
