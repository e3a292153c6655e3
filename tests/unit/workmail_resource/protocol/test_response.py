import json
import re
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.support import DROP, RESOURCE, STACK, STALL, FakeClock, Reply, serving
from workmail_resource.protocol.clock import Deadline, SystemClock
from workmail_resource.protocol.response import (
    MAX_BODY,
    Answer,
    AnswerRefusedError,
    DeliveryError,
    InvalidResponseUrlError,
    check_url,
    deliver,
    render,
)

TAIL = " (request ID: 0f1c2d3e-aaaa-bbbb-cccc-0123456789ab; log stream: 2026/11/22/[$LATEST]0123456789abcdef)"
FAILED = Answer(
    "FAILED", STACK, "request-1", "BoardRoom", RESOURCE, reason_head="Code: cause. Advice.", reason_tail=TAIL
)
SUCCESS = Answer(
    "SUCCESS", STACK, "request-1", "BoardRoom", RESOURCE, data={"ResourceId": RESOURCE, "Name": "boardroom"}
)
BODY = '{"Status":"SUCCESS","Reason":"é"}'.encode()


def rendered(answer: Answer) -> dict[str, Any]:
    """Return the rendered body as CloudFormation reads it; the test fails when it is too long."""
    body = render(answer)
    assert len(body) <= MAX_BODY == 4096
    parsed: dict[str, Any] = json.loads(body.decode())
    return parsed


# --------------------------------------------------------------------------------------------------------------- render


def test_render_says_everything() -> None:
    """A short answer arrives whole, with the keys that CloudFormation reads (contract 3)."""
    assert rendered(replace(SUCCESS, no_echo=True)) == {
        "Status": "SUCCESS",
        "PhysicalResourceId": RESOURCE,
        "StackId": STACK,
        "RequestId": "request-1",
        "LogicalResourceId": "BoardRoom",
        "Reason": "",
        "NoEcho": True,
        "Data": {"ResourceId": RESOURCE, "Name": "boardroom"},
    }
    assert rendered(FAILED)["Reason"] == f"Code: cause. Advice.{TAIL}"


def test_render_is_utf_8() -> None:
    """Text that is not ASCII is sent as UTF-8 and not as escapes, which would take up more of the 4096 bytes."""
    body = render(replace(FAILED, reason_head="Grüße: 会議室"))
    assert "Grüße: 会議室" in body.decode()


def test_render_shortens_the_head() -> None:
    """Over budget, the Reason keeps its beginning and its whole tail, and uses all the space (contracts 2 and 5)."""
    answer = replace(FAILED, reason_head="Code: " + "x" * 10_000)
    body = rendered(answer)
    assert body["Reason"].startswith("Code: xxx")
    assert body["Reason"].endswith(f"x…{TAIL}")
    assert len(render(answer)) == 4096


@pytest.mark.parametrize("unit", ["ü", "…", "会", "😀", '"', "\\", "\n", "\x00", "\u2028", "a\u0301"])
def test_render_counts_bytes(unit: str) -> None:
    """The limit is one of bytes as sent: letters of several bytes and escapes count as what they are (contract 2)."""
    answer = replace(FAILED, reason_head="Code: " + unit * 5000)
    reason = rendered(answer)["Reason"]
    assert reason.startswith(f"Code: {unit}")
    assert reason.endswith(TAIL)
    assert 4096 - len(render(answer)) < 12


def test_render_sends_lone_surrogates() -> None:
    """Half a character, which JSON can hold and UTF-8 cannot, arrives as it is (contract 1)."""
    answer = replace(FAILED, reason_head="Name is \ud800", logical_resource_id="Room")
    assert rendered(answer)["Reason"] == f"Name is \ud800{TAIL}"


@pytest.mark.parametrize(
    "answer",
    [
        replace(FAILED, physical_resource_id="室" * 341, reason_head="\ud800" + "x" * 9000),
        replace(FAILED, physical_resource_id="\ud800", reason_head="会" * 3000),
        replace(FAILED, reason_head="会" * 3000 + "\ud800", reason_tail=f"\ud800{TAIL}"),
        replace(FAILED, reason_head="😀\ud800" * 3000),
    ],
)
def test_render_counts_lone_surrogates_too(answer: Answer) -> None:
    """Half a character anywhere does not make an answer longer than it may be (contract 2)."""
    body = rendered(answer)
    assert body["Status"] == "FAILED"
    assert body["Reason"].endswith(TAIL)


