import threading
from copy import deepcopy
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import TOKEN, Answer, World, answer
from workmail_rooms.sandbox.cloudformation import ReplacementRollback, ValidationError

REPLACED = "Requested update requires the creation of a new physical resource; hence creating one."


def test_update_in_place(world: World) -> None:
    """An update with the same answered id is in place, and the event carries old and new properties."""
    # GIVEN a stack
    world.deploy(template(Room=thing("old", Size=1)))
    # WHEN a property changes
    outcome = world.deploy(template(Room=thing("new", Size=1)))
    # THEN the same thing has it
    assert (outcome.status, outcome.ok) == ("UPDATE_COMPLETE", True)
    assert world.things.things == {"thing-1": {"Name": "new", "Size": "1"}}
    event = world.cloud.last("Update", "Room")
    assert event["PhysicalResourceId"] == "thing-1"
    assert event["OldResourceProperties"] == {"ServiceToken": TOKEN, "Name": "old", "Size": "1"}
    assert event["ResourceProperties"] == {"ServiceToken": TOKEN, "Name": "new", "Size": "1"}
    assert told(outcome) == [
        "demo UPDATE_IN_PROGRESS User Initiated",
        "Room UPDATE_IN_PROGRESS",
        "Room UPDATE_COMPLETE",
        "demo UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "demo UPDATE_COMPLETE",
    ]


def test_replacement(world: World) -> None:
    """A new answered id is a replacement: the old one is deleted in the clean-up, with the old properties."""
    # GIVEN a stack
    world.deploy(template(Room=thing("room", Kind="a")))
    # WHEN the kind changes, which makes a new thing
    outcome = world.deploy(template(Room=thing("room", Kind="b"), outputs={"Id": {"Value": {"Ref": "Room"}}}))
    # THEN the old one goes after the update is complete
    assert outcome.outputs == {"Id": "thing-2"}
    assert world.things.things == {"thing-2": {"Name": "room", "Kind": "b"}}
    event = world.cloud.last("Delete", "Room")
    assert event["PhysicalResourceId"] == "thing-1"
    assert event["ResourceProperties"]["Kind"] == "a"
    assert told(outcome) == [
        "demo UPDATE_IN_PROGRESS User Initiated",
        "Room UPDATE_IN_PROGRESS",
        f"Room UPDATE_IN_PROGRESS {REPLACED}",
        "Room UPDATE_COMPLETE",
        "demo UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "Room DELETE_IN_PROGRESS",
        "Room DELETE_COMPLETE",
        "demo UPDATE_COMPLETE",
    ]
    # AND the stack has forgotten it
    calls = len(world.cloud.events)
    assert world.engine.delete("demo").ok
    assert [e["PhysicalResourceId"] for e in world.cloud.events[calls:]] == ["thing-2"]
    assert [e.physical_resource_id for e in outcome.events if "DELETE" in e.resource_status] == ["thing-1", "thing-1"]


def test_no_updates(world: World) -> None:
    """Deploying the same again says so and calls nothing."""
    document = template(Room=thing("room"), outputs={"Id": {"Value": {"Ref": "Room"}}})
    world.deploy(document)
    calls, events = len(world.cloud.events), len(world.seen)
    outcome = world.deploy({"Description": "the same", **document})
    assert (outcome.status, outcome.reason) == ("CREATE_COMPLETE", "No updates are to be performed.")
    assert (outcome.ok, outcome.changed, outcome.events) == (True, False, ())
    assert outcome.outputs == {"Id": "thing-1"}
    assert (len(world.cloud.events), len(world.seen)) == (calls, events)


@pytest.mark.parametrize(
    "changed",
    [
        template(Room=thing("room"), outputs={"Id": {"Value": "x"}}),
        template(Room=thing("room", attributes={"DeletionPolicy": "Retain"})),
    ],
    ids=["output", "deletion policy"],
)
def test_update_without_events(world: World, changed: dict[str, Any]) -> None:
    """A change of outputs or policies alone updates the stack without calling a function."""
    world.deploy(template(Room=thing("room")))
    outcome = world.deploy(changed)
    assert (outcome.status, outcome.changed) == ("UPDATE_COMPLETE", True)
    assert world.cloud.sent() == [("Create", "Room")]


def test_added_and_removed(world: World) -> None:
    """Added resources are created with the update, removed ones deleted in the clean-up, dependents first."""
    world.deploy(template(A=thing("a"), B=thing("b", X={"Ref": "A"}), C=thing("c")))
    outcome = world.deploy(template(C=thing("c"), D=thing("d")))
    assert outcome.ok
    assert world.things.names() == ["c", "d"]
    assert world.cloud.sent()[-3:] == [("Create", "D"), ("Delete", "B"), ("Delete", "A")]
    assert sorted(world.engine.store.stacks["demo"].resources) == ["C", "D"]


