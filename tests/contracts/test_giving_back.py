"""Contracts 55 to 57: adopted rooms that are given back, and rooms that move to another logical ID or stack."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import DOMAIN, room_properties
from workmail_resource.lifecycle.siblings import DELAY
from workmail_rooms.sandbox.seed import OTHER

ADOPT = {"ExistingResource": "ADOPT"}
ADOPTING = room_properties(Name="boardroom", Email="new@example.com", Description="as declared here", **ADOPT)
DAY = 24 * 3600
INVENTED = "rooms-Room-1ABCDEFGHIJKL"


def existing(play: Timeless) -> str:
    """Make the room that is adopted."""
    return play.stage.create_room(Email=f"old@{DOMAIN}", Description="as people know it")


def described(play: Timeless, room: str) -> dict[str, Any]:
    """Return what people see of a room."""
    shown = play.stage.describe(room)
    return {key: shown[key] for key in ("name", "email", "description", "aliases", "delegates", "state")}


@pytest.mark.parametrize("by_now", [{"Name": "theirs"}, {"Type": "EQUIPMENT"}])
def test_contract_46_an_adoption_that_has_died(play: Timeless, by_now: dict[str, str]) -> None:
    """A room that people change between two tries of its adoption, before that has changed it, stays as they want it.

    GIVEN an adoption that dies when it has claimed the room
    WHEN people give the room another name, or another Type, and Lambda delivers the event again
    THEN the room is theirs, and the event makes its own, or says what is wrong.
    """
    room = existing(play)
    create = play.event("Create", properties=ADOPTING)
    play.dies(create, "TransactWriteItems")
    shown = {"Name": "boardroom", "Type": "ROOM", **by_now}
    within = {"OrganizationId": ADOPTING["OrganizationId"], "ResourceId": room}
    play.stage.workmail.invoke("UpdateResource", {**within, **shown})
    before = described(play, room)
    play.wait(60)

    answer = play.deliver(create)

    assert described(play, room) == before
    if "Name" in by_now:
        assert answer.succeeded, answer.reason
        assert answer.physical_id != room
    else:
        assert answer.reason.startswith("AdoptionRefused:"), answer.reason
        assert play.stage.entries() == []


@pytest.mark.parametrize("denied", [["DeleteAlias"], ["UpdateResource", "UpdatePrimaryEmailAddress", "CreateAlias"]])
def test_contract_46_renamed_before_it_is_given_back(play: Timeless, denied: list[str]) -> None:
    """What people have renamed after an adoption failed is given back under the name that they have given it.

    GIVEN an adoption that fails half way, or before its first change, and that cannot be given back at once
    WHEN people rename the room, and the stack is deleted
    THEN the room has their name, and is as it was before in all else.
    """
    room = existing(play)
    before = described(play, room)
    for operation in denied:
        play.stage.interventions.fail(operation, code="AccessDeniedException", status=400, times=99)
    failed = play.deliver(play.event("Create", properties=ADOPTING))
    assert not failed.succeeded
    assert (described(play, room) == before) == ("UpdateResource" in denied)
    play.stage.interventions.clear()
    within = {"OrganizationId": ADOPTING["OrganizationId"], "ResourceId": room}
    play.stage.workmail.invoke("UpdateResource", {**within, "Name": "theirs", "Type": "ROOM"})

    answer = play.deliver(play.event("Delete", properties=ADOPTING, physical_id=failed.physical_id))

    assert answer.succeeded, answer.reason
    assert described(play, room) == before | {"name": "theirs"}
    assert play.stage.entries() == []


# --------------------------------------------------------------------------------------------------------- contract 55


def test_contract_55_what_somebody_else_has_by_now(play: Timeless) -> None:
    """Issue 13, line 6: an adopted room whose former address is another's by now is given back without it."""
    room = existing(play)
    play.create(properties=ADOPTING)
    within = {"OrganizationId": ADOPTING["OrganizationId"], "EntityId": room}
    aliases = play.stage.describe(room)["aliases"]
    for alias in aliases:
        play.stage.workmail.invoke("DeleteAlias", {**within, "Alias": alias})
    play.stage.create_room("thief", Email=f"old@{DOMAIN}")

    answer = play.deliver(play.event("Delete", properties=ADOPTING, physical_id=room))

    assert answer.succeeded, answer.reason
    assert play.logged("an adopted resource could not be given back wholly")
    assert described(play, room)["description"] == "as people know it"
    assert play.stage.entries() == []


def test_contract_55_a_deliberate_update_stays(play: Timeless) -> None:
    """Once an Update has succeeded, the Delete within a day leaves the adopted room as that has made it."""
    room = existing(play)
    play.create(properties=ADOPTING)
    updated = {**ADOPTING, "Description": "as decided since"}
    assert play.deliver(play.event("Update", properties=updated, old_properties=ADOPTING, physical_id=room)).succeeded
    before = described(play, room)

    assert play.deliver(play.event("Delete", properties=updated, physical_id=room)).succeeded
    assert described(play, room) == before
    assert play.stage.entries() == []


