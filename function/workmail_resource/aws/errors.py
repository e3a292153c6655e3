"""The failure of a call, in the terms of its service."""

import re
from collections.abc import Callable
from typing import Any, Final

from workmail_resource.protocol.errors import Failure, ProviderError

from .advice import ADVICE, PERMISSION, UNKNOWN

_DENIED_ACTION: Final = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")


class ServiceError(ProviderError):
    """A call that a service refused, or that did not come through.

    Attributes
    ----------
    service:
        ``workmail`` or ``dynamodb``.
    operation:
        The API's name of the call.
    code, message:
        The service's own; for a call without a reply, botocore's name of the failure and its text.
    status:
        The HTTP status, 0 without a reply.
    request_id:
        The service's, if it gave one.
    subject:
        What the call was about, such as ``Name boardroom``.
    attempts:
        How often it was tried.
    """

    def __init__(
        self,
        *,
        service: str,
        operation: str,
        code: str,
        message: str,
        status: int = 0,
        request_id: str | None = None,
        subject: str = "",
        attempts: int = 1,
    ) -> None:
        super().__init__(f"{code} on {operation}: {message}")
        self.service = service
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.subject = subject
        self.attempts = attempts

    def failure(self) -> Failure:
        """Return the error in the form in which it is told: what was called, about what, and how often."""
        about = f"{self.operation}{f' of {self.subject}' if self.subject else ''}"
        tries = f", tried {self.attempts} times" if self.attempts > 1 else ""
        advice = ADVICE.get(self.code, UNKNOWN)
        if advice is PERMISSION and not _DENIED_ACTION.search(self.message):
            # AWS names the action in most of these messages, but not in all.
            advice = f"{advice[:-1]} (missing: {self.service}:{self.operation})."
        return Failure(self.code, f"{self.message or 'no message'} ({about}{tries})", advice, self.request_id)


Clean = Callable[[str], str]


def from_boto(
    error: Exception, *, service: str, operation: str, subject: str, attempts: int, clean: Clean = str
) -> ServiceError:
    """Turn an exception of botocore's into a :class:`ServiceError`.

    Parameters
    ----------
    error:
        A ``ClientError``, or any ``BotoCoreError``.
    clean:
        Takes out of the service's message what it must not carry on.
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    detail = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    return ServiceError(
        service=service,
        operation=operation,
        code=str(detail.get("Code") or type(error).__name__),
        message=clean(str(detail.get("Message") or error)),
        status=int(metadata.get("HTTPStatusCode", 0)),
        request_id=metadata.get("RequestId"),
        subject=subject,
        attempts=attempts,
    )


def explain(error: BaseException, clean: Clean = str) -> Failure:
    """Say of any exception what it was and what to do.

    Parameters
    ----------
    error:
        Whatever was raised, ``SystemExit`` included.
    clean:
        Takes out of a text that is not ours what it must not carry on.
    """
    if isinstance(error, ProviderError):
        return error.failure()
    name = type(error).__name__
    return Failure(name, clean(str(error)) or "no message", ADVICE.get(name, ProviderError.advice))
