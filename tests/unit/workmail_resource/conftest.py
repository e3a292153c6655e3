"""botocore clients that know no real account, and a clock that does not wait."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from tests.harness.policy import provider_resources
from tests.harness.settings import use_made_up_settings
from tests.unit.workmail_resource.scripted import TABLE, MakeScripted, Scripted, make_scripted
from tests.unit.workmail_resource.support import FakeClock, caller
from workmail_resource.aws.clients import CLIENT_CONFIG, forget_clients
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.protocol.event import Event

MakeClient = Callable[..., Any]


@pytest.fixture
def clock() -> FakeClock:
    """Make a clock that moves only when somebody sleeps on it."""
    return FakeClock()


@pytest.fixture(autouse=True)
def _nobodys_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave no test a way to the account, the Region or the endpoints of whoever runs it."""
    use_made_up_settings(monkeypatch, {"AWS_DEFAULT_REGION": "eu-west-1"})
    forget_clients()


@pytest.fixture(scope="session")
def botocore_session() -> botocore.session.Session:
    """Make one session, so that each service's model is read once."""
    return botocore.session.Session()


@pytest.fixture
def client(botocore_session: botocore.session.Session) -> MakeClient:
    """Make clients as the function makes them."""

    def make(service: str = "workmail", **options: Any) -> Any:
        return botocore_session.create_client(service, region_name="eu-west-1", config=CLIENT_CONFIG, **options)

    return make


@pytest.fixture(scope="session")
def ledger_table() -> dict[str, Any]:
    """Return the properties of LedgerTable in the provider stack's template."""
    properties: dict[str, Any] = provider_resources()["LedgerTable"]["Properties"]
    return properties


@pytest.fixture
def dynamodb(client: MakeClient, ledger_table: dict[str, Any]) -> Iterator[Any]:
    """Make a DynamoDB with the table of the provider stack's template."""
    with mock_aws():
        made = client("dynamodb")
        keys = ("BillingMode", "AttributeDefinitions", "KeySchema")
        made.create_table(TableName=TABLE, **{key: ledger_table[key] for key in keys})
        yield made


@pytest.fixture
def ledger(dynamodb: Any, clock: FakeClock) -> Ledger:
    """Make a ledger on that table."""
    return Ledger(caller(dynamodb, clock), TABLE, clock)


@pytest.fixture(scope="session")
def clients(botocore_session: botocore.session.Session) -> Callable[[str, int], Any]:
    """Return the first, second, ... client of a service; each is made once, which takes longer than a test."""
    return cache(
        lambda service, _: botocore_session.create_client(service, region_name="eu-west-1", config=CLIENT_CONFIG)
    )


@pytest.fixture
def scripted(clients: Callable[[str, int], Any], clock: FakeClock, dynamodb: Any) -> Iterator[MakeScripted]:
    """Make works whose WorkMail answers by a script; the test fails when a call of it was not made."""
    made: list[Scripted] = []

    def make(event: Event, table: str = TABLE) -> Scripted:
        number = len(made)
        made.append(
            make_scripted(
                event,
                clock,
                lambda service: dynamodb if service == "dynamodb" else clients(service, number),
                table,
            )
        )
        made[-1].workmail.activate()
        made[-1].cloudformation.activate()
        return made[-1]

    yield make
    for one in made:
        one.workmail.deactivate()
        one.cloudformation.deactivate()
    for one in made:
        one.workmail.assert_no_pending_responses()
        one.cloudformation.assert_no_pending_responses()
