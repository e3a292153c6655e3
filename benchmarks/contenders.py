"""Who is measured: our function as `sam build` makes it, and three others."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol

import package
from workmail_rooms.sandbox.awslambda import FunctionSpec
from workmail_rooms.sandbox.awslambda.environment import ExecutionEnvironment

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent
NODE_FOLDER: Final = HERE / "aws_custom_resource"


class BenchmarkError(Exception):
    """What keeps the benchmark from running."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One event, after its process has ended it.

    Attributes
    ----------
    memory:
        The most that the process held, in bytes.
    result:
        What the handler returned.
    """

    memory: int
    result: Any = None


class Run(Protocol):
    """One process."""

    def handle(self, event: Mapping[str, Any]) -> Ended:
        """Hand over an event, and return when it was handled."""

    def close(self) -> None:
        """End the process."""


class Contender(Protocol):
    """Someone who answers a Create."""

    @property
    def name(self) -> str:
        """What the table calls it."""

    def start(self, folder: Path) -> Run:
        """Start a fresh process, whose logs go to *folder*."""


@dataclass(frozen=True, slots=True)
class PythonContender:
    """A Python function in a worker process of the sandbox."""

    name: str
    spec: FunctionSpec
    python: str

    def start(self, folder: Path) -> Run:
        """Start a fresh process."""
        return _PythonRun(ExecutionEnvironment(self.spec, logs=folder, stream_id="0" * 32, python=self.python))


class _PythonRun:
    def __init__(self, environment: ExecutionEnvironment) -> None:
        self._environment = environment

    def handle(self, event: Mapping[str, Any]) -> Ended:
        """Hand over an event."""
        outcome = self._environment.invoke("00000000-0000-4000-8000-000000000000", json.dumps(event))
        if outcome.status != "success":
            raise BenchmarkError(f"{self._environment.spec.name}: {outcome.payload}")
        return Ended(outcome.max_memory, outcome.payload)

    def close(self) -> None:
        """End the process."""
        self._environment.close()


@dataclass(frozen=True, slots=True)
class NodeContender:
    """The CDK's AwsCustomResource, which makes the one call that its properties name."""

    name: str
    variables: Mapping[str, str]

    def start(self, folder: Path) -> Run:
        """Return what starts the process when its event is there: Node gets it as a file."""
        return _NodeRun(folder, self.variables)


class _NodeRun:
    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._variables = variables

    def handle(self, event: Mapping[str, Any]) -> Ended:
        """Start the process and wait for its end."""
        properties = event["ResourceProperties"]
        call = {
            "service": "@aws-sdk/client-workmail",
            "action": "CreateResourceCommand",
            "parameters": {key: properties[key] for key in ("OrganizationId", "Name", "Type")},
            "physicalResourceId": {"responsePath": "ResourceId"},
        }
        own = {"ServiceToken": event["ServiceToken"], "Create": json.dumps(call), "InstallLatestAwsSdk": "false"}
        order, status, log = (self._folder / name for name in ("event.json", "status.txt", "node.log"))
        order.write_text(json.dumps({**event, "ResourceProperties": own}))
        node = shutil.which("node")
        if node is None:
            raise BenchmarkError("Node.js 20 is needed for AwsCustomResource, and there is no `node` in the path.")
        with log.open("wb") as output:
            command = [node, str(NODE_FOLDER / "run.cjs"), str(order), str(status)]
            done = subprocess.run(command, env=self._variables, stdout=output, stderr=output, check=False)  # noqa: S603 - ours
        if done.returncode:
            raise BenchmarkError(f"AwsCustomResource failed:\n{log.read_text()}")
        return Ended(next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) * 1024)

    def close(self) -> None:
        """Do nothing: the process has ended."""


def contenders(spec: FunctionSpec, folder: Path) -> dict[str, Contender]:
    """Build everyone in *folder*.

    Parameters
    ----------
    spec:
        Our function as the template configures it; its ``SSL_CERT_FILE`` certifies the endpoint for answers.

    Raises
    ------
    BenchmarkError
        Something is missing on this machine, or a build failed.
    """
    python = package.runtime()
    if python is None:
        raise BenchmarkError(f"python{package.RUNTIME}, Lambda's Python, has to be in the path.")
    certificates = Path(spec.environment["SSL_CERT_FILE"])
    ours = _sam_build(ROOT / "template.yaml", folder / "ours") / "ProviderFunction"
    obvious = _sam_build(HERE / "obvious" / "template.yaml", folder / "obvious") / "Function"
    floor = _floor(folder / "floor")
    _run(["npm", "ci", "--silent"], cwd=NODE_FOLDER)
    for code in (ours, obvious, floor):
        _run(["chmod", "-R", "a-w", str(code)])
    # As many authorities as Lambda's own store has, which each process reads that answers over HTTPS.
    bundle = folder / "ca.pem"
    bundle.write_bytes((floor / "botocore" / "cacert.pem").read_bytes() + certificates.read_bytes())
    # Root may write to the folders all the same, and must not leave bytecode there.
    own = {"SSL_CERT_FILE": str(bundle), "PYTHONDONTWRITEBYTECODE": "1"}
    spec = replace(spec, environment={**spec.environment, **own})
    path = {"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": str(certificates), **_credentials()}
    return {
        "ours": PythonContender("this project", replace(spec, code=ours), python),
        "floor": PythonContender("the floor", replace(spec, code=floor, handler="app.handler"), python),
        "obvious": PythonContender("the obvious", replace(spec, code=obvious, handler="app.handler"), python),
        "aws": NodeContender("AwsCustomResource", {**path, **_endpoints(spec.environment)}),
    }


def _credentials() -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": "ASIAEXAMPLESANDBOX00", "AWS_SECRET_ACCESS_KEY": "example", "AWS_REGION": "us-east-1"}


def _endpoints(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith("AWS_ENDPOINT_URL")}


def _sam_build(template: Path, folder: Path) -> Path:
    sam = Path(sys.executable).with_name("sam")
    with tempfile.TemporaryDirectory() as cache:
        command = [str(sam), "build", "--template", str(template), "--build-dir", str(folder), "--cache-dir", cache]
        _run(command, cwd=template.parent)
    return folder


def _floor(folder: Path) -> Path:
    package.install(folder)
    shutil.copy(HERE / "floor" / "app.py", folder)
    package.add_bytecode(folder)
    return folder


def _run(command: list[str], cwd: Path = ROOT) -> None:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0"}
    try:
        subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    except FileNotFoundError:
        raise BenchmarkError(f"{command[0]} is needed, and not in the path.") from None
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{' '.join(command)} failed:\n{error.stdout}{error.stderr}") from None


def timed_start(contender: Contender, folder: Path) -> tuple[float, contextlib.closing[Run]]:
    """Start a process; return when that was, and the process."""
    folder.mkdir(parents=True, exist_ok=True)
    return time.monotonic(), contextlib.closing(contender.start(folder))
