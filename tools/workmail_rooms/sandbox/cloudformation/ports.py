"""What the engine needs from outside: somebody who runs functions, and somebody who takes their answers.

The engine itself opens no socket, starts no process and reads no clock of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class UnknownFunctionError(Exception):
    """The ServiceToken names no function here."""


@dataclass(frozen=True, slots=True)
class ResponsePut:
    """One PUT that arrived at a ResponseURL.

    Attributes
    ----------
    body:
        The bytes as they arrived.
    headers:
        The header fields, names in lower case.
    """

    body: bytes
    headers: Mapping[str, str]


class PendingResponse(Protocol):
    """One ResponseURL that was handed out, and the PUTs that arrive at it."""

    @property
    def url(self) -> str:
        """The presigned URL that goes into the event."""

    def wait(self, timeout: float) -> ResponsePut | None:
        """Return the next PUT, waiting at most *timeout* seconds for it; None when none came."""

    def close(self) -> None:
        """Refuse what arrives from now on with HTTP 403, as S3 does after the signature's end."""


class ResponseUrls(Protocol):
    """Hands out presigned ResponseURLs."""

    def issue(
        self, *, stack_id: str, logical_resource_id: str, request_id: str, signed_at: datetime
    ) -> PendingResponse:
        """Make a URL for one event; *signed_at* becomes its ``X-Amz-Date``."""


class Functions(Protocol):
    """AWS Lambda, as far as CloudFormation uses it."""

    def invoke_async(self, function_arn: str, event: Mapping[str, Any]) -> None:
        """Queue *event* for the function (InvocationType Event) and return at once.

        Raises
        ------
        UnknownFunctionError
            No function has this ARN.
        """
