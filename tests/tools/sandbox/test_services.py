"""boto3 reaches WorkMail, DynamoDB and CloudFormation through nothing but the standard endpoint variables."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError

from workmail_rooms.sandbox.account import REGION
from workmail_rooms.sandbox.backends import Backends
from workmail_rooms.sandbox.cloudformation import (
    Stack,
    StackEvent,
    StackStore,
    describe_stack_resource,
    describe_stacks,
)
from workmail_rooms.sandbox.cloudformation.state import Resource
from workmail_rooms.sandbox.rooms import rooms
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER, seed
from workmail_rooms.sandbox.services import Answer, Call, Services

TABLE = {
    "BillingMode": "PAY_PER_REQUEST",
    "AttributeDefinitions": [
        {"AttributeName": "StackId", "AttributeType": "S"},
        {"AttributeName": "LogicalResourceId", "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": "StackId", "KeyType": "HASH"},
        {"AttributeName": "LogicalResourceId", "KeyType": "RANGE"},
    ],
    "TimeToLiveSpecification": {"AttributeName": "ExpiresAt", "Enabled": True},
    "SSESpecification": {"SSEEnabled": True},
}


STACK_ID = f"arn:aws:cloudformation:{REGION}:123456789012:stack/rooms/00000000-1111-2222-3333-444444444444"


def stacks() -> StackStore:
    """Return one stack with two resources, the second of which has no physical id yet."""
    at = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    board = Resource("Board", "Custom::Room", "UPDATE_FAILED", "Broke <here> & there", "r-1", updated=at)
    focus = Resource("Focus", "Custom::Room", "CREATE_IN_PROGRESS", updated=at)
    stack = Stack(
        STACK_ID,
        "rooms",
        "UPDATE_FAILED",
        template={"Parameters": {"Domain": {}, "Secret": {"NoEcho": "true"}}},
        parameters={"Domain": "", "Secret": "hidden"},
        resources={"Board": board, "Focus": focus},
        events=[
            StackEvent("1", at, STACK_ID, "rooms", "rooms", STACK_ID, "", "CREATE_IN_PROGRESS", ""),
            StackEvent("2", at.replace(year=2027), STACK_ID, "rooms", "rooms", STACK_ID, "", "UPDATE_IN_PROGRESS", ""),
        ],
        outputs={"BoardId": "r-1"},
    )
    gone = Stack(f"{STACK_ID}-gone", "gone", "DELETE_COMPLETE")
    return StackStore({"rooms": stack, "gone": gone})


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    """Serve a seeded account, with boto3 led to it as a user would lead it."""
    backends = Backends()
    seed(backends.workmail)
    backends.create_table("ledger", TABLE)
    store, provider = stacks(), Stack(f"{STACK_ID}-provider", "provider", "CREATE_COMPLETE")
    described = partial(describe_stacks, store, besides=[provider])
    with Services(backends, describe=partial(describe_stack_resource, store), stacks=described) as running:
        for name, value in running.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLESANDBOX00")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
        monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
        yield running


def client(name: str) -> Any:
    """Make a client that does not retry, so that each test sees each answer."""
    return boto3.client(name, config=Config(retries={"total_max_attempts": 1}))  # type: ignore[call-overload] # any name


@pytest.mark.usefixtures("services")
def test_the_examples_organization_is_there() -> None:
    """A fresh account has the organizations, people and domains that the examples use."""
    workmail = client("workmail")
    organizations = {one["OrganizationId"]: one for one in workmail.list_organizations()["OrganizationSummaries"]}

    assert {EXAMPLE, OTHER} <= organizations.keys()
    assert organizations[EXAMPLE]["DefaultMailDomain"] == "example.com"
    people = (
        workmail.list_users(OrganizationId=EXAMPLE)["Users"] + workmail.list_groups(OrganizationId=EXAMPLE)["Groups"]
    )
    assert {one["Email"] for one in people if one["State"] == "ENABLED"} >= {
        "alice@example.com",
        "bob@example.com",
        "facilities@example.com",
    }
    room = workmail.create_resource(OrganizationId=EXAMPLE, Name="den", Type="ROOM")["ResourceId"]
    with pytest.raises(ClientError, match="MailDomainStateException"):
        workmail.register_to_work_mail(OrganizationId=EXAMPLE, EntityId=room, Email="den@unverified.example.net")


@pytest.mark.usefixtures("services")
def test_the_table_is_as_declared() -> None:
    """The ledger table has the keys, the billing mode and the expiry of the template."""
    dynamodb = client("dynamodb")
    table = dynamodb.describe_table(TableName="ledger")["Table"]

    assert table["KeySchema"] == TABLE["KeySchema"]
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    expiry = dynamodb.describe_time_to_live(TableName="ledger")["TimeToLiveDescription"]
    assert expiry == {"AttributeName": "ExpiresAt", "TimeToLiveStatus": "ENABLED"}


@pytest.mark.usefixtures("services")
def test_a_condition_holds_among_threads() -> None:
    """Of many conditional writes at once, exactly one wins."""
    start = threading.Barrier(8)
    ends: list[str] = []

    def write(number: int) -> None:
        dynamodb = client("dynamodb")
        start.wait()
        try:
            dynamodb.put_item(
                TableName="ledger",
                Item={"StackId": {"S": "s"}, "LogicalResourceId": {"S": "Room"}, "By": {"N": str(number)}},
                ConditionExpression="attribute_not_exists(StackId)",
            )
            ends.append("written")
        except ClientError as error:
            ends.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(ends) == ["ConditionalCheckFailedException"] * 7 + ["written"]


@pytest.mark.usefixtures("services")
def test_a_transaction_is_all_or_nothing() -> None:
    """When one action of a transaction fails, the others have not happened, neither in place nor nested."""
    dynamodb = client("dynamodb")
    before = {
        "StackId": {"S": "s"},
        "LogicalResourceId": {"S": "Old"},
        "Count": {"N": "1"},
        "Map": {"M": {"List": {"L": [{"S": "a"}]}}},
    }
    other = {**before, "StackId": {"S": "other"}}
    for item in (before, other):
        dynamodb.put_item(TableName="ledger", Item=item)
    key = {"StackId": {"S": "s"}, "LogicalResourceId": {"S": "Old"}}

    with pytest.raises(ClientError, match="TransactionCanceledException"):
        dynamodb.transact_write_items(
            TransactItems=[
                {
                    "Update": {
                        "TableName": "ledger",
                        "Key": key,
                        "UpdateExpression": "SET #map.#list[0] = :value ADD #count :one",
                        "ExpressionAttributeNames": {"#map": "Map", "#list": "List", "#count": "Count"},
                        "ExpressionAttributeValues": {":value": {"S": "b"}, ":one": {"N": "1"}},
                    }
                },
                {"Put": {"TableName": "ledger", "Item": {**before, "LogicalResourceId": {"S": "New"}}}},
                {"Delete": {"TableName": "ledger", "Key": {**key, "StackId": {"S": "other"}}}},
                {
                    "ConditionCheck": {
                        "TableName": "ledger",
                        "Key": {**key, "StackId": {"S": "none"}},
                        "ConditionExpression": "attribute_exists(StackId)",
                    }
                },
            ]
        )

    items = dynamodb.scan(TableName="ledger")["Items"]
    assert sorted(items, key=lambda item: item["StackId"]["S"]) == [other, before]


@pytest.mark.usefixtures("services")
def test_a_transaction_that_succeeds_stays() -> None:
    """All actions of a successful transaction have happened, and what it does not name is as it was."""
    dynamodb = client("dynamodb")
    key = {"StackId": {"S": "s"}, "LogicalResourceId": {"S": "A"}}
    for name in ("A", "C"):
        dynamodb.put_item(TableName="ledger", Item={**key, "LogicalResourceId": {"S": name}})
    dynamodb.transact_write_items(
        TransactItems=[
            {"Delete": {"TableName": "ledger", "Key": key}},
            {"Put": {"TableName": "ledger", "Item": {**key, "LogicalResourceId": {"S": "B"}}}},
        ]
    )

    items = dynamodb.query(
        TableName="ledger",
        KeyConditionExpression="StackId = :stack",
        ExpressionAttributeValues={":stack": {"S": "s"}},
    )["Items"]
    assert [item["LogicalResourceId"]["S"] for item in items] == ["B", "C"]


@pytest.mark.usefixtures("services")
def test_a_query_answers_one_partition() -> None:
    """A Query finds the items of one partition, in order and in pages, and nothing where there is none."""
    dynamodb = client("dynamodb")
    for stack in ("s", "t"):
        for name in ("C", "A", "B"):
            dynamodb.put_item(TableName="ledger", Item={"StackId": {"S": stack}, "LogicalResourceId": {"S": name}})

    def query(stack: str) -> list[str]:
        pages = dynamodb.get_paginator("query").paginate(
            TableName="ledger",
            KeyConditionExpression="StackId = :stack",
            ExpressionAttributeValues={":stack": {"S": stack}},
            PaginationConfig={"PageSize": 2},
        )
        return [item["StackId"]["S"] + item["LogicalResourceId"]["S"] for page in pages for item in page["Items"]]

    assert query("t") == ["tA", "tB", "tC"]
    assert query("u") == []
    assert len(dynamodb.scan(TableName="ledger")["Items"]) == 6


def test_the_state_survives(services: Services) -> None:
    """What was exported, sent through JSON and imported into a fresh account is the same."""
    workmail, dynamodb = client("workmail"), client("dynamodb")
    room = workmail.create_resource(OrganizationId=EXAMPLE, Name="boardroom", Type="ROOM")["ResourceId"]
    workmail.register_to_work_mail(OrganizationId=EXAMPLE, EntityId=room, Email="boardroom@example.com")
    item = {
        "StackId": {"S": "s"},
        "LogicalResourceId": {"S": "Room"},
        "Map": {"M": {"List": {"L": [{"N": "1"}, {"BOOL": True}, {"NULL": True}]}, "Set": {"SS": ["a", "b"]}}},
    }
    dynamodb.put_item(TableName="ledger", Item=item)
    state = json.loads(json.dumps(services.backends.export_state()))

    fresh = Backends()
    fresh.create_table("ledger", TABLE)
    fresh.import_state(state)

    assert fresh.export_state() == state
    assert (
        dynamodb.get_item(TableName="ledger", Key={key: item[key] for key in ("StackId", "LogicalResourceId")})["Item"]
        == item
    )
    assert [one.Email for one in rooms(fresh.workmail)] == ["boardroom@example.com"]


def test_items_of_a_table_that_is_gone_are_left_out(services: Services) -> None:
    """A template that no longer declares a table does not stop the sandbox from starting."""
    client("dynamodb").put_item(TableName="ledger", Item={"StackId": {"S": "s"}, "LogicalResourceId": {"S": "R"}})
    state = services.backends.export_state()

    fresh = Backends()
    fresh.import_state(state)

    assert fresh.export_state()["dynamodb"] == {}


def test_every_call_is_recorded(services: Services) -> None:
    """The calls are kept in order, with service, operation and parameters; printing them shows no parameters."""
    client("workmail").list_organizations(MaxResults=5)
    client("dynamodb").list_tables()

    assert [(call.service, call.operation) for call in services.calls] == [
        ("workmail", "ListOrganizations"),
        ("dynamodb", "ListTables"),
    ]
    assert services.calls[0].parameters == {"MaxResults": 5}
    assert "MaxResults" not in repr(services.calls)


class Trouble:
    """An interceptor that answers CreateResource itself."""

    def __init__(self, before: Answer | None = None, after: Answer | None = None) -> None:
        self._before, self._after = before, after
        self.statuses: list[int] = []

    def before(self, call: Call) -> Answer | None:
        """Answer CreateResource."""
        return self._before if call.operation == "CreateResource" else None

    def after(self, call: Call, status: int) -> Answer | None:
        """Answer CreateResource, which has been carried out."""
        self.statuses.append(status)
        return self._after if call.operation == "CreateResource" else None


def test_a_call_can_be_answered_before_it_is_carried_out(services: Services) -> None:
    """An interceptor can throttle a call of any service; nothing has happened then."""
    services.interceptor = Trouble(before=Answer.error(400, "ThrottlingException", "Rate exceeded"))

    with pytest.raises(ClientError, match=r"\(ThrottlingException\).*Rate exceeded"):
        client("workmail").create_resource(OrganizationId=EXAMPLE, Name="boardroom", Type="ROOM")
    assert rooms(services.backends.workmail) == []


@pytest.mark.parametrize(
    ("trouble", "found"),
    [({"before": Answer(None)}, []), ({"after": Answer(None)}, ["boardroom"])],
    ids=["never", "lost"],
)
def test_a_connection_can_be_closed_without_an_answer(
    services: Services, trouble: dict[str, Answer], found: list[str]
) -> None:
    """A reply can be lost after the call was carried out, or the connection closed before."""
    services.interceptor = Trouble(**trouble)

    with pytest.raises((ConnectionClosedError, EndpointConnectionError)):
        client("workmail").create_resource(OrganizationId=EXAMPLE, Name="boardroom", Type="ROOM")
    assert [one.Name for one in rooms(services.backends.workmail)] == found


def test_the_interceptor_sees_the_status(services: Services) -> None:
    """After a call the interceptor knows how it ended."""
    services.interceptor = trouble = Trouble()
    client("workmail").list_organizations()
    with pytest.raises(ClientError):
        client("workmail").describe_organization(OrganizationId="m-" + "0" * 32)

    assert trouble.statuses == [200, 400]


@pytest.mark.usefixtures("services")
def test_cloudformation_describes_a_resource() -> None:
    """DescribeStackResource answers as CloudFormation does, for a stack's name and for its id."""
    for name in ("rooms", STACK_ID):
        detail = client("cloudformation").describe_stack_resource(StackName=name, LogicalResourceId="Board")
        assert detail["StackResourceDetail"] == {
            "StackId": STACK_ID,
            "StackName": "rooms",
            "LogicalResourceId": "Board",
            "PhysicalResourceId": "r-1",
            "ResourceType": "Custom::Room",
            "ResourceStatus": "UPDATE_FAILED",
            "ResourceStatusReason": "Broke <here> & there",
            "LastUpdatedTimestamp": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
            "DriftInformation": {"StackResourceDriftStatus": "NOT_CHECKED"},
        }
    found = client("cloudformation").describe_stack_resource(StackName="rooms", LogicalResourceId="Focus")
    assert "PhysicalResourceId" not in found["StackResourceDetail"]


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(
    ("stack", "resource", "message"),
    [
        ("nothing", "Board", "Stack 'nothing' does not exist"),
        ("rooms", "Nobody", "Resource Nobody does not exist for stack rooms"),
        (STACK_ID, "Nobody", f"Resource Nobody does not exist for stack {STACK_ID}"),
    ],
)
def test_cloudformation_knows_nothing_of_it(stack: str, resource: str, message: str) -> None:
    """What does not exist is a ValidationError in CloudFormation's words."""
    with pytest.raises(ClientError) as caught:
        client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=resource)
    assert caught.value.response["Error"] == {"Type": "Sender", "Code": "ValidationError", "Message": message}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_cloudformation_can_be_denied(services: Services) -> None:
    """With the switch on, the call is answered as IAM answers who lacks the permission."""
    services.cloudformation_denied = True
    with pytest.raises(ClientError, match=r"\(AccessDenied\).*not authorized to perform: cloudformation:Describe"):
        client("cloudformation").describe_stack_resource(StackName="rooms", LogicalResourceId="Board")
    assert [(call.service, call.operation) for call in services.calls] == [("cloudformation", "DescribeStackResource")]


