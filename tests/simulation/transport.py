"""The same calls through botocore: serialised, signed, and parsed from what would come over the wire.

Most stories leave botocore out, which would take nine tenths of their time; a sample goes through it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import botocore.session
import greenlet
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from workmail_resource.aws.clients import CLIENT_CONFIG
from workmail_rooms.sandbox.workmail.behaviour import Behaviour
from workmail_rooms.sandbox.workmail.wire import Failure, render

from .awslambda import CALL_ID

if TYPE_CHECKING:
    from .awslambda import Worker

_DYNAMODB: Final = "com.amazonaws.dynamodb.v20120810"
#: Who makes a call: the client is shared, as it is in a warm function.
_CALLING: Final[dict[greenlet.greenlet, tuple["Worker", float]]] = {}


class BotoClient:
    """A client of botocore's whose requests go to the world of one worker."""

    def __init__(self, worker: "Worker", service: str, read_timeout: float) -> None:
        self._caller = (worker, read_timeout)
        self._client = _client(service)
        self.meta = self._client.meta

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        def call(**parameters: Any) -> dict[str, Any]:
            current = greenlet.getcurrent()
            _CALLING[current] = self._caller
            try:
                answer: dict[str, Any] = getattr(self._client, name)(**parameters)
            finally:
                del _CALLING[current]
            return answer

        return call


@cache
def _client(service: str) -> Any:
    client = botocore.session.Session().create_client(
        service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x", config=CLIENT_CONFIG
    )
    client.meta.events.register("before-send", _serve)  # type: ignore[arg-type] # this one is asked for a response
    return client


def _serve(request: AWSRequest, **_keys: object) -> AWSResponse:
    """Answer a request in place of the service; what is raised here, botocore takes for its own failure."""
    worker, read_timeout = _CALLING[greenlet.getcurrent()]
    target = request.headers["X-Amz-Target"]
    prefix, _, operation = (target.decode() if isinstance(target, bytes) else str(target)).partition(".")
    service = "workmail" if prefix == "WorkMailService" else "dynamodb"
    parameters = json.loads(request.body or b"{}")
    # botocore makes one up for each request; only its own repetitions, which are off, would have the same.
    parameters.pop("ClientRequestToken", None)
    try:
        answer = worker.call(service, operation, parameters, read_timeout)
    except ClientError as error:
        return _failure(request, service, error)
    answer.pop("ResponseMetadata")
    if service == "dynamodb":
        return _response(request, 200, {}, json.dumps(answer))
    return _response(request, *render(answer, CALL_ID, Behaviour()))


def _failure(request: AWSRequest, service: str, error: ClientError) -> AWSResponse:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if service == "workmail":
        return _response(request, *render(Failure(code, message, status), CALL_ID, Behaviour()))
    body: dict[str, Any] = {"__type": f"{_DYNAMODB}#{code}", "message": message}
    if "CancellationReasons" in error.response:
        body["CancellationReasons"] = error.response["CancellationReasons"]
    return _response(request, status, {}, json.dumps(body))


def _response(request: AWSRequest, status: int, headers: Mapping[str, str], body: str) -> AWSResponse:
    fields = HTTPHeaders()
    for name, value in {"x-amzn-RequestId": CALL_ID, **headers}.items():
        fields[name] = value
    return AWSResponse(str(request.url), status, fields, _Raw(body.encode()))


class _Raw:
    """The body of a response, as urllib3 hands it over."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_arguments: object, **_keys: object) -> Iterator[bytes]:
        """Yield the body."""
        yield self._body
