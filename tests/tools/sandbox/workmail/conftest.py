"""WorkMail as boto3 sees it: under mock_aws, and over HTTP what is marked with ``BOTH``."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer

from tests.harness.settings import use_made_up_settings
from workmail_rooms.sandbox.workmail import Organization, WorkMailBackend, register, workmail_backends
from workmail_rooms.sandbox.workmail.service_model import modelled_errors, operation_model
from workmail_rooms.sandbox.workmail.validation import problems

REGION = "eu-west-1"
DOMAIN = "example.com"

# What any AWS service may answer beside what an operation models.
COMMON_ERRORS = frozenset({"ThrottlingException", "InternalFailure", "ServiceUnavailable"})

#: For tests of what is between a client and the models.
BOTH = pytest.mark.parametrize("transport", ["mock_aws", "http"], indirect=True)


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.25

    def __call__(self) -> float:
        """Return the time in seconds since 1970."""
        return self.time


@dataclass
class Seen:
    """What a client's answers may be, and were."""

    asked_for: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)

    def check(self, operation_model: Any, response_dict: Any, **_: Any) -> None:
        """Check an answer and keep its body."""
        self.bodies.append(response_dict["body"])
        assert response_dict["headers"]["x-amzn-RequestId"]
        status, body = response_dict["status_code"], response_dict["body"]
        check_conformity(operation_model.name, status, body, self.asked_for)


@dataclass
class Service:
    """WorkMail with one organization: users alice and bob, the group team, and three kinds of domains."""

    client: Any
    backend: WorkMailBackend
    organization: Organization
    clock: Clock
    seen: Seen

    @property
    def org(self) -> dict[str, str]:
        """The parameter that nearly every call has."""
        return {"OrganizationId": self.organization.id}

    def behave(self, **switches: Any) -> None:
        """Set switches, leaving the others."""
        self.backend.behaviour = replace(self.backend.behaviour, **switches)

    def room(self, name: str = "boardroom", **more: Any) -> str:
        """Create a DISABLED room and return its id."""
        created = self.client.create_resource(**self.org, Name=name, Type="ROOM", **more)
        return str(created["ResourceId"])

    def enabled_room(self, name: str = "boardroom", **more: Any) -> str:
        """Create a room, register it as NAME@example.com and return its id."""
        room = self.room(name, **more)
        self.register(room, f"{name}@{DOMAIN}")
        return room

    def register(self, entity: str, email: str) -> None:
        """Register an entity."""
        self.client.register_to_work_mail(**self.org, EntityId=entity, Email=email)

    def deregister(self, entity: str) -> None:
        """Deregister an entity."""
        self.client.deregister_from_work_mail(**self.org, EntityId=entity)

    def describe(self, resource: str) -> dict[str, Any]:
        """Describe a resource."""
        return {
            name: value
            for name, value in self.client.describe_resource(**self.org, ResourceId=resource).items()
            if name != "ResponseMetadata"
        }

    def update(self, resource: str, **changes: Any) -> None:
        """Update a resource."""
        self.client.update_resource(**self.org, ResourceId=resource, **changes)

    def delete(self, resource: str) -> None:
        """Delete a resource."""
        self.client.delete_resource(**self.org, ResourceId=resource)

    def aliases(self, entity: str) -> list[str]:
        """List an entity's aliases."""
        return list(self.client.list_aliases(**self.org, EntityId=entity)["Aliases"])

    def alias(self, entity: str, alias: str) -> None:
        """Add an alias."""
        self.client.create_alias(**self.org, EntityId=entity, Alias=alias)

    def associate(self, resource: str, entity: str = "alice") -> None:
        """Add a delegate."""
        self.client.associate_delegate_to_resource(**self.org, ResourceId=resource, EntityId=entity)

    def disassociate(self, resource: str, entity: str = "alice") -> None:
        """Remove a delegate."""
        self.client.disassociate_delegate_from_resource(**self.org, ResourceId=resource, EntityId=entity)

    def delegates(self, resource: str) -> list[dict[str, str]]:
        """List a resource's delegates."""
        return list(self.client.list_resource_delegates(**self.org, ResourceId=resource)["Delegates"])

    def member(self, name: str) -> str:
        """Return the id of a user or group."""
        entity = self.organization.named(name)
        assert entity is not None
        return entity.id


def refusal(call: Callable[..., object], /, *args: Any, **kwargs: Any) -> str:
    """Return the error code that a call ends with, ``OK`` if with none."""
    try:
        call(*args, **kwargs)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


def check_conformity(operation: str, status: int, body: bytes, asked_for: set[str]) -> None:
    """Hold an answer against botocore's service model."""
    answer = json.loads(body or b"{}")
    if status == 200:
        shape = operation_model(operation).output_shape
        assert shape is not None
        found = problems(shape, answer, strict=True)
        assert not found, f"{operation} answered {answer}: {found}"
    else:
        code = answer["__type"].rpartition("#")[2]
        allowed = modelled_errors(operation) | COMMON_ERRORS | asked_for
        assert code in allowed, f"{operation} answered {code}, which it does not model"
        assert isinstance(answer["Message"], str)
        assert answer["Message"], f"{operation} answered {code} without a text"


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Serve moto over HTTP and return the endpoint's URL."""
    register()
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def _aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's AWS settings out."""
    use_made_up_settings(monkeypatch, {"AWS_ACCESS_KEY_ID": "AKIATESTING", "AWS_DEFAULT_REGION": REGION})


def workmail_client(endpoint_url: str | None, seen: Seen, config: Config | None = None) -> Any:
    """Return a client that calls once and checks each answer."""
    # A session of its own: the default one keeps the credentials that it found first.
    client = boto3.Session().client(
        "workmail",
        region_name=REGION,
        endpoint_url=endpoint_url,
        config=Config(retries={"total_max_attempts": 1}, max_pool_connections=32).merge(config or Config()),
    )
    client.meta.events.register("before-parse.workmail", seen.check)
    return client


@pytest.fixture(scope="session")
def clients() -> Iterator[Callable[[str | None], tuple[Any, Seen]]]:
    """Return the client of an endpoint, and what it has seen."""
    made: dict[str | None, tuple[Any, Seen]] = {}

    def get(url: str | None) -> tuple[Any, Seen]:
        if url not in made:
            seen = Seen()
            made[url] = workmail_client(url, seen), seen
        return made[url]

    yield get
    for client, _ in made.values():
        client.close()


@pytest.fixture
def transport(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Give the endpoint's URL: None under mock_aws."""
    register()
    if getattr(request, "param", "mock_aws") == "mock_aws":
        with mock_aws():
            yield None
    else:
        url = request.getfixturevalue("server")
        yield url
        workmail_backends[DEFAULT_ACCOUNT_ID].reset()


@pytest.fixture
def service(transport: str | None, clients: Callable[[str | None], tuple[Any, Seen]]) -> Service:
    """Give WorkMail with one organization."""
    client, seen = clients(transport)
    seen.asked_for.clear()
    seen.bodies.clear()
    backend = workmail_backends[DEFAULT_ACCOUNT_ID][REGION]
    clock = Clock()
    backend.clock = clock
    backend.random = Random(1)  # noqa: S311 - ids, not secrets
    organization = backend.seed(
        "acme",
        verified_domains=[DOMAIN],
        unverified_domains=["unverified.example"],
        users=["alice", "bob"],
        groups=["team"],
    )
    return Service(client, backend, organization, clock, seen)
