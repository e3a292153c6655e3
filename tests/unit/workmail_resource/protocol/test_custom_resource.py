import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import botocore.client
import pytest

from tests.unit.workmail_resource.support import RESOURCE, STACK
from workmail_resource.protocol.custom_resource import (
    ANSWER_RESERVE,
    CustomResource,
    Handler,
    LambdaContext,
    answer_reserve,
)
from workmail_resource.protocol.response import AnswerRefusedError, DeliveryError, check_url

URL = "https://cloudformation-custom-resource-response.s3.amazonaws.com/answer?X-Amz-Signature=0a1b2c3d4e5f"
CREATE: dict[str, Any] = {
    "RequestType": "Create",
    "StackId": STACK,
    "RequestId": "request-1",
    "LogicalResourceId": "BoardRoom",
    "ResourceType": "Custom::WorkMailResource",
    "ResponseURL": URL,
    "ResourceProperties": {"Name": "boardroom"},
}
UPDATE = {**CREATE, "RequestType": "Update", "PhysicalResourceId": RESOURCE}
DELETE = {**CREATE, "RequestType": "Delete", "PhysicalResourceId": RESOURCE}
MARKER = "Custom::Thing/nothing"


@dataclass
class Context:
    """Lambda's context of an invocation that has so many seconds."""

    seconds: float = 300.0
    aws_request_id: str = "lambda-1"
    log_stream_name: str = "stream"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""
        return int(self.seconds * 1000)


@dataclass
class Sink:
    """Where the answers go.

    Attributes
    ----------
    bodies:
        Each as CloudFormation reads it.
    fails:
        What every delivery ends with.
    """

    urls: list[str] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    fails: Exception | None = None

    def __call__(self, url: str, body: bytes, status: str) -> None:
        """Take an answer."""
        self.urls.append(url)
        self.bodies.append(json.loads(body))
        self.statuses.append(status)
        if self.fails is not None:
            raise self.fails


def explain(error: BaseException) -> tuple[str, str]:
    """Word an error."""
    return f"{type(error).__name__}: {error}.", " (the end)"


