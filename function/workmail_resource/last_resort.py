"""The function of last resort: answers an event whose own function died on every try, so that no stack hangs.

Lambda invokes it as the OnFailure destination, with the event inside its record of the failure:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
It imports the standard library only: what killed the other function (a broken import, too little memory) must not kill
this one.
"""

import json
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from .dynamodb import Credentials, query
from .ownership.rules import CREATE_FAILED, owner
from .protocol.event import Event, read
from .protocol.response import Answer, Status, check_url, deliver, render

#: Seconds for all tries to send the answer, less than this function's timeout.
DELIVERY_TIME: Final = 40.0
_LONGEST_WAIT: Final = 8.0


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
        The answer did not get through.
    """
    event = record.get("requestPayload")
    event = event if isinstance(event, Mapping) else {}
    url = check_url(event.get("ResponseURL"), allow_http=bool(os.environ.get("AWS_SAM_LOCAL")))
    status: Status = "FAILED"
    answer = Answer(
        status=status,
        stack_id=str(event.get("StackId") or ""),
        request_id=str(event.get("RequestId") or ""),
        logical_resource_id=str(event.get("LogicalResourceId") or ""),
        physical_resource_id=_physical_id(event),
        reason_head=_reason(record),
        reason_tail=f" (Lambda request ID: {context.aws_request_id}; log stream: {context.log_stream_name})",
    )
    _log("answering an event whose function died", event, physical_resource_id=answer.physical_resource_id)
    started = time.monotonic()
    deliver(
        url,
        render(answer),
        remaining=lambda: DELIVERY_TIME - (time.monotonic() - started),
        sleep=time.sleep,
        waits=_waits(random.random),
    )
    _log("answered", event, status=status)


def _reason(record: Mapping[str, Any]) -> str:
    context = record.get("requestContext")
    context = context if isinstance(context, Mapping) else {}
    payload = record.get("responsePayload")
    cause = payload.get("errorType") if isinstance(payload, Mapping) else None
    return (
        f"FunctionFailed: the provider's function ended without an answer in each of "
        f"{context.get('approximateInvokeCount', 'its')} tries ({context.get('condition', 'unknown condition')}"
        f"{f', {cause}' if cause else ''}). Look for the request ID {context.get('requestId', 'of the event')} in the "
        "log of the provider's function, mend what it shows (its memory, timeout or package), then deploy again."
    )


def _physical_id(event: Mapping[str, Any]) -> str:
    """Return the id that the event came with, or, on Create, the room that the ledger knows of it."""
    physical_id = event.get("PhysicalResourceId")
    if isinstance(physical_id, str) and physical_id:
        return physical_id
    try:
        return _room_in_ledger(read(event)) or CREATE_FAILED
    except Exception as error:  # noqa: BLE001 - nothing may stand between the event and its answer
        # The Delete that follows asks the ledger again.
        _log("the ledger could not be asked", event, error=type(error).__name__)
        return CREATE_FAILED


def _room_in_ledger(event: Event) -> str | None:
    items = query(
        os.environ["LEDGER_TABLE"],
        {"Owner": owner(event)},
        credentials=Credentials.of(os.environ),
        region=os.environ["AWS_REGION"],
        endpoint=os.environ.get("AWS_ENDPOINT_URL_DYNAMODB"),
        now=time.time(),
    )
    for item in items:
        if item.get("RequestId", {}).get("S") == event.request_id and "ResourceId" in item:
            return str(item["ResourceId"]["S"])
    return None


def _waits(uniform: Callable[[], float]) -> Iterator[float]:
    ceiling = 0.5
    while True:
        yield ceiling * (0.5 + uniform() / 2)
        ceiling = min(_LONGEST_WAIT, ceiling * 2)


def _log(message: str, event: Mapping[str, Any], **keys: str) -> None:
    line = {
        "level": "ERROR",
        "message": message,
        "service": "workmail-resource",
        "stack_id": event.get("StackId"),
        "logical_resource_id": event.get("LogicalResourceId"),
        "request_id": event.get("RequestId"),
        "operation": event.get("RequestType"),
        **keys,
    }
    print(json.dumps(line), flush=True)  # noqa: T201 - Lambda's log is the standard output
