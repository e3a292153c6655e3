"""Nested stacks: created, updated and deleted with their parent, and brought back with it."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import Answer, World, answer
from workmail_rooms.sandbox.cloudformation import Outcome, Stack, StackEvent, ValidationError


def child(name: Any = "child", *, parameters: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
    """Return a nested stack of the template file ``child.json``."""
    properties: dict[str, Any] = {"TemplateURL": "child.json", "Parameters": {"Name": name, **(parameters or {})}}
    return {"Type": "AWS::CloudFormation::Stack", "Properties": properties, **attributes}


def child_template(**more: Any) -> dict[str, Any]:
    """Return the template of the nested stack: one thing, and its id and name as outputs."""
    outputs = {"Id": {"Value": {"Ref": "Inner"}}, "Name": {"Value": {"Ref": "Name"}}}
    inner = thing("", Kind={"Ref": "Kind"})
    inner["Properties"]["Name"] = {"Ref": "Name"}
    return {
        "Parameters": {"Name": {"Type": "String"}, "Kind": {"Type": "String", "Default": "plain"}},
        **template(Inner=inner, outputs=outputs, **more),
    }


@pytest.fixture(autouse=True)
def child_file(world: World) -> None:
    """Write the nested template."""
    world.write(child_template(), "child.json")


def stack_of(world: World, logical_id: str = "Child") -> Stack:
    """Return the nested stack."""
    found = world.engine.store.last(world.engine.store.stacks["demo"].resources[logical_id].physical_id)
    assert found is not None
    return found


def events_of(world: World, logical_id: str = "Child") -> list[str]:
    """Return the events of every nested stack that a resource ever was."""
    names = [name for name in world.engine.store.stacks if name.startswith(f"demo-{logical_id}-")]
    return [line for name in names for line in told(world.engine.store.stacks[name].events)]


def masked(outcome: Outcome) -> list[str]:
    """Return a parent's events without the ids of nested stacks."""
    ids = [event.physical_resource_id for event in outcome.events if event.logical_resource_id != "demo"]
    lines = told(outcome)
    for stack_id in filter(None, ids):
        lines = [line.replace(stack_id, "<id>") for line in lines]
    return lines


def test_creation(world: World) -> None:
    """A nested stack is created with its parameters; Ref is its id and Fn::GetAtt gives its outputs."""
    # GIVEN a parent whose own resource needs an output of its nested stack
    document = template(
        Child=child(),
        After=thing({"Fn::Sub": "after-${Child.Outputs.Id}"}),  # type: ignore[arg-type] # an expression
        outputs={"Child": {"Value": {"Ref": "Child"}}, "Inner": {"Value": {"Fn::GetAtt": "Child.Outputs.Id"}}},
    )
    # WHEN it is deployed
    outcome = world.deploy(document)
    # THEN both are there, in order, and the nested stack tells its own events
    nested = stack_of(world)
    assert outcome.ok
    assert outcome.outputs == {"Child": nested.stack_id, "Inner": "thing-1"}
    assert world.things.names() == ["after-thing-1", "child"]
    assert nested.name.startswith("demo-Child-")
    assert nested.parent_id == outcome.stack_id
    assert masked(outcome)[:4] == [
        "demo CREATE_IN_PROGRESS User Initiated",
        "Child CREATE_IN_PROGRESS",
        "Child CREATE_IN_PROGRESS Resource creation Initiated",
        "Child CREATE_COMPLETE",
    ]
    assert told(nested.events) == [
        f"{nested.name} CREATE_IN_PROGRESS User Initiated",
        "Inner CREATE_IN_PROGRESS",
        "Inner CREATE_IN_PROGRESS Resource creation Initiated",
        "Inner CREATE_COMPLETE",
        f"{nested.name} CREATE_COMPLETE",
    ]
    assert world.cloud.last("Create", "Inner")["StackId"] == nested.stack_id
    assert {event.stack_name for event in world.seen} == {"demo", nested.name}


def test_siblings_at_once(world: World) -> None:
    """Nested stacks that do not depend on each other, and resources beside them, are created at the same time."""
    together = threading.Barrier(3, timeout=60)

    def meet(event: dict[str, Any]) -> Answer:
        together.wait()
        return world.things.handle(event)

    world.cloud.scripts = {("Create", "Inner"): meet, ("Create", "Beside"): meet}
    assert world.deploy(template(One=child("one"), Two=child("two"), Beside=thing("beside"))).ok
    assert world.things.names() == ["beside", "one", "two"]


