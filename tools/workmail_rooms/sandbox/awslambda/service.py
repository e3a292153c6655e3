"""Asynchronous invocation: a pool of execution environments for each function, back-off, retries, destinations.

Lambda's queue is no fair one: an event that finds the function's concurrency used up comes back after a time that grows
(``FunctionSpec.throttle_delay``), and one that arrives in the right moment passes it.
"""

import json
import sys
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from time import monotonic
from types import TracebackType
from typing import Any, Self

from workmail_rooms.sandbox.awslambda.environment import ExecutionEnvironment, Outcome
from workmail_rooms.sandbox.awslambda.spec import FunctionSpec
from workmail_rooms.sandbox.cloudformation.ports import UnknownFunctionError

Match = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Invocation:
    """One try of one event.

    Attributes
    ----------
    function:
        The function's name.
    request_id:
        What the function saw as ``aws_request_id``; the same in every try.
    attempt:
        1 for the first try.
    event:
        The event.
    pid:
        The worker that handled it.
    cold:
        Whether it was this worker's first event.
    outcome:
        How it ended.
    log_file:
        The log stream.
    """

    function: str
    request_id: str
    attempt: int
    event: Mapping[str, Any] = field(repr=False)  # holds the ResponseURL
    pid: int
    cold: bool
    outcome: Outcome
    log_file: Path


@dataclass(frozen=True, slots=True)
class _Delivery:
    request_id: str
    event: str = field(repr=False)
    received: float
    attempt: int = 1
    throttled: int = 0

    @property
    def again(self) -> "_Delivery":
        return _Delivery(self.request_id, self.event, self.received, self.attempt + 1)


@dataclass(eq=False, slots=True)
class _Function:
    spec: FunctionSpec
    executor: ThreadPoolExecutor
    running: int = 0
    idle: list[ExecutionEnvironment] = field(default_factory=list)
    busy: dict[ExecutionEnvironment, Mapping[str, Any]] = field(default_factory=dict)


