"""One execution environment: a worker process with its pipes and its log stream."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from workmail_rooms.sandbox.awslambda.spec import FunctionSpec

Status = Literal["success", "error", "timeout", "crash"]

_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")

# Lambda gives the import ten seconds before the first event's own time begins to run.
_INIT_TIMEOUT = 10.0

# Made-up keys: boto3 must sign its requests, and nothing here checks the signature.
_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLESANDBOX00",
    "AWS_SECRET_ACCESS_KEY": "sandbox",
    "AWS_SESSION_TOKEN": "sandbox",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try of an event ended.

    Attributes
    ----------
    status:
        "success", "error" (the handler raised, or could not be imported), "timeout" or "crash" (the process ended).
    payload:
        What the handler returned, or Lambda's error object (errorType, errorMessage, stackTrace).
    duration:
        Seconds.
    max_memory:
        Bytes; 0 when the process ended before it could tell.
    """

    status: Status
    payload: Any = field(repr=False)
    duration: float
    max_memory: int


class _WorkerEndedError(Exception):
    """The worker closed its pipe."""


class _DeadlineError(Exception):
    """The worker did not answer in time."""


def variables(spec: FunctionSpec, log_stream: str) -> dict[str, str]:
    """Everything a worker finds in its environment: what Lambda sets and what the function's configuration says.

    Nothing of the developer's own environment is passed on, and boto3 reads none of their configuration files.
    """
    return {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": spec.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_REGION": spec.region,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "LAMBDA_TASK_ROOT": str(spec.code.resolve()),
        "LANG": "C.UTF-8",
        "PATH": os.defpath,
        "TZ": ":UTC",
        "_HANDLER": spec.handler,
        **_CREDENTIALS,
        **spec.environment,
    }


