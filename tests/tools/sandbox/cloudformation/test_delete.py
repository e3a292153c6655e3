import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import TOKEN, Answer, World, answer
from workmail_rooms.sandbox.cloudformation import StackEvent, ValidationError


def test_delete(world: World) -> None:
    """A deleted stack leaves nothing; each resource goes before those it depends on."""
    # GIVEN a stack
    world.deploy(template(A=thing("a"), B=thing("b", X={"Ref": "A"}), C=thing("c", depends_on=["B"])))
    # WHEN it is deleted
    outcome = world.engine.delete("demo")
    # THEN
    assert (outcome.status, outcome.ok, outcome.outputs) == ("DELETE_COMPLETE", True, {})
    assert world.things.things == {}
    assert told(outcome) == [
        "demo DELETE_IN_PROGRESS User Initiated",
        "C DELETE_IN_PROGRESS",
        "C DELETE_COMPLETE",
        "B DELETE_IN_PROGRESS",
        "B DELETE_COMPLETE",
        "A DELETE_IN_PROGRESS",
        "A DELETE_COMPLETE",
        "demo DELETE_COMPLETE",
    ]
    event = world.cloud.last("Delete", "B")
    assert event["PhysicalResourceId"] == "thing-2"
    assert event["ResourceProperties"] == {"ServiceToken": TOKEN, "Name": "b", "X": "thing-1"}
    assert "OldResourceProperties" not in event


def test_delete_by_stack_id(world: World) -> None:
    """A stack is found by its id too."""
    assert world.engine.delete(world.deploy(template(A=thing("a"))).stack_id).ok


def test_delete_nothing(world: World) -> None:
    """Deleting a stack that does not exist succeeds and says so, as in AWS."""
    outcome = world.engine.delete("nothing")
    assert (outcome.ok, outcome.changed, outcome.reason) == (True, False, "Stack with id nothing does not exist")


def test_deleted_name_is_free(world: World) -> None:
    """A deleted stack's name can be used again, by a stack with another id; its events stay readable till then."""
    first = world.deploy(template(A=thing("a")))
    world.engine.delete("demo")
    assert told(world.engine.store.stacks["demo"].events)[-1] == "demo DELETE_COMPLETE"
    second = world.deploy(template(A=thing("a")))
    assert second.status == "CREATE_COMPLETE"
    assert second.stack_id != first.stack_id


def test_delete_failed(world: World) -> None:
    """A resource that cannot be deleted stays with those it depends on; a second attempt deletes just these."""
    # GIVEN a stack whose B cannot be deleted
    world.deploy(template(A=thing("a"), B=thing("b", depends_on=["A"]), C=thing("c")))
    world.cloud.scripts["Delete", "B"] = lambda event: answer(
        event, event["PhysicalResourceId"], Status="FAILED", Reason="busy"
    )
    # WHEN it is deleted
    outcome = world.engine.delete("demo")
    # THEN A and B stay
    assert (outcome.status, outcome.ok) == ("DELETE_FAILED", False)
    assert outcome.reason == "The following resource(s) failed to delete: [B]. "
    assert any(line.startswith("B DELETE_FAILED Received response status [FAILED]") for line in told(outcome))
    assert world.things.names() == ["a", "b"]
    # AND go when it is possible
    world.cloud.scripts.clear()
    calls = len(world.cloud.events)
    assert world.engine.delete("demo").ok
    assert world.cloud.sent()[calls:] == [("Delete", "B"), ("Delete", "A")]
    assert world.things.things == {}


@pytest.mark.parametrize(("policy", "left"), [("Delete", []), ("Retain", ["a"]), ("RetainExceptOnCreate", ["a"])])
def test_deletion_policy(world: World, policy: str, left: list[str]) -> None:
    """Deleting a stack keeps what its DeletionPolicy retains, without calling the function."""
    world.deploy(template(A=thing("a", attributes={"DeletionPolicy": policy}), B=thing("b")))
    outcome = world.engine.delete("demo")
    assert outcome.ok
    assert world.things.names() == left
    assert ("A DELETE_SKIPPED" in told(outcome)) == bool(left)


def test_delete_after_an_interruption(make_world: Callable[..., World]) -> None:
    """A stack whose creation was interrupted can be deleted; what was unfinished gets a Delete with an invented id."""
    # GIVEN a deployment that is interrupted while A is being created
    released = threading.Event()
    world = make_world()

    def stuck(event: dict[str, Any]) -> Answer:
        released.wait(120)
        return answer(event, "a")

    def interrupt(event: StackEvent) -> None:
        if event.logical_resource_id == "B":
            raise KeyboardInterrupt

    world.cloud.scripts["Create", "A"] = stuck
    interrupted = make_world(store=world.engine.store, on_event=interrupt)
    interrupted.cloud.scripts["Create", "A"] = stuck
    with pytest.raises(KeyboardInterrupt):
        interrupted.deploy(template(A=thing("a"), B=thing("b")))
    # THEN the engine can be closed without waiting for the answer
    start = time.monotonic()
    interrupted.engine.close()
    assert time.monotonic() - start < 60
    released.set()
    # AND another one can delete what is there, but not update it
    with pytest.raises(ValidationError, match="is in CREATE_IN_PROGRESS state and can not be updated"):
        world.deploy(template(A=thing("a")))
    assert world.engine.delete("demo").ok
    assert world.cloud.last("Delete", "A")["PhysicalResourceId"].startswith("demo-A-")


def test_delete_timed_out(timeless: World) -> None:
    """A Delete without an answer fails, and can be repeated."""
    timeless.deploy(template(A=thing("a", ServiceTimeout=60)))
    timeless.cloud.scripts["Delete", "A"] = lambda _: None
    assert timeless.engine.delete("demo").status == "DELETE_FAILED"
    timeless.cloud.scripts.clear()
    assert timeless.engine.delete("demo").ok


def test_delete_with_another_id(world: World) -> None:
    """An answer to Delete that changes the id fails the deletion."""
    world.deploy(template(A=thing("a")))
    script: Any = lambda event: answer(event, "another")  # noqa: E731 - one expression
    world.cloud.scripts["Delete", "A"] = script
    outcome = world.engine.delete("demo")
    assert outcome.status == "DELETE_FAILED"
    assert any("A DELETE_FAILED Invalid PhysicalResourceId" in line for line in told(outcome))


def test_rollback_complete_can_only_be_deleted(world: World) -> None:
    """A stack in ROLLBACK_COMPLETE refuses a deployment in CloudFormation's words, and goes without a call."""
    outcome = world.deploy(template(A=thing("taken")))
    with pytest.raises(
        Exception, match=f"Stack:{outcome.stack_id} is in ROLLBACK_COMPLETE state and can not be updated"
    ):
        world.deploy(template(A=thing("a")))
    calls = len(world.cloud.events)
    assert world.engine.delete("demo").ok
    assert len(world.cloud.events) == calls
    assert world.deploy(template(A=thing("a"))).ok
