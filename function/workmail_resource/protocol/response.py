"""The answer to one CloudFormation event: rendered here, delivered here, and nothing else.

Nothing in this module knows WorkMail; any custom resource could use it as it is.
The form of the answer is in
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-responses.html
"""

import http.client
import json
import os
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Literal
from urllib.parse import urlsplit

Status = Literal["SUCCESS", "FAILED"]

#: CloudFormation's limit for the whole body, in bytes.
MAX_BODY: Final = 4096

#: Its limit for a physical ID, in bytes.
MAX_PHYSICAL_ID: Final = 1024

#: S3 signed an empty Content-Type into the URL; any other is refused.
_HEADERS: Final = {"Content-Type": ""}

#: Seconds to connect, and to wait for each part of the reply.
PUT_TIMEOUT: Final = 5.0
_SUCCESSFUL: Final = range(200, 300)
_SERVER_ERROR: Final = 500
_ELLIPSIS: Final = "…"
#: The characters that a URL can have: those of ASCII that are no blanks and no control characters.
_URL: Final = re.compile(r"[!-~]+")


class InvalidResponseUrlError(ValueError):
    """The event's ResponseURL is missing or cannot be used; the text never holds the URL."""


class DeliveryError(Exception):
    """The answer did not reach CloudFormation, though everything that could be tried was tried."""


