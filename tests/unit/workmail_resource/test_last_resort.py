import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import workmail_resource
from tests.unit.workmail_resource.support import STACK, FakeClock, LocalServer, Reply, serving
from workmail_resource.last_resort import DELIVERY_TIME, answer, handler
from workmail_resource.ownership.rules import FUNCTION_FAILED
from workmail_resource.protocol.response import DeliveryError, InvalidResponseUrlError

SIGNATURE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@dataclass(frozen=True)
class Context:
    """Lambda's context."""

    aws_request_id: str = "lambda-9"
    log_stream_name: str = "last-resort-stream"


@dataclass(frozen=True)
class World:
    """What the function talks to."""

    sink: LocalServer

    def event(self, request_type: str = "Create", **changes: Any) -> dict[str, Any]:
        """Return an event whose answers come to the sink."""
        event = {
            "RequestType": request_type,
            "StackId": STACK,
            "RequestId": "request-1",
            "LogicalResourceId": "BoardRoom",
            "ResourceType": "Custom::WorkMailResource",
            "ResponseURL": f"http://localhost:{self.sink.port}/answer?X-Amz-Signature={SIGNATURE}",
            "ResourceProperties": {"Name": "boardroom", "Description": "merger talks"},
        }
        return {**event, **changes}

    def answer(self, event: object, **record: Any) -> dict[str, Any]:
        """Let the function answer an event whose own function died, and return what arrived."""
        handler({**record_of(event), **record}, Context())
        (request,) = self.sink.requests
        assert request.headers["content-type"] == ""
        assert len(request.body) <= 4096
        body: dict[str, Any] = json.loads(request.body)
        return body


