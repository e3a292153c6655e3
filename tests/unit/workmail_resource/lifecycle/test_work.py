import pytest

from tests.unit.workmail_resource.scripted import OWNER, MakeScripted
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, event
from workmail_resource.ownership.errors import CancelledError
from workmail_resource.ownership.rules import owner_mark
from workmail_resource.protocol.errors import OutOfTimeError


def test_work_names_its_event(scripted: MakeScripted) -> None:
    """Whose an event is, which one it is, and how what it makes is marked, follows from the event alone."""
    work = scripted(event(signed_at=100)).work
    assert (work.owner, work.id, work.mark) == (OWNER, "request-1@100", owner_mark(OWNER, "request-1@100"))


def test_nothing_is_changed_without_the_turn(scripted: MakeScripted) -> None:
    """Reading needs no turn; each call that changes something does, and looks after the lease first (contract 62)."""
    world = scripted(event())
    workmail = world.work.workmail(ORGANIZATION)
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    workmail.describe(RESOURCE)
    with pytest.raises(CancelledError):
        workmail.delete(RESOURCE)
    world.takes_turn()
    world.workmail.add_response("delete_resource", {})
    workmail.delete(RESOURCE)


def test_work_within_a_share_of_the_time(scripted: MakeScripted) -> None:
    """Reversible work stops early, in WorkMail too, so that there is time to take it back (contract 26)."""
    world = scripted(event())
    hurried = world.work.within(0.5)
    world.clock.now += 301
    with pytest.raises(OutOfTimeError):
        hurried.workmail(ORGANIZATION).describe(RESOURCE)
    assert world.work.deadline.remaining() == 299


def test_work_that_keeps_an_id_to_itself(scripted: MakeScripted) -> None:
    """The id of what is not certain yet does not get into an answer (contract 26)."""
    world = scripted(event())
    world.work.quietly().report_id(RESOURCE)
    assert world.reported == []
