"""CloudFormation gives an operation up at each of its calls, because a sibling has failed (contract 32)."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from tests.e2e.operations import INVENTED, OPERATIONS, check_as_before, check_nothing_left, learn, prepare
from tests.e2e.survival import Record, survive
from tests.harness import Sent, Stage
from workmail_rooms.sandbox.services import Answer, Call

#: Sends what CloudFormation sends instead.
Cancel = Callable[[], Sent]
#: Arranges the cancellation at the call of this number; the list gets what was sent.
Way = Callable[[Stage, Mapping[str, Any], int, Cancel], list[Sent]]

_LONG_ENOUGH: Final = 0.4


def overlapping(stage: Stage, _event: Mapping[str, Any], number: int, cancel: Cancel) -> list[Sent]:
    """Go on with the call as soon as the ledger knows of the cancellation, if it ever does."""
    sent: list[Sent] = []

    def act(_call: Call) -> None:
        sent.append(cancel())
        _wait(lambda: _cancelled(stage) or bool(sent[0].ended()))

    stage.interventions.before(act, nth=number)
    return sent


def far_ahead(stage: Stage, _event: Mapping[str, Any], number: int, cancel: Cancel) -> list[Sent]:
    """Answer the call only when the cancelling event has come as far as it can."""
    sent: list[Sent] = []

    def act(_call: Call) -> None:
        sent.append(cancel())
        _wait(lambda: _cancelled(stage) or bool(sent[0].ended()))
        _wait(lambda: bool(sent[0].ended()))

    stage.interventions.after(act, nth=number)
    return sent


def killed(stage: Stage, event: Mapping[str, Any], number: int, cancel: Cancel) -> list[Sent]:
    """End the function's process at the call; Lambda's next try and the cancelling event meet."""
    sent: list[Sent] = []

    def act(_call: Call) -> Answer:
        stage.kill(event)
        sent.append(cancel())
        return Answer(None)

    stage.interventions.before(act, nth=number)
    return sent


WAYS: Final[Mapping[str, Way]] = {"overlapping": overlapping, "far ahead": far_ahead, "killed": killed}


def _cancelled(stage: Stage) -> bool:
    return any(item["Entry"] == "cancelled" for item in stage.ledger())


def _wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONG_ENOUGH
    while time.monotonic() < end and not condition():
        time.sleep(0.01)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("operation", ["create with everything", "adopt"])
def test_contract_32_a_create_cancelled_at_any_call(
    stage: Stage, record_property: Record, operation: str, way: str
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
    stage: Stage, record_property: Record, operation: str, way: str
) -> None:
    """The reversed Update, sent during any call of an Update, ends with the old resource exactly as it was."""
    scene = prepare(stage, OPERATIONS[operation])
    learned = learn(stage, scene)
    # A reversed Update waits as long as a dead process may still be at work: until Lambda would have ended it.
    function = stage.variant("brief", timeout=2.0) if way == "killed" else None

    def interrupt(number: int) -> None:
        scene.set_up(stage)
        event = scene.event(stage, function)
        reversals = WAYS[way](stage, event, number, lambda: stage.send(scene.reversed_event(stage)))
        stage.deliver(event)
        answer = reversals[0].answer()
        assert (answer.status, answer.physical_id) == ("SUCCESS", scene.physical_id), answer.reason
        check_as_before(stage, scene)

    survive(dict(enumerate(learned.calls, 1)), interrupt, record_property)
