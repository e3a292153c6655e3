"""What Create decides before and after WorkMail is called; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import BEGUN, OWNER, MakeScripted
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.create import create
from workmail_resource.ownership.errors import CancelledError, RepeatedFailureError
from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import Record
from workmail_resource.protocol.errors import Failure

CREATE = event(signed_at=100)
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def test_a_create_makes_marks_and_settles(scripted: MakeScripted) -> None:
    """A room is made under the mark of its event, brought to its state, and claimed; the turn is over (14, 62)."""
    world = scripted(CREATE)
    world.workmail.add_response(
        "create_resource",
        {"ResourceId": RESOURCE},
        {
            "OrganizationId": ORGANIZATION,
            "Name": "boardroom",
            "Type": "ROOM",
            "Description": world.work.mark,
            "HiddenFromGlobalAddressList": False,
        },
    )
    world.workmail.add_response("update_resource", {})
    world.workmail.shows(SHOWN)
    assert create(world.work).physical_id == RESOURCE
    assert world.reported == [RESOURCE]
    record = world.ledger.read(OWNER)
    (entry,) = record.entries
    assert (entry.made_by, entry.resource_id, entry.ready) == ("request-1@100", RESOURCE, True)
    assert (record.lease, record.latest) == (None, "request-1@100")
    assert world.ledger.holder(ORGANIZATION, RESOURCE) == OWNER


def test_a_create_that_fails_leaves_nothing(scripted: MakeScripted) -> None:
    """What was refused has left neither entry nor lease, and a late copy of the event makes nothing (contract 51)."""
    world = scripted(CREATE)
    world.workmail.refuses("create_resource", "InvalidParameterException")
    with pytest.raises(ServiceError):
        create(world.work)
    world.work.turn.release()
    record = world.ledger.read(OWNER)
    assert (record.entries, record.lease, record.failed) == ((), None, "request-1@100")


def test_a_late_copy_of_a_failed_create_says_that_it_has_failed(scripted: MakeScripted) -> None:
    """A second delivery of a Create that was answered FAILED makes nothing, and is answered the same (contract 18)."""
    world = scripted(CREATE)
    world.has(failed="request-1@100", failure=("SomeException", "it is so", "Do that."))
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    world.workmail.add_response("list_resources", {})
    with pytest.raises(RepeatedFailureError) as repeated:
        create(world.work)
    assert repeated.value.failure() == Failure("SomeException", "it is so", "Do that.")


@pytest.mark.parametrize("left", ["nothing", "ours", "another's", "claimed"])
def test_an_outdated_create_makes_nothing(scripted: MakeScripted, left: str) -> None:
    """A Create that comes after its Delete is FAILED, and removes what bears its own mark, nothing else (32, 62)."""
    world = scripted(CREATE)
    before = world.has(creates_void_until=100)
    if left == "claimed":
        # Who has taken it over has not changed its Description yet.
        world.ledger.write(Record("another"), claims=[Claim("TAKE", ORGANIZATION, RESOURCE)])
    if left == "nothing":
        world.workmail.refuses("describe_resource", "EntityNotFoundException")
        world.workmail.add_response("list_resources", {})
    else:
        world.workmail.shows({**SHOWN, "Description": "the board's" if left == "another's" else world.work.mark})
    if left == "ours":
        world.workmail.shows(SHOWN)
        world.workmail.add_response("delete_resource", {})
        world.workmail.refuses("describe_resource", "EntityNotFoundException")
    with pytest.raises(CancelledError):
        create(world.work)
    assert (world.reported, world.left) == ([], [])
    assert world.ledger.read(OWNER) == before


def test_an_outdated_create_that_cannot_look_comes_again(scripted: MakeScripted) -> None:
    """Where nobody can tell whether it has left something, Lambda delivers the event again: no other comes (32)."""
    world = scripted(CREATE)
    world.has(creates_void_until=100)
    world.workmail.refuses("describe_resource", "AccessDeniedException")
    with pytest.raises(CancelledError):
        create(world.work)
    assert world.left == ["ServiceError: AccessDeniedException on DescribeResource: no"]


def test_an_outdated_create_takes_away_its_own_entry(scripted: MakeScripted) -> None:
    """What a delivery has begun before CloudFormation gave the event up is taken away by the next (contract 32)."""
    world = scripted(CREATE)
    own = BEGUN._replace(made_by="request-1@100")
    world.has(own, creates_void_until=100)
    world.workmail.shows({**SHOWN, "Description": world.work.mark}, SHOWN)
    world.workmail.add_response("delete_resource", {})
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    world.workmail.add_response("list_resources", {})
    with pytest.raises(CancelledError):
        create(world.work)
    assert world.ledger.read(OWNER).entries == ()


def test_what_an_earlier_try_has_changed_last_may_not_show_for_a_moment(scripted: MakeScripted) -> None:
    """A retry that finds nothing left to do looks again, before it says that everything is as declared (21)."""
    world = scripted(CREATE)
    world.has(BEGUN._replace(made_by="request-1@100", resource_id=RESOURCE))
    enabled = {**SHOWN, "State": "ENABLED", "Email": "r-1@example.com"}
    world.workmail.shows(SHOWN)
    world.workmail.shows(enabled)
    world.workmail.add_response("deregister_from_work_mail", {})
    world.workmail.shows(SHOWN)
    assert create(world.work).physical_id == RESOURCE


def test_another_event_s_work_is_never_overwritten(scripted: MakeScripted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody writes between the look and the turn, the Create looks again instead of writing over it (62)."""
    world = scripted(CREATE)
    write = world.ledger.write

    def overtaken(*arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        world.has(creates_void_until=100)
        return write(*arguments, **options)

    monkeypatch.setattr(world.ledger, "write", overtaken)
    world.workmail.refuses("describe_resource", "EntityNotFoundException")
    world.workmail.add_response("list_resources", {})
    with pytest.raises(CancelledError):
        create(world.work)
    assert world.ledger.read(OWNER).entries == ()
