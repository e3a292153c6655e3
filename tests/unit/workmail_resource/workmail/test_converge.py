"""The conversation with WorkMail, scripted call by call; whole stories are told against the embedded WorkMail."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.unit.workmail_resource.conftest import MakeClient
from tests.unit.workmail_resource.support import DELEGATE, METADATA, ORGANIZATION, RESOURCE, FakeClock, caller
from workmail_resource.aws.errors import ServiceError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import (
    DOMAIN_PATIENCE,
    PATIENCE,
    VISIBLE_WITHIN,
    Obstacle,
    converge,
    remove,
    shown,
)
from workmail_resource.workmail.errors import DisabledDelegateError, NotConvergedError, ResourceGoneError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.room import Room, Wanted

EMAIL = "boardroom@example.com"
DISABLED = Room(RESOURCE, "boardroom", "ROOM", "DISABLED", aliases=frozenset(), delegates=frozenset())
ENABLED = DISABLED._replace(state="ENABLED", email=EMAIL)
PLAIN, BOOKABLE = Wanted.as_it_is(DISABLED), Wanted.as_it_is(ENABLED)
SHOWN: dict[str, Any] = {"ResourceId": RESOURCE, "Name": "boardroom", "Type": "ROOM", "State": "DISABLED"}
SHOWN_ENABLED = {**SHOWN, "State": "ENABLED", "Email": EMAIL}


class World:
    """WorkMail by a script, under a clock that does not wait."""

    def __init__(self, client: Any, clock: FakeClock, seconds: float = 600.0) -> None:
        self.stub = Stubber(client)
        self.workmail = WorkMail(caller(client, clock, seconds=seconds), ORGANIZATION)

    def shows(self, *responses: dict[str, Any]) -> None:
        """Expect the resource to be read, and answer so; an enabled one's lists are read too, and empty."""
        for response in responses:
            self.stub.add_response("describe_resource", {**response, **METADATA})
            if response["State"] == "ENABLED":
                self.stub.add_response("list_aliases", METADATA)
                self.stub.add_response("list_resource_delegates", METADATA)

    def does(self, operation: str, **response: Any) -> None:
        """Expect a call and let it be done."""
        self.stub.add_response(operation, {**response, **METADATA})

    def refuses(self, operation: str, code: str, times: int = 1) -> None:
        """Expect a call and refuse it."""
        for _ in range(times):
            self.stub.add_client_error(operation, code, "no", 400)


@pytest.fixture
def world(client: MakeClient, clock: FakeClock) -> Iterator[World]:
    """Make the script; the test fails when a call of it was not made."""
    world = World(client(), clock)
    with world.stub:
        yield world
        world.stub.assert_no_pending_responses()


def test_success_needs_a_look(world: World) -> None:
    """What was called is looked at, and what was seen is returned (contract 21)."""
    world.does("register_to_work_mail")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED


def test_an_accepted_call_is_repeated_when_it_shows_no_effect(world: World) -> None:
    """A call that was accepted and forgotten is made once more."""
    world.does("register_to_work_mail")
    world.shows(*[SHOWN] * 5)
    world.does("register_to_work_mail")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED


def test_what_was_not_called_yet_is_not_late(world: World, clock: FakeClock) -> None:
    """However long a call was throttled, what turns out to be missing after it is called too (contract 40)."""
    hidden = {"HiddenFromGlobalAddressList": True}
    world.refuses("update_resource", "ThrottlingException", times=100)
    world.does("update_resource")
    world.shows({**SHOWN_ENABLED, **hidden})
    world.does("deregister_from_work_mail")
    world.shows({**SHOWN, **hidden})
    assert not converge(world.workmail, DISABLED, PLAIN._replace(hidden=True)).enabled
    assert sum(clock.slept) > PATIENCE


def test_what_was_planned_and_not_called_yet_is_not_late(world: World, clock: FakeClock) -> None:
    """However long the call before it was refused and throttled, a call is made again after its first refusal."""
    hidden = {"HiddenFromGlobalAddressList": True}
    world.refuses("register_to_work_mail", "EntityStateException")
    world.shows(SHOWN)
    world.refuses("register_to_work_mail", "ThrottlingException", times=100)
    world.does("register_to_work_mail")
    world.refuses("update_resource", "EntityStateException")
    world.shows(SHOWN_ENABLED)
    world.does("update_resource")
    world.shows({**SHOWN_ENABLED, **hidden})
    assert converge(world.workmail, DISABLED, BOOKABLE._replace(hidden=True)).hidden
    assert sum(clock.slept) > PATIENCE