def test_contract_63_giving_back_is_finished_by_whoever_comes_next(play: Timeless) -> None:
    """Issue 13, line 14: a Delete dies half way through giving back; the next delivery of it goes on to the end."""
    room = existing(play)
    before = described(play, room)
    play.create(properties=ADOPTING)
    delete = play.event("Delete", properties=ADOPTING, physical_id=room)
    play.dies(delete, "UpdatePrimaryEmailAddress")
    assert described(play, room) != before

    answer = play.deliver(delete)

    assert answer.succeeded, answer.reason
    assert described(play, room) == before
    assert play.stage.entries() == []


def test_contract_63_giving_back_that_was_refused_half_way(play: Timeless) -> None:
    """A Delete that WorkMail denies half way fails; the next one gives the room back wholly."""
    room = existing(play)
    before = described(play, room)
    play.create(properties=ADOPTING)
    play.stage.interventions.fail("UpdatePrimaryEmailAddress", code="AccessDeniedException", status=400, times=99)
    assert not play.deliver(play.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    play.stage.interventions.clear()

    assert play.deliver(play.event("Delete", properties=ADOPTING, physical_id=room)).succeeded
    assert described(play, room) == before
    assert play.stage.entries() == []


def test_contract_63_what_it_was_like_is_read_under_the_claim(play: Timeless) -> None:
    """Issue 13, line 15: one stack gives a room back while another adopts it; the second restores what people had."""
    room = existing(play)
    before = described(play, room)
    first = f"{play.stage.stack_id[:-4]}aaaa"
    play.create(properties=ADOPTING, stack_id=first)
    changed = {**ADOPTING, "Description": "the second stack's"}

    # WHEN the first lets go between the second's look at the room and its claim
    play.after(
        "DescribeResource",
        lambda: play.deliver(play.event("Delete", properties=ADOPTING, physical_id=room, stack_id=first)),
    )
    play.create(properties=changed)

    # THEN the second's Delete brings back what was before both.
    assert play.deliver(play.event("Delete", properties=changed, physical_id=room)).succeeded
    assert described(play, room) == before


def test_contract_55_what_a_sibling_is_about_to_give_up(play: Timeless) -> None:
    """The Delete of an adopted room waits for its former address while another logical ID gives that up."""
    room = existing(play)
    before = described(play, room)
    play.create(properties=ADOPTING)
    for alias in play.stage.describe(room)["aliases"]:
        within = {"OrganizationId": ADOPTING["OrganizationId"], "EntityId": room}
        play.stage.workmail.invoke("DeleteAlias", {**within, "Alias": alias})
    taking = room_properties(Name="another", Email=f"old@{DOMAIN}")
    other = play.create(properties=taking, logical_id="Other")
    gives_up = play.event("Delete", properties=taking, physical_id=other, logical_id="Other")
    play.at_next_wait(lambda: play.deliver(gives_up))

    assert play.deliver(play.event("Delete", properties=ADOPTING, physical_id=room)).succeeded

    assert described(play, room) == before


@pytest.mark.parametrize("at", ["UpdateResource", "DescribeResource"])
def test_contract_55_a_room_that_people_delete_meanwhile(play: Timeless, at: str) -> None:
    """What is deleted by hand while it is given back is gone, and the Delete succeeds."""
    room = existing(play)
    play.create(properties=ADOPTING)
    play.after(at, lambda: play.stage.delete_room(room), 2 if at == "DescribeResource" else 1)

    answer = play.deliver(play.event("Delete", properties=ADOPTING, physical_id=room))

    assert answer.succeeded, answer.reason
    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


# --------------------------------------------------------------------------------------------------------- contract 56

DECLARED = room_properties(Description="as declared")
RENAMED = room_properties(Description="as declared", **ADOPT)


def test_contract_56_a_renamed_logical_id(play: Timeless) -> None:
    """A new logical ID takes the room over without a write in WorkMail; the old one's clean-up releases it."""
    room = play.create(properties=DECLARED, logical_id="Old")
    before, mark = play.stage.state(), play.stage.mark()

    taken = play.deliver(play.event("Create", properties=RENAMED, logical_id="New"))
    cleaned = play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old"))

    assert (taken.status, taken.physical_id) == ("SUCCESS", room), taken.reason
    assert cleaned.succeeded, cleaned.reason
    assert play.stage.writes(mark) == []
    assert play.stage.state() == before
    assert {one["Owner"].rpartition("|")[2] for one in play.stage.entries() if one["Entry"] == "entry"} == {"New"}
    # It is the new one's as it was the old one's: created, so its Delete removes it once ADOPT is not declared.
    assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="New")).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


