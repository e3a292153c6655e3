import pytest

from tests.unit.workmail_resource.conftest import MakeClient
from tests.unit.workmail_resource.scripted import OWNER, Script
from tests.unit.workmail_resource.support import FakeClock, Log, caller
from workmail_resource.ownership.rules import StackView
from workmail_resource.ownership.stacks import PATIENCE, Stacks


@pytest.fixture
def stacks(client: MakeClient, clock: FakeClock) -> tuple[Stacks, Script, Log]:
    """Make a CloudFormation that answers by a script."""
    cloudformation, log = client("cloudformation"), Log()
    script = Script(cloudformation)
    script.activate()
    return Stacks(caller(cloudformation, clock), log), script, log


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
