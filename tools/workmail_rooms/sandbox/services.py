"""The AWS services that the function calls, over HTTP on this machine.

moto serves WorkMail and DynamoDB; CloudFormation's DescribeStacks and DescribeStackResource are answered from the
sandbox's own stacks.
"""

import contextlib
import http.client
import io
import json
import re
import socket
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

from moto.moto_server.werkzeug_app import create_backend_app
from werkzeug.datastructures import Headers
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import run_wsgi_app

from workmail_rooms.sandbox import query
from workmail_rooms.sandbox.account import REGION, endpoint_variables
from workmail_rooms.sandbox.backends import Backends
from workmail_rooms.sandbox.cloudformation import (
    Describe,
    DescribeStacks,
    StackStore,
    describe_stack_resource,
    describe_stacks,
)
from workmail_rooms.sandbox.transaction_table import announce_transaction

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d{8}/([a-z0-9-]+)/")
_SERVICES = {"WorkMailService": "workmail", "DynamoDB_20120810": "dynamodb"}


@dataclass(frozen=True, slots=True)
class Call:
    """One call that a client made.

    Attributes
    ----------
    service:
        "workmail", "dynamodb" or "cloudformation".
    operation:
        As in the service's API reference, for example ``CreateResource``.
    parameters:
        The request.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any] = field(repr=False)  # WorkMail marks Description as sensitive


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call is answered.

    Attributes
    ----------
    status:
        The HTTP status; None closes the connection without an answer.
    body:
        The bytes of the answer.
    code, message:
        Of an error; it is put into the form of the service's protocol.
    """

    status: int | None
    body: bytes = b""
    code: str = ""
    message: str = ""

    @classmethod
    def error(cls, status: int, code: str, message: str) -> Self:
        """Make an error."""
        return cls(status, code=code, message=message)


class Interceptor(Protocol):
    """Stands between the clients and the services; for tests."""

    def before(self, call: Call) -> Answer | None:
        """Return an answer to give instead of carrying the call out, or None."""

    def after(self, call: Call, status: int, /) -> Answer | None:
        """Return an answer to give instead of the service's own, or None. The call has been carried out."""


class Transparent:
    """The interceptor that changes nothing."""

    def before(self, call: Call) -> Answer | None:
        """Let the call through."""

    def after(self, call: Call, status: int, /) -> Answer | None:
        """Let the answer through."""


