"""An account under mock_aws: rooms, their ledger, and what CloudFormation shows of their stacks; and the command."""

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from typing import Any, Final

import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from workmail_resource.aws.calls import Caller
from workmail_resource.ownership.ledger import Claim, Ledger
from workmail_resource.ownership.rules import Entry, Lease, Record, StackView
from workmail_resource.protocol.clock import Deadline
from workmail_rooms.common.connection import Connection
from workmail_rooms.ledger.cli import Outside, main
from workmail_rooms.sandbox.workmail import Organization, WorkMailBackend, register, workmail_backends

REGION: Final = "us-east-1"
TABLE: Final = "workmail-resource-LedgerTable-EXAMPLE"
PROVIDER: Final = "workmail-resource"
NOW: Final = 1_800_000_000
LONG_AGO: Final = NOW - 90 * 24 * 3600

Item = dict[str, Any]


def owner_of(logical_id: str, stack: str = "rooms") -> str:
    """Return the owner of a logical resource of a stack."""
    return (
        f"arn:aws:cloudformation:{REGION}:{DEFAULT_ACCOUNT_ID}:stack/{stack}/47b9247e-7987-469e-a796-70712080f9ca"
        f"|{logical_id}"
    )


class _Clock:
    """Stands still."""

    def time(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing here is worth {seconds} seconds")


@dataclass
class World:
    """One account.

    Attributes
    ----------
    views:
        What CloudFormation shows, by owner; nothing of others.
    stacks:
        The answer of DescribeStacks, by stack.
    denied:
        Operations of CloudFormation that are not allowed.
    answers:
        What the person says to questions; none: nobody is there.
    """

    backend: WorkMailBackend
    organization: Organization
    capsys: pytest.CaptureFixture[str]
    views: dict[str, StackView] = field(default_factory=dict)
    stacks: dict[str, dict[str, Any]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    answers: list[str] = field(default_factory=list)
    before_write: Callable[[], None] | None = None
    _tokens: Iterator[int] = field(default_factory=count)

    # ------------------------------------------------------------------------------------------------------- the room

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make a call in the organization, off the record."""
        return self.backend.invoke(operation, {"OrganizationId": self.organization.id, **parameters})

    def room(self, name: str, **more: Any) -> str:
        """Make a room and return its id."""
        return str(self.call("CreateResource", **{"Name": name, "Type": "ROOM", **more})["ResourceId"])

    def entry(self, name: str, resource_id: str | None, **more: Any) -> Entry:
        """Return an entry as a Create of long ago has left it."""
        return Entry(
            organization_id=self.organization.id,
            resource_type="Custom::WorkMailResource",
            made_by=f"request-{name}@{LONG_AGO}",
            name=name,
            resource_id=resource_id,
            ready=True,
            ready_at=LONG_AGO,
            signed_at=LONG_AGO,
        )._replace(
            **more,
        )

    def own(self, logical_id: str, stack: str = "rooms", *, count_it: bool = True, **more: Any) -> str:
        """Make a room that a stack owns, all as it should be; return its id."""
        name = f"{stack}-{logical_id}".lower()
        resource_id = self.room(name)
        owner = owner_of(logical_id, stack)
        entry = self.entry(name, resource_id, **more)
        self.write(Record(owner).put(entry), Claim("TAKE", self.organization.id, resource_id))
        if count_it:
            self.views[owner] = StackView(resource_id, "CREATE_COMPLETE")
        return resource_id

    # ------------------------------------------------------------------------------------------------------ the ledger

    @property
    def dynamodb(self) -> Any:
        """A client."""
        return _connected(None, REGION, workmail=False).service("dynamodb", patient=True)

    def write(self, record: Record, *claims: Claim) -> Record:
        """Write into the ledger as the function does."""
        clock = _Clock()
        caller = Caller(
            lambda _: self.dynamodb,
            deadline=Deadline(clock, 60.0),
            rng=random.Random(1),  # noqa: S311 - waits, not secrets
            log=lambda *_, **__: None,
        )
        ledger = Ledger(caller, TABLE, clock)
        current = ledger.read(record.owner)
        record = record._replace(version=current.version, written_by=f"test-{next(self._tokens)}")
        return ledger.write(record, claims=claims)

    def put(self, **item: str) -> None:
        """Write an item of texts."""
        self.dynamodb.put_item(TableName=TABLE, Item={key: {"S": value} for key, value in item.items()})

    def put_items(self, items: list[Item]) -> None:
        """Write items as they are."""
        for item in items:
            self.dynamodb.put_item(TableName=TABLE, Item=item)

    def remove(self, owner: str, entry: str) -> None:
        """Delete an item."""
        self.dynamodb.delete_item(TableName=TABLE, Key={"Owner": {"S": owner}, "Entry": {"S": entry}})

    def items(self) -> list[Item]:
        """Return the whole table."""
        return sorted(
            self.dynamodb.scan(TableName=TABLE)["Items"], key=lambda item: (item["Owner"]["S"], item["Entry"]["S"])
        )

    def claim(self, resource_id: str) -> str:
        """Return the owner that claims a room; empty when nobody does."""
        key = f"{self.organization.id}/{resource_id}"
        return next((one["Holder"]["S"] for one in self.items() if one["Owner"]["S"] == key), "")

    def entries(self, owner: str) -> list[dict[str, Any]]:
        """Return the entries of an owner's record, as they are stored."""
        own = [one for one in self.items() if one["Owner"]["S"] == owner and one["Entry"]["S"] == "record"]
        return [entry for one in own for entry in json.loads(one["Entries"]["S"])]

    # ----------------------------------------------------------------------------------------------------- the command

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command; return its exit status and what it printed on both streams."""
        self.capsys.readouterr()
        outside = Outside(_Clock(), self._ask, lambda: f"token-{next(self._tokens)}", _connect)
        status = main(arguments, outside=outside)
        printed = self.capsys.readouterr()
        return status, printed.out, printed.err

    def damages(self) -> list[tuple[str, str, bool]]:
        """Run ``check``; return each damage's name, its room and whether it can be repaired."""
        status, out, _ = self.run("check", "--output", "json")
        found = [(one["Damage"], one["ResourceId"], one["Repairable"]) for one in json.loads(out)["Damages"]]
        assert status == (1 if found else 0)
        return found

    def _ask(self, _question: str) -> str:
        if not self.answers:
            raise EOFError
        if self.before_write is not None:
            self.before_write()
        return self.answers.pop(0)

    def answer(self, model: Any, params: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        """Answer in the place of CloudFormation, as botocore lets a handler do."""
        try:
            return _Reply(200), self._carry_out(model.name, params["body"])
        except _RefusedError as error:
            status, code, message = error.args
            return _Reply(status), {
                "Error": {"Code": code, "Message": message},
                "ResponseMetadata": {"HTTPStatusCode": status},
            }

    def _carry_out(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if operation in self.denied:
            raise _RefusedError(403, "AccessDenied", f"not authorized to perform: cloudformation:{operation}")
        stack = parameters["StackName"]
        if operation == "DescribeStacks":
            if stack not in self.stacks:
                raise _RefusedError(400, "ValidationError", f"Stack with id {stack} does not exist")
            return {"Stacks": [self.stacks[stack]]}
        view = self.views.get(f"{stack}|{parameters['LogicalResourceId']}")
        if view is None:
            raise _RefusedError(400, "ValidationError", f"Stack '{stack}' does not exist")
        return {
            "StackResourceDetail": {"PhysicalResourceId": view.physical_id, "ResourceStatus": view.status},
        }


class _Connection(Connection):
    """Makes each client once: reading the services' models takes longer than all else in these tests.

    What CloudFormation is asked, the present world answers.
    """

    def patient(self) -> Any:
        return _client(self, "workmail")

    def service(self, name: str, *, patient: bool = False) -> Any:
        del patient
        return _client(self, name)

    def make(self, name: str) -> Any:
        """Make a client."""
        if name == "workmail":
            return super().patient()
        client = super().service(name, patient=True)
        if name == "cloudformation":
            client.meta.events.register("before-call.cloudformation", _answer)
        return client


def _answer(**call: Any) -> Any:
    return _PRESENT[-1].answer(**call)


@cache
def _client(connection: _Connection, name: str) -> Any:
    return connection.make(name)


@cache
def _connected(profile: str | None, region: str | None, *, workmail: bool) -> Connection:
    return _Connection(profile=profile, region=region, workmail=workmail)


def _connect(*, profile: str | None, region: str | None, workmail: bool = True) -> Connection:
    return _connected(profile, region or REGION, workmail=workmail)


_PRESENT: Final[list[World]] = []


class _RefusedError(Exception):
    """A call that is answered with an error."""


@dataclass
class _Reply:
    status_code: int


def lease(until: int) -> Lease:
    """Return a lease of some event."""
    return Lease("worker", f"request@{until}", until)


@contextmanager
def world(capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    """Make the account."""
    register()
    with mock_aws():
        backend = workmail_backends[DEFAULT_ACCOUNT_ID][REGION]
        backend.random = random.Random(1)  # noqa: S311 - ids, not secrets
        organization = backend.seed("example", verified_domains=["example.com"])
        made = World(backend, organization, capsys)
        _PRESENT.append(made)
        made.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("Owner", "Entry")],
            KeySchema=[
                {"AttributeName": "Owner", "KeyType": "HASH"},
                {"AttributeName": "Entry", "KeyType": "RANGE"},
            ],
        )
        made.stacks[PROVIDER] = {
            "StackName": PROVIDER,
            "Outputs": [{"OutputKey": "LedgerTableName", "OutputValue": TABLE}],
            "Parameters": [{"ParameterKey": "WorkMailRegion", "ParameterValue": REGION}],
        }
        yield made
        _PRESENT.remove(made)
