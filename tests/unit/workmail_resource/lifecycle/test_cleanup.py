from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import (
    BEGUN,
    MADE,
    OWNER,
    READY,
    SIBLING,
    STRANGER,
    MakeScripted,
    Scripted,
)
from tests.unit.workmail_resource.support import ORGANIZATION, OTHER_RESOURCE, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.cleanup import clear_rests, forget, give_back, take_away
from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import ROLLBACK_WINDOW, Entry, Record
from workmail_resource.workmail.room import Room, snapshot

ROOM = Room(RESOURCE, "boardroom", "ROOM", "DISABLED")
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}
ADOPTED = READY._replace(origin="ADOPTED", before=snapshot(ROOM._replace(hidden=True)))
HIDDEN = {**SHOWN, "HiddenFromGlobalAddressList": True}


def at_work(scripted: MakeScripted, *entries: Entry) -> Scripted:
    """Return an Update that has its turn at a record with these entries."""
    world = scripted(event("Update", signed_at=100))
    world.has(*entries)
    world.takes_turn()
    return world


@pytest.mark.parametrize("holder", [SIBLING, STRANGER, None])
def test_what_another_one_claims_is_left_alone(scripted: MakeScripted, holder: str | None) -> None:
    """Where another owner has the resource, or nobody, our entry goes and WorkMail is not called (contract 50)."""
    world = scripted(event("Delete"))
    mine = world.has(READY)
    if holder is None:
        world.ledger.write(mine, claims=[Claim("LEAVE", ORGANIZATION, RESOURCE)])
    else:
        claim = Claim("MOVE", ORGANIZATION, RESOURCE, OWNER)
        world.ledger.write(Record(holder)._replace(written_by="they"), claims=[claim])
    world.takes_turn()
    take_away(world.work, READY)
    assert world.ledger.read(OWNER).entries == ()
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == holder
    assert world.told == ["left alone: the resource is not this stack's any more"]


def test_the_last_that_is_forgotten_ends_the_turn(scripted: MakeScripted) -> None:
    """Where nothing of a resource is left, no further write is needed to end the lease (contract 62)."""
    other = READY._replace(resource_id=OTHER_RESOURCE)
    world = at_work(scripted, READY, other)
    forget(world.work, READY)
    assert world.work.turn.held
    forget(world.work, other)
    assert not world.work.turn.held
    assert world.ledger.read(OWNER).lease is None


def test_rests_that_are_old_are_let_go(scripted: MakeScripted) -> None:
    """What an unfinished event has left, and nobody deleted for a day, may be in use: it counts as ready (37, 51)."""
    world = scripted(event("Update", signed_at=100, physical_resource_id=OTHER_RESOURCE))
    old = MADE._replace(made_by=f"request-0@{int(world.clock.now) - ROLLBACK_WINDOW - 1}")
    own = BEGUN._replace(made_by="request-1@100")
    world.has(old, own, READY._replace(resource_id=OTHER_RESOURCE))
    world.takes_turn()
    clear_rests(world.work)
    entries = {one.resource_id: one.ready for one in world.ledger.read(OWNER).entries}
    assert entries == {None: False, OTHER_RESOURCE: True, RESOURCE: True}
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == OWNER


def test_a_new_create_leaves_what_a_rollback_has_retained_to_its_former_owner(scripted: MakeScripted) -> None:
    """What was taken over from a sibling, and retained when that was rolled back, is the sibling's again (54, 56)."""
    world = scripted(event(signed_at=100))
    theirs = Record(SIBLING).put(READY._replace(handed_to=OWNER))
    world.ledger.write(theirs._replace(written_by="they"))
    world.has(READY._replace(taken_from=SIBLING), BEGUN._replace(made_by="request-1@100"))
    world.takes_turn()
    world.workmail.shows(SHOWN)
    clear_rests(world.work)
    assert world.ledger.read(SIBLING).entries == (READY,)
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == SIBLING


# --------------------------------------------------------------------------------------------------------- giving back


def test_what_was_changed_last_before_giving_back_may_show_late(scripted: MakeScripted) -> None:
    """After an adoption that was interrupted the resource is looked at again, before it counts as given back (46)."""
    unfinished = ADOPTED._replace(ready=False)
    world = at_work(scripted, unfinished)
    world.workmail.shows(HIDDEN, SHOWN)
    world.workmail.add_response("update_resource", {})
    world.workmail.shows(HIDDEN, SHOWN)
    world.workmail.add_response("update_resource", {})
    world.workmail.shows(HIDDEN)
    give_back(world.work, unfinished)
    assert world.ledger.read(OWNER).entries == ()


def test_giving_back_that_was_begun_is_written_down(scripted: MakeScripted) -> None:
    """Where WorkMail cannot be used half way, whoever comes next knows that it is to be given back (contract 63)."""
    world = at_work(scripted, ADOPTED)
    world.workmail.shows(SHOWN)
    world.workmail.refuses("update_resource", "AccessDeniedException")
    world.workmail.shows(SHOWN)
    with pytest.raises(ServiceError, match="AccessDenied"):
        give_back(world.work, ADOPTED)
    assert world.ledger.read(OWNER).entries == (ADOPTED._replace(giving_back=True),)
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == OWNER


@pytest.mark.parametrize("gone", [True, False])
def test_what_is_gone_or_as_it_was_is_only_let_go(scripted: MakeScripted, *, gone: bool) -> None:
    """Where nothing is to be brought back, nothing is called."""
    world = at_work(scripted, ADOPTED)
    if gone:
        world.workmail.refuses("describe_resource", "EntityNotFoundException")
    else:
        world.workmail.shows(HIDDEN)
    give_back(world.work, ADOPTED)
    assert world.ledger.read(OWNER).entries == ()


@pytest.mark.parametrize("handed_to", ["", STRANGER])
def test_a_resource_that_nobody_waits_for_is_not_handed_back(scripted: MakeScripted, handed_to: str) -> None:
    """If the former logical ID does not keep it for us, an adopted resource is only let go (contract 56)."""
    taken = READY._replace(taken_from=SIBLING, origin="ADOPTED")
    world = at_work(scripted, taken)
    theirs = Record(SIBLING).put(READY._replace(handed_to=handed_to))
    world.ledger.write(theirs._replace(written_by="they"))
    give_back(world.work, taken)
    assert world.ledger.read(OWNER).entries == ()
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None