@pytest.mark.parametrize("changes", [False, True])
def test_contract_56_rolled_back(play: Timeless, *, changes: bool) -> None:
    """When the update is rolled back, the old logical ID has the room again, as it was; and can rename again."""
    room = play.create(properties=DECLARED, logical_id="Old")
    before = play.stage.state()
    new = {**RENAMED, "Email": "new@example.com", "Description": "changed"} if changes else RENAMED
    for _ in range(2):
        taken = play.deliver(play.event("Create", properties=new, logical_id="New"))
        assert (taken.status, taken.physical_id) == ("SUCCESS", room), taken.reason

        back = play.deliver(play.event("Delete", properties=new, physical_id=room, logical_id="New"))

        assert back.succeeded, back.reason
        assert {key: {**one, "aliases": sorted(one["aliases"])} for key, one in play.stage.state().items()} == before
    assert {one["Owner"].rpartition("|")[2] for one in play.stage.entries() if one["Entry"] == "entry"} == {"Old"}
    assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")).succeeded
    assert play.stage.rooms() == []


def test_contract_56_a_cancelled_create_takes_nothing_over(play: Timeless) -> None:
    """A Create that CloudFormation has given up, be it a moment ago, does not take its sibling's room over."""
    play.create(properties=DECLARED, logical_id="Old")
    before, entries = play.stage.state(), play.stage.entries()
    cancelled = (play.stage.stack_id, "New", INVENTED, "CREATE_FAILED")
    play.after("TransactWriteItems", lambda: play.stage.cloudformation.show(*cancelled))

    answer = play.deliver(play.event("Create", properties=RENAMED, logical_id="New"))

    assert answer.reason.startswith("Cancelled:")
    assert (play.stage.state(), play.stage.entries()) == (before, entries)


@pytest.mark.parametrize("died_at", ["TransactWriteItems", "UpdateResource"])
def test_contract_56_a_worker_dies_while_it_takes_over(play: Timeless, died_at: str) -> None:
    """A Create that dies while it takes a room over is cancelled: the Delete of an invented ID hands the room back."""
    room = play.create(properties=DECLARED, logical_id="Old")
    before = play.stage.state()
    new = {**RENAMED, "Description": "changed"}
    play.dies(play.event("Create", properties=new, logical_id="New"), died_at)

    back = play.deliver(play.event("Delete", properties=new, physical_id="rooms-New-1ABCDEFGHIJKL", logical_id="New"))

    assert back.succeeded, back.reason
    assert play.stage.state() == before
    changed = {**DECLARED, "HiddenFromGlobalAddressList": "true"}
    kept = play.deliver(
        play.event("Update", properties=changed, old_properties=DECLARED, physical_id=room, logical_id="Old")
    )
    assert kept.succeeded, kept.reason


@pytest.mark.parametrize("how", ["at once", "dies", "denied"])
def test_contract_56_taken_back_from_one_that_let_go(play: Timeless, how: str) -> None:
    """Rolled back under Retain, the new logical ID hands nothing back: the old one takes the room when it changes."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    play.stage.cloudformation.hide(play.stage.stack_id, "New")
    changed = {**DECLARED, "Description": "changed"}
    update = play.event("Update", properties=changed, old_properties=DECLARED, physical_id=room, logical_id="Old")
    if how == "dies":
        play.dies(update, "TransactWriteItems")
    elif how == "denied":
        play.stage.deny_cloudformation()

    answer = play.deliver(update)

    if how == "denied":
        assert answer.reason.startswith("NotOwned:")
        assert "cloudformation:DescribeStackResource" in answer.reason
        return
    assert answer.succeeded, answer.reason
    assert described(play, room)["description"] == "changed"
    assert [one["Owner"].rpartition("|")[2] for one in play.stage.entries() if one["Entry"] == "entry"] == ["Old"]
    assert play.deliver(play.event("Delete", properties=changed, physical_id=room, logical_id="Old")).succeeded
    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


def test_contract_62_a_late_copy_while_a_room_is_taken_back(play: Timeless) -> None:
    """A late copy of a cancelled Update does not stop the rollback that takes the room back from a new logical ID.

    GIVEN a rollback that dies when it has taken back what another logical ID has let go
    WHEN a copy of the Update that it reverses waits for its turn, and Lambda delivers the rollback's event again
    THEN the rollback succeeds.
    """
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    play.stage.cloudformation.hide(play.stage.stack_id, "New")
    changed = {**DECLARED, **ADOPT}
    of_old = {"physical_id": room, "logical_id": "Old"}
    cancelled = play.event("Update", properties=changed, old_properties=DECLARED, **of_old)
    back = play.event("Update", properties=DECLARED, old_properties=changed, **of_old)
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    play.dies(back, "TransactWriteItems")
    answers = []
    play.at_next_wait(lambda: answers.append(play.deliver(back)))

    play.deliver(cancelled)

    assert [one.status for one in answers] == ["SUCCESS"], [one.reason for one in answers]


def test_contract_56_taken_back_past_two_that_let_go(play: Timeless) -> None:
    """A room whose renamings were both retained in their rollback is its first logical ID's when that changes it."""
    room = play.create(properties=DECLARED, logical_id="Old")
    for logical_id in ("New", "Newest"):
        play.stage.cloudformation.show(play.stage.stack_id, logical_id, status="CREATE_IN_PROGRESS")
        play.create(properties=RENAMED, logical_id=logical_id)
        play.stage.cloudformation.hide(play.stage.stack_id, logical_id)
    changed = {**DECLARED, "Description": "changed"}
    update = {"properties": changed, "old_properties": DECLARED, "physical_id": room, "logical_id": "Old"}

    answer = play.deliver(play.event("Update", **update))

    assert answer.succeeded, answer.reason
    assert described(play, room)["description"] == "changed"
    assert [one["Owner"].rpartition("|")[2] for one in play.stage.entries() if one["Entry"] == "entry"] == ["Old"]


