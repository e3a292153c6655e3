from dataclasses import replace
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
from tests.unit.workmail_resource.support import (
    DELEGATE,
    METADATA,
    ORGANIZATION,
    OTHER_DELEGATE,
    OTHER_RESOURCE,
    RESOURCE,
    event,
)
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.steps import (
    best_effort,
    clear_rests,
    content_without_organization,
    forget,
    give_back,
    is_refusal,
    new_entry,
    reported,
    settle,
    take_away,
    wanted,
)
from workmail_resource.ownership.errors import CancelledError
from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import ROLLBACK_WINDOW, Entry, Lease, Record, declared_digest, owner_mark
from workmail_resource.workmail.errors import UnknownDelegateError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, snapshot

DECLARATION = Declaration(ORGANIZATION, "boardroom", "ROOM", email="boardroom@example.com")
ROOM = Room(RESOURCE, "boardroom", "ROOM", "DISABLED")
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}
ADOPTED = READY._replace(origin="ADOPTED", before=snapshot(replace(ROOM, hidden=True)))
HIDDEN = {**SHOWN, "HiddenFromGlobalAddressList": True}


def failure(code: str, status: int = 400) -> ServiceError:
    """Return a refusal of WorkMail's."""
    return ServiceError(service="workmail", operation="UpdateResource", code=code, message="no", status=status)


def at_work(scripted: MakeScripted, *entries: Entry, **changes: Any) -> Scripted:
    """Return an Update that has its turn at a record with these entries."""
    world = scripted(event("Update", signed_at=100))
    world.has(*entries, **changes)
    world.takes_turn()
    return world


# --------------------------------------------------------------------------------------------------- settled and wanted


def test_a_new_entry_says_who_makes_what(scripted: MakeScripted) -> None:
    """A new entry names its event, and is neither ready nor adopted."""
    entry = new_entry(scripted(event(signed_at=100)).work, DECLARATION)
    assert entry == Entry(ORGANIZATION, "Custom::WorkMailResource", "request-1@100", "boardroom")


@pytest.mark.parametrize(
    ("digest", "previous", "kept"),
    [("", "", ""), ("old", "older", "old older"), (declared_digest(DECLARATION), "older", "older")],
)
def test_settle_ends_the_turn_with_what_is_there(scripted: MakeScripted, digest: str, previous: str, kept: str) -> None:
    """What has its declared state is written down with the date and the states before, and the turn is over."""
    entry = MADE._replace(digest=digest, previous=previous, signed_at=70)
    world = at_work(scripted, entry)
    world.clock.now += 7
    result = settle(world.work, entry, ROOM, DECLARATION)
    assert (result.physical_id, result.data["OrganizationId"]) == (RESOURCE, ORGANIZATION)
    record = world.ledger.read(OWNER)
    assert record.lease is None
    assert record.entries == (
        entry._replace(
            ready=True,
            ready_at=int(world.clock.now),
            signed_at=100,
            digest=declared_digest(DECLARATION),
            previous=kept,
        ),
    )


def test_settle_takes_along_what_is_replaced(scripted: MakeScripted) -> None:
    """The entry of what has vanished leaves together with its claim when its successor is ready (contract 28)."""
    vanished = READY._replace(resource_id=OTHER_RESOURCE)
    world = at_work(scripted, vanished, MADE)
    settle(world.work, MADE, ROOM, DECLARATION, without=vanished)
    assert [one.resource_id for one in world.ledger.read(OWNER).entries] == [RESOURCE]
    assert world.ledger.holder(ORGANIZATION, OTHER_RESOURCE) is None


def test_settle_is_refused_when_a_later_event_was_faster(scripted: MakeScripted) -> None:
    """What a later event has spoken about meanwhile is not said to be there (contracts 21 and 32)."""
    world = at_work(scripted, MADE)
    world.ledger.write(world.work.turn.record.voiding_creates(300)._replace(written_by="later"))
    with pytest.raises(CancelledError):
        settle(world.work, MADE, ROOM, DECLARATION)
    assert world.ledger.read(OWNER).entries == (MADE,)