def nothing(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Do nothing."""


def resource(
    sink: Sink,
    handle: Callable[[CustomResource], Handler] = lambda _resource: nothing,
    *,
    on_timeout: Callable[[], None] = lambda: None,
    word: Callable[[BaseException], tuple[str, str]] = explain,
) -> CustomResource:
    """Make a resource whose events are all handled by what *handle* makes for it."""
    made = CustomResource(send=sink, explain=word, failed_id=MARKER, check_url=check_url, on_timeout=on_timeout)
    handler = handle(made)
    made.create(handler)
    made.update(handler)
    made.delete(handler)
    return made


def raising(error: BaseException, *, known_id: str = "") -> Callable[[CustomResource], Handler]:
    """Return a handler that fails, perhaps after it has got an id."""

    def make(made: CustomResource) -> Handler:
        def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
            if known_id:
                made.PhysicalResourceId = known_id
            made.Data = {"Name": "not to be told"}
            raise error

        return handler

    return make


def creating(made: CustomResource) -> Handler:
    """Return a handler that makes a resource."""

    def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
        made.PhysicalResourceId = "new-id"
        made.Data = {"Name": "boardroom"}

    return handler


@pytest.fixture
def sink() -> Sink:
    """Make a place for the answers."""
    return Sink()


@pytest.fixture
def root_level() -> Iterator[Callable[[int], None]]:
    """Make a function that sets the root logger's level until the test ends."""
    before = logging.getLogger().level
    yield logging.getLogger().setLevel
    logging.getLogger().setLevel(before)


# ----------------------------------------------------------------------------------------------------- what is answered


def test_success_is_answered_once(sink: Sink) -> None:
    """A handled event is answered once, with its ids, the new physical ID and the data (contracts 1 and 3)."""
    resource(sink, creating)(CREATE, Context())
    assert sink.urls == [URL]
    assert sink.statuses == ["SUCCESS"]
    assert sink.bodies == [
        {
            "Status": "SUCCESS",
            "PhysicalResourceId": "new-id",
            "StackId": STACK,
            "RequestId": "request-1",
            "LogicalResourceId": "BoardRoom",
            "Reason": "",
            "NoEcho": False,
            "Data": {"Name": "boardroom"},
        }
    ]


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_ends_the_handler_is_answered_once(sink: Sink, error: BaseException) -> None:
    """An exception of any kind, SystemExit included, ends in one FAILED answer with its Reason (contracts 1 and 5)."""
    resource(sink, raising(error))(CREATE, Context())
    (body,) = sink.bodies
    assert body["Status"] == "FAILED"
    assert body["Reason"] == f"{type(error).__name__}: {error}. (the end)"
    assert body["Data"] == {}
    assert sink.statuses == ["FAILED"]


class UnspeakableError(Exception):
    """An error whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("nobody knows")


def test_an_error_that_cannot_be_worded_is_answered(sink: Sink) -> None:
    """Even when the wording of a failure fails, there is one FAILED answer with a Reason (contracts 1 and 5)."""
    resource(sink, raising(UnspeakableError()))(CREATE, Context())
    (body,) = sink.bodies
    assert body["Status"] == "FAILED"
    assert body["Reason"]


@pytest.mark.parametrize("data", [{"Name": object()}, {"Name": {1, 2}}, ["Name"], None, "Name"])
def test_data_that_cannot_be_sent_is_answered(sink: Sink, data: Any) -> None:
    """Data that JSON cannot hold ends in one answer with the event's ids, and not in silence (contracts 1, 2 and 3)."""

    def careless(made: CustomResource) -> Handler:
        def handler(_event: dict[str, Any], _context: LambdaContext) -> None:
            made.Data = data

        return handler

    resource(sink, careless)(CREATE, Context())
    (body,) = sink.bodies
    assert (body["StackId"], body["RequestId"], body["LogicalResourceId"]) == (STACK, "request-1", "BoardRoom")
    assert body["PhysicalResourceId"]


@pytest.mark.parametrize(
    ("event", "known_id", "answered"),
    [
        (CREATE, "", MARKER),
        (CREATE, "new-id", "new-id"),
        (UPDATE, "", RESOURCE),
        (UPDATE, "new-id", "new-id"),
        (DELETE, "", RESOURCE),
        (DELETE, "new-id", RESOURCE),
        ({**DELETE, "PhysicalResourceId": ""}, "", MARKER),
        ({**DELETE, "PhysicalResourceId": None}, "", MARKER),
        # CloudFormation gives none of more than 1024 bytes, and takes none.
        ({**DELETE, "PhysicalResourceId": "x" * 1025}, "", MARKER),
        ({**UPDATE, "PhysicalResourceId": "ü" * 513}, "", MARKER),
        ({**UPDATE, "PhysicalResourceId": "ü" * 512}, "", "ü" * 512),
    ],
)
def test_a_failure_has_the_right_id(sink: Sink, event: dict[str, Any], known_id: str, answered: str) -> None:
    """FAILED has the event's id, or the new one if there is one, or the marker (contracts 4, 19 and 33)."""
    resource(sink, raising(ValueError("no"), known_id=known_id))(event, Context())
    assert sink.bodies[0]["PhysicalResourceId"] == answered


# -------------------------------------------------------------------------------------------------------- broken events


@pytest.mark.parametrize("missing", ["RequestType", "StackId", "RequestId", "LogicalResourceId", "ResourceProperties"])
def test_an_event_with_gaps_is_answered(sink: Sink, missing: str) -> None:
    """An event that lacks a field is handled and answered with what it has, under an id (contracts 1 and 4)."""
    resource(sink, raising(ValueError("no")))({key: CREATE[key] for key in CREATE if key != missing}, Context())
    (body,) = sink.bodies
    assert body["PhysicalResourceId"] == MARKER
    assert [body[key] for key in ("StackId", "RequestId", "LogicalResourceId") if key != missing] == [
        CREATE[key] for key in ("StackId", "RequestId", "LogicalResourceId") if key != missing
    ]


@pytest.mark.parametrize("key", ["CrHelperData", "CrHelperPoll", "CrHelperPermission", "CrHelperRule"])
def test_crhelper_s_own_keys_mean_nothing(sink: Sink, key: str) -> None:
    """An event can neither start crhelper's polling nor put anything into the answer (contracts 9 and 10)."""
    resource(sink)({**CREATE, key: {"Secret": "x"}}, Context())
    assert sink.statuses == ["SUCCESS"]
    assert sink.bodies[0]["Data"] == {}


def test_the_event_is_not_changed(sink: Sink) -> None:
    """The event that Lambda gave is left as it was."""
    event = {key: CREATE[key] for key in CREATE if key != "LogicalResourceId"}
    before = json.dumps(event)
    resource(sink, creating)(event, Context())
    assert json.dumps(event) == before


# ------------------------------------------------------------------------------------------------------------- delivery


@pytest.mark.parametrize("failure", [DeliveryError("no time"), AnswerRefusedError(403), ValueError("odd")])
@pytest.mark.parametrize("handle", [creating, raising(ValueError("no"))])
def test_an_answer_that_did_not_get_through_is_raised(failure: Exception, handle: Any) -> None:
    """A failed delivery is raised once, so that Lambda delivers the event again (contracts 1 and 7)."""
    sink = Sink(fails=failure)
    with pytest.raises(type(failure)) as raised:
        resource(sink, handle)(CREATE, Context())
    assert raised.value is failure
    assert len(sink.bodies) == 1


# -------------------------------------------------------------------------------------------------------------- timeout


@pytest.mark.parametrize(
    ("remaining", "reserve"), [(300.0, ANSWER_RESERVE), (40.0, ANSWER_RESERVE), (20.0, 5.0), (1.0, 0.25), (0.0, 0.0)]
)
def test_answer_reserve(remaining: float, reserve: float) -> None:
    """The last seconds belong to the answer: ten of them, or a quarter of a short time (contract 11)."""
    assert answer_reserve(remaining) == reserve


def dawdling(done: threading.Event, late: list[str], *, fails: bool) -> Callable[[CustomResource], Handler]:
    """Return a handler that gets an id and then goes on until *done* is set."""

    def make(made: CustomResource) -> Handler:
        def handler(event: dict[str, Any], _context: LambdaContext) -> None:
            if event["RequestType"] == "Create":
                made.PhysicalResourceId = "new-id"
            done.wait(60)
            late.append("late")
            made.Data = {"Name": "late"}
            if fails:
                raise ValueError("late")

        return handler

    return make


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize(("event", "answered"), [(CREATE, "new-id"), (UPDATE, RESOURCE), (DELETE, RESOURCE)])
def test_an_unfinished_event_is_answered_in_time(
    sink: Sink,
    event: dict[str, Any],
    answered: str,
    *,
    fails: bool,
) -> None:
    """Before Lambda's deadline work is stopped and FAILED sent, once, with the right id (contract 11)."""
    told: list[str] = []
    done, late = threading.Event(), list[str]()

    def on_timeout() -> None:
        told.append(f"{len(sink.bodies)} answers so far")
        done.set()

    resource(sink, dawdling(done, late, fails=fails), on_timeout=on_timeout)(event, Context(seconds=0.2))
    assert told == ["0 answers so far"]
    assert late == ["late"]
    (body,) = sink.bodies
    assert (body["Status"], body["PhysicalResourceId"], body["Data"]) == ("FAILED", answered, {})
    assert "time was used up" in body["Reason"]


def test_a_late_answer_that_did_not_get_through_is_raised() -> None:
    """A timeout's answer that failed is raised too, once the handler has ended (contracts 7 and 11)."""
    sink = Sink(fails=DeliveryError("no time"))
    done = threading.Event()
    with pytest.raises(DeliveryError):
        resource(sink, dawdling(done, [], fails=False), on_timeout=done.set)(CREATE, Context(seconds=0.2))
    assert len(sink.bodies) == 1


def test_a_finished_event_has_no_timeout(sink: Sink) -> None:
    """Once an event is answered its timer has ended: no thread stays behind for the next event (contract 10)."""
    before = threading.active_count()
    told: list[str] = []
    resource(sink, creating, on_timeout=lambda: told.append("time"))(CREATE, Context(seconds=300))
    assert threading.active_count() == before
    assert told == []


# ---------------------------------------------------------------------------------------------- crhelper's side effects


def test_no_client_is_made(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of crhelper's three clients is made, with or without a Region (contract 42)."""
    made: list[str] = []
    monkeypatch.setattr(
        botocore.client.ClientCreator, "create_client", lambda _self, service, *_, **__: made.append(service)
    )
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    resource(sink, creating)(CREATE, Context())
    assert made == []
    assert sink.statuses == ["SUCCESS"]


@pytest.mark.parametrize("before", [None, "true", ""])
def test_the_environment_is_as_it_was(sink: Sink, monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    """What crhelper has to be told to make no clients is not left behind in the environment (contract 10)."""
    if before is None:
        monkeypatch.delenv("AWS_SAM_LOCAL", raising=False)
    else:
        monkeypatch.setenv("AWS_SAM_LOCAL", before)
    resource(sink, creating)(CREATE, Context())
    assert os.environ.get("AWS_SAM_LOCAL") == before


@pytest.mark.parametrize("level", [logging.DEBUG, 15, logging.WARNING, logging.CRITICAL + 5])
def test_the_root_logger_is_left_alone(sink: Sink, root_level: Callable[[int], None], level: int) -> None:
    """The root logger's level and its handlers' formats, which crhelper would set, stay as they are."""
    formats = [handler.formatter for handler in logging.root.handlers]
    root_level(level)
    resource(sink, creating)(CREATE, Context())
    assert logging.getLogger().level == level
    assert [handler.formatter for handler in logging.root.handlers] == formats
    assert sink.statuses == ["SUCCESS"]


@pytest.mark.parametrize("handle", [creating, raising(ValueError("no"))])
def test_no_level_logs_the_url(sink: Sink, caplog: pytest.LogCaptureFixture, handle: Any) -> None:
    """Not even at the level DEBUG is the event with its ResponseURL logged (contract 38)."""
    caplog.set_level(logging.DEBUG)
    resource(sink, handle)(CREATE, Context())
    assert "X-Amz-Signature" not in caplog.text
    assert "0a1b2c3d4e5f" not in caplog.text


def test_guarded_attributes_exist() -> None:
    """The parts of crhelper that this class relies on are there: a later version cannot take them away unnoticed."""
    script = (
        "from crhelper import CfnResource; import os; os.environ['AWS_SAM_LOCAL'] = 'true';"
        "plain = CfnResource(sleep_on_delete=0);"
        "names = ['_send', '_timeout', '_set_timeout', '_cfn_response', '_crhelper_init', '_wrap_function',"
        "'_get_func', '_sam_local',"
        "'_poll_enabled', '_log_setup', '_wait_for_cwlogs', 'generate_physical_id', '_timer', '_event', '_context',"
        "'_response_url', '_create_func', '_update_func', '_delete_func', 'PhysicalResourceId', 'StackId', 'RequestId',"
        "'LogicalResourceId', 'RequestType', 'Status', 'Data', 'NoEcho'];"
        "plain.RequestType = '';"
        "print([name for name in names if not hasattr(plain, name)])"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
