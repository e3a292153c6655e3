"""Presigned ResponseURLs like CloudFormation's, and the HTTPS endpoint behind them."""

import secrets
import threading
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self
from urllib.parse import quote

from workmail_rooms.sandbox.awslambda.certificates import LocalCertificates
from workmail_rooms.sandbox.awslambda.sink import Reply, Request, Sink, error
from workmail_rooms.sandbox.cloudformation.ports import ResponsePut

#: Builds path and query from stack id, logical id, signing date, a unique part and a signature.
Presign = Callable[[str, str, datetime, uuid.UUID, str], str]

_OK = 200
_CODES = {400: "InvalidRequest", 403: "AccessDenied", 503: "SlowDown"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Misbehaviour:
    """What the endpoint does instead of what it should; for tests.

    Attributes
    ----------
    status:
        Answer with this HTTP status instead of 200.
    drop:
        Close the connection without an answer.
    delay:
        Seconds to wait before anything else.
    deliver:
        Whether CloudFormation receives the response all the same (a lost reply).
    """

    status: int | None = None
    drop: bool = False
    delay: float = 0.0
    deliver: bool = False


@dataclass(frozen=True, slots=True)
class Received:
    """One request that arrived, and the status it was answered with (None: the connection was closed)."""

    request: Request
    status: int | None


class IssuedUrl:
    """One ResponseURL that was handed out. Implements ``sandbox.cloudformation.ports.PendingResponse``."""

    def __init__(self, url: str, target: str, forget: Callable[[str], None]) -> None:
        self._url = url
        self._target = target
        self._forget = forget
        self._puts: SimpleQueue[ResponsePut | None] = SimpleQueue()
        self._aborted = threading.Event()

    @property
    def url(self) -> str:
        """The presigned URL that goes into the event."""
        return self._url

    def wait(self, timeout: float) -> ResponsePut | None:
        """Return the next PUT, waiting at most *timeout* seconds for it; None when none came.

        Raises
        ------
        ConnectionAbortedError
            The endpoint has been closed, so that there is nothing to wait for.
        """
        try:
            put = self._puts.get(timeout=max(timeout, 0))
        except Empty:
            put = None
        if put is None and timeout > 0 and self._aborted.is_set():
            raise ConnectionAbortedError("The response endpoint has been closed.")
        return put

    def close(self) -> None:
        """Refuse what arrives from now on with HTTP 403, as S3 does after the signature's end."""
        self._forget(self._target)

    def deliver(self, put: ResponsePut) -> None:
        """Hand over what arrived."""
        self._puts.put(put)

    def abort(self) -> None:
        """Wake up who waits: nothing arrives any more."""
        self._aborted.set()
        self._puts.put(None)


class ResponseEndpoint:
    """Amazon S3 as far as CloudFormation's ResponseURLs need it. Implements ``ports.ResponseUrls``.

    A PUT is accepted only when path and query are, byte for byte, what was issued.

    Parameters
    ----------
    certificates:
        Whom the functions trust.
    """

    def __init__(self, certificates: LocalCertificates) -> None:
        self._lock = threading.Lock()
        self._issued: dict[str, IssuedUrl] = {}
        self._expired: set[str] = set()
        self._misbehaviours: deque[Misbehaviour] = deque()
        self._received: list[Received] = []
        self._stopping = threading.Event()
        self._sink = Sink(self._answer, tls=certificates.server_context())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def received(self) -> tuple[Received, ...]:
        """Every request so far, in the order in which they were answered."""
        with self._lock:
            return tuple(self._received)

    def issue(
        self,
        *,
        stack_id: str,
        logical_resource_id: str,
        request_id: str,  # noqa: ARG002 - part of the port; CloudFormation's URLs do not hold it either
        signed_at: datetime,
        presign: Presign | None = None,
    ) -> IssuedUrl:
        """Make a URL for one event; *signed_at* becomes its ``X-Amz-Date``, or what *presign* makes of it."""
        presign = presign or presigned_target
        target = presign(stack_id, logical_resource_id, signed_at, uuid.uuid4(), secrets.token_hex(32))
        url = IssuedUrl(f"https://localhost:{self._sink.port}{target}", target, self._expire)
        with self._lock:
            self._issued[target] = url
        return url

    def misbehave(self, misbehaviour: Misbehaviour, times: int = 1) -> None:
        """Do this to the next *times* requests that have a right URL."""
        with self._lock:
            self._misbehaviours.extend([misbehaviour] * times)

    def close(self) -> None:
        """Stop listening; whoever still waits in a delay is answered at once."""
        self._stopping.set()
        self._sink.close()
        with self._lock:
            for url in self._issued.values():
                url.abort()

    def _expire(self, target: str) -> None:
        with self._lock:
            if self._issued.pop(target, None) is not None:
                self._expired.add(target)

    def _answer(self, request: Request) -> Reply:
        reply = self._decide(request)
        with self._lock:
            self._received.append(Received(request, reply.status))
        return reply

    def _decide(self, request: Request) -> Reply:
        with self._lock:
            url = self._issued.get(request.target) if request.method == "PUT" else None
            if url is None:
                if request.target in self._expired:
                    return error(403, "AccessDenied", "Request has expired")
                return error(
                    403,
                    "SignatureDoesNotMatch",
                    "The request signature we calculated does not match the signature you provided. "
                    "Check your key and signing method.",
                )
            plan = self._misbehaviours.popleft() if self._misbehaviours else None
        if plan is not None and plan.delay:
            self._stopping.wait(plan.delay)
        normal = plan is None or (plan.status is None and not plan.drop)
        if plan is None or plan.deliver or normal:
            url.deliver(ResponsePut(request.body, request.headers))
        if plan is None or normal:
            return Reply(_OK)
        if plan.drop or plan.status is None:
            return Reply(None)
        return error(plan.status, _CODES.get(plan.status, "InternalError"), "As the test asked.")


def presigned_target(
    stack_id: str, logical_resource_id: str, signed_at: datetime, unique: uuid.UUID, signature: str
) -> str:
    """Build path and query of a ResponseURL as CloudFormation presigns it.

    Parameters
    ----------
    stack_id:
        The stack's ARN; its Region names the bucket.
    logical_resource_id:
        The resource.
    signed_at:
        When the URL was signed, with a time zone.
    unique:
        Tells this URL from the others of the resource.
    signature:
        64 hexadecimal digits.
    """
    region = stack_id.split(":")[3]
    at = signed_at.astimezone(UTC)
    key = quote(f"{stack_id}|{logical_resource_id}|{unique}", safe="")
    credential = quote(f"AKIAEXAMPLESANDBOX00/{at:%Y%m%d}/{region}/s3/aws4_request", safe="")
    return (
        f"/cloudformation-custom-resource-response-{region.replace('-', '')}/{key}"
        f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={at:%Y%m%dT%H%M%SZ}&X-Amz-SignedHeaders=host"
        f"&X-Amz-Expires=7200&X-Amz-Credential={credential}&X-Amz-Signature={signature}"
    )