def test_render_leaves_out_data_that_does_not_fit() -> None:
    """Data that is too long is left out, and the true Status still arrives (contract 2)."""
    body = rendered(replace(SUCCESS, data={"Name": "x" * 5000}))
    assert (body["Status"], body["Data"]) == ("SUCCESS", {})


def test_render_keeps_the_tail_at_every_length() -> None:
    """Whatever the other parts' lengths are, the Reason's tail stays whole (contracts 2 and 5)."""
    answer = replace(FAILED, data={"Name": ""})
    space = MAX_BODY - len(render(replace(answer, reason_head="")))
    for length in range(space - 40, space + 10):
        body = rendered(replace(answer, reason_head="Code: cause", data={"Name": "x" * length}))
        assert body["Reason"].endswith(TAIL), length


def units(**characters: Any) -> st.SearchStrategy[str]:
    """Return texts from short to far too long."""
    return st.builds(
        lambda unit, times: unit * times, st.text(st.characters(**characters), max_size=6), st.integers(0, 2500)
    )


printable = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=1024)


@settings(deadline=None, max_examples=100)
@given(
    status=st.sampled_from(["SUCCESS", "FAILED"]),
    logical_id=st.from_regex(r"[A-Za-z0-9]{1,255}", fullmatch=True),
    physical_id=printable.filter(lambda text: len(text.encode()) <= 1024),
    head=units(),
    data=st.dictionaries(st.sampled_from(["Name", "Email", "State"]), units(codec="utf-8")),
)
@example("FAILED", "A" * 255, "室" * 341, "\ud800" * 2500, {})
@example("FAILED", "A" * 255, '"' * 1024, "\x00" * 2500, {})
@example("SUCCESS", "A" * 255, "\\" * 1024, "", {"Name": "\x00" * 2500})
def test_render_fits_always(status: Any, logical_id: str, physical_id: str, head: str, data: dict[str, str]) -> None:
    """With ids within CloudFormation's limits any answer fits, ids, Status and tail whole (contracts 2, 3 and 5)."""
    stack_id = f"arn:aws-us-gov:cloudformation:us-gov-west-1:123456789012:stack/{'s' * 128}/{'0' * 36}"
    answer = Answer(status, stack_id, "0" * 36, logical_id, physical_id, head, TAIL, data)
    body = rendered(answer)
    assert body["Status"] == status
    assert (body["StackId"], body["RequestId"]) == (stack_id, "0" * 36)
    assert (body["LogicalResourceId"], body["PhysicalResourceId"]) == (logical_id, physical_id)
    assert body["Data"] in ({}, data)
    assert body["Reason"].endswith(TAIL)
    kept = body["Reason"].removesuffix(TAIL)
    assert kept == head or (kept.endswith("…") and head.startswith(kept.removesuffix("…")))


# ------------------------------------------------------------------------------------------------------------ check_url


@pytest.mark.parametrize(
    "url",
    [
        "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/arn%3Aaws?X-Amz-Signature=0a%2Fb",
        "https://localhost:8443/",
        "https://localhost/a?b=c#d",
        "https://[::1]:8443/answer",
        "https://127.0.0.1/answer?x=%E5%AE%A4",
    ],
)
def test_check_url_takes_https(url: str) -> None:
    """An https URL is taken as it is, to the letter (contract 6)."""
    assert check_url(url) == url
    assert check_url(url, allow_http=True) == url


