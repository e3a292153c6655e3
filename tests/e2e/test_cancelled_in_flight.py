"""CloudFormation gives an operation up at each of its calls, because a sibling has failed (contract 32)."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest

from tests.e2e.operations import INVENTED, OPERATIONS, check_as_before, check_nothing_left, learn, prepare
from tests.e2e.survival import Record, survive
from tests.harness import Answer, Sent, Stage
from tests.harness.timeless import Timeless
from workmail_rooms.sandbox.services import Call

#: Makes the event that CloudFormation sends instead.
Cancel = Callable[[], Mapping[str, Any]]
#: Delivers the event with its cancellation at the call of this number; returns the answers to both.
Way = Callable[[Stage, Mapping[str, Any], int, Cancel], tuple[Answer, Answer]]

_LONG_ENOUGH: Final = 0.4


def overlapping(stage: Stage, event: Mapping[str, Any], number: int, cancel: Cancel) -> tuple[Answer, Answer]:
    """Go on with the call as soon as the ledger knows of the cancellation, if it ever does."""
    sent: list[Sent] = []

    def act(_call: Call) -> None:
        sent.append(stage.send(cancel()))
        _wait(lambda: _cancelled(stage) or bool(sent[0].ended()))

    stage.interventions.before(act, nth=number)
    return stage.deliver(event), sent[0].answer()


def far_ahead(stage: Stage, event: Mapping[str, Any], number: int, cancel: Cancel) -> tuple[Answer, Answer]:
    """Answer the call only when the cancelling event has come as far as it can."""
    sent: list[Sent] = []

    def act(_call: Call) -> None:
        sent.append(stage.send(cancel()))
        _wait(lambda: _cancelled(stage) or bool(sent[0].ended()))
        _wait(lambda: bool(sent[0].ended()))

    stage.interventions.after(act, nth=number)
    return stage.deliver(event), sent[0].answer()


def killed(stage: Stage, event: Mapping[str, Any], number: int, cancel: Cancel) -> tuple[Answer, Answer]:
    """Let the worker die at the call; Lambda's next try comes while the cancelling event waits, in virtual time."""
    play = Timeless(stage)
    play.dies(event, None, number, when="before")
    tries: list[Answer] = []
    play.at_next_wait(lambda: tries.append(play.deliver(event)))
    cancelled = play.deliver(cancel())
    return (tries or [play.deliver(event)])[0], cancelled


WAYS: Final[Mapping[str, Way]] = {"overlapping": overlapping, "far ahead": far_ahead, "killed": killed}


def _cancelled(stage: Stage) -> bool:
    return any(item.get("CreatesVoidUntil") or item.get("Superseded", "[]") != "[]" for item in stage.ledger())


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
        created, deleted = WAYS[way](stage, event, number, lambda: scene.delete_event(stage, INVENTED))
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

    def interrupt(number: int) -> None:
        scene.set_up(stage)
        event = scene.event(stage)
        _, answer = WAYS[way](stage, event, number, lambda: scene.reversed_event(stage))
        assert (answer.status, answer.physical_id) == ("SUCCESS", scene.physical_id), answer.reason
        check_as_before(stage, scene)

    survive(dict(enumerate(learned.calls, 1)), interrupt, record_property)