@pytest.mark.parametrize("code", ["EmailAddressInUseException", "MailDomainNotFoundException", "SomethingNewException"])
def test_a_refusal_for_good_is_told_after_one_look(world: World, clock: FakeClock, code: str) -> None:
    """What will not pass is raised at once, with what WorkMail said."""
    world.refuses("register_to_work_mail", code)
    world.shows(SHOWN)
    with pytest.raises(ServiceError, match=code):
        converge(world.workmail, DISABLED, BOOKABLE)
    assert clock.slept == []


def test_a_refusal_that_may_pass_is_waited_out(world: World, clock: FakeClock) -> None:
    """A state that WorkMail does not show yet is waited for, and the call made again."""
    for _ in range(4):
        world.refuses("register_to_work_mail", "EntityStateException")
        world.shows(SHOWN)
    world.does("register_to_work_mail")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED
    assert len(clock.slept) == 4
    assert all(0 < wait <= longest for wait, longest in zip(clock.slept, (0.2, 0.4, 0.8, 1.6), strict=True))


def test_a_refusal_is_not_final_while_reading_is_throttled(world: World, clock: FakeClock) -> None:
    """However long the look after a refused call was throttled, the call is made again after it (contract 40)."""
    world.refuses("register_to_work_mail", "EntityStateException")
    world.refuses("describe_resource", "ThrottlingException", times=100)
    world.shows(SHOWN)
    world.does("register_to_work_mail")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED
    assert sum(clock.slept) > PATIENCE


@pytest.mark.parametrize(
    ("code", "seconds"), [("EntityStateException", PATIENCE), ("MailDomainStateException", DOMAIN_PATIENCE)]
)
def test_a_refusal_that_does_not_pass_is_told_in_the_end(
    client: MakeClient, clock: FakeClock, code: str, seconds: float
) -> None:
    """Patience ends after a minute, of a domain after ten seconds, and the refusal is raised (contracts 12 and 40)."""
    world = World(client(), clock)
    begun = clock.now
    for _ in range(100):
        world.refuses("register_to_work_mail", code)
        world.shows(SHOWN)
    with world.stub, pytest.raises(ServiceError, match=code):
        converge(world.workmail, DISABLED, BOOKABLE)
    assert clock.now - begun == pytest.approx(seconds)


@pytest.mark.parametrize("kind", ["User", "Group"])
def test_a_delegate_given_by_id_is_looked_up_when_it_is_refused(world: World, clock: FakeClock, kind: str) -> None:
    """WorkMail's refusal of a delegate is followed by a look at them: disabled is told at once, not after a minute."""
    world.refuses("associate_delegate_to_resource", "EntityStateException")
    world.shows(SHOWN_ENABLED)
    if kind == "Group":
        world.refuses("describe_user", "EntityNotFoundException")
    world.does(f"describe_{kind.lower()}", **{f"{kind}Id": DELEGATE, "State": "DISABLED"})
    with pytest.raises(DisabledDelegateError, match=DELEGATE):
        converge(world.workmail, ENABLED, BOOKABLE._replace(delegates=frozenset({DELEGATE})))
    assert clock.slept == []


def test_a_resource_that_vanishes_is_told(world: World) -> None:
    """A resource that somebody deletes meanwhile is told to be gone, and not created anew (contract 28)."""
    world.does("register_to_work_mail")
    world.refuses("describe_resource", "EntityNotFoundException")
    with pytest.raises(ResourceGoneError, match=RESOURCE):
        converge(world.workmail, DISABLED, BOOKABLE)


def test_lists_that_cannot_be_read_yet_are_empty(world: World) -> None:
    """A resource whose lists WorkMail does not give out yet is not given up."""
    world.does("register_to_work_mail")
    world.does("describe_resource", **SHOWN_ENABLED)
    world.refuses("list_aliases", "EntityStateException")
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED


# -------------------------------------------------------------------------------------- refusals that somebody judges

HIDDEN = {**SHOWN_ENABLED, "HiddenFromGlobalAddressList": True}
ALIAS = "board@example.com"


class Judge:
    """Says the same of every refusal for so many times, and then that it is final."""

    def __init__(self, obstacle: Obstacle, times: int = 100) -> None:
        self.asked: list[tuple[str, str]] = []
        self._obstacle = obstacle
        self._times = times

    def __call__(self, step: Step, error: ServiceError) -> Obstacle:
        """Judge a refusal."""
        self.asked.append((step.operation, error.code))
        return self._obstacle if len(self.asked) <= self._times else "FAIL"


