"""A worker process looks like a Lambda execution environment to the function."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools.sandbox.awslambda.conftest import ARN, CODE, SpecFactory
from workmail_rooms.sandbox.awslambda import ExecutionEnvironment

Start = Callable[..., ExecutionEnvironment]


@pytest.fixture
def start(tmp_path: Path, spec: SpecFactory) -> Iterator[Start]:
    """Start environments that are closed when the test ends."""
    environments: list[ExecutionEnvironment] = []

    def make(handler: str, **options: Any) -> ExecutionEnvironment:
        environment = ExecutionEnvironment(
            spec(handler, **options), logs=tmp_path, stream_id=f"{len(environments):032x}"
        )
        environments.append(environment)
        return environment

    yield make
    for environment in environments:
        environment.close()


def test_the_context_has_what_lambda_says(start: Start) -> None:
    """A handler finds Lambda's context attributes, and time that runs out at the function's timeout."""
    answer = start("tiny.echo", timeout=300.0, memory=256).invoke("id-1", '{"Größe": 1}').payload

    assert answer["event"] == {"Größe": 1}
    assert answer["request_id"] == "id-1"
    assert 200_000 < answer["remaining"] <= 300_000
    assert answer["function_name"] == "tiny"
    assert answer["function_version"] == "$LATEST"
    assert answer["invoked_function_arn"] == ARN
    assert answer["memory_limit_in_mb"] == "256"
    assert answer["log_group_name"] == "/aws/lambda/tiny"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", answer["log_stream_name"])
    assert answer["path"] == str(CODE)


def test_the_environment_is_lambdas_and_not_the_developers(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker sees what Lambda sets and what the function declares, and nothing of the shell it was started from."""
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("HOME", "/home/someone")

    found = start("tiny.echo", environment={"LEDGER_TABLE": "table", "TZ": "Europe/Berlin"}).invoke("id", "{}").payload
    variables = found["environment"]

    assert "AWS_PROFILE" not in variables
    assert "HOME" not in variables
    assert variables["LEDGER_TABLE"] == "table"
    assert variables["TZ"] == "Europe/Berlin"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["_HANDLER"] == "tiny.echo"
    assert variables["LAMBDA_TASK_ROOT"] == str(CODE)
    assert variables["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert variables["AWS_ACCESS_KEY_ID"]


def test_a_warm_worker_keeps_its_modules(start: Start) -> None:
    """The second event finds the module's globals as the first one left them, in the same process."""
    environment = start("tiny.echo")

    first, second = environment.invoke("id-1", "{}").payload, environment.invoke("id-2", "{}").payload

    assert (first["seen"], second["seen"]) == (1, 2)
    assert first["pid"] == second["pid"] == environment.pid


def test_the_log_stream_is_written_in_lambdas_manner(start: Start) -> None:
    """The log holds START, what the function printed, END and a REPORT with duration and memory, for each event."""
    environment = start("tiny.echo")
    environment.invoke("id-1", "{}")
    environment.invoke("id-2", "{}")

    lines = environment.log_file.read_text(encoding="utf-8").splitlines()

    assert lines[0] == "START RequestId: id-1 Version: $LATEST"
    assert lines[1] == "echo handles an event"
    assert lines[2] == "END RequestId: id-1"
    report = (
        r"REPORT RequestId: id-\d\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms"
        r"\tMemory Size: 128 MB\tMax Memory Used: \d+ MB"
    )
    assert re.fullmatch(report + r"\tInit Duration: [\d.]+ ms", lines[3])
    assert re.fullmatch(report, lines[7])


def test_an_exception_is_an_error_and_the_worker_lives_on(start: Start, tmp_path: Path) -> None:
    """An exception becomes Lambda's error object and a traceback in the log; the process stays."""
    environment = start("tiny.record")

    outcome = environment.invoke("id-1", json.dumps({"file": str(tmp_path / "file"), "plan": ["raise"]}))

    assert outcome.status == "error"
    assert outcome.payload["errorType"] == "ValueError"
    assert outcome.payload["errorMessage"] == "not today"
    assert outcome.payload["requestId"] == "id-1"
    assert environment.alive
    log = environment.log_file.read_text(encoding="utf-8")
    assert "[ERROR] ValueError: not today\nTraceback (most recent call last):\n" in log


@pytest.mark.parametrize(
    ("step", "reason"), [("exit", "exit status 3"), ("kill", "signal: SIGKILL")], ids=["exit", "kill"]
)
def test_a_process_that_ends_is_a_crash(start: Start, tmp_path: Path, step: str, reason: str) -> None:
    """A handler whose process exits or is killed did not succeed, and the error says how the process ended."""
    environment = start("tiny.record")

    outcome = environment.invoke("id-1", json.dumps({"file": str(tmp_path / "file"), "plan": [step]}))

    assert outcome.status == "crash"
    assert outcome.payload["errorType"] == "Runtime.ExitError"
    assert outcome.payload["errorMessage"] == f"RequestId: id-1 Error: Runtime exited with error: {reason}"
    assert not environment.alive


def test_a_worker_is_killed_at_the_functions_timeout(start: Start) -> None:
    """An invocation that takes longer than the timeout ends there, with Lambda's words in the log."""
    environment = start("tiny.slow", timeout=0.3)
    environment.initialise()

    began = time.monotonic()
    outcome = environment.invoke("id-1", '{"seconds": 120}')

    assert time.monotonic() - began < 60
    assert outcome.status == "timeout"
    assert outcome.payload["errorType"] == "Sandbox.Timedout"
    assert not environment.alive
    log = environment.log_file.read_text(encoding="utf-8")
    assert re.search(r"^\S+Z id-1 Task timed out after 0\.30 seconds$", log, re.MULTILINE)
    assert "Status: timeout\tError Type: Sandbox.Timedout" in log


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        (
            "nowhere.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'nowhere': No module named 'nowhere'",
        ),
        ("tiny.nothing", "Runtime.HandlerNotFound", "Handler 'nothing' missing on module 'tiny'"),
        (
            "broken.handler",
            "Runtime.ImportModuleError",
            "Unable to import module 'broken': No module named 'a_module_that_does_not_exist'",
        ),
    ],
)
def test_a_handler_that_cannot_be_imported_is_an_error(start: Start, handler: str, kind: str, message: str) -> None:
    """A failed import is told in the words of Lambda's Python runtime, and the environment is given up."""
    environment = start(handler)

    outcome = environment.invoke("id-1", "{}")

    assert (outcome.status, outcome.payload["errorType"]) == ("error", kind)
    assert outcome.payload["errorMessage"] == message
    assert not environment.alive


