"""The log of the calls that a backend received."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes
    ----------
    sequence : int
        1 for the first; the order in which the calls took effect.
    operation : str
        Such as ``CreateResource``.
    parameters : Mapping[str, Any]
        The request as it came, without passwords.
    outcome : str
        ``OK``, the error code, ``ReplyLost`` (carried out, not answered) or ``Dropped`` (neither).
    access_key_id : str
        Whose call it was; empty when the request was not signed.
    request_id : str
        As in the answer's ``x-amzn-RequestId``.
    at : float
        Seconds since 1970.
    """

    sequence: int
    operation: str
    parameters: Mapping[str, Any]
    outcome: str
    access_key_id: str
    request_id: str
    at: float


def loggable(parameters: Any) -> Mapping[str, Any]:
    """Return *parameters* without what no log may hold."""
    if not isinstance(parameters, Mapping):
        return {}
    return {name: "***" if name == "Password" else value for name, value in parameters.items()}
