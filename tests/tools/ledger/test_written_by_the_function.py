"""What the function itself writes is healthy, and what Retain leaves is named and repaired."""

import json
from collections.abc import Callable, Iterator

import pytest

from tests.harness import Stage, room_properties
from tests.harness.settings import use_made_up_settings
from tests.harness.stage import LEDGER_TABLE
from workmail_rooms.ledger.cli import main
from workmail_rooms.sandbox.seed import OTHER
from workmail_rooms.sandbox.services import Services

Check = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def check(stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Check]:
    """Yield what runs a command on the stage's account: it returns the exit status, and the damages' names."""
    # The services of its own are not the function's, whose calls are held against its role.
    services = Services(stage.backends, describe=stage.cloudformation)
    use_made_up_settings(monkeypatch, services.variables)

    def run(*command: str) -> tuple[int, list[str]]:
        capsys.readouterr()
        status = main([*command, "--table", LEDGER_TABLE, "--output", "json"])
        return status, [one["Damage"] for one in json.loads(capsys.readouterr().out)["Damages"]]

    with services:
        yield run


def test_create_rename_and_let_go(stage: Stage, check: Check) -> None:
    """A room that is created, renamed and cleaned up is healthy at each step; let go with Retain, it is released."""
    declared, renamed = room_properties(), room_properties(ExistingResource="ADOPT")
    room = stage.deliver(stage.event("Create", properties=declared, logical_id="Old")).physical_id
    assert check("check") == (0, [])

    taken = stage.deliver(stage.event("Create", properties=renamed, logical_id="New"))
    assert (taken.status, taken.physical_id) == ("SUCCESS", room)
    assert check("check") == (0, [])

    assert stage.deliver(stage.event("Delete", properties=declared, logical_id="Old", physical_id=room)).succeeded
    assert check("check") == (0, [])

    stage.cloudformation.show(stage.stack_id, "New", room, "DELETE_SKIPPED")
    assert check("check") == (1, ["LetGo"])
    assert check("repair", "--yes") == (0, [])
    assert stage.entries() == []
    assert [one.ResourceId for one in stage.rooms()] == [room]


def test_a_restored_table_that_knows_a_retained_room_as_a_replacement(stage: Stage, check: Check) -> None:
    """What docs/ledger.md says of a restored table holds: a retained room that is released outlives the stack.

    GIVEN a room that came back from another organization, whose replacement there UpdateReplacePolicy retains
    AND a table that is restored to before it came back
    WHEN a person releases the retained room, and the stack is deleted
    THEN that room stays.
    """
    here = room_properties(ExistingResource="ADOPT")
    there = room_properties(OrganizationId=OTHER, Email="boardroom@example.org")
    room = stage.deliver(stage.event("Create", properties=room_properties())).physical_id
    moved = stage.event("Update", properties=there, old_properties=room_properties(), physical_id=room)
    retained = stage.deliver(moved).physical_id
    restore = stage.back_up_ledger()
    back = stage.event("Update", properties=here, old_properties=there, physical_id=retained)
    assert stage.deliver(back).physical_id == room
    restore()

    assert main(["release", "--table", LEDGER_TABLE, "--yes", f"{OTHER}/{retained}"]) == 0
    stage.cloudformation.show(stage.stack_id, "Room", room, "DELETE_IN_PROGRESS")
    stage.cloudformation.status = "DELETE_IN_PROGRESS"
    assert stage.deliver(stage.event("Delete", properties=room_properties(), physical_id=room)).succeeded

    assert [one.ResourceId for one in stage.rooms()] == [retained]
    assert check("check") == (0, [])
