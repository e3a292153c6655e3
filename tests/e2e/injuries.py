"""What can happen to one call of a function, and to the function while it makes that call."""

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from tests.harness import Answer, Stage
from tests.harness.timeless import Timeless
from workmail_rooms.sandbox.services import Call
from workmail_rooms.sandbox.workmail.service_model import modelled_errors

#: Delivers the event, with the injury to its call of this number (from 1 on), and again as Lambda does.
Injury = Callable[[Stage, Mapping[str, Any], int], Answer]


def _killed(stage: Stage, event: Mapping[str, Any], number: int, when: Literal["before", "after"]) -> Answer:
    # In virtual time: the next try waits for the dead one's lease.
    play = Timeless(stage)
    play.dies(event, None, number, when=when)
    return play.deliver(event)


def killed_before(stage: Stage, event: Mapping[str, Any], number: int) -> Answer:
    """Let the worker die when the call is on its way; it is not carried out."""
    return _killed(stage, event, number, "before")


def killed_after(stage: Stage, event: Mapping[str, Any], number: int) -> Answer:
    """Let the worker die when the call has been carried out and its answer is on its way."""
    return _killed(stage, event, number, "after")


def reply_lost(stage: Stage, event: Mapping[str, Any], number: int) -> Answer:
    """Carry the call out, and lose its reply."""
    stage.interventions.lose_reply(nth=number)
    return stage.deliver(event)


def throttled_twice(stage: Stage, event: Mapping[str, Any], number: int) -> Answer:
    """Refuse the call and its repetition for the rate of calls."""
    stage.interventions.throttle(nth=number, times=2)
    return stage.deliver(event)


def error_500(stage: Stage, event: Mapping[str, Any], number: int) -> Answer:
    """Answer the call with an error of the service's own, once."""
    stage.interventions.fail(nth=number)
    return stage.deliver(event)


def directory_unavailable(stage: Stage, event: Mapping[str, Any], number: int) -> Answer:
    """Answer the call with DirectoryUnavailableException, once."""
    stage.interventions.fail(nth=number, code=_DIRECTORY_UNAVAILABLE, status=400)
    return stage.deliver(event)


_DIRECTORY_UNAVAILABLE: Final = "DirectoryUnavailableException"

#: By name, as the issue lists them.
INJURIES: Final[Mapping[str, Injury]] = {
    "killed before": killed_before,
    "killed after": killed_after,
    "reply lost": reply_lost,
    "throttled twice": throttled_twice,
    "one 500": error_500,
    "DirectoryUnavailable once": directory_unavailable,
}


def can_happen(injury: Injury, call: Call) -> bool:
    """Tell whether *injury* can happen to *call*: not every call models DirectoryUnavailableException."""
    if injury is not directory_unavailable:
        return True
    return call.service == "workmail" and _DIRECTORY_UNAVAILABLE in modelled_errors(call.operation)
