import time

import pytest

from tests.unit.workmail_resource.support import FakeClock
from workmail_resource.protocol.clock import Deadline, SystemClock
from workmail_resource.protocol.errors import OutOfTimeError


def deadline(clock: FakeClock, seconds: float) -> Deadline:
    """Return a deadline so many *seconds* from now."""
    return Deadline(clock, clock.monotonic() + seconds)


def test_remaining_counts_down_to_nothing(clock: FakeClock) -> None:
    """The time left shrinks as time passes, and is never less than nothing."""
    limit = deadline(clock, 10)
    assert limit.remaining() == 10
    clock.sleep(4)
    assert limit.remaining() == 6
    clock.sleep(60)
    assert limit.remaining() == 0


def test_check_passes_until_the_deadline(clock: FakeClock) -> None:
    """Work may go on while time is left, and not one moment longer."""
    limit = deadline(clock, 10)
    clock.sleep(9.99)
    limit.check()
    clock.sleep(0.01)
    with pytest.raises(OutOfTimeError):
        limit.check()


def test_sleep_waits(clock: FakeClock) -> None:
    """A wait that fits is waited for."""
    deadline(clock, 10).sleep(3)
    assert clock.slept == [3]


@pytest.mark.parametrize("seconds", [10, 10.1, 3600])
def test_sleep_does_not_begin_what_cannot_end_in_time(clock: FakeClock, seconds: float) -> None:
    """A wait that would use up all the time is refused at once instead of being waited for (contract 12)."""
    with pytest.raises(OutOfTimeError):
        deadline(clock, 10).sleep(seconds)
    assert clock.slept == []


def test_stop_ends_work_at_once(clock: FakeClock) -> None:
    """Once somebody has answered, no call and no wait begins any more (contract 11)."""
    limit = deadline(clock, 10)
    limit.stop()
    assert limit.remaining() == 0
    with pytest.raises(OutOfTimeError):
        limit.check()
    with pytest.raises(OutOfTimeError):
        limit.sleep(0.1)
    assert clock.slept == []


def test_stop_during_a_wait_ends_work_after_it(clock: FakeClock) -> None:
    """Whoever was waiting when the answer went out does not go on afterwards (contract 11)."""

    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            limit.stop()

    clock = Interrupted()
    limit = deadline(clock, 10)
    with pytest.raises(OutOfTimeError):
        limit.sleep(1)
    assert clock.slept == [1]


def test_earlier_is_a_share_of_what_is_left(clock: FakeClock) -> None:
    """Reversible work gets a share of the time that is left at that moment, and the rest is for taking it back."""
    limit = deadline(clock, 20)
    clock.sleep(10)
    hurried = limit.earlier(0.6)
    assert hurried.remaining() == pytest.approx(6)
    clock.sleep(6)
    with pytest.raises(OutOfTimeError):
        hurried.check()
    limit.check()


def test_earlier_is_stopped_together_with_its_origin(clock: FakeClock) -> None:
    """Stopping a deadline stops every deadline that was taken from it, and the other way round (contract 11)."""
    for stopped, other in (0, 1), (1, 0):
        limit = deadline(clock, 20)
        pair = (limit, limit.earlier(0.5))
        pair[stopped].stop()
        with pytest.raises(OutOfTimeError):
            pair[other].check()


def test_system_clock_is_this_machines() -> None:
    """The clock of the deployed function tells the machine's time, and really waits."""
    clock = SystemClock()
    assert clock.time() == pytest.approx(time.time(), abs=5)
    before = clock.monotonic()
    clock.sleep(0.02)
    assert clock.monotonic() - before >= 0.02
