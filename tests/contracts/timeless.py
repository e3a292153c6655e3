"""The provider in this process and in virtual time, for stories of dead and slow workers, of leases and of waits.

Events are handled one inside the other, never side by side: an action that a story puts before, after or instead of
waiting between two calls of an event may deliver others, and the outer one then goes on. A worker that dies stops at
that call for good, and leaves behind whatever it had written. The services are in memory, as those of the matrices.
"""

import json
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Final, Literal, NoReturn
from urllib.parse import urlsplit

from tests.harness.answer import Answer
from tests.harness.inprocess import Log, NoTimer
from tests.matrices.virtual import VirtualStage, as_botocore
from tests.simulation.awslambda import LEDGER_TABLE
from workmail_resource import last_resort
from workmail_resource.app import Invocation, Outside, UnfinishedError
from workmail_rooms.sandbox.account import REGION
from workmail_rooms.sandbox.awslambda.responses import Received
from workmail_rooms.sandbox.awslambda.sink import Request
from workmail_rooms.sandbox.cloudformation.ports import ResponsePut
from workmail_rooms.sandbox.services import Call

#: Seconds: the function's timeout.
TIMEOUT: Final = 300.0
#: Seconds that a call takes.
_CALL: Final = 0.05

Event = Mapping[str, Any]
Act = Callable[[], object]


class Dead(BaseException):
    """The worker's process has ended; whatever it still tries has no effect."""


@dataclass(slots=True)
class _Rule:
    operation: str | None
    when: Literal["before", "after"]
    act: Act | None
    left: int


@dataclass(eq=False)
class _Worker:
    """One try of an event. Implements ``protocol.clock.Clock``, and makes clients."""

    play: "Timeless"
    ends_at: float
    dead: bool = False
    puts: list[ResponsePut] = field(default_factory=list)
    calls: int = 0

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self.play.now

    def monotonic(self) -> float:
        """Return the same."""
        return self.play.now

    def sleep(self, seconds: float) -> None:
        """Let the time pass; what the story does meanwhile is done first."""
        self._check()
        self.play.now += seconds
        if self.play.meanwhile:
            self.play.meanwhile.pop(0)()

    def client(self, service: str, _region: str | None, _seconds: float) -> Any:
        """Return a client whose calls the story can get hold of."""

        def method(name: str) -> Callable[..., Any]:
            operation = "".join(map(str.capitalize, name.split("_")))

            def call(**parameters: Any) -> Any:
                self._check()
                self.calls += 1
                self.play.now += _CALL
                self._act("before", operation)
                try:
                    made = Call(service, operation, parameters)
                    return as_botocore(operation, lambda: self.play.stage.serve(made, self))
                finally:
                    self._act("after", operation)

            return call

        return _Methods(method, SimpleNamespace(service_model=SimpleNamespace(service_name=service)))

    def put(self, url: str, body: bytes, timeout: float) -> int:
        """Take an answer."""
        self._check()
        if self.play.endpoint is not None:
            return self.play.endpoint(timeout)
        parts = urlsplit(url)
        headers = {"content-type": "", "content-length": str(len(body))}
        request = Request("PUT", f"{parts.path}?{parts.query}", headers, body)
        self.play.stage.received.append(Received(request, 200))
        self.puts.append(ResponsePut(body, headers))
        return 200

    def remaining(self) -> int:
        """Return the milliseconds until Lambda's deadline."""
        return max(0, math.floor((self.ends_at - self.play.now) * 1000))

    def die(self) -> NoReturn:
        """End the process."""
        self.dead = True
        raise Dead

    def _check(self) -> None:
        if self.dead:
            raise Dead
        if self.play.now >= self.ends_at:
            self.dead = True
            raise Dead

    def _act(self, when: str, operation: str) -> None:
        for rule in tuple(self.play.rules):
            if rule.left and rule.when == when and rule.operation in {None, operation}:
                rule.left -= 1
                if rule.left:
                    continue
                self.play.rules.remove(rule)
                if rule.act is None:
                    self.dead = True
                else:
                    rule.act()
        self._check()


class _Methods:
    """A client: every attribute but ``meta`` is a call."""

    def __init__(self, method: Callable[[str], Callable[..., Any]], meta: Any) -> None:
        self._method = method
        self.meta = meta

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return self._method(name)


