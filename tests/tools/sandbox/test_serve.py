"""``workmail-rooms sandbox serve`` is WorkMail and a response sink for functions that somebody else runs."""

import json
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from workmail_rooms.sandbox.cli import main
from workmail_rooms.sandbox.seed import EXAMPLE

PROVIDER = Path(__file__).with_name("provider") / "template.yaml"
START = f"""
import pathlib, sys
from workmail_rooms.sandbox.cli import main
sys.exit(main(sys.argv[1:], provider_template=pathlib.Path({str(PROVIDER)!r})))
"""


class Server:
    """A running ``serve``."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process = process
        self.folder = folder
        self.exports = dict(self.line().removeprefix("export ").split("=", 1) for _ in range(3))
        (self.port,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", self.line())

    def line(self) -> str:
        """Return the next line of its output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip("\n")

    def put(self, body: bytes, *, scheme: str = "http", method: str = "PUT") -> int:
        """Send a response as a function would; return the HTTP status."""
        context = ssl.create_default_context(cafile=self.folder / ".sandbox" / "tls" / "ca.pem")
        request = urllib.request.Request(  # noqa: S310 - the test's own server
            f"{scheme}://localhost:{self.port}/any?thing", body, {"Content-Type": ""}, method=method
        )
        with urllib.request.urlopen(request, timeout=60, context=context) as response:  # noqa: S310 - as above
            return int(response.status)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start ``serve`` on free ports."""
    folder = tmp_path_factory.mktemp("serve")
    with subprocess.Popen(
        [sys.executable, "-u", "-c", START, "serve", "--workmail-port", "0", "--response-port", "0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Server(process, folder)
        finally:
            process.kill()


def response(**changes: Any) -> bytes:
    """Make the body of a response."""
    body = {
        "Status": "SUCCESS",
        "Reason": "",
        "PhysicalResourceId": "r-0123456789abcdef0123456789abcdef",
        "LogicalResourceId": "Room",
        "StackId": "s",
        "RequestId": "r",
        **changes,
    }
    return json.dumps(body).encode()


def test_a_room_made_through_it_is_seen_by_rooms(
    server: Server, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """What boto3 changes through the printed variables is in ``rooms`` at once, in another process."""
    assert set(server.exports) == {
        f"AWS_ENDPOINT_URL_{service}" for service in ("CLOUDFORMATION", "DYNAMODB", "WORKMAIL")
    }
    workmail = boto3.client(
        "workmail",
        region_name="us-east-1",
        endpoint_url=server.exports["AWS_ENDPOINT_URL_WORKMAIL"],
        aws_access_key_id="ASIAEXAMPLESANDBOX00",
        aws_secret_access_key="sandbox",
    )
    workmail.create_resource(OrganizationId=EXAMPLE, Name="boardroom", Type="ROOM")

    monkeypatch.chdir(server.folder)
    assert main(["rooms", "--output", "json"]) == 0
    assert [room["Name"] for room in json.loads(capfd.readouterr().out)["rooms"]] == ["boardroom"]


def test_answers_are_printed_as_they_arrive(server: Server) -> None:
    """Status, logical id, physical id and Reason of each answer are shown, over HTTP and HTTPS alike."""
    reason = "NameAvailabilityException: The name is taken. " * 10

    assert server.put(response()) == 200
    assert re.sub(r"^\S+", "TIME", server.line()) == "TIME  SUCCESS  Room  r-0123456789abcdef0123456789abcdef"
    assert server.put(response(Status="FAILED", Reason=reason), scheme="https") == 200
    line = server.line()
    assert "  FAILED " in line
    assert line.endswith(reason.strip())


def test_what_is_no_response_is_said_so(server: Server) -> None:
    """A body that CloudFormation could not read, or would not take, is named; a signature in it is not shown."""
    server.put(b"hello")
    assert "not a response: b'hello'" in server.line()
    server.put(response(Status="FAILED", Reason="x" * 5000))
    assert re.search(r"\(\d{4} bytes; CloudFormation takes 4096\)$", server.line())
    server.put(response(Status="FAILED", Reason="at https://a/b?X-Amz-Signature=deadbeef"))
    assert "deadbeef" not in server.line()
    with pytest.raises(urllib.error.HTTPError, match="405"):
        server.put(b"{}", method="POST")


def test_a_taken_port_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A port that somebody else has is named with the option to change."""
    monkeypatch.chdir(tmp_path)

    assert main(["serve", "--workmail-port", "0", "--response-port", server.port]) == 1
    err = capfd.readouterr().err
    assert f"cannot listen on 127.0.0.1:{server.port}" in err
    assert "--response-port" in err


def test_it_stops_when_asked(server: Server) -> None:
    """SIGTERM ends it at once, as a success and without a word; Ctrl-C is in the README's session."""
    server.process.send_signal(signal.SIGTERM)
    _, err = server.process.communicate(timeout=60)

    assert (server.process.returncode, err) == (0, "")
