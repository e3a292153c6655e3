"""An account under mock_aws with an organization, and what an export needs; and the command in it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, Final

import boto3
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from workmail_rooms.export.cli import main
from workmail_rooms.sandbox.workmail import Organization, WorkMailBackend, register, workmail_backends

REGION: Final = "us-east-1"
DOMAIN: Final = "example.com"
BUCKET: Final = "calendars-123456789012"
NOW: Final = 1_800_000_000.0


@dataclass
class World:
    """One account.

    Attributes
    ----------
    now:
        The time that WorkMail and the command share; sleeping moves it.
    naps:
        How often the command has slept.
    on_nap:
        Called at each sleep.
    """

    backend: WorkMailBackend
    organization: Organization
    role_arn: str = ""
    key_arn: str = ""
    now: float = NOW
    naps: int = 0
    on_nap: Callable[[int], None] = lambda _: None
    _tokens: Iterator[int] = field(default_factory=count)

    def prepare(self) -> None:
        """Make the key, the role and the bucket of an export."""
        self.key_arn = make_key()
        self.role_arn = make_role(self.organization.id)
        make_bucket(BUCKET)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make a call in the organization, off the record."""
        return self.backend.invoke(operation, {"OrganizationId": self.organization.id, **parameters})

    def room(self, name: str, *, enabled: bool = True, **more: Any) -> str:
        """Make a room and return its id."""
        room = str(self.call("CreateResource", **{"Name": name, "Type": "ROOM", **more})["ResourceId"])
        if enabled:
            self.call("RegisterToWorkMail", EntityId=room, Email=f"{name}@{DOMAIN}")
        return room

    def sleep(self, seconds: float) -> None:
        """Let the time go on."""
        self.naps += 1
        self.now += seconds
        self.on_nap(self.naps)

    def export(self, *arguments: str, **changes: str) -> int:
        """Run the command; return its exit status."""
        target = {"bucket": BUCKET, "role-arn": self.role_arn, "kms-key-arn": self.key_arn} | {
            name.replace("_", "-"): value for name, value in changes.items()
        }
        words = [word for name, value in target.items() for word in (f"--{name}", value)]
        return main(
            [*arguments, "--organization-id", self.organization.id, *words],
            sleep=self.sleep,
            new_token=lambda: f"token-{next(self._tokens)}",
        )

    def jobs(self) -> dict[str, list[str]]:
        """Return the states of the jobs of each room, by its name."""
        found: dict[str, list[str]] = {}
        for job in self.organization.export_jobs.values():
            name = self.organization.entities[job.entity_id].name
            found.setdefault(name, []).append(job.state(self.now))
        return found

    def running(self) -> int:
        """Return how many jobs run now."""
        return sum(states.count("RUNNING") for states in self.jobs().values())


@contextmanager
def world(organization_id: str | None = None) -> Iterator[World]:
    """Make the account."""
    register()
    with mock_aws():
        backend = workmail_backends[DEFAULT_ACCOUNT_ID][REGION]
        backend.random = Random(1)  # noqa: S311 - ids, not secrets
        organization = backend.seed(
            "example",
            organization_id=organization_id,
            verified_domains=[DOMAIN],
            users=["alice"],
            groups=["facilities"],
        )
        made = World(backend, organization)
        backend.clock = lambda: made.now
        yield made


def fill(account: World) -> None:
    """Make 120 rooms and pieces of equipment of every kind, and two that are disabled."""
    for number in range(120):
        more: dict[str, Any] = {"Description": f'No. {number}, "{number % 9} seats"'} if number % 3 else {}
        if number % 10 == 0:
            more["HiddenFromGlobalAddressList"] = True
        room = account.room(f"room-{number:03}", Type="EQUIPMENT" if number % 7 == 0 else "ROOM", **more)
        for alias in range(number % 4):
            account.call("CreateAlias", EntityId=room, Alias=f"alias-{number}-{alias}@{DOMAIN}")
        for delegate in ("alice", "facilities")[: number % 3]:
            account.call("AssociateDelegateToResource", ResourceId=room, EntityId=delegate)
        booking = {"AutoDeclineRecurringRequests": number % 5 == 0, "AutoDeclineConflictingRequests": number % 8 != 0}
        if number % 3:
            booking["AutoAcceptRequests"] = number % 2 == 0
        account.call("UpdateResource", ResourceId=room, BookingOptions=booking)
    for name in ("off-1", "off-2"):
        account.room(name, enabled=False)


def make_key(**options: Any) -> str:
    """Make a key and return its ARN."""
    return str(boto3.client("kms", REGION).create_key(**options)["KeyMetadata"]["Arn"])


def make_bucket(name: str, region: str = REGION, *, public: bool = False) -> None:
    """Make a bucket."""
    s3: Any = boto3.client("s3", region)
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    blocked = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=dict.fromkeys(blocked, not public))


def make_role(organization_id: str, name: str = "WorkmailMailboxExportRole", **statement: Any) -> str:
    """Make the role with the trust policy of AWS's page and return its ARN."""
    source = f"arn:aws:workmail:{REGION}:{DEFAULT_ACCOUNT_ID}:organization/{organization_id}"
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "export.workmail.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": DEFAULT_ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": source},
        },
    }
    policy = {"Version": "2012-10-17", "Statement": [trust | statement]}
    iam = boto3.client("iam")
    return str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]["Arn"])
