from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.support import RESOURCE, STACK
from workmail_resource.protocol.errors import MalformedEventError
from workmail_resource.protocol.event import Event, confidential, read, secrets

SIGNATURE = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"
OLD_SIGNATURE = "yNzXpWQ1hr%2BQv7l4Wm%2F3ZTk6%2Bfc%3D"
HOST = "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com"
URL = (
    f"{HOST}/arn%3Aaws%3Acloudformation?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261122T203600Z&X-Amz-Expires=7199"
    f"&X-Amz-Credential=AKIAEXAMPLE%2F20261122%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Signature={SIGNATURE}"
)
OLD_URL = f"{HOST}/arn%3Aaws?AWSAccessKeyId=AKIAEXAMPLEEXAMPLE00&Expires=1795386960&Signature={OLD_SIGNATURE}"
ISSUED = int(datetime(2026, 11, 22, 20, 36, tzinfo=UTC).timestamp())

CREATE: dict[str, Any] = {
    "RequestType": "Create",
    "StackId": STACK,
    "RequestId": "request-1",
    "LogicalResourceId": "BoardRoom",
    "ResourceType": "Custom::WorkMailResource",
    "ResponseURL": URL,
    "ResourceProperties": {"Name": "boardroom", "Description": "where the board meets"},
}
UPDATE = {
    **CREATE,
    "RequestType": "Update",
    "PhysicalResourceId": RESOURCE,
    "OldResourceProperties": {"Name": "old", "Description": "where the board met"},
}
DELETE = {**CREATE, "RequestType": "Delete", "PhysicalResourceId": RESOURCE}

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)


def without(event: dict[str, Any], *keys: str) -> dict[str, Any]:
    """Return *event* without some of its keys."""
    return {key: value for key, value in event.items() if key not in keys}


def test_read_create() -> None:
    """Of a Create, everything that matters is there, unchanged."""
    assert read(CREATE) == Event(
        request_type="Create",
        stack_id=STACK,
        request_id="request-1",
        logical_resource_id="BoardRoom",
        resource_type="Custom::WorkMailResource",
        physical_resource_id="",
        properties={"Name": "boardroom", "Description": "where the board meets"},
        old_properties={},
        signed_at=ISSUED,
    )


def test_read_update_and_delete() -> None:
    """An Update brings its physical ID and what was declared before; a Delete its physical ID."""
    update, delete = read(UPDATE), read(DELETE)
    assert (update.request_type, update.physical_resource_id) == ("Update", RESOURCE)
    assert update.old_properties == {"Name": "old", "Description": "where the board met"}
    assert (delete.request_type, delete.physical_resource_id) == ("Delete", RESOURCE)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"StackId": ""}, "StackId is missing or not a non-empty string"),
        ({"RequestId": None}, "RequestId is missing or not a non-empty string"),
        ({"LogicalResourceId": 7}, "LogicalResourceId is missing or not a non-empty string"),
        ({"RequestType": "Import"}, "RequestType is 'Import', not Create, Update or Delete"),
        ({"RequestType": "create"}, "RequestType is 'create', not Create, Update or Delete"),
        ({"RequestType": ["Create"]}, "RequestType is ['Create'], not Create, Update or Delete"),
        ({"PhysicalResourceId": 7}, "PhysicalResourceId is missing or not a string"),
        ({"ResourceProperties": "Name"}, "ResourceProperties is missing or not an object"),
        ({"ResourceProperties": None}, "ResourceProperties is missing or not an object"),
    ],
)
def test_read_refuses_what_cloudformation_does_not_send(changes: dict[str, Any], problem: str) -> None:
    """What is not an event of CloudFormation's is refused with the field's name and what is wrong (contract 41)."""
    with pytest.raises(MalformedEventError) as raised:
        read({**CREATE, **changes})
    assert str(raised.value) == problem


def test_read_names_every_problem() -> None:
    """All that is wrong with an event is named at once."""
    with pytest.raises(MalformedEventError) as raised:
        read({})
    assert str(raised.value).split("; ") == [
        "StackId is missing or not a non-empty string",
        "RequestId is missing or not a non-empty string",
        "LogicalResourceId is missing or not a non-empty string",
        "RequestType is None, not Create, Update or Delete",
        "ResourceProperties is missing or not an object",
    ]


