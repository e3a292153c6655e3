"""Lambda's asynchronous invocation in virtual time: tries, retries, the last resort; and the outside of each try."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from operator import attrgetter
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import greenlet
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError
from crhelper import log_helper

from workmail_resource import last_resort
from workmail_resource.app import Invocation, Outside
from workmail_resource.aws.clients import TIMEOUTS
from workmail_rooms.sandbox.workmail.service_model import modelled_errors

from .dynamodb import DynamoDBError
from .faults import DEADLY, Fate, Fault, fate
from .scheduler import Killed, Signal, Task
from .workmail import WRITES, WorkMailError

if TYPE_CHECKING:
    from .world import World

Event = Mapping[str, Any]


#: Does nothing with whatever it is given, without a frame of Python.
_nothing: Final[Callable[..., Any]] = "".format
#: What time it is for a worker.
_now: Final[Callable[["Worker"], float]] = attrgetter("now")


#: Seconds: the function's timeout, and Lambda's waits before it tries an event again.
TIMEOUT: Final = 300.0
RETRY_DELAYS: Final = (60.0, 120.0)
MAXIMUM_EVENT_AGE: Final = 3600.0
LEDGER_TABLE: Final = "ledger"
ENVIRONMENT: Final = {"LEDGER_TABLE": LEDGER_TABLE, "WORKMAIL_REGION": "us-east-1"}


def _unless_simulated(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return what does nothing in a task of the simulation, and is the real thing for every other test."""
    return lambda *arguments, **keys: None if greenlet.getcurrent().parent is not None else real(*arguments, **keys)


# The function of last resort writes its log to the standard output.
vars(last_resort)["_log"] = _unless_simulated(vars(last_resort)["_log"])
# crhelper, and what mends it, set the levels of loggers for every event, which takes longer than all of its calls here.
log_helper.setup = _unless_simulated(log_helper.setup)
_crhelper: Final = logging.getLogger("crhelper")
_crhelper.setLevel = _unless_simulated(_crhelper.setLevel)  # type: ignore[method-assign] # it is set

#: The request id of every call.
CALL_ID: Final = "c0ffee00-0000-4000-8000-000000000000"
_METADATA: Final = {"ResponseMetadata": {"RequestId": CALL_ID}}
_OK: Final = 200
#: Seconds that a call may take in all, and to wait for its reply: as the function's clients have them.
_READ_TIMEOUTS: Final = tuple((connect + read, float(read)) for connect, read in TIMEOUTS)


#: A log that nobody reads.
_SILENCE: Final[Any] = SimpleNamespace(info=_nothing, error=_nothing, count=_nothing, count_unanswered=_nothing)


def _no_telemetry(*_arguments: object, **_keys: object) -> Any:
    return _SILENCE


@dataclass(slots=True)
class Try:
    """What is known of one try of an event.

    Attributes
    ----------
    name:
        In the story.
    event:
        As CloudFormation sent it.
    ended:
        None while it runs; ``answered``, ``died`` or ``failed``.
    calls:
        Those that were not throttled.
    failed_calls:
        Those that were made to fail.
    refused_by:
        Who had the name or the address that WorkMail has refused last; empty when nobody had it, None without refusal.
    kept_from:
        What of its room it could not bring about, since somebody had it who does not give it up.
    happened:
        The faults that it met.
    """

    name: str
    event: Event
    began_at: float
    ended_at: float | None = None
    ended: str | None = None
    calls: int = 0
    failed_calls: int = 0
    refused_by: str | None = None
    kept_from: set[str] = field(default_factory=set)
    happened: list[Fault] = field(default_factory=list)