def test_workmails_delay_begins_when_what_was_waited_for_has_come(world: World, clock: FakeClock) -> None:
    """A call that needed what a sibling had is not late before that was given up, however long it took (54)."""

    def judge(_step: Step, _error: ServiceError) -> Obstacle:
        clock.sleep(100)
        return "WAIT"

    for _ in range(2):
        world.refuses("register_to_work_mail", "EmailAddressInUseException")
        world.refuses("associate_delegate_to_resource", "EntityStateException")
        world.shows(SHOWN)
    world.does("register_to_work_mail")
    world.refuses("associate_delegate_to_resource", "EntityStateException")
    world.shows(SHOWN_ENABLED)
    world.does("describe_user", UserId=DELEGATE, State="ENABLED")
    world.does("associate_delegate_to_resource")
    world.does("describe_resource", **SHOWN_ENABLED)
    world.does("list_aliases", Aliases=[EMAIL])
    world.does("list_resource_delegates", Delegates=[{"Id": DELEGATE, "Type": "USER"}])
    goal = BOOKABLE._replace(delegates=frozenset({DELEGATE}))
    room = converge(world.workmail, DISABLED, goal, judge=judge)
    assert room == ENABLED._replace(delegates=frozenset({DELEGATE}))


@pytest.mark.parametrize("obstacle", ["SKIP", "WAIT"])
def test_the_primary_address_is_not_taken_for_an_alias(world: World, clock: FakeClock, obstacle: Obstacle) -> None:
    """While another address cannot become the primary one, the one that is stays, and its alias is not deleted."""
    judge = Judge(obstacle, times=1)
    world.refuses("update_primary_email_address", "EmailAddressInUseException")
    world.shows(SHOWN_ENABLED)
    goal = BOOKABLE._replace(email=ALIAS)
    if obstacle == "SKIP":
        assert converge(world.workmail, ENABLED, goal, judge=judge) == ENABLED
        assert clock.slept == []
    else:
        world.refuses("update_primary_email_address", "EmailAddressInUseException")
        world.shows(SHOWN_ENABLED)
        with pytest.raises(ServiceError, match="EmailAddressInUse"):
            converge(world.workmail, ENABLED, goal, judge=judge)


def test_a_deleted_delegate_is_judged_at_once(world: World, clock: FakeClock) -> None:
    """Giving a room back is not held up by a delegate whom WorkMail shows as deleted (contracts 52 and 55)."""
    goal, judge = BOOKABLE._replace(delegates=frozenset({DELEGATE})), Judge("SKIP")
    world.refuses("associate_delegate_to_resource", "EntityStateException")
    world.shows(SHOWN_ENABLED)
    world.does("describe_user", UserId=DELEGATE, State="DELETED")
    world.refuses("describe_group", "EntityNotFoundException")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, ENABLED, goal, judge=judge, strict=False) == ENABLED
    assert judge.asked == [("AssociateDelegateToResource", "EntityStateException")]
    assert sum(clock.slept) < 5


# ------------------------------------------------------------------------------------------------------------- shown


def test_what_does_not_come_is_gone_in_the_end(client: MakeClient, clock: FakeClock) -> None:
    """After its time, what is not shown is gone, and is not waited for any longer (contracts 58 and 63)."""
    world = World(client(), clock)
    world.refuses("describe_resource", "EntityNotFoundException", times=200)
    with world.stub:
        assert shown(world.workmail, RESOURCE, VISIBLE_WITHIN) is None
    assert VISIBLE_WITHIN <= sum(clock.slept) < 2 * VISIBLE_WITHIN


# --------------------------------------------------------------------------------------------------------------- remove


@pytest.mark.parametrize("refused", [True, False])
def test_remove_does_not_lie(client: MakeClient, clock: FakeClock, *, refused: bool) -> None:
    """A resource that is still there when the time is up is told to be there (contract 34)."""
    world = World(client(), clock, seconds=30)
    for _ in range(200):
        world.does("describe_resource", **SHOWN)
        if refused:
            world.refuses("delete_resource", "EntityStateException")
        else:
            world.does("delete_resource")
    expected: type[Exception] = ServiceError if refused else NotConvergedError
    with world.stub, pytest.raises(expected):
        remove(world.workmail, RESOURCE)
    assert sum(clock.slept) < 30
