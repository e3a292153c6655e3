"""Calling a service: one place that decides what is tried again, and how long.

botocore's own retries are off: its ``standard`` mode retries ``LimitExceededException``, which is final here, and no
mode of it knows how much time Lambda leaves. A call may thus have been carried out more than once before it answers;
whoever makes one that is not idempotent (CreateResource has no client token) looks at what it finds afterwards.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, Final

from botocore import xform_name
from botocore.exceptions import BotoCoreError, ClientError

from workmail_resource.protocol.clock import Deadline
from workmail_resource.protocol.errors import OutOfTimeError

from .errors import Clean, ServiceError, from_boto
from .retries import FIRST_THROTTLED_DELAY, MAX_ATTEMPTS, THROTTLED_GROWTH, delays, is_throttling, is_transient

Log = Callable[..., None]
#: Returns the name that a client has for an operation.
_method_name: Final = cache(xform_name)


class Caller:
    """Makes calls of one service.

    Parameters
    ----------
    client:
        Returns a boto3 client for a call with a limit of seconds; its own retries are off (:data:`CLIENT_CONFIG`).
    deadline:
        No call starts after it, and no wait reaches beyond it.
    rng:
        For the jitter.
    log:
        Takes a message and keys; told of every call's outcome.
    clean:
        Takes out of a service's message what it must not carry on.
    """

    def __init__(
        self,
        client: Callable[[float], Any],
        *,
        deadline: Deadline,
        rng: random.Random,
        log: Log,
        clean: Clean = str,
    ) -> None:
        self._client = client
        self.deadline = deadline
        self.rng = rng
        self.log = log
        self._clean = clean

    def within(self, deadline: Deadline) -> "Caller":
        """Return a caller of the same service with another deadline."""
        return Caller(self._client, deadline=deadline, rng=self.rng, log=self.log, clean=self._clean)

    def waits(self) -> Iterator[float]:
        """Return fresh waiting times between the tries of something."""
        return delays(self.rng)

    def call(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        subject: str = "",
        before: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Make one call; try again what is transient.

        Parameters
        ----------
        operation:
            The API's name, such as ``DescribeResource``.
        parameters:
            Its parameters.
        subject:
            For the message of a failure, such as ``Name boardroom``.
        before:
            Called before each try; may raise to forbid it.

        Raises
        ------
        ServiceError
            Refused for good, or still failing when attempts or time were used up.
        OutOfTimeError
            There was no time for even one try.
        """
        waits = {False: self.waits(), True: delays(self.rng, FIRST_THROTTLED_DELAY, growth=THROTTLED_GROWTH)}
        attempt, failures = 0, 0
        while True:
            self.deadline.check()
            if before is not None:
                before()
            attempt += 1
            try:
                return self._once(operation, parameters, subject, attempt)
            except ServiceError as error:
                throttled = is_throttling(error)
                failures += not throttled
                if not is_transient(error) or failures >= MAX_ATTEMPTS:
                    raise
                try:
                    self.deadline.sleep(next(waits[throttled]))
                except OutOfTimeError:
                    raise error from error.__cause__

    def _once(self, operation: str, parameters: Mapping[str, Any], subject: str, attempt: int) -> dict[str, Any]:
        client = self._client(self.deadline.remaining())
        method = getattr(client, _method_name(operation))
        try:
            response: dict[str, Any] = method(**parameters)
        except (ClientError, BotoCoreError) as error:
            service: str = client.meta.service_model.service_name
            raise self._failure(error, service, operation, subject, attempt) from error
        self.log("call", operation=operation, attempt=attempt, call_id=response["ResponseMetadata"].get("RequestId"))
        return response

    def _failure(self, error: Exception, service: str, operation: str, subject: str, attempt: int) -> ServiceError:
        failure = from_boto(
            error, service=service, operation=operation, subject=subject, attempts=attempt, clean=self._clean
        )
        self.log(
            "call failed",
            operation=operation,
            error_code=failure.code,
            throttled=is_throttling(failure),
            attempt=attempt,
            call_id=failure.request_id,
        )
        return failure
