"""Contracts 45 to 48: taking over a room that exists, and giving it back."""

import threading
from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.harness import DOMAIN, Stage, everything, room_properties
from tests.harness.account import Account
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER
from workmail_rooms.sandbox.services import Call
from workmail_rooms.sandbox.workmail import Behaviour

ADOPTING: Final = everything(ExistingResource="ADOPT")
CREATED: Final = everything()


def existing_room(stage: Account) -> str:
    """Make a room that differs from what is declared in every respect, and return its id."""
    room = stage.create_room(Description="as people know it", Email=f"old@{DOMAIN}")
    within = {"OrganizationId": EXAMPLE}
    stage.workmail.invoke("CreateAlias", {**within, "EntityId": room, "Alias": f"upstairs@{DOMAIN}"})
    stage.workmail.invoke("AssociateDelegateToResource", {**within, "ResourceId": room, "EntityId": "bob"})
    return room


def adopt(stage: Account, **overrides: Any) -> str:
    """Adopt the room of the declared name, and return its id."""
    answer = stage.deliver(stage.event("Create", properties={**ADOPTING, **overrides}))
    assert answer.succeeded, answer.reason
    return answer.physical_id


def test_contract_45_a_room_of_this_name_and_type(stage: Stage) -> None:
    """ADOPT takes a live room of this Name and Type over, under its id, and makes it what is declared."""
    room = existing_room(stage)

    assert adopt(stage) == room

    described = stage.room()
    assert described is not None
    assert (described.Email, described.Aliases, described.Delegates) == (
        f"boardroom@{DOMAIN}",
        (f"board-room@{DOMAIN}", f"sitzungssaal@{DOMAIN}"),
        ("alice", "facilities"),
    )
    assert described.HiddenFromGlobalAddressList
    assert "CreateResource" not in stage.operations()


