"""Time, as the rest of the package sees it: one clock that comes in from outside, and deadlines on it."""

import time
from dataclasses import dataclass, field
from typing import Protocol

from .errors import OutOfTimeError


class Clock(Protocol):
    """Time and waiting, in seconds."""

    def time(self) -> float:
        """Return the seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The clock of this machine."""

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(slots=True)
class _Stop:
    """Whether somebody has answered; one thread sets it, and others look at it."""

    called: bool = False


@dataclass(slots=True)
class Deadline:
    """The moment by which work must have stopped, so that the answer still goes out.

    Attributes
    ----------
    at:
        On the clock's monotonic scale.
    """

    clock: Clock
    at: float
    _stop: _Stop = field(default_factory=_Stop)

    def stop(self) -> None:
        """Let every later :meth:`check` fail: somebody has answered in the meantime."""
        self._stop.called = True

    def remaining(self) -> float:
        """Return the seconds left, never less than 0."""
        return 0.0 if self._stop.called else max(0.0, self.at - self.clock.monotonic())

    def check(self) -> None:
        """Raise when no time is left.

        Raises
        ------
        OutOfTimeError
            The deadline has passed, or the event was answered already.
        """
        if self._stop.called or self.clock.monotonic() >= self.at:
            raise OutOfTimeError

    def sleep(self, seconds: float) -> None:
        """Wait *seconds*.

        Raises
        ------
        OutOfTimeError
            So much time is not left; nothing was waited for.
        """
        if seconds >= self.remaining():
            raise OutOfTimeError
        self.clock.sleep(seconds)
        self.check()

    def within(self, seconds: float) -> "Deadline":
        """Return a deadline in *seconds* seconds at the latest, stopped together with this one."""
        return Deadline(self.clock, self.clock.monotonic() + min(seconds, self.remaining()), self._stop)

    def earlier(self, share: float) -> "Deadline":
        """Return a deadline at *share* (0..1) of the time that is left, stopped together with this one."""
        return Deadline(self.clock, self.clock.monotonic() + self.remaining() * share, self._stop)
