import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import workmail_resource.app
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, STACK, FakeClock, LocalServer, Reply, serving
from workmail_resource.app import Invocation, Outside, UnfinishedError, handler
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.turn import Turn
from workmail_resource.lifecycle.work import Work
from workmail_resource.ownership.errors import CancelledError, LedgerUnavailableError
from workmail_resource.ownership.rules import NOT_CREATED, failed_event
from workmail_resource.protocol.errors import OutOfTimeError
from workmail_resource.protocol.response import DeliveryError

NO_ENVIRONMENT = ("LEDGER_TABLE", "WORKMAIL_REGION", "AWS_REGION", "AWS_DEFAULT_REGION", "ABANDON_ON_DELETE")


@dataclass
class Context:
    """Lambda's context of an invocation that has time enough."""

    aws_request_id: str = "lambda-1"
    log_stream_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""
        return 30_000


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the handler answer over HTTP, and give it a DynamoDB and a WorkMail that are not there."""
    monkeypatch.setenv("AWS_SAM_LOCAL", "true")
    monkeypatch.setenv("LEDGER_TABLE", "ledger")
    monkeypatch.setenv("WORKMAIL_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def handled(server: LocalServer, request_type: str, **changes: Any) -> dict[str, Any]:
    """Let the handler answer an event, and return what arrived."""
    event = {
        "RequestType": request_type,
        "StackId": STACK,
        "RequestId": "request-1",
        "LogicalResourceId": "BoardRoom",
        "ResourceType": "Custom::WorkMailResource",
        "ResponseURL": f"http://localhost:{server.port}/answer",
        "ResourceProperties": {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM"},
        **changes,
    }
    handler(event, Context())
    body: dict[str, Any] = json.loads(server.requests[-1].body)
    return body


def test_import_makes_nothing() -> None:
    """Importing the handler opens no connection and reads no AWS model, and needs no Region (contract 42)."""
    script = (
        "import sys; events = [];"
        "network = {'socket.connect', 'socket.getaddrinfo', 'socket.sendto', 'socket.gethostbyname'};"
        "sys.addaudithook(lambda name, arguments: events.append(name) if name in network else None);"
        "sys.addaudithook(lambda name, arguments: events.append(arguments[0]) if name == 'open' "
        "and 'service-2' in str(arguments[0]) else None);"
        "import workmail_resource.app; print(events)"
    )
    function = str(Path(workmail_resource.__file__).parents[1])
    paths = os.pathsep.join([function, *(path for path in sys.path if path.endswith("site-packages"))])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "PYTHONPATH": paths},
    )
    assert done.stdout.strip() == "[]"
    assert done.stderr == ""


def test_invalid_properties_are_told_before_any_call() -> None:
    """Invalid properties of a Create are FAILED with the marker and all problems, before any call (contract 20)."""
    with serving() as server:
        body = handled(server, "Create", ResourceProperties={"Name": "the board room", "Type": "HALL"})
    assert (body["Status"], body["PhysicalResourceId"]) == ("FAILED", NOT_CREATED)
    assert body["Reason"].startswith(
        "InvalidProperties: 3 problems in the properties: OrganizationId is required; Name is 'the board room'"
    )
    assert body["Reason"].endswith(" (Lambda request ID: lambda-1; log stream: stream)")


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_a_foreign_resource_type_is_refused(request_type: str) -> None:
    """An event of another resource type is FAILED with a sentence, whatever it asks for (contract 41)."""
    with serving() as server:
        body = handled(server, request_type, ResourceType="Custom::Other", PhysicalResourceId=RESOURCE)
    assert body["Status"] == "FAILED"
    assert body["Reason"].startswith("MalformedEvent: ResourceType is 'Custom::Other'")


@pytest.mark.parametrize(
    ("request_type", "again"), [("Create", "deploy again"), ("Update", "deploy again"), ("Delete", "delete again")]
)
def test_the_advice_is_about_what_was_asked_for(monkeypatch: pytest.MonkeyPatch, request_type: str, again: str) -> None:
    """One and the same failure is told with the advice for the event: who deletes has nothing to deploy."""

    def time_out(*_: object, **__: object) -> None:
        raise OutOfTimeError

    for name in ("create", "update", "delete"):
        monkeypatch.setattr(workmail_resource.app, name, time_out)
    with serving() as server:
        body = handled(server, request_type, PhysicalResourceId=RESOURCE)
    assert body["Reason"].startswith("TimedOut: ")
    assert f"time was used up; {again}." in body["Reason"]


def test_the_advice_about_the_ledger_is_the_same_for_a_delete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of DynamoDB's has a code that WorkMail's could have too, and keeps its own advice."""
    throttled = ServiceError(service="dynamodb", operation="Query", code="ThrottlingException", message="slow")

    def fail(*_: object, **__: object) -> None:
        raise LedgerUnavailableError("ledger", throttled)

    monkeypatch.setattr(workmail_resource.app, "delete", fail)
    with serving() as server:
        body = handled(server, "Delete", PhysicalResourceId=RESOURCE)
    assert LedgerUnavailableError.advice in body["Reason"]


@pytest.mark.parametrize("name", ["create", "update", "delete"])
@pytest.mark.parametrize("error", [OutOfTimeError, ZeroDivisionError, SystemExit])
def test_the_turn_ends_whatever_happens(monkeypatch: pytest.MonkeyPatch, name: str, error: type[BaseException]) -> None:
    """However an event ends, its lease in the ledger is ended before the answer is sent (contract 62)."""
    released: list[int] = []

    def fail(*_: object, **__: object) -> None:
        raise error

    with serving() as server:
        monkeypatch.setattr(workmail_resource.app, name, fail)
        monkeypatch.setattr(Turn, "release", lambda _turn: released.append(len(server.requests)))
        body = handled(server, name.title(), PhysicalResourceId=RESOURCE)
    assert body["Status"] == "FAILED"
    assert released == [0]


