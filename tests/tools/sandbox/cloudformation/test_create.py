import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import TOKEN, Answer, World, answer
from workmail_rooms.sandbox.cloudformation import StackEvent


def test_create(world: World) -> None:
    """A created stack has its resources, tells CloudFormation's events in order, and shows its outputs."""
    # GIVEN a template with one thing and two outputs
    document = template(
        Room=thing("boardroom"),
        outputs={"Id": {"Value": {"Ref": "Room"}}, "Name": {"Value": {"Fn::GetAtt": ["Room", "Name"]}}},
    )
    # WHEN it is deployed
    outcome = world.deploy(document)
    # THEN it is there
    assert (outcome.status, outcome.ok, outcome.changed) == ("CREATE_COMPLETE", True, True)
    assert outcome.outputs == {"Id": "thing-1", "Name": "boardroom"}
    assert world.things.things == {"thing-1": {"Name": "boardroom"}}
    assert told(outcome) == [
        "demo CREATE_IN_PROGRESS User Initiated",
        "Room CREATE_IN_PROGRESS",
        "Room CREATE_IN_PROGRESS Resource creation Initiated",
        "Room CREATE_COMPLETE",
        "demo CREATE_COMPLETE",
    ]
    assert list(outcome.events) == world.seen
    assert outcome.events[0].physical_resource_id == outcome.stack_id
    assert outcome.events[3].physical_resource_id == "thing-1"


def test_create_event(world: World) -> None:
    """The Create event has exactly CloudFormation's keys, and every scalar in it is a string."""
    world.deploy(
        template(
            Room=thing("x", Flag=True, Off=False, Count=3, Ratio=1.5, List=[1, "a", {"Deep": True}], ServiceTimeout=600)
        )
    )
    (event,) = world.cloud.events
    assert event["ResourceProperties"] == {
        "ServiceToken": TOKEN,
        "ServiceTimeout": "600",
        "Name": "x",
        "Flag": "true",
        "Off": "false",
        "Count": "3",
        "Ratio": "1.5",
        "List": ["1", "a", {"Deep": "true"}],
    }
    assert set(event) == {
        "RequestType",
        "ServiceToken",
        "ResponseURL",
        "StackId",
        "RequestId",
        "LogicalResourceId",
        "ResourceType",
        "ResourceProperties",
    }
    assert (event["RequestType"], event["ResourceType"], event["ServiceToken"]) == ("Create", "Custom::Thing", TOKEN)
    assert event["StackId"].startswith("arn:aws:cloudformation:us-east-1:123456789012:stack/demo/")


def test_dependency_order(world: World) -> None:
    """A resource is created after those it refers to by DependsOn, Ref, Fn::GetAtt and Fn::Sub."""
    world.deploy(
        template(
            E=thing("e", From={"Fn::Sub": "${D.Id}"}),
            D=thing("d", From={"Fn::GetAtt": "C.Id"}),
            C=thing("c", From={"Ref": "B"}),
            B=thing("b", depends_on=["A"]),
            A=thing("a"),
        )
    )
    assert [name for _, name in world.cloud.sent()] == ["A", "B", "C", "D", "E"]
    assert world.cloud.last("Create", "E")["ResourceProperties"]["From"] == "thing-4"


def test_max_parallel(make_world: Callable[..., World]) -> None:
    """No more than max_parallel events are under way at once."""
    limited = make_world(max_parallel=2)
    gauge, most, lock = [0], [0], threading.Lock()

    def measure(event: dict[str, Any]) -> Answer:
        with lock:
            gauge[0] += 1
            most[0] = max(most[0], gauge[0])
        threading.Event().wait(0.02)
        with lock:
            gauge[0] -= 1
        return limited.things.handle(event)

    names = [f"T{n}" for n in range(6)]
    limited.cloud.scripts = {("Create", name): measure for name in names}
    assert limited.deploy(template(**{name: thing(name) for name in names})).ok
    assert most == [2]


def test_nothing_is_begun_after_a_failure(make_world: Callable[..., World]) -> None:
    """What has not been begun when a resource fails is never begun."""
    world = make_world(max_parallel=1)
    assert world.deploy(template(A=thing("taken"), B=thing("b"), C=thing("c"))).status == "ROLLBACK_COMPLETE"
    assert world.cloud.sent() == [("Create", "A"), ("Delete", "A")]


def test_success_just_before_the_cancelling(make_world: Callable[..., World]) -> None:
    """A resource whose answer is in when another fails is complete, not cancelled, and nothing follows it."""
    # GIVEN a B that answers when A has failed, before it could be cancelled
    failed = threading.Event()

    def let_b_answer(event: StackEvent) -> None:
        if (event.logical_resource_id, event.resource_status) == ("A", "CREATE_FAILED"):
            failed.set()
            time.sleep(0.3)

    world = make_world(on_event=let_b_answer)

    def late(event: dict[str, Any]) -> Answer:
        assert failed.wait(60)
        return world.things.handle(event)

    world.cloud.scripts["Create", "B"] = late
    # WHEN they are deployed, with a C that waits for B
    outcome = world.deploy(template(A=thing("taken"), B=thing("b"), C=thing("c", depends_on=["B"])))
    # THEN
    assert "B CREATE_COMPLETE" in told(outcome)
    assert ("Create", "C") not in world.cloud.sent()
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert world.things.things == {}


