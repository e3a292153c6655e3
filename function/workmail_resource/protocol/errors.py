"""Every failure in one shape: a :class:`Failure` becomes the Reason of a FAILED answer. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

#: What is shorter is a word of the language rather than a secret, and is in every message.
SHORTEST_CONFIDENTIAL: Final = 6


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, ready to be told.

    Attributes
    ----------
    code:
        The service's error code, or ours.
    cause:
        What the service said, and about what.
    advice:
        One sentence: what a person can do.
    request_id:
        The id of the failed call, if the service gave one.
    """

    code: str
    cause: str
    advice: str
    request_id: str | None = None


class ProviderError(Exception):
    """The base of every error that handling an event has to expect; anything else is a defect.

    Attributes
    ----------
    code, advice, request_id:
        As in :class:`Failure`.
    """

    request_id: str | None = None
    code = "InternalFailure"
    advice = "Look at the function's log stream."

    def failure(self) -> Failure:
        """Return the error in the form in which it is told."""
        return Failure(self.code, str(self) or "no details", self.advice, self.request_id)


class MalformedEventError(ProviderError):
    """The event is not one that CloudFormation sends."""

    code = "MalformedEvent"
    advice = "This function answers CloudFormation's custom resource events of type Create, Update and Delete only."


class OutOfTimeError(ProviderError):
    """The time that Lambda leaves for this event is used up."""

    code = "TimedOut"
    advice = "It was retried until the time was used up; deploy again."

    def __init__(self, message: str = "the function's time was used up before the work was done") -> None:
        super().__init__(message)


def tell(failure: Failure, *, lambda_request_id: str, log_stream: str) -> tuple[str, str]:
    """Word a failure as the head and the tail of a Reason.

    Returns
    -------
    tuple[str, str]
        What may be shortened (code, cause, advice), and what must stay: the request id and the log stream.
    """
    request = f"request ID: {failure.request_id}" if failure.request_id else f"Lambda request ID: {lambda_request_id}"
    return f"{failure.code}: {_sentence(failure.cause)} {failure.advice}", f" ({request}; log stream: {log_stream})"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in *text*, wherever it stands."""
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def redact_words(text: str, confidential: Iterable[str]) -> str:
    """Replace in *text*, which somebody else has worded, what the user has said in confidence: whole words only.

    Parameters
    ----------
    confidential:
        What is shorter than :data:`SHORTEST_CONFIDENTIAL` characters stays.
    """
    for words in sorted(set(confidential), key=len, reverse=True):
        if len(words) >= SHORTEST_CONFIDENTIAL and words in text:
            # A boundary only where the words have one themselves: not every text begins and ends with a letter.
            before = r"(?<!\w)" if re.match(r"\w", words) else ""
            after = r"(?!\w)" if re.match(r"\w", words[-1]) else ""
            text = re.sub(f"{before}{re.escape(words)}{after}", "***", text)
    return text


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
