"""What Lambda knows of a function before it runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

_SIX_HOURS = 6 * 60 * 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function's configuration, with its configuration for asynchronous invocation.

    See "How Lambda handles errors and retries with asynchronous invocation" in the AWS Lambda developer guide.

    Attributes
    ----------
    arn:
        The unqualified function ARN.
    code:
        The folder that is ``/var/task`` on Lambda.
    handler:
        ``module.attribute``, the module relative to *code*.
    timeout:
        Seconds after which Lambda kills an invocation.
    memory:
        Megabytes. Reported to the function, not enforced.
    environment:
        The function's own variables; they win over those that Lambda sets.
    concurrency:
        Reserved concurrency: how many events are handled at the same time at most.
    maximum_retry_attempts:
        How often a failed event is tried again: 0, 1 or 2.
    maximum_event_age:
        Seconds after which an event is no longer tried (60 to 21600 on Lambda).
    on_failure:
        ARN of the function that gets what failed for good; None for no destination.
    retry_delays:
        Seconds before the first and each further retry. Lambda waits 60 s, then 120 s; nobody wants to wait for
        that on a laptop.
    throttle_delays:
        Seconds after which an event that found the concurrency used up is tried next, at first and at most; the time
        doubles in between. Lambda begins with 1 s and ends with 5 min, which nobody wants to wait for on a laptop
        either.
    runtime:
        The identifier that the function finds in ``AWS_EXECUTION_ENV``.
    """

    arn: str
    code: Path
    handler: str
    timeout: float = 3.0
    memory: int = 128
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    concurrency: int = 4
    maximum_retry_attempts: int = 2
    maximum_event_age: float = _SIX_HOURS
    on_failure: str | None = None
    retry_delays: tuple[float, ...] = (0.1, 0.2)
    throttle_delays: tuple[float, float] = (0.01, 3.0)
    runtime: str = "python3.13"

    @property
    def name(self) -> str:
        """The function's name, which is the last part of its ARN."""
        return self.arn.split(":")[6]

    @property
    def region(self) -> str:
        """The Region in the ARN."""
        return self.arn.split(":")[3]

    def retry_delay(self, attempt: int) -> float:
        """Seconds to wait after the *attempt*-th try (counted from 1) has failed."""
        return self.retry_delays[min(attempt, len(self.retry_delays)) - 1] if self.retry_delays else 0.0

    def throttle_delay(self, times: int, uniform: float) -> float:
        """Seconds to wait when the concurrency was used up for the *times*-th time (counted from 1).

        https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html gives the first and the
        longest interval, and that it grows exponentially. That it differs from event to event is assumed: otherwise all
        that have come together would come together again.

        Parameters
        ----------
        uniform:
            A random number from 0 to 1.
        """
        first, longest = self.throttle_delays
        # No float holds 2 to the power of more than 1023.
        return min(longest, first * 2.0 ** min(times - 1, 64)) * (0.5 + uniform / 2)
