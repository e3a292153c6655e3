import threading
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing
from tests.tools.sandbox.cloudformation.world import Answer, World, answer
from workmail_rooms.sandbox.cloudformation import StackStore, ValidationError, describe_stack_resource


def shown(world: World, logical_id: str, stack: str = "demo") -> tuple[str, str]:
    """Return the status and the physical id that CloudFormation shows."""
    detail = describe_stack_resource(world.engine.store, stack, logical_id)
    return detail.status, detail.physical_id


def test_while_it_is_created_and_deleted(world: World) -> None:
    """A resource has no id before its Create has succeeded, and keeps it while and after it is deleted."""
    seen = []

    def look(event: dict[str, Any]) -> Answer:
        seen.append(shown(world, "A"))
        return world.things.handle(event)

    world.cloud.scripts = {("Create", "A"): look, ("Delete", "A"): look}
    outcome = world.deploy(template(A=thing("a")))
    assert shown(world, "A") == ("CREATE_COMPLETE", "thing-1")
    world.engine.delete("demo")
    assert seen == [("CREATE_IN_PROGRESS", ""), ("DELETE_IN_PROGRESS", "thing-1")]
    # A deleted stack is described by its id only.
    assert shown(world, "A", outcome.stack_id) == ("DELETE_COMPLETE", "thing-1")
    with pytest.raises(ValidationError, match=r"^Stack 'demo' does not exist$"):
        shown(world, "A")


def test_while_it_is_replaced(world: World) -> None:
    """The old id counts until the Update that replaces it has succeeded, then the new one, while the old one goes."""
    seen = []

    def look(event: dict[str, Any]) -> Answer:
        seen.append(shown(world, "A"))
        return world.things.handle(event)

    world.cloud.scripts = {("Update", "A"): look, ("Delete", "A"): look}
    world.deploy(template(A=thing("a", Kind="x")))
    world.deploy(template(A=thing("a", Kind="y")))
    assert seen == [("UPDATE_IN_PROGRESS", "thing-1"), ("UPDATE_COMPLETE", "thing-2")]


def test_a_failed_and_a_cancelled_create(world: World) -> None:
    """A failed Create shows the id it answered, a cancelled one an invented id, and both still after the rollback."""
    world.cloud.scripts = {
        ("Create", "Bad"): lambda event: answer(event, "half-made", Status="FAILED", Reason="broke"),
    }
    failed = world.engine.deploy(world.write(template(Bad=thing("bad"))), "failed", disable_rollback=True)
    assert shown(world, "Bad", failed.stack_id) == ("CREATE_FAILED", "half-made")

    running = threading.Event()

    def wait(event: dict[str, Any]) -> Answer:
        del event
        running.set()
        return None

    def fail(event: dict[str, Any]) -> Answer:
        assert running.wait(60)
        return world.things.handle(event)

    world.cloud.scripts = {("Create", "Slow"): wait, ("Create", "Bad"): fail}
    outcome = world.deploy(template(Slow=thing("slow"), Bad=thing("taken")))
    assert outcome.status == "ROLLBACK_COMPLETE"
    status, invented = shown(world, "Slow")
    assert (status, invented.startswith("demo-Slow-")) == ("DELETE_COMPLETE", True)
    assert world.cloud.last("Delete", "Slow")["PhysicalResourceId"] == invented


def test_retained(world: World) -> None:
    """A retained resource that is taken out of its stack is shown as skipped, with its id, until it comes again."""
    kept = thing("a", attributes={"DeletionPolicy": "Retain"})
    world.deploy(template(A=kept, B=thing("b")))
    world.deploy(template(B=thing("b")))
    assert shown(world, "A") == ("DELETE_SKIPPED", "thing-1")
    world.deploy(template(A=kept, B=thing("b")))
    assert shown(world, "A") == ("CREATE_COMPLETE", "thing-3")


def test_what_cannot_be_deleted(world: World) -> None:
    """A resource whose Delete failed is shown with its id, and one that the clean-up has left behind not at all."""
    world.cloud.scripts["Delete", "A"] = lambda event: answer(
        event, event["PhysicalResourceId"], Status="FAILED", Reason="busy"
    )
    world.deploy(template(A=thing("a"), B=thing("b")))
    world.engine.delete("demo")
    assert shown(world, "A") == ("DELETE_FAILED", "thing-1")
    assert shown(world, "B")[0] == "DELETE_COMPLETE"

    world.deploy(template(A=thing("a"), B=thing("b")), stack="other")
    world.deploy(template(B=thing("b")), stack="other")
    with pytest.raises(ValidationError, match=r"^Resource A does not exist for stack other$"):
        shown(world, "A", "other")


def test_every_stack_of_a_name(world: World) -> None:
    """Deleted stacks stay described by their ids when others take their name, and after the state was written."""
    ids = []
    for _ in range(3):
        ids.append(world.deploy(template(A=thing("a"))).stack_id)
        world.engine.delete("demo")
    world.deploy(template(A=thing("a")))
    world.engine.store = StackStore.import_state(world.engine.store.export_state())
    assert [shown(world, "A", one) for one in [*ids, "demo"]] == [
        *(("DELETE_COMPLETE", f"thing-{number}") for number in (1, 2, 3)),
        ("CREATE_COMPLETE", "thing-4"),
    ]
