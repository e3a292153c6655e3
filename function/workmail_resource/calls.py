"""Calling a service: one place that decides what is tried again, and how long.

botocore's own retries are off: its ``standard`` mode retries ``LimitExceededException``, which is final here, and no
mode of it knows how much time Lambda leaves. A call may thus have been carried out more than once before it answers;
whoever makes one that is not idempotent (CreateResource has no client token) looks at what it finds afterwards.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

import botocore.session
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, SSLError
from botocore.exceptions import ConnectionError as BotoConnectionError

from .clock import Deadline, OutOfTimeError
from .errors import THROTTLING_CODES, ServiceError, from_boto

#: One try a call; seconds to connect and to wait for a reply, well under any Lambda timeout.
CLIENT_CONFIG: Final = Config(
    retries={"total_max_attempts": 1, "mode": "standard"}, connect_timeout=5, read_timeout=20, max_pool_connections=1
)

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

Log = Callable[..., None]


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


@cache
def client(service: str, region: str | None) -> Any:
    """Return the client of a service: the only thing that a warm process keeps from one event to the next.

    Making the two takes about as long as all calls of an event. A client holds the service's model, the credentials of
    the function's role, which Lambda sets once for each process, and open connections; nothing of an event. It is made
    at the first call, so that an import makes none, and a failure to make it is not kept.
    https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html

    Parameters
    ----------
    service:
        ``workmail`` or ``dynamodb``.
    region:
        None for the function's own.
    """
    return botocore.session.Session().create_client(service, region_name=region, config=CLIENT_CONFIG)


class Caller:
    """Makes calls on one boto3 client.

    Parameters
    ----------
    client:
        A boto3 client whose own retries are off (:data:`CLIENT_CONFIG`).
    deadline:
        No call starts after it, and no wait reaches beyond it.
    rng:
        For the jitter.
    log:
        Takes a message and keys; told of every call's outcome.
    """

    def __init__(self, client: Any, *, deadline: Deadline, rng: random.Random, log: Log) -> None:
        self._client = client
        self._service: str = client.meta.service_model.service_name
        self.deadline = deadline
        self.rng = rng
        self.log = log

    def within(self, deadline: Deadline) -> "Caller":
        """Return a caller on the same client with another deadline."""
        return Caller(self._client, deadline=deadline, rng=self.rng, log=self.log)

    def waits(self) -> Iterator[float]:
        """Return fresh waiting times between the tries of something."""
        return delays(self.rng)

    def call(self, operation: str, parameters: Mapping[str, Any], *, subject: str = "") -> dict[str, Any]:
        """Make one call; try again what is transient.

        Parameters
        ----------
        operation:
            The API's name, such as ``DescribeResource``.
        parameters:
            Its parameters.
        subject:
            For the message of a failure, such as ``Name boardroom``.

        Raises
        ------
        ServiceError
            Refused for good, or still failing when attempts or time were used up.
        OutOfTimeError
            There was no time for even one try.
        """
        waits = self.waits()
        throttled = delays(self.rng, FIRST_THROTTLED_DELAY, growth=THROTTLED_GROWTH)
        attempt = 0
        while True:
            self.deadline.check()
            attempt += 1
            try:
                return self._once(operation, parameters, subject, attempt)
            except ServiceError as error:
                if not is_transient(error) or (attempt >= MAX_ATTEMPTS and not is_throttling(error)):
                    raise
                try:
                    self.deadline.sleep(next(throttled if is_throttling(error) else waits))
                except OutOfTimeError:
                    raise error from error.__cause__

    def _once(self, operation: str, parameters: Mapping[str, Any], subject: str, attempt: int) -> dict[str, Any]:
        method = getattr(self._client, xform_name(operation))
        try:
            response: dict[str, Any] = method(**parameters)
        except (ClientError, BotoCoreError) as error:
            failure = from_boto(error, service=self._service, operation=operation, subject=subject, attempts=attempt)
            self.log(
                "call failed",
                operation=operation,
                error_code=failure.code,
                throttled=is_throttling(failure),
                attempt=attempt,
                call_id=failure.request_id,
            )
            raise failure from error
        self.log("call", operation=operation, attempt=attempt, call_id=response["ResponseMetadata"].get("RequestId"))
        return response
