"""Carries out tasks in dependency order, as many at once as the dependencies allow."""

from collections import deque
from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from graphlib import TopologicalSorter
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from sandbox.cloudformation.errors import StackFailure
from sandbox.cloudformation.exchange import Exchange, Request
from sandbox.cloudformation.protocol import Answer

Key = TypeVar("Key", bound=Hashable)


class Task(Protocol):
    """Something to do for one resource. Its methods run in the thread that called `run_tasks`."""

    def start(self) -> Request | None:
        """Begin, and return the request whose answer is needed; None when there is nothing more to do.

        Raises
        ------
        StackFailure
            It cannot be done.
        """

    def finish(self, answer: Answer) -> None:
        """Take the answer of a success."""

    def fail(self, answer: Answer) -> None:
        """Take a failure."""

    def cancel(self) -> None:
        """Record that nobody waits for the answer any more."""


def run_tasks(
    tasks: Mapping[Key, Task],
    waits_for: Mapping[Key, frozenset[Key]],
    exchange: Exchange,
    *,
    max_parallel: int,
    cancel_on_failure: bool,
) -> list[Key]:
    """Run *tasks* and return the keys of those that failed, in the order of their failure.

    Parameters
    ----------
    waits_for:
        For each task, the tasks that must have succeeded before it starts.
    cancel_on_failure:
        After a failure start nothing more and cancel what is running, instead of finishing what does not depend on it.
    """
    return _Run(tasks, waits_for, exchange, cancel_on_failure=cancel_on_failure).finish(max_parallel)


class _Run(Generic[Key]):
    def __init__(
        self,
        tasks: Mapping[Key, Task],
        waits_for: Mapping[Key, frozenset[Key]],
        exchange: Exchange,
        *,
        cancel_on_failure: bool,
    ) -> None:
        self._tasks = tasks
        self._exchange = exchange
        self._cancel_on_failure = cancel_on_failure
        self._sorter = TopologicalSorter({key: waits_for.get(key, frozenset()) & tasks.keys() for key in tasks})
        self._sorter.prepare()
        self._ready: deque[Key] = deque(self._sorter.get_ready())
        self._running: dict[Key, Request] = {}
        self._answers: SimpleQueue[tuple[Key, Future[Answer]]] = SimpleQueue()
        self._failed: list[Key] = []

    def finish(self, max_parallel: int) -> list[Key]:
        while True:
            while self._ready and len(self._running) < max_parallel:
                self._start(self._ready.popleft())
            if not self._running:
                return self._failed
            key, future = self._answers.get()
            if key in self._running:  # else it was cancelled
                del self._running[key]
                self._take(key, future.result())

    def _start(self, key: Key) -> None:
        try:
            request = self._tasks[key].start()
        except StackFailure as problem:
            self._fail(key, Answer(failure=str(problem), delivered=False))
            return
        if request is None:
            self._succeed(key)
            return
        self._running[key] = request
        request.future.add_done_callback(lambda future: self._answers.put((key, future)))

    def _take(self, key: Key, answer: Answer) -> None:
        if answer.failure is None:
            self._tasks[key].finish(answer)
            self._succeed(key)
        else:
            self._fail(key, answer)

    def _succeed(self, key: Key) -> None:
        self._sorter.done(key)
        ready = self._sorter.get_ready()
        if not (self._failed and self._cancel_on_failure):
            self._ready.extend(ready)

    def _fail(self, key: Key, answer: Answer) -> None:
        self._tasks[key].fail(answer)
        self._failed.append(key)
        if not self._cancel_on_failure:
            return
        self._ready.clear()
        for other in [other for other, request in self._running.items() if self._exchange.cancel(request)]:
            del self._running[other]
            self._tasks[other].cancel()
            self._failed.append(other)
