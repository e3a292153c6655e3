import gc
import weakref
from functools import partial

import pytest

from tests.simulation.scheduler import Killed, Scheduler, Signal


def test_tasks_take_turns_in_virtual_time() -> None:
    """Tasks go on in the order of the times they wait for, and nobody really waits."""
    scheduler, seen = Scheduler(100.0), []

    def task(name: str, *waits: float) -> None:
        for seconds in waits:
            scheduler.sleep(seconds)
            seen.append((name, scheduler.now))

    scheduler.spawn("a", lambda: task("a", 3600.0, 1.0))
    scheduler.spawn("b", lambda: task("b", 10.0, 3595.0), delay=1.0)
    scheduler.run(10_000.0)
    assert seen == [("b", 111.0), ("a", 3700.0), ("a", 3701.0), ("b", 3706.0)]


def test_a_signal_wakes_who_waits_for_it() -> None:
    """Who waits for a signal goes on when it happens, or when the time is up."""
    scheduler, seen, signal = Scheduler(0.0), [], Signal()

    def waits(timeout: float | None) -> None:
        seen.append((scheduler.wait(signal, timeout), scheduler.now, signal.value))

    scheduler.spawn("patient", lambda: waits(None))
    scheduler.spawn("impatient", lambda: waits(1.0))
    scheduler.spawn("other", lambda: scheduler.happen(signal, "value"), delay=2.0)
    scheduler.run(10.0)
    assert seen == [(False, 1.0, None), (True, 2.0, "value")]


def test_a_killed_task_has_no_further_effect() -> None:
    """A task that is killed ends where it waits; what it waits for later is not waited for."""
    scheduler, seen = Scheduler(0.0), []

    def victim() -> None:
        try:
            scheduler.sleep(10.0)
        except Killed:
            seen.append("killed")
            raise
        seen.append("survived")

    sleeping = scheduler.spawn("victim", victim)
    not_begun = scheduler.spawn("not begun", lambda: seen.append("begun"), delay=8.0)

    def killer() -> None:
        for task in (sleeping, not_begun):
            scheduler.kill(task)

    scheduler.spawn("killer", killer, delay=5.0)
    scheduler.run(100.0)
    assert seen == ["killed"]
    assert sleeping.happened
    assert not_begun.happened


def test_an_error_in_a_task_ends_the_run() -> None:
    """A defect of a task is not lost."""
    scheduler = Scheduler(0.0)

    def broken() -> None:
        raise ZeroDivisionError

    scheduler.spawn("broken", broken)
    with pytest.raises(ZeroDivisionError):
        scheduler.run(1.0)


def test_thousands_of_tasks_may_wait_at_once() -> None:
    """How many tasks there are is limited by nothing: each begins where nobody else's calls lie below it."""
    scheduler = Scheduler(0.0)
    seen: list[int] = []

    def one(number: int) -> None:
        scheduler.sleep(10.0)
        seen.append(number)

    for number in range(2000):
        scheduler.spawn("one", partial(one, number), delay=number / 1000)
    scheduler.run(100.0)
    assert seen == list(range(2000))


def test_nothing_is_left_of_a_scheduler_that_has_run() -> None:
    """Fibers that ran out of work do not keep what they ran: millions of stories fit into memory."""
    scheduler = Scheduler(0.0)
    for number in range(3):
        scheduler.spawn("one", partial(scheduler.sleep, 1.0), delay=number / 10)
    scheduler.run(10.0)
    gone = weakref.ref(scheduler)
    del scheduler
    gc.collect()
    assert gone() is None
