"""Virtual time: tasks that take turns at their waits, in the order of the times they ask for and nothing else."""

import heapq
from collections.abc import Callable
from typing import Any

import greenlet


class Killed(BaseException):
    """The process of this task has died; whatever it still tries has no effect, and no handler may survive it."""


class Task:
    """Something that runs until it waits; of one worker there may be several.

    Attributes
    ----------
    token:
        The number of its latest wait; who wakes it for an earlier one does nothing.
    done:
        Happens when it has ended.
    error:
        What it has raised.
    """

    __slots__ = ("done", "error", "fiber", "name", "token")

    def __init__(self, name: str, fiber: greenlet.greenlet) -> None:
        self.name = name
        self.fiber = fiber
        self.token = 0
        self.error: BaseException | None = None
        self.done = Signal()


class Signal:
    """Something that will have happened, and perhaps a value that came of it."""

    __slots__ = ("happened", "value", "waiting")

    def __init__(self) -> None:
        self.happened = False
        self.value: Any = None
        self.waiting: list[Task] = []


class Scheduler:
    """Runs tasks in virtual time.

    Attributes
    ----------
    now:
        Seconds since the epoch.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._queue: list[tuple[float, int, Task, int]] = []
        self._number = 0
        self._current: Task | None = None
        self._main = greenlet.getcurrent()
        self._until = 0.0

    def spawn(self, name: str, run: Callable[[], object], delay: float = 0.0) -> Task:
        """Start a task in so many seconds."""

        def body() -> None:
            try:
                run()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 - raised by whoever looks at the task
                task.error = error
            self.happen(task.done)

        task = Task(name, greenlet.greenlet(body, self._main))
        self._wake_at(task, self.now + delay)
        return task

    def _wake_at(self, task: Task, at: float) -> None:
        self._number += 1
        task.token += 1
        heapq.heappush(self._queue, (at, self._number, task, task.token))

    def sleep(self, seconds: float) -> None:
        """Let the current task wait."""
        task = self._current
        if task is None:
            raise RuntimeError("only a task can wait")
        at = self.now + seconds if seconds > 0 else self.now
        queue = self._queue
        if at <= self._until and (not queue or at < queue[0][0]):
            # Nobody else's turn comes before: going on at once is what the queue would come to.
            self.now = at
            return
        self._number += 1
        task.token += 1
        heapq.heappush(queue, (at, self._number, task, task.token))
        self._main.switch()

    def wait(self, signal: Signal, timeout: float | None = None) -> bool:
        """Let the current task wait for *signal*; return whether it has happened."""
        if signal.happened:
            return True
        task = self._task()
        signal.waiting.append(task)
        if timeout is None:
            task.token += 1
        else:
            self._wake_at(task, self.now + timeout)
        self._main.switch()
        if not signal.happened:
            signal.waiting.remove(task)
        return signal.happened

    def happen(self, signal: Signal, value: object = None) -> None:
        """Wake whoever waits for *signal*; the first time counts."""
        if signal.happened:
            return
        signal.happened, signal.value = True, value
        for task in signal.waiting:
            self._wake_at(task, self.now)
        signal.waiting.clear()

    def kill(self, task: Task) -> None:
        """End a task where it waits."""
        if task is self._current:
            raise Killed
        if task.done.happened:
            return
        task.token += 1
        if not task.fiber:
            # It has not begun, and never will.
            self.happen(task.done)
            return
        before, self._current = self._current, task
        task.fiber.parent = greenlet.getcurrent()
        task.fiber.throw(Killed)
        self._current = before

    def run(self, until: float) -> None:
        """Let the tasks run until nothing is left to do, or until that time.

        Raises
        ------
        BaseException
            What a task that nobody looks at has raised.
        """
        queue, self._until = self._queue, until
        while queue and queue[0][0] <= until:
            at, _, task, token = heapq.heappop(queue)
            if token != task.token or task.done.happened:
                continue
            self.now = max(self.now, at)
            self._current = task
            task.fiber.switch()
            self._current = None
            if task.error is not None:
                raise task.error

    @property
    def current(self) -> Task | None:
        """The task that runs."""
        return self._current

    def _task(self) -> Task:
        if self._current is None:
            raise RuntimeError("only a task can wait")
        return self._current
