"""What Delete does without WorkMail, or with one look; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import BEGUN, MADE, OWNER, READY, MakeScripted, Scripted
from tests.unit.workmail_resource.support import ORGANIZATION, OTHER_RESOURCE, RESOURCE, event
from workmail_resource.lifecycle.delete import delete
from workmail_resource.ownership.errors import NotOwnedError
from workmail_resource.ownership.rules import CREATE_FAILED, FUNCTION_FAILED, LEASE, Lease, owner_mark

INVENTED = "rooms-BoardRoom-1ABCDEFGHIJKL"
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def deleting(physical_id: str = RESOURCE, **changes: Any) -> Any:
    """Return a Delete that was issued after the board room's Create."""
    return event("Delete", **{"physical_resource_id": physical_id, "signed_at": 60, **changes})


def removes(world: Scripted) -> None:
    """Let WorkMail delete the room."""
    world.workmail.shows(SHOWN)
    world.workmail.add_response("delete_resource", {})
    world.workmail.refuses("describe_resource", "EntityNotFoundException")


def test_a_delete_without_anything_is_remembered(scripted: MakeScripted) -> None:
    """A Delete that comes before its Create voids that one, and not one that is issued later (contract 32)."""
    world = scripted(deleting(INVENTED))
    delete(world.work, abandon=False)
    record = world.ledger.read(OWNER)
    assert record.has_outdated(event(signed_at=60))
    assert not record.has_outdated(event(signed_at=61))
    assert record.is_empty


def test_the_delete_of_its_id_removes_a_resource(scripted: MakeScripted) -> None:
    """A resource is removed under the turn, and leaves neither entry nor claim nor lease (contracts 34 and 62)."""
    world = scripted(deleting())
    world.has(READY)
    removes(world)
    delete(world.work, abandon=False)
    assert world.ledger.read(OWNER).is_empty
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None


@pytest.mark.parametrize("shown", [RESOURCE, None, OTHER_RESOURCE])
def test_a_settled_resource_goes_by_an_invented_id_only_if_nobody_counts_it(
    scripted: MakeScripted, shown: str | None
) -> None:
    """CloudFormation is asked, once; what it counts stays, and so does everything where it does not tell (49, 59)."""
    world = scripted(deleting(INVENTED))
    world.has(READY)
    if shown is None:
        world.cloudformation.refuses("describe_stack_resource", "AccessDenied")
    else:
        world.shows_counted(shown, "DELETE_IN_PROGRESS")
    if shown == OTHER_RESOURCE:
        removes(world)
    delete(world.work, abandon=False)
    assert bool(world.ledger.read(OWNER).entries) is (shown != OTHER_RESOURCE)
    left = "left alone: nothing shows that CloudFormation does not count this resource"
    assert (left in world.told) is (shown != OTHER_RESOURCE)


def test_the_deletes_of_two_failed_creates_do_not_disturb_each_other(scripted: MakeScripted) -> None:
    """The Delete of a failed Create's ID waits for another Delete that is at work, and leaves its lease alone (62)."""
    world = scripted(deleting(f"{CREATE_FAILED}/request-0@50"))
    until = int(world.clock.now) + 5
    world.has(lease=Lease("another", "request-7@55", until, "Delete"))
    delete(world.work, abandon=False)
    assert world.clock.now >= until
    assert world.ledger.read(OWNER).creates_void_until == 50


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
