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
    found,
    remove,
    seen,
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


def test_what_is_there_is_not_touched(world: World) -> None:
    """A resource that is as wanted is neither written to nor read again (contract 22)."""
    assert converge(world.workmail, ENABLED, BOOKABLE) == ENABLED


def test_success_needs_a_look(world: World) -> None:
    """What was called is looked at, and what was seen is returned (contract 21)."""
    world.does("register_to_work_mail")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED


def test_a_fresh_resource_is_looked_at_even_without_a_call(world: World) -> None:
    """A new resource that needs no further call is read before it is called done (contract 21)."""
    world.refuses("describe_resource", "EntityNotFoundException")
    world.shows(SHOWN)
    assert converge(world.workmail, DISABLED, PLAIN, fresh=True) == DISABLED


def test_a_delay_is_waited_for(world: World, clock: FakeClock) -> None:
    """WorkMail is read again until it shows what it has accepted, without another write (contract 12)."""
    world.does("register_to_work_mail")
    world.shows(SHOWN, SHOWN, SHOWN, SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED
    assert len(clock.slept) == 3


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


def test_a_refusal_does_not_count_when_the_state_is_there(world: World) -> None:
    """Whatever a call answered: when the resource is as wanted, all is well."""
    world.refuses("register_to_work_mail", "EntityAlreadyRegisteredException")
    world.shows(SHOWN_ENABLED)
    assert converge(world.workmail, DISABLED, BOOKABLE) == ENABLED


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


def test_what_follows_is_called_as_soon_as_it_can_be(world: World, clock: FakeClock) -> None:
    """A call that was refused is made again once WorkMail shows what went before it, whatever else is missing."""
    world.does("register_to_work_mail")
    world.refuses("update_resource", "EntityStateException")
    world.shows(SHOWN, SHOWN_ENABLED)
    world.does("update_resource")
    world.shows({**SHOWN_ENABLED, "HiddenFromGlobalAddressList": True})
    assert converge(world.workmail, DISABLED, BOOKABLE._replace(hidden=True)) == ENABLED._replace(hidden=True)
    assert len(clock.slept) == 1


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


def test_a_delegate_that_is_known_to_be_disabled_is_told_before_any_call(world: World, clock: FakeClock) -> None:
    """Who was looked up by name and is disabled is refused by name at once, even if another deadline holds since."""
    world.does("describe_user", UserId=DELEGATE, State="DISABLED")
    assert world.workmail.entity_id("bob") == DELEGATE
    with pytest.raises(DisabledDelegateError, match="disabled in organization"):
        converge(
            world.workmail.within(world.workmail.deadline), ENABLED, BOOKABLE._replace(delegates=frozenset({DELEGATE}))
        )
    assert clock.slept == []


def test_a_delegate_that_has_been_disabled_since_may_stay(world: World) -> None:
    """Who is a delegate already stays one, whatever has become of them: an Update, or its rollback, needs no call."""
    room = ENABLED._replace(delegates=frozenset({DELEGATE}))
    world.does("describe_user", UserId=DELEGATE, State="DISABLED")
    world.workmail.entity_id("bob")
    assert converge(world.workmail, room, Wanted.as_it_is(room)) == room


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


def test_a_delegate_who_is_enabled_is_tried_again(world: World) -> None:
    """If the delegate is enabled, the refusal is of the room's state, which may not show yet; one look is enough."""
    delegates = {"Delegates": [{"Id": DELEGATE, "Type": "USER"}]}
    for number in range(3):
        world.refuses("associate_delegate_to_resource", "EntityStateException")
        world.shows(SHOWN_ENABLED)
        if number == 0:
            world.does("describe_user", UserId=DELEGATE, State="ENABLED")
    world.does("associate_delegate_to_resource")
    world.does("describe_resource", **SHOWN_ENABLED)
    world.does("list_aliases")
    world.does("list_resource_delegates", **delegates)
    wanted = BOOKABLE._replace(delegates=frozenset({DELEGATE}))
    assert converge(world.workmail, ENABLED, wanted).delegates == frozenset({DELEGATE})


def test_a_state_that_does_not_come_is_told_in_the_end(client: MakeClient, clock: FakeClock) -> None:
    """Calls that are accepted without effect end in a failure that names what is still missing (contract 21)."""
    world = World(client(), clock)
    for _ in range(100):
        world.does("register_to_work_mail")
        world.shows(*[SHOWN] * 5)
    with world.stub, pytest.raises(NotConvergedError, match="State is DISABLED, not ENABLED"):
        converge(world.workmail, DISABLED, BOOKABLE)


def test_waiting_ends_with_the_time(client: MakeClient, clock: FakeClock) -> None:
    """When Lambda's time is used up, what is still missing is told (contracts 11 and 12)."""
    world = World(client(), clock, seconds=0.05)
    world.does("register_to_work_mail")
    world.shows(SHOWN)
    with world.stub, pytest.raises(NotConvergedError, match="State is DISABLED, not ENABLED"):
        converge(world.workmail, DISABLED, BOOKABLE)
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


def test_a_disabled_resource_that_cannot_be_updated_takes_a_detour(world: World) -> None:
    """Where WorkMail updates enabled resources only, a disabled one is registered for as long as it takes."""
    address = f"{RESOURCE}@mail.example.com"
    hidden = {**SHOWN, "HiddenFromGlobalAddressList": True}
    world.refuses("update_resource", "EntityStateException")
    world.shows(SHOWN)
    world.does("describe_organization", State="Active", DefaultMailDomain="mail.example.com")
    world.stub.add_response(
        "register_to_work_mail", METADATA, {"OrganizationId": ORGANIZATION, "EntityId": RESOURCE, "Email": address}
    )
    world.does("update_resource")
    world.does("describe_resource", **{**hidden, "State": "ENABLED", "Email": address})
    world.does("deregister_from_work_mail")
    world.shows(hidden)
    wanted = PLAIN._replace(hidden=True)
    assert converge(world.workmail, DISABLED, wanted) == DISABLED._replace(hidden=True)


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


def test_while_one_call_waits_the_others_are_made(world: World, clock: FakeClock) -> None:
    """What another one has is asked for again after a wait, and what this one gives up is given up (contract 54)."""
    judge = Judge("WAIT")
    world.refuses("update_primary_email_address", "EmailAddressInUseException")
    world.does("update_resource")
    world.shows(HIDDEN)
    world.refuses("update_primary_email_address", "EmailAddressInUseException")
    world.shows(HIDDEN)
    world.does("update_primary_email_address")
    world.does("describe_resource", **{**HIDDEN, "Email": ALIAS})
    world.does("list_aliases", Aliases=[EMAIL, ALIAS])
    world.does("list_resource_delegates")
    goal = BOOKABLE._replace(email=ALIAS, hidden=True, aliases=frozenset({EMAIL}))
    room = converge(world.workmail, ENABLED, goal, judge=judge)
    assert room == ENABLED._replace(email=ALIAS, aliases=frozenset({EMAIL}), hidden=True)
    assert judge.asked == [("UpdatePrimaryEmailAddress", "EmailAddressInUseException")] * 2
    assert len(clock.slept) == 2


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


def test_what_waits_too_long_fails(world: World, clock: FakeClock) -> None:
    """When whoever judges has no more patience, the refusal is raised after a last look."""
    for _ in range(3):
        world.refuses("register_to_work_mail", "EmailAddressInUseException")
        world.shows(SHOWN)
    with pytest.raises(ServiceError, match="EmailAddressInUse"):
        converge(world.workmail, DISABLED, BOOKABLE, judge=Judge("WAIT", times=2))
    assert len(clock.slept) == 2


def test_a_call_that_is_done_without_is_not_made_again(world: World) -> None:
    """What is done without does not keep the rest from being done, and is not waited for (contract 53)."""
    judge = Judge("SKIP")
    world.refuses("associate_delegate_to_resource", "EntityNotFoundException")
    world.does("update_resource")
    world.shows(HIDDEN)
    goal = BOOKABLE._replace(delegates=frozenset({DELEGATE}), hidden=True)
    assert converge(world.workmail, ENABLED, goal, judge=judge) == ENABLED._replace(hidden=True)
    assert judge.asked == [("AssociateDelegateToResource", "EntityNotFoundException")]


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


@pytest.mark.parametrize("strict", [True, False])
def test_a_disabled_delegate_is_judged_where_that_is_no_error(world: World, *, strict: bool) -> None:
    """A rollback does without a delegate who is disabled by now, at once; a declaration is refused (contract 53)."""
    world.does("describe_user", UserId=DELEGATE, State="DISABLED")
    world.workmail.entity_id("bob")
    goal, judge = BOOKABLE._replace(delegates=frozenset({DELEGATE})), Judge("SKIP")
    if strict:
        with pytest.raises(DisabledDelegateError):
            converge(world.workmail, ENABLED, goal, judge=judge, strict=True)
    else:
        world.refuses("associate_delegate_to_resource", "EntityStateException")
        world.shows(SHOWN_ENABLED, SHOWN_ENABLED)
        assert converge(world.workmail, ENABLED, goal, judge=judge, strict=False) == ENABLED
        assert judge.asked == [("AssociateDelegateToResource", "EntityStateException")]


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


# ------------------------------------------------------------------------------------------------- shown, found, seen


def test_shown_waits_for_what_is_new(world: World, clock: FakeClock) -> None:
    """What was just made counts as gone only after it had time to be shown (contract 63)."""
    for _ in range(3):
        world.refuses("describe_resource", "EntityNotFoundException")
    world.does("describe_resource", **SHOWN)
    room = shown(world.workmail, RESOURCE, VISIBLE_WITHIN)
    assert room is not None
    assert room.resource_id == RESOURCE
    assert len(clock.slept) == 3


def test_shown_does_not_wait_for_what_is_old(world: World, clock: FakeClock) -> None:
    """What had its time is looked for once."""
    world.refuses("describe_resource", "EntityNotFoundException")
    assert shown(world.workmail, RESOURCE, 0) is None
    assert clock.slept == []


def test_what_does_not_come_is_gone_in_the_end(client: MakeClient, clock: FakeClock) -> None:
    """After its time, what is not shown is gone, and is not waited for any longer (contracts 58 and 63)."""
    world = World(client(), clock)
    world.refuses("describe_resource", "EntityNotFoundException", times=200)
    with world.stub:
        assert shown(world.workmail, RESOURCE, VISIBLE_WITHIN) is None
    assert VISIBLE_WITHIN <= sum(clock.slept) < 2 * VISIBLE_WITHIN


def test_found_takes_only_what_bears_the_description(world: World) -> None:
    """A resource of the right name with another Description is not the one that is looked for (contract 19)."""
    world.does("describe_resource", **{**SHOWN, "Description": "another"})
    world.does("describe_resource", **{**SHOWN, "Description": "mark"})
    room = found(world.workmail, "boardroom", "mark", VISIBLE_WITHIN)
    assert room is not None
    assert room.description == "mark"


def test_seen_reads_until_the_test_is_passed(world: World) -> None:
    """What WorkMail shows late is waited for, with its lists."""
    world.shows(SHOWN, SHOWN_ENABLED)
    assert seen(world.workmail, lambda room: room.enabled, RESOURCE) == ENABLED


# --------------------------------------------------------------------------------------------------------------- remove


def test_remove_what_is_gone(world: World) -> None:
    """What WorkMail shows no more needs no call (contracts 18 and 30)."""
    world.refuses("describe_resource", "EntityNotFoundException")
    remove(world.workmail, RESOURCE)


def test_remove_waits_for_what_is_new(world: World) -> None:
    """A resource that was just made is looked for until WorkMail shows it, and then removed (contract 63)."""
    world.refuses("describe_resource", "EntityNotFoundException", times=2)
    world.does("describe_resource", **SHOWN)
    world.does("delete_resource")
    world.refuses("describe_resource", "EntityNotFoundException")
    remove(world.workmail, RESOURCE, fresh=True)


def test_remove_disables_first(world: World) -> None:
    """An enabled resource is disabled, deleted, and looked for (contract 34)."""
    world.does("describe_resource", **SHOWN_ENABLED)
    world.does("deregister_from_work_mail")
    world.does("delete_resource")
    world.does("describe_resource", **{**SHOWN, "State": "DELETED"})
    remove(world.workmail, RESOURCE)


def test_remove_waits_until_it_is_gone(world: World, clock: FakeClock) -> None:
    """Refusals that come of WorkMail's delay are waited out, until the resource is gone (contract 34)."""
    world.does("describe_resource", **SHOWN_ENABLED)
    world.does("deregister_from_work_mail")
    world.refuses("delete_resource", "EntityStateException")
    world.does("describe_resource", **SHOWN)
    world.refuses("delete_resource", "EntityStateException")
    world.does("describe_resource", **SHOWN)
    world.does("delete_resource")
    world.does("describe_resource", **SHOWN)
    world.refuses("delete_resource", "EntityNotFoundException")
    world.refuses("describe_resource", "EntityNotFoundException")
    remove(world.workmail, RESOURCE)
    assert len(clock.slept) == 3


@pytest.mark.parametrize("code", ["UnsupportedOperationException", "AccessDeniedException"])
def test_remove_tells_a_refusal(world: World, code: str) -> None:
    """What WorkMail refuses for good is told (contract 34)."""
    world.shows(SHOWN)
    world.refuses("delete_resource", code)
    world.shows(SHOWN)
    with pytest.raises(ServiceError, match=code):
        remove(world.workmail, RESOURCE)


def test_remove_does_not_mind_a_refusal_of_what_is_gone(world: World) -> None:
    """Whatever a call answered: when WorkMail does not show the resource any more, it is gone (contract 34)."""
    world.shows(SHOWN)
    world.refuses("delete_resource", "SomethingNewException")
    world.refuses("describe_resource", "EntityNotFoundException")
    remove(world.workmail, RESOURCE)


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
