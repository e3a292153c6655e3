import re
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.simulation.dynamodb import DynamoDBError, Table, condition

TABLE: Final = "ledger"

_NUMBERS: Final = st.sampled_from([{"N": "0"}, {"N": "1"}, {"N": "10"}, {"N": "9"}])
_TEXTS: Final = st.sampled_from([{"S": "a"}, {"S": "ab"}, {"S": "b"}])
_VALUES: Final = _NUMBERS | _TEXTS | st.sampled_from([{"BOOL": True}, {"BOOL": False}])


def _items(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any] | None]:
    optional = {"A": values, "B": values, "M": st.just({"M": {"C": {"S": "a"}}})}
    return st.none() | st.fixed_dictionaries({}, optional=optional)


#: An item, and two values for an expression. All of one type: moto raises where the service finds two types unequal.
SITUATIONS: Final = st.one_of(*(st.tuples(_items(values), values, values) for values in (_NUMBERS, _TEXTS)))

#: Conditions of every kind that the service knows.
CONDITIONS: Final = (
    "attribute_exists(A)",
    "attribute_not_exists(#name) OR #name = :x",
    "A = :x AND NOT B = :y",
    "A <> :x",
    "A < :x OR (B >= :y AND attribute_exists(M.C))",
    "A BETWEEN :x AND :y",
    "A IN (:x, :y)",
    "begins_with(A, :text)",
    "contains(A, :text)",
    "attribute_type(A, :kind)",
    "M.C = :x or A <= :y and B > :x",
    "(attribute_not_exists(A) OR A <= :x) AND (attribute_not_exists(B) OR B IN (:x, :y) OR B > :y)",
)
UPDATES: Final = (
    "SET A = :x, B = if_not_exists(B, :y)",
    "SET A = if_not_exists(A, :number) REMOVE B",
    "REMOVE A, M",
    "ADD Tally :number",
    "SET Tally = if_not_exists(Tally, :number) + :number",
    "SET #name = :x",
)


