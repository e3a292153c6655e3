"""How long a Create takes: the first one of a process, and those after it; next to three others.

``make bench`` prints it as a table. Everyone answers the same event, from the start of the process to
the arrival of the answer, against the same embedded WorkMail and DynamoDB. Runs are interleaved, so that whatever else
the machine does concerns all alike.
"""

import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from benchmarks.contenders import BenchmarkError, Contender, Ended, Run, contenders, timed_start
from workmail_rooms.sandbox.awslambda import FunctionSpec
from workmail_rooms.sandbox.rooms import rooms
from workmail_rooms.sandbox.runtime import Sandbox
from workmail_rooms.sandbox.seed import EXAMPLE
from workmail_rooms.sandbox.show import make_console, table
from workmail_rooms.sandbox.state import StateFolder

RUNS: Final = 15
WARM_EVENTS: Final = 20
FUNCTION_ARN: Final = "arn:aws:lambda:us-east-1:123456789012:function:workmail-resource-ProviderFunction"
_PATIENCE: Final = 60.0
_MEGABYTE: Final = 1 << 20


@dataclass(slots=True)
class Times:
    """What was measured of one contender.

    Attributes
    ----------
    cold:
        Seconds from the start of the process to the answer of its first Create.
    warm:
        Seconds from a further event to its answer.
    puts:
        Of these, the seconds that the PUT took, where the contender tells.
    memory:
        The most that a process held while it handled its first event, in bytes.
    """

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    puts: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)


class Benchmark:
    """Hands out Creates and takes the time.

    Parameters
    ----------
    sandbox:
        Whose services are called.
    contenders:
        By short name; among them ``ours`` and ``floor``.
    logs:
        A folder for logs.
    """

    def __init__(self, sandbox: Sandbox, contenders: Mapping[str, Contender], logs: Path) -> None:
        self._sandbox = sandbox
        self._contenders = contenders
        self._logs = logs
        self._number = 0

    def measure(self, runs: int, warm_events: int) -> dict[str, Times]:
        """Measure everyone in turns, and the further events of ours and the floor."""
        times = self.measure_cold(runs)
        self._warm({name: times[name] for name in ("ours", "floor")}, warm_events)
        return times

    def measure_cold(self, runs: int) -> dict[str, Times]:
        """Measure everyone's first event, in turns."""
        times = {name: Times() for name in self._contenders}
        for _ in range(runs):
            for name, contender in self._contenders.items():
                times[name].cold.append(self._cold(contender, times[name]))
        return times

    def _cold(self, contender: Contender, times: Times) -> float:
        began, closing = timed_start(contender, self._logs / contender.name.replace(" ", "-"))
        with closing as run:
            answered, ended = self._create(run)
        times.memory.append(ended.memory)
        return answered - began

    def _warm(self, times: Mapping[str, Times], events: int) -> None:
        with ExitStack() as stack:
            runs = {}
            for name in times:
                _, closing = timed_start(self._contenders[name], self._logs / "warm")
                runs[name] = stack.enter_context(closing)
                self._create(runs[name])
            for _ in range(events):
                for name, run in runs.items():
                    began = time.monotonic()
                    answered, ended = self._create(run)
                    times[name].warm.append(answered - began)
                    if isinstance(ended.result, dict):
                        times[name].puts.append(ended.result["put"])

    def _create(self, run: Run) -> tuple[float, Ended]:
        """Hand over a Create; return when its answer came, and what the process says."""
        self._number += 1
        event, issued = self._event(f"room-{self._number}")
        with ThreadPoolExecutor(1) as pool:
            arrival = pool.submit(lambda: (issued.wait(_PATIENCE), time.monotonic()))
            ended = run.handle(event)
            put, at = arrival.result()
        issued.close()
        if put is None or b"SUCCESS" not in put.body:
            raise BenchmarkError(f"The answer was {put and put.body!r}")
        names = {room.Name for room in rooms(self._sandbox.backends.workmail)}
        if f"room-{self._number}" not in names:
            raise BenchmarkError(f"SUCCESS, and no room-{self._number}")
        return at, ended

    def _event(self, name: str) -> tuple[Mapping[str, Any], Any]:
        stack_id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/rooms/{uuid.uuid4()}"
        request_id = str(uuid.uuid4())
        issued = self._sandbox.endpoint.issue(
            stack_id=stack_id, logical_resource_id="Room", request_id=request_id, signed_at=datetime.now(UTC)
        )
        return {
            "RequestType": "Create",
            "ServiceToken": FUNCTION_ARN,
            "ResponseURL": issued.url,
            "StackId": stack_id,
            "RequestId": request_id,
            "LogicalResourceId": "Room",
            "ResourceType": "Custom::WorkMailResource",
            "ResourceProperties": {
                "ServiceToken": FUNCTION_ARN,
                "OrganizationId": EXAMPLE,
                "Name": name,
                "Type": "ROOM",
            },
        }, issued


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f}" if seconds else "-"


def show(console: Console, names: Mapping[str, str], times: Mapping[str, Times]) -> None:
    """Print the medians, and their ratios to ours."""
    ours = times["ours"]
    rows = [
        [
            names[key],
            _milliseconds(own.cold),
            f"{statistics.median(ours.cold) / statistics.median(own.cold):.2f}",
            _milliseconds(own.warm),
            f"{statistics.median(own.memory) / _MEGABYTE:.0f}",
        ]
        for key, own in times.items()
    ]
    columns = ["Create by", "Cold ms", "ours / it", "Warm ms", "Memory MB"]
    table(console, f"From the start of the process to the answer, medians of {len(ours.cold)} runs", columns, rows)
    floor = times["floor"]
    beyond_put = statistics.median(ours.warm) - statistics.median(floor.warm)
    beyond_calls = beyond_put + statistics.median(floor.puts)
    console.print(
        f"A warm event takes {beyond_calls * 1000:.1f} ms beyond its calls, "
        f"{beyond_put * 1000:.1f} ms beyond its calls and its PUT"
    )


def our_spec(sandbox: Sandbox) -> FunctionSpec:
    """Return our function as the template configures it."""
    tokens = sandbox.exports.values()
    return next(spec for spec in sandbox.provider.functions if spec.arn in tokens)


def main() -> None:
    """Measure and print."""
    console = make_console()
    try:
        with tempfile.TemporaryDirectory() as folder:
            state = StateFolder(Path(folder) / "state")
            with Sandbox(state, workers=0) as sandbox:
                everyone = contenders(our_spec(sandbox), Path(folder))
                times = Benchmark(sandbox, everyone, Path(folder) / "logs").measure(RUNS, WARM_EVENTS)
                names = {key: contender.name for key, contender in everyone.items()}
    except BenchmarkError as error:
        sys.exit(str(error))
    show(console, names, times)


if __name__ == "__main__":
    main()
