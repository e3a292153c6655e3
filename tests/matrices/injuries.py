"""What can happen to one call of a function, and to the function while it makes that call."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.harness.account import Account
from workmail_rooms.sandbox.services import Answer, Call
from workmail_rooms.sandbox.workmail.service_model import modelled_errors

#: Arranges the injury to the call of this number (from 1 on) that is made for the event.
Injury = Callable[[Account, Mapping[str, Any], int], None]


def killed_before(stage: Account, event: Mapping[str, Any], number: int) -> None:
    """End the function's process when the call is on its way; it is not carried out."""

    def kill(_call: Call) -> Answer:
        stage.kill(event)
        return Answer(None)

    stage.interventions.before(kill, nth=number)


def killed_after(stage: Account, event: Mapping[str, Any], number: int) -> None:
    """End the function's process when the call has been carried out and its answer is on its way."""

    def kill(_call: Call) -> None:
        stage.kill(event)

    stage.interventions.after(kill, nth=number)


def reply_lost(stage: Account, _event: Mapping[str, Any], number: int) -> None:
    """Carry the call out, and lose its reply."""
    stage.interventions.lose_reply(nth=number)


def throttled_twice(stage: Account, _event: Mapping[str, Any], number: int) -> None:
    """Refuse the call and its repetition for the rate of calls."""
    stage.interventions.throttle(nth=number, times=2)


def error_500(stage: Account, _event: Mapping[str, Any], number: int) -> None:
    """Answer the call with an error of the service's own, once."""
    stage.interventions.fail(nth=number)


def directory_unavailable(stage: Account, _event: Mapping[str, Any], number: int) -> None:
    """Answer the call with DirectoryUnavailableException, once."""
    stage.interventions.fail(nth=number, code=_DIRECTORY_UNAVAILABLE, status=400)


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