@pytest.fixture(scope="module")
def real() -> Iterator[Any]:
    """Return moto's client, which has been compared with the service by many."""
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "Owner", "KeyType": "HASH"}, {"AttributeName": "Entry", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("Owner", "Entry")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client


def _request(expression: str, kind: str, x: Any, y: Any) -> dict[str, Any]:
    values = {":x": x, ":y": y, ":text": {"S": "a"}, ":number": {"N": "1"}, ":kind": {"S": "S"}}
    used = {name: values[name] for name in re.findall(r":\w+", expression)}
    request: dict[str, Any] = {"TableName": TABLE, kind: expression}
    if used:
        request["ExpressionAttributeValues"] = used
    if "#name" in expression:
        request["ExpressionAttributeNames"] = {"#name": "A"}
    return request


def _outcome(client: Any, operation: str, request: dict[str, Any]) -> str:
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "OK"


def _our_outcome(table: Table, operation: str, request: dict[str, Any]) -> str:
    try:
        table.serve(operation, request)
    except DynamoDBError as error:
        return error.code
    return "OK"


@settings(max_examples=150, deadline=None)
@given(situation=SITUATIONS, expression=st.sampled_from(CONDITIONS))
def test_conditions_hold_as_for_moto(real: Any, situation: tuple[Any, Any, Any], expression: str) -> None:
    """A write passes its condition here exactly when it does with moto."""
    item, x, y = situation
    if "BETWEEN" in expression and list(x.values()) > list(y.values()):
        x = y
    table, key = Table(TABLE, "Owner", "Entry"), {"Owner": {"S": "o"}, "Entry": {"S": "e"}}
    real.delete_item(TableName=TABLE, Key=key)
    if item is not None:
        real.put_item(TableName=TABLE, Item=key | item)
        table.serve("PutItem", {"TableName": TABLE, "Item": key | item})
    request = _request(expression, "ConditionExpression", x, y)
    expected = _outcome(real, "delete_item", {**request, "Key": key})
    assert _our_outcome(table, "DeleteItem", {**request, "Key": key}) == expected
    left = real.get_item(TableName=TABLE, Key=key).get("Item")
    assert table.serve("GetItem", {"TableName": TABLE, "Key": key}).get("Item") == left


@settings(max_examples=100, deadline=None)
@given(item=_items(_VALUES), expression=st.sampled_from(UPDATES), x=_VALUES, y=_VALUES)
def test_updates_change_what_they_change_with_moto(
    real: Any, item: dict[str, Any] | None, expression: str, x: Any, y: Any
) -> None:
    """An update leaves the same item here and with moto."""
    table, key = Table(TABLE, "Owner", "Entry"), {"Owner": {"S": "o"}, "Entry": {"S": "e"}}
    real.delete_item(TableName=TABLE, Key=key)
    if item is not None:
        real.put_item(TableName=TABLE, Item=key | item)
        table.serve("PutItem", {"TableName": TABLE, "Item": key | item})
    request = {**_request(expression, "UpdateExpression", x, y), "Key": key}
    assert _our_outcome(table, "UpdateItem", request) == _outcome(real, "update_item", request)
    left = real.get_item(TableName=TABLE, Key=key).get("Item")
    assert table.serve("GetItem", {"TableName": TABLE, "Key": key}).get("Item") == left


@pytest.mark.parametrize(
    ("value", "holds"), [({"S": "ab"}, True), ({"S": "a"}, False), ({"N": "1000"}, False), ({"SS": ["a", "b"]}, True)]
)
def test_size(value: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 - a table's column
    """The size of a string or a set is compared; a number has none."""
    assert condition("size(A) > :n")({"A": value}, {}, {":n": {"N": "1"}}) == holds


def _put(entry: str, **more: Any) -> dict[str, Any]:
    item = {"Owner": {"S": "o"}, "Entry": {"S": entry}}
    return {"Put": {"TableName": TABLE, "Item": item, **more}}


def test_a_transaction_is_all_or_nothing() -> None:
    """When one condition of a transaction fails, nothing of it is written, and the reasons tell which."""
    table = Table(TABLE, "Owner", "Entry")
    table.serve("TransactWriteItems", {"TransactItems": [_put("a"), _put("b")]})
    absent = {"ConditionExpression": "attribute_not_exists(Entry)"}
    check = {"Key": {"Owner": {"S": "o"}, "Entry": {"S": "d"}}, "TableName": TABLE, **absent}
    with pytest.raises(DynamoDBError) as refused:
        table.serve(
            "TransactWriteItems", {"TransactItems": [_put("c"), _put("a", **absent), {"ConditionCheck": check}]}
        )
    assert refused.value.code == "TransactionCanceledException"
    assert [reason["Code"] for reason in refused.value.reasons] == ["None", "ConditionalCheckFailed", "None"]
    assert sorted(entry for _, entry in table.items) == ["a", "b"]


def test_a_query_returns_one_partition_in_order() -> None:
    """A query returns the items of its key condition, sorted, and those only."""
    table = Table(TABLE, "Owner", "Entry")
    for entry in ("record", "b", "a"):
        table.serve("PutItem", _put(entry)["Put"])
    table.serve("PutItem", {"TableName": TABLE, "Item": {"Owner": {"S": "p"}, "Entry": {"S": "a"}}})
    found = table.serve(
        "Query",
        {
            "TableName": TABLE,
            "KeyConditionExpression": "#o = :o AND begins_with(Entry, :e)",
            "ExpressionAttributeNames": {"#o": "Owner"},
            "ExpressionAttributeValues": {":o": {"S": "o"}, ":e": {"S": ""}},
        },
    )
    assert [item["Entry"]["S"] for item in found["Items"]] == ["a", "b", "record"]


@pytest.mark.parametrize(
    "request_",
    [
        {"TableName": "other", "Item": {}},
        {"TableName": TABLE, "Item": {"Owner": {"S": "o"}}},
        {**_put("a")["Put"], "ConditionExpression": "A = :x"},
        {**_put("a")["Put"], "ExpressionAttributeValues": {":x": {"S": "unused"}}},
        {**_put("a")["Put"], "ConditionExpression": "attribute_exists(A"},
        {**_put("a")["Put"], "ConditionExpression": "attribute_exists(Owner)"},
    ],
)
def test_what_the_service_refuses_is_refused(request_: dict[str, Any]) -> None:
    """A wrong table, a missing key, a value that is unused or missing, a syntax error, a reserved word are refused."""
    with pytest.raises(DynamoDBError):
        Table(TABLE, "Owner", "Entry").serve("PutItem", request_)