@pytest.mark.parametrize("denied", [False, True])
def test_contract_56_the_old_one_is_deleted_after_all(play: Timeless, *, denied: bool) -> None:
    """Where the clean-up of a rolled-back new logical ID has failed, the old one's Delete deletes the room (34)."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    play.stage.cloudformation.show(play.stage.stack_id, "New", INVENTED, "DELETE_FAILED")
    if denied:
        play.stage.deny_cloudformation()

    answer = play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old"))

    assert answer.succeeded, answer.reason
    # When in doubt, the room stays.
    assert [one.ResourceId for one in play.stage.rooms()] == ([room] if denied else [])
    assert denied or play.stage.entries() == []


def test_contract_57_what_a_rollback_has_given_back_untold(play: Timeless) -> None:
    """A room of which Retain kept a rollback from telling is the former logical ID's: no other stack takes it over."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    play.stage.cloudformation.hide(play.stage.stack_id, "New")
    before = play.stage.state()
    other = f"{play.stage.stack_id[:-4]}9999"

    refused = play.deliver(
        play.event("Create", properties={**RENAMED, "Description": "changed"}, logical_id="Theirs", stack_id=other)
    )

    assert refused.reason.startswith("AdoptionRefused:"), refused.reason
    assert "belongs to Old of stack" in refused.reason
    assert play.stage.state() == before
    assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")).succeeded
    assert play.stage.rooms() == []


def test_contract_50_a_former_owner_whose_record_is_lost(play: Timeless) -> None:
    """A room that was taken over stays when it is to be handed back to an owner of which the ledger has lost all."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    items = play.stage.world.table.items
    for key in [key for key in items if key[0].endswith("|Old")]:
        del items[key]

    back = play.deliver(play.event("Delete", properties=RENAMED, physical_id=room, logical_id="New"))

    assert back.succeeded, back.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


def test_contract_56_both_are_deleted_at_once(play: Timeless) -> None:
    """A room that was taken over is deleted when its former logical ID leaves it to the new one, which is deleted too.

    GIVEN a room that a new logical ID has taken over from one whose creation had failed
    WHEN a rollback deletes both, and the old one's Delete is done while the new one's has begun
    THEN the new one's deletes the room.
    """
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    play.stage.cloudformation.show(play.stage.stack_id, "Old", room, "DELETE_IN_PROGRESS")
    old = play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")
    play.after("PutItem", lambda: play.deliver(old))

    assert play.deliver(play.event("Delete", properties=RENAMED, physical_id=room, logical_id="New")).succeeded

    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


def test_contract_56_cloudformation_cannot_be_asked_about_the_old_one(play: Timeless) -> None:
    """The new logical ID's Delete fails until CloudFormation shows that the old one does not have the room any more."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")).succeeded
    play.stage.cloudformation.hide(play.stage.stack_id, "Old")
    delete = play.event("Delete", properties=RENAMED, physical_id=room, logical_id="New")
    play.stage.deny_cloudformation()

    refused = play.deliver(delete)

    assert refused.reason.startswith("NotOwned:"), refused.reason
    assert "cloudformation:DescribeStackResource, then try again" in refused.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [room]
    play.stage.cloudformation_denied = False
    assert play.deliver(delete).succeeded
    assert (play.stage.rooms(), play.stage.entries()) == ([], [])


@pytest.mark.parametrize("then", ["nothing", "another room"])
def test_contract_56_taken_over_from_one_that_retains(play: Timeless, then: str) -> None:
    """A room that the old logical ID was to retain stays at the new one's Delete, and the ledger forgets both."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.stage.cloudformation.hide(play.stage.stack_id, "Old")
    play.create(properties=RENAMED, logical_id="New")
    if then == "another room":
        play.create(properties=room_properties(Name="another", Email="another@example.com"), logical_id="Old")

    assert play.deliver(play.event("Delete", properties=RENAMED, physical_id=room, logical_id="New")).succeeded

    assert room in {one.ResourceId for one in play.stage.rooms()}
    assert room not in str(play.stage.entries())


@pytest.mark.parametrize("how", ["Create", "Update"])
def test_contract_56_taken_over_after_another_was_made(play: Timeless, how: str) -> None:
    """A room that its first logical ID had let go, and made another, is deleted with the one that took it over (34)."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.wait(60)
    moved = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    old = {"old_properties": DECLARED, "physical_id": room} if how == "Update" else {}
    other = play.deliver(play.event(how, properties=moved, logical_id="Old", **old)).physical_id
    play.stage.cloudformation.show(play.stage.stack_id, "Old", other, f"{how.upper()}_COMPLETE")
    play.create(properties=RENAMED, logical_id="New")
    own = {key: value for key, value in RENAMED.items() if key != "ExistingResource"}
    update = {"properties": own, "old_properties": RENAMED, "physical_id": room, "logical_id": "New"}
    assert play.deliver(play.event("Update", **update)).succeeded
    play.stage.cloudformation.status = "DELETE_IN_PROGRESS"

    assert play.deliver(play.event("Delete", properties=own, physical_id=room, logical_id="New")).succeeded

    assert [one.ResourceId for one in play.stage.rooms()] == [other]
    assert {one["resource_id"] for one in play.stage.entries() if one["Entry"] == "entry"} == {other}