def test_five_hundred(world: World) -> None:
    """Five hundred resources are created at the same time and each exactly once."""
    together = threading.Barrier(500, timeout=30)

    def meet(event: dict[str, Any]) -> Answer:
        together.wait()
        return world.things.handle(event)

    names = [f"T{n:03}" for n in range(500)]
    world.cloud.scripts = {("Create", name): meet for name in names}
    assert world.deploy(template(**{name: thing(name) for name in names})).ok
    assert world.things.names() == names


def test_one_of_five_fails(world: World) -> None:
    """When one of five resources fails, the other four are deleted in reverse order and nothing is left."""
    # GIVEN a chain of five things, the last of which has a name that is taken
    document = template(
        A=thing("a"),
        B=thing("b", depends_on=["A"]),
        C=thing("c", depends_on=["B"]),
        D=thing("d", depends_on=["C"]),
        E=thing("taken", depends_on=["D"]),
    )
    # WHEN it is deployed
    outcome = world.deploy(document)
    # THEN all is undone
    assert (outcome.status, outcome.ok) == ("ROLLBACK_COMPLETE", False)
    assert world.things.things == {}
    request_id = world.cloud.last("Create", "E")["RequestId"]
    failure = (
        "E CREATE_FAILED Received response status [FAILED] from custom resource. "
        f"Message returned: NameTaken: choose another name (RequestId: {request_id})"
    )
    lines = told(outcome)
    assert failure in lines
    assert lines[lines.index(failure) + 1] == (
        "demo ROLLBACK_IN_PROGRESS The following resource(s) failed to create: [E]. Rollback requested by user."
    )
    assert [name for kind, name in world.cloud.sent() if kind == "Delete"] == ["E", "D", "C", "B", "A"]
    # What failed is deleted by the id of its answer.
    assert world.cloud.last("Delete", "E")["PhysicalResourceId"] == "never-made"
    assert lines[-1] == "demo ROLLBACK_COMPLETE"


def test_cancelled_creation(world: World) -> None:
    """Running Creates are cancelled by a failure and get a Delete with an invented id while they still run."""
    # GIVEN a thing that fails when the other is under way, and one that goes on until its Delete has come
    running, deleted = threading.Event(), threading.Event()

    def slow(event: dict[str, Any]) -> Answer:
        running.set()
        assert deleted.wait(60)
        return world.things.handle(event)

    def fail(event: dict[str, Any]) -> Answer:
        assert running.wait(60)
        return answer(event, "none", Status="FAILED", Reason="no")

    def delete(event: dict[str, Any]) -> Answer:
        deleted.set()
        return answer(event, event["PhysicalResourceId"])

    world.cloud.scripts = {("Create", "Slow"): slow, ("Create", "Bad"): fail, ("Delete", "Slow"): delete}
    # WHEN both are deployed, with a third that waits for the slow one
    outcome = world.deploy(template(Slow=thing("slow"), Bad=thing("bad"), Never=thing("never", depends_on=["Slow"])))
    # THEN the slow one is cancelled, and the third was never begun
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert "Slow CREATE_FAILED Resource creation cancelled" in told(outcome)
    assert any("failed to create: [Bad, Slow]. Rollback requested by user." in line for line in told(outcome))
    assert ("Create", "Never") not in world.cloud.sent()
    event = world.cloud.last("Delete", "Slow")
    prefix, _, suffix = event["PhysicalResourceId"].rpartition("-")
    assert prefix == "demo-Slow"
    assert len(suffix) == 12
    assert suffix.isalnum()
    assert suffix == suffix.upper()
    # AND its late answer changes nothing but is noted
    world.engine.settle(60)
    (late,) = world.engine.observations
    assert (late.kind, late.event["LogicalResourceId"]) == ("late answer", "Slow")
    assert world.engine.store.stacks["demo"].status == "ROLLBACK_COMPLETE"


def test_rollback_failed(world: World) -> None:
    """When a Delete of the rollback fails, the stack says so and keeps what is left, and `delete` works later."""
    # GIVEN a thing that cannot be deleted, and one that fails
    world.cloud.scripts["Delete", "A"] = lambda event: answer(
        event, event["PhysicalResourceId"], Status="FAILED", Reason="busy"
    )
    outcome = world.deploy(template(A=thing("a"), B=thing("taken", depends_on=["A"])))
    # WHEN the creation is rolled back THEN it fails
    assert outcome.status == "ROLLBACK_FAILED"
    assert outcome.reason == "The following resource(s) failed to delete: [A]. "
    assert world.things.names() == ["a"]
    # AND the stack can be deleted when the service lets it
    world.cloud.scripts.clear()
    assert world.engine.delete("demo").ok
    assert world.things.things == {}


