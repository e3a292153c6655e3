"""The probe finds what the embedded WorkMail was told to be, and leaves it as it was."""

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, Final

import pytest
from allpairspy import AllPairs  # type: ignore[import-untyped] # it ships no types

from tests.tools.probe.organization import Organization, unchanged
from workmail_rooms.probe.calls import OPERATIONS
from workmail_rooms.probe.experiments import NOT_LEARNED, learnable
from workmail_rooms.probe.findings import settings
from workmail_rooms.sandbox.workmail import Behaviour, RateLimit
from workmail_rooms.sandbox.workmail.behaviour import counts, switches

#: More rooms than the largest page holds, so that its size shows.
MANY: Final = 101

_RATES: Final = (
    RateLimit(per_second=2, burst=1),
    RateLimit(per_second=5, burst=10),
    RateLimit(per_second=12, burst=40),
)


def values(switch: str) -> tuple[Any, ...]:
    """Return the values of a switch, the default first."""
    default = getattr(Behaviour(), switch)
    if switch == "rate_limit":
        return (default, *_RATES)
    others = (1, 3, 10) if switch in counts() else switches()[switch]
    return (default, *(value for value in others if value != default))


VALUES: Final = {switch: values(switch) for switch in learnable()}
ALONE: Final = [
    {},
    *({name: value} for name, (_, *others) in VALUES.items() for value in others),
    {"enabled_after": 3, "enabled_flaps": "yes"},
]


def _covering() -> Iterator[dict[str, Any]]:
    # One lag and one rate are enough here: each makes many calls.
    few = VALUES | {name: (0, 3) for name in counts() if name != "page_size"} | {"rate_limit": (None, _RATES[-1])}
    names = sorted(few, key=lambda name: -len(few[name]))
    for row in AllPairs([few[name] for name in names]):
        yield dict(zip(names, row, strict=True))


COVERING: Final = list(_covering())


def expected(behaviour: Behaviour) -> dict[str, Any]:
    """Return what a behaviour file has to hold."""
    exported = behaviour.export()
    # That nothing is throttled cannot be seen: only that so many calls were not.
    learned = {name for name in learnable() if name != "rate_limit" or behaviour.rate_limit}
    return {name: exported[name] for name in sorted(learned)}


def name(setting: Mapping[str, Any]) -> str:
    """Return a setting as a test's name."""
    return ",".join(f"{key}={value}" for key, value in setting.items()) or "defaults"


def test_every_switch_is_learned_or_has_a_reason() -> None:
    """Each switch of the embedded WorkMail has an experiment, or the reason why there is none; not both."""
    assert {field.name for field in fields(Behaviour)} == learnable().keys() | NOT_LEARNED.keys()
    assert not learnable().keys() & NOT_LEARNED.keys()
    assert all(reason.endswith(".") for reason in NOT_LEARNED.values())


@pytest.mark.parametrize("setting", ALONE, ids=name)
def test_each_setting_is_found(setting: Mapping[str, Any]) -> None:
    """The probe finds each setting of each learnable switch, and leaves everything as it was."""
    # GIVEN an organization that behaves so
    behaviour = Behaviour(**setting)
    organization = Organization(behaviour, rooms=MANY)
    # WHEN it is probed
    with unchanged(organization):
        report = organization.run(measure_rate="rate_limit" in setting)
    # THEN every switch is found
    assert settings(report.findings) == expected(behaviour)
    # AND all went well
    assert not report.problem
    assert not report.left
    assert not any(finding.unknown for finding in report.findings)


@pytest.mark.parametrize("setting", COVERING, ids=range(len(COVERING)))
def test_settings_are_found_whichever_two_meet(setting: Mapping[str, Any]) -> None:
    """The probe finds all settings at once, in a set of them in which every two values of every two switches meet."""
    behaviour = Behaviour(**setting)
    organization = Organization(behaviour, rooms=MANY)
    with unchanged(organization):
        report = organization.run(measure_rate=behaviour.rate_limit is not None)
    assert settings(report.findings) == expected(behaviour)
    assert not report.problem
    assert not report.left


def test_it_makes_three_rooms_and_an_alias_and_no_more() -> None:
    """There are never more than three rooms of the probe, one alias and one delegate, and nothing else is changed."""
    organization = Organization()
    report = organization.run(measure_rate=True)
    made = [call for call in organization.calls if call.operation == "CreateResource" and call.outcome == "OK"]
    aliases = [call for call in organization.calls if call.operation == "CreateAlias"]
    assert not report.problem
    assert len(made) == 3
    assert len(aliases) == 1
    # The delegate is only ever named, never changed: it is in no other call than those two.
    named = {call.operation for call in organization.calls if "facilities" in call.parameters.values()}
    assert named == {"AssociateDelegateToResource", "DisassociateDelegateFromResource"}


def test_it_needs_the_permissions_that_it_names() -> None:
    """Each operation that is named is called, and no other."""
    organization = Organization()
    probe = organization.probe()
    probe.organization()
    probe.check_domain("example.com")
    probe.run(domain="example.com", delegate="facilities", measure_rate=True)
    assert {call.operation for call in organization.calls} == set(OPERATIONS)


def test_a_page_that_holds_everything_says_nothing() -> None:
    """How large a page is shows only where there is more than one; then no switch is set."""
    organization = Organization()
    report = organization.run()
    (page,) = [finding for finding in report.findings if finding.name == "page_size"]
    assert page.problem == "the organization's 7 resources fit on one page"
    assert not page.unknown
    assert "page_size" not in settings(report.findings)


def test_the_rate_is_measured_only_when_asked() -> None:
    """Without --rate, WorkMail is never called until it throttles."""
    organization = Organization()
    report = organization.run()
    (rate,) = [finding for finding in report.findings if finding.name == "rate_limit"]
    assert "--rate" in rate.problem
    assert len(organization.calls) < 80