def test_a_stack_in_a_stack_in_a_stack(world: World) -> None:
    """A nested template is found relative to the template that names it, and may nest another one."""
    # GIVEN templates in folders
    folder = world.write(template(), "x").parent / "deep" / "deeper"
    folder.mkdir(parents=True)
    (folder / "leaf.json").write_text(json.dumps(child_template()))
    middle = template(
        Leaf={**child("leaf"), "Properties": {"TemplateURL": "deeper/leaf.json", "Parameters": {"Name": "x"}}}
    )
    (folder.parent / "middle.json").write_text(json.dumps(middle))
    outer = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "./deep/middle.json"}}
    # WHEN the outermost is deployed, and deleted
    assert world.deploy(template(Outer=outer)).ok
    assert world.things.names() == ["x"]
    assert sorted(name.count("-") for name in world.engine.store.stacks) == [0, 2, 4]
    assert world.engine.delete("demo").ok
    # THEN nothing is left
    assert world.things.names() == []
    assert {stack.status for stack in world.engine.store.stacks.values()} == {"DELETE_COMPLETE"}


def test_nothing_to_update(world: World) -> None:
    """An unchanged parent with an unchanged nested template has nothing to update; a changed nested template has."""
    world.deploy(template(Child=child()))
    assert world.deploy(template(Child=child())).changed is False
    world.write(child_template(Second=thing("second")), "child.json")
    outcome = world.deploy(template(Child=child()))
    assert (outcome.status, outcome.changed) == ("UPDATE_COMPLETE", True)
    assert world.things.names() == ["child", "second"]


def test_update(world: World) -> None:
    """A changed parameter updates the nested stack and what uses its outputs; siblings stay as they are."""
    world.deploy(template(Child=child("a"), Other=child("other"), After=thing({"Fn::GetAtt": "Child.Outputs.Name"})))  # type: ignore[arg-type] # an expression
    sent = len(world.cloud.events)
    outcome = world.deploy(
        template(Child=child("b"), Other=child("other"), After=thing({"Fn::GetAtt": "Child.Outputs.Name"}))  # type: ignore[arg-type] # an expression
    )
    assert outcome.ok
    assert world.cloud.sent()[sent:] == [("Update", "Inner"), ("Update", "After")]
    assert world.things.names() == ["b", "b", "other"]
    assert masked(outcome) == [
        "demo UPDATE_IN_PROGRESS User Initiated",
        "Child UPDATE_IN_PROGRESS",
        "Child UPDATE_COMPLETE",
        "After UPDATE_IN_PROGRESS",
        "After UPDATE_COMPLETE",
        "demo UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "demo UPDATE_COMPLETE",
    ]
    assert stack_of(world).status == "UPDATE_COMPLETE"
    assert stack_of(world, "Other").status == "CREATE_COMPLETE"


def test_clean_up_waits_for_the_parent(world: World) -> None:
    """What a nested stack has replaced is deleted only when the parent's update has succeeded."""
    world.deploy(template(Child=child()))
    after = thing("after", depends_on=["Child"])
    assert world.deploy(template(Child=child(parameters={"Kind": "new"}), After=after)).ok
    assert world.cloud.sent()[1:] == [("Update", "Inner"), ("Create", "After"), ("Delete", "Inner")]
    assert sorted(world.things.things) == ["thing-2", "thing-3"]


def test_rollback_of_an_updated_child(world: World) -> None:
    """When the parent fails after its nested stack was updated, the nested stack goes back, with its outputs."""
    # GIVEN a nested stack
    first = world.deploy(template(Child=child("old"), outputs={"N": {"Value": {"Fn::GetAtt": "Child.Outputs.Name"}}}))
    # WHEN it is replaced inside, gets another resource, and the parent fails then
    world.write(child_template(Second=thing("second")), "child.json")
    failing = thing("taken", depends_on=["Child"])
    outcome = world.deploy(template(Child=child("new", parameters={"Kind": "new"}), Bad=failing))
    # THEN everything is as it was
    nested = stack_of(world)
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert outcome.outputs == first.outputs == {"N": "old"}
    assert world.things.names() == ["old"]
    assert (nested.status, nested.parameters["Name"], nested.outputs["Name"]) == (
        "UPDATE_ROLLBACK_COMPLETE",
        "old",
        "old",
    )
    assert [line for line in told(nested.events) if line.startswith(nested.name)] == [
        f"{nested.name} CREATE_IN_PROGRESS User Initiated",
        f"{nested.name} CREATE_COMPLETE",
        f"{nested.name} UPDATE_IN_PROGRESS User Initiated",
        f"{nested.name} UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        f"{nested.name} UPDATE_ROLLBACK_IN_PROGRESS",
        f"{nested.name} UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        f"{nested.name} UPDATE_ROLLBACK_COMPLETE",
    ]


