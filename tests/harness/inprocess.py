"""The project's command in this process: a document's terminal session that starts nothing for each of its lines."""

import contextlib
import io
import json
import os
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from types import SimpleNamespace
from typing import Any
from unittest import mock
from uuid import uuid4

import boto3
from botocore.config import Config

from workmail_resource import app, last_resort
from workmail_rooms import cli
from workmail_rooms.sandbox.account import REGION
from workmail_rooms.sandbox.awslambda import FunctionSpec, service
from workmail_rooms.sandbox.awslambda.environment import Outcome


@cache
def client_of(service: str, url: str) -> Any:
    """Return the client of a service at a URL, which tries each call once."""
    client: Any = boto3.client  # the stubs want the service's name as a literal
    return client(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )


class NoTimer:
    """A timer that never rings: an event looks at its deadline itself."""

    def cancel(self) -> None:
        """Do nothing."""

    def join(self) -> None:
        """Do nothing."""


class Log:
    """Collects what is logged."""

    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self._lines = lines

    def info(self, message: str, **keys: object) -> None:
        """Collect a line."""
        self._lines.append({"message": message, **keys})

    error = info

    def count(self, **_metrics: object) -> None:
        """Count nothing."""

    def count_unanswered(self) -> None:
        """Count nothing."""


@dataclass(eq=False)
class Environment:
    """An execution environment that is a thread. Takes the place of the sandbox's, which is a process."""

    spec: FunctionSpec
    logs: Path
    stream_id: str
    python: str
    events: int = 0
    alive: bool = True
    pid: int = 0

    @property
    def log_file(self) -> Path:
        """Nothing is written there."""
        return self.logs / self.stream_id

    def invoke(self, request_id: str, event: str) -> Outcome:
        """Handle an event as the function does, with clients of this process and without a log."""
        self.events += 1
        ends_at = time.monotonic() + self.spec.timeout
        context: Any = SimpleNamespace(
            aws_request_id=request_id,
            log_stream_name=f"2026/01/01/[$LATEST]{uuid4().hex}",
            get_remaining_time_in_millis=lambda: int(1000 * (ends_at - time.monotonic())),
        )
        try:
            if self.spec.handler.startswith(last_resort.__name__):
                last_resort.handler(json.loads(event), context)
            else:
                app.Invocation(json.loads(event), context, self._outside()).run()
        except Exception as error:  # noqa: BLE001 - whatever the handler raises
            return Outcome("error", repr(error), 0.0, 0)
        return Outcome("success", None, 0.0, 0)

    def close(self) -> None:
        """Nothing has to end."""

    kill = close

    def _outside(self) -> app.Outside:
        urls = {name.rpartition("_")[2].lower(): url for name, url in self.spec.environment.items()}
        return app.Outside(
            client=lambda name, _region, _seconds: client_of(name, urls[name]),
            start_timer=lambda _seconds, _call: NoTimer(),
            environment=self.spec.environment,
            telemetry=lambda *_arguments, **_keys: Log([]),  # type: ignore[arg-type] # as much of it
        )


def run(line: str) -> list[str]:
    """Run ``workmail-rooms ...`` in the present folder, and return what it prints."""
    printed = io.StringIO()
    with (
        mock.patch.object(service, "ExecutionEnvironment", Environment),
        mock.patch("workmail_rooms.sandbox.serve.subprocess", SimpleNamespace(run=_execute)),
        mock.patch.dict(os.environ, {"SSL_CERT_FILE": str(Path(".sandbox/tls/ca.pem").absolute())}),
        contextlib.redirect_stdout(printed),
    ):
        cli.main(shlex.split(line)[1:])
    return printed.getvalue().splitlines()


def _execute(words: Sequence[str], *, env: Mapping[str, str], check: bool) -> CompletedProcess[str]:
    """Run what ``sandbox exec`` is given; its messages are for the same terminal."""
    assert (words[0], check) == (cli.PROGRAM, False)
    with mock.patch.dict(os.environ, env, clear=True), contextlib.redirect_stderr(io.StringIO()) as messages:
        status = cli.main(words[1:])
    sys.stdout.write(messages.getvalue())
    return CompletedProcess(words, status)