def test_a_result_that_is_no_json_is_an_error(start: Start) -> None:
    """A return value that cannot be sent is an error of the function."""
    outcome = start("tiny.unmarshallable").invoke("id-1", "{}")

    assert (outcome.status, outcome.payload["errorType"]) == ("error", "Runtime.MarshalError")


def test_memory_is_the_workers_own(start: Start) -> None:
    """The reported memory follows what the function used, not what the process that started it holds."""
    ballast = bytearray(os.urandom(96 * 2**20))

    small, large = start("tiny.echo").invoke("id", "{}"), start("tiny.hungry").invoke("id", "{}")

    assert len(ballast) == 96 * 2**20
    assert 2**20 < small.max_memory < 64 * 2**20
    assert large.max_memory - small.max_memory > 60 * 2**20


def test_an_idle_worker_is_frozen(start: Start) -> None:
    """A thread that a handler left behind does not go on between two events."""
    environment = start("tiny.thread")
    environment.invoke("id-1", "{}")
    time.sleep(0.5)

    assert environment.invoke("id-2", "{}").payload <= 5


def test_an_event_of_several_pipe_buffers_arrives(start: Start) -> None:
    """Events and answers may be larger than a pipe's buffer."""
    event = {"text": "ä" * 300_000}

    assert start("tiny.echo").invoke("id", json.dumps(event)).payload["event"] == event


def test_workers_end_with_the_sandbox(tmp_path: Path) -> None:
    """When the sandbox itself is killed, its frozen workers end too."""
    script = f"""
import pathlib, sys, time
from workmail_rooms.sandbox.awslambda import ExecutionEnvironment, FunctionSpec
spec = FunctionSpec(arn={ARN!r}, code=pathlib.Path({str(CODE)!r}), handler="tiny.echo")
environment = ExecutionEnvironment(spec, logs=pathlib.Path({str(tmp_path)!r}), stream_id="0" * 32)
environment.invoke("id", "{{}}")
print(environment.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as sandbox:
        assert sandbox.stdout is not None
        worker = int(sandbox.stdout.readline())
        assert _exists(worker)
        sandbox.kill()

    deadline = time.monotonic() + 60
    while _exists(worker) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _exists(worker)


def _exists(pid: int) -> bool:
    """Whether a process runs, is stopped or sleeps; a zombie that nobody has collected yet does not count."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
