"""Failures on demand: which call fails, and how."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any, Literal, Self

Action = Literal["throttle", "http_500", "http_503", "error", "lose_reply", "drop", "delay"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule: which calls are hit, and what happens to them.

    Without `nth`, `every` and `probability` the rule hits each call of the operation.

    Attributes
    ----------
    action : str
        ``throttle``: ThrottlingException, HTTP 400. ``http_500`` and ``http_503``: InternalFailure and
        ServiceUnavailable. ``error``: the error `code`. ``lose_reply``: the call is carried out and the connection is
        closed without an answer. ``drop``: the connection is closed and nothing is carried out. ``delay``: the call
        starts `seconds` later, other rules still apply.
    operation : str or None
        The operation, such as ``CreateResource``; None for all.
    nth : tuple[int, ...]
        The calls that are hit, counted from 1 among the calls of the operation since the rule was set.
    every : int or None
        Each so-manieth call is hit.
    probability : float or None
        The share of calls that are hit, by the backend's random numbers.
    code : str or None
        The error code of ``error``.
    message : str or None
        The error's message; by default the documented text of `code`.
    status : int
        The HTTP status of ``error``.
    carried_out : bool
        For ``http_500``, ``http_503``, ``throttle`` and ``error``: whether the call takes effect all the same.
    seconds : float
        The length of ``delay``.
    """

    action: Action
    operation: str | None = None
    nth: tuple[int, ...] = ()
    every: int | None = None
    probability: float | None = None
    code: str | None = None
    message: str | None = None
    status: int = 400
    carried_out: bool = False
    seconds: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a rule that cannot mean anything.

        Raises
        ------
        ValueError
            `nth`, `every` and `probability` are mixed, or ``error`` has no `code`.
        """
        if sum((bool(self.nth), self.every is not None, self.probability is not None)) > 1:
            raise ValueError("A Fault has nth, every and probability at once; give one of them.")
        if self.action == "error" and not self.code:
            raise ValueError("A Fault with the action 'error' has no code; give one, such as 'EntityStateException'.")

    def hits(self, count: int, random: Random) -> bool:
        """Tell whether the call number *count* (from 1) of the operation is hit."""
        if self.nth:
            return count in self.nth
        if self.every is not None:
            return count % self.every == 0
        return self.probability is None or random.random() < self.probability

    def export(self) -> dict[str, Any]:
        """Return the rule as JSON-serialisable data."""
        return asdict(self) | {"nth": list(self.nth)}

    @classmethod
    def restore(cls, data: Mapping[str, Any]) -> Self:
        """Return the rule that `export` gave."""
        return cls(**dict(data) | {"nth": tuple(data.get("nth", ()))})


@dataclass(frozen=True)
class RateLimit:
    """A token bucket.

    Attributes
    ----------
    per_second : float
        Requests per second in the long run.
    burst : int
        Requests that may come at once.
    """

    per_second: float
    burst: int = 1


@dataclass
class Injector:
    """Counts calls and decides what happens to each.

    Attributes
    ----------
    counts : list[int]
        Calls seen so far by each rule, in the order of the rules.
    tokens : float or None
        Requests the rate limit would let through now; None before the first.
    at : float
        When `tokens` was last counted, in seconds of the backend's clock.
    """

    counts: list[int]
    tokens: float | None = None
    at: float = 0.0

    def hits(self, faults: Sequence[Fault], operation: str, random: Random) -> list[Fault]:
        """Count a call of *operation* and return the rules that hit it."""
        self.counts += [0] * (len(faults) - len(self.counts))
        hits = []
        for index, fault in enumerate(faults):
            if fault.operation in {None, operation}:
                self.counts[index] += 1
                if fault.hits(self.counts[index], random):
                    hits.append(fault)
        return hits

    def over(self, limit: RateLimit, now: float) -> bool:
        """Take a token at *now* (seconds); tell whether there was none."""
        full = float(limit.burst)
        if self.tokens is None:
            self.tokens = full
        else:
            self.tokens = min(full, self.tokens + max(0.0, now - self.at) * limit.per_second)
        self.at = now
        if self.tokens < 1:
            return True
        self.tokens -= 1
        return False
