from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.unit.workmail_resource.conftest import MakeClient
from tests.unit.workmail_resource.support import (
    DELEGATE,
    METADATA,
    ORGANIZATION,
    OTHER_DELEGATE,
    OTHER_RESOURCE,
    RESOURCE,
    FakeClock,
    caller,
)
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.room import Room

DESCRIBED: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}
DISABLED = Room(RESOURCE, "boardroom", "ROOM", "DISABLED")
ENABLED = DISABLED._replace(state="ENABLED", email="boardroom@example.com")


@dataclass
class Script:
    """The calls that are expected, in their order, and what they answer; the stubber checks both against the model."""

    stub: Stubber

    def answers(self, operation: str, response: dict[str, Any], **parameters: Any) -> None:
        """Expect a call with these parameters beside the organization's."""
        expected = {"OrganizationId": ORGANIZATION, **parameters}
        self.stub.add_response(operation, {**response, **METADATA}, expected)


@pytest.fixture
def scripted(client: MakeClient, clock: FakeClock) -> Iterator[tuple[WorkMail, Script]]:
    """Make WorkMail with a script; the test fails when a call of it was not made."""
    workmail = client()
    with Stubber(workmail) as stub:
        yield WorkMail(caller(workmail, clock), ORGANIZATION), Script(stub)
        stub.assert_no_pending_responses()


Scripted = tuple[WorkMail, Script]


@pytest.mark.parametrize("options", [{}, {"BookingOptions": {}}, {"BookingOptions": {"AutoAcceptRequests": True}}])
def test_describe_takes_what_is_missing_for_its_default(scripted: Scripted, options: dict[str, Any]) -> None:
    """What WorkMail leaves out is as a new resource has it."""
    workmail, script = scripted
    script.answers("describe_resource", {**DESCRIBED, **options}, ResourceId=RESOURCE)
    assert workmail.describe(RESOURCE) == DISABLED


def test_with_lists_reads_every_page(scripted: Scripted) -> None:
    """Delegates and aliases are read to the last page; the primary address is no alias."""
    workmail, script = scripted
    delegates = {"ResourceId": RESOURCE, "MaxResults": 100}
    aliases = {"EntityId": RESOURCE, "MaxResults": 100}
    user, group = {"Id": DELEGATE, "Type": "USER"}, {"Id": OTHER_DELEGATE, "Type": "GROUP"}
    script.answers("list_aliases", {"Aliases": ["a@example.com"], "NextToken": "2"}, **aliases)
    script.answers("list_aliases", {"NextToken": "3"}, **aliases, NextToken="2")
    script.answers("list_aliases", {"Aliases": ["Boardroom@example.com", "b@example.com"]}, **aliases, NextToken="3")
    script.answers("list_resource_delegates", {"Delegates": [user], "NextToken": "1"}, **delegates)
    script.answers("list_resource_delegates", {"Delegates": [group]}, **delegates, NextToken="1")
    room = workmail.with_lists(ENABLED)
    assert room.aliases == frozenset({"a@example.com", "b@example.com"})
    assert room.delegates == frozenset({DELEGATE, OTHER_DELEGATE})


def test_find_behind_a_deleted_one_of_the_same_name(scripted: Scripted) -> None:
    """Where a deleted resource of the name is still shown, the live one is found in the list, on whatever page."""
    workmail, script = scripted
    ghost = {"Id": OTHER_RESOURCE, "Name": "boardroom", "State": "DELETED"}
    neighbour = {"Id": OTHER_RESOURCE, "Name": "boardroom2", "State": "ENABLED"}
    live = {"Id": RESOURCE, "Name": "Boardroom", "State": "DISABLED"}
    page = {"Filters": {"NamePrefix": "boardroom"}, "MaxResults": 100}
    script.answers("describe_resource", {**DESCRIBED, "State": "DELETED"}, ResourceId="boardroom")
    script.answers("list_resources", {"Resources": [ghost, neighbour], "NextToken": "1"}, **page)
    script.answers("list_resources", {"Resources": [live]}, **page, NextToken="1")
    script.answers("describe_resource", DESCRIBED, ResourceId=RESOURCE)
    assert workmail.find("boardroom") == DISABLED


def test_organization(scripted: Scripted) -> None:
    """State and default domain of the organization are what it says, and a missing domain is none."""
    workmail, script = scripted
    script.answers("describe_organization", {"State": "Deleted"})
    script.answers("describe_organization", {"State": "Active", "DefaultMailDomain": "example.com"})
    script.answers("describe_organization", {"State": "Active"})
    assert workmail.organization_state() == "Deleted"
    assert workmail.default_domain() == "example.com"
    assert workmail.default_domain() is None
