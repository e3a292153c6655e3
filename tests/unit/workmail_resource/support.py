"""What several of these tests need: a clock that does not wait, callers on botocore clients, and a scripted server."""

import http.server
import random
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from workmail_resource.aws.calls import Caller
from workmail_resource.protocol.clock import Deadline
from workmail_resource.protocol.event import Event

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/rooms/0f1c2d3e-aaaa-bbbb-cccc-0123456789ab"
ORGANIZATION = "m-0123456789abcdef0123456789abcdef"
OTHER_ORGANIZATION = "m-fedcba9876543210fedcba9876543210"
RESOURCE = "r-0123456789abcdef0123456789abcdef"
OTHER_RESOURCE = "r-fedcba9876543210fedcba9876543210"
DELEGATE = "11111111-2222-3333-4444-555555555555"
OTHER_DELEGATE = "66666666-7777-8888-9999-000000000000"

#: What botocore adds to every response, and its Stubber does not.
METADATA = {"ResponseMetadata": {"RequestId": "call-1", "HTTPStatusCode": 200}}


class FakeClock:
    """A clock that moves only when somebody sleeps on it.

    Attributes
    ----------
    slept:
        Every wait, in seconds.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        """Return the seconds since the epoch."""
        return self.now

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.slept.append(seconds)
        self.now += seconds


class Log:
    """Keeps what it is told.

    Attributes
    ----------
    records:
        Each message with its keys.
    """

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, object]]] = []

    def __call__(self, message: str, **keys: object) -> None:
        """Take a message."""
        self.records.append((message, keys))


def caller(client: Any, clock: FakeClock, *, seconds: float = 600.0, log: Log | None = None) -> Caller:
    """Return a caller on *client* that has so many *seconds* of the clock's time."""
    deadline = Deadline(clock, clock.monotonic() + seconds)
    return Caller(lambda _seconds: client, deadline=deadline, rng=random.Random(7), log=log or Log())  # noqa: S311 - for jitter


def event(request_type: str = "Create", **changes: Any) -> Event:
    """Return an event that was read, with *changes* to its fields."""
    fields: dict[str, Any] = {
        "request_type": request_type,
        "stack_id": STACK,
        "request_id": "request-1",
        "logical_resource_id": "BoardRoom",
        "resource_type": "Custom::WorkMailResource",
        "physical_resource_id": "" if request_type == "Create" else RESOURCE,
        "properties": {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM"},
    }
    return Event(**{**fields, **changes})


@dataclass(frozen=True)
class Request:
    """One request as the server received it.

    Attributes
    ----------
    target:
        To the letter.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What the server answers.

    Attributes
    ----------
    drop:
        Close the connection without any reply.
    stall:
        Say nothing at all until the server is closed.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    stall: bool = False


DROP = Reply(drop=True)
STALL = Reply(stall=True)


class LocalServer:
    """An HTTP(S) server on this machine that answers by a script, and then goes on with its last reply.

    Attributes
    ----------
    requests:
        All that came so far.
    port:
        On 127.0.0.1.
    """

    def __init__(self, replies: Sequence[Reply], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self._replies = list(replies)
        self._closing = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                self.close_connection = True
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                method, target = self.requestline.split(" ")[:2]
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append(Request(method, target, headers, body))
                outer.reply(self)

            do_PUT = _answer  # noqa: N815 - the name that http.server looks for
            do_POST = _answer  # noqa: N815 - the name that http.server looks for

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def reply(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """Give *handler*'s client the next reply of the script."""
        reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if reply.stall:
            self._closing.wait(30)
        if reply.drop or reply.stall:
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        handler.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body)), "Connection": "close"}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(reply.body)

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def serving(*replies: Reply, tls: ssl.SSLContext | None = None) -> Iterator[LocalServer]:
    """Run a server with this script."""
    server = LocalServer(replies or (Reply(),), tls)
    try:
        yield server
    finally:
        server.close()
