"""The handling of one event, with a ledger and a WorkMail that answer by a script and refuse any other call."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.stub import Stubber

from tests.unit.workmail_resource.support import METADATA, ORGANIZATION, RESOURCE, STACK, FakeClock, caller
from workmail_resource.lifecycle.work import Work
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.protocol.clock import Deadline
from workmail_resource.protocol.event import Event
from workmail_resource.workmail.api import WorkMail


class Script(Stubber):
    """A stubber whose responses have the metadata that botocore's own have."""

    def add_response(self, method: str, service_response: Any, expected_params: Any = None) -> None:
        """Expect a call, and answer it."""
        super().add_response(method, {**service_response, **METADATA}, expected_params)


@dataclass
class Scripted:
    """One event's work.

    Attributes
    ----------
    ledger, workmail:
        The scripts; a call that is not in them is an error.
    told:
        What was logged, without the calls.
    reported:
        Every ResourceId that was reported.
    """

    work: Work
    ledger: Script
    workmail: Script
    clock: FakeClock
    told: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)


MakeScripted = Callable[[Event], Scripted]


def make_scripted(event: Event, clock: FakeClock, dynamodb: Any, workmail: Any) -> Scripted:
    """Return the work of *event* on these two clients."""
    told: list[tuple[str, dict[str, object]]] = []
    reported: list[str] = []
    made = caller(workmail, clock)
    work = Work(
        event=event,
        ledger=Ledger(caller(dynamodb, clock), "ledger", clock),
        workmail=partial(WorkMail, made),
        deadline=Deadline(clock, clock.monotonic() + 600),
        clock=clock,
        report_id=reported.append,
        rng=random.Random(7),  # noqa: S311 - for jitter
        log=lambda message, **keys: told.append((message, keys)),
    )
    return Scripted(work, Script(dynamodb), Script(workmail), clock, told, reported)


def item(
    *,
    settled: bool,
    resource_id: str | None = RESOURCE,
    worker: str = "",
    working_until: int = 0,
    origin: str = "CREATED",
) -> dict[str, Any]:
    """Return the ledger's item of the board room, as DynamoDB has it."""
    item = {
        "Owner": {"S": f"{STACK}|BoardRoom"},
        "Entry": {"S": ORGANIZATION},
        "ResourceType": {"S": "Custom::WorkMailResource"},
        "RequestId": {"S": "request-0"},
        "Name": {"S": "boardroom"},
        "Origin": {"S": origin},
        "Settled": {"BOOL": settled},
        "Worker": {"S": worker},
        "WorkingUntil": {"N": str(working_until)},
    }
    return item if resource_id is None else {**item, "ResourceId": {"S": resource_id}}