class AnswerRefusedError(DeliveryError):
    """The ResponseURL does not take the answer (any more), so repeating it cannot help.

    Attributes
    ----------
    status:
        The HTTP status.
    """

    def __init__(self, status: int) -> None:
        super().__init__(f"the ResponseURL answered HTTP {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """What CloudFormation is told about one event.

    Attributes
    ----------
    stack_id, request_id, logical_resource_id:
        Those of the event, unchanged.
    reason_head, reason_tail:
        Together the Reason. When it has to be shortened, the head loses its end and the tail stays whole.
    data:
        For ``Fn::GetAtt``.
    """

    status: Status
    stack_id: str
    request_id: str
    logical_resource_id: str
    physical_resource_id: str
    reason_head: str = ""
    reason_tail: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    no_echo: bool = False


def is_physical_id(value: object) -> bool:
    """Tell whether CloudFormation takes *value* as a physical ID: a string of 1 to 1024 bytes in UTF-8."""
    return isinstance(value, str) and 0 < len(value.encode(errors="surrogatepass")) <= MAX_PHYSICAL_ID


def render(answer: Answer) -> bytes:
    """Return the body of the PUT: JSON in UTF-8 of at most 4096 bytes.

    Over budget, first Data is left out, then the head of Reason is shortened, so that the true Status always arrives.
    """
    body: dict[str, Any] = {
        "Status": answer.status,
        "PhysicalResourceId": answer.physical_resource_id,
        "StackId": answer.stack_id,
        "RequestId": answer.request_id,
        "LogicalResourceId": answer.logical_resource_id,
        "Reason": answer.reason_head + answer.reason_tail,
        "NoEcho": answer.no_echo,
        "Data": dict(answer.data),
    }
    encode = _as_it_stands
    try:
        whole = encode(body)
    except UnicodeEncodeError:
        # A lone surrogate cannot be sent as UTF-8, but it can be sent as JSON's escape of it; then all is measured so.
        encode = _escaped
        whole = encode(body)
    if len(whole) <= MAX_BODY:
        return whole
    body["Reason"] = ""
    least = min(
        answer.reason_head + answer.reason_tail, _ELLIPSIS + answer.reason_tail, key=lambda text: len(encode(text))
    )
    if len(encode({**body, "Reason": least})) > MAX_BODY:
        body["Data"] = {}
    room = MAX_BODY - len(encode(body)) + len(encode(""))
    body["Reason"] = _fit(answer.reason_head, answer.reason_tail, lambda text: len(encode(text)) <= room)
    return encode(body)


_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_COMPACT_ASCII: Final = json.JSONEncoder(separators=(",", ":"))


def _as_it_stands(value: object) -> bytes:
    return _COMPACT.encode(value).encode()


def _escaped(value: object) -> bytes:
    return _COMPACT_ASCII.encode(value).encode()


def _fit(head: str, tail: str, fits: Callable[[str], bool]) -> str:
    """Return as much of ``head + tail`` as fits: the whole tail, and the beginning of the head."""
    if fits(head + tail):
        return head + tail
    kept, cut = 0, len(head)
    while kept < cut:
        middle = (kept + cut + 1) // 2
        if fits(head[:middle] + _ELLIPSIS + tail):
            kept = middle
        else:
            cut = middle - 1
    shortened = head[:kept] + _ELLIPSIS + tail
    return shortened if fits(shortened) else ""


def check_url(url: object, *, allow_http: bool = False) -> str:
    """Return *url* when an answer can be sent to it.

    Parameters
    ----------
    allow_http:
        Accept plain HTTP too, as the AWS SAM CLI needs on a developer's machine.

    Raises
    ------
    InvalidResponseUrlError
        Missing, not a URL, not HTTPS, or with characters that no request line can hold.
    """
    if not isinstance(url, str) or not url:
        raise InvalidResponseUrlError("the event has no ResponseURL")
    if not _URL.fullmatch(url):
        raise InvalidResponseUrlError("the event's ResponseURL has characters that a URL cannot have")
    try:
        parts = urlsplit(url)
        has_host = bool(parts.hostname) and (parts.port is None or parts.port > 0) and parts.username is None
    except ValueError:
        raise InvalidResponseUrlError("the event's ResponseURL is not a URL") from None
    if parts.scheme not in ({"https", "http"} if allow_http else {"https"}) or not has_host:
        raise InvalidResponseUrlError("the event's ResponseURL is not an https URL")
    return url


@cache
def _trust(authorities: str | None) -> ssl.SSLContext:
    # Reading some 140 certificates takes longer than sending the answer, so a process does it once.
    return ssl.create_default_context(cafile=authorities)


def put_over_https(url: str, body: bytes, timeout: float) -> int:
    """Make one PUT, without following a redirection, and return the HTTP status.

    Parameters
    ----------
    timeout:
        Seconds to connect, and to wait for each part of the reply.

    Raises
    ------
    OSError, http.client.HTTPException
        There was no reply.
    """
    parts = urlsplit(url)
    connection = (
        http.client.HTTPSConnection(parts.netloc, timeout=timeout, context=_trust(os.environ.get("SSL_CERT_FILE")))
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=timeout)
    )
    target = url.partition("#")[0].partition("://")[2].removeprefix(parts.netloc)
    try:
        connection.request("PUT", target if target.startswith("/") else f"/{target}", body=body, headers=_HEADERS)
        return connection.getresponse().status
    finally:
        connection.close()


#: Makes one PUT of a body to a URL, within a number of seconds for connecting and for each part of the reply; returns
#: the HTTP status.
Put = Callable[[str, bytes, float], int]


def deliver(
    url: str,
    body: bytes,
    *,
    remaining: Callable[[], float],
    sleep: Callable[[float], None],
    waits: Iterator[float],
    put: Put = put_over_https,
) -> None:
    """PUT *body* to *url*; try again on connection errors and HTTP 5xx.

    Parameters
    ----------
    url:
        The ResponseURL, sent to the letter: its signature covers the percent-encoding.
    remaining:
        Seconds left for this; asked before each try and each wait.
    sleep:
        Waits the given seconds.
    waits:
        How long to wait before each further try, in seconds.
    put:
        Makes one try.

    Raises
    ------
    AnswerRefusedError
        HTTP 3xx or 4xx: the signature is wrong or has expired.
    DeliveryError
        No try went through in the time that was left.
    """
    while True:
        timeout = min(PUT_TIMEOUT, remaining())
        if timeout <= 0:
            raise DeliveryError("no time was left to send the answer")
        try:
            status = put(url, body, timeout)
            cause = f"HTTP {status}"
        except (OSError, http.client.HTTPException) as error:
            status = 0
            cause = type(error).__name__
        if status in _SUCCESSFUL:
            return
        if 0 < status < _SERVER_ERROR:
            raise AnswerRefusedError(status)
        wait = next(waits)
        if wait >= remaining():
            raise DeliveryError(f"the answer could not be sent in time; the last try ended with {cause}")
        sleep(wait)
