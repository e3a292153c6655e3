"""What counts as standing in the way of an event."""

from types import SimpleNamespace
from typing import Any

import pytest

from tests.simulation.obstacles import obstacle
from tests.simulation.workmail import EXAMPLE
from tests.simulation.world import BEGINNING, Story, World


@pytest.mark.parametrize(("giver", "at", "counts"), [("two", 1, True), ("two", -1, False), ("one", 1, False)])
def test_a_name_that_becomes_free_while_an_event_looks(giver: str, at: int, *, counts: bool) -> None:
    """ADOPT may be refused a name that another stack gives up meanwhile, and none that was given up before (57)."""
    world = World(Story(1, ()))
    world.checks.given_up_names[EXAMPLE, "oak"] = ((giver, "A"), BEGINNING + at)
    properties = {"OrganizationId": EXAMPLE, "Name": "Oak", "Type": "ROOM", "ExistingResource": "ADOPT"}
    event = {"RequestType": "Create", "StackId": "one", "LogicalResourceId": "B", "ResourceProperties": properties}
    request: Any = SimpleNamespace(event=event, kind="create", sent_at=BEGINNING)

    assert bool(obstacle(world, request)) is counts