class Timeless:
    """Plays stories on a stage in virtual time.

    Attributes
    ----------
    log:
        What the function has logged.
    rules, meanwhile:
        What the story does at calls, and when somebody waits.
    calls, took:
        Of the last event that has ended: its calls, and the seconds that it took.
    comes_again:
        Whether Lambda will deliver the last event that has ended again.
    endpoint:
        What answers a PUT instead, as ``protocol.response.Put`` but for the URL and the body.
    """

    def __init__(self, stage: VirtualStage) -> None:
        self.stage = stage
        self.log: list[dict[str, Any]] = []
        self.rules: list[_Rule] = []
        self.meanwhile: list[Act] = []
        self.calls, self.took = 0, 0.0
        self.comes_again = False
        self.endpoint: Callable[[float], int] | None = None
        self._rng = random.Random(1)  # noqa: S311 - jitter

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.stage.world.scheduler.now

    @now.setter
    def now(self, now: float) -> None:
        self.stage.world.scheduler.now = now

    # ------------------------------------------------------------------------------------------------ events

    def event(self, request_type: str, **arguments: Any) -> dict[str, Any]:
        """Make an event as ``Stage.event`` does, signed now, and never in the second of another one."""
        self.now += 1
        at = datetime.fromtimestamp(int(self.now), UTC)
        return self.stage.event(request_type, **{"signed_at": at, **arguments})

    def update(self, room: str, old: Event, new: Event, logical_id: str = "Room") -> dict[str, Any]:
        """Make an Update of a room from *old* to *new*."""
        return self.event("Update", properties=new, old_properties=old, physical_id=room, logical_id=logical_id)

    def create(self, **arguments: Any) -> str:
        """Let a Create succeed, and return the room's id."""
        answer = self.deliver(self.event("Create", **arguments))
        assert answer.succeeded, answer.reason
        return answer.physical_id

    def deliver(self, event: Event) -> Answer:
        """Handle *event*, and return its one answer."""
        worker = self._run(event)
        assert not worker.dead, f"the worker died; its log: {json.dumps(self.log[-5:], default=str)}"
        assert len(worker.puts) == 1
        return Answer.of(worker.puts[0], event)

    def dies(
        self, event: Event, operation: str | None, nth: int = 1, *, when: Literal["before", "after"] = "after"
    ) -> None:
        """Handle *event* until its worker dies at its *nth* call of an *operation*, or of any."""
        self.rules.insert(0, _Rule(operation, when, None, nth))
        worker = self._run(event)
        assert worker.dead, f"it never called {operation} {nth} times"
        assert not worker.puts

    def last_resort(self, event: Event) -> Answer:
        """Let the last-resort function answer an event whose every try has died."""
        worker = _Worker(self, self.now + TIMEOUT)
        record = {"requestPayload": event, "requestContext": {"condition": "RetriesExhausted"}}
        context = SimpleNamespace(aws_request_id="lambda", log_stream_name="stream")
        last_resort.answer(record, context, clock=worker, uniform=self._rng.random, put=worker.put, environment={})
        return Answer.of(worker.puts[0], event)

    def _run(self, event: Event) -> _Worker:
        self.stage.cloudformation.sent(event)
        worker = _Worker(self, self.now + TIMEOUT)
        self.comes_again = False
        started = self.now
        context: Any = SimpleNamespace(
            aws_request_id="lambda", log_stream_name="stream", get_remaining_time_in_millis=worker.remaining
        )
        outside = Outside(
            clock=worker,
            rng=self._rng,
            client=worker.client,
            put=worker.put,
            start_timer=lambda _seconds, _call: NoTimer(),
            environment={"LEDGER_TABLE": LEDGER_TABLE, "WORKMAIL_REGION": REGION},
            telemetry=lambda *_arguments, **_keys: Log(self.log),  # type: ignore[arg-type] # as much of it
        )
        try:
            Invocation(event, context, outside).run()
        except Dead:
            assert worker.dead
        except UnfinishedError:
            self.comes_again = True
        self.calls, self.took = worker.calls, self.now - started
        return worker

    # ------------------------------------------------------------------------------------------------ what happens

    def before(self, operation: str, act: Act, nth: int = 1) -> None:
        """Do something before the *nth* call of an operation from now on."""
        self.rules.append(_Rule(operation, "before", act, nth))

    def after(self, operation: str, act: Act, nth: int = 1) -> None:
        """Do something when the *nth* call of an operation from now on was carried out."""
        self.rules.append(_Rule(operation, "after", act, nth))

    def at_next_wait(self, act: Act) -> None:
        """Do something when somebody waits next."""
        self.meanwhile.append(act)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def logged(self, words: str) -> bool:
        """Tell whether a message with these words was logged."""
        return any(words in str(line["message"]) for line in self.log)
