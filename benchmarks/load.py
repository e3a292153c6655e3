"""The load that a large stack makes: its rooms created, some of them changed, all deleted, at a limited rate of calls.

``python -m benchmarks.load`` prints it as a table.
"""

import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from rich.console import Console

from workmail_rooms.sandbox.cloudformation import Outcome
from workmail_rooms.sandbox.rooms import Room, rooms
from workmail_rooms.sandbox.runtime import Sandbox
from workmail_rooms.sandbox.show import make_console, table
from workmail_rooms.sandbox.state import StateFolder
from workmail_rooms.sandbox.workmail.calls import Call
from workmail_rooms.sandbox.workmail.faults import RateLimit

TEMPLATE: Final = Path(__file__).resolve().parent.parent / "examples" / "many-rooms.yaml"

#: WorkMail's real rate is not published. Without a burst: a second has 25 calls, one every 40 ms.
LIMIT: Final = RateLimit(per_second=25.0, burst=1)

#: What the update changes; it concerns the rooms of the top floors.
CHANGE: Final = {"TopFloorDescription": "with a view and a screen"}

_STACK = "many-rooms"
_MEGABYTE = 1 << 20
_GRACE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stack operation.

    Attributes
    ----------
    name:
        Such as ``create``.
    outcome:
        How it ended.
    handled:
        Events that the function has answered.
    calls:
        The calls that WorkMail has carried out.
    refused:
        Those that it refused because of their rate.
    seconds:
        How long it took.
    rate:
        Calls a second that WorkMail carries out at most.
    memory:
        The most that one worker held, in bytes.
    rooms:
        What the organizations hold afterwards.
    """

    name: str
    outcome: Outcome
    handled: int
    calls: tuple[Call, ...]
    refused: int
    seconds: float
    rate: float
    memory: int
    rooms: tuple[Room, ...]

    @property
    def ratio(self) -> float:
        """The time taken, in units of the least time that so many calls take at this rate."""
        return self.seconds * self.rate / len(self.calls)

    def count(self, operation: str) -> int:
        """Return how often WorkMail has carried out an operation with success."""
        return sum(call.operation == operation and call.outcome == "OK" for call in self.calls)


class Load:
    """A sandbox whose WorkMail limits the rate of calls.

    Parameters
    ----------
    sandbox:
        In which nothing else happens.
    limit:
        The rate.
    """

    def __init__(self, sandbox: Sandbox, limit: RateLimit = LIMIT) -> None:
        self._sandbox = sandbox
        self._limit = limit
        sandbox.backends.workmail.behaviour = replace(sandbox.backends.workmail.behaviour, rate_limit=limit)

    def deploy(self, name: str, parameters: Mapping[str, str]) -> Phase:
        """Create or update the stack."""
        return self._measure(name, lambda: self._sandbox.engine.deploy(TEMPLATE, _STACK, parameters))

    def delete(self) -> Phase:
        """Delete the stack."""
        return self._measure("delete", lambda: self._sandbox.engine.delete(_STACK))

    def _measure(self, name: str, operation: Callable[[], Outcome]) -> Phase:
        workmail = self._sandbox.backends.workmail
        workmail.clear_calls()
        before = len(self._sandbox.functions.invocations)
        began = time.monotonic()
        outcome = operation()
        seconds = time.monotonic() - began
        # An answer arrives a moment before its invocation has ended.
        self._sandbox.functions.wait_until_idle(_GRACE)
        invocations = self._sandbox.functions.invocations[before:]
        carried_out = tuple(call for call in workmail.calls if call.outcome != "ThrottlingException")
        return Phase(
            name=name,
            outcome=outcome,
            handled=len(invocations),
            calls=carried_out,
            refused=len(workmail.calls) - len(carried_out),
            seconds=seconds,
            rate=self._limit.per_second,
            memory=max((invocation.outcome.max_memory for invocation in invocations), default=0),
            rooms=tuple(rooms(workmail)),
        )


def show(console: Console, phases: Iterable[Phase]) -> None:
    """Print *phases* as a table."""
    columns = ["Operation", "Status", "Events", "Rooms", "Calls", "Refused", "Seconds", "x calls/rate", "MB a worker"]
    table(
        console,
        f"{TEMPLATE.name}, WorkMail limited to {LIMIT.per_second:g} calls a second",
        columns,
        [
            [
                phase.name,
                phase.outcome.status,
                str(phase.handled),
                str(len(phase.rooms)),
                str(len(phase.calls)),
                str(phase.refused),
                f"{phase.seconds:.1f}",
                f"{phase.ratio:.2f}",
                f"{phase.memory / _MEGABYTE:.0f}",
            ]
            for phase in phases
        ],
    )


def main() -> None:
    """Measure 500 rooms, and print the table."""
    console = make_console()
    with tempfile.TemporaryDirectory() as folder, Sandbox(StateFolder(Path(folder)), workers=2) as sandbox:
        load = Load(sandbox)
        phases = [load.deploy("create", {}), load.deploy("update 100", CHANGE), load.delete()]
    show(console, phases)


if __name__ == "__main__":
    main()