def test_wanted_looks_up_names_and_takes_ids_as_they_are(scripted: MakeScripted) -> None:
    """A delegate's id needs no call, a name or an address is looked up, and two names of one are one (contract 22)."""
    world = scripted(event())
    for name in ("anna", "anna@example.com"):
        expected = {"OrganizationId": ORGANIZATION, "UserId": name}
        world.workmail.add_response("describe_user", {"UserId": OTHER_DELEGATE, "State": "ENABLED"}, expected)
    declaration = replace(DECLARATION, delegates=(DELEGATE, "S-1-1-11-1-2-3", "anna", "anna@example.com"))
    goal = wanted(world.work.workmail(ORGANIZATION), declaration)
    assert goal.delegates == {DELEGATE, "S-1-1-11-1-2-3", OTHER_DELEGATE}


@pytest.mark.parametrize("rollback", [False, True])
def test_wanted_names_a_delegate_that_nobody_is(scripted: MakeScripted, *, rollback: bool) -> None:
    """A delegate that does not exist is named; a rollback does without (contract 53)."""
    world = scripted(event())
    for operation in ("describe_user", "describe_group"):
        world.workmail.refuses(operation, "EntityNotFoundException")
    workmail, declaration = world.work.workmail(ORGANIZATION), replace(DECLARATION, delegates=("nobody", DELEGATE))
    if rollback:
        goal = wanted(workmail, declaration, without=lambda delegate: delegate == "nobody")
        assert goal.delegates == {DELEGATE}
    else:
        with pytest.raises(UnknownDelegateError, match="nobody, which is no user or group of organization m-"):
            wanted(workmail, declaration)


def test_reported_hides_no_failure_behind_another(scripted: MakeScripted) -> None:
    """A failure of clearing up is logged and goes no further; what nobody expects does."""
    world = scripted(event())
    with reported(world.work, "not cleared up"):
        raise failure("X")
    assert world.log.records == [("not cleared up", {"error": "ServiceError: X on UpdateResource: no"})]
    with pytest.raises(ZeroDivisionError), reported(world.work, "not cleared up"):
        raise ZeroDivisionError


# --------------------------------------------------------------------------------------------------------- taking away


def test_what_was_made_is_removed_with_its_entry_and_its_claim(scripted: MakeScripted) -> None:
    """Of a resource of ours that is taken away, nothing stays, neither in WorkMail nor in the ledger."""
    world = at_work(scripted, MADE)
    world.workmail.shows(SHOWN)
    world.workmail.add_response("delete_resource", {})
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    take_away(world.work, MADE)
    assert world.ledger.read(OWNER).entries == ()
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None


def test_what_bears_the_mark_is_removed(scripted: MakeScripted) -> None:
    """A resource whose id was not written down is known by its mark (contract 19)."""
    world = at_work(scripted, BEGUN)
    world.workmail.shows({**SHOWN, "Description": owner_mark(OWNER, BEGUN.made_by)}, SHOWN)
    world.workmail.add_response("delete_resource", {})
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    take_away(world.work, BEGUN)
    assert world.ledger.read(OWNER).entries == ()


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


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("OrganizationNotFoundException", None),
        ("OrganizationStateException", "Deleted"),
        ("OrganizationStateException", "OrganizationNotFoundException"),
    ],
)
def test_a_resource_goes_with_its_organization(scripted: MakeScripted, code: str, state: str | None) -> None:
    """Where the whole organization is gone, so are its resources (contract 30)."""
    world = scripted(event("Delete"))
    if state == "Deleted":
        world.workmail.add_response("describe_organization", {"State": state})
    elif state is not None:
        world.workmail.refuses("describe_organization", state)
    with content_without_organization(world.work, READY):
        raise failure(code)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("OrganizationStateException", "Requested"),
        ("OrganizationStateException", "AccessDeniedException"),
        ("AccessDeniedException", None),
    ],
)
def test_a_resource_does_not_go_with_an_organization_that_is_only_busy(
    scripted: MakeScripted, code: str, state: str | None
) -> None:
    """An organization in any other state may still have the resource (contract 34)."""
    world = scripted(event("Delete"))
    if state == "Requested":
        world.workmail.add_response("describe_organization", {"State": state})
    elif state is not None:
        world.workmail.refuses("describe_organization", state)
    with pytest.raises(ServiceError), content_without_organization(world.work, READY):
        raise failure(code)


def test_rests_that_are_old_are_let_go(scripted: MakeScripted) -> None:
    """What an unfinished event has left, and nobody deleted for a day, may be in use, and stays (contract 37)."""
    world = scripted(event("Update", signed_at=100, physical_resource_id=OTHER_RESOURCE))
    old = MADE._replace(made_by=f"request-0@{int(world.clock.now) - ROLLBACK_WINDOW - 1}")
    own = BEGUN._replace(made_by="request-1@100")
    world.has(old, own, READY._replace(resource_id=OTHER_RESOURCE))
    world.takes_turn()
    clear_rests(world.work)
    assert [one.resource_id for one in world.ledger.read(OWNER).entries] == [None, OTHER_RESOURCE]
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None


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


