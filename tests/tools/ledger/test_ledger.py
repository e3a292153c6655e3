"""``workmail-rooms ledger`` says whose each room is, names every damage, and repairs what can be repaired."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.tools.ledger.world import LONG_AGO, NOW, TABLE, World, lease, owner_of
from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import Record, StackView, owner_mark
from workmail_rooms.ledger.damages import Kind

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Made:
    """What a damage leaves behind.

    Attributes
    ----------
    room:
        The room that it is about; empty when none is.
    repaired:
        Checks the ledger after the repair; None when there is nothing to repair.
    """

    room: str
    repaired: Callable[[World], bool] | None = None


def room_gone(account: World) -> Made:
    """Delete a room by hand that its stack does not have any more."""
    room = account.own("Gone")
    account.views[owner_of("Gone")] = StackView("", "DELETE_COMPLETE")
    account.call("DeleteResource", ResourceId=room)
    return Made(room, lambda world: not world.entries(owner_of("Gone")) and not world.claim(room))


def room_gone_that_the_stack_has(account: World) -> Made:
    """Delete a room by hand that its stack still has."""
    room = account.own("Gone")
    account.call("DeleteResource", ResourceId=room)
    return Made(room)


def organization_gone(account: World) -> Made:
    """Delete the whole organization of a room."""
    other = account.backend.seed("other", verified_domains=["example.org"])
    owner = owner_of("Elsewhere")
    room = str(
        account.backend.invoke("CreateResource", {"OrganizationId": other.id, "Name": "a", "Type": "ROOM"})[
            "ResourceId"
        ]
    )
    entry = account.entry("a", room, organization_id=other.id)
    account.write(Record(owner).put(entry), Claim("TAKE", other.id, room))
    account.views[owner] = StackView(room, "CREATE_COMPLETE")
    other.state = "Deleted"
    return Made(room, lambda world: not world.entries(owner) and not world.claim(room))


def organization_unknown(account: World) -> Made:
    """Leave the room of an organization that is in another account or Region."""
    owner, room, elsewhere = owner_of("Elsewhere"), f"r-{'0' * 32}", f"m-{'0' * 32}"
    entry = account.entry("a", room, organization_id=elsewhere)
    account.write(Record(owner).put(entry), Claim("TAKE", elsewhere, room))
    account.views[owner] = StackView(room, "CREATE_COMPLETE")
    return Made(room)


def mark_without_entry(account: World) -> Made:
    """Make a room with the mark of a Create that is in no ledger."""
    return Made(account.room("lost", Description=owner_mark(owner_of("Lost"), f"request@{LONG_AGO}")))


def claim_missing(account: World) -> Made:
    """Lose the claim of a room."""
    room = account.own("Unclaimed")
    account.remove(f"{account.organization.id}/{room}", "claim")
    return Made(room, lambda world: world.claim(room) == owner_of("Unclaimed"))


def claim_without_entry(account: World) -> Made:
    """Leave a claim of a stack that is gone, without an entry."""
    room = account.room("claimed")
    account.put(Owner=f"{account.organization.id}/{room}", Entry="claim", Holder=owner_of("Nobody", "gone"))
    return Made(room, lambda world: not world.claim(room))


def entry_lost(account: World) -> Made:
    """Lose the entry of a room that its stack has."""
    room = account.own("Lost")
    account.remove(owner_of("Lost"), "record")
    return Made(room)


def foreign_claim(account: World) -> Made:
    """Leave an entry of a room that another stack has taken over."""
    room = account.own("Now", "new")
    account.write(Record(owner_of("Then", "old")).put(account.entry("then", room)))
    return Made(
        room,
        lambda world: not world.entries(owner_of("Then", "old")) and world.claim(room) == owner_of("Now", "new"),
    )


def stack_gone(account: World) -> Made:
    """Forget the stack of a room."""
    room = account.own("Retained", "gone", count_it=False)
    return Made(room, lambda world: not world.entries(owner_of("Retained", "gone")) and not world.claim(room))


def let_go_with_retain(account: World) -> Made:
    """Take a room out of its stack with DeletionPolicy: Retain."""
    room = account.own("Retained")
    account.views[owner_of("Retained")] = StackView(room, "DELETE_SKIPPED")
    return Made(room, lambda world: not world.entries(owner_of("Retained")) and not world.claim(room))


def handed_over_to_nobody(account: World) -> Made:
    """Lose the entry of a new logical ID that has taken a room over and was rolled back."""
    room = account.own("Old", handed_to=owner_of("New"))
    key = f"{account.organization.id}/{room}"
    account.put(Owner=key, Entry="claim", Holder=owner_of("New"))

    def repaired(world: World) -> bool:
        (entry,) = world.entries(owner_of("Old"))
        return "handed_to" not in entry and world.claim(room) == owner_of("Old")

    return Made(room, repaired)


def handed_over_and_never_cleaned_up(account: World) -> Made:
    """Take a renamed logical ID out with Retain, so that its clean-up Delete never comes."""
    room = account.own("New", taken_from=owner_of("Old"))
    account.write(Record(owner_of("Old")).put(account.entry("old", room, handed_to=owner_of("New"))))
    return Made(room, lambda world: not world.entries(owner_of("Old")) and world.claim(room) == owner_of("New"))


def begun_and_nothing_made(account: World) -> Made:
    """Begin a Create that makes nothing and never ends."""
    owner = owner_of("Begun")
    account.write(Record(owner).put(account.entry("begun", None, ready=False)))
    return Made("", lambda world: not world.entries(owner))


def begun_and_marked(account: World) -> Made:
    """Begin a Create that makes a room and never comes to know its id."""
    owner = owner_of("Begun")
    entry = account.entry("begun", None, ready=False)
    account.write(Record(owner).put(entry))
    return Made(account.room("begun", Description=owner_mark(owner, entry.made_by)))


def never_finished(account: World) -> Made:
    """Make a room that is never brought to its declared state."""
    return Made(account.own("Half", ready=False, ready_at=0))


def lease_left(account: World) -> Made:
    """Let a function die with its lease."""
    room = account.own("Leased")
    owner = owner_of("Leased")
    account.write(Record(owner).put(account.entry("leased", room)).leased(lease(LONG_AGO)))
    return Made("", lambda world: all("Worker" not in one for one in world.items() if one["Owner"]["S"] == owner))


def old_form(account: World) -> Made:
    """Write an item as version 1.0.0 did."""
    owner, room = owner_of("Former"), account.room("former")
    account.put_items(
        [
            {
                "Owner": {"S": owner},
                "Entry": {"S": account.organization.id},
                "Name": {"S": "former"},
                "Origin": {"S": "ADOPTED"},
                "RequestId": {"S": "a"},
                "ResourceId": {"S": room},
                "ResourceType": {"S": "Custom::WorkMailResource"},
                "Settled": {"BOOL": True},
                "SettledAt": {"N": str(LONG_AGO)},
                "Worker": {"S": ""},
                "WorkingUntil": {"N": "0"},
            }
        ]
    )
    account.put(Owner=f"{account.organization.id}/{room}", Entry="claim", Holder=owner)
    account.views[owner] = StackView(room, "CREATE_COMPLETE")

    def repaired(world: World) -> bool:
        sort_keys = [one["Entry"]["S"] for one in world.items() if one["Owner"]["S"] == owner]
        (entry,) = world.entries(owner)
        return sort_keys == ["record"] and entry["resource_id"] == room and entry["origin"] == "ADOPTED"

    return Made("", repaired)


def other_account(account: World) -> Made:
    """Write an entry of a stack in another Region."""
    owner = owner_of("There").replace("us-east-1", "eu-west-1")
    room = account.room("there")
    account.write(Record(owner).put(account.entry("there", room)), Claim("TAKE", account.organization.id, room))
    return Made(room)


def unreadable(account: World) -> Made:
    """Write an item that nobody can read."""
    account.put(Owner=owner_of("Odd"), Entry="record", Entries="{")
    return Made("")


DAMAGES: list[tuple[str, Callable[[World], Made]]] = [
    ("RoomGone", room_gone),
    ("RoomGone", room_gone_that_the_stack_has),
    ("OrganizationGone", organization_gone),
    ("OrganizationUnknown", organization_unknown),
    ("MarkWithoutEntry", mark_without_entry),
    ("ClaimMissing", claim_missing),
    ("ClaimWithoutEntry", claim_without_entry),
    ("ClaimWithoutEntry", entry_lost),
    ("ForeignClaim", foreign_claim),
    ("LetGo", stack_gone),
    ("LetGo", let_go_with_retain),
    ("HandedOver", handed_over_to_nobody),
    ("HandedOver", handed_over_and_never_cleaned_up),
    ("Unfinished", begun_and_nothing_made),
    ("Unfinished", begun_and_marked),
    ("Unfinished", never_finished),
    ("LeaseLeft", lease_left),
    ("OldForm", old_form),
    ("OtherAccount", other_account),
    ("Unreadable", unreadable),
]


@pytest.mark.parametrize(("kind", "make"), DAMAGES, ids=[make.__name__ for _, make in DAMAGES])
def test_each_damage_is_named_and_repaired_where_it_can_be(
    account: World, kind: str, make: Callable[[World], Made]
) -> None:
    """A damage is the only thing that check names; repair mends it, or leaves the ledger as it is; WorkMail stays."""
    # GIVEN healthy rooms, and one damage
    account.own("BoardRoom")
    account.own("FocusRoom", "other")
    made = make(account)
    before, calls = account.items(), len(account.backend.calls)
    # WHEN it is checked
    found = account.damages()
    # THEN the damage is named, and nothing was written
    assert found == [(kind, made.room, made.repaired is not None)]
    assert account.items() == before
    # WHEN it is repaired
    status, _, _ = account.run("repair", "--yes")
    # THEN nothing is wrong any more, or everything is as it was
    if made.repaired is None:
        assert (status, account.items(), account.damages()) == (1, before, found)
    else:
        assert made.repaired(account)
        assert (status, account.damages()) == (0, [])
    # THEN WorkMail was only read
    assert {call.operation for call in account.backend.calls[calls:]} <= {
        "ListOrganizations",
        "DescribeOrganization",
        "ListResources",
        "DescribeResource",
    }


def test_every_damage_is_made() -> None:
    """No damage that check knows is without a test."""
    assert {kind for kind, _ in DAMAGES} == set(Kind)


def test_a_healthy_account_is_called_healthy(account: World) -> None:
    """Check ends with 0 and says so: rooms of two stacks, one renamed, one being made, one just begun."""
    account.own("BoardRoom")
    room = account.own("New", "other", taken_from=owner_of("Old", "other"))
    waiting = account.entry("old", room, handed_to=owner_of("New", "other"))
    account.write(Record(owner_of("Old", "other")).put(waiting))
    account.views[owner_of("Old", "other")] = StackView(room, "DELETE_IN_PROGRESS")
    at_work = owner_of("Busy")
    account.write(Record(at_work).put(account.entry("busy", None, ready=False)).leased(lease(NOW + 30)))
    account.room("busy", Description=owner_mark(at_work, f"request-busy@{LONG_AGO}"))
    begun = account.entry("begun", None, ready=False)._replace(made_by=f"r@{NOW - 60}", ready_at=0, signed_at=0)
    account.write(Record(owner_of("Begun")).put(begun))
    account.room("nobody-s")

    status, out, err = account.run("check")

    assert (status, out) == (0, "")
    assert "Nothing is wrong." in err
    assert "Busy of stack rooms" in err


def test_the_ledger_of_version_1_0_0_is_read(account: World) -> None:
    """What version 1.0.0 has written is listed, and check finds nothing wrong with it but its form."""
    fixture = json.loads((ROOT / "tests/contracts/versions/1.0.0.json").read_text())
    account.put_items(fixture["ledger"])
    account.backend.import_state(fixture["workmail"])
    for logical_id, room in fixture["resources"].items():
        account.views[f"{fixture['stack_id']}|{logical_id}"] = StackView(room, "CREATE_COMPLETE")

    listed = json.loads(account.run("list", "--output", "json")[1])["Rooms"]

    assert {one["LogicalId"]: one["ResourceId"] for one in listed} == fixture["resources"]
    assert [kind for kind, _, _ in account.damages()] == ["OldForm"] * len(fixture["resources"])
    assert account.run("repair", "--yes")[0] == 0
    assert json.loads(account.run("list", "--output", "json")[1])["Rooms"] == listed


def test_several_damages_of_one_resource_are_repaired_in_one_write(account: World) -> None:
    """A record that is old, leased and let go is written once, as it should be."""
    room = account.own("Much", "gone", count_it=False)
    owner = owner_of("Much", "gone")
    other = account.entry("begun", None, ready=False)
    account.write(Record(owner).put(account.entry("much", room)).put(other).leased(lease(LONG_AGO)))

    assert sorted(kind for kind, _, _ in account.damages()) == ["LeaseLeft", "LetGo", "Unfinished"]
    assert account.run("repair", "--yes")[0] == 0
    assert account.entries(owner) == []
    assert account.claim(room) == ""


def test_a_renaming_that_was_rolled_back_under_retain(account: World) -> None:
    """The old logical ID, which the stack counts, has the room again after one repair, and the new one nothing."""
    room = account.own("New", taken_from=owner_of("Old"))
    account.views[owner_of("New")] = StackView(room, "DELETE_SKIPPED")
    account.write(Record(owner_of("Old")).put(account.entry("old", room, handed_to=owner_of("New"))))
    account.views[owner_of("Old")] = StackView(room, "CREATE_COMPLETE")

    assert sorted(account.damages()) == [("HandedOver", room, True), ("LetGo", room, True)]
    assert account.run("repair", "--yes")[0] == 0
    (entry,) = account.entries(owner_of("Old"))
    assert (entry.get("handed_to"), account.claim(room)) == (None, owner_of("Old"))
    assert account.entries(owner_of("New")) == []


@pytest.mark.parametrize("status", ["UPDATE_COMPLETE", "UPDATE_IN_PROGRESS", "CREATE_FAILED", "UPDATE_FAILED"])
def test_a_room_is_not_let_go_while_its_stack_may_come_back_to_it(account: World, status: str) -> None:
    """A stack that shows another physical ID, today or in the middle of something, may yet roll back or clean up."""
    room = account.own("Replaced")
    account.views[owner_of("Replaced")] = StackView("r-" + 32 * "0", status)
    account.write(Record(owner_of("Replaced")).put(account.entry("x", room))._replace(latest_at=NOW - 3600))

    assert account.damages() == []


def test_a_replaced_room_that_was_never_cleaned_up_is_let_go_after_a_day(account: World) -> None:
    """Under another physical ID, a finished stack is done with the room when its last event was over a day ago."""
    room = account.own("Replaced")
    account.views[owner_of("Replaced")] = StackView("r-" + 32 * "0", "UPDATE_COMPLETE")

    assert account.damages() == [("LetGo", room, True)]


def test_nothing_is_written_without_a_yes(account: World) -> None:
    """Repair and release ask first; without an answer, or with another, the ledger stays as it is."""
    room = account.own("Retained", "gone", count_it=False)
    before = account.items()
    for command in (["repair"], ["release", room]):
        for answers in ([], ["no"], [""]):
            account.answers = answers
            status, _, err = account.run(*command)
            assert (status, account.items()) == (1, before)
            assert "nothing was written" in err.casefold()
    account.answers = ["y"]
    assert account.run("release", room)[0] == 0
    assert account.claim(room) == ""


@pytest.mark.parametrize("command", ["repair", "release"])
def test_what_an_event_has_changed_meanwhile_is_left_alone(account: World, command: str) -> None:
    """Every write is conditional on the version that was read, and says so when that has passed."""
    room = account.own("Retained", "gone", count_it=False)
    owner = owner_of("Retained", "gone")
    account.answers = ["yes"]
    account.before_write = lambda: (account.write(Record(owner).put(account.entry("taken", room))), None)[1]

    status, _, err = account.run(command, *([room] if command == "release" else []))

    assert status == 1
    assert "an event has changed it meanwhile" in err
    assert account.entries(owner)[0]["name"] == "taken"
    assert account.claim(room) == owner


def test_release_forgets_a_room_and_says_what_follows(account: World) -> None:
    """All owners' entries and the claim go in one write; the room stays; a stack that still has it is named."""
    room = account.own("BoardRoom")
    account.write(Record(owner_of("Former", "old")).put(account.entry("former", room)))

    status, _, err = account.run("release", "rooms-boardroom", "--yes")

    assert status == 0
    assert "CloudFormation counts it there: its next change will fail with NotOwned" in err
    assert account.claim(room) == ""
    assert account.entries(owner_of("BoardRoom")) == account.entries(owner_of("Former", "old")) == []
    assert account.call("DescribeResource", ResourceId=room)["Name"] == "rooms-boardroom"