@pytest.mark.parametrize("physical_id", [{}, {"PhysicalResourceId": ""}])
def test_read_refuses_an_update_without_a_physical_id(physical_id: dict[str, str]) -> None:
    """An Update has to say what it updates."""
    with pytest.raises(MalformedEventError, match="PhysicalResourceId is missing"):
        read({**without(UPDATE, "PhysicalResourceId"), **physical_id})


@pytest.mark.parametrize("properties", [None, "", "text", [], 7])
def test_read_takes_a_delete_with_any_properties(properties: object) -> None:
    """Whatever the properties have become, they do not block a Delete (contract 35)."""
    assert read({**DELETE, "ResourceProperties": properties}).properties == {}
    assert read(without(DELETE, "ResourceProperties")).properties == {}


def test_read_takes_a_delete_without_a_physical_id() -> None:
    """A Delete of something that never got an ID is a Delete (contract 31)."""
    assert read(without(DELETE, "PhysicalResourceId")).physical_resource_id == ""


@pytest.mark.parametrize("old", [None, "text", [1], 7])
def test_read_takes_an_update_with_any_old_properties(old: object) -> None:
    """OldResourceProperties of any form break no Update (contract 29)."""
    assert read({**UPDATE, "OldResourceProperties": old}).old_properties == {}


@pytest.mark.parametrize(
    ("url", "signed_at"),
    [
        (URL, ISSUED),
        (OLD_URL, 1795386960 - 7200),
        (HOST, None),
        (f"{HOST}/?X-Amz-Date=yesterday", None),
        (f"{HOST}/?X-Amz-Date=20261322T203600Z", None),
        (f"{HOST}/?Expires=soon", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_read_takes_the_date_from_the_signature(url: object, signed_at: int | None) -> None:
    """When an event was issued is known from its ResponseURL in both forms, and unknown otherwise (contract 32)."""
    assert read({**CREATE, "ResponseURL": url}).signed_at == signed_at


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(UPDATE)), JSON))
def test_read_never_fails_in_any_other_way(changes: dict[str, Any]) -> None:
    """Any JSON at all is either an event or a MalformedEventError (contracts 1 and 41)."""
    refusal = "none"
    try:
        assert read({**UPDATE, **changes}).request_type in {"Create", "Update", "Delete"}
    except MalformedEventError as error:
        refusal = str(error)
    assert refusal


def test_secrets_are_the_url_and_its_signature() -> None:
    """The ResponseURL, its query and its signature are secret (contract 38)."""
    assert {URL, URL.partition("?")[2], SIGNATURE} <= set(secrets(CREATE))


def test_secrets_hold_an_encoded_signature_in_both_forms() -> None:
    """A signature is secret as it stands in the URL, and decoded (contract 38)."""
    assert {OLD_SIGNATURE, "yNzXpWQ1hr+Qv7l4Wm/3ZTk6+fc="} <= set(secrets({**CREATE, "ResponseURL": OLD_URL}))


def test_both_descriptions_are_confidential() -> None:
    """A Description, new or old, is confidential: the service model marks it as sensitive (contract 38)."""
    assert confidential(UPDATE, {"Description"}) == ["where the board meets", "where the board met"]


def test_what_another_property_says_too_is_not_confidential() -> None:
    """A Description that is the room's own name or alias, old or new, hides nothing of them."""
    for others in (
        {"ResourceProperties": {"Description": "boardroom", "Name": "boardroom"}},
        {"ResourceProperties": {"Description": "a@example.com", "Aliases": ["b@example.com", "a@example.com"]}},
        {
            "ResourceProperties": {"Description": "boardroom", "Name": "atrium"},
            "OldResourceProperties": {"Name": "boardroom"},
        },
    ):
        assert confidential({"RequestType": "Update", **others}, {"Description"}) == []


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(sorted(UPDATE)), JSON))
def test_secrets_of_anything_are_strings_with_something_in_them(changes: dict[str, Any]) -> None:
    """Finding the secrets never fails, and never finds the empty string, which would stand between all letters."""
    assert all(secrets({**UPDATE, **changes}))
    assert all(isinstance(one, str) for one in confidential({**UPDATE, **changes}, {"Description"}))
