"""Contracts 56 and 57 in deployments, beside those that the sessions of docs/renaming-and-moving.md show."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from tests.harness import DOMAIN, Stage, room_properties

HERE: Final = {"Board": "boardroom", "Focus": "focusroom"}
ADOPT: Final = {"ExistingResource": "ADOPT"}


def deploy(
    stage: Stage,
    rooms: Mapping[str, str],
    *,
    adopt: Sequence[str] = (),
    policy: str = "Delete",
    fails: bool = False,
    **properties: str,
) -> dict[str, str]:
    """Deploy the stack of rooms (names by logical ID), and return their physical IDs by name.

    Parameters
    ----------
    adopt:
        The logical IDs that declare ADOPT.
    policy:
        The DeletionPolicy of all.
    fails:
        Whether a resource comes last that fails, since a user has its name.
    properties:
        Of all rooms, besides.
    """
    names = {**rooms, **({"Last": "alice"} if fails else {})}
    resources = {
        logical_id: room_properties(
            Name=name, Email=f"{name}@{DOMAIN}", **properties, **(ADOPT if logical_id in adopt else {})
        )
        for logical_id, name in names.items()
    }
    template = stage.template(resources)
    for logical_id, body in template["Resources"].items():
        body["DeletionPolicy"] = policy
        if logical_id == "Last":
            body["DependsOn"] = list(rooms)
    outcome = stage.deploy(template)
    assert outcome.ok is not fails, [event.resource_status_reason for event in outcome.events]
    resources_now = stage.stack().resources
    return {name: resources_now[logical_id].physical_id for logical_id, name in rooms.items()} if outcome.ok else {}


def owners(stage: Stage) -> dict[str, str]:
    """Return the rooms of the ledger by STACK/LogicalID; each is claimed by that owner, or handed over to it."""
    own = [one for one in stage.entries() if one["Entry"] == "entry"]
    entries = {one["Owner"]: one["resource_id"] for one in own}
    claims = {one["Holder"]: one["Owner"].partition("/")[2] for one in stage.entries() if one["Entry"] == "claim"}
    assert claims == {one["Owner"]: one["resource_id"] for one in own if not one.get("handed_to")}
    return {f"{owner.split('/')[1]}/{owner.rpartition('|')[2]}": room for owner, room in entries.items()}


@pytest.mark.parametrize("again", [True, False], ids=["renamed again", "left as it was"])
def test_contract_56_a_renaming_that_nobody_takes_back(stage: Stage, *, again: bool) -> None:
    """Under Retain the rollback sends no Delete: the old logical ID takes the room back when it is changed."""
    ids = deploy(stage, {"Board": "boardroom"}, policy="Retain")
    deploy(stage, {"Main": "boardroom"}, adopt=["Main"], policy="Retain", fails=True)
    both = owners(stage)
    assert both.keys() == {"rooms/Main", "rooms/Board"}

    logical_id = "Main" if again else "Board"
    after = deploy(stage, {logical_id: "boardroom"}, adopt=["Main"], Description="later")

    assert after == ids
    # Of the one that is renamed no Delete comes either.
    assert owners(stage) == (both if again else {"rooms/Board": ids["boardroom"]})
    assert [room.Description for room in stage.rooms()] == ["later"]


def test_contract_57_a_retained_stack_whose_first_deployment_failed(stage: Stage) -> None:
    """What such a deployment has left behind is adopted by the stack that is deployed in its place."""
    deploy(stage, HERE, policy="Retain", fails=True)
    left = {room.Name: room.ResourceId for room in stage.rooms()}
    assert left.keys() == set(HERE.values())
    assert stage.delete().ok

    assert deploy(stage, HERE, adopt=list(HERE), policy="Retain") == left
    assert owners(stage) == {f"rooms/{logical_id}": left[name] for logical_id, name in HERE.items()}
