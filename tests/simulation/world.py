"""One simulated account: everything that a story is played with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from .awslambda import LEDGER_TABLE, Client, Delivery, Event, Try, Worker
from .checks import Checks, Violation
from .cloudformation import CloudFormation, Template
from .dynamodb import DynamoDBError, Table
from .faults import CALM, Fault, Trouble
from .scheduler import Scheduler
from .workmail import WRITES, Behaviour, WorkMail, WorkMailError

#: When every story begins: 2026-06-01T12:00:00Z.
BEGINNING: Final = 1780315200.0


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that people do.

    Attributes
    ----------
    name:
        In the story; no other step has it.
    kind:
        ``deploy``, ``delete``, ``people``, ``wait``, ``outage``, ``back up table``, ``restore table``, ``upgrade``.
    waits:
        Whether the next step begins only when this one has ended.
    """

    name: str
    kind: str
    stack: str = ""
    template: Template = field(default_factory=dict)
    rollback: bool = True
    waits: bool = True
    action: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that a seed decides, before anything is played.

    Attributes
    ----------
    skew:
        Seconds that the function's clock is ahead of CloudFormation's.
    reuse_request_ids:
        Whether a retried deployment has the RequestIds of the one before (aws-cdk #35957).
    impatient:
        Whether the stacks are deleted at once in the end, while Lambda's retries are still to come.
    dropped:
        The faults that are left out, by their identity.
    """

    seed: int
    steps: tuple[Step, ...]
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    trouble: Trouble = CALM
    skew: float = 0.0
    reuse_request_ids: bool = False
    replacement_cleaned_up_only: bool = False
    describes_removed: bool = False
    impatient: bool = False
    dropped: frozenset[str] = frozenset()


@dataclass(slots=True)
class Outage:
    """A time in which calls of a service fail."""

    service: str
    operation: str
    kind: str
    until: float
    identity: str


class World:
    """One account in which a story is played.

    Parameters
    ----------
    tracing:
        Whether what happens is written down for a person.
    client:
        Makes the clients of a worker.
    """

    def __init__(
        self, story: Story, *, tracing: bool = False, client: Callable[["Worker", str, float], Any] = Client
    ) -> None:
        self.client = client
        self.story = story
        self.tracing = tracing
        self.lines: list[tuple[float, str, str]] = []
        self.scheduler = Scheduler(BEGINNING)
        behaviour = Behaviour(**story.behaviour)
        self.workmail = WorkMail(Random(f"{story.seed}|ids"), lambda: self.scheduler.now, behaviour)
        self.table = Table(LEDGER_TABLE, "Owner", "Entry")
        self.checks = Checks(self)
        self.cloudformation = CloudFormation(self)
        self.trouble = story.trouble
        self.alive: list[Worker] = []
        self.tries: list[Try] = []
        self.deliveries = 0
        self.calls = 0
        self.faults = 0
        self.met: list[str] = []
        self.outages: list[Outage] = []
        self.had_outage = False
        self.busy: set[str] = set()
        self.backup: dict[tuple[str, str], Any] = {}
        #: Entries that version 1.0.0 had left when the provider was upgraded.
        self.upgraded = 0

    @property
    def violations(self) -> list[Violation]:
        """What was found to be wrong."""
        return self.checks.violations

    def trace(self, who: str, what: str) -> None:
        """Write down what happens."""
        if self.tracing:
            self.lines.append((self.scheduler.now - BEGINNING, who, what))

    def invoke(self, event: Event, name: str) -> None:
        """Let Lambda deliver an event, sometimes twice, sometimes late."""
        dice = Random(f"{self.story.seed}|{name}|delivery")
        trouble, dropped = self.trouble, self.story.dropped
        late, twice = dice.random() < trouble.late, dice.random() < trouble.copies
        delay = 0.05 + 0.3 * dice.random()
        lateness, distance = (
            dice.choice((1.0, 4.0, 20.0, 90.0)) * dice.random(),
            dice.choice((0.0, 0.5, 5.0, 60.0, 900.0)),
        )
        first = delay + (lateness if late and f"{name}: late" not in dropped else 0.0)
        second = delay + distance * dice.random()
        self._deliver(event, name, first)
        if twice and f"{name}: copy" not in dropped:
            self.checks.duplicated(event, f"{name}: copy")
            self._deliver(event, f"{name} copy", second)
        if first != delay:
            self.checks.duplicated(event, f"{name}: late")

    def _deliver(self, event: Event, name: str, delay: float) -> None:
        self.deliveries += 1
        delivery = Delivery(self, event, name)
        self.scheduler.spawn(name, delivery.begin, delay)

    def outage(self, service: str, operation: str) -> Fault | None:
        """Return what is wrong with a service at this moment."""
        for outage in self.outages:
            if outage.service == service and outage.operation in {"", operation} and self.scheduler.now < outage.until:
                return Fault(outage.identity, outage.kind)  # type: ignore[arg-type] # one of the kinds of Worker._fail
        return None

    def served(self, service: str, operation: str, parameters: Mapping[str, Any], worker: Worker) -> dict[str, Any]:
        """Carry out a call.

        Raises
        ------
        WorkMailError, DynamoDBError
            The service refuses.
        """
        if service == "dynamodb":
            return self.table.serve(operation, parameters)
        if service == "cloudformation":
            about_stack = operation == "DescribeStacks"
            asked = self.cloudformation.describe_stacks if about_stack else self.cloudformation.describe
            described = asked(parameters)
            if described is None:
                missing = "Stack" if self.cloudformation.find(parameters["StackName"]) is None else "Resource"
                raise DynamoDBError("ValidationError", f"{missing} of the call does not exist")
            return described
        if operation not in WRITES:
            return self.workmail.serve(operation, parameters)
        about = self.checks.before_write(worker, operation, parameters)
        answer = self.workmail.serve(operation, parameters)
        self.checks.wrote(worker, operation, parameters, about, answer)
        return answer


__all__ = ["BEGINNING", "CALM", "Outage", "Step", "Story", "WorkMailError", "World"]
