import io
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.unit.workmail_resource.support import STACK
from workmail_resource.telemetry import SERVICE, Telemetry

CREATE = {"RequestType": "Create", "StackId": STACK, "RequestId": "request-1", "LogicalResourceId": "BoardRoom"}
IDS = {
    "stack_id": STACK,
    "logical_resource_id": "BoardRoom",
    "request_id": "request-1",
    "request_type": "Create",
    "lambda_request_id": "lambda-1",
}

Make = Callable[..., Telemetry]


@pytest.fixture
def stream() -> io.StringIO:
    """Make what stands for the function's standard output."""
    return io.StringIO()


@pytest.fixture
def telemetry(stream: io.StringIO) -> Iterator[Make]:
    """Make the telemetry of one event after the other, as a warm process does."""
    handlers: list[tuple[Any, Any]] = []

    def make(
        event: dict[str, Any] | None = None, *, secrets: tuple[str, ...] = (), request: str = "lambda-1"
    ) -> Telemetry:
        made = Telemetry(CREATE if event is None else event, lambda_request_id=request, secrets=secrets)
        for handler in logging.getLogger(SERVICE).handlers:
            assert isinstance(handler, logging.StreamHandler)
            handlers.append((handler, handler.setStream(stream)))
        return made

    yield make
    for handler, before in handlers:
        if before is not None:
            handler.setStream(before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    """Return what was logged, line by line."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_event_s_ids(telemetry: Make, stream: io.StringIO) -> None:
    """Every line is one JSON object that says which event of which resource it is about."""
    telemetry().info("call", operation="CreateResource", attempt=1, call_id="call-1")
    (line,) = lines(stream)
    assert IDS.items() <= line.items()
    assert line["level"] == "INFO"
    assert line["message"] == "call"
    assert line["service"] == SERVICE
    assert (line["operation"], line["attempt"], line["call_id"]) == ("CreateResource", 1, "call-1")
    assert line["timestamp"]


def test_a_line_names_the_event_s_operation(telemetry: Make, stream: io.StringIO) -> None:
    """A line that is about no call bears the event's own operation."""
    telemetry().error("failed", error_code="EntityStateException")
    (line,) = lines(stream)
    assert (line["level"], line["operation"], line["error_code"]) == ("ERROR", "Create", "EntityStateException")


@pytest.mark.parametrize("level", ["info", "error"])
def test_a_line_names_who_logged_it(telemetry: Make, stream: io.StringIO, level: str) -> None:
    """The location of a line is where it was logged, and not the logging code."""
    getattr(telemetry(), level)("here")
    assert lines(stream)[0]["location"].startswith("test_a_line_names_who_logged_it:")


def test_no_secret_is_in_a_line(telemetry: Make, stream: io.StringIO) -> None:
    """A secret in a message or in a key's value is replaced (contract 38)."""
    made = telemetry(secrets=("https://x/?Signature=abc", "merger talks"))
    made.info("see https://x/?Signature=abc", cause="Description is merger talks")
    made.error("merger talks", attempt=1)
    assert "Signature" not in stream.getvalue()
    assert "merger" not in stream.getvalue()
    assert [line["message"] for line in lines(stream)] == ["see ***", "***"]


@pytest.mark.parametrize(
    "value", [["merger talks"], {"text": "merger talks"}, ("a", ["merger talks"]), ValueError("merger talks")]
)
def test_no_secret_is_deep_inside_a_value(telemetry: Make, stream: io.StringIO, value: object) -> None:
    """A secret inside a list, an object or an exception is replaced too (contract 38)."""
    telemetry(secrets=("merger talks",)).info("failed", detail=value)
    assert "merger" not in stream.getvalue()
    assert len(lines(stream)) == 1


def test_no_key_leaks_into_the_next_event(telemetry: Make, stream: io.StringIO) -> None:
    """In a warm process the next event's lines have nothing of the last one's, and come once each (contract 10)."""
    telemetry(secrets=("abc",)).info("first", only_here="x")
    telemetry({"RequestType": "Delete", "StackId": "other"}, request="lambda-2").info("second abc")
    first, second = lines(stream)
    assert first["only_here"] == "x"
    assert "only_here" not in second
    assert second["message"] == "second abc"
    assert (second["stack_id"], second["operation"], second["lambda_request_id"]) == ("other", "Delete", "lambda-2")
    assert second.get("logical_resource_id") is None
    assert second.get("request_id") is None


@pytest.mark.parametrize(
    "event", [{}, {"RequestType": None, "StackId": 7, "RequestId": ["x"], "LogicalResourceId": {}}]
)
def test_a_broken_event_can_be_logged(telemetry: Make, stream: io.StringIO, event: dict[str, Any]) -> None:
    """An event without ids, or with others than strings, is no reason to fail (contract 1)."""
    telemetry(event).info("event")
    assert lines(stream)[0]["message"] == "event"


@pytest.mark.parametrize(("succeeded", "name"), [(True, "Succeeded"), (False, "Failed")])
def test_count_emits_metrics(
    telemetry: Make,
    capsys: pytest.CaptureFixture[str],
    *,
    succeeded: bool,
    name: str,
) -> None:
    """How an event was answered and how long it took is one line in CloudWatch's embedded metric format."""
    telemetry().count(succeeded=succeeded, milliseconds=1234)
    (line,) = capsys.readouterr().out.splitlines()
    metric = json.loads(line)
    (directive,) = metric["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "WorkMailResource"
    assert {(entry["Name"], entry["Unit"]) for entry in directive["Metrics"]} == {
        (name, "Count"),
        ("Duration", "Milliseconds"),
        ("ThrottledCalls", "Count"),
    }
    assert {"RequestType", "service"} == {dimension for group in directive["Dimensions"] for dimension in group}
    assert (metric[name], metric["Duration"], metric["RequestType"]) == ([1.0], [1234.0], "Create")
    assert STACK not in line


def test_count_has_the_calls_that_were_throttled(telemetry: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """The calls that a service refused because of their rate are counted for each event, none included."""
    for throttled in ([True, False, True], []):
        made = telemetry()
        for refused in throttled:
            made.info("call failed", throttled=refused)
        made.info("call")
        made.count(succeeded=True, milliseconds=1)
    counts = [json.loads(line)["ThrottledCalls"] for line in capsys.readouterr().out.splitlines()]
    assert counts == [[2.0], [0.0]]


def test_the_namespace_of_the_metrics_can_be_chosen(
    telemetry: Make, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metrics are in the namespace that the provider stack's MetricsNamespace says."""
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Rooms")
    telemetry().count(succeeded=True, milliseconds=1)
    (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "Rooms"


def test_count_of_an_event_without_a_type(telemetry: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """An event that has no RequestType is counted all the same, one line for each count."""
    for _ in range(2):
        telemetry({}).count(succeeded=False, milliseconds=1)
    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert first["RequestType"] == second["RequestType"] == "Unknown"
    assert first["Failed"] == second["Failed"] == [1.0]


@pytest.mark.parametrize(("level", "logged"), [("INFO", ["one", "two"]), ("ERROR", ["two"])])
def test_the_log_goes_to_the_standard_output(level: str, logged: list[str]) -> None:
    """The function's log is its standard output, from the level on that the provider stack's LogLevel says."""
    script = (
        "from workmail_resource.telemetry import Telemetry;"
        "telemetry = Telemetry({}, lambda_request_id='1', secrets=());"
        "telemetry.info('one'); telemetry.error('two')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "POWERTOOLS_LOG_LEVEL": level},
    )
    assert [json.loads(line)["message"] for line in done.stdout.splitlines()] == logged
    assert done.stderr == ""
