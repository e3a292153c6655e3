"""The provider stack outlives mistakes and upgrades: what it has made before, it serves again (contracts 44 and 60)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness import Stage, everything, room_properties
from tests.harness.installed import Installed
from tests.harness.properties import DESCRIPTION, resources_template
from workmail_rooms.sandbox.cloudformation import Outcome, StackStore
from workmail_rooms.sandbox.cloudformation.state import Resource, Stack

NAMED: Final = {"FunctionName": "workmail-resource"}
ROOMS: Final = {
    "Room": everything(),
    "Store": room_properties(Name="store", Type="EQUIPMENT", Email=None),
    "Adopted": room_properties(Name="den", Email="den@example.com", ExistingResource="ADOPT"),
}
#: What an update changes of each of them.
CHANGED: Final = {name: {**properties, "Description": "another one"} for name, properties in ROOMS.items()}
RELEASE: Final = Path(__file__).parent / "versions" / "1.0.0.json"


@pytest.fixture
def installed(stage: Stage, tmp_path: Path) -> Iterator[Installed]:
    """Return an account without a provider, and with a room that somebody has made by hand."""
    stage.create_room("den", Email="former@example.com")
    with Installed(stage, tmp_path) as installed:
        yield installed


def deploy(installed: Installed, folder: Path, token: str, resources: dict[str, Any]) -> Outcome:
    """Deploy the stack with rooms."""
    path = folder / "rooms.json"
    path.write_text(json.dumps(resources_template(token, resources)), encoding="utf-8")
    return installed.engine.deploy(path, "rooms")


def test_contract_60_a_deleted_provider_comes_back(installed: Installed, stage: Stage, tmp_path: Path) -> None:
    """Installed again with its name and its ledger, the provider updates and deletes the stacks it had before."""
    # GIVEN a stack with rooms, and its provider, which was deleted
    first = installed.install(**NAMED)
    token, table = first.stack.outputs["ServiceToken"], first.stack.outputs["LedgerTableName"]
    assert deploy(installed, tmp_path, token, ROOMS).ok
    rooms = {one.logical_id: one.physical_id for one in installed.engine.store.stacks["rooms"].resources.values()}
    installed.uninstall()
    stuck = deploy(installed, tmp_path, token, CHANGED)
    assert not stuck.ok
    # WHEN it is installed again, and the rollback continued if nobody was there for it
    again = installed.install(**NAMED, LedgerTableName=table)
    assert stuck.status == "UPDATE_ROLLBACK_COMPLETE" or installed.engine.continue_rollback("rooms").ok
    # THEN the token is the same, no second table is made, and an update changes the rooms that there are
    assert again.stack.outputs["ServiceToken"] == token
    assert list(again.tables) == []
    updated = deploy(installed, tmp_path, token, CHANGED)
    assert updated.ok, updated.reason
    stack = installed.engine.store.stacks["rooms"]
    assert {one.logical_id: one.physical_id for one in stack.resources.values()} == rooms
    assert {stage.describe(room)["description"] for room in rooms.values()} == {"another one"}
    # AND the stack's deletion takes what it has made, leaves what it has adopted, and the ledger forgets all
    deleted = installed.engine.delete("rooms")
    assert deleted.ok, deleted.reason
    assert [room.Name for room in stage.rooms()] == ["den"]
    assert stage.entries() == []


def test_contract_60_another_name_is_refused(installed: Installed, tmp_path: Path) -> None:
    """Under another name the provider has another ARN, which CloudFormation refuses: the name brings it back."""
    token = installed.install(**NAMED).stack.outputs["ServiceToken"]
    assert deploy(installed, tmp_path, token, ROOMS).ok
    installed.uninstall()
    other = installed.install(FunctionName="other", LedgerTableName="workmail-resource-LedgerTable")
    refused = deploy(installed, tmp_path, other.stack.outputs["ServiceToken"], CHANGED)
    assert not refused.ok
    assert "Modifying service token is not allowed." in {event.resource_status_reason for event in refused.events}


def test_contract_60_an_empty_ledger_loses_no_room(installed: Installed, stage: Stage, tmp_path: Path) -> None:
    """Installed again without its ledger, the provider deletes nothing that it cannot know; ADOPT enters it again."""
    first = installed.install(**NAMED)
    token = first.stack.outputs["ServiceToken"]
    assert deploy(installed, tmp_path, token, ROOMS).ok
    before = stage.rooms()
    installed.uninstall()
    stage.lose_ledger()
    installed.install(**NAMED)
    # WHEN it updates, THEN it fails; WHEN ADOPT is declared, THEN it has the rooms again
    assert not deploy(installed, tmp_path, token, CHANGED).ok
    assert stage.rooms() == before
    adopting = {name: {**properties, "ExistingResource": "ADOPT"} for name, properties in ROOMS.items()}
    adopted = deploy(installed, tmp_path, token, adopting)
    assert adopted.ok, adopted.reason
    assert deploy(installed, tmp_path, token, ROOMS).ok
    assert installed.engine.delete("rooms").ok
    assert [room.Name for room in stage.rooms()] == ["den"]


# --------------------------------------------------------------------------------------------------------- upgrades


@pytest.fixture
def old_stack(stage: Stage, tmp_path: Path) -> Iterator[Installed]:
    """Return an account in which version 1.0.0 has made a stack with rooms, and that was upgraded since."""
    released = json.loads(RELEASE.read_text(encoding="utf-8"))
    stage.backends.import_state({"workmail": released["workmail"], "dynamodb": {}})
    stage.load_ledger(released["ledger"])
    stack = Stack(released["stack_id"], "rooms", status="CREATE_COMPLETE")
    store = StackStore({"rooms": stack})
    with Installed(stage, tmp_path, store) as installed:
        # Parameters that 1.0.0 did not have are as they are when nobody gives them.
        token = installed.install().stack.outputs["ServiceToken"]
        declared = resources_template(token, released["properties"])
        stack.template = declared
        for name, body in declared["Resources"].items():
            properties = {**body["Properties"], "ServiceTimeout": "60"}
            stack.resources[name] = Resource(
                name,
                body["Type"],
                status="CREATE_COMPLETE",
                physical_id=released["resources"][name],
                properties=properties,
                asked=True,
            )
        yield installed


def test_contract_44_an_upgrade_between_two_updates(old_stack: Installed, stage: Stage, tmp_path: Path) -> None:
    """A stack that 1.0.0 has made, with its token and its table, is updated by this version, and deleted."""
    stack = old_stack.engine.store.stacks["rooms"]
    rooms = {one.logical_id: one.physical_id for one in stack.resources.values()}
    token = stack.resources["Room"].properties["ServiceToken"]
    updated = deploy(old_stack, tmp_path, token, CHANGED)
    assert updated.ok, updated.reason
    assert {one.logical_id: one.physical_id for one in stack.resources.values()} == rooms
    assert {stage.describe(room)["description"] for room in rooms.values()} == {"another one"}
    assert old_stack.engine.delete("rooms").ok
    assert [room.Name for room in stage.rooms()] == ["den"]
    assert stage.entries() == []


def test_contract_44_an_upgrade_and_a_rollback(old_stack: Installed, stage: Stage, tmp_path: Path) -> None:
    """An update of what 1.0.0 has made that fails half way is rolled back by this version: every room is as it was."""
    before = stage.rooms()
    token = old_stack.engine.store.stacks["rooms"].resources["Room"].properties["ServiceToken"]
    failing = {**CHANGED, "Taken": room_properties(Name="alice", Email=None)}
    failed = deploy(old_stack, tmp_path, token, failing)
    assert failed.status == "UPDATE_ROLLBACK_COMPLETE", failed.reason
    assert stage.rooms() == before
    assert DESCRIPTION in {room.Description for room in before}
