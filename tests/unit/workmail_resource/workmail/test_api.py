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
from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.errors import OutOfTimeError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.errors import DisabledDelegateError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.properties import BookingOptions, Declaration
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

    def refuses(self, operation: str, code: str, **parameters: Any) -> None:
        """Expect a call that is refused."""
        expected = {"OrganizationId": ORGANIZATION, **parameters}
        self.stub.add_client_error(operation, code, "no", 400, expected_params=expected)


@pytest.fixture
def scripted(client: MakeClient, clock: FakeClock) -> Iterator[tuple[WorkMail, Script]]:
    """Make WorkMail with a script; the test fails when a call of it was not made."""
    workmail = client()
    with Stubber(workmail) as stub:
        yield WorkMail(caller(workmail, clock), ORGANIZATION), Script(stub)
        stub.assert_no_pending_responses()


Scripted = tuple[WorkMail, Script]


def test_create_marks_the_resource(scripted: Scripted) -> None:
    """A new resource gets the mark in place of its Description, and is known to be disabled and without anything."""
    workmail, script = scripted
    script.answers(
        "create_resource",
        {"ResourceId": RESOURCE},
        Name="boardroom",
        Type="ROOM",
        Description="the mark",
        HiddenFromGlobalAddressList=True,
    )
    declaration = Declaration(ORGANIZATION, "boardroom", "ROOM", description="merger talks", hidden=True)
    assert workmail.create(declaration, "the mark") == DISABLED._replace(
        description="the mark", hidden=True, aliases=frozenset(), delegates=frozenset()
    )


def test_describe_reads_everything(scripted: Scripted) -> None:
    """What DescribeResource shows is read; the lists are known not to be."""
    workmail, script = scripted
    response = {
        **DESCRIBED,
        "State": "ENABLED",
        "Email": "boardroom@example.com",
        "Description": "here",
        "HiddenFromGlobalAddressList": True,
        "BookingOptions": {
            "AutoAcceptRequests": False,
            "AutoDeclineRecurringRequests": True,
            "AutoDeclineConflictingRequests": False,
        },
    }
    script.answers("describe_resource", response, ResourceId=RESOURCE)
    assert workmail.describe(RESOURCE) == ENABLED._replace(
        description="here",
        hidden=True,
        booking=BookingOptions(
            auto_accept_requests=False, auto_decline_recurring_requests=True, auto_decline_conflicting_requests=False
        ),
        aliases=None,
        delegates=None,
    )


@pytest.mark.parametrize("options", [{}, {"BookingOptions": {}}, {"BookingOptions": {"AutoAcceptRequests": True}}])
def test_describe_takes_what_is_missing_for_its_default(scripted: Scripted, options: dict[str, Any]) -> None:
    """What WorkMail leaves out is as a new resource has it."""
    workmail, script = scripted
    script.answers("describe_resource", {**DESCRIBED, **options}, ResourceId=RESOURCE)
    assert workmail.describe(RESOURCE) == DISABLED


def test_describe_does_not_see_what_is_gone(scripted: Scripted) -> None:
    """A resource that WorkMail does not find, or still shows as DELETED, is none (contract 30)."""
    workmail, script = scripted
    script.refuses("describe_resource", "EntityNotFoundException", ResourceId=RESOURCE)
    script.answers("describe_resource", {**DESCRIBED, "State": "DELETED"}, ResourceId=RESOURCE)
    assert workmail.describe(RESOURCE) is None
    assert workmail.describe(RESOURCE) is None


@pytest.mark.parametrize("code", ["OrganizationStateException", "AccessDeniedException", "InvalidParameterException"])
def test_describe_takes_no_other_refusal_for_gone(scripted: Scripted, code: str) -> None:
    """Any other refusal is not taken for absence (contract 34)."""
    workmail, script = scripted
    script.refuses("describe_resource", code, ResourceId=RESOURCE)
    with pytest.raises(ServiceError, match=code):
        workmail.describe(RESOURCE)


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


def test_with_lists_of_a_disabled_resource_are_empty(scripted: Scripted) -> None:
    """A disabled resource has nothing that counts, and nothing is asked."""
    workmail, _ = scripted
    assert workmail.with_lists(DISABLED) == DISABLED._replace(aliases=frozenset(), delegates=frozenset())


def test_find_by_name(scripted: Scripted) -> None:
    """A live resource is found by its name in any case, with one call."""
    workmail, script = scripted
    script.answers("describe_resource", DESCRIBED, ResourceId="BoardRoom")
    assert workmail.find("BoardRoom") == DISABLED


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