def test_release_needs_neither_workmail_nor_cloudformation(account: World) -> None:
    """After the end of WorkMail, and without permission to ask CloudFormation, a room can be released."""
    room = account.own("BoardRoom")
    account.denied.add("DescribeStackResource")
    calls = len(account.backend.calls)

    assert account.run("release", f"{account.organization.id}/{room}", "--yes", "--table", TABLE)[0] == 0
    assert len(account.backend.calls) == calls


def test_release_waits_for_an_event_that_is_at_work(account: World) -> None:
    """A room that an event is changing right now is not released under its feet."""
    room = account.own("BoardRoom")
    account.write(Record(owner_of("BoardRoom")).put(account.entry("b", room)).leased(lease(NOW + 30)))

    status, _, err = account.run("release", room, "--yes")

    assert (status, account.claim(room)) == (1, owner_of("BoardRoom"))
    assert "An event is at work on BoardRoom of stack rooms." in err


def test_list_and_show_say_whose_a_room_is(account: World) -> None:
    """The table has a line for each room; show has the entry, the claim, the lease and what CloudFormation shows."""
    room = account.own("BoardRoom")
    account.own("FocusRoom", "other")
    status, out, err = account.run("list")
    titles, *lines = out.splitlines()
    assert status == 0
    assert titles.split() == ["Name", "ResourceId", "Stack", "LogicalId", "Origin", "State", "Since"]
    assert lines[1].split() == [
        "rooms-boardroom",
        room,
        "rooms",
        "BoardRoom",
        "CREATED",
        "ready",
        "2026-10-17",
        "08:00",
    ]
    assert f"2 rooms in {TABLE}." in err

    shown: dict[str, Any] = json.loads(account.run("show", "Rooms-BoardRoom", "--output", "json")[1])
    assert shown["ClaimedBy"] == owner_of("BoardRoom")
    (owner,) = shown["Owners"]
    assert owner["CloudFormation"] == {"PhysicalId": room, "Status": "CREATE_COMPLETE"}
    assert owner["Entry"]["resource_id"] == room
    assert f"ClaimedBy: {owner_of('BoardRoom')}" in account.run("show", room)[1]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["list", "--provider-stack", "nothing"], 2, "There is no stack nothing in us-east-1."),
        (["list", "--table", "nothing"], 1, "ResourceNotFoundException on Scan"),
        (["check", "--table", "nothing"], 2, "ResourceNotFoundException on DescribeTable"),
        (["check", "--workmail-region", "eu-central-1"], 2, "WorkMail is not in eu-central-1."),
        (["show", "nothing"], 2, "The ledger has no room nothing"),
        (["release", "twice"], 2, "Several rooms are called twice"),
    ],
)
def test_what_cannot_be_looked_at_is_said(account: World, arguments: list[str], status: int, message: str) -> None:
    """The exit status tells a wrong command line and a failure from a damage, and the message says what to do."""
    for stack in ("one", "two"):
        room = account.own("Twice", stack)
        account.write(Record(owner_of("Twice", stack)).put(account.entry("twice", room)))

    ended, out, err = account.run(*arguments)

    assert (ended, out) == (status, "")
    assert message in err


@pytest.mark.parametrize("operation", ["DescribeStacks", "DescribeStackResource"])
def test_check_without_cloudformation_ends_with_2(account: World, operation: str) -> None:
    """Who may not ask CloudFormation is told which permission is missing; nothing is guessed."""
    account.own("BoardRoom")
    account.denied.add(operation)

    status, out, err = account.run("check")

    assert (status, out) == (2, "")
    assert f"The permission cloudformation:{operation} is missing" in err