def test_what_is_left_to_do_is_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no later event would clear up, the event is answered, and Lambda delivers it again (contract 32)."""

    def leave(work: Work) -> None:
        work.come_again("the room is still there")
        raise CancelledError("given up")

    monkeypatch.setattr(workmail_resource.app, "create", leave)
    with serving() as server:
        with pytest.raises(UnfinishedError, match="the room is still there"):
            handled(server, "Create")
        body = json.loads(server.requests[-1].body)
    assert body["Reason"].startswith("Cancelled: given up")
    assert failed_event(body["PhysicalResourceId"]) == "request-1@"


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_a_broken_environment_is_answered(monkeypatch: pytest.MonkeyPatch, request_type: str) -> None:
    """Without its environment the function answers FAILED, and says what is missing and what to do (contract 36)."""
    for name in NO_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        body = handled(server, request_type, PhysicalResourceId="" if request_type == "Create" else RESOURCE)
    assert body["Status"] == "FAILED"
    assert body["Reason"].startswith("BadEnvironment: LEDGER_TABLE is not set; WORKMAIL_REGION is not set.")
    assert body["PhysicalResourceId"]


def test_delete_of_what_cannot_exist_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was ever called, Delete succeeds without any environment (contracts 31 and 36)."""
    for name in NO_ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        body = handled(server, "Delete", PhysicalResourceId=NOT_CREATED)
    assert (body["Status"], body["PhysicalResourceId"]) == ("SUCCESS", NOT_CREATED)


@pytest.mark.parametrize("event", [None, [], "text", 7, {}])
def test_what_is_no_event_is_raised(event: object) -> None:
    """Without a ResponseURL there is no answer; the invocation fails, as the log says (contract 8)."""
    with pytest.raises(ValueError, match="the event has no ResponseURL"):
        handler(event, Context())


@dataclass
class World:
    """All that an event's handling takes from outside, in one place and without a thread.

    Attributes
    ----------
    answers:
        What was PUT, in order.
    timers:
        When time is up for the answer, and what is called then.
    asked:
        Each client that was asked for.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    answers: list[dict[str, Any]] = field(default_factory=list)
    timers: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    asked: list[tuple[str, str | None, float]] = field(default_factory=list)

    def put(self, _url: str, body: bytes, _timeout: float) -> int:
        """Take an answer."""
        self.answers.append(json.loads(body))
        return 200

    def start_timer(self, seconds: float, call: Callable[[], None]) -> "World":
        """Remember a timer."""
        self.timers.append((seconds, call))
        return self

    def cancel(self) -> None:
        """Cancel the timer."""

    def join(self) -> None:
        """Wait for nobody."""

    def client(self, service: str, region: str | None, seconds: float) -> Any:
        """Let the time of the event pass, where a client is asked for."""
        self.asked.append((service, region, seconds))
        self.clock.sleep(seconds)
        (_, call) = self.timers[0]
        call()
        raise ConnectionError("no such service")


def test_time_randomness_and_transport_come_in_from_outside() -> None:
    """An event is handled, up to its timeout, in another time, on another transport, and without a thread."""
    world = World()
    outside = Outside(
        clock=world.clock,
        client=world.client,
        put=world.put,
        start_timer=world.start_timer,
        environment={"LEDGER_TABLE": "elsewhere", "WORKMAIL_REGION": "us-west-2"},
    )
    event = {
        "RequestType": "Create",
        "StackId": STACK,
        "RequestId": "request-1",
        "LogicalResourceId": "BoardRoom",
        "ResourceType": "Custom::WorkMailResource",
        "ResponseURL": "https://example.com/answer",
        "ResourceProperties": {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM"},
    }
    threads = threading.active_count()

    Invocation(event, Context(), outside).run()

    assert threading.active_count() == threads
    assert [seconds for seconds, _ in world.timers] == [22.5]
    assert world.asked == [("dynamodb", None, 22.5)]
    (answer,) = world.answers
    assert (answer["Status"], answer["Reason"].partition(":")[0]) == ("FAILED", "TimedOut")


def delete_of_nothing(server: LocalServer) -> dict[str, Any]:
    """Return an event that needs no service for its answer."""
    return {
        "RequestType": "Delete",
        "StackId": STACK,
        "RequestId": "request-1",
        "LogicalResourceId": "BoardRoom",
        "ResourceType": "Custom::WorkMailResource",
        "ResponseURL": f"http://localhost:{server.port}/answer",
        "PhysicalResourceId": NOT_CREATED,
    }


def test_an_answer_that_was_refused_for_good_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    """After HTTP 403 the invocation ends without an error, which Lambda would repeat; a metric tells (contract 7)."""
    with serving(Reply(403)) as server:
        handler(delete_of_nothing(server), Context())
        assert len(server.requests) == 1
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert [line.get("Unanswered") for line in metrics] == [[1.0]]


def test_an_answer_that_did_not_get_through_is_raised() -> None:
    """Where a further try may help, the invocation fails, so that Lambda delivers the event again (contract 7)."""
    world = World()
    outside = Outside(clock=world.clock, put=lambda _url, _body, _timeout: 503)
    with serving() as server, pytest.raises(DeliveryError):
        Invocation(delete_of_nothing(server), Context(), outside).run()
