import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import Answer, ManualClock, World, answer
from workmail_rooms.sandbox.cloudformation import FailedDelete, Outcome, ValidationError


def deploy(world: World, document: dict[str, Any]) -> Outcome:
    """Deploy without rollback."""
    return world.engine.deploy(world.write(document), "demo", disable_rollback=True)


def fail_with_id(event: dict[str, Any]) -> Answer:
    """Fail a Create after something was made."""
    return answer(event, "half-made", Status="FAILED", Reason="broke")


def test_a_failed_creation_stays(world: World) -> None:
    """Without rollback what was created stays, and what does not depend on the failure goes on."""
    # GIVEN two paths, one of which fails at its first resource
    outcome = deploy(
        world,
        template(
            Bad=thing("taken"),
            After=thing("after", depends_on=["Bad"]),
            Good=thing("good"),
            Next=thing("next", depends_on=["Good"]),
        ),
    )
    # THEN the other one is complete
    assert (outcome.status, outcome.ok) == ("CREATE_FAILED", False)
    assert outcome.reason == "The following resource(s) failed to create: [Bad]. "
    assert world.things.names() == ["good", "next"]
    assert {name: resource.status for name, resource in world.engine.store.stacks["demo"].resources.items()} == {
        "Bad": "CREATE_FAILED",
        "Good": "CREATE_COMPLETE",
        "Next": "CREATE_COMPLETE",
    }
    # AND deleting the stack deletes everything, what failed too
    assert world.engine.delete("demo").ok
    assert world.things.things == {}
    assert ("Delete", "Bad") in world.cloud.sent()


