"""How long 500 rooms take, by ReservedConcurrency, when Lambda's queue backs off as AWS describes it.

``python -m benchmarks.waiting`` prints it as a table. The function is the real one, from its handler's ``Invocation``
down; WorkMail, DynamoDB, CloudFormation and Lambda are the simulation's (``tests/simulation``), in virtual time.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

from tests.simulation.awslambda import Delivery, Event, Worker
from tests.simulation.cloudformation import Declared
from tests.simulation.dynamodb import DynamoDBError
from tests.simulation.workmail import EXAMPLE
from tests.simulation.world import Story, World
from workmail_rooms.sandbox.awslambda.spec import FunctionSpec
from workmail_rooms.sandbox.provider import read_provider
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE
from workmail_rooms.sandbox.show import make_console, table
from workmail_rooms.sandbox.workmail.faults import Injector, RateLimit

ROOMS: Final = 500
#: Calls a second; WorkMail's real rate is not published.
RATES: Final = (5.0, 25.0, 100.0)
CONCURRENCIES: Final = (10, 25, 50, 100)
#: Seconds: CloudFormation's longest, which examples/many-rooms.yaml declares.
SERVICE_TIMEOUT: Final = 3600.0


@dataclass(slots=True)
class Load:
    """What the creation of a stack took.

    Attributes
    ----------
    seconds:
        From the first event to the last answer.
    calls, refused:
        Those that WorkMail has carried out, and those that it refused for their rate.
    throttled:
        How often Lambda had no room for an event.
    given_up:
        The events that waited too long.
    tries:
        Invocations.
    """

    concurrency: int
    rate: float
    status: str = ""
    seconds: float = 0.0
    calls: int = 0
    refused: int = 0
    throttled: int = 0
    given_up: int = 0
    tries: int = 0


class _Queued(Delivery):
    """A delivery that Lambda throttles when the function's concurrency is used up."""

    def __init__(self, world: "_World", event: Event, name: str) -> None:
        super().__init__(world, event, name)
        self._account = world
        self._times = 0
        self._since = world.scheduler.now

    def begin(self) -> None:
        """Try the event, if there is room for it."""
        account = self._account
        if account.running < account.load.concurrency:
            account.running += 1
            account.load.tries += 1
            super().begin()
            return
        account.load.throttled += 1
        self._times += 1
        delay = account.spec.throttle_delay(self._times, account.dice.random())
        if account.scheduler.now + delay - self._since > account.spec.maximum_event_age:
            account.load.given_up += 1
            self._attempt = 0
            account.scheduler.spawn(f"{self.name} last resort", self._last_resort)
        else:
            account.scheduler.spawn(self.name, self.begin, delay)

    def end(self, outcome: str) -> None:
        """Make room for the next."""
        self._account.running -= 1
        super().end(outcome)


class _World(World):
    """An account with a queue, and a WorkMail with a rate."""

    def __init__(self, spec: FunctionSpec, load: Load) -> None:
        super().__init__(Story(1, ()))
        self.spec = spec
        self.load = load
        self.running = 0
        self.dice = Random(1)  # noqa: S311 - jitter
        self.cloudformation.service_timeout = SERVICE_TIMEOUT
        self._limit = RateLimit(per_second=load.rate, burst=1)
        self._injector = Injector([])

    def invoke(self, event: Event, name: str) -> None:
        """Let Lambda queue an event."""
        self.deliveries += 1
        self.scheduler.spawn(name, _Queued(self, event, name).begin, 0.05)

    def served(self, service: str, operation: str, parameters: Any, worker: Worker) -> dict[str, Any]:
        """Carry out a call, if the rate allows it."""
        if service == "workmail":
            if self._injector.over(self._limit, self.scheduler.now):
                self.load.refused += 1
                raise DynamoDBError("ThrottlingException", "Rate exceeded")
            self.load.calls += 1
        return super().served(service, operation, parameters, worker)


def measure(spec: FunctionSpec, concurrency: int, rate: float, rooms: int = ROOMS) -> Load:
    """Create a stack of so many rooms."""
    load = Load(concurrency, rate)
    world = _World(spec, load)
    template = {
        f"Room{number:03}": Declared(
            {
                "OrganizationId": EXAMPLE,
                "Name": f"room-{number:03}",
                "Type": "ROOM",
                "Email": f"room-{number:03}@example.com",
            }
        )
        for number in range(rooms)
    }
    began = world.scheduler.now
    world.scheduler.spawn("people", lambda: world.cloudformation.deploy("rooms", template))
    world.scheduler.run(began + 86400)
    stack = world.cloudformation.stacks["rooms"]
    answered = [one.answered_at for one in world.cloudformation.requests.values() if one.answered_at is not None]
    load.status = stack.status
    load.seconds = max(answered, default=began) - began
    return load


def main() -> None:
    """Measure, and print the table."""
    provider = read_provider(PROVIDER_TEMPLATE, account_id="123456789012", region="us-east-1")
    spec = replace(provider.functions[0], throttle_delays=(1.0, 300.0))
    loads = [measure(spec, concurrency, rate) for rate in RATES for concurrency in CONCURRENCIES]
    show(loads)


def show(loads: Iterable[Load]) -> None:
    """Print *loads* as a table."""
    columns = [
        "Calls/s",
        "Concurrency",
        "Status",
        "Seconds",
        "x calls/rate",
        "Calls",
        "Refused",
        "Throttled",
        "Given up",
        "Tries",
    ]
    table(
        make_console(),
        f"{ROOMS} rooms, events that find no room back off from 1 s to 5 min; virtual time",
        columns,
        [
            [
                f"{load.rate:g}",
                str(load.concurrency),
                load.status,
                f"{load.seconds:.0f}",
                f"{load.seconds * load.rate / load.calls:.2f}",
                str(load.calls),
                str(load.refused),
                str(load.throttled),
                str(load.given_up),
                str(load.tries),
            ]
            for load in loads
        ],
    )


if __name__ == "__main__":
    main()