class Delivery:
    """One copy of an event on its way through Lambda."""

    def __init__(self, world: "World", event: Event, name: str) -> None:
        self._world = world
        self.event = event
        self.name = name
        self._attempt = 0
        self._queued_at = world.scheduler.now

    def begin(self) -> None:
        """Try the event once, and see what comes of it."""
        self._attempt += 1
        worker = Worker(self._world, self.event, f"{self.name}.{self._attempt}", self.end)
        worker.start()

    def end(self, outcome: str) -> None:
        """Decide what follows the end of a try."""
        world = self._world
        if outcome == "answered":
            world.deliveries -= 1
            return
        if self._attempt <= len(RETRY_DELAYS):
            delay = RETRY_DELAYS[self._attempt - 1]
            if world.scheduler.now + delay - self._queued_at <= MAXIMUM_EVENT_AGE:
                world.scheduler.spawn(self.name, self.begin, delay)
                return
        world.scheduler.spawn(f"{self.name} last resort", self._last_resort, 1.0)

    def _last_resort(self) -> None:
        world = self._world
        worker = Worker(world, self.event, f"{self.name} last resort", lambda _outcome: None, calm=True)
        worker.last_resort = True
        world.trace(f"{self.name} last resort", "is asked for an answer")
        record = {
            "requestPayload": self.event,
            "requestContext": {
                "requestId": f"lambda-{self.name}",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": self._attempt,
            },
        }
        worker.run(
            lambda: last_resort.answer(
                record,
                worker,
                clock=worker,
                uniform=worker.uniform,
                put=worker.put,
                environment=ENVIRONMENT,
            ),
            lambda _outcome: self._finish(),
        )

    def _finish(self) -> None:
        self._world.deliveries -= 1


class _Timer:
    """The timer that guards the deadline, in virtual time."""

    def __init__(self, worker: "Worker", seconds: float, call: Callable[[], None]) -> None:
        self._worker = worker
        self._begun = False
        self._cancelled = False
        self._call = call
        self._task = worker.world.scheduler.spawn(f"{worker.name} timer", self._fire, seconds)
        worker.tasks.append(self._task)

    def _fire(self) -> None:
        if not self._cancelled:
            self._begun = True
            self._worker.wake()
            self._call()

    def cancel(self) -> None:
        """Do not call any more."""
        self._cancelled = True
        if not self._begun:
            self._worker.world.scheduler.kill(self._task)
            self._call = _nothing

    def join(self) -> None:
        """Wait until a call that has begun has ended."""
        self._worker.wait(self._task)


def take_apart(used: object) -> None:
    """Let go what *used* refers to: it refers to itself, and looking for such garbage takes a tenth of all time."""
    vars(used).clear()


@cache
def _meta(service: str) -> SimpleNamespace:
    return SimpleNamespace(service_model=SimpleNamespace(service_name=service))


class Client:
    """A client of one service, with the methods, answers and exceptions of botocore's."""

    def __init__(self, worker: "Worker", service: str, read_timeout: float) -> None:
        self._worker = worker
        self._service = service
        self._read_timeout = read_timeout
        self.meta = _meta(service)

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        """Give all clients the method of an operation when one is first asked for it."""
        operation = "".join(map(str.capitalize, name.split("_")))

        def call(self: Client, **parameters: Any) -> dict[str, Any]:
            return self._worker.call(self._service, operation, parameters, self._read_timeout)

        setattr(Client, name, call)
        return partial(call, self)


