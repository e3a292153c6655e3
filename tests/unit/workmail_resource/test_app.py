import json
from dataclasses import dataclass
from typing import Any

import pytest

import workmail_resource.app
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, STACK, LocalServer, serving
from workmail_resource.app import UnfinishedError, handler
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.turn import Turn
from workmail_resource.lifecycle.work import Work
from workmail_resource.ownership.errors import CancelledError, LedgerUnavailableError
from workmail_resource.ownership.rules import failed_event
from workmail_resource.protocol.errors import OutOfTimeError


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


@pytest.mark.parametrize("event", [None, [], "text", 7, {}])
def test_what_is_no_event_is_raised(event: object) -> None:
    """Without a ResponseURL there is no answer; the invocation fails, as the log says (contract 8)."""
    with pytest.raises(ValueError, match="the event has no ResponseURL"):
        handler(event, Context())