def test_contract_45_nothing_to_adopt(stage: Stage) -> None:
    """With ADOPT and no such resource, it is created; it is then the stack's like any other."""
    room = adopt(stage)

    assert stage.operations().count("CreateResource") == 1
    assert stage.deliver(stage.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    assert stage.rooms() == []


def _other_type(stage: Stage) -> None:
    stage.create_room(Type="EQUIPMENT")


def _user(stage: Stage) -> None:
    stage.workmail.invoke(
        "CreateUser", {"OrganizationId": EXAMPLE, "Name": "boardroom", "DisplayName": "A person of that name"}
    )


def _other_stack(stage: Stage) -> None:
    answer = stage.deliver(stage.event("Create", stack_id=f"{stage.stack_id[:-4]}beef"))
    assert answer.succeeded


def _other_stacks_adoption(stage: Stage) -> None:
    existing_room(stage)
    answer = stage.deliver(stage.event("Create", properties=ADOPTING, stack_id=f"{stage.stack_id[:-4]}beef"))
    assert answer.succeeded


def _being_created(stage: Stage) -> None:
    other = stage.event(
        "Create", stack_id=f"{stage.stack_id[:-4]}beef", function=stage.variant("once", maximum_retry_attempts=0)
    )

    def die(_call: Call) -> None:
        stage.kill(other)

    stage.interventions.after(die, "CreateResource")
    stage.send(other).wait()


@pytest.mark.parametrize(
    ("somebody", "code"),
    [
        (_other_type, "AdoptionRefused"),
        (_user, "NameAvailabilityException"),
        (_other_stack, "AdoptionRefused"),
        (_other_stacks_adoption, "AdoptionRefused"),
        (_being_created, "AdoptionRefused"),
    ],
)
def test_contract_45_what_cannot_be_adopted(stage: Stage, somebody: Callable[[Stage], None], code: str) -> None:
    """ADOPT refuses what is of another Type, a person's, or another stack's; neither it nor its Delete touches that."""
    somebody(stage)
    before, entries, mark = stage.state(), stage.entries(), stage.mark()

    answer = stage.deliver(stage.event("Create", properties=ADOPTING))
    deleted = stage.deliver(stage.event("Delete", properties=ADOPTING, physical_id=answer.physical_id))

    assert answer.status == "FAILED"
    assert answer.reason.startswith(f"{code}:"), answer.reason
    assert deleted.succeeded
    assert set(stage.writes(mark)) <= {"CreateResource"}  # which WorkMail refused
    assert stage.state() == before
    assert stage.entries() == entries


def test_contract_45_a_deleted_room_is_no_live_one(stage: Stage) -> None:
    """The ghost of a deleted room is not adopted: a new one is made."""
    ghost = existing_room(stage)
    stage.delete_room(ghost)

    assert adopt(stage) != ghost
    assert "CreateResource" in stage.operations()


def test_contract_45_two_stacks_at_once(stage: Stage) -> None:
    """Of two stacks that adopt one room at the same time, one gets it and the other fails; neither changes it twice."""
    room = existing_room(stage)
    meeting = threading.Barrier(2)

    def meet(_call: Call) -> None:
        try:
            meeting.wait(5)
        except threading.BrokenBarrierError:
            return

    stage.interventions.before(meet, "TransactWriteItems", times=2)
    events = [
        stage.event("Create", properties=ADOPTING, stack_id=stack)
        for stack in (stage.stack_id, f"{stage.stack_id[:-4]}beef")
    ]
    sent = [stage.send(event) for event in events]
    answers = [one.answer() for one in sent]

    winners = [answer for answer in answers if answer.succeeded]
    assert [answer.physical_id for answer in winners] == [room]
    loser = next(index for index, answer in enumerate(answers) if not answer.succeeded)
    assert answers[loser].reason.startswith("AdoptionRefused:")
    # The loser's Delete does not touch the winner's room.
    before = stage.state()
    delete = stage.event(
        "Delete", properties=ADOPTING, physical_id=answers[loser].physical_id, stack_id=events[loser]["StackId"]
    )
    assert stage.deliver(delete).succeeded
    assert stage.state() == before
    assert {item.get("Holder") or item["Owner"] for item in stage.entries()} == {f"{events[1 - loser]['StackId']}|Room"}


#: What the adoption of an enabled and of a disabled room calls.
_CHANGES: Final = {
    True: (
        "UpdatePrimaryEmailAddress",
        "AssociateDelegateToResource",
        "UpdateResource",
        "DisassociateDelegateFromResource",
        "DeleteAlias",
        "CreateAlias",
    ),
    False: ("RegisterToWorkMail", "AssociateDelegateToResource", "UpdateResource", "CreateAlias"),
}


@pytest.mark.parametrize(
    ("enabled", "failing"), [(enabled, failing) for enabled, calls in _CHANGES.items() for failing in calls]
)
def test_contract_46_a_failed_adoption_restores(virtual: VirtualStage, failing: str, enabled: bool) -> None:  # noqa: FBT001 - a table's column
    """An adoption that fails half way, at any call, brings the room back exactly; its Delete leaves it in place."""
    if enabled:
        existing_room(virtual)
    else:
        virtual.create_room(Description="as people know it")
        # Otherwise WorkMail shows an address that the room never had before.
        virtual.workmail.behaviour = Behaviour(email_after_deregister="cleared")
    before = virtual.state()
    virtual.interventions.fail(failing, code="InvalidParameterException", status=400)

    answer = virtual.deliver(virtual.event("Create", properties=ADOPTING))

    assert answer.status == "FAILED"
    assert answer.reason.startswith("InvalidParameterException:")
    assert virtual.state() == before
    assert virtual.deliver(virtual.event("Delete", properties=ADOPTING, physical_id=answer.physical_id)).succeeded
    assert virtual.state() == before
    assert virtual.entries() == []


def test_contract_46_an_unfinished_restoration(stage: Stage) -> None:
    """When even the restoration fails, the Delete that follows makes up for it."""
    existing_room(stage)
    before = stage.state()
    stage.interventions.fail("CreateAlias", code="AccessDeniedException", status=400, times=99)

    answer = stage.deliver(stage.event("Create", properties=ADOPTING))
    assert answer.status == "FAILED"
    stage.interventions.clear()

    assert stage.deliver(stage.event("Delete", properties=ADOPTING, physical_id=answer.physical_id)).succeeded
    assert stage.state() == before
    assert stage.entries() == []


def test_contract_47_a_rollback_gives_the_room_back(stage: Stage) -> None:
    """Delete soon after the adoption, as in a rollback, puts the room back as it was before."""
    existing_room(stage)
    before = stage.state()
    room = adopt(stage)

    assert stage.deliver(stage.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    assert stage.state() == before
    assert stage.entries() == []


@pytest.mark.long
def test_contract_47_a_room_that_people_have_changed_since(stage: Stage) -> None:
    """Delete of an adopted room that is not as declared any more releases it as it is."""
    existing_room(stage)
    room = adopt(stage)
    stage.workmail.invoke(
        "UpdateResource", {"OrganizationId": EXAMPLE, "ResourceId": room, "Description": "new carpet"}
    )
    before = stage.state()

    assert stage.deliver(stage.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    assert stage.state() == before
    assert stage.entries() == []


@pytest.mark.parametrize(
    "physical_id", [None, "rooms-Room-1ABCDEFGHIJKL", "Custom::WorkMailResource/create-failed", ""]
)
def test_contract_47_never_deleted_while_adopt_is_declared(virtual: VirtualStage, physical_id: str | None) -> None:
    """Whatever id a Delete brings, an adopted room outlives it while ADOPT is declared."""
    room = existing_room(virtual)
    adopt(virtual)

    event = virtual.event("Delete", properties=ADOPTING, physical_id=room if physical_id is None else physical_id)
    assert virtual.deliver(event).succeeded
    assert virtual.describe(room)["state"] == "ENABLED"
    # Only the Delete that names it lets it go.
    assert (virtual.entries() == []) is (physical_id is None)


def test_contract_47_an_update_to_adopt_gives_nothing_away(stage: Stage) -> None:
    """A resource that the stack created stays its own when ADOPT is added later: Delete deletes it."""
    room = stage.deliver(stage.event("Create", properties=CREATED)).physical_id
    update = stage.event("Update", properties=ADOPTING, old_properties=CREATED, physical_id=room)
    assert stage.deliver(update).succeeded

    assert stage.deliver(stage.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    assert stage.rooms() == []


def test_contract_48_after_an_update_without_adopt(stage: Stage) -> None:
    """Once a later template drops ADOPT, the stack owns the room like any other, and Delete deletes it."""
    existing_room(stage)
    room = adopt(stage)
    update = stage.event("Update", properties=CREATED, old_properties=ADOPTING, physical_id=room)
    assert stage.deliver(update).succeeded

    assert stage.deliver(stage.event("Delete", properties=CREATED, physical_id=room)).succeeded
    assert stage.rooms() == []
    assert stage.entries() == []


def test_contract_48_a_rolled_back_update_without_adopt(virtual: VirtualStage) -> None:
    """An Update that drops ADOPT and is rolled back leaves the room adopted: Delete does not delete it."""
    existing_room(virtual)
    room = adopt(virtual)
    for new, old in ((CREATED, ADOPTING), (ADOPTING, CREATED)):
        assert virtual.deliver(virtual.event("Update", properties=new, old_properties=old, physical_id=room)).succeeded
    before = virtual.state()

    assert virtual.deliver(virtual.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    assert virtual.state() == before


def test_contract_45_a_replacement_that_adopts(stage: Stage) -> None:
    """A replacement adopts in the other organization as a Create does, and gives back when it is rolled back."""
    old = stage.deliver(stage.event("Create")).physical_id
    there = stage.create_room(organization_id=OTHER, Description="as people know it", Email="old@example.org")
    moved = room_properties(OrganizationId=OTHER, Email="boardroom@example.org", ExistingResource="ADOPT")
    before = stage.state()

    answer = stage.deliver(stage.event("Update", properties=moved, old_properties=room_properties(), physical_id=old))
    back = stage.deliver(stage.event("Update", properties=room_properties(), old_properties=moved, physical_id=there))
    deleted = stage.deliver(stage.event("Delete", properties=moved, physical_id=there))

    assert (answer.status, answer.physical_id) == ("SUCCESS", there)
    assert (back.status, back.physical_id) == ("SUCCESS", old)
    assert deleted.succeeded
    assert stage.state() == before
