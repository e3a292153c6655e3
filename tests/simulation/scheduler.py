"""Virtual time: tasks that take turns at their waits, in the order of the times they ask for and nothing else."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Final

import greenlet

#: Fibers at rest: to make one takes longer than most of what runs in it, so they go from story to story.
_RESTING: Final[list[greenlet.greenlet]] = []


def _nothing() -> None:
    pass


class Killed(BaseException):
    """The process of this task has died; whatever it still tries has no effect, and no handler may survive it."""


class Signal:
    """Something that will have happened, and perhaps a value that came of it."""

    __slots__ = ("happened", "value", "waiting")

    def __init__(self) -> None:
        self.happened = False
        self.value: Any = None
        self.waiting: list[Task] = []


class Task(Signal):
    """Something that runs until it waits, and a signal of its end; of one worker there may be several.

    Attributes
    ----------
    run:
        What it does.
    fiber:
        Where it runs; None before it has begun, which many timers never do, and after its end.
    token:
        The number of its latest wait; who wakes it for an earlier one does nothing.
    error:
        What it has raised.
    """

    __slots__ = ("error", "fiber", "name", "run", "token")

    def __init__(self, name: str, run: Callable[[], object]) -> None:
        super().__init__()
        self.name = name
        self.run = run
        self.fiber: greenlet.greenlet | None = None
        self.token = 0
        self.error: BaseException | None = None


def _fiber(main: greenlet.greenlet, live: Callable[[Task], bool], task: Task) -> None:
    """Run the tasks of one scheduler after the other, until one is killed; at rest, hold nothing of any."""
    while live(task):
        del live, task
        main, live, task = main.switch()


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
        self._idle: list[greenlet.greenlet] = []
        self._beginning: Task | None = None
        self._until = 0.0

    def spawn(self, name: str, run: Callable[[], object], delay: float = 0.0) -> Task:
        """Start a task in so many seconds."""
        task = Task(name, run)
        self._wake_at(task, self.now + delay)
        return task

    def _live(self, task: Task | None) -> bool:
        """Run tasks, one after the other; return whether the fiber lives on."""
        fiber = greenlet.getcurrent()
        while task is not None:
            try:
                task.run()
            except Killed:
                # Whoever has killed it is the fiber's parent, and goes on now.
                self._end(task)
                return False
            except BaseException as error:  # noqa: BLE001 - raised by whoever looks at the task
                task.error = error
            self._end(task)
            self._idle.append(fiber)
            task = self._go_on() if task.error is None else self._main.switch()
        return True

    def _end(self, task: Task) -> None:
        task.fiber, task.run = None, _nothing
        self.happen(task)

    def _wake_at(self, task: Task, at: float) -> None:
        self._number += 1
        task.token += 1
        heappush(self._queue, (at, self._number, task, task.token))

    def sleep(self, seconds: float) -> None:
        """Let the current task wait."""
        self.sleep_until(self.now + seconds)

    def sleep_until(self, at: float) -> None:
        """Let the current task wait until that time, in seconds since the epoch; it never goes back."""
        task = self._current
        if task is None:
            raise RuntimeError("only a task can wait")
        queue = self._queue
        at = max(at, self.now)
        if at <= self._until and (not queue or at < queue[0][0]):
            # Nobody else's turn comes before: going on at once is what the queue would come to.
            self.now = at
            return
        self._number += 1
        task.token += 1
        heappush(queue, (at, self._number, task, task.token))
        self._go_on()

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
        self._go_on()
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
        if task.happened:
            return
        task.token += 1
        if task.fiber is None:
            # It has not begun, and never will.
            self._end(task)
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
        self._until = until
        while self._queue and self._queue[0][0] <= until:
            self._go_on()
            while self._beginning is not None:
                begun, self._beginning = self._beginning, None
                begun.fiber = _RESTING.pop() if _RESTING else greenlet.greenlet(_fiber, self._main)
                begun.fiber.switch(self._main, self._live, begun)
            task, self._current = self._current, None
            if task is not None and task.error is not None:
                raise task.error
        while self._idle:
            fiber = self._idle.pop()
            fiber.switch(None)
            _RESTING.append(fiber)

    def _go_on(self) -> Any:
        """Let the task go on whose turn it is; return when the one that waits here has its turn again.

        Returns
        -------
        Any
            In a fiber that was idle, its next task; None when nothing is left to do.
        """
        queue, until = self._queue, self._until
        while queue and queue[0][0] <= until:
            at, _, task, token = heappop(queue)
            if token != task.token or task.happened:
                continue
            self.now = at
            before, self._current = self._current, task
            if task.fiber is None and not self._idle:
                # A fiber counts its depth of calls from where it was begun: many that begin each other go too deep.
                self._beginning = task
                break
            if task.fiber is None:
                task.fiber = self._idle.pop()
                return task.fiber.switch(task)
            return task.fiber.switch() if task is not before else None
        return self._main.switch()

    @property
    def current(self) -> Task | None:
        """The task that runs."""
        return self._current

    def _task(self) -> Task:
        if self._current is None:
            raise RuntimeError("only a task can wait")
        return self._current