def record_of(event: object) -> dict[str, Any]:
    """Return Lambda's record of an asynchronous invocation that failed for good."""
    return {
        "version": "1.0",
        "requestContext": {
            "requestId": "lambda-1",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:provider:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "merger talks failed", "errorType": "Runtime.ImportModuleError"},
    }


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Make a place for the answers."""
    monkeypatch.setenv("AWS_SAM_LOCAL", "true")
    with serving() as sink:
        yield World(sink)


def test_a_dead_function_s_event_is_answered(world: World) -> None:
    """An event whose function died on every try is answered FAILED, once, with what to do (contracts 1, 5 and 13)."""
    body = world.answer(world.event())
    assert (body["Status"], body["StackId"], body["RequestId"], body["LogicalResourceId"]) == (
        "FAILED",
        STACK,
        "request-1",
        "BoardRoom",
    )
    assert body["PhysicalResourceId"] == f"{FUNCTION_FAILED}/request-1@"
    assert body["Data"] == {}
    assert body["Reason"].startswith(
        "FunctionFailed: the provider's function ended without an answer in each of 3 tries "
        "(RetriesExhausted, Runtime.ImportModuleError). Look for the request ID lambda-1 in the log"
    )
    assert body["Reason"].endswith(" (Lambda request ID: lambda-9; log stream: last-resort-stream)")


@pytest.mark.parametrize(
    "changes",
    [
        {"RequestType": None},
        {"StackId": 7},
        {"LogicalResourceId": None},
        {"RequestId": ""},
        {"PhysicalResourceId": 7},
        {"PhysicalResourceId": "x" * 1025},
        {"ResourceProperties": None},
    ],
)
def test_a_broken_event_is_answered(world: World, changes: dict[str, Any]) -> None:
    """An event that may have been the cause is answered all the same, under an id (contracts 1 and 4)."""
    body = world.answer({**world.event(), **changes})
    assert body["Status"] == "FAILED"
    assert body["PhysicalResourceId"].startswith(FUNCTION_FAILED)


@pytest.mark.parametrize(
    "record",
    [
        {"requestContext": None},
        {"requestContext": {}},
        {"responsePayload": None},
        {"responsePayload": "text"},
        {"responsePayload": {"errorType": "x" * 9000}},
    ],
)
def test_a_record_with_gaps_is_enough(world: World, record: dict[str, Any]) -> None:
    """Whatever Lambda leaves out of its record, there is a Reason that says what to do (contracts 2 and 5)."""
    body = world.answer(world.event(), **record)
    assert body["Reason"].startswith("FunctionFailed: ")
    assert body["Reason"].endswith("log stream: last-resort-stream)")


@pytest.mark.parametrize("event", [None, [], "text", {}, {"ResponseURL": "ftp://localhost/"}])
def test_without_a_url_that_is_raised(world: World, event: object) -> None:
    """Where there is nowhere to answer to, nothing is sent, and it is raised (contract 8)."""
    with pytest.raises(InvalidResponseUrlError):
        handler(record_of(event), Context())
    assert world.sink.requests == []


def test_a_refused_answer_is_counted_and_not_repeated(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is refused for good is logged and counted once, and Lambda does not try it again (contract 7)."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Rooms")
    with serving(Reply(403)) as refusing:
        handler(record_of(world.event(ResponseURL=f"http://localhost:{refusing.port}/?X-Amz-Signature=x")), Context())
        assert len(refusing.requests) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line.get("error") for line in lines if line.get("message") == "the answer was not delivered"] == [
        "AnswerRefusedError: the ResponseURL answered HTTP 403"
    ]
    (metric,) = (line for line in lines if "_aws" in line)
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive == {
        "Namespace": "Rooms",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Unanswered", "Unit": "Count"}],
    }
    assert (metric["Unanswered"], metric["service"]) == (1, "workmail-resource")


def answered_in_another_time(record: dict[str, Any]) -> dict[str, Any]:
    """Let the function answer *record* on another transport and clock; return what was PUT."""
    puts: list[dict[str, Any]] = []

    def put(_url: str, body: bytes, _timeout: float) -> int:
        puts.append(json.loads(body))
        return 200

    answer(record, Context(), clock=FakeClock(), uniform=lambda: 0.5, put=put, environment={})
    (body,) = puts
    return body


def test_an_answer_that_does_not_get_through_is_raised(world: World) -> None:
    """An answer that may get through later is tried for a while, and then raised for Lambda to repeat (contract 7)."""
    clock = FakeClock()
    record = record_of(world.event(ResponseURL="https://example.com/"))
    with pytest.raises(DeliveryError):
        answer(
            record, Context(), clock=clock, uniform=lambda: 0.5, put=lambda _url, _body, _timeout: 503, environment={}
        )
    assert 30 < sum(clock.slept) < DELIVERY_TIME


@pytest.mark.parametrize(
    ("query", "waited"),
    [
        # FakeClock's now is 2023-11-14T22:13:20Z.
        ("?X-Amz-Date=20231114T212320Z&X-Amz-Expires=7200", "waited for 50 minutes in Lambda's queue"),
        (f"?Expires={1_700_000_000 - 3600 + 7200}", "waited for 60 minutes in Lambda's queue"),
        ("", "waited too long in Lambda's queue"),
    ],
)
def test_an_event_that_waited_too_long_is_told_so(world: World, query: str, waited: str) -> None:
    """When no try was made because of the queue, the Reason says how long the event waited and what helps."""
    record = record_of(world.event(ResponseURL=f"https://example.com/answer{query}"))
    record["requestContext"] = {"condition": "EventAgeExceeded", "approximateInvokeCount": 0}
    del record["responsePayload"]
    body = answered_in_another_time(record)
    assert body["Reason"].startswith(f"EventAgeExceeded: the event {waited}, which then gave it up (tries: 0)")
    for help_ in ("ReservedConcurrency", "account's quota", "fewer rooms at once"):
        assert help_ in body["Reason"]
    assert body["PhysicalResourceId"].startswith(f"{FUNCTION_FAILED}/request-1@")
    assert "0 tries" not in body["Reason"]


def test_no_secret_is_told(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither log nor Reason has the ResponseURL's signature or a Description in it (contract 38)."""
    body = world.answer(world.event())
    lines = capsys.readouterr().out
    for text in (lines, json.dumps(body)):
        assert SIGNATURE not in text
        assert "merger" not in text
    assert [json.loads(line)["message"] for line in lines.splitlines()] == [
        "answering an event whose function died",
        "answered",
    ]
    assert {json.loads(line)["request_id"] for line in lines.splitlines()} == {"request-1"}


def test_it_needs_the_standard_library_only() -> None:
    """What killed the other function's imports cannot kill this one's: it has none but Python's own (contract 13)."""
    function = Path(workmail_resource.__file__).parents[1]
    script = (
        f"import sys; sys.path.insert(0, {str(function)!r}); import workmail_resource.last_resort;"
        "own = {name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'};"
        "print(sorted(own))"
    )
    # -S leaves out everything that is installed, -I everything that the environment would add.
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['workmail_resource']"
