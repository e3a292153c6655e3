"""Who has what a resource needs, and how long it is waited for; whole stories are told in the contract tests."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import OWNER, READY, SIBLING, STRANGER, MakeScripted, Scripted
from tests.unit.workmail_resource.support import DELEGATE, ORGANIZATION, OTHER_RESOURCE, RESOURCE, event
from workmail_resource.aws.errors import ServiceError
from workmail_resource.lifecycle.siblings import DELAY, PATIENCE, Holder, Siblings, bring, name_taken
from workmail_resource.workmail.errors import AddressTakenError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.room import Room, Wanted

EMAIL = "boardroom@example.com"
ROOM = Room(RESOURCE, "boardroom", "ROOM", "DISABLED", aliases=frozenset(), delegates=frozenset())
THEIRS = Room(OTHER_RESOURCE, "boardroom", "ROOM", "DISABLED")
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}
GOAL = replace(Wanted.as_it_is(ROOM), email=EMAIL)
REGISTER = Step("RegisterToWorkMail", {"EntityId": RESOURCE, "Email": EMAIL}, f"Email {EMAIL}")
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
    ("owner", "text", "is_sibling"),
    [
        (None, f"the ROOM {OTHER_RESOURCE} has it", False),
        (OWNER, f"the ROOM {OTHER_RESOURCE} has it, which this logical resource had made before", False),
        (SIBLING, f"the ROOM {OTHER_RESOURCE}, Den of stack {SIBLING[:-4]}, has it", True),
        (STRANGER, f"the ROOM {OTHER_RESOURCE}, BoardRoom of stack {STRANGER[:-10]}, has it", False),
    ],
)
def test_a_resource_that_has_a_name_is_told_with_its_owner(
    scripted: MakeScripted, owner: str | None, text: str, *, is_sibling: bool
) -> None:
    """Who has a name is looked up in the ledger; only another resource of the same stack may give it up (54)."""
    world = scripted(event())
    if owner is not None:
        world.has(READY._replace(resource_id=OTHER_RESOURCE), owner=owner)
    assert siblings(world).name_holder("boardroom", THEIRS) == Holder(text, is_sibling)


@pytest.mark.parametrize("who", ["user", "group", "nobody"])
def test_a_name_that_no_resource_has(scripted: MakeScripted, who: str) -> None:
    """Nobody is said to have a name without a look (contract 54)."""
    world = scripted(event())
    if who != "user":
        world.workmail.refuses("describe_user", "EntityNotFoundException")
    if who == "nobody":
        world.workmail.refuses("describe_group", "EntityNotFoundException")
    else:
        world.workmail.add_response(f"describe_{who}", {f"{who.title()}Id": DELEGATE, "State": "ENABLED"})
    holder = siblings(world).name_holder("boardroom", None)
    assert holder == (NOBODY if who == "nobody" else Holder(f"the user or group {DELEGATE} has it"))
    assert holder.is_nobody is (who == "nobody")


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


def test_what_nobody_has_is_waited_for_from_then_on(scripted: MakeScripted) -> None:
    """WorkMail's delay begins when a sibling has given something up, and for each thing by itself."""
    world = scripted(event())
    others = siblings(world)
    assert others.may_become_free("Email", NOBODY)
    world.clock.now += DELAY
    assert others.may_become_free("Email", FREEING)
    assert others.may_become_free("alias", NOBODY)
    assert others.may_become_free("Email", NOBODY)


def test_other_refusals_are_not_the_siblings(scripted: MakeScripted) -> None:
    """What has nothing to do with a name or an address is judged by whoever else is asked, without a look."""
    others = siblings(scripted(event()), otherwise=lambda _step, _error: "SKIP")
    assert others.judge(REGISTER, refusal("InvalidParameterException")) == "SKIP"
    assert others.found == {}


def test_an_address_of_a_sibling_is_waited_for(scripted: MakeScripted) -> None:
    """What a sibling gives up while it is waited for arrives (contract 54)."""
    world = scripted(event("Update"))
    world.has(READY._replace(resource_id=OTHER_RESOURCE), owner=SIBLING)
    world.takes_turn()
    for _ in range(3):
        world.workmail.refuses("register_to_work_mail", "EmailAddressInUseException")
        world.workmail.add_response("describe_entity", {"EntityId": OTHER_RESOURCE, "Type": "RESOURCE"})
        world.workmail.shows(SHOWN)
    world.workmail.add_response("register_to_work_mail", {})
    world.workmail.shows({**SHOWN, "State": "ENABLED", "Email": EMAIL})
    room = bring(world.work, world.work.workmail(ORGANIZATION), ROOM, GOAL)
    assert room.email == EMAIL
    assert len(world.clock.slept) == 3


def test_an_address_that_does_not_become_free_is_told(scripted: MakeScripted) -> None:
    """A Reason says who has the address, and how two resources exchange what both have (contracts 16 and 54)."""
    world = scripted(event("Update"))
    world.has(READY._replace(resource_id=OTHER_RESOURCE), owner=SIBLING)
    world.takes_turn()
    world.workmail.refuses("register_to_work_mail", "EmailAddressInUseException", "taken")
    world.workmail.add_response("describe_entity", {"EntityId": OTHER_RESOURCE, "Type": "RESOURCE"})
    world.workmail.shows(SHOWN)
    with pytest.raises(AddressTakenError) as raised:
        bring(world.work, world.work.workmail(ORGANIZATION), ROOM, GOAL, patience=0)
    assert f"taken (Email {EMAIL}: the resource {OTHER_RESOURCE}, Den of stack" in str(raised.value)
    assert "deploy twice" in str(raised.value)
    assert raised.value.failure().code == "EmailAddressInUseException"


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
