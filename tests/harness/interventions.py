"""What a test does to the calls between the function and the services."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from workmail_rooms.sandbox.services import Answer, Call

Act = Callable[[Call], Answer | None]


@dataclass(slots=True, kw_only=True)
class _Rule:
    operation: str | None
    service: str | None
    hit: range
    before: Act | None
    after: Act | None
    seen: int = 0

    def matches(self, call: Call) -> bool:
        return self.operation in {None, call.operation} and self.service in {None, call.service}


@dataclass(slots=True)
class Interventions:
    """Counts the calls and does to some of them what the test has asked for. Implements ``services.Interceptor``.

    Every method takes the operation that it is about (None: any), the service (None: any), and which of such calls are
    meant: *times* of them from the *nth* on, counted from 1 since the method was called.
    """

    _rules: list[_Rule] = field(default_factory=list)
    _hit: dict[int, list[_Rule]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        operation: str | None = None,
        nth: int = 1,
        *,
        code: str = "InternalServerException",
        status: int = 500,
        message: str = "as the test asked",
        times: int = 1,
        service: str | None = None,
        carried_out: bool = False,
    ) -> None:
        """Answer with an error, after the call was carried out or, as by default, instead of it."""
        answer = Answer.error(status, code, message)
        self._answer(operation, service, nth, times, answer, carried_out=carried_out)

    def throttle(
        self, operation: str | None = None, nth: int = 1, *, times: int = 1, service: str | None = None
    ) -> None:
        """Answer ThrottlingException."""
        self.fail(operation, nth, code="ThrottlingException", status=400, times=times, service=service)

    def lose_reply(
        self, operation: str | None = None, nth: int = 1, *, times: int = 1, service: str | None = None
    ) -> None:
        """Carry the call out and close the connection without an answer."""
        self._answer(operation, service, nth, times, Answer(None), carried_out=True)

    def drop(self, operation: str | None = None, nth: int = 1, *, times: int = 1, service: str | None = None) -> None:
        """Close the connection and carry nothing out."""
        self._answer(operation, service, nth, times, Answer(None), carried_out=False)

    def delay(
        self,
        seconds: float,
        operation: str | None = None,
        nth: int = 1,
        *,
        times: int = 1,
        service: str | None = None,
    ) -> None:
        """Wait before the call is carried out."""

        def wait(_call: Call) -> None:
            time.sleep(seconds)

        self.before(wait, operation, nth, times=times, service=service)

    def before(
        self,
        act: Act,
        operation: str | None = None,
        nth: int = 1,
        *,
        times: int = 1,
        service: str | None = None,
    ) -> None:
        """Run *act* before the call is carried out; the answer that it returns, if any, is given instead."""
        self._rules.append(
            _Rule(operation=operation, service=service, hit=range(nth, nth + times), before=act, after=None)
        )

    def after(
        self,
        act: Act,
        operation: str | None = None,
        nth: int = 1,
        *,
        times: int = 1,
        service: str | None = None,
    ) -> None:
        """Run *act* when the call has been carried out and not answered yet."""
        self._rules.append(
            _Rule(operation=operation, service=service, hit=range(nth, nth + times), before=None, after=act)
        )

    def clear(self) -> None:
        """Let everything through from now on."""
        with self._lock:
            self._rules.clear()

    def _answer(
        self, operation: str | None, service: str | None, nth: int, times: int, answer: Answer, *, carried_out: bool
    ) -> None:
        add = self.after if carried_out else self.before
        add(lambda _call: answer, operation, nth, times=times, service=service)

    def _count(self, call: Call) -> list[_Rule]:
        hit = []
        for rule in self._rules:
            if rule.matches(call):
                rule.seen += 1
                if rule.seen in rule.hit:
                    hit.append(rule)
        return hit

    def _run(self, acts: Iterator[Act], call: Call) -> Answer | None:
        answer = None
        for act in acts:
            answer = act(call) or answer
        return answer

    def on_arrival(self, call: Call) -> Answer | None:
        """Count a call and do what is to be done before it."""
        with self._lock:
            hit = self._count(call)
            self._hit[id(call)] = hit
        answer = self._run((rule.before for rule in hit if rule.before is not None), call)
        if answer is not None:
            self._hit.pop(id(call), None)
        return answer

    def on_departure(self, call: Call) -> Answer | None:
        """Do what is to be done after a call."""
        with self._lock:
            hit = self._hit.pop(id(call), [])
        return self._run((rule.after for rule in hit if rule.after is not None), call)


class Interceptor:
    """Interventions in the form that the services want them in."""

    def __init__(self, interventions: Interventions) -> None:
        self._interventions = interventions

    def before(self, call: Call) -> Answer | None:
        """Return an answer to give instead of carrying the call out, or None."""
        return self._interventions.on_arrival(call)

    def after(self, call: Call, status: int) -> Answer | None:
        """Return an answer to give instead of the service's own, or None."""
        del status
        return self._interventions.on_departure(call)
