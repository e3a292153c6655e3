"""Who has what a resource needs, and how long it is waited for; whole stories are told in the contract tests."""

from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import MakeScripted, Scripted
from tests.unit.workmail_resource.support import DELEGATE, ORGANIZATION, OTHER_RESOURCE, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.siblings import DELAY, PATIENCE, Holder, Siblings, name_taken
from workmail_resource.workmail.plan import Step

EMAIL = "boardroom@example.com"
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}
RENAME = Step("UpdateResource", {"Name": "boardroom"}, "Name boardroom")

NOBODY, FREEING = Holder(), Holder("the ROOM r-1, Den of stack s, has it", is_sibling=True)
KEEPING = Holder("the user or group u has it")


def refusal(code: str, subject: str = f"Email {EMAIL}") -> ServiceError:
    """Return WorkMail's refusal of a call about *subject*."""
    return ServiceError(
        service="workmail", operation="X", code=code, message="taken", subject=subject, status=400, request_id="c"
    )


def siblings(world: Scripted, **options: Any) -> Siblings:
    """Return what the event finds out about others."""
    return Siblings(world.work, world.work.workmail(ORGANIZATION), **options)


@pytest.mark.parametrize(
    ("entity", "text"),
    [
        (OTHER_RESOURCE, f"the resource {OTHER_RESOURCE} has it"),
        (DELEGATE, f"the user or group {DELEGATE} has it"),
        (None, ""),
    ],
)
def test_who_has_an_address(scripted: MakeScripted, entity: str | None, text: str) -> None:
    """An address is looked up among all that can have one, aliases included (contract 54)."""
    world = scripted(event())
    if entity is None:
        world.workmail.refuses("describe_entity", "EntityNotFoundException")
    else:
        expected = {"OrganizationId": ORGANIZATION, "Email": EMAIL}
        world.workmail.add_response("describe_entity", {"EntityId": entity, "Type": "USER"}, expected)
    assert siblings(world).address_holder(EMAIL) == Holder(text)


@pytest.mark.parametrize(
    ("holder", "passed", "waits"),
    [
        (FREEING, PATIENCE - 1, True),
        (FREEING, PATIENCE, False),
        (KEEPING, 0, False),
        (NOBODY, DELAY - 1, True),
        (NOBODY, DELAY, False),
    ],
)
def test_what_may_become_free_is_waited_for(
    scripted: MakeScripted, holder: Holder, passed: float, *, waits: bool
) -> None:
    """A sibling is waited for as long as there is patience, nobody as long as WorkMail's delay, others not (54)."""
    world = scripted(event())
    others = siblings(world)
    others.may_become_free("Email", holder)
    world.clock.now += passed
    assert others.may_become_free("Email", holder) is waits


def test_a_taken_name_is_told_by_what_was_found_out(scripted: MakeScripted) -> None:
    """The refusal of a name keeps WorkMail's words and its call, and of others nothing is said (contract 54)."""
    world = scripted(event())
    others = siblings(world)
    taken = refusal("NameAvailabilityException", "Name boardroom")
    assert others.explained(taken) is taken
    world.workmail.add_response("describe_resource", {**SHOWN, "ResourceId": OTHER_RESOURCE})
    assert others.judge(RENAME, taken) == "FAIL"
    told = others.explained(taken)
    assert str(told) == f"taken (Name boardroom: the ROOM {OTHER_RESOURCE} has it)"
    assert getattr(told, "request_id", None) == "c"
    assert "nobody is shown to have it; WorkMail may give it free later" in str(name_taken(taken, "boardroom", NOBODY))