def test_check_url_takes_http_on_a_developers_machine_only() -> None:
    """Plain http is for the AWS SAM CLI; everywhere else the signature would travel in the open."""
    assert check_url("http://localhost:8080/answer", allow_http=True) == "http://localhost:8080/answer"
    with pytest.raises(InvalidResponseUrlError):
        check_url("http://localhost:8080/answer")


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        7,
        ["https://example.com/"],
        "example.com/answer",
        "ftp://example.com/answer",
        "file:///etc/passwd",
        "https:/example.com/answer",
        "https:///answer",
        "https://:8443/answer",
        "https://example.com:port/answer",
        "https://example.com:0/answer",
        "https://example.com:99999/answer",
        "https://[::1/answer",
        "https://example.com/an answer",
        "https://example.com/answer\r\nX-Injected: yes",
        "https://example.com/\x7f",
        "https://bücher.example/answer",
    ],
)
@pytest.mark.parametrize("allow_http", [False, True])
def test_check_url_refuses_everything_else(url: object, *, allow_http: bool) -> None:
    """What an answer cannot be sent to is refused, and the message does not hold it (contracts 8 and 38)."""
    with pytest.raises(InvalidResponseUrlError) as raised:
        check_url(url, allow_http=allow_http)
    assert "ResponseURL" in str(raised.value)
    assert "answer" not in str(raised.value)
    assert "example" not in str(raised.value)


@pytest.mark.parametrize("url", ["https://user:secret@example.com/answer", "https://user@example.com/answer"])
def test_check_url_refuses_credentials(url: str) -> None:
    """A URL with a user in it, which no request can be sent to, is refused before any try (contract 8)."""
    with pytest.raises(InvalidResponseUrlError):
        check_url(url)


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(), max_size=30), st.sampled_from(["", "https://", "https://example.com", "http://"]))
def test_check_url_never_fails_in_any_other_way(text: str, start: str) -> None:
    """Any text at all is either a URL or an InvalidResponseUrlError, whose wording is fixed (contracts 8 and 38)."""
    refusal = ""
    try:
        assert check_url(start + text) == start + text
    except InvalidResponseUrlError as error:
        refusal = str(error)
    assert refusal in {
        "",
        "the event has no ResponseURL",
        "the event's ResponseURL has characters that a URL cannot have",
        "the event's ResponseURL is not a URL",
        "the event's ResponseURL is not an https URL",
    }


# -------------------------------------------------------------------------------------------------------------- deliver


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Make a certificate authority of this test's own."""
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Make an HTTPS server's context that SSL_CERT_FILE trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


def send(url: str, clock: FakeClock, *, seconds: float = 60.0, waits: Iterator[float] | None = None) -> None:
    """Deliver the body with so many *seconds* of the clock's time, waiting one second between tries."""
    limit = Deadline(clock, clock.monotonic() + seconds)
    deliver(url, BODY, remaining=limit.remaining, sleep=clock.sleep, waits=waits or repeat(1.0))


def test_deliver_puts_once_over_https(tls: ssl.SSLContext, clock: FakeClock) -> None:
    """The body is PUT once, to the URL to the letter, with an empty Content-Type and its length (contracts 1 and 6)."""
    target = "/arn%3aaws%3A%2F%2f/a+b%20c//d?X-Amz-Signature=0a%2Fb%2bc&x=%E5%AE%A4&&empty=&plus=a+b"
    with serving(tls=tls) as server:
        send(f"https://localhost:{server.port}{target}", clock)
    (request,) = server.requests
    assert (request.method, request.target, request.body) == ("PUT", target, BODY)
    assert request.headers["content-type"] == ""
    assert request.headers["content-length"] == str(len(BODY))
    assert request.headers["host"] == f"localhost:{server.port}"
    assert "transfer-encoding" not in request.headers
    assert clock.slept == []


def test_deliver_leaves_out_the_fragment(clock: FakeClock) -> None:
    """What stands behind # is never sent to a server."""
    with serving() as server:
        send(f"http://localhost:{server.port}/a?b=c#d", clock)
    assert server.requests[0].target == "/a?b=c"


@pytest.mark.parametrize(("end", "target"), [("", "/"), ("?a=b", "/?a=b")])
def test_deliver_to_a_url_without_a_path(clock: FakeClock, end: str, target: str) -> None:
    """A URL without a path is one with the path / (contract 8)."""
    with serving() as server:
        send(check_url(f"http://localhost:{server.port}{end}", allow_http=True), clock)
    assert [request.target for request in server.requests] in ([target], [end])