class ExecutionEnvironment:
    """A worker process that handles one event at a time and stays warm between them.

    Between events the process is stopped with SIGSTOP, as Lambda freezes an environment: a thread that the function
    left behind goes on only when the next event arrives.

    Parameters
    ----------
    spec:
        The function.
    logs:
        The folder in which the function's log streams are written, one file for each environment.
    stream_id:
        32 hexadecimal digits, the random part of the log stream's name.
    python:
        The interpreter that runs the function.
    """

    def __init__(self, spec: FunctionSpec, *, logs: Path, stream_id: str, python: str = sys.executable) -> None:
        self.spec = spec
        self.log_stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{stream_id}"
        folder = logs / spec.name
        folder.mkdir(parents=True, exist_ok=True)
        self.log_file = folder / f"{self.log_stream.replace('/', '-')}.log"
        self.events = 0
        self._started = time.monotonic()
        self._init_duration: float | None = None
        self._buffer = b""
        with contextlib.ExitStack() as stack, contextlib.ExitStack() as pipes:
            events_read, self._events = os.pipe()
            stack.callback(os.close, events_read)
            pipes.callback(os.close, self._events)
            self._answers, answers_write = os.pipe()
            stack.callback(os.close, answers_write)
            pipes.callback(os.close, self._answers)
            log = stack.enter_context(self.log_file.open("ab"))
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter and the script are ours
                [python, "-P", "-s", str(_BOOTSTRAP), str(events_read), str(answers_write)],
                cwd=spec.code,
                env=variables(spec, self.log_stream),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(events_read, answers_write),
                # A group of its own: Ctrl-C in the terminal is for the sandbox, which then ends its workers. The
                # same session: should the sandbox be killed, the kernel wakes and ends the stopped orphan (SIGHUP).
                process_group=0,
            )
            self._pipes = pipes.pop_all()

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs (or is frozen)."""
        return self._process.poll() is None

    def initialise(self) -> Outcome | None:
        """Wait for the import of the handler; the outcome when that failed."""
        if self._init_duration is not None:
            return None
        try:
            answer = self._receive(self._started + _INIT_TIMEOUT + self.spec.timeout)
        except (_WorkerEndedError, _DeadlineError) as error:
            return self._lost(error, request_id="", since=self._started)
        duration = time.monotonic() - self._started
        if "initError" in answer:
            self.close()
            return Outcome("error", answer["initError"], duration, answer["maxMemory"])
        self._init_duration = duration
        self._freeze()
        return None

    def invoke(self, request_id: str, event: str) -> Outcome:
        """Run one event; the process is gone afterwards unless the outcome is "success" or "error".

        Parameters
        ----------
        request_id:
            What the function sees as ``aws_request_id``.
        event:
            The event as JSON.
        """
        self._log(f"START RequestId: {request_id} Version: $LATEST")
        self.events += 1
        outcome = self.initialise() or self._run(request_id, event)
        if outcome.status == "timeout":
            timestamp = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3]
            self._log(f"{timestamp}Z {request_id} Task timed out after {self.spec.timeout:.2f} seconds")
        elif outcome.status == "crash":
            self._log(outcome.payload["errorMessage"])
        self._log(f"END RequestId: {request_id}")
        self._log(self._report(request_id, outcome))
        return outcome

    def kill(self) -> None:
        """End the process as ``kill -9`` does; whoever waits for its answer sees a crash."""
        self._process.kill()

    def close(self) -> None:
        """End the process and give back its descriptors; may be called twice."""
        self._process.kill()
        self._process.wait()
        self._pipes.close()

    def _run(self, request_id: str, event: str) -> Outcome:
        started = time.monotonic()
        deadline_ms = int((time.time() + self.spec.timeout) * 1000)
        head = json.dumps({"requestId": request_id, "functionArn": self.spec.arn, "deadlineMs": deadline_ms})
        try:
            self._process.send_signal(signal.SIGCONT)
            self._send(f'{head[:-1]}, "event": {event}}}\n'.encode())
            answer = self._receive(started + self.spec.timeout)
        except (_WorkerEndedError, _DeadlineError) as error:
            return self._lost(error, request_id=request_id, since=started)
        duration = time.monotonic() - started
        self._freeze()
        if "error" in answer:
            return Outcome("error", {**answer["error"], "requestId": request_id}, duration, answer["maxMemory"])
        return Outcome("success", answer["result"], duration, answer["maxMemory"])

    def _lost(self, error: Exception, *, request_id: str, since: float) -> Outcome:
        duration = time.monotonic() - since
        if isinstance(error, _DeadlineError):
            memory = _resident(self.pid)
            self.close()
            limit = self.spec.timeout if request_id else _INIT_TIMEOUT + self.spec.timeout
            message = f"Task timed out after {limit:.2f} seconds"
            payload = {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: {message}"}
            return Outcome("timeout", payload, duration, memory)
        status = self._process.wait()
        self.close()
        reason = f"signal: {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        message = f"RequestId: {request_id} Error: Runtime exited with error: {reason}"
        return Outcome("crash", {"errorType": "Runtime.ExitError", "errorMessage": message}, duration, 0)

    def _freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        if hasattr(os, "waitid"):
            # The kernel ends a stopped orphan only if it had stopped by the time that its parent was killed. There is
            # no child any more where another thread has closed it meanwhile.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def _send(self, line: bytes) -> None:
        try:
            while line:
                line = line[os.write(self._events, line) :]
        except BrokenPipeError:
            raise _WorkerEndedError from None

    def _receive(self, deadline: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise _DeadlineError
                chunk = os.read(self._answers, 65536)
                if not chunk:
                    raise _WorkerEndedError
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _log(self, line: str) -> None:
        with self.log_file.open("a", encoding="utf-8") as log:
            log.write(f"{line}\n")

    def _report(self, request_id: str, outcome: Outcome) -> str:
        milliseconds = outcome.duration * 1000
        fields = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {milliseconds:.2f} ms",
            f"Billed Duration: {-int(-milliseconds // 1)} ms",
            f"Memory Size: {self.spec.memory} MB",
            f"Max Memory Used: {-(-outcome.max_memory // 2**20)} MB",
        ]
        if self.events == 1 and self._init_duration is not None:
            fields.append(f"Init Duration: {self._init_duration * 1000:.2f} ms")
        if outcome.status in {"timeout", "crash"}:
            fields.append(f"Status: {'timeout' if outcome.status == 'timeout' else 'error'}")
            fields.append(f"Error Type: {outcome.payload['errorType']}")
        return "\t".join(fields)


def _resident(pid: int) -> int:
    """Bytes of memory that another process held at most; 0 where the system has no ``/proc``."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = (line.split() for line in status.splitlines() if line.startswith("VmHWM:"))
    return next((int(words[1]) * 1024 for words in lines), 0)