def test_contract_56_taken_over_and_come_back_without_adopt(play: Timeless) -> None:
    """A room that was taken over, and that an Update without ADOPT has come back to, is deleted with its stack (34)."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.stage.cloudformation.hide(play.stage.stack_id, "Old")
    play.create(properties=RENAMED, logical_id="New")
    there = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    forth = {"properties": there, "old_properties": RENAMED, "physical_id": room, "logical_id": "New"}
    moved = play.deliver(play.event("Update", **forth)).physical_id
    own = {key: value for key, value in RENAMED.items() if key != "ExistingResource"}
    back = {"properties": own, "old_properties": there, "physical_id": moved, "logical_id": "New"}
    assert play.deliver(play.event("Update", **back)).physical_id == room

    assert play.deliver(play.event("Delete", properties=own, physical_id=room, logical_id="New")).succeeded

    assert [one.ResourceId for one in play.stage.rooms()] == [moved]


def test_contract_56_taken_over_twice_and_retained_once(play: Timeless) -> None:
    """Rolled back, a room goes back past a logical ID that a rollback has retained, to the one that has it still."""
    room = play.create(properties=DECLARED, logical_id="Old")
    before = described(play, room)
    play.create(properties={**RENAMED, "Description": "changed"}, logical_id="New")
    play.stage.cloudformation.hide(play.stage.stack_id, "New")
    play.create(properties={**RENAMED, "Description": "changed again"}, logical_id="Newest")

    assert play.deliver(play.event("Delete", properties=RENAMED, physical_id=room, logical_id="Newest")).succeeded

    assert described(play, room) == before
    assert {one["Owner"].rpartition("|")[2] for one in play.stage.entries() if one["Entry"] == "entry"} == {"Old"}
    assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")).succeeded
    assert play.stage.rooms() == []


def test_contract_56_renamed_again_to_one_that_had_it(play: Timeless) -> None:
    """A room whose renamings were all retained in their rollback goes back to its first logical ID, however often."""
    room = play.create(properties=DECLARED, logical_id="Old")
    for logical_id in ("New", "Newest", "New"):
        play.stage.cloudformation.show(play.stage.stack_id, logical_id, status="CREATE_IN_PROGRESS")
        play.create(properties=RENAMED, logical_id=logical_id)
        play.stage.cloudformation.hide(play.stage.stack_id, logical_id)

    assert play.deliver(play.event("Delete", properties=RENAMED, physical_id=room, logical_id="New")).succeeded

    kept = [one for one in play.stage.entries() if one["Entry"] == "entry"]
    assert [(one["Owner"].rpartition("|")[2], one.get("handed_to")) for one in kept] == [("Old", None)]
    assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")).succeeded
    assert play.stage.rooms() == []


def test_contract_56_handed_back_as_it_was_taken_this_time(play: Timeless) -> None:
    """A room that comes back to a logical ID is handed back as that took it now, not as it took it the first time."""
    room = play.create(properties=DECLARED, logical_id="Old")
    for logical_id in ("New", "Newest"):
        play.create(properties=RENAMED, logical_id=logical_id)
    changed = {**DECLARED, "Description": "changed"}
    update = {"properties": changed, "old_properties": RENAMED, "physical_id": room, "logical_id": "Newest"}
    assert play.deliver(play.event("Update", **update)).succeeded
    again = {**RENAMED, "Description": "changed again"}
    play.stage.cloudformation.show(play.stage.stack_id, "New", status="CREATE_IN_PROGRESS")
    play.create(properties=again, logical_id="New")

    assert play.deliver(play.event("Delete", properties=again, physical_id=room, logical_id="New")).succeeded

    assert described(play, room)["description"] == "changed"


def test_contract_56_a_rollback_of_something_else(play: Timeless) -> None:
    """A room that was taken over in an earlier operation stays where it is when an Update of its former one fails."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    play.now += DELAY
    elsewhere = room_properties(OrganizationId=OTHER, Email="boardroom@example.com")
    forward = {"properties": elsewhere, "old_properties": DECLARED, "physical_id": room, "logical_id": "Old"}
    assert not play.deliver(play.event("Update", **forward)).succeeded
    before, entries = play.stage.state(), play.stage.entries()
    back = {**forward, "properties": DECLARED, "old_properties": elsewhere}
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    assert play.deliver(play.event("Update", **back)).succeeded

    assert (play.stage.state(), play.stage.entries()) == (before, entries)


