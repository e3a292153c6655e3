"""The cut-point matrix: each operation is interrupted at each of its calls, in each way that there is."""

from typing import Final

import pytest

from tests.matrices.injuries import INJURIES, can_happen
from tests.matrices.operations import OPERATIONS, finish, learn, prepare
from tests.matrices.survival import Record, survive
from tests.matrices.virtual import VirtualStage

UNAFFECTED: Final = ("delete", "disable", "clean up what was handed over")
MATRIX: Final = [
    pytest.param(operation, injury, id=f"{operation}, {injury}")
    for operation in OPERATIONS
    for injury in INJURIES
    # No call of these models DirectoryUnavailableException.
    if not (operation in UNAFFECTED and injury == "DirectoryUnavailable once")
]


@pytest.mark.parametrize(("operation", "injury"), MATRIX)
def test_every_cut_point_is_survived(stage: VirtualStage, record_property: Record, operation: str, injury: str) -> None:
    """However a call ends, the operation succeeds in the end and nothing is orphaned (contracts 13, 15, 19, 40)."""
    # GIVEN the calls that the operation makes when it is left alone
    scene = prepare(stage, OPERATIONS[operation])
    learned = learn(stage, scene)

    def interrupt(number: int) -> None:
        # WHEN one of them is interrupted, and the event delivered again as Lambda does
        scene.set_up(stage)
        event = scene.event(stage)
        INJURIES[injury](stage, event, number)
        answer = stage.deliver(event)
        # THEN the resource is exactly as declared, its Delete removes it, and nothing else was touched.
        finish(stage, scene, answer, learned)

    calls = {number: call for number, call in enumerate(learned.calls, 1) if can_happen(INJURIES[injury], call)}
    survive(calls, interrupt, record_property)
