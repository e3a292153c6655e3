"""Rooms that are renamed and moved (contracts 56 and 57), as docs/renaming-and-moving.md tells people to do it."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest

from tests.e2e.documents import ROOT
from tests.harness import DOMAIN, Stage, room_properties

Rooms = Mapping[str, str]

HERE: Final = {"Board": "boardroom", "Focus": "focusroom"}
ADOPT: Final = {"ExistingResource": "ADOPT"}
EXAMPLES: Final = ROOT / "examples/moving"


def deploy(
    stage: Stage,
    stack: str,
    rooms: Rooms,
    *,
    adopt: Sequence[str] = (),
    policy: str = "Delete",
    fails: bool = False,
    **properties: str,
) -> dict[str, str]:
    """Deploy a stack of rooms (names by logical ID), and return their physical IDs by name.

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
    outcome = stage.deploy(template, stack)
    assert outcome.ok is not fails, [event.resource_status_reason for event in outcome.events]
    resources_now = stage.stack(stack).resources
    return {name: resources_now[logical_id].physical_id for logical_id, name in rooms.items()} if outcome.ok else {}


def owners(stage: Stage) -> dict[str, str]:
    """Return the rooms of the ledger by STACK/LogicalID; each is claimed by that owner, or handed over to it."""
    own = [one for one in stage.entries() if one["Entry"] == "entry"]
    entries = {one["Owner"]: one["resource_id"] for one in own}
    claims = {one["Holder"]: one["Owner"].partition("/")[2] for one in stage.entries() if one["Entry"] == "claim"}
    assert claims == {one["Owner"]: one["resource_id"] for one in own if not one.get("handed_to")}
    return {f"{owner.split('/')[1]}/{owner.rpartition('|')[2]}": room for owner, room in entries.items()}


def test_contract_56_a_logical_id_is_renamed_in_one_deployment(stage: Stage) -> None:
    """The new logical ID has the same physical ID, and nothing is written to WorkMail."""
    ids = deploy(stage, "rooms", HERE)
    mark = stage.mark()

    renamed = deploy(stage, "rooms", {"Main": "boardroom", "Focus": "focusroom"}, adopt=["Main"])

    assert renamed == ids
    assert stage.writes(mark) == []
    assert owners(stage) == {"rooms/Main": ids["boardroom"], "rooms/Focus": ids["focusroom"]}
    assert stage.delete().ok
    assert (stage.rooms(), stage.entries()) == ([], [])


def test_contract_56_a_failing_sibling_rolls_a_renaming_back(stage: Stage) -> None:
    """The old logical ID has the room again, as it was; renamed again, the new one has it."""
    ids = deploy(stage, "rooms", {"Board": "boardroom"})
    before = stage.state()

    deploy(stage, "rooms", {"Main": "boardroom"}, adopt=["Main"], fails=True)
    assert stage.stack().status == "UPDATE_ROLLBACK_COMPLETE"
    assert (stage.state(), owners(stage)) == (before, {"rooms/Board": ids["boardroom"]})

    assert deploy(stage, "rooms", {"Main": "boardroom"}, adopt=["Main"]) == ids
    assert (stage.state(), owners(stage)) == (before, {"rooms/Main": ids["boardroom"]})


@pytest.mark.parametrize("again", [True, False], ids=["renamed again", "left as it was"])
def test_contract_56_a_renaming_that_nobody_takes_back(stage: Stage, *, again: bool) -> None:
    """Under Retain the rollback sends no Delete: the old logical ID takes the room back when it is changed."""
    ids = deploy(stage, "rooms", {"Board": "boardroom"}, policy="Retain")
    deploy(stage, "rooms", {"Main": "boardroom"}, adopt=["Main"], policy="Retain", fails=True)
    both = owners(stage)
    assert both.keys() == {"rooms/Main", "rooms/Board"}

    logical_id = "Main" if again else "Board"
    after = deploy(stage, "rooms", {logical_id: "boardroom"}, adopt=["Main"], Description="later")

    assert after == ids
    # Of the one that is renamed no Delete comes either.
    assert owners(stage) == (both if again else {"rooms/Board": ids["boardroom"]})
    assert [room.Description for room in stage.rooms()] == ["later"]


def test_contract_57_a_room_moves_to_another_stack_in_three_deployments(stage: Stage) -> None:
    """Retained, taken out, adopted there: the same room, without a write; before that it is refused."""
    ids = deploy(stage, "old", HERE)
    mark = stage.mark()
    deploy(stage, "new", {"Focus": "focusroom"}, adopt=["Focus"], fails=True)
    assert any("AdoptionRefused: " in event.resource_status_reason for event in stage.stack("new").events)
    assert stage.delete("new").ok

    deploy(stage, "old", HERE, policy="Retain")
    deploy(stage, "old", {"Board": "boardroom"}, policy="Retain")
    moved = deploy(stage, "new", {"Focus": "focusroom"}, adopt=["Focus"])

    assert moved == {"focusroom": ids["focusroom"]}
    assert stage.writes(mark) == []
    assert owners(stage) == {"old/Board": ids["boardroom"], "new/Focus": ids["focusroom"]}


@pytest.mark.parametrize("there", [{}, {"Library": "library"}], ids=["a new stack", "a stack with rooms"])
def test_contract_57_a_stack_is_deleted_and_another_takes_its_rooms(stage: Stage, there: Rooms) -> None:
    """Of a stack that was deleted with Retain all rooms are adopted, by a new stack or one that has rooms already."""
    ids = deploy(stage, "old", HERE, policy="Retain")
    ids |= deploy(stage, "new", there) if there else {}
    mark = stage.mark()

    assert stage.delete("old").ok
    joined = deploy(stage, "new", {**there, **HERE}, adopt=list(HERE))

    assert joined == ids
    assert stage.writes(mark) == []
    assert owners(stage) == {f"new/{logical_id}": ids[name] for logical_id, name in {**there, **HERE}.items()}


def test_contract_57_a_retained_stack_whose_first_deployment_failed(stage: Stage) -> None:
    """What such a deployment has left behind is adopted by the stack that is deployed in its place."""
    deploy(stage, "rooms", HERE, policy="Retain", fails=True)
    left = {room.Name: room.ResourceId for room in stage.rooms()}
    assert left.keys() == set(HERE.values())
    assert stage.delete().ok

    assert deploy(stage, "rooms", HERE, adopt=list(HERE), policy="Retain") == left
    assert owners(stage) == {f"rooms/{logical_id}": left[name] for logical_id, name in HERE.items()}


def test_contract_56_a_construct_of_the_cdk_moves(stage: Stage) -> None:
    """The construct's new path is a new logical ID, which takes the room over from the old one."""
    assert stage.function.arn == stage.provider.exports["workmail-resource-ServiceToken"]
    assert stage.deploy(EXAMPLES / "cdk-before.template.json", "cdk").ok
    (before,) = stage.rooms()
    mark = stage.mark()

    assert stage.deploy(EXAMPLES / "cdk-after.template.json", "cdk").ok

    assert stage.rooms() == [before]
    assert stage.writes(mark) == []
    assert owners(stage) == {"cdk/GroundFloorBoardRoom16AFC4C7": before.ResourceId}