def test_find_nothing(scripted: Scripted) -> None:
    """A name that only others begin with is nobody's."""
    workmail, script = scripted
    neighbour = {"Id": OTHER_RESOURCE, "Name": "boardroom2", "State": "ENABLED"}
    script.refuses("describe_resource", "EntityNotFoundException", ResourceId="boardroom")
    script.answers("list_resources", {"Resources": [neighbour]}, Filters={"NamePrefix": "boardroom"}, MaxResults=100)
    assert workmail.find("boardroom") is None


def test_entity_id_of_a_user(scripted: Scripted) -> None:
    """A user is found by whatever identifies it."""
    workmail, script = scripted
    script.answers("describe_user", {"UserId": DELEGATE, "State": "ENABLED"}, UserId="anna@example.com")
    assert workmail.entity_id("anna@example.com") == DELEGATE


def test_entity_id_of_a_group(scripted: Scripted) -> None:
    """A group is found where there is no such user, or only a deleted one."""
    workmail, script = scripted
    script.answers("describe_user", {"UserId": DELEGATE, "State": "DELETED"}, UserId="facilities")
    script.answers("describe_group", {"GroupId": OTHER_DELEGATE, "State": "ENABLED"}, GroupId="facilities")
    assert workmail.entity_id("facilities") == OTHER_DELEGATE


def test_nothing_is_made_with_a_disabled_delegate(scripted: Scripted) -> None:
    """A delegate whose look-up has shown them to be disabled is told before CreateResource is called."""
    workmail, script = scripted
    script.answers("describe_user", {"UserId": DELEGATE, "State": "DISABLED"}, UserId="bob")
    assert workmail.entity_id("bob") == DELEGATE
    declaration = Declaration(ORGANIZATION, "boardroom", "ROOM", email="b@example.com", delegates=("anna", "bob"))
    with pytest.raises(DisabledDelegateError, match="Delegates names bob, who is disabled"):
        workmail.create(declaration, "mark")


def test_entity_id_of_nobody(scripted: Scripted) -> None:
    """Where there is neither, there is nobody."""
    workmail, script = scripted
    script.refuses("describe_user", "EntityNotFoundException", UserId="nobody")
    script.answers("describe_group", {"GroupId": OTHER_DELEGATE, "State": "DELETED"}, GroupId="nobody")
    assert workmail.entity_id("nobody") is None


def test_entity_id_tells_a_refusal(scripted: Scripted) -> None:
    """Another refusal is not taken for nobody, and says which delegate it was about."""
    workmail, script = scripted
    script.refuses("describe_user", "OrganizationStateException", UserId="anna")
    with pytest.raises(ServiceError) as raised:
        workmail.entity_id("anna")
    assert raised.value.subject == "delegate anna"


def test_execute_makes_the_planned_call(scripted: Scripted) -> None:
    """A step is the call that it says, with the organization, and is named by its subject when it fails."""
    workmail, script = scripted
    step = Step("CreateAlias", {"EntityId": RESOURCE, "Alias": "a@example.com"}, "alias a@example.com")
    script.answers("create_alias", {}, EntityId=RESOURCE, Alias="a@example.com")
    script.refuses("create_alias", "EmailAddressInUseException", EntityId=RESOURCE, Alias="a@example.com")
    workmail.execute(step)
    with pytest.raises(ServiceError) as raised:
        workmail.execute(step)
    assert raised.value.subject == "alias a@example.com"


def test_removal_is_by_id(scripted: Scripted) -> None:
    """A resource is disabled and deleted by its id: its name may be somebody else's by now."""
    workmail, script = scripted
    script.answers("deregister_from_work_mail", {}, EntityId=RESOURCE)
    script.answers("delete_resource", {}, ResourceId=RESOURCE)
    workmail.deregister(RESOURCE)
    workmail.delete(RESOURCE)


def test_organization(scripted: Scripted) -> None:
    """State and default domain of the organization are what it says, and a missing domain is none."""
    workmail, script = scripted
    script.answers("describe_organization", {"State": "Deleted"})
    script.answers("describe_organization", {"State": "Active", "DefaultMailDomain": "example.com"})
    script.answers("describe_organization", {"State": "Active"})
    assert workmail.organization_state() == "Deleted"
    assert workmail.default_domain() == "example.com"
    assert workmail.default_domain() is None


def test_within_stops_earlier(scripted: Scripted) -> None:
    """WorkMail in a hurry makes no call after its deadline (contract 12)."""
    workmail, _ = scripted
    hurried = workmail.within(workmail.deadline.earlier(0.0))
    with pytest.raises(OutOfTimeError):
        hurried.describe(RESOURCE)
    assert hurried.organization_id == ORGANIZATION
