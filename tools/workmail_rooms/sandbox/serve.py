"""``workmail-rooms sandbox serve`` and ``exec``: the account, for functions and commands that somebody else runs."""

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text

from workmail_rooms.sandbox import show
from workmail_rooms.sandbox.account import REGION, endpoint_variables
from workmail_rooms.sandbox.awslambda.certificates import LocalCertificates
from workmail_rooms.sandbox.awslambda.sink import Reply, Request, Sink, error
from workmail_rooms.sandbox.runtime import load_backends, load_parameters, load_provider, load_stacks, serve_account
from workmail_rooms.sandbox.services import Answer, Call, Services
from workmail_rooms.sandbox.state import StateError, StateFolder
from workmail_rooms.sandbox.workmail import Behaviour

_READS = ("Describe", "List", "Get", "Query", "Scan", "BatchGet")
_LONGEST_RESPONSE = 4096


class SavingInterceptor:
    """Saves the state after each call that may have changed it, before the caller has the answer."""

    def __init__(self, save: "StateSaver") -> None:
        self._save = save

    def before(self, call: Call) -> Answer | None:
        """Let the call through."""

    def after(self, call: Call, _status: int) -> Answer | None:
        """Save."""
        if not call.operation.startswith(_READS):
            self._save()
        return None


class StateSaver:
    """Writes the state, one thread at a time; a failure is shown and does not stop the server."""

    def __init__(self, state: StateFolder, services: Services, console: Console) -> None:
        self._state = state
        self._kept = {"stacks": load_stacks(state).export_state(), "parameters": load_parameters(state)}
        self._services = services
        self._console = console
        self._lock = threading.Lock()

    def __call__(self) -> None:
        """Save."""
        with self._lock:
            try:
                self._state.save({**self._kept, "services": self._services.backends.export_state()})
            except StateError as problem:
                self._console.print(str(problem), style="red", soft_wrap=True)


def serve(
    state: StateFolder,
    *,
    host: str,
    workmail_port: int,
    response_port: int,
    template: Path,
    console: Console,
    behaviour: Behaviour | None = None,
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    state:
        What is remembered. The caller holds its lock.
    host, workmail_port, response_port:
        Where to listen.
    template:
        The provider's own template, for its table.
    console:
        Where answers are shown.
    behaviour:
        How WorkMail behaves from now on; None leaves it as the state has it.

    Raises
    ------
    StateError
        The state cannot be read, or a port is taken.
    """
    listener = _listen(host, workmail_port, "--workmail-port")
    certificates = LocalCertificates(state.certificates)
    provider = load_provider(template, {})
    backends = load_backends(state, provider, behaviour)

    def answer(request: Request) -> Reply:
        if request.method != "PUT":
            return error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
        print_response(console, request.body)
        return Reply(200)

    with serve_account(backends, provider, load_stacks(state), listener) as services:
        services.interceptor = SavingInterceptor(StateSaver(state, services, console))
        try:
            sink = Sink(answer, host=host, port=response_port, tls=certificates.server_context(), plain=True)
        except OSError as problem:
            raise _taken(host, response_port, "--response-port", problem) from problem
        with sink, contextlib.suppress(KeyboardInterrupt):
            name = seen_as(host)
            variables = endpoint_variables(services.url.replace(host, name, 1))
            for table in provider.tables:
                variables["LEDGER_TABLE"] = table
            for variable, value in variables.items():
                console.print(f"export {variable}={value}", soft_wrap=True)
            console.print(
                f"# Responses are taken at http://{name}:{sink.port}/ and https://{name}:{sink.port}/ "
                f"(SSL_CERT_FILE={certificates.bundle}). Ctrl-C ends.",
                soft_wrap=True,
            )
            threading.Event().wait()


def execute(
    state: StateFolder, command: Sequence[str], *, template: Path, console: Console, behaviour: Behaviour | None = None
) -> int:
    """Run a command whose calls to AWS are answered here.

    Parameters
    ----------
    state:
        What is remembered. The caller holds its lock.
    template, console, behaviour:
        As of :func:`serve`.

    Returns
    -------
    Its exit status, as a shell tells it.

    Raises
    ------
    StateError
        The state cannot be read.
    OSError
        The command cannot be run.
    """
    provider = load_provider(template, {})
    backends = load_backends(state, provider, behaviour)
    with serve_account(backends, provider, load_stacks(state)) as services:
        services.interceptor = SavingInterceptor(StateSaver(state, services, console))
        # Nothing of the user's own AWS account comes in, and no call goes out.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environment |= endpoint_variables(services.url)
        environment |= {
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": services.url,
            "AWS_REGION": REGION,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
        }
        status = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - the user's own words
    return status if status >= 0 else 128 - status


def seen_as(host: str) -> str:
    """Return the name by which clients reach *host*; whoever listens everywhere has containers in mind."""
    return "host.docker.internal" if host == "0.0.0.0" else host  # noqa: S104 - compared, not listened on


def print_response(console: Console, body: bytes) -> None:
    """Print one response: time, status, physical id, reason, and what a custom resource must not do."""
    try:
        response = json.loads(body)
        status, physical_id = str(response["Status"]), str(response.get("PhysicalResourceId", ""))
        logical_id, reason = str(response.get("LogicalResourceId", "")), str(response.get("Reason", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        console.print(
            f"{_now()}  not a response: {show.clean(repr(body[:_LONGEST_RESPONSE]))}", style="red", soft_wrap=True
        )
        return
    line = Text(f"{_now()}  ")
    line.append(status.ljust(len("SUCCESS")), style="green" if status == "SUCCESS" else "bold red")
    line.append(f"  {logical_id}  {show.clean(physical_id)}")
    remark = f"  ({len(body)} bytes; CloudFormation takes 4096)" if len(body) > _LONGEST_RESPONSE else ""
    show.print_hanging(console, line, show.clean(reason) + remark)


def _listen(host: str, port: int, option: str) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=128)
    except OSError as problem:
        raise _taken(host, port, option, problem) from problem


def _taken(host: str, port: int, option: str, problem: OSError) -> StateError:
    return StateError(f"cannot listen on {host}:{port}: {problem.strerror}. Give another {option} or --host.")


def _now() -> str:
    return show.local_time(datetime.now(UTC))
