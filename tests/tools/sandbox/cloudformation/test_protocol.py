import json
from typing import Any

import pytest

from workmail_rooms.sandbox.cloudformation.protocol import Answer, read_answer, request_event

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/demo/1"
IDS = {"StackId": STACK, "RequestId": "r-1", "LogicalResourceId": "Room"}
GOOD = {"Status": "SUCCESS", "PhysicalResourceId": "room-1", **IDS}


def event(request_type: str = "Create", **more: Any) -> dict[str, Any]:
    """Return an event that GOOD answers."""
    return {"RequestType": request_type, **IDS, **more}


def without(name: str) -> dict[str, Any]:
    """Return GOOD without one key."""
    return {key: value for key, value in GOOD.items() if key != name}


def padded(size: int) -> bytes:
    """Return a good answer of exactly *size* bytes."""
    empty = len(json.dumps(GOOD | {"Data": {"X": ""}}))
    return json.dumps(GOOD | {"Data": {"X": "x" * (size - empty)}}).encode()


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (GOOD, Answer("room-1")),
        (
            GOOD | {"Data": {"A": 1, "B": True, "C": ["x", 2]}},
            Answer("room-1", data={"A": "1", "B": "true", "C": ["x", "2"]}),
        ),
        (GOOD | {"Data": None, "Reason": None}, Answer("room-1")),
        (GOOD | {"NoEcho": True}, Answer("room-1", no_echo=True)),
        (GOOD | {"NoEcho": "true"}, Answer("room-1", no_echo=True)),
        (GOOD | {"PhysicalResourceId": "é" * 512}, Answer("é" * 512)),
    ],
)
def test_success(body: Any, answer: Answer) -> None:
    """A well-formed answer is taken, with its Data as strings."""
    assert read_answer(json.dumps(body).encode(), event()) == answer


def test_failed() -> None:
    """A FAILED answer fails the resource with its Reason and the request id, and its id is kept."""
    body = GOOD | {"Status": "FAILED", "Reason": "NameTaken"}
    assert read_answer(json.dumps(body).encode(), event()) == Answer(
        "room-1", "Received response status [FAILED] from custom resource. Message returned: NameTaken (RequestId: r-1)"
    )


@pytest.mark.parametrize(
    ("body", "failure"),
    [
        (padded(4097), "Response object is too long."),
        (b"{", "Invalid Response object: not valid JSON"),
        (b"\xff\xfe", "Invalid Response object: not valid JSON"),
        (b"", "Invalid Response object: not valid JSON"),
        ([GOOD], "Invalid Response object: not a JSON object"),
        (without("StackId"), "Invalid Response object: StackId is missing"),
        (without("RequestId"), "Invalid Response object: RequestId is missing"),
        (without("LogicalResourceId"), "Invalid Response object: LogicalResourceId is missing"),
        (GOOD | {"StackId": "other"}, f"Invalid Response object: StackId 'other' is not the request's {STACK!r}"),
        (GOOD | {"RequestId": "r-2"}, "Invalid Response object: RequestId 'r-2' is not the request's 'r-1'"),
        (GOOD | {"LogicalResourceId": 7}, "Invalid Response object: LogicalResourceId 7 is not the request's 'Room'"),
        (without("PhysicalResourceId"), "Invalid PhysicalResourceId"),
        (GOOD | {"PhysicalResourceId": ""}, "Invalid PhysicalResourceId"),
        (GOOD | {"PhysicalResourceId": 7}, "Invalid PhysicalResourceId"),
        (GOOD | {"PhysicalResourceId": None}, "Invalid PhysicalResourceId"),
        (GOOD | {"PhysicalResourceId": "é" * 512 + "x"}, "Invalid PhysicalResourceId"),
        (GOOD | {"PhysicalResourceId": "", "Status": "FAILED", "Reason": "x"}, "Invalid PhysicalResourceId"),
        (GOOD | {"Status": "FAILURE"}, "Invalid Response object: 'FAILURE' is not a valid ResponseStatus"),
        (without("Status"), "Invalid Response object: None is not a valid ResponseStatus"),
        (GOOD | {"Status": "FAILED"}, "Invalid Response object: Reason is required when Status is FAILED"),
        (
            GOOD | {"Status": "FAILED", "Reason": ""},
            "Invalid Response object: Reason is required when Status is FAILED",
        ),
        (GOOD | {"Data": "x"}, "Invalid Response object: Data must be a JSON object"),
        (GOOD | {"Data": ["x"]}, "Invalid Response object: Data must be a JSON object"),
        (GOOD | {"NoEcho": "maybe"}, "Invalid Response object: NoEcho must be true or false"),
    ],
)
def test_violation(body: Any, failure: str) -> None:
    """An answer that breaks the protocol fails the resource."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert read_answer(data, event()).failure == failure


def test_4096_bytes() -> None:
    """The limit of the body is 4096 bytes, inclusive."""
    assert read_answer(padded(4096), event()).failure is None


def test_delete_may_not_change_the_id() -> None:
    """An id changed by the answer to Delete fails the deletion; an Update may change it."""
    body = json.dumps(GOOD).encode()
    failure = read_answer(body, event("Delete", PhysicalResourceId="room-0")).failure
    assert failure == "Invalid PhysicalResourceId: the answer to Delete changes it from 'room-0' to 'room-1'"
    assert read_answer(body, event("Update", PhysicalResourceId="room-0")).failure is None


@pytest.mark.parametrize(
    ("request_type", "more"),
    [
        ("Create", {}),
        ("Delete", {"physical_id": "p"}),
        ("Update", {"physical_id": "p", "old_properties": {"ServiceToken": "t", "A": "1"}}),
    ],
)
def test_event(request_type: str, more: dict[str, Any]) -> None:
    """Each request type has its own keys: no id in Create, old properties in Update only."""
    made = request_event(
        request_type,
        stack_id=STACK,
        logical_id="Room",
        resource_type="Custom::Room",
        properties={"ServiceToken": "t", "A": "2"},
        **more,
    )
    assert made["ServiceToken"] == "t"
    assert ("PhysicalResourceId" in made) == ("physical_id" in more)
    assert made.get("OldResourceProperties") == more.get("old_properties")
