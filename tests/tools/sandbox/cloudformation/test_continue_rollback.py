from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import Answer, World, answer
from workmail_rooms.sandbox.cloudformation import StackStore, ValidationError

Way = Callable[[dict[str, Any]], Answer]


def only_forward(world: World) -> Way:
    """Return a function whose Updates fail when they lead back."""

    def update(event: dict[str, Any]) -> Answer:
        if event["OldResourceProperties"]["Name"].endswith("2"):
            return answer(event, event["PhysicalResourceId"], Status="FAILED", Reason="cannot go back")
        return world.things.handle(event)

    return update


def stick(world: World) -> None:
    """Bring the stack into UPDATE_ROLLBACK_FAILED: A cannot go back, B can, Bad has failed, New was new."""
    outputs = {"Name": {"Value": {"Fn::GetAtt": ["A", "Name"]}}}
    world.deploy(template(A=thing("a"), B=thing("b"), Bad=thing("bad", depends_on=["A", "B"]), outputs=outputs))
    world.cloud.scripts["Update", "A"] = only_forward(world)
    outcome = world.deploy(
        template(
            A=thing("a2"),
            B=thing("b2"),
            New=thing("new"),
            Bad=thing("taken", depends_on=["A", "B", "New"]),
            outputs=outputs,
        )
    )
    assert outcome.status == "UPDATE_ROLLBACK_FAILED"


def test_continued(world: World) -> None:
    """A continued rollback goes on with what has not gone back yet, and cleans up."""
    # GIVEN a stack that is stuck, and whose obstacle has been removed
    stick(world)
    with pytest.raises(ValidationError, match=r"can not be updated. .*continue-rollback --stack-name demo"):
        world.deploy(template(A=thing("a")))
    world.cloud.scripts.clear()
    calls = len(world.cloud.events)
    # WHEN the rollback is continued
    outcome = world.engine.continue_rollback("demo")
    # THEN what had gone back is left alone, and everything is as before the update
    assert (outcome.status, outcome.ok) == ("UPDATE_ROLLBACK_COMPLETE", True)
    assert [(e["RequestType"], e["LogicalResourceId"]) for e in world.cloud.events[calls:]] == [
        ("Update", "A"),
        ("Update", "Bad"),
        ("Delete", "New"),
    ]
    assert world.things.names() == ["a", "b", "bad"]
    assert outcome.outputs == {"Name": "a"}
    assert told(outcome)[0] == "demo UPDATE_ROLLBACK_IN_PROGRESS"
    assert told(outcome)[-1] == "demo UPDATE_ROLLBACK_COMPLETE"
    # AND the stack can be updated again
    assert world.deploy(template(A=thing("a3"))).ok


def test_stuck_again(world: World) -> None:
    """What still cannot go back leaves the stack where it was, to be continued once more or deleted."""
    stick(world)
    assert world.engine.continue_rollback("demo").status == "UPDATE_ROLLBACK_FAILED"
    assert world.engine.delete("demo").ok
    assert world.things.things == {}


def test_skipped(world: World) -> None:
    """A skipped resource counts as brought back, and nothing is sent to it."""
    stick(world)
    calls = len(world.cloud.events)
    outcome = world.engine.continue_rollback("demo", ["A"])
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Update", "A") not in world.cloud.sent()[calls:]
    assert "A UPDATE_COMPLETE" in told(outcome)
    assert world.engine.store.stacks["demo"].resources["A"].properties["Name"] == "a"
    # AND the next update that names it brings it into line
    world.cloud.scripts.clear()
    world.deploy(template(A=thing("a3"), B=thing("b"), Bad=thing("bad")))
    assert world.things.names() == ["a3", "b", "bad"]


def test_in_another_process(world: World, make_world: Callable[..., World]) -> None:
    """The rollback is continued from what the state says, by another process."""
    stick(world)
    store = StackStore.import_state(world.engine.store.export_state())
    other = make_world(store=store)
    other.cloud.things = world.things
    assert other.engine.continue_rollback("demo").ok
    assert world.things.names() == ["a", "b", "bad"]
    assert store.stacks["demo"].undo is None


def test_refused(world: World) -> None:
    """Only a rollback that failed is continued, and only what failed in it can be skipped."""
    with pytest.raises(ValidationError, match=r"Stack \[demo\] does not exist"):
        world.engine.continue_rollback("demo")
    world.deploy(template(A=thing("a")))
    with pytest.raises(ValidationError, match="is in CREATE_COMPLETE state and its rollback can not be continued"):
        world.engine.continue_rollback("demo")
    world.engine.delete("demo")
    stick(world)
    with pytest.raises(ValidationError, match=r"Resources \[B, Nobody\] can not be skipped.* These are: \[A"):
        world.engine.continue_rollback("demo", ["A", "B", "Nobody"])


@pytest.mark.parametrize("skip", [False, True])
def test_nested(world: World, skip: bool) -> None:  # noqa: FBT001 - a switch
    """The rollback of a nested stack is continued with its parent's; its resources are skipped by its stack's name."""
    # GIVEN a nested stack with a resource that cannot go back, after its sibling has failed
    inner = {"Parameters": {"Name": {"Type": "String"}}, **template(A=thing("x"))}
    inner["Resources"]["A"]["Properties"]["Name"] = {"Ref": "Name"}
    world.write(inner, "inner.json")

    def parent(name: str, sibling: str) -> dict[str, Any]:
        child = {
            "Type": "AWS::CloudFormation::Stack",
            "Properties": {"TemplateURL": "inner.json", "Parameters": {"Name": name}},
        }
        return template(Child=child, Bad=thing(sibling, depends_on=["Child"]))

    world.deploy(parent("a", "bad"))
    world.cloud.scripts["Update", "A"] = only_forward(world)
    assert world.deploy(parent("a2", "taken")).status == "UPDATE_ROLLBACK_FAILED"
    child = world.engine.store.last(world.engine.store.stacks["demo"].resources["Child"].physical_id)
    assert child is not None
    assert child.status == "UPDATE_ROLLBACK_FAILED"
    # WHEN
    if not skip:
        world.cloud.scripts.clear()
    outcome = world.engine.continue_rollback("demo", [f"{child.name}.A"] if skip else [])
    # THEN
    assert (outcome.status, child.status) == ("UPDATE_ROLLBACK_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
    assert world.things.names() == (["a2", "bad"] if skip else ["a", "bad"])
    assert (child.undo, child.resources["A"].properties["Name"]) == (None, "a")
