"""Sends events to functions and takes their answers, and notes everything odd about those."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from workmail_rooms.sandbox.cloudformation.ports import (
    Functions,
    PendingResponse,
    ResponsePut,
    ResponseUrls,
    UnknownFunctionError,
)
from workmail_rooms.sandbox.cloudformation.protocol import Answer, no_answer, read_answer, service_timeout
from workmail_rooms.sandbox.cloudformation.state import StackStore

_SECOND = timedelta(seconds=1)
# How soon a waiting thread notices that nobody waits for its answer any more, in seconds.
_CANCEL_SLICE = 0.5


class ObservationKind(StrEnum):
    """What CloudFormation does not show, but a test of a custom resource wants to know."""

    SECOND_ANSWER = "second answer"
    """More PUTs arrived than events were delivered. The first one counted."""
    REPEATED_ANSWER = "answer to a repeated delivery"
    """The answer to the second delivery of an event. The first one counted."""
    LATE_ANSWER = "late answer"
    """An answer that nobody waited for any more: its event was cancelled or had timed out."""
    CONTENT_TYPE = "Content-Type"
    """The PUT had a Content-Type; the signature of a real ResponseURL covers an empty one."""
    LEFT_BEHIND = "left behind"
    """The Delete of a clean-up failed; CloudFormation forgets the physical id."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One oddity.

    Attributes
    ----------
    event:
        The event it belongs to.
    body:
        The PUT's body; empty when there was none.
    detail:
        One sentence.
    """

    kind: ObservationKind
    event: Mapping[str, Any]
    body: bytes = b""
    detail: str = ""


def _every_event(_: Mapping[str, Any]) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Delivery:
    """How events reach their function. Real deliveries are at least once, and sometimes late.

    Attributes
    ----------
    copies:
        How often an event is delivered. Answers after the first are recorded as ``REPEATED_ANSWER``.
    at_once:
        Deliver all copies at the same time; otherwise each follows the answer to the one before.
    delay:
        Seconds between the event's making and its delivery.
    hold:
        Called with the event in the delivering thread before delivery; it may block. The event is delivered when it
        returns, cancelled or not.
    reuse_request_ids:
        Give an event the RequestId that was last used for the same stack name, logical id and RequestType, as
        CloudFormation does when a failed deployment is retried (aws-cdk #35957).
    applies_to:
        Which events this is about; the others are delivered once and at once.
    """

    copies: int = 1
    at_once: bool = False
    delay: float = 0.0
    hold: Callable[[Mapping[str, Any]], None] | None = None
    reuse_request_ids: bool = False
    applies_to: Callable[[Mapping[str, Any]], bool] = _every_event


@dataclass(eq=False, slots=True)
class Request:
    """One event on its way.

    Attributes
    ----------
    cancelled:
        Nobody waits for the answer any more.
    settled:
        The answer is in, or did not come in time.
    done:
        No thread waits at ``pending`` any more.
    """

    event: dict[str, Any]
    pending: PendingResponse
    future: "Future[Answer]" = field(default_factory=Future)
    answered: bool = False
    cancelled: bool = False
    settled: bool = False
    done: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def cancel(self) -> bool:
        """Stop caring about the answer. Returns False when it is in already."""
        with self.lock:
            if self.settled:
                return False
            self.cancelled = True
            return True


class Exchange:
    """All requests of one engine. `send` is for the threads of its operations; the waiting happens in others."""

    def __init__(
        self,
        *,
        functions: Functions,
        response_urls: ResponseUrls,
        clock: Callable[[], datetime],
        uuid: Callable[[], object],
        store: StackStore,
        max_parallel: int,
        delivery: Delivery,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.delivery = delivery
        self.observations: list[Observation] = []
        self._functions = functions
        self._response_urls = response_urls
        self._clock = clock
        self._uuid = uuid
        self._sleep = sleep
        self._store = store
        self._earliest: datetime | None = None
        self._signed: dict[tuple[str, str], datetime] = {}
        self._open: list[Request] = []
        self._lock = threading.Lock()
        # Cancelled requests hold their thread until the slice is over, while the rollback's Deletes need one each.
        self._threads = ThreadPoolExecutor(max_workers=2 * max_parallel, thread_name_prefix="custom-resource")

    def begin_operation(self) -> None:
        """Sign everything from now on in a later second than all that was signed before.

        A ResponseURL's date has no finer unit than seconds, and is the only clock in an event. In AWS no two operations
        fall into one second; here they do, so where the clock is behind, the date runs ahead of it.
        """
        with self._lock:
            last = self._store.last_signed
            self._earliest = None if last is None else last + _SECOND

    def send(self, event: Mapping[str, Any]) -> Request:
        """Give *event* its RequestId and ResponseURL, deliver it, and wait for its answer in another thread."""
        rule = self.delivery if self.delivery.applies_to(event) else Delivery()
        with self._lock:
            request_id = self._request_id(event, reuse=rule.reuse_request_ids)
            signed_at = self._signing_date(event)
        pending = self._response_urls.issue(
            stack_id=event["StackId"],
            logical_resource_id=event["LogicalResourceId"],
            request_id=request_id,
            signed_at=signed_at,
        )
        request = Request({**event, "RequestId": request_id, "ResponseURL": pending.url}, pending)
        self._open.append(request)
        request.future = self._threads.submit(self._converse, request, rule)
        return request

    def note(
        self, kind: ObservationKind, event: Mapping[str, Any], put: ResponsePut | None = None, detail: str = ""
    ) -> None:
        """Record an observation."""
        self.observations.append(Observation(kind, event, put.body if put else b"", detail))

    def sweep(self) -> None:
        """Record what has arrived for requests that nobody waits for any more."""
        for request in [request for request in self._open if request.done]:
            while (put := request.pending.wait(0)) is not None:
                self._note_surplus(request, put)

    def settle(self, timeout: float) -> None:
        """Wait at most *timeout* seconds for the answers to cancelled and timed-out requests, and record them."""
        deadline = self._clock() + timedelta(seconds=timeout)
        for request in self._open:
            while not request.answered and (remaining := (deadline - self._clock()).total_seconds()) > 0:
                if request.done and (put := request.pending.wait(remaining)) is not None:
                    self._note_surplus(request, put)
                elif not request.done:
                    self._sleep(min(remaining, 0.01))
        self.sweep()

    def close(self) -> None:
        """Stop waiting, record what has arrived, and refuse what arrives from now on."""
        for request in self._open:
            request.cancel()
        self._threads.shutdown(wait=True)
        self.sweep()
        for request in self._open:
            request.pending.close()
        self._open.clear()

    def _request_id(self, event: Mapping[str, Any], *, reuse: bool) -> str:
        stack_name = event["StackId"].split("/")[1]
        key = f"{stack_name}/{event['LogicalResourceId']}/{event['RequestType']}"
        request_ids = self._store.request_ids
        if not reuse or key not in request_ids:
            request_ids[key] = str(self._uuid())
        return request_ids[key]

    def _signing_date(self, event: Mapping[str, Any]) -> datetime:
        """Return a date in whole seconds, later than that of any event before it for the same resource.

        The real service takes seconds from one event of a resource to its next, so a custom resource may rely on the
        order.
        """
        key = (event["StackId"], event["LogicalResourceId"])
        dates = [self._clock().replace(microsecond=0)]
        if self._earliest is not None:
            dates.append(self._earliest)
        if key in self._signed:
            dates.append(self._signed[key] + _SECOND)
        date = self._signed[key] = max(dates)
        self._store.last_signed = max(date, self._store.last_signed or date)
        return date

    def _converse(self, request: Request, rule: Delivery) -> Answer:
        try:
            if rule.delay:
                self._sleep(rule.delay)
            if rule.hold is not None:
                rule.hold(request.event)
            return self._deliver(request, rule)
        finally:
            with request.lock:
                request.settled = True
            request.done = True

    def _deliver(self, request: Request, rule: Delivery) -> Answer:
        deadline = self._clock() + timedelta(seconds=service_timeout(request.event["ResourceProperties"]))
        first: ResponsePut | None = None
        rounds = [rule.copies] if rule.at_once else [1] * rule.copies
        for copies in rounds:
            try:
                for _ in range(copies):
                    self._functions.invoke_async(request.event["ServiceToken"], request.event)
            except UnknownFunctionError:
                request.answered = True  # nobody is there who could answer
                return Answer(failure=f"Function not found: {request.event['ServiceToken']}", delivered=False)
            for _ in range(copies):
                put = self._wait(request, deadline)
                if put is None:
                    return _judge(request, first)
                if first is None:
                    first = put
                else:
                    self.note(ObservationKind.REPEATED_ANSWER, request.event, put)
        return _judge(request, first)

    def _wait(self, request: Request, deadline: datetime) -> ResponsePut | None:
        """Return the next PUT; None when it came too late or not at all."""
        while (remaining := (deadline - self._clock()).total_seconds()) > 0:
            put = request.pending.wait(min(remaining, _CANCEL_SLICE))
            with request.lock:
                if put is not None and not request.cancelled:
                    request.answered = request.settled = True
            if put is not None:
                self._note_content_type(request, put)
                if not request.cancelled:
                    return put
                self._note_surplus(request, put)
                return None
            if request.cancelled:
                return None
        return None

    def _note_surplus(self, request: Request, put: ResponsePut) -> None:
        kind = ObservationKind.SECOND_ANSWER if request.answered else ObservationKind.LATE_ANSWER
        request.answered = True
        self.note(kind, request.event, put)

    def _note_content_type(self, request: Request, put: ResponsePut) -> None:
        content_type = put.headers.get("content-type", "")
        if content_type:
            self.note(
                ObservationKind.CONTENT_TYPE, request.event, put, f"Content-Type was {content_type!r}, must be empty"
            )


def _judge(request: Request, put: ResponsePut | None) -> Answer:
    return no_answer(request.event["RequestId"]) if put is None else read_answer(put.body, request.event)
