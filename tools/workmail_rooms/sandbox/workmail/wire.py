"""How answers look on the wire: JSON 1.1, as the API reference and botocore's parser agree on it."""

import json
from dataclasses import dataclass
from typing import Any

from .behaviour import Behaviour
from .service_model import documented_text

NAMESPACE = "com.amazonaws.workmail"


@dataclass(frozen=True)
class Failure:
    """An error answer.

    Attributes
    ----------
    code : str
        The error code.
    message : str
        Its text.
    status : int
        The HTTP status.
    """

    code: str
    message: str
    status: int = 400


THROTTLED = Failure("ThrottlingException", "Rate exceeded")
INTERNAL_FAILURE = Failure("InternalFailure", "The request processing has failed because of an unknown error.", 500)
SERVICE_UNAVAILABLE = Failure("ServiceUnavailable", "The request has failed due to a temporary failure.", 503)


@dataclass(frozen=True)
class Reply:
    """What became of a call.

    Attributes
    ----------
    request_id : str
        Identifies the call.
    outcome : dict or Failure or None
        The output, the error, or None: the connection is closed without an answer.
    """

    request_id: str
    outcome: dict[str, Any] | Failure | None


def failure(code: str, message: str | None, status: int) -> Failure:
    """Return the error *code* with *message*, by default its documented text."""
    return Failure(code, message if message is not None else documented_text(code) or f"{code} was asked for.", status)


def render(outcome: dict[str, Any] | Failure, request_id: str, behaviour: Behaviour) -> tuple[int, dict[str, str], str]:
    """Return the HTTP status, the header fields and the body of an answer."""
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": request_id}
    if isinstance(outcome, Failure):
        error_type = outcome.code if behaviour.error_type == "bare" else f"{NAMESPACE}#{outcome.code}"
        return outcome.status, headers, json.dumps({"__type": error_type, "Message": outcome.message})
    if not outcome and behaviour.empty_output == "nothing":
        return 200, headers, ""
    return 200, headers, json.dumps(outcome)