@pytest.mark.parametrize("then", ["moved", "deleted"])
def test_contract_56_taken_over_from_one_that_was_made_anew(play: Timeless, then: str) -> None:
    """A room that was taken over goes with its stack where the old logical ID has had another one since."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    den, moved = room_properties(Name="den", Email=None), room_properties(OrganizationId=OTHER, Email=None)
    second = play.create(properties=den, logical_id="Old")
    if then == "moved":
        replacing = {"properties": moved, "old_properties": den, "physical_id": second, "logical_id": "Old"}
        assert play.deliver(play.event("Update", **replacing)).succeeded
    settling = {"properties": DECLARED, "old_properties": RENAMED, "physical_id": room, "logical_id": "New"}
    assert play.deliver(play.event("Update", **settling)).succeeded
    play.stage.cloudformation.show(play.stage.stack_id, "Old", second, "DELETE_IN_PROGRESS")
    for physical_id, logical_id, properties in ((second, "Old", den), (room, "New", DECLARED)):
        delete = play.event("Delete", properties=properties, physical_id=physical_id, logical_id=logical_id)
        assert play.deliver(delete).succeeded

    assert [one.OrganizationId for one in play.stage.rooms()] == ([OTHER] if then == "moved" else [])
    assert room not in str(play.stage.entries())


def test_contract_56_a_take_over_that_fails(play: Timeless) -> None:
    """A Create that WorkMail refuses after it has taken a room over hands it back at once, and its Delete leaves it."""
    room = play.create(properties=DECLARED, logical_id="Old")
    before, entries = play.stage.state(), play.stage.entries()
    new = {**RENAMED, "Description": "changed", "Email": "new@nowhere.example"}

    failed = play.deliver(play.event("Create", properties=new, logical_id="New"))

    assert failed.reason.startswith("MailDomain"), failed.reason
    assert (play.stage.state(), play.stage.entries()) == (before, entries)
    deleted = play.event("Delete", properties=new, physical_id=failed.physical_id, logical_id="New")
    assert play.deliver(deleted).succeeded
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


@pytest.mark.parametrize("deployments", [1, 2])
def test_contract_56_taken_over_half_way(play: Timeless, deployments: int) -> None:
    """A room that was taken over while an Update of it was half way is as it was before, after a rollback.

    Also one that goes back over two deployments, of which the first was not rolled back.
    """
    # GIVEN an Update that died half way, after which another logical ID takes the room over
    room = play.create(properties=DECLARED, logical_id="Old")
    before = described(play, room)
    changed = {**DECLARED, "Description": "changed"}
    forth = {"properties": changed, "old_properties": DECLARED, "physical_id": room, "logical_id": "Old"}
    play.dies(play.event("Update", **forth), "UpdateResource")
    play.wait(60)
    half_way = {**RENAMED, "Description": "changed"}
    play.stage.cloudformation.show(play.stage.stack_id, "Old", room, "UPDATE_FAILED")
    play.create(properties=half_way, logical_id="New")
    play.stage.cloudformation.show(play.stage.stack_id, "Old", room, "UPDATE_IN_PROGRESS")
    if deployments > 1:
        play.stage.cloudformation.began = datetime.fromtimestamp(play.now + 60, UTC)
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    # WHEN both are rolled back
    back = {"properties": DECLARED, "old_properties": changed, "physical_id": room, "logical_id": "Old"}
    answers = [
        play.deliver(play.event("Update", **back)),
        play.deliver(play.event("Delete", properties=half_way, physical_id=room, logical_id="New")),
    ]

    # THEN the room is as it was
    assert [one.status for one in answers] == ["SUCCESS", "SUCCESS"], [one.reason for one in answers]
    assert described(play, room) == before


@pytest.mark.parametrize("cleaned_up", [False, True])
def test_contract_56_changed_since(play: Timeless, *, cleaned_up: bool) -> None:
    """A room that was changed since it was taken over goes back too, as long as the old logical ID waits for it."""
    # GIVEN a deployment that failed and was not rolled back, and another one
    room = play.create(properties=DECLARED, logical_id="Old")
    before = described(play, room)
    play.create(properties=RENAMED, logical_id="New")
    changed = room_properties(Description="changed")
    update = {"properties": changed, "old_properties": RENAMED, "physical_id": room, "logical_id": "New"}
    assert play.deliver(play.event("Update", **update)).succeeded
    if cleaned_up:
        assert play.deliver(play.event("Delete", properties=DECLARED, physical_id=room, logical_id="Old")).succeeded

    # WHEN the new logical ID is deleted, in the rollback of the other one or after its end
    assert play.deliver(play.event("Delete", properties=changed, physical_id=room, logical_id="New")).succeeded

    # THEN the old one has the room as it was, or nobody has it any more
    if cleaned_up:
        assert (play.stage.rooms(), play.stage.entries()) == ([], [])
        return
    assert described(play, room) == before
    assert {one["Owner"].rpartition("|")[2] for one in play.stage.entries() if one["Entry"] == "entry"} == {"Old"}


def test_contract_56_both_declared_at_once(play: Timeless) -> None:
    """When both logical IDs declare the room, the second has it, and the first's next change names the second."""
    room = play.create(properties=DECLARED, logical_id="Old")
    play.create(properties=RENAMED, logical_id="New")
    before = play.stage.state()

    changed = {**DECLARED, "Description": "once more"}
    answer = play.deliver(
        play.event("Update", properties=changed, old_properties=DECLARED, physical_id=room, logical_id="Old")
    )

    assert answer.reason.startswith("NotOwned:")
    assert "New of stack" in answer.reason
    assert play.stage.state() == before


