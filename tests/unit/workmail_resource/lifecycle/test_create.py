"""What Create decides before and after WorkMail is called; whole stories are told against the embedded WorkMail."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import OWNER, MakeScripted
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.create import create
from workmail_resource.ownership.errors import CancelledError
from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import Record

CREATE = event(signed_at=100)
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}


def test_a_create_that_fails_leaves_nothing(scripted: MakeScripted) -> None:
    """What was refused has left neither entry nor lease, and a late copy of the event makes nothing (contract 51)."""
    world = scripted(CREATE)
    world.workmail.refuses("create_resource", "InvalidParameterException")
    with pytest.raises(ServiceError):
        create(world.work)
    world.work.turn.release()
    record = world.ledger.read(OWNER)
    assert (record.entries, record.lease, record.failed) == ((), None, "request-1@100")


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