class LambdaService:
    """Lambda on this machine, as far as CloudFormation uses it. Implements ``sandbox.cloudformation.ports.Functions``.

    Parameters
    ----------
    specs:
        The functions.
    logs:
        The folder for log streams: ``<logs>/<function>/<stream>.log``.
    python:
        The interpreter that runs the functions.
    cold:
        Give every event an environment of its own, as if each came after a long pause.
    copies:
        How often an event is delivered, all at once; Lambda promises "at least once".

    Raises
    ------
    NotADirectoryError
        A function's code folder is missing.
    """

    def __init__(
        self,
        specs: Iterable[FunctionSpec],
        *,
        logs: Path,
        python: str = sys.executable,
        cold: bool = False,
        copies: Callable[[Mapping[str, Any]], int] = lambda _event: 1,
    ) -> None:
        specs = tuple(specs)
        for spec in specs:
            if not spec.code.is_dir():
                raise NotADirectoryError(
                    f"the code of function {spec.name} should be in {spec.code}, which is no folder"
                )
        self.cold = cold
        self.copies = copies
        self._random = Random()  # noqa: S311 - when a throttled event comes back
        self._logs = logs
        self._python = python
        self._functions = {
            spec.arn: _Function(spec, ThreadPoolExecutor(spec.concurrency, f"lambda-{spec.name}")) for spec in specs
        }
        self._changed = threading.Condition()
        self._open_events = 0
        self._timers: set[threading.Timer] = set()
        self._invocations: list[Invocation] = []
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def invocations(self) -> tuple[Invocation, ...]:
        """Every try so far, in the order in which they ended."""
        with self._changed:
            return tuple(self._invocations)

    def invoke_async(self, function_arn: str, event: Mapping[str, Any]) -> None:
        """Queue *event* (InvocationType Event) and return at once.

        Raises
        ------
        UnknownFunctionError
            No function has this ARN.
        RuntimeError
            The service has been closed.
        TypeError
            The event is not JSON.
        """
        function = self._find(function_arn)
        text = json.dumps(event)
        with self._changed:
            if self._closed:
                raise RuntimeError(f"Lambda has been shut down; {function.spec.name} takes no more events")
            copies = self.copies(event)
            delivery = _Delivery(str(uuid.uuid4()), text, monotonic())
            self._open_events += copies
            for _ in range(copies):
                self._submit(function, delivery)

    def warm(self, function_arn: str, count: int = 1) -> None:
        """Start *count* environments now, so that the first events find the handler imported.

        Raises
        ------
        UnknownFunctionError
            No function has this ARN.
        """
        function = self._find(function_arn)
        with self._changed:
            for _ in range(min(count, function.spec.concurrency) - len(function.idle) - len(function.busy)):
                function.idle.append(self._start(function))

    def busy(self, function_arn: str) -> int:
        """Return how many events the function handles now, of its concurrency.

        Raises
        ------
        UnknownFunctionError
            No function has this ARN.
        """
        function = self._find(function_arn)
        with self._changed:
            return function.running

    def kill(self, match: Match) -> int:
        """End (``kill -9``) each worker that handles an event for which *match* is true; return how many."""
        with self._changed:
            victims = [
                environment
                for function in self._functions.values()
                for environment, event in function.busy.items()
                if match(event)
            ]
            for environment in victims:
                environment.kill()
        return len(victims)

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until no event is queued, running or waiting for a retry; False after *timeout* seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open_events == 0, timeout)

    def close(self) -> None:
        """End every worker and forget what is queued; returns when all of them are gone."""
        with self._changed:
            self._closed = True
            timers = tuple(self._timers)
            for function in self._functions.values():
                for environment in function.busy:
                    environment.kill()
        for timer in timers:
            timer.cancel()
            timer.join()
        for function in self._functions.values():
            function.executor.shutdown(cancel_futures=True)
            while function.idle:
                function.idle.pop().close()

    def _find(self, function_arn: str) -> _Function:
        function = self._functions.get(function_arn.removesuffix(":$LATEST"))
        if function is None:
            known = ", ".join(self._functions) or "none"
            raise UnknownFunctionError(f"no function has the ARN {function_arn!r}; known here: {known}")
        return function

    def _start(self, function: _Function) -> ExecutionEnvironment:
        return ExecutionEnvironment(function.spec, logs=self._logs, stream_id=uuid.uuid4().hex, python=self._python)

    def _acquire(self, function: _Function, event: Mapping[str, Any]) -> ExecutionEnvironment | None:
        """Take the environment that was used last, or start one; None when the service is closing."""
        with self._changed:
            while function.idle and not self._closed:
                environment = function.idle.pop()
                if environment.alive and not (self.cold and environment.events):
                    break
                environment.close()
            else:
                if self._closed:
                    return None
                environment = self._start(function)
            function.busy[environment] = event
            return environment

    def _release(self, function: _Function, environment: ExecutionEnvironment) -> None:
        with self._changed:
            del function.busy[environment]
            if environment.alive and not self.cold and not self._closed:
                function.idle.append(environment)
                return
        environment.close()

    def _submit(self, function: _Function, delivery: _Delivery) -> None:
        """Try an event now, if there is room for it; otherwise it comes back later, behind whoever comes first then."""
        spec = function.spec
        if monotonic() - delivery.received > spec.maximum_event_age:
            self._give_up(spec, delivery, "EventAgeExceeded", None)
        elif function.running >= spec.concurrency:
            throttled = replace(delivery, throttled=delivery.throttled + 1)
            self._later(function, throttled, spec.throttle_delay(throttled.throttled, self._random.random()))
        else:
            function.running += 1
            function.executor.submit(self._run, function, delivery).add_done_callback(_show_defect)

    def _run(self, function: _Function, delivery: _Delivery) -> None:
        try:
            self._deliver(function, delivery)
        finally:
            with self._changed:
                function.running -= 1

    def _deliver(self, function: _Function, delivery: _Delivery) -> None:
        """Try an event once, in a thread of the function's pool, and decide what becomes of it."""
        spec = function.spec
        event: Mapping[str, Any] = json.loads(delivery.event)
        environment = self._acquire(function, event)
        if environment is None:
            return
        cold = not environment.events
        try:
            outcome = environment.invoke(delivery.request_id, delivery.event)
        finally:
            self._release(function, environment)
        invocation = Invocation(
            function=spec.name,
            request_id=delivery.request_id,
            attempt=delivery.attempt,
            event=event,
            pid=environment.pid,
            cold=cold,
            outcome=outcome,
            log_file=environment.log_file,
        )
        with self._changed:
            self._invocations.append(invocation)
        if outcome.status == "success":
            self._settle()
        elif delivery.attempt <= spec.maximum_retry_attempts:
            self._later(function, delivery.again, spec.retry_delay(delivery.attempt))
        else:
            self._give_up(spec, delivery, "RetriesExhausted", outcome)

    def _later(self, function: _Function, delivery: _Delivery, seconds: float) -> None:
        def resubmit() -> None:
            with self._changed:
                self._timers.discard(timer)
                if not self._closed:
                    self._submit(function, delivery)

        timer = threading.Timer(seconds, resubmit)
        with self._changed:
            if not self._closed:
                self._timers.add(timer)
                timer.start()

    def _give_up(self, spec: FunctionSpec, delivery: _Delivery, condition: str, outcome: Outcome | None) -> None:
        if spec.on_failure is not None and not self._closed:
            self.invoke_async(spec.on_failure, destination_record(spec, delivery, condition, outcome))
        self._settle()

    def _settle(self) -> None:
        with self._changed:
            self._open_events -= 1
            self._changed.notify_all()


def _show_defect(future: Future[None]) -> None:
    """Show what went wrong in the service itself: an executor keeps exceptions to itself."""
    error = None if future.cancelled() else future.exception()
    if error is not None:
        threading.excepthook(threading.ExceptHookArgs((type(error), error, error.__traceback__, None)))


def destination_record(
    spec: FunctionSpec, delivery: _Delivery, condition: str, outcome: Outcome | None
) -> dict[str, Any]:
    """Build the invocation record that Lambda sends to an on-failure destination.

    See "Capturing records of Lambda asynchronous invocations" in the AWS Lambda developer guide.
    """
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
        "requestContext": {
            "requestId": delivery.request_id,
            "functionArn": f"{spec.arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": delivery.attempt if outcome else delivery.attempt - 1,
        },
        "requestPayload": json.loads(delivery.event),
    }
    if outcome:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        }
        record["responsePayload"] = outcome.payload
    return record