def test_failed_update_of_a_child(world: World) -> None:
    """A failed update in a nested stack rolls both back, and the parent's event says what the nested stack is doing."""
    world.deploy(template(Child=child("old"), Beside=thing("beside")))
    outcome = world.deploy(template(Child=child("taken"), Beside=thing("changed")))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        "Child UPDATE_FAILED Embedded stack <id> was not successfully updated. Currently in "
        "UPDATE_ROLLBACK_IN_PROGRESS with reason: The following resource(s) failed to update: [Inner]. "
        in [f"{line} " for line in masked(outcome)]
    )
    assert world.things.names() == ["beside", "old"]
    assert stack_of(world).status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.deploy(template(Child=child("new"), Beside=thing("beside"))).ok


def test_failed_creation_of_a_child(world: World) -> None:
    """A nested stack that cannot be created is deleted with the rollback of its parent."""
    document = child_template(Good=thing("good"))
    document["Resources"]["Inner"]["DependsOn"] = "Good"
    world.write(document, "child.json")
    outcome = world.deploy(template(Child=child("taken")))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert (
        "Child CREATE_FAILED Embedded stack <id> was not successfully created: The following resource(s) failed to "
        "create: [Inner]." in masked(outcome)
    )
    assert world.things.names() == []
    (name,) = {event.stack_name for event in world.seen} - {"demo"}
    own = [line.removeprefix(f"{name} ") for line in events_of(world) if line.startswith(name)]
    assert own == [
        "CREATE_IN_PROGRESS User Initiated",
        "CREATE_FAILED The following resource(s) failed to create: [Inner].",
        "DELETE_IN_PROGRESS User Initiated",
        "DELETE_COMPLETE",
    ]


def test_cancelled_creation(world: World) -> None:
    """When a sibling fails, a nested stack's creation is cancelled, inside too, and what it made is deleted."""
    # GIVEN a nested stack whose second resource never answers
    silent = threading.Event()
    world.write(
        child_template(Slow=thing("slow", depends_on=["Inner"]), Later=thing("l", depends_on=["Slow"])), "child.json"
    )

    def wait(_: dict[str, Any]) -> Answer:
        silent.set()
        return None

    def fail(event: dict[str, Any]) -> Answer:
        assert silent.wait(5)
        return answer(event, "bad", Status="FAILED", Reason="broken")

    world.cloud.scripts = {("Create", "Slow"): wait, ("Create", "Bad"): fail}
    # WHEN the sibling fails meanwhile
    outcome = world.deploy(template(Child=child(), Bad=thing("bad")))
    # THEN nothing is left, and what was not begun was never begun
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert "Child CREATE_FAILED Resource creation cancelled" in told(outcome)
    assert "Slow CREATE_FAILED Resource creation cancelled" in events_of(world)
    assert world.things.names() == []
    assert ("Create", "Later") not in world.cloud.sent()
    assert world.cloud.last("Delete", "Slow")["PhysicalResourceId"].startswith("demo-Child-")
    assert world.engine.store.stacks["demo"].resources == {}


def test_cancelled_update(world: World) -> None:
    """When a sibling fails, a nested stack's update is cancelled, and rolled back when that has ended."""
    world.deploy(template(Child=child("old")))
    begun = threading.Event()

    def wait(event: dict[str, Any]) -> Answer:
        if event["ResourceProperties"]["Name"] == "old":
            return world.things.handle(event)
        begun.set()
        return None

    def fail(event: dict[str, Any]) -> Answer:
        assert begun.wait(5)
        return answer(event, "bad", Status="FAILED", Reason="broken")

    world.cloud.scripts = {("Update", "Inner"): wait, ("Create", "Bad"): fail}
    outcome = world.deploy(template(Child=child("new"), Bad=thing("bad")))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "Child UPDATE_FAILED Resource update cancelled" in told(outcome)
    assert "Inner UPDATE_FAILED Resource update cancelled" in events_of(world)
    assert world.things.names() == ["old"]
    assert stack_of(world).status == "UPDATE_ROLLBACK_COMPLETE"


