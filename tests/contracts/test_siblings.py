"""Contracts 53 and 54: rollbacks without what has ceased to exist, and names that pass between rooms of a stack."""

from dataclasses import replace

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import room_properties
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER

# --------------------------------------------------------------------------------------------------------- contract 53


@pytest.mark.parametrize("fails", ["because of it", "for another reason"])
def test_contract_53_a_delegate_who_left(play: Timeless, fails: str) -> None:
    """Issue 13, line 4: an Update of a room whose delegate has left fails or is rolled back; the rollback succeeds."""
    with_delegate = room_properties(Delegates=["alice"])
    room = play.create(properties=with_delegate)
    play.stage.remove_user("alice")
    changed = room_properties(HiddenFromGlobalAddressList="true", **({"Delegates": ["alice"]} if "it" in fails else {}))

    forwards = play.deliver(play.update(room, with_delegate, changed))
    back = play.deliver(play.update(room, changed, with_delegate))

    assert forwards.succeeded is (fails == "for another reason"), forwards.reason
    assert back.succeeded, back.reason
    assert play.logged("a rollback could not bring everything back")
    assert play.stage.describe(room)["hidden"] is False
    # WHEN the template no longer names the delegate, THEN everything works as before.
    again = play.deliver(play.update(room, with_delegate, room_properties(HiddenFromGlobalAddressList="true")))
    assert again.succeeded, again.reason


def test_contract_53_a_rollback_by_two_updates(play: Timeless) -> None:
    """A rollback after deployments that were not rolled back goes back by all of them, without a delegate who left."""
    with_delegate, hidden = room_properties(Delegates=["alice"]), room_properties(HiddenFromGlobalAddressList="true")
    room = play.create(properties=with_delegate)
    play.stage.remove_user("alice")
    assert play.deliver(play.update(room, with_delegate, hidden)).succeeded
    assert play.deliver(play.update(room, hidden, room_properties())).succeeded

    back = play.deliver(play.update(room, room_properties(), with_delegate))

    assert back.succeeded, back.reason