def test_deliver_uses_https_however_it_is_written(tls: ssl.SSLContext, clock: FakeClock) -> None:
    """A URL whose scheme is in capitals is sent over TLS too: the signature never travels in the open (contract 38)."""
    with serving(tls=tls) as server:
        send(check_url(f"HTTPS://localhost:{server.port}/answer"), clock)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 201, 204])
def test_deliver_is_content_with_success(clock: FakeClock, status: int) -> None:
    """Any HTTP 2xx is a delivery."""
    with serving(Reply(status)) as server:
        send(f"http://localhost:{server.port}/", clock)
    assert len(server.requests) == 1


@pytest.mark.parametrize("failures", [[Reply(503)], [Reply(500), Reply(502), Reply(599)], [DROP], [DROP, Reply(503)]])
def test_deliver_tries_again(clock: FakeClock, failures: list[Reply]) -> None:
    """HTTP 5xx and dropped connections are tried again, with a wait before each try (contract 7)."""
    with serving(*failures, Reply(200)) as server:
        send(f"http://localhost:{server.port}/answer", clock, waits=iter([1.0, 2.0, 4.0]))
    assert [request.body for request in server.requests] == [BODY] * (len(failures) + 1)
    assert clock.slept == [1.0, 2.0, 4.0][: len(failures)]


@pytest.mark.parametrize("status", [400, 403, 404, 301, 307])
def test_deliver_does_not_repeat_what_was_refused(clock: FakeClock, status: int) -> None:
    """A wrong or expired signature stays wrong: HTTP 4xx ends it, and no redirect is followed (contract 7)."""
    with serving(Reply(status, headers={"Location": "/elsewhere"})) as server:
        url = f"http://localhost:{server.port}/answer"
        with pytest.raises(AnswerRefusedError, match=f"HTTP {status}") as raised:
            send(url, clock)
    assert raised.value.status == status
    assert len(server.requests) == 1
    assert clock.slept == []
    assert url not in str(raised.value)


def test_deliver_ends_with_its_time(clock: FakeClock) -> None:
    """Trying again ends when the time does, without waiting for what cannot be waited for (contract 7)."""
    with serving(Reply(503)) as server:
        url = f"http://localhost:{server.port}/answer"
        with pytest.raises(DeliveryError, match="HTTP 503") as raised:
            send(url, clock, seconds=3.5)
    assert len(server.requests) == 4
    assert clock.slept == [1.0, 1.0, 1.0]
    assert url not in str(raised.value)


def test_deliver_without_time_does_not_try(clock: FakeClock) -> None:
    """Without any time left nothing is sent, and that is said (contract 7)."""
    with serving() as server:
        with pytest.raises(DeliveryError, match="no time was left"):
            send(f"http://localhost:{server.port}/answer", clock, seconds=0)
        assert server.requests == []


def test_deliver_tells_what_kept_it_from_connecting(clock: FakeClock) -> None:
    """A server that is not there is tried until the time is up, and the kind of failure is told (contract 7)."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(DeliveryError, match="ConnectionRefusedError"):
            send(f"http://127.0.0.1:{unused.getsockname()[1]}/answer", clock, seconds=2.5)
    assert clock.slept == [1.0, 1.0]


def test_deliver_does_not_wait_for_a_silent_server() -> None:
    """A server that takes the answer and says nothing does not hold it beyond the deadline (contract 7)."""
    clock = SystemClock()
    limit = Deadline(clock, clock.monotonic() + 0.3)
    begun = time.monotonic()
    with serving(STALL) as server, pytest.raises(DeliveryError, match="TimeoutError"):
        deliver(
            f"http://localhost:{server.port}/answer",
            BODY,
            remaining=limit.remaining,
            sleep=clock.sleep,
            waits=repeat(1.0),
        )
    assert time.monotonic() - begun < 30


def test_deliver_trusts_no_other_certificate(authority: trustme.CA, clock: FakeClock) -> None:
    """A server that cannot show a trusted certificate never gets the answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with serving(tls=context) as server:
        with pytest.raises(DeliveryError, match=re.escape("SSLCertVerificationError")):
            send(f"https://localhost:{server.port}/answer", clock, seconds=0.5)
        assert server.requests == []
