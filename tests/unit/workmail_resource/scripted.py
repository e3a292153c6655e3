"""The handling of one event, with a ledger on a real table, and a WorkMail and a CloudFormation that go by a script."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.stub import Stubber

from tests.unit.workmail_resource.support import METADATA, ORGANIZATION, RESOURCE, STACK, FakeClock, Log, caller
from workmail_resource.lifecycle.turn import Turn
from workmail_resource.lifecycle.work import Work
from workmail_resource.ownership.ledger import Claim, Ledger
from workmail_resource.ownership.rules import Entry, Record
from workmail_resource.ownership.stacks import Stacks
from workmail_resource.protocol.clock import Deadline
from workmail_resource.protocol.event import Event
from workmail_resource.workmail.api import WorkMail

TABLE = "ledger"
OWNER = f"{STACK}|BoardRoom"
SIBLING = f"{STACK}|Den"
STRANGER = "arn:aws:cloudformation:eu-west-1:123456789012:stack/other/ffffffff-aaaa-bbbb-cccc-0123456789ab|BoardRoom"

#: The board room: once begun, and once brought to its declared state.
BEGUN = Entry(ORGANIZATION, "Custom::WorkMailResource", "request-0@50", "boardroom")
MADE = BEGUN._replace(resource_id=RESOURCE)
READY = MADE._replace(ready=True, ready_at=1_700_000_000, signed_at=50)


class Script(Stubber):
    """A stubber whose responses have the metadata that botocore's own have; a call that is not in it is an error."""

    def add_response(self, method: str, service_response: Any, expected_params: Any = None) -> None:
        """Expect a call, and answer it."""
        super().add_response(method, {**service_response, **METADATA}, expected_params)

    def shows(self, *rooms: dict[str, Any]) -> None:
        """Expect the resource to be read, and show it so; the lists of one that is enabled are read too, and empty."""
        for room in rooms:
            self.add_response("describe_resource", room)
            if room["State"] == "ENABLED":
                self.add_response("list_aliases", {})
                self.add_response("list_resource_delegates", {})

    def refuses(self, operation: str, code: str, message: str = "no") -> None:
        """Expect a call, and refuse it."""
        self.add_client_error(operation, code, message, 400)


@dataclass
class Scripted:
    """One event's work.

    Attributes
    ----------
    log:
        What was logged.
    reported:
        Every ResourceId that was reported.
    left:
        For what Lambda shall deliver the event again.
    """

    work: Work
    ledger: Ledger
    workmail: Script
    cloudformation: Script
    clock: FakeClock
    log: Log
    reported: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        """The messages that were logged, without those of the calls."""
        return [message for message, _ in self.log.records if not message.startswith("call")]

    def has(self, *entries: Entry, owner: str = OWNER, **changes: Any) -> Record:
        """Write a record into the ledger, with the claims of its resources."""
        record = Record(owner)._replace(entries=entries, written_by="test", **changes)
        claims = [Claim("TAKE", one.organization_id, one.resource_id) for one in entries if one.resource_id]
        return self.ledger.write(record, claims=claims)

    def takes_turn(self) -> Turn:
        """Let the event take its turn."""
        self.work.turn.take(self.work.turn.wait())
        return self.work.turn

    def shows_counted(self, physical_id: str, status: str) -> None:
        """Let CloudFormation show what it counts as the logical resource's."""
        detail = {
            "LogicalResourceId": "BoardRoom",
            "ResourceType": "Custom::WorkMailResource",
            "LastUpdatedTimestamp": "2026-11-22",
            "PhysicalResourceId": physical_id,
            "ResourceStatus": status,
        }
        self.cloudformation.add_response("describe_stack_resource", {"StackResourceDetail": detail})


MakeScripted = Callable[..., Scripted]


def make_turn(
    event: Event,
    ledger: Ledger,
    clock: FakeClock,
    *,
    worker: str = "worker",
    seconds: float = 600,
    closing: Ledger | None = None,
    log: Log | None = None,
) -> Turn:
    """Return the turn of *event* at its record, with so many *seconds* for it."""
    return Turn(
        event,
        ledger,
        closing=closing or ledger,
        worker=worker,
        clock=clock,
        deadline=Deadline(clock, clock.monotonic() + seconds),
        rng=random.Random(7),  # noqa: S311 - for jitter
        log=log or Log(),
    )


def make_scripted(event: Event, clock: FakeClock, clients: Callable[[str], Any], table: str = TABLE) -> Scripted:
    """Return the work of *event* on these clients."""
    log = Log()
    reported: list[str] = []
    left: list[str] = []
    workmail, cloudformation = clients("workmail"), clients("cloudformation")
    ledger = Ledger(caller(clients("dynamodb"), clock), table, clock)
    work = Work(
        event=event,
        ledger=ledger,
        stacks=Stacks(caller(cloudformation, clock), log),
        organization=partial(WorkMail, caller(workmail, clock, log=log)),
        deadline=Deadline(clock, clock.monotonic() + 600),
        clock=clock,
        report_id=reported.append,
        log=log,
        turn=make_turn(event, ledger, clock, log=log),
        come_again=left.append,
    )
    return Scripted(work, ledger, Script(workmail), Script(cloudformation), clock, log, reported, left)
