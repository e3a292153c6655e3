"""An HTTP server that takes PUTs, over TLS or plainly; what it answers is decided elsewhere."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

# A response is 4096 bytes at most; what is far beyond is not even read.
_LONGEST_BODY = 1024 * 1024
_READ_TIMEOUT = 30.0
_DRAIN_TIMEOUT = 0.2
# The first byte of every TLS connection (RFC 8446, section 5.1, ContentType handshake); no HTTP method begins with it.
_TLS_HANDSHAKE = b"\x16"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived.

    Attributes
    ----------
    method:
        The HTTP method.
    target:
        Path and query, byte for byte. It holds the signature, so ``repr`` leaves it out.
    headers:
        The header fields, names in lower case.
    body:
        The bytes as they arrived.
    """

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request is answered.

    Attributes
    ----------
    status:
        The HTTP status; None closes the connection without an answer.
    body:
        The bytes of the answer.
    """

    status: int | None
    body: bytes = b""


Answer = Callable[[Request], Reply]


def error(status: int, code: str, message: str) -> Reply:
    """Build an error answer in the form of Amazon S3."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Reply(status, body.encode())


class Sink:
    """A running server.

    Parameters
    ----------
    answer:
        Called for each request, in a thread of its own.
    host, port:
        Where to listen; port 0 takes a free one.
    tls:
        The server's context; None for plain HTTP.
    plain:
        Serve plain HTTP on the same port, too.

    Raises
    ------
    OSError
        The address cannot be listened on.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        plain: bool = False,
    ) -> None:
        self._server = _Server((host, port), answer, tls, plain=plain)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="response-sink"
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening, end the open connections, and wait for their threads."""
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], answer: Answer, tls: ssl.SSLContext | None, *, plain: bool) -> None:
        self.answer = answer
        self.tls = tls
        self.plain = plain
        self._connections: set[socket.socket] = set()
        self._hung_up = False
        self._lock = threading.Lock()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own looks up the host's name in the DNS, which can take seconds on a laptop.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.socket.getsockname()[:2]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection; the handshake is made here, in the connection's own thread."""
        request.settimeout(_READ_TIMEOUT)
        with contextlib.closing(request), self._listed(request):
            if self.tls is None or (self.plain and request.recv(1, socket.MSG_PEEK) != _TLS_HANDSHAKE):
                super().finish_request(request, client_address)
                return
            # Wrapping leaves the old socket object empty, so the new one is listed in its place.
            secure = self.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        with contextlib.closing(secure), self._listed(secure):
            secure.do_handshake()
            super().finish_request(secure, client_address)

    @contextlib.contextmanager
    def _listed(self, connection: socket.socket) -> Iterator[None]:
        """Keep a connection where ``hang_up`` finds it."""
        with self._lock:
            if self._hung_up:
                raise ConnectionAbortedError
            self._connections.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._connections.discard(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up or do not trust the certificate: they report that themselves."""

    def hang_up(self) -> None:
        """End the connections that are still open."""
        with self._lock:
            self._hung_up = True
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer in two small packets would otherwise wait for the client's delayed acknowledgement of the first: 40 ms.
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the standard library's name
        """Log nothing: the request line holds the signature."""

    def do_PUT(self) -> None:
        """Read the request and send what the server's owner decides."""
        length = self.headers.get("Content-Length", "0" if self.command in {"GET", "HEAD", "DELETE"} else "")
        if not length.isdecimal() or int(length) > _LONGEST_BODY:
            self.close_connection = True
            self._send(error(411, "MissingContentLength", "You must provide the Content-Length HTTP header."))
            self._drain()
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        # Not self.path: the standard library shortens leading slashes in it.
        target = self.requestline.split()[1]
        self._send(self.server.answer(Request(self.command, target, headers, body)))

    def do_POST(self) -> None:
        """Treat it like PUT: which methods are right is the owner's decision."""
        self.do_PUT()

    def do_GET(self) -> None:
        """Treat it like PUT."""
        self.do_PUT()

    def do_DELETE(self) -> None:
        """Treat it like PUT."""
        self.do_PUT()

    def _drain(self) -> None:
        """Read what the client still sends: closing with unread data resets the connection before it has the answer."""
        self.connection.settimeout(_DRAIN_TIMEOUT)
        with contextlib.suppress(TimeoutError):
            while self.rfile.read1(65536):
                pass

    def _send(self, reply: Reply) -> None:
        if reply.status is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.body:
            self.send_header("Content-Type", "application/xml")
        self.end_headers()
        self.wfile.write(reply.body)