class Services:
    """WorkMail, DynamoDB and what describes stacks, for boto3, over HTTP.

    Parameters
    ----------
    backends:
        What is served.
    listener:
        A listening socket, which is taken over; by default one on a free port of this machine only.
    interceptor:
        Sees every call.
    describe:
        Answers DescribeStackResource; by default there is no stack.
    stacks:
        Answers DescribeStacks; by default there is none.

    Attributes
    ----------
    cloudformation_denied:
        Answer CloudFormation's calls as IAM does when the function's role lacks the permission; for tests.
    """

    def __init__(
        self,
        backends: Backends,
        *,
        listener: socket.socket | None = None,
        interceptor: Interceptor | None = None,
        describe: Describe | None = None,
        stacks: DescribeStacks | None = None,
    ) -> None:
        self.backends = backends
        self.cloudformation_denied = False
        self._describe: Describe = describe or partial(describe_stack_resource, StackStore())
        self._stacks: DescribeStacks = stacks or partial(describe_stacks, StackStore())
        self.interceptor: Interceptor = interceptor or Transparent()
        self._apps: dict[str, WSGIApplication] = {}
        self._app_lock = threading.Lock()
        self._calls: list[Call] = []
        with listener or socket.create_server(("127.0.0.1", 0)) as listening:
            host, port = listening.getsockname()[:2]
            self._server = make_server(
                host, port, self, threaded=True, request_handler=_QuietHandler, fd=listening.fileno()
            )
        self._server.daemon_threads = True  # type: ignore[attr-defined] # a keep-alive client must not hold up the end
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="aws-services")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """The endpoint URL for all services."""
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that lead boto3 and the AWS CLI here."""
        return endpoint_variables(self.url)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call so far, in the order of arrival."""
        return tuple(self._calls)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve one request (WSGI)."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        call = _read_call(environ, body)
        if call is None:
            unknown = Answer.error(
                404, "UnknownOperationException", "Only WorkMail, DynamoDB and CloudFormation are served here."
            )
            return _send(unknown, None, environ, start_response)
        region = _region(environ)
        if region not in {"", REGION}:
            elsewhere = Answer.error(
                400,
                "InvalidSignatureException",
                f"Credential should be scoped to a valid region: the sandbox is in {REGION}, and this request is for "
                f"{region}. Set AWS_REGION={REGION}, or give --region {REGION}.",
            )
            return _send(elsewhere, call, environ, start_response)
        self._calls.append(call)
        answer = self.interceptor.before(call)
        if answer is not None:
            return _send(answer, call, environ, start_response)
        if call.service == "cloudformation":
            answer = self._ask_cloudformation(call)
            return _send(self.interceptor.after(call, answer.status or 0) or answer, call, environ, start_response)
        chunks, status, headers = self._carry_out(call, environ)
        answer = self.interceptor.after(call, int(status.split()[0]))
        if answer is not None:
            return _send(answer, call, environ, start_response)
        start_response(status, list(headers))
        return chunks

    def _ask_cloudformation(self, call: Call) -> Answer:
        try:
            if self.cloudformation_denied:
                raise query.denial(call.parameters)
            return Answer(http.client.OK, query.carry_out(call.parameters, self._describe, self._stacks))
        except query.QueryError as error:
            return Answer.error(error.status, error.code, str(error))

    def _carry_out(self, call: Call, environ: "WSGIEnvironment") -> tuple[Iterable[bytes], str, Headers]:
        service = call.service
        with self._app_lock:
            app = self._apps.get(service)
            if app is None:
                app = self._apps[service] = create_backend_app(service)  # type: ignore[arg-type] # moto has not heard of WorkMail
        if service != "dynamodb":
            return run_wsgi_app(app, environ, buffered=True)
        # moto checks a condition and writes in two steps; only one request at a time makes that one.
        with self.backends.dynamodb_lock:
            if call.operation == "TransactWriteItems":
                announce_transaction(self.backends.dynamodb.tables, call.parameters)
            return run_wsgi_app(app, environ, buffered=True)


class _QuietHandler(WSGIRequestHandler):
    """A handler that keeps no access log."""

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Log nothing."""


def _read_call(environ: "WSGIEnvironment", body: bytes) -> Call | None:
    """Return the call that a request makes; None when no service here takes it."""
    prefix, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
    if prefix in _SERVICES:
        return Call(_SERVICES[prefix], operation, _parameters(body))
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        parameters = query.read_request(body)
        if parameters.get("Version") == query.VERSION:
            return Call("cloudformation", parameters.get("Action", ""), parameters)
    return None


def _region(environ: "WSGIEnvironment") -> str:
    """Return the Region that a request is signed for; empty when it is not signed."""
    scope = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return scope.group(1) if scope else ""


def _parameters(body: bytes) -> dict[str, Any]:
    try:
        parameters = json.loads(body or b"{}")
    except ValueError:
        return {}
    return parameters if isinstance(parameters, dict) else {}


def _send(
    answer: Answer, call: Call | None, environ: "WSGIEnvironment", start_response: "StartResponse"
) -> Iterable[bytes]:
    if answer.status is None:
        with contextlib.suppress(OSError):
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError
    content_type, body = "application/x-amz-json-1.1", answer.body
    if call is not None and call.service == "cloudformation":
        content_type = query.CONTENT_TYPE
        if answer.code:
            body = query.error_body(answer.status, answer.code, answer.message)
    elif answer.code:
        body = json.dumps({"__type": answer.code, "message": answer.message, "Message": answer.message}).encode()
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    start_response(f"{answer.status} {http.client.responses.get(answer.status, 'Unknown')}", headers)
    return [body]
