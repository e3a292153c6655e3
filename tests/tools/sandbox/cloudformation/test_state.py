import json
from collections.abc import Callable

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing
from tests.tools.sandbox.cloudformation.world import World
from workmail_rooms.sandbox.cloudformation import StackStore, ValidationError


def test_round_trip(world: World) -> None:
    """The state survives JSON unchanged."""
    world.deploy(template(A=thing("a", Flag=True), outputs={"O": {"Value": "v", "Export": {"Name": "E"}}}))
    world.deploy(template(B=thing("taken")), stack="failed")
    state = json.loads(json.dumps(world.engine.store.export_state()))
    assert StackStore.import_state(state) == world.engine.store
    assert StackStore.import_state({}) == StackStore()


def test_another_process_goes_on(world: World, make_world: Callable[..., World]) -> None:
    """An engine over an imported state updates and deletes what another one created."""
    # GIVEN a stack of one engine
    document = template(A=thing("a", Kind="x"), outputs={"Name": {"Value": {"Fn::GetAtt": "A.Name"}}})
    first = world.deploy(document)
    # WHEN another one goes on with its state
    later = make_world(store=StackStore.import_state(world.engine.store.export_state()))
    # THEN it knows everything
    assert later.deploy(document).changed is False
    changed = later.deploy(template(A=thing("b", Kind="x")))
    assert changed.stack_id == first.stack_id
    assert later.cloud.last("Update", "A")["PhysicalResourceId"] == "thing-1"
    assert later.engine.delete("demo").ok


@pytest.mark.parametrize("name", ["1demo", "de_mo", "", "x" * 129])
def test_stack_name(world: World, name: str) -> None:
    """A stack name that CloudFormation refuses is refused."""
    with pytest.raises(ValidationError, match=r"at 'stackName' failed to satisfy constraint"):
        world.deploy(template(A=thing("a")), stack=name)
