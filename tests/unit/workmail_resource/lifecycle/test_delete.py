"""What Delete does without WorkMail, or with one look; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import BEGUN, MADE, OWNER, READY, STRANGER, MakeScripted, Scripted
from tests.unit.workmail_resource.support import ORGANIZATION, OTHER_RESOURCE, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.delete import delete
from workmail_resource.ownership.errors import LedgerUnavailableError, NotOwnedError
from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import CREATE_FAILED, FUNCTION_FAILED, LEASE, Lease, Record, owner_mark
from workmail_resource.protocol.errors import MalformedEventError

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


def test_a_foreign_resource_type_is_refused(scripted: MakeScripted) -> None:
    """A Delete of another resource type is refused before any call (contract 41)."""
    with pytest.raises(MalformedEventError, match="Custom::Other"):
        delete(scripted(event("Delete", resource_type="Custom::Other"), table="elsewhere").work, abandon=False)


@pytest.mark.parametrize("physical_id", [CREATE_FAILED, INVENTED, "", RESOURCE, "2026/11/22/[$LATEST]0123456789abcdef"])
@pytest.mark.parametrize("properties", [{}, {"OrganizationId": 7}, {"OrganizationId": ORGANIZATION, "Nonsense": "x"}])
def test_what_the_ledger_does_not_know_is_left_alone(
    scripted: MakeScripted, physical_id: str, properties: dict[str, object]
) -> None:
    """Without an entry nothing proves a resource to be ours: SUCCESS, and no call to WorkMail (contracts 31 and 35)."""
    world = scripted(deleting(physical_id, properties=properties))
    delete(world.work, abandon=False)
    assert world.told == (
        ["left alone: the ledger has no entry of this resource for this stack"] if physical_id == RESOURCE else []
    )


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


def test_the_clean_up_of_a_replacement_leaves_the_new_one(scripted: MakeScripted) -> None:
    """A Delete of another resource's id does not touch the settled one, and writes nothing (contract 23)."""
    world = scripted(deleting(OTHER_RESOURCE))
    before = world.has(READY)
    delete(world.work, abandon=False)
    assert world.ledger.read(OWNER) == before


def test_a_resource_that_another_one_claims_stays(scripted: MakeScripted) -> None:
    """Before a room is deleted its claim is read; another owner's stays, and our entry is dropped (contract 50)."""
    world = scripted(deleting())
    world.has(READY)
    moved = Claim("MOVE", ORGANIZATION, RESOURCE, OWNER)
    world.ledger.write(Record(STRANGER)._replace(written_by="they"), claims=[moved])
    delete(world.work, abandon=False)
    assert world.ledger.read(OWNER).is_empty
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == STRANGER


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


@pytest.mark.parametrize("physical_id", [INVENTED, CREATE_FAILED, ""])
def test_an_unreadable_ledger_is_not_taken_for_an_empty_one(scripted: MakeScripted, physical_id: str) -> None:
    """Where only the ledger knows what exists and cannot be asked, Delete fails (contracts 34 and 36)."""
    with pytest.raises(LedgerUnavailableError):
        delete(scripted(deleting(physical_id), table="elsewhere").work, abandon=False)


@pytest.mark.parametrize("gone", [True, False])
def test_without_a_ledger_workmail_tells_what_is_gone(scripted: MakeScripted, *, gone: bool) -> None:
    """While the ledger cannot be asked, what WorkMail does not show is gone, and a live room stays (30 and 47)."""
    world = scripted(deleting(), table="elsewhere")
    if gone:
        world.workmail.refuses("describe_resource", "EntityNotFoundException")
        delete(world.work, abandon=False)
    else:
        world.workmail.shows(SHOWN)
        with pytest.raises(LedgerUnavailableError):
            delete(world.work, abandon=False)


def test_a_resource_does_not_go_with_an_organization_that_is_only_busy(scripted: MakeScripted) -> None:
    """An organization that is not active may still have the resource: Delete fails, and the entry stays (34)."""
    world = scripted(deleting())
    world.has(READY)
    world.workmail.refuses("describe_resource", "OrganizationStateException", "is not Active")
    world.workmail.add_response("describe_organization", {"State": "Requested"})
    with pytest.raises(ServiceError, match="OrganizationStateException"):
        delete(world.work, abandon=False)
    assert world.ledger.read(OWNER).entries == (READY,)


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
