from dataclasses import replace

import pytest

from tests.unit.workmail_resource.scripted import MakeScripted
from tests.unit.workmail_resource.support import DELEGATE, ORGANIZATION, OTHER_DELEGATE, RESOURCE, STACK, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.steps import name_taken, spoken
from workmail_resource.ownership.errors import CancelledError
from workmail_resource.ownership.rules import Entry
from workmail_resource.protocol.errors import OutOfTimeError
from workmail_resource.workmail.errors import UnknownDelegateError
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room

DECLARATION = Declaration(ORGANIZATION, "boardroom", "ROOM", email="boardroom@example.com")
ROOM = Room(RESOURCE, "boardroom", "ROOM", "DISABLED")
SETTLED = Entry(
    owner=f"{STACK}|BoardRoom",
    organization_id=ORGANIZATION,
    resource_type="Custom::WorkMailResource",
    request_id="request-0",
    name="boardroom",
    resource_id=RESOURCE,
    settled=True,
    settled_at=7,
)


def test_new_entry_says_who_works_on_it_and_how_long(scripted: MakeScripted) -> None:
    """A new entry names its event, and the second by which Lambda has surely ended that event's invocation."""
    world = scripted(event(signed_at=100))
    entry = world.work.new_entry(DECLARATION)
    assert (entry.owner, entry.organization_id, entry.name) == (f"{STACK}|BoardRoom", ORGANIZATION, "boardroom")
    assert (entry.request_id, entry.worker, entry.signed_at) == ("request-1", "request-1", 100)
    assert world.clock.now + 600 <= entry.working_until <= world.clock.now + 602
    assert (entry.resource_id, entry.settled, entry.origin) == (None, False, "CREATED")


@pytest.mark.parametrize(("signed_at", "latest"), [(100, 200), (300, 300), (None, 200)])
def test_taken_up_never_goes_back_in_time(scripted: MakeScripted, signed_at: int | None, latest: int) -> None:
    """An entry keeps the date of the latest event that changed its resource."""
    world = scripted(event("Update", signed_at=signed_at))
    assert world.work.taken_up(replace(SETTLED, signed_at=200)).signed_at == latest


def test_settle_writes_nothing_that_is_written_already(scripted: MakeScripted) -> None:
    """A settled entry that nobody works on is not written again (contract 22)."""
    result = scripted(event("Update")).work.settle(SETTLED, ROOM)
    assert result.physical_id == RESOURCE
    assert result.data["OrganizationId"] == ORGANIZATION


def test_settle_is_refused_when_a_later_event_was_faster(scripted: MakeScripted) -> None:
    """What a later event has taken away meanwhile is not said to be there (contracts 21 and 32)."""
    world = scripted(event("Update"))
    world.ledger.add_client_error("put_item", "ConditionalCheckFailedException", "The conditional request failed", 400)
    with pytest.raises(CancelledError):
        world.work.settle(replace(SETTLED, worker="request-1"), ROOM)


def test_wanted_looks_up_names_and_takes_ids_as_they_are(scripted: MakeScripted) -> None:
    """A delegate's id needs no call, a name or an address is looked up, and two names of one are one (contract 22)."""
    world = scripted(event())
    for name in ("anna", "anna@example.com"):
        expected = {"OrganizationId": ORGANIZATION, "UserId": name}
        world.workmail.add_response("describe_user", {"UserId": OTHER_DELEGATE, "State": "ENABLED"}, expected)
    declaration = replace(DECLARATION, delegates=(DELEGATE, "S-1-1-11-1-2-3", "anna", "anna@example.com"))
    wanted = world.work.wanted(world.work.workmail(ORGANIZATION), declaration)
    assert wanted.delegates == {DELEGATE, "S-1-1-11-1-2-3", OTHER_DELEGATE}


def test_wanted_names_a_delegate_that_nobody_is(scripted: MakeScripted) -> None:
    """A delegate that does not exist is named, with its organization."""
    world = scripted(event())
    world.workmail.add_client_error("describe_user", "EntityNotFoundException", "no", 400)
    world.workmail.add_client_error("describe_group", "EntityNotFoundException", "no", 400)
    with pytest.raises(
        UnknownDelegateError, match=f"Delegates names anna, which is no user or group of .*{ORGANIZATION}"
    ):
        world.work.wanted(world.work.workmail(ORGANIZATION), replace(DECLARATION, delegates=("anna",)))


def test_within_keeps_time_for_taking_back(scripted: MakeScripted) -> None:
    """Reversible work stops early, in WorkMail too, and may report its id to another (contract 26)."""
    world = scripted(event())
    made: list[str] = []
    hurried = world.work.within(0.5, report_id=made.append)
    hurried.report_id("r-1")
    world.clock.now += 301
    assert (made, world.reported) == (["r-1"], [])
    with pytest.raises(OutOfTimeError):
        hurried.workmail(ORGANIZATION).describe(RESOURCE)
    assert world.work.deadline.remaining() == 299


def test_reported_hides_no_failure_behind_another(scripted: MakeScripted) -> None:
    """A failure of clearing up is logged and goes no further; what nobody expects does."""
    world = scripted(event())
    with world.work.reported("not cleared up"):
        raise ServiceError(service="workmail", operation="DeleteResource", code="X", message="no")
    assert world.told == [("not cleared up", {"error": "ServiceError: X on DeleteResource: no"})]
    with pytest.raises(ZeroDivisionError), world.work.reported("not cleared up"):
        raise ZeroDivisionError


def test_spoken_and_name_taken_name_the_holder() -> None:
    """Who has something is said as a person says it, with WorkMail's own words and the call's id (contract 16)."""
    error = ServiceError(
        service="workmail",
        operation="CreateResource",
        code="NameAvailabilityException",
        message="taken",
        request_id="c",
    )
    assert spoken(f"{STACK}|BoardRoom") == f"BoardRoom of stack {STACK}"
    taken = name_taken(error, DECLARATION, ROOM)
    assert (str(taken), taken.request_id) == (f"taken (Name boardroom: the ROOM {RESOURCE} has it)", "c")
    assert str(name_taken(error, DECLARATION, None)) == "taken (Name boardroom: a user or group has it)"