def test_a_child_that_comes_and_goes(world: World) -> None:
    """A nested stack that a later template adds is created, and one that it drops is deleted in the clean-up."""
    world.deploy(template(Child=child("first")))
    assert world.deploy(template(Other=child("second"))).ok
    assert world.things.names() == ["second"]
    assert [stack.status for stack in world.engine.store.stacks.values() if "-Child-" in stack.name] == [
        "DELETE_COMPLETE"
    ]


def test_deletion(world: World) -> None:
    """Deleting the parent deletes what is nested; a failure is told in the parent's event, and can be repeated."""
    world.deploy(template(Child=child()))
    world.cloud.scripts["Delete", "Inner"] = lambda event: answer(
        event, event["PhysicalResourceId"], Status="FAILED", Reason="busy"
    )
    outcome = world.engine.delete("demo")
    assert outcome.status == "DELETE_FAILED"
    assert (
        "Child DELETE_FAILED Embedded stack <id> was not successfully deleted: The following resource(s) failed to "
        "delete: [Inner]." in masked(outcome)
    )
    del world.cloud.scripts["Delete", "Inner"]
    assert world.engine.delete("demo").ok
    assert world.things.names() == []


def test_retained(world: World) -> None:
    """DeletionPolicy Retain leaves a nested stack alive when its parent is deleted."""
    world.deploy(template(Child=child(DeletionPolicy="Retain")))
    nested = stack_of(world)
    assert world.engine.delete("demo").ok
    assert world.things.names() == ["child"]
    assert world.engine.delete(nested.name).ok
    assert world.things.names() == []


def test_exports_between_children(world: World) -> None:
    """One nested stack imports what another one exports, and is deleted before it."""
    exporting = child_template()
    exporting["Outputs"]["Id"]["Export"] = {"Name": {"Fn::Sub": "${AWS::StackName}-Id"}}
    exporting["Outputs"]["Export"] = {"Value": {"Fn::Sub": "${AWS::StackName}-Id"}}
    world.write(exporting, "child.json")
    importing = template(From=thing("from", Id={"Fn::ImportValue": {"Ref": "Export"}}))
    importing["Parameters"] = {"Export": {"Type": "String"}}
    world.write(importing, "importing.json")
    user = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": "importing.json",
            "Parameters": {"Export": {"Fn::GetAtt": "Child.Outputs.Export"}},
        },
    }
    assert world.deploy(template(Child=child(), User=user)).ok
    assert world.cloud.last("Create", "From")["ResourceProperties"]["Id"] == "thing-1"
    # WHEN the exporting one is deleted by itself THEN it is refused, and with its parent it is not
    assert "is in use by demo-User-" in world.engine.delete(stack_of(world).name).reason
    assert world.engine.delete("demo").ok
    assert world.things.names() == []


def test_a_child_deleted_by_itself(world: World) -> None:
    """A nested stack that somebody has deleted makes the parent's update fail and its deletion succeed."""
    world.deploy(template(Child=child("old")))
    assert world.engine.delete(stack_of(world).name).ok
    outcome = world.deploy(template(Child=child("new")))
    assert outcome.status == "UPDATE_ROLLBACK_COMPLETE"
    assert "Child UPDATE_FAILED Stack with id <id> does not exist" in masked(outcome)
    assert world.engine.delete("demo").ok


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"TemplateURL": "https://s3.amazonaws.com/b/k.template"}, "needs AWS. Here it is a path, relative to"),
        # As the CDK writes it for its nested stacks.
        (
            {"TemplateURL": {"Fn::Sub": "https://s3.${AWS::Region}.${AWS::URLSuffix}/cdk/x.json"}},
            "needs AWS. Here it is",
        ),
        ({"TemplateURL": {"Fn::Sub": "no-${AWS::Region}.json"}}, "there is no file"),
        (
            {"TemplateURL": "nowhere.json"},
            r"nowhere.json of .*template.yaml: there is no file .*nowhere.json",
        ),
    ],
)
def test_no_such_template(world: World, properties: dict[str, Any], message: str) -> None:
    """A nested template that is not there is refused before anything is created."""
    with pytest.raises(ValidationError, match=message):
        world.deploy(template(Child={"Type": "AWS::CloudFormation::Stack", "Properties": properties}, A=thing("a")))
    assert world.cloud.events == []


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({}, "Property TemplateURL cannot be empty."),
        ({"TemplateURL": {"Ref": "AWS::NoValue"}}, "Property TemplateURL cannot be empty."),
        ({"TemplateURL": "child.json", "TemplateBody": "{}"}, "Encountered unsupported property TemplateBody"),
        ({"TemplateURL": "child.json"}, "Parameters: [Name] must have values"),
        ({"TemplateURL": "child.json", "Parameters": {"Nmae": "x"}}, "Parameters: [Nmae] do not exist in the template"),
        (
            {"TemplateURL": "child.json", "Parameters": {"Name": ["x"]}},
            "Value of property Parameters must be an object with String (or simple type) properties",
        ),
        ({"TemplateURL": "child.json", "TimeoutInMinutes": "soon"}, "TimeoutInMinutes must be a positive integer"),
        (
            {"TemplateURL": {"Fn::Sub": "no-${A}.json"}, "Parameters": {}},
            "there is no file",
        ),
        ({"TemplateURL": "broken.json"}, "At least one Resources member must be defined"),
    ],
)
def test_refusals(world: World, properties: dict[str, Any], message: str) -> None:
    """What CloudFormation refuses of a nested stack fails its creation, and the parent is rolled back."""
    world.write("Resources: {}", "broken.json")
    body = {"Type": "AWS::CloudFormation::Stack", "Properties": properties}
    outcome = world.deploy(template(Child=body, A=thing("a")))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert any("Child CREATE_FAILED" in line and message in line for line in told(outcome)), told(outcome)
    assert world.things.names() == []


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("Outputs.Nothing", "Template error: Output 'Nothing' not found in stack '<id>'"),
        ("Name", "Template error: resource Child does not support attribute type Name in Fn::GetAtt"),
    ],
)
def test_no_such_output(world: World, attribute: str, message: str) -> None:
    """An output that the nested stack does not have fails what asks for it."""
    outcome = world.deploy(template(Child=child(), A=thing("a", X={"Fn::GetAtt": ["Child", attribute]})))
    assert f"A CREATE_FAILED {message}" in masked(outcome)
    assert outcome.status == "ROLLBACK_COMPLETE"