@pytest.mark.parametrize(("policy", "left"), [("Delete", []), ("Retain", ["a"]), ("RetainExceptOnCreate", [])])
def test_deletion_policy_in_rollback(world: World, policy: str, left: list[str]) -> None:
    """A rolled back creation keeps only what is declared Retain."""
    outcome = world.deploy(
        template(A=thing("a", attributes={"DeletionPolicy": policy}), B=thing("taken", depends_on=["A"]))
    )
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert world.things.names() == left
    assert ("A DELETE_SKIPPED" in told(outcome)) == bool(left)


def test_missing_attribute(world: World) -> None:
    """A Fn::GetAtt on Data that was not answered fails the resource that uses it, in CloudFormation's words."""
    outcome = world.deploy(template(A=thing("a"), B=thing("b", X={"Fn::GetAtt": ["A", "Colour"]})))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert any(
        "B CREATE_FAILED CustomResource attribute error: Vendor response doesn't contain Colour key in object arn:"
        in line
        for line in told(outcome)
    )
    assert ("Delete", "B") not in world.cloud.sent()


def test_missing_attribute_in_outputs(world: World) -> None:
    """A missing attribute in an output rolls the stack back."""
    outcome = world.deploy(template(A=thing("a"), outputs={"X": {"Value": {"Fn::GetAtt": ["A", "Colour"]}}}))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert world.things.things == {}


@pytest.mark.parametrize("properties", [{"ServiceTimeout": 0}, {"ServiceTimeout": 3601}, {"ServiceTimeout": "soon"}])
def test_service_timeout_bounds(world: World, properties: dict[str, Any]) -> None:
    """ServiceTimeout outside 1..3600 fails the resource before anything is called."""
    outcome = world.deploy(template(A=thing("a", **properties)))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert any("ServiceTimeout must be an integer from 1 to 3600" in line for line in told(outcome))
    assert world.cloud.events == []


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({}, "ServiceToken is required for a custom resource"),
        ({"ServiceToken": ""}, "ServiceToken must be the ARN of a function or a topic, not ''"),
        ({"ServiceToken": ["a", "b"]}, "ServiceToken must be the ARN of a function or a topic, not ['a', 'b']"),
        ({"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:x"}, "Function not found: arn:aws:lambda:"),
    ],
)
def test_no_service_token(world: World, properties: dict[str, Any], words: str) -> None:
    """A custom resource whose ServiceToken names no function fails with what was found, and gets no Delete."""
    outcome = world.deploy({"Resources": {"A": {"Type": "Custom::Thing", "Properties": properties}}})
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert any(words in line for line in told(outcome)), told(outcome)
    assert world.cloud.events == []


@pytest.mark.parametrize(("properties", "seconds"), [({}, 3600), ({"ServiceTimeout": "90"}, 90)])
def test_no_answer(timeless: World, properties: dict[str, Any], seconds: int) -> None:
    """A resource whose function never answers fails after ServiceTimeout, one hour if none is given."""
    # GIVEN a function that never answers Create
    timeless.cloud.scripts["Create", "A"] = lambda _: None
    assert timeless.clock is not None
    start = timeless.clock()
    # WHEN it is deployed
    outcome = timeless.deploy(template(A=thing("a", **properties)))
    # THEN CloudFormation waits exactly that long, and then deletes by an id of its own
    failed = next(event for event in outcome.events if event.resource_status == "CREATE_FAILED")
    assert (failed.timestamp - start).total_seconds() == seconds
    request_id = timeless.cloud.last("Create", "A")["RequestId"]
    assert failed.resource_status_reason.startswith(
        "CloudFormation did not receive a response from your Custom Resource. "
        f"Please check your logs for requestId [{request_id}]."
    )
    assert timeless.cloud.last("Delete", "A")["PhysicalResourceId"].startswith("demo-A-")


def test_wait_condition_handle(world: World) -> None:
    """A WaitConditionHandle needs no function; its Ref is a URL."""
    document = template(
        Handle={"Type": "AWS::CloudFormation::WaitConditionHandle"}, outputs={"Url": {"Value": {"Ref": "Handle"}}}
    )
    outcome = world.deploy(document)
    assert outcome.outputs["Url"].startswith("https://cloudformation-waitcondition-us-east-1.s3.")
    assert world.engine.delete("demo").ok
    assert world.cloud.events == []


def test_metadata_of_the_cdk(world: World) -> None:
    """The resource that the AWS CDK adds for its statistics is created, changed and deleted without any event."""
    document = template(CDKMetadata={"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "v2:one"}})
    assert world.deploy(document).ok
    document["Resources"]["CDKMetadata"]["Properties"]["Analytics"] = "v2:two"
    assert world.deploy(document).status == "UPDATE_COMPLETE"
    assert world.engine.delete("demo").ok
    assert world.cloud.events == []
