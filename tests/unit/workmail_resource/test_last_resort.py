import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import workmail_resource
from tests.unit.workmail_resource.support import DROP, RESOURCE, STACK, LocalServer, Reply, serving
from workmail_resource.last_resort import handler
from workmail_resource.ownership.rules import CREATE_FAILED
from workmail_resource.protocol.response import AnswerRefusedError, InvalidResponseUrlError

SIGNATURE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@dataclass(frozen=True)
class Context:
    """Lambda's context."""

    aws_request_id: str = "lambda-9"
    log_stream_name: str = "last-resort-stream"


@dataclass(frozen=True)
class World:
    """The two that the function talks to."""

    sink: LocalServer
    ledger: LocalServer

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


def items(*found: dict[str, Any]) -> Reply:
    """Return DynamoDB's answer with these items."""
    return Reply(body=json.dumps({"Items": found}).encode())


def entry(request_id: str, resource_id: str | None) -> dict[str, Any]:
    """Return an item of the ledger."""
    item: dict[str, Any] = {"Owner": {"S": f"{STACK}|BoardRoom"}, "RequestId": {"S": request_id}}
    return item if resource_id is None else {**item, "ResourceId": {"S": resource_id}}


Make = Callable[..., World]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Make the function's environment, with a ledger that answers so."""
    with serving() as sink:
        servers = []

        def make(*replies: Reply) -> World:
            context = serving(*(replies or (items(),)))
            servers.append(context)
            ledger = context.__enter__()
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://localhost:{ledger.port}")
            return World(sink, ledger)

        monkeypatch.setenv("AWS_SAM_LOCAL", "true")
        monkeypatch.setenv("AWS_REGION", "eu-west-1")
        monkeypatch.setenv("LEDGER_TABLE", "ledger")
        yield make
        for context in servers:
            context.__exit__(None, None, None)


def test_a_dead_function_s_event_is_answered(world: Make) -> None:
    """An event whose function died on every try is answered FAILED, once, with what to do (contracts 1, 5 and 13)."""
    made = world()
    body = made.answer(made.event())
    assert (body["Status"], body["StackId"], body["RequestId"], body["LogicalResourceId"]) == (
        "FAILED",
        STACK,
        "request-1",
        "BoardRoom",
    )
    assert body["PhysicalResourceId"] == CREATE_FAILED
    assert body["Data"] == {}
    assert body["Reason"].startswith(
        "FunctionFailed: the provider's function ended without an answer in each of 3 tries "
        "(RetriesExhausted, Runtime.ImportModuleError). Look for the request ID lambda-1 in the log"
    )
    assert body["Reason"].endswith(" (Lambda request ID: lambda-9; log stream: last-resort-stream)")


def test_a_room_that_the_ledger_knows_is_named(world: Make) -> None:
    """Where the dead Create has made a room, the answer has its id, for the Delete to come (contracts 13 and 19)."""
    made = world(items(entry("request-0", None), entry("request-1", RESOURCE)))
    assert made.answer(made.event())["PhysicalResourceId"] == RESOURCE
    (request,) = made.ledger.requests
    assert json.loads(request.body)["ExpressionAttributeValues"] == {":key": {"S": f"{STACK}|BoardRoom"}}


@pytest.mark.parametrize(
    "found",
    [
        [],
        [entry("request-0", RESOURCE)],
        [entry("request-1", None)],
        [{"Owner": {"S": "x"}, "Entry": {"S": "cancelled"}, "By": {"S": "request-1"}}],
    ],
)
def test_another_event_s_room_is_not_named(world: Make, found: list[dict[str, Any]]) -> None:
    """A room that another event has made is not given out for this one's (contract 16)."""
    made = world(items(*found))
    assert made.answer(made.event())["PhysicalResourceId"] == CREATE_FAILED


@pytest.mark.parametrize(
    "reply", [Reply(400), Reply(500), DROP, Reply(body=b"{}"), Reply(body=b"[]"), Reply(body=b"nonsense")]
)
def test_without_a_ledger_there_is_an_answer(world: Make, reply: Reply) -> None:
    """A ledger that cannot be asked does not keep the answer back; the Delete that follows asks again (contract 1)."""
    made = world(reply)
    assert made.answer(made.event())["PhysicalResourceId"] == CREATE_FAILED


@pytest.mark.parametrize("variable", ["LEDGER_TABLE", "AWS_REGION", "AWS_ACCESS_KEY_ID"])
def test_without_an_environment_there_is_an_answer(world: Make, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A missing variable does not keep the answer back (contract 36)."""
    made = world()
    monkeypatch.delenv(variable)
    assert made.answer(made.event())["PhysicalResourceId"] == CREATE_FAILED


@pytest.mark.parametrize("request_type", ["Update", "Delete"])
def test_an_existing_id_is_kept(world: Make, request_type: str) -> None:
    """Update and Delete are answered with the event's id, without a question to the ledger (contracts 11 and 33)."""
    made = world()
    assert made.answer(made.event(request_type, PhysicalResourceId=RESOURCE))["PhysicalResourceId"] == RESOURCE
    assert made.ledger.requests == []


@pytest.mark.parametrize(
    "changes",
    [
        {"RequestType": None},
        {"StackId": 7},
        {"LogicalResourceId": None},
        {"RequestId": ""},
        {"PhysicalResourceId": 7},
        {"ResourceProperties": None},
    ],
)
def test_a_broken_event_is_answered(world: Make, changes: dict[str, Any]) -> None:
    """An event that may have been the cause is answered all the same, under an id (contracts 1 and 4)."""
    made = world()
    body = made.answer({**made.event(), **changes})
    assert (body["Status"], body["PhysicalResourceId"]) == ("FAILED", CREATE_FAILED)


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
def test_a_record_with_gaps_is_enough(world: Make, record: dict[str, Any]) -> None:
    """Whatever Lambda leaves out of its record, there is a Reason that says what to do (contracts 2 and 5)."""
    made = world()
    body = made.answer(made.event(), **record)
    assert body["Reason"].startswith("FunctionFailed: ")
    assert body["Reason"].endswith("log stream: last-resort-stream)")


@pytest.mark.parametrize("event", [None, [], "text", {}, {"ResponseURL": "ftp://localhost/"}])
def test_without_a_url_that_is_raised(world: Make, event: object) -> None:
    """Where there is nowhere to answer to, nothing is sent, and it is raised (contract 8)."""
    made = world()
    with pytest.raises(InvalidResponseUrlError):
        handler(record_of(event), Context())
    assert made.sink.requests == made.ledger.requests == []


def test_a_refused_answer_is_raised(world: Make) -> None:
    """An answer that is refused is raised, so that the alarm on this function's errors tells of it (contract 7)."""
    made = world()
    with serving(Reply(403)) as refusing:
        event = made.event(ResponseURL=f"http://localhost:{refusing.port}/?X-Amz-Signature={SIGNATURE}")
        with pytest.raises(AnswerRefusedError):
            handler(record_of(event), Context())


def test_no_secret_is_told(world: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither log nor Reason has the ResponseURL's signature, a Description or a key in it (contract 38)."""
    made = world(Reply(500))
    body = made.answer(made.event())
    lines = capsys.readouterr().out
    for text in (lines, json.dumps(body)):
        assert SIGNATURE not in text
        assert "merger" not in text
    assert [json.loads(line)["message"] for line in lines.splitlines()] == [
        "the ledger could not be asked",
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
