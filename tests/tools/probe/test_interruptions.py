"""Whatever happens at whichever call: nothing is left after the next run, and nothing foreign is touched."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import pytest

from tests.tools.probe.organization import KilledError, Organization, unchanged
from workmail_rooms.probe.findings import settings
from workmail_rooms.probe.run import Report
from workmail_rooms.sandbox.workmail import Behaviour, Fault

#: WorkMail at its best, and at its slowest.
BEHAVIOURS: Final[Mapping[str, Behaviour]] = {
    "prompt": Behaviour(),
    "slow": Behaviour(
        visible_after=2,
        enabled_after=2,
        enabled_flaps="yes",
        disabled_after=2,
        deletable_after=2,
        ghost_describe="EntityNotFoundException",
        redelete="EntityStateException",
        rename_changes_email="yes",
        last_delegate_removed="InvalidParameterException",
    ),
}


@cache
def undisturbed(behaviour: str) -> tuple[int, str]:
    """Return how many calls a whole run makes, and what it finds."""
    organization = Organization(BEHAVIOURS[behaviour], direct=True)
    report = organization.run()
    return len(organization.calls), str(settings(report.findings))


def places(behaviour: str, calls: int, first: int = 0) -> range:
    """Return the numbers of the calls to interrupt: every one, or of the many of a slow WorkMail each third."""
    return range(1, calls + 1) if behaviour == "prompt" else range(1 + first % 3, calls + 1, 3)


def next_run(organization: Organization) -> None:
    """Begin a run as the command does, with the removal of what another has left, and go no further."""
    organization.workmail.clear_faults()
    probe = organization.probe()
    probe.clean_up(probe.leftovers())


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_each_call(behaviour: str, moment: str) -> None:
    """A process that is killed before or after any of its calls leaves nothing that the next run does not remove."""
    calls, _ = undisturbed(behaviour)
    left = 0
    for number in places(behaviour, calls, moment == "after"):
        organization = Organization(BEHAVIOURS[behaviour], direct=True)
        organization.interrupt[number, moment] = KilledError
        with unchanged(organization):
            before = organization.picture()
            with pytest.raises(KilledError):
                organization.run()
            left += organization.picture() != before
            next_run(organization)
    # Otherwise the next run had nothing to do.
    assert left > len(places(behaviour, calls)) / 2


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_interrupted_by_the_user_at_each_call(behaviour: str) -> None:
    """After Ctrl-C nothing is left at once; when it comes while rooms are removed, the next run removes the rest."""
    calls, _ = undisturbed(behaviour)
    ended = 0
    for number in places(behaviour, calls, 2):
        organization = Organization(BEHAVIOURS[behaviour], direct=True)
        organization.interrupt[number, "after"] = KeyboardInterrupt
        with unchanged(organization):
            before = organization.picture()
            try:
                report = organization.run()
            except KeyboardInterrupt:
                next_run(organization)
                continue
            assert organization.picture() == before
            assert report.interrupted
            assert not report.left
            ended += 1
    assert ended > len(places(behaviour, calls)) / 2


FAILURES: Final[Mapping[str, Mapping[str, Any]]] = {
    "lost reply": {"action": "lose_reply"},
    "500": {"action": "http_500"},
    "500, but carried out": {"action": "http_500", "carried_out": True},
    "throttled": {"action": "throttle"},
}


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_at_each_call(behaviour: str, failure: str) -> None:
    """One failed call is tried again or ends the run; nothing is left at once, and nothing wrong is found."""
    calls, found = undisturbed(behaviour)
    reports: list[Report] = []
    for number in places(behaviour, calls, list(FAILURES).index(failure)):
        organization = Organization(BEHAVIOURS[behaviour], direct=True)
        organization.fail(nth=number, **FAILURES[failure])
        with unchanged(organization):
            report = organization.run()
        assert not report.left
        if not report.problem and (behaviour == "prompt" or failure == "throttled"):
            # A read whose answer is lost is one that cannot be counted.
            assert str(settings(report.findings)) == found
        reports.append(report)
    ended = sum(bool(report.problem) for report in reports)
    assert (ended == 0) == (failure == "throttled")
    # Reads are tried again.
    assert ended < len(reports) * 2 / 3


def test_workmail_that_answers_nothing_any_more() -> None:
    """What cannot be removed is said to be left; the next run removes it."""
    organization = Organization()

    def go_away(operation: str, phase: str, _: object) -> None:
        if (operation, phase) == ("CreateAlias", "after"):
            organization.workmail.add_fault(Fault(action="http_503"))

    with unchanged(organization):
        # GIVEN WorkMail goes away in the middle of a run
        organization.workmail.hooks.append(go_away)
        # WHEN the run ends
        report = organization.run()
        # THEN it says what is left
        assert report.problem
        assert "r-" in report.left
        # AND the next one removes it
        next_run(organization)


@pytest.mark.parametrize("operation", ["DeleteResource", "DeregisterFromWorkMail"])
def test_who_may_not_remove_makes_nothing(operation: str) -> None:
    """Without the permission to disable or delete, no room is made."""
    organization = Organization()
    organization.workmail.add_fault(Fault(action="error", code="AccessDeniedException", operation=operation))
    with unchanged(organization):
        report = organization.run()
    assert all(call.operation != "CreateResource" for call in organization.calls)
    assert any(f"workmail:{operation} is missing" in finding.problem for finding in report.findings)


def test_only_what_has_name_and_mark_is_removed() -> None:
    """A room with such a name and no mark, or with the mark and another name, is never touched."""
    organization = Organization()
    probe = organization.probe()
    with unchanged(organization):
        left = probe.leftovers()
        assert [item["Name"] for item in left.doubtful] == ["wmr-probe-AaBbCcDdEe"]
        assert left.own == ()
        probe.clean_up(left)


def test_a_name_that_somebody_has() -> None:
    """A name that turns out to be taken ends the experiments; the room that has it is not touched."""
    organization = Organization()

    def be_first(operation: str, phase: str, request: Mapping[str, Any]) -> None:
        if (operation, phase) == ("CreateResource", "before"):
            organization.workmail.hooks.clear()
            organization.workmail.invoke(operation, {**request, "Description": "Mine"})

    organization.workmail.hooks.append(be_first)
    report = organization.run()
    assert any("NameAvailabilityException" in finding.problem for finding in report.findings)
    left = organization.probe().leftovers()
    assert left.own == ()
    assert {(item["Description"], item["State"]) for item in left.doubtful} == {
        ("Ours", "ENABLED"),
        ("Mine", "DISABLED"),
    }
    assert not report.left


def test_a_list_that_shows_no_descriptions() -> None:
    """Where ListResources shows no Description, DescribeResource tells whose a room is."""
    organization = Organization(direct=True)
    organization.interrupt[30, "after"] = KilledError
    with unchanged(organization):
        with pytest.raises(KilledError):
            organization.run()
        probe = organization.probe()
        organization.forget_descriptions = True
        left = probe.leftovers()
        assert left.own
        assert [item["Name"] for item in left.doubtful] == ["wmr-probe-AaBbCcDdEe"]
        probe.clean_up(left)