def test_dependent_update(world: World) -> None:
    """A resource that refers to a replaced one is updated with the new value."""
    world.deploy(template(A=thing("a", Kind="x"), B=thing("b", Of={"Ref": "A"})))
    world.deploy(template(A=thing("a", Kind="y"), B=thing("b", Of={"Ref": "A"})))
    assert world.cloud.last("Update", "B")["ResourceProperties"]["Of"] == "thing-3"


def test_failed_update_is_rolled_back(world: World) -> None:
    """After a failed update everything is as before: properties, ids, resources, outputs."""
    # GIVEN a stack of three things
    outputs = {"A": {"Value": {"Fn::GetAtt": ["A", "Name"]}}}
    first = world.deploy(template(A=thing("a"), B=thing("b", depends_on=["A"]), Gone=thing("gone"), outputs=outputs))
    things, stack = deepcopy(world.things.things), deepcopy(world.engine.store.stacks["demo"])
    # WHEN one is changed, one added, one removed, and one fails at last
    outcome = world.deploy(
        template(A=thing("a2"), New=thing("new"), B=thing("taken", depends_on=["A", "New"]), outputs=outputs)
    )
    # THEN the state is the old one exactly
    assert (outcome.status, outcome.ok) == ("UPDATE_ROLLBACK_COMPLETE", False)
    assert world.things.things == things
    assert outcome.outputs == first.outputs
    now = world.engine.store.stacks["demo"]
    assert (now.template, now.parameters, now.outputs) == (stack.template, stack.parameters, stack.outputs)
    for name, resource in stack.resources.items():
        kept = now.resources[name]
        assert (kept.physical_id, kept.properties, kept.attributes, kept.depends_on, kept.superseded) == (
            resource.physical_id,
            resource.properties,
            resource.attributes,
            resource.depends_on,
            [],
        )
    assert now.resources.keys() == stack.resources.keys()
    # AND the events are CloudFormation's
    lines = told(outcome)
    start = lines.index("demo UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to update: [B].")
    assert lines[start + 1 :] == [
        "A UPDATE_IN_PROGRESS",
        "A UPDATE_COMPLETE",
        "B UPDATE_IN_PROGRESS",
        "B UPDATE_COMPLETE",
        "demo UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "New DELETE_IN_PROGRESS",
        "New DELETE_COMPLETE",
        "demo UPDATE_ROLLBACK_COMPLETE",
    ]
    reversed_update = world.cloud.last("Update", "A")
    assert reversed_update["ResourceProperties"]["Name"] == "a"
    assert reversed_update["OldResourceProperties"]["Name"] == "a2"
    assert reversed_update["PhysicalResourceId"] == "thing-1"


def test_failed_creation_in_an_update(world: World) -> None:
    """A new resource that fails is named as such, and its Delete comes in the clean-up."""
    world.deploy(template(A=thing("a")))
    outcome = world.deploy(template(A=thing("a"), B=thing("taken")))
    assert "demo UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [B]." in told(outcome)
    assert world.cloud.sent() == [("Create", "A"), ("Create", "B"), ("Delete", "B")]


def replace_and_fail(world: World) -> list[tuple[str, str, str]]:
    """Tell the story of a replacement that is rolled back; return the events after the failure."""
    world.deploy(template(A=thing("a", Kind="x"), B=thing("b", depends_on=["A"])))
    calls = len(world.cloud.events)
    outcome = world.deploy(template(A=thing("a", Kind="y"), B=thing("taken", depends_on=["A"])))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    after = world.cloud.events[calls:]
    return [
        (e["RequestType"], e["PhysicalResourceId"], e["ResourceProperties"]["Kind"])
        for e in after
        if e["LogicalResourceId"] == "A"
    ]


def test_replacement_rolled_back_by_reversed_update(world: World) -> None:
    """By default the replaced resource gets an Update with the new id; every id but the answered one is deleted."""
    # GIVEN a function that answers the reversed Update with yet another id (Kind changes again)
    events = replace_and_fail(world)
    # THEN the ids that lost are deleted, each with its own properties
    assert events[:2] == [("Update", "thing-1", "y"), ("Update", "thing-3", "x")]
    assert sorted(events[2:]) == [("Delete", "thing-1", "x"), ("Delete", "thing-3", "y")]
    assert world.engine.store.stacks["demo"].resources["A"].physical_id == "thing-4"
    assert sorted(world.things.things) == ["thing-2", "thing-4"]