# --------------------------------------------------------------------------------------------------------- contract 57


@pytest.mark.parametrize("let_go", ["resource removed", "stack lost", "another physical id"])
def test_contract_57_moved_to_another_stack(play: Timeless, let_go: str) -> None:
    """ADOPT takes a room over from a stack that has let it go, by the three ways of letting go, without a write."""
    first = f"{play.stage.stack_id[:-4]}aaaa"
    room, mark = play.create(properties=DECLARED, stack_id=first), play.stage.mark()
    match let_go:
        case "resource removed":
            play.stage.cloudformation.hide(first, "Room")
        case "stack lost":
            play.stage.cloudformation.lose(first)
        case _:
            play.stage.cloudformation.show(first, "Room", "r-" + 32 * "0")

    answer = play.deliver(play.event("Create", properties=RENAMED))

    assert (answer.status, answer.physical_id) == ("SUCCESS", room), answer.reason
    assert play.stage.writes(mark) == []
    assert {one["Owner"] for one in play.stage.entries() if one["Entry"] == "entry"} == {f"{play.stage.stack_id}|Room"}
    # A late Delete of the old owner touches nothing.
    assert play.deliver(play.event("Delete", physical_id=room, stack_id=first)).succeeded
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


@pytest.mark.parametrize("status", ["CREATE_IN_PROGRESS", "CREATE_FAILED", "DELETE_IN_PROGRESS"])
def test_contract_57_what_a_cancelled_create_has_adopted(play: Timeless, status: str) -> None:
    """What a stack has adopted in a Create that was cancelled goes over only when it was given back as people had it.

    In seeds 202891 and 232933 of the simulation two stacks adopt one room, and both are rolled back.
    """
    # GIVEN a room whose adoption by another stack has succeeded, of which CloudFormation knows nothing
    room, first = existing(play), f"{play.stage.stack_id[:-4]}aaaa"
    before, shown = described(play, room), play.stage.cloudformation
    play.create(properties=ADOPTING, stack_id=first)
    invented = "" if status == "CREATE_IN_PROGRESS" else INVENTED
    shown.show(first, "Room", invented, status)
    shown.status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"

    def clean_up() -> None:
        event = play.event("Delete", properties=ADOPTING, physical_id=INVENTED, stack_id=first)
        shown.show(first, "Room", INVENTED, "DELETE_IN_PROGRESS")
        assert play.deliver(event).succeeded
        shown.status = "UPDATE_ROLLBACK_COMPLETE"

    # WHEN this stack adopts it too, and is rolled back
    play.at_next_wait(clean_up)
    changed = {**ADOPTING, "Description": "the second stack's"}
    assert play.create(properties=changed) == room
    assert play.deliver(play.event("Delete", properties=changed, physical_id=room)).succeeded

    # THEN people have it again as it was before both
    assert described(play, room) == before
    assert play.stage.entries() == []


@pytest.mark.parametrize("done", [False, True])
def test_contract_57_what_it_was_before_another_stack_had_it(play: Timeless, *, done: bool) -> None:
    """What another stack has adopted half way goes back to what people had; what it has let go, to what it was then."""
    room, first = existing(play), f"{play.stage.stack_id[:-4]}aaaa"
    before = described(play, room)
    if done:
        play.create(properties=ADOPTING, stack_id=first)
        before = described(play, room)
    else:
        play.dies(play.event("Create", properties=ADOPTING, stack_id=first), "UpdatePrimaryEmailAddress")
        assert described(play, room) != before
        play.wait(DAY / 2)
    play.stage.cloudformation.hide(first, "Room")

    changed = {**ADOPTING, "Description": "the second stack's"}
    assert play.create(properties=changed) == room
    assert play.deliver(play.event("Delete", properties=changed, physical_id=room)).succeeded

    assert described(play, room) == before
    assert play.stage.entries() == []


@pytest.mark.parametrize("shown", ["gone", "still there"])
def test_contract_57_what_a_sibling_has_left_half_given_back(play: Timeless, shown: str) -> None:
    """What a failed Delete has left half given back can be adopted again, and still goes back to what people had.

    GIVEN an adopted room whose Delete has died while it gave that back, and failed
    WHEN another logical resource of the stack adopts it
    THEN it gets it where CloudFormation does not have the first one any more.
    """
    room = existing(play)
    before = described(play, room)
    play.create(properties=ADOPTING, logical_id="First")
    gone = play.event("Delete", properties=ADOPTING, physical_id=room, logical_id="First")
    play.dies(gone, "UpdatePrimaryEmailAddress")
    play.wait(120)
    if shown == "gone":
        play.stage.cloudformation.hide(play.stage.stack_id, "First")
    else:
        play.stage.cloudformation.show(play.stage.stack_id, "First", room, "DELETE_FAILED")

    changed = {**ADOPTING, "Description": "the second one's"}
    answer = play.deliver(play.event("Create", properties=changed, logical_id="Second"))

    assert (answer.physical_id == room) is (shown == "gone"), answer.reason
    if shown == "gone":
        delete = play.event("Delete", properties=changed, physical_id=room, logical_id="Second")
        assert play.deliver(delete).succeeded
        assert described(play, room) == before
        assert play.stage.entries() == []