class Worker:
    """One try of an event: a process that may die at any of its calls; and Lambda's context object for it.

    A call takes one wait, not two: while its reply is on the way, nothing that others can see happens here. So the
    task goes on at once, with a clock that is ahead by that time, and waits for both at its next call, sleep or end.

    Attributes
    ----------
    now:
        Seconds since the epoch, for the task of it that runs.
    """

    log_stream_name = "stream"

    def __init__(
        self, world: "World", event: Event, name: str, on_end: Callable[[str], None], *, calm: bool = False
    ) -> None:
        self.world = world
        self.event = event
        self.name = name
        self.tasks: list[Task] = []
        self.last_resort = False
        self.dead = False
        self._timed_out = False
        self.aws_request_id = f"lambda-{name}"
        self._on_end = on_end
        self._dice = Random(f"{world.story.seed}|{name}")
        trouble = world.trouble
        self._fate = (
            Fate() if calm else fate(self._dice, name, event["RequestType"], trouble, dropped=world.story.dropped)
        )
        self._number = 0
        self._repeat: Fault | None = None
        self._repeats = 0
        self._storm_ends = 0.0
        self.now = world.scheduler.now
        self._ends_at = self.now + TIMEOUT
        self.record = Try(name, event, world.scheduler.now)
        self._clients: dict[tuple[str, float], Any] = {}
        #: Returns seconds that never run backwards.
        self.monotonic: Callable[[], float] = partial(_now, self)
        if self._fate.pace > 1:
            self._meet(Fault(f"{name}: slow", "slow", self._fate.pace))

    # --------------------------------------------------------------------------------------------- its life

    def start(self) -> None:
        """Handle the event."""
        self.world.trace(self.name, f"begins{f' (slow: {self._fate.pace:g} times)' if self._fate.pace > 1 else ''}")
        self.run(self._handle, self._on_end)

    def _handle(self) -> None:
        outside = Outside(
            clock=self,
            rng=self._dice,
            client=self._client,
            put=self.put,
            start_timer=partial(_Timer, self),
            environment=ENVIRONMENT,
            telemetry=_no_telemetry,
        )
        invocation = Invocation(self.event, self, outside)
        try:
            invocation.run()
        finally:
            take_apart(vars(invocation)["_resource"])
            take_apart(invocation)

    def run(self, work: Callable[[], None], on_end: Callable[[str], None]) -> None:
        """Let the worker do *work*, at most until the function's timeout."""
        world = self.world
        world.tries.append(self.record)
        world.alive.append(self)
        self._reaper = world.scheduler.spawn(self.name, self._reap, TIMEOUT)
        self.tasks.append(world.scheduler.spawn(self.name, partial(self._live, work, on_end)))

    def _live(self, work: Callable[[], None], on_end: Callable[[str], None]) -> None:
        outcome = "answered"
        self.wake()
        try:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - Lambda takes any exception for a failed try
                outcome = "failed"
                self.world.trace(self.name, f"raises {type(error).__name__}: {error}")
            self.sleep(0.0)
        finally:
            self._end(outcome, on_end)

    def _end(self, outcome: str, on_end: Callable[[str], None]) -> None:
        world = self.world
        if self not in world.alive:
            return
        world.alive.remove(self)
        if not self._timed_out:
            world.scheduler.kill(self._reaper)
        if self.dead:
            outcome = "died"
        self.record.ended, self.record.ended_at = outcome, world.scheduler.now
        world.trace(self.name, f"has {'ended' if outcome == 'answered' else outcome}")
        self.tasks.clear()
        self._clients.clear()
        del self.monotonic
        on_end(outcome)

    def _reap(self) -> None:
        self.world.trace(self.name, "is ended by Lambda: its time is up")
        self.dead = self._timed_out = True
        for task in self.tasks:
            self.world.scheduler.kill(task)

    def die(self) -> None:
        """End this process, here and now."""
        self.dead = True
        self.world.trace(self.name, "DIES")
        current = self.world.scheduler.current
        for task in self.tasks:
            if task is not current:
                self.world.scheduler.kill(task)
        raise Killed

    def uniform(self) -> float:
        """Return a random number from 0 to 1."""
        return self._dice.random()

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""
        return max(0, int((self._ends_at - self.now) * 1000))

    # --------------------------------------------------------------------------------------------- its clock

    def time(self) -> float:
        """Return the seconds since the epoch, as this machine has them."""
        return self.now + self.world.story.skew

    def sleep(self, seconds: float) -> None:
        """Wait."""
        if self.dead:
            raise Killed
        scheduler = self.world.scheduler
        scheduler.sleep_until(self.now + seconds)
        self.now = scheduler.now

    def wait(self, signal: Signal) -> None:
        """Wait for *signal*."""
        self.sleep(0.0)
        self.world.scheduler.wait(signal)
        self.wake()

    def wake(self) -> None:
        """Let it be now for the task that begins or goes on."""
        self.now = self.world.scheduler.now

    # --------------------------------------------------------------------------------------------- its calls

    def _client(self, service: str, _region: str | None, seconds: float) -> Any:
        both, read_timeout = _READ_TIMEOUTS[0]
        if seconds < both:
            read_timeout = next((read for both, read in _READ_TIMEOUTS if both <= seconds), _READ_TIMEOUTS[-1][1])
        client = self._clients.get((service, read_timeout))
        if client is None:
            client = self._clients[service, read_timeout] = self.world.client(self, service, read_timeout)
        return client

    def _under_way(self) -> float:
        """Return the seconds that a request or a reply takes."""
        return self._fate.pace * (0.01 + 0.05 * self._dice.random())

    def _reply(self) -> None:
        """Let the reply to what was done now be under way."""
        self.now = self.world.scheduler.now + self._under_way()

    def call(self, service: str, operation: str, parameters: Mapping[str, Any], read_timeout: float) -> dict[str, Any]:
        """Make one call, and let happen to it what is to happen."""
        self.sleep(self._under_way())
        self._number += 1
        fault = self._fault(service, operation) if self._fate.faults or self.world.outages else None
        if fault is not None:
            return self._disturbed(fault, service, operation, parameters, read_timeout)
        self.record.calls += 1
        answer, refusal = self._serve(service, operation, parameters, "")
        self._reply()
        if refusal:
            raise _client_error(operation, *refusal)
        return answer | _METADATA

    def _disturbed(
        self, fault: Fault, service: str, operation: str, parameters: Mapping[str, Any], read_timeout: float
    ) -> dict[str, Any]:
        kind = fault.kind
        if kind == "freeze":
            self.sleep(fault.amount)
        if kind not in {"throttled", "throttling storm"}:
            self.record.calls += 1
        if kind == "die before":
            self.die()
        if kind in _NOT_CARRIED_OUT:
            self.world.calls += 1
            self._trace(operation, parameters, f"{kind}, not carried out")
            if operation in WRITES:
                self.world.checks.not_carried_out(self, parameters)
            self._fail(kind, operation, read_timeout)
        answer, refusal = self._serve(service, operation, parameters, f", {kind}")
        if kind == "die after":
            self.die()
        if kind in _CARRIED_OUT:
            self._fail(kind, operation, read_timeout)
        self._reply()
        if refusal:
            raise _client_error(operation, *refusal)
        return answer | _METADATA

    def _serve(
        self, service: str, operation: str, parameters: Mapping[str, Any], suffix: str
    ) -> tuple[dict[str, Any], tuple[Any, ...]]:
        """Let the service carry the call out, and return its answer, or what its refusal says."""
        world = self.world
        try:
            answer = world.served(service, operation, parameters, self)
        except (WorkMailError, DynamoDBError) as error:
            if error.code in {"NameAvailabilityException", "EmailAddressInUseException"}:
                world.checks.refused(self, parameters)
            world.calls += 1
            self._trace(operation, parameters, error.code + suffix)
            status, reasons = getattr(error, "status", 400), getattr(error, "reasons", ())
            return {}, (error.code, error.message, status, reasons)
        world.calls += 1
        if world.tracing:
            self._trace(operation, parameters, f"OK{suffix}")
        return answer, ()

    def _fault(self, service: str, operation: str) -> Fault | None:
        world = self.world
        outage = world.outage(service, operation) if world.outages else None
        if outage is not None:
            self.record.happened.append(outage)
            return outage
        may_be_unavailable = service == "workmail" and _may_be_unavailable(operation)
        fault = self._fate.faults.get(self._number)
        if fault is not None and fault.kind == "directory unavailable" and not may_be_unavailable:
            self._fate.faults.setdefault(self._number + 1, fault)
        elif fault is not None:
            self._meet(fault)
            if fault.kind == "throttling storm":
                self._storm_ends = world.scheduler.now + fault.amount
            elif fault.kind in {"throttled", "error 500", "directory unavailable"}:
                self._repeat, self._repeats = fault, int(fault.amount)
            else:
                return fault
        if service == "workmail" and world.scheduler.now < self._storm_ends:
            return Fault("storm", "throttling storm")
        repeat = self._repeat if self._repeats > 0 else None
        if repeat is not None and (repeat.kind != "directory unavailable" or may_be_unavailable):
            self._repeats -= 1
            return repeat
        return None

    def _meet(self, fault: Fault) -> None:
        self.record.happened.append(fault)
        self.world.faults += 1
        self.world.met.append(fault.identity)

    def _fail(self, kind: str, operation: str, read_timeout: float) -> None:
        self.record.failed_calls += 1
        if operation in {"DescribeStackResource", "DescribeStacks"}:
            self.world.checks.unasked = True
        match kind:
            case "throttled" | "throttling storm":
                self._reply()
                raise _client_error(operation, "ThrottlingException", "Rate exceeded", 400)
            case "error 500" | "error 500, carried out":
                self._reply()
                raise _client_error(operation, "InternalFailure", "an unknown error", 500)
            case "directory unavailable":
                self._reply()
                raise _client_error(operation, "DirectoryUnavailableException", "It might be located elsewhere.", 400)
            case "denied":
                self._reply()
                raise _client_error(
                    operation, "AccessDeniedException", f"is not authorized to perform: {operation}", 400
                )
            case "hangs, carried out" | "hangs, not carried out":
                self.sleep(read_timeout)
                raise ReadTimeoutError(endpoint_url="https://service")
            case "request lost" | "unreachable":
                self._reply()
                raise EndpointConnectionError(endpoint_url="https://service")
            case _:
                self._reply()
                raise ConnectionClosedError(endpoint_url="https://service")

    def _trace(self, operation: str, parameters: Mapping[str, Any], outcome: str) -> None:
        if self.world.tracing:
            self.world.trace(self.name, f"{operation} {_brief(parameters)} -> {outcome}")

    def put(self, url: str, body: bytes, _timeout: float) -> int:
        """Send an answer."""
        fault, self._fate.answer = self._fate.answer, None
        if fault is not None:
            self._meet(fault)
        self.sleep(self._under_way())
        kind = fault.kind if fault is not None else None
        if kind == "die before":
            self.die()
        if kind == "request lost":
            raise ConnectionRefusedError
        if kind == "error 500":
            return 503
        status = self.world.cloudformation.put(url, body, self)
        if kind == "die after":
            self.die()
        if kind == "reply lost":
            raise ConnectionResetError
        self._reply()
        return status