def test_replacement_rolled_back_to_the_old_id(world: World) -> None:
    """When the reversed Update answers the old id, only the new one is deleted."""

    def back_to_old(event: dict[str, Any]) -> Answer:
        is_reversed = event["ResourceProperties"]["Kind"] == "x"
        return answer(event, "thing-1") if is_reversed else world.things.handle(event)

    world.cloud.scripts["Update", "A"] = back_to_old
    assert replace_and_fail(world)[2:] == [("Delete", "thing-3", "y")]
    assert world.things.things["thing-1"] == {"Name": "a", "Kind": "x"}


def test_replacement_rolled_back_without_update(world: World) -> None:
    """With the other option there is no reversed Update: the old id is in force and the new one is deleted."""
    world.engine.replacement_rollback = ReplacementRollback.CLEAN_UP_ONLY
    assert replace_and_fail(world) == [("Update", "thing-1", "y"), ("Delete", "thing-3", "y")]
    resource = world.engine.store.stacks["demo"].resources["A"]
    assert (resource.physical_id, resource.properties["Kind"], resource.attributes["Id"]) == ("thing-1", "x", "thing-1")
    assert world.things.things["thing-1"] == {"Name": "a", "Kind": "x"}


def test_failed_replacement_with_a_new_id(world: World) -> None:
    """An Update that fails with a new id has made something: it is deleted after the rollback."""
    world.deploy(template(A=thing("a")))
    world.cloud.scripts["Update", "A"] = lambda event: answer(
        event,
        *(("half-made",) if event["ResourceProperties"]["Name"] == "b" else ("thing-1",)),
        **({"Status": "FAILED", "Reason": "broke"} if event["ResourceProperties"]["Name"] == "b" else {}),
    )
    outcome = world.deploy(template(A=thing("b")))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.cloud.last("Update", "A")["PhysicalResourceId"] == "half-made"
    event = world.cloud.last("Delete", "A")
    assert (event["PhysicalResourceId"], event["ResourceProperties"]["Name"]) == ("half-made", "b")
    assert world.engine.store.stacks["demo"].resources["A"].physical_id == "thing-1"


def test_cancelled_update(world: World) -> None:
    """A running Update is cancelled when another resource fails, and is reversed while it still runs."""
    # GIVEN a stack, and an update that goes on until its reversal has come
    world.deploy(template(Slow=thing("slow"), Bad=thing("bad")))
    running, reversed_ = threading.Event(), threading.Event()

    def update(event: dict[str, Any]) -> Answer:
        if event["ResourceProperties"]["Name"] == "slow":
            reversed_.set()
            return world.things.handle(event)
        running.set()
        assert reversed_.wait(5)
        return answer(event, event["PhysicalResourceId"])

    def fail(event: dict[str, Any]) -> Answer:
        assert running.wait(60)
        return world.things.handle(event)

    world.cloud.scripts = {("Update", "Slow"): update, ("Update", "Bad"): fail}
    # WHEN the other fails
    outcome = world.deploy(template(Slow=thing("slow2"), Bad=thing("taken")))
    # THEN it is cancelled and reversed
    assert "Slow UPDATE_FAILED Resource update cancelled" in told(outcome)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    world.engine.settle(60)
    assert [o.kind for o in world.engine.observations] == ["late answer"]


def test_update_rollback_failed(world: World) -> None:
    """When a reversal fails, the stack is stuck, refuses updates, and can be deleted with everything in it."""
    # GIVEN a replaced resource whose reversal fails, after another one failed
    world.deploy(template(A=thing("a", Kind="x"), B=thing("b", depends_on=["A"])))

    def only_forward(event: dict[str, Any]) -> Answer:
        if event["ResourceProperties"]["Kind"] == "x":
            world.things.things["half-back"] = {"Name": "a"}
            return answer(event, "half-back", Status="FAILED", Reason="cannot go back")
        return world.things.handle(event)

    world.cloud.scripts["Update", "A"] = only_forward
    outcome = world.deploy(template(A=thing("a", Kind="y"), B=thing("taken", depends_on=["A"])))
    # THEN the stack says so
    assert outcome.status == "UPDATE_ROLLBACK_FAILED"
    assert outcome.reason == "The following resource(s) failed to update: [A]. "
    with pytest.raises(ValidationError, match="is in UPDATE_ROLLBACK_FAILED state and can not be updated"):
        world.deploy(template(A=thing("a")))
    # AND deleting it leaves nothing: not the new thing, not the old one, not what the reversal began
    assert world.engine.delete("demo").ok
    assert world.things.things == {}


