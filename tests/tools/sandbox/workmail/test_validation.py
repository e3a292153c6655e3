"""What the service refuses and botocore lets through."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workmail_rooms.sandbox.workmail import WorkMailError
from workmail_rooms.sandbox.workmail.operations import OPERATIONS
from workmail_rooms.sandbox.workmail.service_model import modelled_errors
from workmail_rooms.sandbox.workmail.validation import checked

from .conftest import DOMAIN, Service

ORG = "m-" + "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("CreateResource", {"Name": "room", "Type": "room"}),
        ("CreateResource", {"Name": "room", "Type": "ROOM", "Description": "x" * 65}),
        ("CreateResource", {"Name": "room", "Type": "ROOM", "Description": ""}),
        ("CreateResource", {"Name": "room", "Type": "ROOM", "HiddenFromGlobalAddressList": "true"}),
        ("CreateResource", {"Name": "room", "Type": None}),
        ("UpdateResource", {"ResourceId": "room", "Description": "x" * 65}),
        ("UpdateResource", {"ResourceId": "room", "BookingOptions": {"AutoAcceptRequests": "true"}}),
        ("DescribeResource", {"ResourceId": "no spaces"}),
        ("DescribeResource", {"ResourceId": "x" * 257}),
        ("RegisterToWorkMail", {"EntityId": "room", "Email": "room"}),
        ("RegisterToWorkMail", {"EntityId": "room", "Email": "x" * 65 + "@" + DOMAIN}),
        ("RegisterToWorkMail", {"EntityId": "room", "Email": "room@" + "x" * 250 + ".example"}),
        ("CreateAlias", {"EntityId": "short", "Alias": f"a@{DOMAIN}"}),
        ("ListResources", {"MaxResults": 0}),
        ("ListResources", {"MaxResults": 101}),
        ("ListResources", {"MaxResults": True}),
        ("ListResources", {"Filters": {"State": "enabled"}}),
        ("ListResources", {"Filters": {"State": "ENABLED", "NamePrefix": "a"}}),
        ("ListResources", {"NextToken": "x"}),
        ("ListResources", {"OrganizationId": "m-123"}),
        ("CreateOrganization", {"Alias": "d-acme"}),
        ("CreateOrganization", {"Alias": "acme", "Domains": [{"DomainName": "a b"}]}),
        ("CreateUser", {"Name": "carol", "DisplayName": "Carol", "Role": "SYSTEM_USER"}),
    ],
)
def test_other_constraints_are_those_of_the_model(service: Service, operation: str, members: dict[str, Any]) -> None:
    """Each breach of a constraint, seen by botocore or not, is InvalidParameterException at the service."""
    organization = {} if operation == "CreateOrganization" else service.org
    with pytest.raises(WorkMailError) as raised:
        service.backend.invoke(operation, organization | members)
    assert raised.value.code == "InvalidParameterException"


def test_all_breaches_are_named_and_no_description_is_repeated() -> None:
    """The message lists every member at fault, by constraint, not by value."""
    with pytest.raises(WorkMailError) as raised:
        checked("CreateResource", {"OrganizationId": ORG, "Name": "a b", "Type": "X", "Description": "secret" * 20})

    message = raised.value.message
    assert all(f"'{member}'" in message for member in ("Name", "Type", "Description"))
    assert "3 validation error(s)" in message
    assert "secret" not in message


def test_null_and_unknown_members_are_ignored() -> None:
    """As with AWS's JSON services, null means absent and an unknown member is no error."""
    request = {"OrganizationId": ORG, "Name": "room", "Type": "ROOM"}
    assert checked("CreateResource", request | {"Description": None, "Capacity": 12}) == request


@pytest.mark.parametrize("body", [None, [], "text", 7])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    """Whatever is not a JSON object is InvalidParameterException."""
    with pytest.raises(WorkMailError, match="The body must be of type structure"):
        checked("ListResources", body)


@given(name=st.text(max_size=30) | st.from_regex(r"[\w\-.@]{0,25}"))
@example(name="a@b.c")
@example(name="a@b.cd")
def test_a_name_is_accepted_exactly_when_the_documented_rule_holds(name: str) -> None:
    """The check agrees with the rule as the API reference has it, written down here a second time."""
    rule = re.compile(r"[A-Za-z0-9_.-]+(@[A-Za-z0-9.-]+\.[A-Za-z0-9-]{2,})?")
    try:
        checked("CreateResource", {"OrganizationId": ORG, "Name": name, "Type": "ROOM"})
        accepted = True
    except WorkMailError:
        accepted = False

    assert accepted == (len(name) <= 20 and rule.fullmatch(name) is not None)


@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_every_operation_may_refuse_its_parameters(operation: str) -> None:
    """InvalidParameterException, which the checks answer, is modelled for every operation served."""
    assert "InvalidParameterException" in modelled_errors(operation)