def test_cloudformation_can_be_intercepted(services: Services) -> None:
    """An interceptor's error reaches a client of CloudFormation in that service's form."""

    class Throttle:
        def before(self, call: Call) -> Answer:
            assert call.parameters["StackName"] == "rooms"
            return Answer.error(400, "Throttling", "Rate exceeded")

        def after(self, call: Call, status: int) -> None:
            raise AssertionError((call, status))

    services.interceptor = Throttle()
    with pytest.raises(ClientError, match=r"\(Throttling\).*Rate exceeded"):
        client("cloudformation").describe_stack_resource(StackName="rooms", LogicalResourceId="Board")


@pytest.mark.usefixtures("services")
def test_other_calls_of_cloudformation_are_not_served() -> None:
    """Another call is refused, and the message says which ones are served."""
    served = r"\(InvalidAction\).*Only DescribeStacks and DescribeStackResource are served here\."
    with pytest.raises(ClientError, match=served):
        client("cloudformation").list_stacks()


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("name", ["rooms", STACK_ID])
def test_cloudformation_describes_a_stack(name: str) -> None:
    """DescribeStacks has what the stack was given and gives, empty values too, and hides what NoEcho hides."""
    (found,) = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert (found["StackId"], found["StackStatus"]) == (STACK_ID, "UPDATE_FAILED")
    assert found["CreationTime"] == datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert found["LastUpdatedTime"] == datetime(2027, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    assert {one["ParameterKey"]: one["ParameterValue"] for one in found["Parameters"]} == {
        "Domain": "",
        "Secret": "****",
    }
    assert found["Outputs"] == [{"OutputKey": "BoardId", "OutputValue": "r-1"}]


@pytest.mark.usefixtures("services")
def test_cloudformation_describes_all_stacks() -> None:
    """Without a name all stacks are described that are not deleted; a deleted one only by its id."""
    cloudformation = client("cloudformation")
    assert {one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]} == {"provider", "rooms"}
    assert cloudformation.describe_stacks(StackName="provider")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    (gone,) = cloudformation.describe_stacks(StackName=f"{STACK_ID}-gone")["Stacks"]
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match=r"\(ValidationError\).*Stack with id gone does not exist"):
        cloudformation.describe_stacks(StackName="gone")


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        ("workmail", "list_organizations", {}),
        ("dynamodb", "list_tables", {}),
        ("cloudformation", "describe_stack_resource", {"StackName": "rooms", "LogicalResourceId": "Board"}),
    ],
)
def test_another_region_is_not_served(
    services: Services, service: str, operation: str, parameters: dict[str, str]
) -> None:
    """A request for another Region is answered with an error that says where the sandbox is."""
    elsewhere = boto3.client(service, region_name="eu-west-1", config=Config(retries={"total_max_attempts": 1}))  # type: ignore[call-overload] # any name
    with pytest.raises(ClientError, match="the sandbox is in us-east-1, and this request is for eu-west-1"):
        getattr(elsewhere, operation)(**parameters)
    assert services.calls == ()


def test_other_services_are_not_served(services: Services) -> None:
    """A client of another service hears what is served here."""
    sqs = boto3.client("sqs", endpoint_url=services.url, config=Config(retries={"total_max_attempts": 1}))

    with pytest.raises(ClientError, match=r"Only WorkMail, DynamoDB and CloudFormation are served here\."):
        sqs.list_queues()


def test_closing_ends_every_thread(capfd: pytest.CaptureFixture[str]) -> None:
    """A closed server leaves no thread and has printed nothing."""
    threads = set(threading.enumerate())
    with Services(Backends()) as running:
        assert running.url.startswith("http://127.0.0.1:")

    assert set(threading.enumerate()) == threads
    assert capfd.readouterr() == ("", "")
