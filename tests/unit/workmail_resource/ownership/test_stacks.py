from typing import Any

import pytest

from tests.unit.workmail_resource.conftest import MakeClient
from tests.unit.workmail_resource.scripted import OWNER, Script
from tests.unit.workmail_resource.support import RESOURCE, STACK, FakeClock, Log, caller
from workmail_resource.ownership.rules import StackView
from workmail_resource.ownership.stacks import PATIENCE, Stacks


@pytest.fixture
def stacks(client: MakeClient, clock: FakeClock) -> tuple[Stacks, Script, Log]:
    """Make a CloudFormation that answers by a script."""
    cloudformation, log = client("cloudformation"), Log()
    script = Script(cloudformation)
    script.activate()
    return Stacks(caller(cloudformation, clock), log), script, log


def detail(**changes: Any) -> dict[str, Any]:
    """Return what CloudFormation answers."""
    shown = {"LogicalResourceId": "BoardRoom", "ResourceType": "Custom::WorkMailResource", "ResourceStatus": "X"}
    return {"StackResourceDetail": {**shown, "LastUpdatedTimestamp": "2026-11-22", **changes}}


def test_the_stack_is_asked_by_its_id_about_one_resource(stacks: tuple[Stacks, Script, Log]) -> None:
    """What a stack shows of a resource is told as it is, and the call names the stack by its ARN (contract 59)."""
    asked, script, _ = stacks
    shown = detail(PhysicalResourceId=RESOURCE, ResourceStatus="CREATE_COMPLETE")
    script.add_response("describe_stack_resource", shown, {"StackName": STACK, "LogicalResourceId": "BoardRoom"})
    assert asked.view(OWNER) == StackView(RESOURCE, "CREATE_COMPLETE")


def test_a_resource_without_an_id_is_one(stacks: tuple[Stacks, Script, Log]) -> None:
    """A resource that is still being made has no physical ID yet."""
    asked, script, _ = stacks
    script.add_response("describe_stack_resource", detail(ResourceStatus="CREATE_IN_PROGRESS"))
    assert asked.view(OWNER) == StackView("", "CREATE_IN_PROGRESS")


@pytest.mark.parametrize("message", ["Stack 'x' does not exist", "Resource BoardRoom does not exist for stack x"])
def test_what_does_not_exist_is_known_not_to(stacks: tuple[Stacks, Script, Log], message: str) -> None:
    """A stack or a resource that CloudFormation does not know counts nothing (contract 57)."""
    asked, script, log = stacks
    script.refuses("describe_stack_resource", "ValidationError", message)
    assert asked.view(OWNER) == StackView(in_stack=message.startswith("Resource"))
    assert log.records == []


@pytest.mark.parametrize(
    ("code", "message"), [("AccessDenied", "no"), ("ValidationError", "1 validation error detected"), ("New", "no")]
)
def test_a_refusal_is_no_answer(stacks: tuple[Stacks, Script, Log], code: str, message: str) -> None:
    """Where CloudFormation does not tell, nothing is concluded from that, and a line says so (contract 59)."""
    asked, script, log = stacks
    script.refuses("describe_stack_resource", code, message)
    assert asked.view(OWNER) is None
    assert log.records == [("CloudFormation could not be asked about a resource", {"error_code": code})]


def test_nobody_waits_long_for_the_answer(stacks: tuple[Stacks, Script, Log], clock: FakeClock) -> None:
    """A CloudFormation that throttles is asked for some seconds only: the event has other things to do."""
    asked, script, _ = stacks
    for _ in range(500):
        script.refuses("describe_stack_resource", "Throttling")
    assert asked.view(OWNER) is None
    assert 0 < sum(clock.slept) <= PATIENCE


@pytest.mark.parametrize(
    ("status", "back"),
    [("UPDATE_IN_PROGRESS", False), ("UPDATE_ROLLBACK_IN_PROGRESS", True), ("UPDATE_COMPLETE", False)],
)
def test_what_a_stack_does(stacks: tuple[Stacks, Script, Log], status: str, *, back: bool) -> None:
    """The stack's status tells a rollback from an Update to what was declared before (contract 53)."""
    asked, script, _ = stacks
    shown = {"StackName": "rooms", "CreationTime": "2026-11-22", "StackStatus": status}
    for _ in range(2):
        script.add_response("describe_stacks", {"Stacks": [shown]}, {"StackName": STACK})
    assert (asked.status(OWNER), asked.rolls_back(OWNER)) == (status, back)


def test_a_stack_that_cannot_be_asked(stacks: tuple[Stacks, Script, Log]) -> None:
    """Without an answer nothing is concluded, and a line says so (contracts 53 and 59)."""
    asked, script, log = stacks
    script.refuses("describe_stacks", "AccessDenied")
    assert asked.rolls_back(OWNER) is None
    assert log.records == [("CloudFormation could not be asked about a stack", {"error_code": "AccessDenied"})]
