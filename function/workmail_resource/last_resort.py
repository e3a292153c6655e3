"""The function of last resort: answers an event whose own function died on every try, so that no stack hangs.

Lambda invokes it as the OnFailure destination, with the event inside its record of the failure:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
It imports the standard library only: what killed the other function (a broken import, too little memory) must not kill
this one.
"""

import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .ownership.rules import FUNCTION_FAILED, function_failed_id
from .protocol.clock import Clock, SystemClock
from .protocol.errors import MalformedEventError
from .protocol.event import read, signed_at
from .protocol.response import (
    Answer,
    AnswerRefusedError,
    Put,
    Status,
    check_url,
    deliver,
    is_physical_id,
    put_over_https,
    render,
)

#: Seconds for all tries to send the answer, less than this function's timeout.
DELIVERY_TIME: Final = 40.0
_LONGEST_WAIT: Final = 8.0

_SERVICE: Final = "workmail-resource"
#: Of the metrics, as in ``telemetry.py``, which needs a library.
_NAMESPACE: Final = "WorkMailResource"


def handler(record: Mapping[str, Any], context: Any) -> None:
    """Answer the event in *record* with FAILED.

    Parameters
    ----------
    record:
        Lambda's record of an asynchronous invocation that failed for good.

    Raises
    ------
    InvalidResponseUrlError
        The event has no usable ResponseURL.
    DeliveryError
        The answer did not get through, and may at the next try. One that was refused for good is only logged.
    """
    uniform = random.random
    answer(record, context, clock=SystemClock(), uniform=uniform, put=put_over_https, environment=os.environ)


def answer(
    record: Mapping[str, Any],
    context: Any,
    *,
    clock: Clock,
    uniform: Callable[[], float],
    put: Put,
    environment: Mapping[str, str],
) -> None:
    """Answer the event in *record* with FAILED; time, randomness and transport come in from outside.

    Parameters
    ----------
    uniform:
        Returns random numbers from 0 to 1, for jitter.
    """
    event = record.get("requestPayload")
    event = event if isinstance(event, Mapping) else {}
    url = check_url(event.get("ResponseURL"), allow_http=bool(environment.get("AWS_SAM_LOCAL")))
    status: Status = "FAILED"
    physical_id = event.get("PhysicalResourceId")
    body = Answer(
        status=status,
        stack_id=str(event.get("StackId") or ""),
        request_id=str(event.get("RequestId") or ""),
        logical_resource_id=str(event.get("LogicalResourceId") or ""),
        # After a Create it tells the Delete that follows that nobody is at work any more.
        physical_resource_id=str(physical_id) if is_physical_id(physical_id) else _failed_id(event),
        reason_head=_reason(record, event, clock.time()),
        reason_tail=f" (Lambda request ID: {context.aws_request_id}; log stream: {context.log_stream_name})",
    )
    _log("answering an event whose function died", event, physical_resource_id=body.physical_resource_id)
    started = clock.monotonic()
    try:
        deliver(
            url,
            render(body),
            remaining=lambda: DELIVERY_TIME - (clock.monotonic() - started),
            sleep=clock.sleep,
            waits=_waits(uniform),
            put=put,
        )
    except AnswerRefusedError as error:
        # Lambda would repeat what cannot succeed.
        _log("the answer was not delivered", event, error=f"{type(error).__name__}: {error}")
        _count_unanswered(environment.get("POWERTOOLS_METRICS_NAMESPACE") or _NAMESPACE, clock.time())
        return
    _log("answered", event, status=status)


def _failed_id(event: Mapping[str, Any]) -> str:
    """Return the id that names the dead event, as far as it can be read."""
    try:
        return function_failed_id(read(event))
    except MalformedEventError:
        return FUNCTION_FAILED


def _reason(record: Mapping[str, Any], event: Mapping[str, Any], now: float) -> str:
    context = record.get("requestContext")
    context = context if isinstance(context, Mapping) else {}
    condition = context.get("condition", "unknown condition")
    if condition == "EventAgeExceeded":
        return (
            f"EventAgeExceeded: the event waited {_waited(event, now)} in Lambda's queue, which then gave it up "
            f"(tries: {context.get('approximateInvokeCount', 0)}), because the provider's function was busy or could "
            "not be run. Raise the provider stack's parameter ReservedConcurrency, see whether the account's quota of "
            "concurrent executions is used up, or deploy fewer rooms at once."
        )
    payload = record.get("responsePayload")
    cause = payload.get("errorType") if isinstance(payload, Mapping) else None
    return (
        f"FunctionFailed: the provider's function ended without an answer in each of "
        f"{context.get('approximateInvokeCount', 'its')} tries ({condition}"
        f"{f', {cause}' if cause else ''}). Look for the request ID {context.get('requestId', 'of the event')} in the "
        "log of the provider's function, correct what it shows (its memory, timeout or package), then deploy again."
    )


def _waited(event: Mapping[str, Any], now: float) -> str:
    since = signed_at(event.get("ResponseURL"))
    return "too long" if since is None else f"for {max(0, round((now - since) / 60))} minutes"


def _waits(uniform: Callable[[], float]) -> Iterator[float]:
    ceiling = 0.5
    while True:
        yield ceiling * (0.5 + uniform() / 2)
        ceiling = min(_LONGEST_WAIT, ceiling * 2)


def _count_unanswered(namespace: str, now: float) -> None:
    """Emit the metric of answers that were refused for good, in CloudWatch's embedded metric format.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    metrics = [{"Name": "Unanswered", "Unit": "Count"}]
    directive = {"Namespace": namespace, "Dimensions": [["service"]], "Metrics": metrics}
    metadata = {"Timestamp": round(now * 1000), "CloudWatchMetrics": [directive]}
    _print({"_aws": metadata, "service": _SERVICE, "Unanswered": 1})


def _log(message: str, event: Mapping[str, Any], **keys: str) -> None:
    _print(
        {
            "level": "ERROR",
            "message": message,
            "service": _SERVICE,
            "stack_id": event.get("StackId"),
            "logical_resource_id": event.get("LogicalResourceId"),
            "request_id": event.get("RequestId"),
            "operation": event.get("RequestType"),
            **keys,
        }
    )


def _print(line: Mapping[str, Any]) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - Lambda's log is the standard output
