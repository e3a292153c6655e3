"""CloudFormation gives an operation up at each of its calls, because a sibling has failed (contract 32)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from tests.matrices.operations import INVENTED, OPERATIONS, check_as_before, check_nothing_left, learn, prepare
from tests.matrices.survival import Record, survive
from tests.matrices.virtual import Sent, VirtualStage
from workmail_rooms.sandbox.services import Answer, Call

#: Sends what CloudFormation sends instead.
Cancel = Callable[[], Sent]
#: Arranges the cancellation at the call of this number; the list gets what was sent.
Way = Callable[[VirtualStage, Mapping[str, Any], int, Cancel], list[Sent]]

#: Seconds, fewer than the function waits for a call's answer.
_LONG_ENOUGH: Final = 15.0


def overlapping(stage: VirtualStage, _event: Mapping[str, Any], number: int, cancel: Cancel) -> list[Sent]:
    """Go on with the call as soon as the ledger knows of the cancellation, if it ever does."""
    sent: list[Sent] = []

    def act(_call: Call) -> None:
        sent.append(cancel())
        stage.wait(lambda: _cancelled(stage) or sent[0].ended(), _LONG_ENOUGH)

    stage.interventions.before(act, nth=number)
    return sent


def far_ahead(stage: VirtualStage, _event: Mapping[str, Any], number: int, cancel: Cancel) -> list[Sent]:
    """Answer the call only when the cancelling event has come as far as it can."""
    sent: list[Sent] = []

    def act(_call: Call) -> None:
        sent.append(cancel())
        stage.wait(lambda: _cancelled(stage) or sent[0].ended(), _LONG_ENOUGH)
        stage.wait(sent[0].ended, _LONG_ENOUGH)

    stage.interventions.after(act, nth=number)
    return sent


def killed(stage: VirtualStage, event: Mapping[str, Any], number: int, cancel: Cancel) -> list[Sent]:
    """End the function's process at the call; Lambda's next try and the cancelling event meet."""
    sent: list[Sent] = []

    def act(_call: Call) -> Answer:
        stage.kill(event)
        sent.append(cancel())
        return Answer(None)

    stage.interventions.before(act, nth=number)
    return sent


WAYS: Final[Mapping[str, Way]] = {"overlapping": overlapping, "far ahead": far_ahead, "killed": killed}


def _cancelled(stage: VirtualStage) -> bool:
    return any(item.get("CreatesVoidUntil") or item.get("Superseded", "[]") != "[]" for item in stage.ledger())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "operation", ["create with everything", "adopt", "hand over", "take over from a stack that has gone"]
)
def test_contract_32_a_create_cancelled_at_any_call(
    stage: VirtualStage, record_property: Record, operation: str, way: str
) -> None:
    """A Delete of an invented id, sent during any call of a Create, ends with nothing of it left."""
    scene = prepare(stage, OPERATIONS[operation])
    learned = learn(stage, scene)

    def interrupt(number: int) -> None:
        scene.set_up(stage)
        event = scene.event(stage)
        deletes = WAYS[way](stage, event, number, lambda: stage.send(scene.delete_event(stage, INVENTED)))
        created = stage.deliver(event)
        deleted = deletes[0].answer()
        assert deleted.succeeded, deleted.reason
        check_nothing_left(stage, scene)
        # A later genuine Create is not blocked, and a late copy of the cancelled one makes nothing.
        assert created.succeeded or created.reason.startswith("Cancelled:"), created.reason
        assert not stage.deliver(event).succeeded
        check_nothing_left(stage, scene)

    survive(dict(enumerate(learned.calls, 1)), interrupt, record_property)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", ["update in place", "replacement"])
def test_contract_25_an_update_cancelled_at_any_call(
    stage: VirtualStage, record_property: Record, operation: str, way: str
) -> None:
    """The reversed Update, sent during any call of an Update, ends with the old resource exactly as it was."""
    scene = prepare(stage, OPERATIONS[operation])
    learned = learn(stage, scene)

    def interrupt(number: int) -> None:
        scene.set_up(stage)
        event = scene.event(stage)
        reversals = WAYS[way](stage, event, number, lambda: stage.send(scene.reversed_event(stage)))
        stage.deliver(event)
        answer = reversals[0].answer()
        assert (answer.status, answer.physical_id) == ("SUCCESS", scene.physical_id), answer.reason
        check_as_before(stage, scene)

    survive(dict(enumerate(learned.calls, 1)), interrupt, record_property)
