"""Carries out tasks in dependency order, as many at once as the dependencies allow."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from concurrent.futures import Future
from graphlib import TopologicalSorter
from queue import SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from workmail_rooms.sandbox.cloudformation.errors import StackFailure
from workmail_rooms.sandbox.cloudformation.protocol import Answer

Key = TypeVar("Key", bound=Hashable)


class Running(Protocol):
    """What a task has begun and waits for."""

    @property
    def future(self) -> Future[Answer]:
        """The answer, when it is there."""

    @property
    def event(self) -> Mapping[str, Any]:
        """The event that a function was sent; empty when none was."""

    def cancel(self) -> bool:
        """Stop caring about the answer. Returns False when it is in already."""


class Stop:
    """Ends a run of tasks from another thread: nothing more is started, and what is running is cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[], None]] = []
        self.requested = False

    def request(self) -> None:
        """End the run."""
        with self._lock:
            self.requested = True
            listeners = list(self._listeners)
        for listener in listeners:
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call *listener* when the run is to end; at once when it is already."""
        with self._lock:
            self._listeners.append(listener)
            requested = self.requested
        if requested:
            listener()


class Task(Protocol):
    """Something to do for one resource. Its methods run in the thread that called `run_tasks`."""

    def start(self) -> Running | None:
        """Begin, and return what to wait for; None when there is nothing more to do.

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
    *,
    max_parallel: int,
    cancel_on_failure: bool,
    stop: Stop | None = None,
) -> list[Key]:
    """Run *tasks* and return the keys of those that failed, in the order of their failure.

    Parameters
    ----------
    waits_for:
        For each task, the tasks that must have succeeded before it starts.
    cancel_on_failure:
        After a failure start nothing more and cancel what is running, instead of finishing what does not depend on it.
    stop:
        Ends the run as a failure does.
    """
    return _Run(tasks, waits_for, cancel_on_failure=cancel_on_failure).finish(max_parallel, stop or Stop())


class _Run(Generic[Key]):
    def __init__(
        self, tasks: Mapping[Key, Task], waits_for: Mapping[Key, frozenset[Key]], *, cancel_on_failure: bool
    ) -> None:
        self._tasks = tasks
        self._cancel_on_failure = cancel_on_failure
        self._sorter = TopologicalSorter({key: waits_for.get(key, frozenset()) & tasks.keys() for key in tasks})
        self._sorter.prepare()
        self._ready: deque[Key] = deque(self._sorter.get_ready())
        self._running: dict[Key, Running] = {}
        self._answers: SimpleQueue[tuple[Key, Future[Answer]] | None] = SimpleQueue()
        self._failed: list[Key] = []
        self._over = False

    def finish(self, max_parallel: int, stop: Stop) -> list[Key]:
        stop.listen(lambda: self._answers.put(None))
        while True:
            while self._ready and not stop.requested and len(self._running) < max_parallel:
                self._start(self._ready.popleft())
            if stop.requested:
                self._end()
            if not self._running:
                return self._failed
            answered = self._answers.get()
            if answered is None:
                continue
            key, future = answered
            if key in self._running:  # else it was cancelled
                del self._running[key]
                self._take(key, future.result())

    def _start(self, key: Key) -> None:
        try:
            running = self._tasks[key].start()
        except StackFailure as problem:
            self._fail(key, Answer(failure=str(problem), delivered=False))
            return
        except Exception as problem:  # noqa: BLE001 - whatever it is, the operation ends as CloudFormation's would
            self._fail(key, Answer(failure=f"Internal Failure ({type(problem).__name__}: {problem})", delivered=False))
            return
        if running is None:
            self._succeed(key)
            return
        self._running[key] = running
        running.future.add_done_callback(lambda future: self._answers.put((key, future)))

    def _take(self, key: Key, answer: Answer) -> None:
        if answer.failure is None:
            self._tasks[key].finish(answer)
            self._succeed(key)
        else:
            self._fail(key, answer)

    def _succeed(self, key: Key) -> None:
        self._sorter.done(key)
        ready = self._sorter.get_ready()
        if not self._over:
            self._ready.extend(ready)

    def _fail(self, key: Key, answer: Answer) -> None:
        self._tasks[key].fail(answer)
        self._failed.append(key)
        if self._cancel_on_failure:
            self._end()

    def _end(self) -> None:
        self._over = True
        self._ready.clear()
        for key in [key for key, running in self._running.items() if running.cancel()]:
            del self._running[key]
            self._tasks[key].cancel()
            self._failed.append(key)
