"""Which failures pass, and how long to wait before the next try."""

import random
from collections.abc import Iterator
from typing import Final

from botocore.exceptions import ConnectionError as BotoConnectionError
from botocore.exceptions import HTTPClientError, SSLError

from .advice import THROTTLING_CODES
from .errors import ServiceError

#: Tries of a call that fails for another reason than throttling; throttled calls are tried until the deadline.
MAX_ATTEMPTS: Final = 8
FIRST_DELAY: Final = 0.2
LONGEST_DELAY: Final = 10.0

#: The same for throttled calls. A limit without room for a burst passes one call, and every moment from its next token
#: to the next call is lost: so the waits begin short and grow slowly. With hundreds of events at a time they still grow
#: until the rate is enough for all of them. Measured by ``make bench``.
FIRST_THROTTLED_DELAY: Final = 0.1
THROTTLED_GROWTH: Final = 1.05

_TRANSIENT_CODES: Final = frozenset(
    {
        "DirectoryUnavailableException",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429


def delays(
    rng: random.Random, first: float = FIRST_DELAY, longest: float = LONGEST_DELAY, growth: float = 2.0
) -> Iterator[float]:
    """Yield waiting times in seconds: exponential with full jitter, never less than half of *first*.

    https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
    """
    ceiling = first
    while True:
        yield max(first / 2, rng.uniform(0, ceiling))
        ceiling = min(longest, ceiling * growth)


def is_throttling(error: ServiceError) -> bool:
    """Tell whether the service refused the call only because of the rate of calls."""
    return error.code in THROTTLING_CODES or error.status == _TOO_MANY_REQUESTS


def is_transient(error: ServiceError) -> bool:
    """Tell whether the same call may well succeed a little later."""
    return is_throttling(error) or error.code in _TRANSIENT_CODES or error.status >= _SERVER_ERROR or is_lost(error)


def is_lost(error: ServiceError) -> bool:
    """Tell whether no reply came, so that the call may or may not have been carried out."""
    cause = error.__cause__
    return isinstance(cause, BotoConnectionError | HTTPClientError) and not isinstance(cause, SSLError)