def test_clearing_up_does_not_hide_a_later_event(scripted: MakeScripted) -> None:
    """A Create that clears up first, while its Delete says that it has to stop, stops there (contract 49)."""
    world = scripted(event(signed_at=100))
    old = MADE._replace(made_by=f"request-0@{int(world.clock.now)}", origin="ADOPTED", giving_back=True)
    world.has(old)
    world.takes_turn()
    # The Delete writes while the Create looks at what is left.
    record = world.ledger.read(OWNER)
    world.ledger.write(record.voiding_creates(100).superseding("request-1@100", "request-2@101"))
    with pytest.raises(CancelledError, match="later event"):
        clear_rests(world.work)


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


def test_what_cannot_be_brought_back_is_logged(scripted: MakeScripted) -> None:
    """What WorkMail refuses to bring back does not keep the resource from being let go (contract 55)."""
    world = at_work(scripted, ADOPTED)
    world.workmail.shows(SHOWN)
    world.workmail.refuses("update_resource", "InvalidParameterException")
    world.workmail.shows(SHOWN)
    give_back(world.work, ADOPTED)
    assert world.ledger.read(OWNER).entries == ()
    keys = {"operation": "UpdateResource", "error_code": "InvalidParameterException"}
    assert ("an adopted resource could not be given back wholly as it was", keys) in world.log.records


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


TAKEN = READY._replace(taken_from=SIBLING)


def test_a_resource_that_was_renamed_is_handed_back(scripted: MakeScripted) -> None:
    """The logical ID from which it was taken has the resource, its entry and its claim again (contract 56)."""
    world = at_work(scripted, TAKEN)
    kept = READY._replace(handed_to=OWNER)
    world.ledger.write(Record(SIBLING).put(kept)._replace(written_by="they"))
    give_back(world.work, TAKEN)
    assert world.ledger.read(OWNER).entries == ()
    assert world.ledger.read(SIBLING).entries == (READY,)
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == SIBLING


def test_a_sibling_at_work_is_waited_for_before_it_has_its_resource_back(scripted: MakeScripted) -> None:
    """A record is written under its own lease only: while the sibling is at work, its resource stays here (62)."""
    world = at_work(scripted, TAKEN)
    busy = Lease("another", "request-7@90", int(world.clock.now) + 5, "Delete")
    theirs = Record(SIBLING).put(READY._replace(handed_to=OWNER)).leased(busy)
    world.ledger.write(theirs._replace(written_by="they"))
    give_back(world.work, TAKEN)
    assert sum(world.clock.slept) >= 5
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == SIBLING


@pytest.mark.parametrize("handed_to", ["", STRANGER])
def test_a_resource_that_nobody_waits_for_is_not_handed_back(scripted: MakeScripted, handed_to: str) -> None:
    """If the former logical ID does not keep it for us, an adopted resource is only let go (contract 56)."""
    taken = TAKEN._replace(origin="ADOPTED")
    world = at_work(scripted, taken)
    theirs = Record(SIBLING).put(READY._replace(handed_to=handed_to))
    world.ledger.write(theirs._replace(written_by="they"))
    give_back(world.work, taken)
    assert world.ledger.read(OWNER).entries == ()
    assert world.ledger.holder(ORGANIZATION, RESOURCE) is None


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (failure("InvalidParameterException"), True),
        (failure("EntityNotFoundException"), True),
        (failure("SomethingNewException"), True),
        (failure("AccessDeniedException"), False),
        (failure("OrganizationStateException"), False),
        (failure("OrganizationNotFoundException"), False),
        (failure("TooManyRequestsException", 429), False),
        (failure("InternalFailure", 500), False),
    ],
)
def test_is_refusal(scripted: MakeScripted, error: ServiceError, *, refused: bool) -> None:
    """Done without is what WorkMail refuses for what it asks, not what it could not be asked (contracts 53 and 55)."""
    world = scripted(event())
    assert is_refusal(error) is refused
    judge = best_effort(world.work, "not wholly")
    assert judge(Step("UpdateResource", METADATA, "Name x"), error) == ("SKIP" if refused else "FAIL")
    assert world.told == (["not wholly"] if refused else [])