def test_only_without_rollback_again(world: World) -> None:
    """A stack whose deployment without rollback failed is deployed again without rollback or not at all."""
    deploy(world, template(Bad=thing("taken")))
    with pytest.raises(ValidationError, match=r"in a non-terminal \[CREATE_FAILED\] state.*--disable-rollback"):
        world.deploy(template(Bad=thing("free")))
    assert deploy(world, template(Bad=thing("free"))).status == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("when", "sent"),
    [
        (FailedDelete.BEFORE, ["Delete half-made", "Create"]),
        (FailedDelete.BETWEEN, ["Create", "Delete half-made"]),
        (FailedDelete.AFTER, ["Create", "Delete half-made"]),
    ],
)
def test_retry(world: World, when: FailedDelete, sent: list[str]) -> None:
    """Deploying again creates what failed, and deletes what the failed Create has left, in the order of the switch."""
    # GIVEN a stack with a Create that failed with an id
    world.engine.failed_delete = when
    world.cloud.scripts["Create", "Bad"] = fail_with_id
    policies = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    document = template(
        Good=thing("good"), Bad=thing("bad", attributes=policies), After=thing("after", depends_on=["Bad"])
    )
    deploy(world, document)
    calls = len(world.cloud.events)
    # WHEN it is deployed again; between the two means that the Create is answered when the Delete has come
    deleted = threading.Event()

    def create(event: dict[str, Any]) -> Answer:
        if when is FailedDelete.BETWEEN:
            assert deleted.wait(60)
        return world.things.handle(event)

    def delete(event: dict[str, Any]) -> Answer:
        deleted.set()
        return world.things.handle(event)

    world.cloud.scripts = {("Create", "Bad"): create, ("Delete", "Bad"): delete}
    outcome = deploy(world, document)
    # THEN
    assert (outcome.status, outcome.ok) == ("UPDATE_COMPLETE", True)
    events = [event for event in world.cloud.events[calls:] if event["LogicalResourceId"] == "Bad"]
    assert [f"{e['RequestType']} {e.get('PhysicalResourceId', '')}".rstrip() for e in events] == sent
    lines = told(outcome)
    complete = lines.index("demo UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    assert (lines.index("Bad DELETE_IN_PROGRESS") > complete) == (when is FailedDelete.AFTER)
    # AND the stack has the new one, and what waited for it
    stack = world.engine.store.stacks["demo"]
    assert stack.resources["Bad"].physical_id in world.things.things
    assert stack.resources["Bad"].superseded == []
    assert world.things.names() == ["after", "bad", "good"]


def test_failed_delete_before_the_retry(world: World) -> None:
    """What cannot be deleted before its retry keeps the retry from beginning, and is deleted with the stack."""
    world.engine.failed_delete = FailedDelete.BEFORE
    world.cloud.scripts["Create", "Bad"] = fail_with_id
    deploy(world, template(Bad=thing("bad")))
    world.cloud.scripts = {
        ("Delete", "Bad"): lambda event: answer(event, "half-made", Status="FAILED", Reason="still busy")
    }
    outcome = deploy(world, template(Bad=thing("bad")))
    assert outcome.status == "UPDATE_FAILED"
    assert world.cloud.sent() == [("Create", "Bad"), ("Delete", "Bad")]
    world.cloud.scripts = {}
    assert world.engine.delete("demo").ok
    assert world.cloud.last("Delete", "Bad")["PhysicalResourceId"] == "half-made"


def test_never_asked(world: World) -> None:
    """Of a Create that no function could be given there is nothing to delete when it is retried."""
    world.cloud.functions.clear()
    deploy(world, template(A=thing("a")))
    world.cloud.functions.add(thing("a")["Properties"]["ServiceToken"])
    assert deploy(world, template(A=thing("a"))).status == "UPDATE_COMPLETE"
    assert world.cloud.sent() == [("Create", "A")]


def test_a_failed_update_goes_back_alone(world: World) -> None:
    """Without rollback a failed Update is reversed, and what was updated with success stays."""
    # GIVEN
    world.deploy(template(A=thing("a"), B=thing("b")))
    # WHEN one of two updates fails
    outcome = deploy(world, template(A=thing("a2"), B=thing("taken"), New=thing("new")))
    # THEN the other one stays, the failed one is what it was
    assert (outcome.status, outcome.ok) == ("UPDATE_FAILED", False)
    assert outcome.reason == "The following resource(s) failed to update: [B]. "
    assert world.things.names() == ["a2", "b", "new"]
    back = world.cloud.last("Update", "B")
    assert (back["ResourceProperties"]["Name"], back["OldResourceProperties"]["Name"]) == ("b", "taken")
    resource = world.engine.store.stacks["demo"].resources["B"]
    assert (resource.status, resource.properties["Name"]) == ("UPDATE_FAILED", "b")
    # AND the next deployment updates it
    outcome = deploy(world, template(A=thing("a2"), B=thing("b2"), New=thing("new")))
    assert outcome.status == "UPDATE_COMPLETE"
    assert world.things.names() == ["a2", "b2", "new"]


def test_a_failed_replacement_without_rollback(world: World) -> None:
    """What a failed replacement has made is deleted by the next deployment; the old one stays in force."""
    world.deploy(template(A=thing("a", Kind="x")))

    def update(event: dict[str, Any]) -> Answer:
        if event["ResourceProperties"]["Kind"] == "y":
            return answer(event, "half-made", Status="FAILED", Reason="broke")
        return answer(event, "thing-1", Data={"Id": "thing-1"})

    world.cloud.scripts["Update", "A"] = update
    assert deploy(world, template(A=thing("a", Kind="y"))).status == "UPDATE_FAILED"
    assert world.engine.store.stacks["demo"].resources["A"].physical_id == "thing-1"
    assert deploy(world, template(A=thing("a", Kind="x"))).status == "UPDATE_COMPLETE"
    assert world.cloud.last("Delete", "A")["PhysicalResourceId"] == "half-made"
    assert list(world.things.things) == ["thing-1"]


def test_outputs_that_fail(world: World) -> None:
    """An output without a value fails the deployment, and deploying again with another one succeeds."""
    failed = deploy(world, template(A=thing("a"), outputs={"X": {"Value": {"Fn::GetAtt": ["A", "Nothing"]}}}))
    assert (failed.status, failed.outputs) == ("CREATE_FAILED", {})
    again = deploy(world, template(A=thing("a"), outputs={"X": {"Value": {"Fn::GetAtt": ["A", "Name"]}}}))
    assert (again.status, again.outputs) == ("UPDATE_COMPLETE", {"X": "a"})
    assert world.cloud.sent() == [("Create", "A")]


@pytest.mark.parametrize("pause", [0, 0.2, 90], ids=lambda pause: f"{pause} s between")
def test_dates_of_two_operations(make_world: Callable[..., World], pause: float) -> None:
    """Every date that an operation signs is in a later second than every date of the one before it, in all stacks."""
    # GIVEN two operations whose events are many to one resource, and a clock that stands still
    clock = ManualClock()
    world = make_world(clock=clock)
    world.deploy(template(A=thing("a", Kind="x"), B=thing("b", depends_on=["A"])), stack="one")
    world.deploy(template(A=thing("a", Kind="y"), B=thing("taken", depends_on=["A"])), stack="one")
    before = [pending.signed_at for pending in world.cloud.pending.values()]
    # WHEN another one follows, on another stack, by another engine with the same store
    clock.sleep(pause)
    other = make_world(clock=clock, store=world.engine.store)
    other.deploy(template(C=thing("c")), stack="two")
    other.engine.delete("one")
    # THEN
    create, *deletes = [pending.signed_at for pending in other.cloud.pending.values()]
    assert create > max(before)
    assert min(deletes) > create
    # AND no date runs further ahead than it has to
    assert create == max(clock.now.replace(microsecond=0), max(before).replace(second=max(before).second + 1))
