"""Answers on the wire."""

import json

import pytest

from workmail_rooms.sandbox.workmail import Behaviour, models
from workmail_rooms.sandbox.workmail.operations import OPERATIONS, ORGANIZATION_OPERATIONS
from workmail_rooms.sandbox.workmail.service_model import operation_model
from workmail_rooms.sandbox.workmail.wire import THROTTLED, render

from .conftest import BOTH, Service, check_conformity


def test_an_error_is_json_with_type_and_message() -> None:
    """HTTP 400, the request id as a header, __type and Message in the body."""
    status, headers, body = render(THROTTLED, "id", Behaviour())

    assert (status, headers["x-amzn-RequestId"]) == (400, "id")
    assert json.loads(body) == {"__type": "ThrottlingException", "Message": "Rate exceeded"}


@BOTH
def test_dates_are_seconds_with_a_fraction(service: Service) -> None:
    """On the wire EnabledDate is a JSON number of seconds."""
    service.describe(service.enabled_room())

    assert json.loads(service.seen.bodies[-1])["EnabledDate"] == 1_800_000_000.25


@pytest.mark.parametrize(
    ("operation", "status", "body"),
    [
        ("CreateResource", 200, b'{"ResourceId": "r-1"}'),
        ("CreateResource", 200, b'{"Unknown": 1}'),
        ("ListResources", 200, b'{"Resources": [{"Type": "HALL"}]}'),
        ("CreateResource", 400, b'{"__type": "EntityNotFoundException", "Message": "x"}'),
        ("CreateResource", 400, b'{"__type": "ReservedNameException", "Message": ""}'),
    ],
)
def test_the_conformity_check_can_fail(operation: str, status: int, body: bytes) -> None:
    """What every test's client checks of every answer does refuse wrong answers."""
    with pytest.raises(AssertionError):
        check_conformity(operation, status, body, set())


@BOTH
def test_the_conformity_check_sees_every_answer(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN an operation that answers an unknown member WHEN a test calls it THEN the test fails."""
    surprise = {**ORGANIZATION_OPERATIONS, "ListUsers": lambda *_: {"Surprise": True}}
    monkeypatch.setattr(models, "ORGANIZATION_OPERATIONS", surprise)
    with pytest.raises(AssertionError, match="Surprise"):
        service.client.list_users(**service.org)


def test_every_operation_served_exists() -> None:
    """The table has no operation that botocore's model lacks."""
    assert all(operation_model(operation).name == operation for operation in OPERATIONS)
