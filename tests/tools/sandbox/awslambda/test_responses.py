"""ResponseURLs are like CloudFormation's, and the endpoint behind them is as strict as Amazon S3."""

import contextlib
import http.client
import re
import socket
import ssl
import stat
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from workmail_rooms.sandbox.awslambda.certificates import LocalCertificates
from workmail_rooms.sandbox.awslambda.responses import IssuedUrl, Misbehaviour, ResponseEndpoint, presigned_target
from workmail_rooms.sandbox.awslambda.sink import Reply, Request, Sink

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/rooms/0f1e2d3c-0000-1111-2222-333344445555"
SIGNED_AT = datetime(2026, 11, 22, 10, 10, 10, tzinfo=UTC)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LocalCertificates:
    """One local CA for the module."""
    return LocalCertificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def endpoint(certificates: LocalCertificates) -> Iterator[ResponseEndpoint]:
    """Run an endpoint."""
    with ResponseEndpoint(certificates) as running:
        yield running


def issue(endpoint: ResponseEndpoint) -> IssuedUrl:
    """Issue a URL for a room."""
    return endpoint.issue(stack_id=STACK, logical_resource_id="Room", request_id="r", signed_at=SIGNED_AT)


def put_with(context: ssl.SSLContext | None, url: str, body: bytes = b"{}", method: str = "PUT") -> int:
    """Send a request with these trusted certificates; return the HTTP status."""
    headers = {"Content-Type": ""}
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310 - a URL of the test's own server
    try:
        with urllib.request.urlopen(request, timeout=60, context=context) as response:  # noqa: S310 - as above
            return int(response.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code


def put(certificates: LocalCertificates, url: str, body: bytes = b"{}", method: str = "PUT") -> int:
    """Send a request as a function would; return the HTTP status."""
    return put_with(ssl.create_default_context(cafile=certificates.bundle), url, body, method)


def suppressed(certificates: LocalCertificates, url: str) -> None:
    """Send a request that the endpoint may cut off."""
    with contextlib.suppress(OSError, http.client.HTTPException):
        put(certificates, url)


def test_a_url_looks_like_cloudformations(endpoint: ResponseEndpoint) -> None:
    """Bucket, key and query have the form of a presigned S3 URL, with the percent-encoding that clients get wrong."""
    url = issue(endpoint).url
    parts = urlsplit(url)

    assert parts.scheme == "https"
    assert parts.hostname == "localhost"
    bucket, key = parts.path[1:].split("/")
    assert bucket == "cloudformation-custom-resource-response-useast1"
    assert key.startswith("arn%3Aaws%3Acloudformation%3Aus-east-1%3A123456789012%3Astack%2Frooms%2F")
    assert unquote(key).rpartition("|")[0] == f"{STACK}|Room"
    query = parse_qs(parts.query)
    assert list(query) == [
        "X-Amz-Algorithm",
        "X-Amz-Date",
        "X-Amz-SignedHeaders",
        "X-Amz-Expires",
        "X-Amz-Credential",
        "X-Amz-Signature",
    ]
    assert query["X-Amz-Date"] == ["20261122T101010Z"]
    assert re.fullmatch("[0-9a-f]{64}", query["X-Amz-Signature"][0])


def test_the_signing_date_is_utc() -> None:
    """A time in another zone is converted."""
    at = datetime(2026, 11, 22, 12, 10, 10, tzinfo=timezone(timedelta(hours=2)))

    assert "X-Amz-Date=20261122T101010Z" in presigned_target(STACK, "Room", at, uuid.UUID(int=0), "0" * 64)


def test_a_put_to_the_issued_url_arrives(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """A PUT to exactly the issued URL is answered 200 and handed over with its body and headers."""
    pending = issue(endpoint)

    assert put(certificates, pending.url, b'{"Status": "SUCCESS"}') == 200
    arrived = pending.wait(60)
    assert arrived is not None
    assert arrived.body == b'{"Status": "SUCCESS"}'
    assert arrived.headers["content-type"] == ""
    assert arrived.headers["content-length"] == "21"


def test_each_put_is_handed_over(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """A second answer to one event is seen, so that the engine can complain of it (contract 1)."""
    pending = issue(endpoint)
    put(certificates, pending.url, b"1")
    put(certificates, pending.url, b"2")

    assert [getattr(pending.wait(60), "body", None) for _ in range(2)] == [b"1", b"2"]
    assert pending.wait(0.01) is None


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("%3A", ":"),
        ("%7C", "|"),
        ("%2F", "/"),
        ("%3A", "%3a"),
        ("X-Amz-Signature=", "X-Amz-Signature=0"),
        ("/cloud", "//cloud"),
    ],
)
def test_a_url_that_was_changed_is_refused(
    endpoint: ResponseEndpoint, certificates: LocalCertificates, right: str, wrong: str
) -> None:
    """A URL that a client decoded, encoded again or shortened has another signature (contract 6)."""
    pending = issue(endpoint)

    assert put(certificates, pending.url.replace(right, wrong, 1)) == 403
    assert pending.wait(0.01) is None


def test_only_put_is_signed(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """The signature covers the method."""
    pending = issue(endpoint)

    assert put(certificates, pending.url, method="POST") == 403
    assert put(certificates, pending.url, method="GET") == 403
    assert pending.wait(0.01) is None


def test_a_refusal_is_s3s_xml(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """The body of a 403 names SignatureDoesNotMatch."""
    port = urlsplit(issue(endpoint).url).port
    context = ssl.create_default_context(cafile=certificates.bundle)
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(
            urllib.request.Request(f"https://localhost:{port}/nowhere", b"{}", method="PUT"),
            timeout=60,
            context=context,
        )

    with refusal.value as answer:
        assert b"<Error><Code>SignatureDoesNotMatch</Code>" in answer.read()


def test_after_its_end_a_url_is_refused(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """Once the engine has closed a URL, an answer is too late."""
    pending = issue(endpoint)
    pending.close()
    pending.close()

    assert put(certificates, pending.url) == 403
    assert pending.wait(0.01) is None


def test_a_request_without_length_is_refused(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """S3 wants a Content-Length (contract 6)."""
    parts = urlsplit(issue(endpoint).url)
    connection = http.client.HTTPSConnection(
        "localhost", parts.port, timeout=60, context=ssl.create_default_context(cafile=certificates.bundle)
    )
    connection.request("PUT", f"{parts.path}?{parts.query}", body=iter([b"{}"]), encode_chunked=True)

    assert connection.getresponse().status == 411
    connection.close()


def test_a_connection_can_carry_several_requests(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """The endpoint speaks HTTP/1.1 and keeps the connection."""
    pending = issue(endpoint)
    parts = urlsplit(pending.url)
    connection = http.client.HTTPSConnection(
        "localhost", parts.port, timeout=60, context=ssl.create_default_context(cafile=certificates.bundle)
    )
    for _ in range(2):
        connection.request("PUT", f"{parts.path}?{parts.query}", body=b"{}")
        response = connection.getresponse()
        assert (response.status, response.version, response.read()) == (200, 11, b"")
    connection.close()

    assert len(endpoint.received) == 2


def test_503_for_a_while(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """The endpoint can be told to fail a number of times; what it refused did not arrive (contract 7)."""
    endpoint.misbehave(Misbehaviour(status=503), times=2)
    pending = issue(endpoint)

    assert [put(certificates, pending.url) for _ in range(3)] == [503, 503, 200]
    assert pending.wait(60) is not None
    assert pending.wait(0.01) is None
    assert [one.status for one in endpoint.received] == [503, 503, 200]


@pytest.mark.parametrize("deliver", [False, True])
def test_a_dropped_connection(endpoint: ResponseEndpoint, certificates: LocalCertificates, *, deliver: bool) -> None:
    """The connection can be closed without an answer, before or after CloudFormation has the response."""
    endpoint.misbehave(Misbehaviour(drop=True, deliver=deliver))
    pending = issue(endpoint)

    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, urllib.error.URLError)):
        put(certificates, pending.url)
    assert (pending.wait(0.05) is not None) == deliver


def test_a_slow_answer(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """The endpoint can let a client wait."""
    endpoint.misbehave(Misbehaviour(delay=0.3))
    pending = issue(endpoint)
    began = time.monotonic()

    assert put(certificates, pending.url) == 200
    assert time.monotonic() - began >= 0.3


def test_every_request_is_recorded(endpoint: ResponseEndpoint, certificates: LocalCertificates) -> None:
    """What arrives is kept with method, target, headers, body and status; printing it shows no signature."""
    pending = issue(endpoint)
    put(certificates, pending.url, b"right")
    put(certificates, pending.url + "0", b"wrong")

    right, wrong = endpoint.received
    assert (right.request.method, right.request.body, right.status) == ("PUT", b"right", 200)
    assert pending.url.endswith(right.request.target)
    assert (wrong.request.body, wrong.status) == (b"wrong", 403)
    signature = pending.url.rpartition("=")[2]
    assert signature not in repr(endpoint.received)


def test_a_stranger_does_not_trust_the_certificate(endpoint: ResponseEndpoint) -> None:
    """The HTTPS is real: who does not know the sandbox's CA refuses to talk."""
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        put_with(ssl.create_default_context(), issue(endpoint).url)


def test_the_certificates_are_made_once(tmp_path: Path) -> None:
    """A second start finds the files of the first, and nobody else may read the key."""
    first = LocalCertificates(tmp_path / "tls")
    before = {path.name: path.read_bytes() for path in (tmp_path / "tls").iterdir()}
    LocalCertificates(tmp_path / "tls")

    assert {path.name: path.read_bytes() for path in (tmp_path / "tls").iterdir()} == before
    assert stat.S_IMODE((tmp_path / "tls" / "server.pem").stat().st_mode) == 0o600
    assert first.client_variables() == {"SSL_CERT_FILE": str(tmp_path / "tls" / "ca.pem")}


def test_closing_ends_open_connections_and_threads(certificates: LocalCertificates) -> None:
    """A client that keeps its connection open, or hangs in a delay, does not hold up the end."""
    threads, descriptors = set(threading.enumerate()), set(Path("/proc/self/fd").iterdir())
    endpoint = ResponseEndpoint(certificates)
    endpoint.misbehave(Misbehaviour(delay=60))
    pending = issue(endpoint)
    port = urlsplit(pending.url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port)):
        waiting = threading.Thread(target=lambda: suppressed(certificates, pending.url))
        waiting.start()
        time.sleep(0.2)
        began = time.monotonic()
        endpoint.close()
        waiting.join()

    assert time.monotonic() - began < 30
    assert set(threading.enumerate()) == threads
    assert set(Path("/proc/self/fd").iterdir()) == descriptors


def test_a_plain_sink_serves_http() -> None:
    """Without a certificate the sink speaks HTTP, for ``sam local``."""
    seen: list[Request] = []

    def answer(request: Request) -> Reply:
        seen.append(request)
        return Reply(200)

    with Sink(answer) as sink:
        assert put_with(None, f"http://127.0.0.1:{sink.port}/a?b") == 200

    assert (seen[0].target, seen[0].body) == ("/a?b", b"{}")