def test_contract_57_what_a_sibling_has_not_finished_creating(play: Timeless) -> None:
    """ADOPT leaves what a failed Create has made to its Delete, also when the template has dropped that sibling."""
    play.stage.interventions.fail("RegisterToWorkMail", code="EmailAddressInUseException", status=400, times=99)
    failed = play.deliver(play.event("Create", logical_id="First"))
    assert [one.ResourceId for one in play.stage.rooms()] == [failed.physical_id]
    play.stage.cloudformation.hide(play.stage.stack_id, "First")

    adopting = room_properties(ExistingResource="ADOPT")
    answer = play.deliver(play.event("Create", properties=adopting, logical_id="Second"))

    assert answer.reason.startswith("AdoptionRefused:")
    assert play.deliver(play.event("Delete", physical_id=failed.physical_id, logical_id="First")).succeeded
    assert play.stage.rooms() == []
    assert play.stage.entries() == []


def test_contract_57_a_stack_that_is_being_changed(play: Timeless) -> None:
    """ADOPT refuses a room to which another stack may go back, after half a minute; the Reason says so."""
    first = f"{play.stage.stack_id[:-4]}aaaa"
    play.create(stack_id=first)
    play.stage.cloudformation.show(first, "Room", "r-" + 32 * "0", "CREATE_COMPLETE")
    play.stage.cloudformation.status = "UPDATE_IN_PROGRESS"
    before, entries = play.stage.state(), play.stage.entries()

    answer = play.deliver(play.event("Create", properties=RENAMED))

    assert answer.reason.startswith("AdoptionRefused:")
    assert f"is being changed by Room of stack {first}" in answer.reason
    assert DELAY <= play.took < 2 * DELAY
    assert (play.stage.state(), play.stage.entries()) == (before, entries)


def test_contract_57_let_go_while_its_stack_is_being_changed(play: Timeless) -> None:
    """ADOPT does not wait for another stack to be at rest once that has let the room go: an adoption rolled back."""
    room = existing(play)
    first = f"{play.stage.stack_id[:-4]}aaaa"
    play.create(properties=ADOPTING, stack_id=first)
    play.stage.cloudformation.show(first, "Room", "", "CREATE_IN_PROGRESS")
    play.stage.cloudformation.status = "ROLLBACK_IN_PROGRESS"
    gone = play.event("Delete", properties=ADOPTING, physical_id=room, stack_id=first)
    play.at_next_wait(lambda: play.deliver(gone))

    answer = play.deliver(play.event("Create", properties=ADOPTING))

    assert (answer.succeeded, answer.physical_id) == (True, room), answer.reason
    assert play.took < DELAY


def test_contract_57_an_answer_that_comes_between_two_questions(play: Timeless) -> None:
    """ADOPT asks once more whose a room is when the stack is at rest: the answer to its Create may have come."""
    first = f"{play.stage.stack_id[:-4]}aaaa"
    room = play.create(stack_id=first)
    play.stage.cloudformation.show(first, "Room", "r-" + 32 * "0", "CREATE_COMPLETE")
    play.before("DescribeStacks", lambda: play.stage.cloudformation.show(first, "Room", room, "CREATE_COMPLETE"))
    before = play.stage.state()

    answer = play.deliver(play.event("Create", properties=RENAMED))

    assert answer.reason.startswith("AdoptionRefused:"), answer.reason
    assert f"belongs to Room of stack {first}" in answer.reason
    assert play.stage.state() == before


@pytest.mark.parametrize("asked", ["counts it", "denied"])
def test_contract_57_still_anothers(play: Timeless, asked: str) -> None:
    """ADOPT refuses a room that another stack counts, or may count; the Reason says whose it is and what to do."""
    first = f"{play.stage.stack_id[:-4]}aaaa"
    play.create(stack_id=first)
    before, entries = play.stage.state(), play.stage.entries()
    if asked == "denied":
        play.stage.deny_cloudformation()

    answer = play.deliver(play.event("Create", properties=RENAMED))

    assert answer.reason.startswith("AdoptionRefused:")
    assert first in answer.reason
    assert (
        "DeletionPolicy: Retain" if asked == "counts it" else "cloudformation:DescribeStackResource"
    ) in answer.reason
    assert play.stage.state() == before
    assert play.stage.entries() == entries
    assert play.deliver(play.event("Delete", properties=RENAMED, physical_id=answer.physical_id)).succeeded
    assert play.stage.state() == before