@pytest.mark.parametrize(("policy", "kept"), [("Delete", []), ("Retain", ["thing-1"])])
def test_update_replace_policy(world: World, policy: str, kept: list[str]) -> None:
    """UpdateReplacePolicy decides whether the old one of a replacement stays."""
    attributes = {"UpdateReplacePolicy": policy}
    world.deploy(template(Room=thing("room", Kind="a", attributes=attributes)))
    outcome = world.deploy(template(Room=thing("room", Kind="b", attributes=attributes)))
    assert outcome.ok
    assert sorted(world.things.things) == [*kept, "thing-2"]
    assert ("Room DELETE_SKIPPED" in told(outcome)) == bool(kept)


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_removed_but_retained(world: World, policy: str) -> None:
    """A removed resource stays when its DeletionPolicy retains it, and is no longer part of the stack."""
    world.deploy(template(A=thing("a", attributes={"DeletionPolicy": policy}), B=thing("b")))
    outcome = world.deploy(template(B=thing("b")))
    assert "A DELETE_SKIPPED" in told(outcome)
    assert world.things.names() == ["a", "b"]
    assert world.engine.delete("demo").ok
    assert world.things.names() == ["a"]


def test_clean_up_fails(world: World) -> None:
    """What the clean-up cannot delete is forgotten: the update is complete, and the engine notes it."""
    world.deploy(template(A=thing("a"), B=thing("b")))
    world.cloud.scripts["Delete", "A"] = lambda event: answer(
        event, event["PhysicalResourceId"], Status="FAILED", Reason="busy"
    )
    outcome = world.deploy(template(B=thing("b")))
    assert (outcome.status, outcome.reason, outcome.ok) == (
        "UPDATE_COMPLETE",
        "One or more resources could not be deleted.",
        True,
    )
    (left,) = world.engine.observations
    assert (left.kind, left.event["PhysicalResourceId"]) == ("left behind", "thing-1")
    assert list(world.engine.store.stacks["demo"].resources) == ["B"]


def test_changed_service_token(world: World) -> None:
    """A changed ServiceToken is refused and rolled back, without an event, as CloudFormation does."""
    world.deploy(template(A=thing("a")))
    other = thing("a")
    other["Properties"]["ServiceToken"] = TOKEN + "2"
    outcome = world.deploy(template(A=other))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "A UPDATE_FAILED Modifying service token is not allowed." in told(outcome)
    assert world.cloud.sent() == [("Create", "A")]
    assert world.engine.store.stacks["demo"].resources["A"].properties["ServiceToken"] == TOKEN


def test_function_gone(world: World) -> None:
    """An Update that no function could be given is not reversed either."""
    world.deploy(template(A=thing("a")))
    world.cloud.functions.clear()
    outcome = world.deploy(template(A=thing("b")))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert f"A UPDATE_FAILED Function not found: {TOKEN}" in told(outcome)
    assert world.cloud.sent() == [("Create", "A")]
    assert world.engine.store.stacks["demo"].resources["A"].properties["Name"] == "a"


def test_changed_type(world: World) -> None:
    """A changed resource type is refused before anything happens."""
    world.deploy(template(A=thing("a")))
    with pytest.raises(ValidationError, match=r"Update of resource type is not permitted.*\[A\]"):
        world.deploy(template(A=thing("a") | {"Type": "Custom::Other"}))


def test_previous_parameter_values(world: World) -> None:
    """Parameters that are not given keep the stack's values, as with `aws cloudformation deploy`."""
    document = {
        "Parameters": {"Name": {"Type": "String", "Default": "d"}},
        **template(A=thing("a", Size={"Ref": "Name"})),
    }
    world.deploy(document, {"Name": "given"})
    assert world.deploy(document).changed is False
    assert world.deploy(document, {"Name": "other"}).changed is True
    assert world.cloud.last("Update", "A")["ResourceProperties"]["Size"] == "other"


def test_update_timed_out(timeless: World) -> None:
    """An Update without an answer fails with its own id and is reversed."""
    timeless.deploy(template(A=thing("a")))
    first = iter([None])
    timeless.cloud.scripts["Update", "A"] = lambda event: next(first, timeless.things.handle(event))
    outcome = timeless.deploy(template(A=thing("b")))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert timeless.cloud.last("Update", "A")["PhysicalResourceId"] == "thing-1"
    assert timeless.things.names() == ["a"]