@pytest.mark.parametrize("status", ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_IN_PROGRESS"])
def test_contract_53_a_rollback_after_a_day(play: Timeless, status: str) -> None:
    """A rollback that takes longer than a day goes back without a delegate who left; a deliberate Update fails."""
    with_delegate, hidden = room_properties(Delegates=["alice"]), room_properties(HiddenFromGlobalAddressList="true")
    room = play.create(properties=with_delegate)
    assert play.deliver(play.update(room, with_delegate, hidden)).succeeded
    play.stage.remove_user("alice")
    play.wait(25 * 3600)
    play.stage.cloudformation.status = status

    back = play.deliver(play.update(room, hidden, with_delegate))

    assert back.succeeded is ("ROLLBACK" in status), back.reason


def test_contract_27_a_rollback_by_an_update_and_a_replacement(play: Timeless) -> None:
    """A rollback goes back to the room that was replaced, also when that had been changed before."""
    changed = room_properties(HiddenFromGlobalAddressList="true")
    elsewhere = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    room = play.create()
    before = play.stage.describe(room)
    assert play.deliver(play.update(room, room_properties(), changed)).succeeded
    replaced = play.deliver(play.update(room, changed, elsewhere))
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    back = play.deliver(play.update(replaced.physical_id, elsewhere, room_properties()))

    assert (back.succeeded, back.physical_id) == (True, room), back.reason
    assert play.stage.describe(room) == before


def test_contract_27_a_rollback_over_two_replacements(play: Timeless) -> None:
    """A rollback over two moves to another organization and back goes back to the first room, with its calendar."""
    elsewhere = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    new = room_properties(Name="another", Email="another@example.com")
    room = play.create()
    before = play.stage.describe(room)
    moved = play.deliver(play.update(room, room_properties(), elsewhere)).physical_id
    again = play.deliver(play.update(moved, elsewhere, new)).physical_id
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    back = play.deliver(play.update(again, new, room_properties()))

    assert (back.succeeded, back.physical_id) == (True, room), back.reason
    assert play.stage.describe(room) == before
    for replaced, properties in ((moved, elsewhere), (again, new)):
        assert play.deliver(play.event("Delete", properties=properties, physical_id=replaced)).succeeded
    assert [one.ResourceId for one in play.stage.rooms()] == [room]


def test_contract_27_a_rollback_over_a_replacement_and_a_cancelled_one(play: Timeless) -> None:
    """A rollback to the first room takes away what a cancelled replacement has made beside it."""
    elsewhere = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    new = room_properties(Name="another", Email="another@example.com")
    room = play.create()
    moved = play.deliver(play.update(room, room_properties(), elsewhere)).physical_id
    assert play.deliver(play.update(moved, elsewhere, new)).succeeded
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    back = play.deliver(play.update(moved, new, room_properties()))

    assert (back.succeeded, back.physical_id) == (True, room), back.reason
    assert {one.ResourceId for one in play.stage.rooms()} == {room, moved}


def test_contract_53_what_waits_for_more_than_the_name(play: Timeless) -> None:
    """A rollback without a name that somebody has by now still takes a delegate away, whom the same call let go.

    GIVEN a WorkMail that keeps the last delegate of a room that does not answer by itself
    WHEN an Update that gave the room one, and another name, is rolled back, and people use the former name
    THEN all is as before but for the name.
    """
    play.stage.workmail.behaviour = replace(
        play.stage.workmail.behaviour, last_delegate_removed="InvalidParameterException"
    )
    answering = {"BookingOptions": {"AutoAcceptRequests": "false"}}
    renamed = room_properties(Name="den", Delegates=["alice"], **answering)
    room = play.create()
    before = play.stage.describe(room)
    assert play.deliver(play.update(room, room_properties(), renamed)).succeeded
    play.stage.create_room(str(room_properties()["Name"]))

    back = play.deliver(play.update(room, renamed, room_properties()))

    assert back.succeeded, back.reason
    assert play.stage.describe(room) == {**before, "name": "den"}


def test_contract_53_a_room_and_its_delegate_are_gone(play: Timeless) -> None:
    """A rollback makes a room that was deleted by hand anew, although its delegate has left too."""
    with_delegate = room_properties(Delegates=["alice"])
    changed = room_properties(Delegates=["alice"], HiddenFromGlobalAddressList="true")
    room = play.create(properties=with_delegate)
    play.stage.delete_room(room)
    play.stage.remove_user("alice")
    assert not play.deliver(play.update(room, with_delegate, changed)).succeeded
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    back = play.deliver(play.update(room, changed, with_delegate))

    assert back.succeeded, back.reason
    assert [one.ResourceId for one in play.stage.rooms()] == [back.physical_id]


@pytest.mark.parametrize("operation", ["UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS", "denied"])
def test_contract_53_a_deliberate_update_leaves_nothing_out(play: Timeless, operation: str) -> None:
    """An Update to what was declared before fails over a delegate who left, unless CloudFormation rolls back."""
    with_delegate = room_properties(Delegates=["alice"])
    room = play.create(properties=with_delegate)
    assert play.deliver(play.update(room, with_delegate, room_properties())).succeeded
    play.stage.remove_user("alice")
    play.stage.cloudformation.status = operation
    if operation == "denied":
        play.stage.deny_cloudformation()

    back = play.deliver(play.update(room, room_properties(), with_delegate))

    assert back.succeeded is (operation != "UPDATE_IN_PROGRESS"), back.reason


def test_contract_53_a_rollback_of_what_was_made_anew(play: Timeless) -> None:
    """A rollback of an Update that has made a vanished room anew does without a delegate who has left, too."""
    old, new = room_properties(Delegates=["alice"]), room_properties(Delegates=["bob"])
    room = play.create(properties=new)
    assert play.deliver(play.update(room, new, old)).succeeded
    play.stage.delete_room(room)
    made = play.deliver(play.update(room, old, new)).physical_id
    play.stage.remove_user("alice")
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"

    answer = play.deliver(play.update(made, new, old))

    assert (answer.status, answer.physical_id) == ("SUCCESS", made), answer.reason


def test_contract_53_a_delegate_who_leaves_just_now(play: Timeless) -> None:
    """A rollback whose only change is a delegate who leaves while it is made succeeds without that one."""
    with_delegate = room_properties(Delegates=["alice"])
    room = play.create(properties=with_delegate)
    assert play.deliver(play.update(room, with_delegate, room_properties())).succeeded
    play.stage.cloudformation.status = "UPDATE_ROLLBACK_IN_PROGRESS"
    play.before("AssociateDelegateToResource", lambda: play.stage.disable_user("alice"))

    back = play.deliver(play.update(room, room_properties(), with_delegate))

    assert back.succeeded, back.reason
    assert play.logged("a rollback could not bring everything back")


def test_contract_53_a_lost_entry_while_nothing_has_to_be_written(play: Timeless) -> None:
    """Issue 13, line 8: when the ledger has lost its entry, an Update to what WorkMail shows succeeds all the same."""
    room = play.create()
    play.stage.lose_ledger()
    before = play.stage.state()
    changed = room_properties(HiddenFromGlobalAddressList="true")

    forwards = play.deliver(play.update(room, room_properties(), changed))
    back = play.deliver(play.update(room, changed, room_properties()))

    assert forwards.reason.startswith("NotOwned:")
    assert back.succeeded, back.reason
    assert play.stage.state() == before


def test_contract_53_workmail_refuses_everything(play: Timeless) -> None:
    """A reversed Update fails when WorkMail denies the calls."""
    room = play.create()
    changed = room_properties(HiddenFromGlobalAddressList="true")
    play.deliver(play.update(room, room_properties(), changed))
    play.stage.interventions.fail("UpdateResource", code="AccessDeniedException", status=400, times=10**6)

    back = play.deliver(play.update(room, changed, room_properties()))

    assert back.reason.startswith("AccessDeniedException:")
    play.stage.interventions.clear()
    assert play.deliver(play.update(room, changed, room_properties())).succeeded


# --------------------------------------------------------------------------------------------------------- contract 54

A = room_properties(Name="a", Email="a@example.com", Aliases=["a2@example.com"])
B = room_properties(Name="b", Email="b@example.com", Aliases=["b2@example.com"])
#: What passes from A to B: by what A becomes, and what B becomes.
PASSING = {
    "name": (room_properties(**{**A, "Name": "c"}), room_properties(**{**B, "Name": "a"})),
    "address": (
        room_properties(**{**A, "Email": "c@example.com"}),
        room_properties(**{**B, "Email": "a@example.com"}),
    ),
    "alias": (
        room_properties(**{**A, "Aliases": ["c2@example.com"]}),
        room_properties(**{**B, "Aliases": ["a2@example.com"]}),
    ),
    "everything": (
        room_properties(Name="c", Email="c@example.com"),
        room_properties(Name="a", Email="a@example.com", Aliases=["a2@example.com"]),
    ),
}


@pytest.mark.parametrize("what", sorted(PASSING))
def test_contract_54_from_one_room_to_another(play: Timeless, what: str) -> None:
    """Issue 13, line 5: what A gives up arrives at B in one operation, and A has it again after the rollback."""
    a = play.create(properties=A, logical_id="A")
    b = play.create(properties=B, logical_id="B")
    before = play.stage.state()
    new_a, new_b = PASSING[what]

    # WHEN both are updated at the same time, and B comes to it first
    answers = []
    a_event, b_event = play.update(a, A, new_a, "A"), play.update(b, B, new_b, "B")
    play.at_next_wait(lambda: answers.append(play.deliver(a_event)))
    answers.append(play.deliver(b_event))

    # THEN it arrives;
    assert [one.status for one in answers] == ["SUCCESS", "SUCCESS"], [one.reason for one in answers]
    # and WHEN the operation is rolled back, and A comes to it first, THEN it is A's again.
    back = []
    a_event, b_event = play.update(a, new_a, A, "A"), play.update(b, new_b, B, "B")
    play.at_next_wait(lambda: back.append(play.deliver(b_event)))
    back.append(play.deliver(a_event))
    assert [one.status for one in back] == ["SUCCESS", "SUCCESS"], [one.reason for one in back]
    assert {key: {**one, "aliases": sorted(one["aliases"])} for key, one in play.stage.state().items()} == before


@pytest.mark.parametrize("declared", [{}, {"ExistingResource": "ADOPT", "Type": "EQUIPMENT"}])
def test_contract_54_to_a_new_room(play: Timeless, declared: dict[str, str]) -> None:
    """The name that a room gives up arrives at a resource of its name that is created in the same operation."""
    a = play.create(properties=A, logical_id="A")
    answers = []
    a_event = play.update(a, A, PASSING["everything"][0], "A")
    play.at_next_wait(lambda: answers.append(play.deliver(a_event)))

    answers.append(play.deliver(play.event("Create", properties={**A, **declared}, logical_id="B")))

    assert [one.status for one in answers] == ["SUCCESS", "SUCCESS"], [one.reason for one in answers]


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS"])
def test_contract_54_to_a_new_room_that_would_adopt(play: Timeless, status: str) -> None:
    """ADOPT makes a room of its own as soon as the sibling that is being updated has given the name up."""
    a = play.create(properties=A, logical_id="A")
    play.stage.cloudformation.show(play.stage.stack_id, "A", a, "UPDATE_IN_PROGRESS")
    renamed = play.update(a, A, PASSING["everything"][0], "A")

    def end() -> None:
        assert play.deliver(renamed).succeeded
        play.stage.cloudformation.show(play.stage.stack_id, "A", a, status)

    play.at_next_wait(end)

    answer = play.deliver(play.event("Create", properties={**A, "ExistingResource": "ADOPT"}, logical_id="B"))

    assert answer.succeeded, answer.reason
    assert answer.physical_id != a


def test_contract_54_adopt_of_what_is_updated_for_too_long(play: Timeless) -> None:
    """ADOPT is refused in its time, where the sibling that has the room is still being updated."""
    a = play.create(properties=A, logical_id="A")
    play.stage.cloudformation.show(play.stage.stack_id, "A", a, "UPDATE_IN_PROGRESS")

    answer = play.deliver(play.event("Create", properties={**A, "ExistingResource": "ADOPT"}, logical_id="B"))

    assert answer.reason.startswith("AdoptionRefused:"), answer.reason
    assert "is being changed by A of stack" in answer.reason
    assert play.took < 300


def test_contract_59_whether_a_sibling_is_updated_cannot_be_asked(play: Timeless) -> None:
    """ADOPT leaves a sibling's room alone where CloudFormation cannot be asked whether that is being updated."""
    a = play.create(properties=A, logical_id="A")
    before, entries = play.stage.state(), play.stage.entries()
    play.stage.deny_cloudformation()

    answer = play.deliver(play.event("Create", properties={**A, "ExistingResource": "ADOPT"}, logical_id="B"))

    assert answer.reason.startswith("AdoptionRefused:"), answer.reason
    assert f"({a}) belongs to A of stack" in answer.reason
    assert "could not be asked whether that is being updated" in answer.reason
    assert "cloudformation:DescribeStackResource, then deploy again" in answer.reason
    assert (play.stage.state(), play.stage.entries()) == (before, entries)


def test_contract_54_of_another_type_for_ever(play: Timeless) -> None:
    """ADOPT of a sibling's name with another Type is refused in its time, where the sibling keeps the name."""
    play.create(properties=A, logical_id="A")
    declared = {**A, "ExistingResource": "ADOPT", "Type": "EQUIPMENT"}

    answer = play.deliver(play.event("Create", properties=declared, logical_id="B"))

    assert answer.reason.startswith("AdoptionRefused:"), answer.reason
    assert "is of Type ROOM, not EQUIPMENT" in answer.reason
    assert play.took < 300


def test_contract_54_an_exchange_says_how(play: Timeless) -> None:
    """An exact exchange of two names fails within its time, and the Reason names the other room and the two steps."""
    play.create(properties=A, logical_id="A")
    b = play.create(properties=B, logical_id="B")

    answer = play.deliver(play.update(b, B, room_properties(**{**B, "Name": "a"}), "B"))

    assert answer.reason.startswith("NameAvailabilityException:")
    assert "A of stack" in answer.reason
    assert "deploy twice" in answer.reason
    assert play.took < 300
    assert play.calls <= 500


@pytest.mark.parametrize("name", ["alice", "facilities", "lounge"])
def test_contract_54_a_reason_says_who_has_a_name_only_after_a_look(play: Timeless, name: str) -> None:
    """A taken name's Reason says who has it: a user, a group, or a room; if nobody is shown to, it says that."""
    lounge = play.stage.create_room("lounge")
    with play.stage.workmail.lock:
        entities = play.stage.workmail.organization(EXAMPLE).entities
        holder = next(one.id for one in entities.values() if getattr(one, "name", "") == name)

    answer = play.deliver(play.event("Create", properties=room_properties(Name=name, Email=None)))

    assert holder in answer.reason
    assert ("user or group" in answer.reason) is (holder != lounge)
    assert play.took < 10


def test_contract_54_nobody_is_shown_to_have_it(play: Timeless) -> None:
    """When WorkMail refuses a name that nobody has, the Reason accuses nobody."""
    play.stage.interventions.fail("CreateResource", code="NameAvailabilityException", status=400, times=10**6)

    answer = play.deliver(play.event("Create"))

    assert "nobody is shown to have it" in answer.reason
