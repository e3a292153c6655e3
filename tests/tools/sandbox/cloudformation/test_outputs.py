from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import World, answer
from workmail_rooms.sandbox.cloudformation import ValidationError


def exporting(value: Any = "v", name: str = "shared") -> dict[str, Any]:
    """Return a template that exports a value."""
    return template(A=thing("a"), outputs={"O": {"Value": value, "Export": {"Name": name}}})


def importing() -> dict[str, Any]:
    """Return a template that imports it."""
    return template(B=thing("b", From={"Fn::ImportValue": "shared"}))


def test_export_name_taken(world: World) -> None:
    """An export's name belongs to one stack; the second one is rolled back."""
    world.deploy(exporting(), stack="one")
    outcome = world.deploy(exporting(), stack="two")
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert (
        "two ROLLBACK_IN_PROGRESS Export with name shared is already exported by stack one. Rollback requested by user."
        in told(outcome)
    )
    assert outcome.outputs == {}
    assert world.deploy(exporting(), stack="one").changed is False


def test_export_in_use(world: World) -> None:
    """An export in use can neither be changed nor deleted; when its user is gone it can."""
    world.deploy(exporting("v"), stack="one")
    world.deploy(importing(), stack="two")
    world.deploy(importing(), stack="three")
    changed = world.deploy(exporting("w"), stack="one")
    assert changed.status == "UPDATE_ROLLBACK_COMPLETE"
    assert any("Export shared cannot be updated as it is in use by two, three" in line for line in told(changed))
    assert changed.outputs == {"O": "v"}
    deleted = world.engine.delete("one")
    # The deletion is refused, and the status stays.
    assert (deleted.status, deleted.ok, deleted.events) == ("UPDATE_ROLLBACK_COMPLETE", False, ())
    assert deleted.reason == "Delete canceled. Cannot delete export shared as it is in use by two, three."
    assert world.engine.delete("two").ok
    assert world.engine.delete("three").ok
    assert world.engine.delete("one").ok


def test_export_of_a_deleted_stack(world: World) -> None:
    """A deleted stack's exports are gone."""
    world.deploy(exporting(), stack="one")
    world.engine.delete("one")
    with pytest.raises(ValidationError, match="No export named shared found"):
        world.deploy(importing(), stack="two")


def test_no_echo(world: World) -> None:
    """Data of an answer with NoEcho is masked in outputs and in no event, and still works in other resources."""
    world.cloud.scripts["Create", "A"] = lambda event: answer(event, "a", Data={"Key": "secret"}, NoEcho=True)
    document = template(
        A=thing("a"),
        B=thing("b", X={"Fn::GetAtt": "A.Key"}),
        outputs={"Key": {"Value": {"Fn::Sub": "key ${A.Key}"}}, "B": {"Value": {"Ref": "B"}}},
    )
    outcome = world.deploy(document)
    assert outcome.outputs == {"Key": "****", "B": "thing-1"}
    assert world.cloud.last("Create", "B")["ResourceProperties"]["X"] == "secret"
    assert not any("secret" in repr(event) for event in outcome.events)


def test_output_must_be_a_string(world: World) -> None:
    """A list as an output's value rolls the stack back."""
    document = template(A=thing("a"), outputs={"O": {"Value": {"Fn::Split": [",", "a,b"]}}})
    outcome = world.deploy(document)
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert any("The Value field of output O must evaluate to a string" in line for line in told(outcome))


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ({"Value": "", "Export": {"Name": "x"}}, "Cannot export output O. Exported values must not be empty or wh"),
        ({"Value": " \n", "Export": {"Name": "x"}}, "must not be empty or whitespace-only."),
        ({"Value": "x" * 1025, "Export": {"Name": "x"}}, "O with length 1025. Max length of 1024 exceeded."),
        ({"Value": "x", "Export": {"Name": "a b"}}, "must have 1 to 255 letters, digits, colons or hyphens"),
        ({"Value": "x", "Export": {"Name": ""}}, "must have 1 to 255 letters"),
        ({"Value": "x", "Export": {"Name": "x" * 256}}, "must have 1 to 255 letters"),
    ],
)
def test_export_refused(world: World, output: dict[str, Any], message: str) -> None:
    """An export has a value that is neither empty nor too long, and a name of the allowed characters."""
    outcome = world.deploy(template(A=thing("a"), outputs={"O": output}))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert any(message in line for line in told(outcome)), told(outcome)


@pytest.mark.parametrize(
    "name", [{"Fn::GetAtt": "A.Name"}, {"Ref": "A"}, {"Fn::Sub": "x-${A}"}, {"Fn::ImportValue": "y"}]
)
def test_export_name_of_a_resource(world: World, name: Any) -> None:
    """An export's name cannot come from a resource or from another export."""
    with pytest.raises(
        ValidationError, match=r"Output O is malformed\. The Name field of Export must not depend on any"
    ):
        world.deploy(template(A=thing("a"), outputs={"O": {"Value": "x", "Export": {"Name": name}}}))