def test_a_template_that_nests_itself(world: World) -> None:
    """A template without end fails, and leaves nothing."""
    world.write(
        template(Again={"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x.json"}}), "x.json"
    )
    outcome = world.deploy(template(X={"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x.json"}}))
    assert outcome.status == "ROLLBACK_COMPLETE"
    lines = [line for stack in world.engine.store.stacks.values() for line in told(stack.events)]
    assert any("Does its template nest itself?" in line for line in lines)
    assert {stack.status for stack in world.engine.store.stacks.values()} == {"ROLLBACK_COMPLETE", "DELETE_COMPLETE"}


def test_long_names(world: World) -> None:
    """The name of a nested stack has at most 128 characters, whatever its parent and its logical id are called."""
    outcome = world.deploy(template(**{"C" * 100: child()}), stack="s" * 100)
    assert outcome.ok
    assert sorted(map(len, world.engine.store.stacks)) == [100, 128]


def test_what_was_nested_is_forgotten(world: World) -> None:
    """When a stack's name is used again, the deleted stacks that were nested in it are forgotten."""
    for _ in range(2):
        world.deploy(template(Child=child()))
        world.engine.delete("demo")
    assert len(world.engine.store.stacks) == 2


def test_interrupted(make_world: Callable[..., World]) -> None:
    """When a deployment is interrupted, closing the engine ends what goes on in nested stacks; all can be deleted."""
    begun = threading.Event()

    def hang(_: dict[str, Any]) -> Answer:
        begun.set()
        return None

    def after(event: dict[str, Any]) -> Answer:
        assert begun.wait(5)
        return world.things.handle(event)

    def interrupt(event: StackEvent) -> None:
        if (event.logical_resource_id, event.resource_status) == ("Beside", "CREATE_COMPLETE"):
            raise KeyboardInterrupt

    # GIVEN a user who presses Ctrl-C while a resource of a nested stack is created
    world = make_world(on_event=interrupt)
    world.cloud.scripts["Create", "Inner"] = hang
    world.cloud.scripts["Create", "Beside"] = after
    with pytest.raises(KeyboardInterrupt):
        world.deploy(template(Child=child(), Beside=thing("beside")))
    # WHEN the engine is closed
    world.engine.close()
    # THEN nothing runs any more, and whatever was begun has an id to be deleted by
    nested = stack_of(world)
    assert nested.status == "CREATE_FAILED"
    assert nested.resources["Inner"].physical_id.startswith(nested.name)
    again = make_world(store=world.engine.store)
    assert again.engine.delete("demo").ok
    assert sorted(again.cloud.sent()) == [("Delete", "Beside"), ("Delete", "Inner")]