_NOT_CARRIED_OUT: Final = frozenset(
    {
        "request lost",
        "hangs, not carried out",
        "throttled",
        "error 500",
        "directory unavailable",
        "throttling storm",
        "denied",
        "unreachable",
    }
)
_CARRIED_OUT: Final = frozenset({"reply lost", "hangs, carried out", "error 500, carried out"})


def _may_be_unavailable(operation: str) -> bool:
    return "DirectoryUnavailableException" in modelled_errors(operation)


def _client_error(
    operation: str, code: str, message: str, status: int, reasons: Sequence[Mapping[str, Any]] = ()
) -> ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": CALL_ID},
    }
    if reasons:
        response["CancellationReasons"] = reasons
    return ClientError(response, operation)


_LEFT_OUT: Final = frozenset(
    {
        "TableName",
        "ConsistentRead",
        "OrganizationId",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ConditionExpression",
        "KeyConditionExpression",
        "MaxResults",
        "ResourceType",
    }
)


def _brief(parameters: Mapping[str, Any]) -> str:
    """Return the parameters of a call as short as a person wants them."""
    values = parameters.get("ExpressionAttributeValues", {}) if "KeyConditionExpression" in parameters else {}
    return _short({**parameters, **values})


def _short(value: Any) -> str:
    match value:
        case {"S": str(text)} | {"N": str(text)} if len(value) == 1:
            return text or "''"
        case {"BOOL": bool(truth)}:
            return str(truth).lower()
        case dict():
            return "{" + ", ".join(f"{key}: {_short(one)}" for key, one in value.items() if key not in _LEFT_OUT) + "}"
        case list():
            return "[" + ", ".join(map(_short, value)) + "]"
        case _:
            return str(value)


__all__ = ["DEADLY", "ENVIRONMENT", "LEDGER_TABLE", "TIMEOUT", "Delivery", "Try", "Worker"]
