"""docs/probe.md says what the probe does, call by call, and what it cannot learn."""

import json
from collections.abc import Sequence
from itertools import groupby

from tests.e2e.documents import code, document
from tests.tools.probe.organization import DELEGATE, DOMAIN, Organization
from workmail_rooms.probe.calls import OPERATIONS
from workmail_rooms.probe.experiments import LAST, NOT_LEARNED, STAGES, Lab, Stage
from workmail_rooms.probe.findings import learn
from workmail_rooms.probe.rooms import remove_all
from workmail_rooms.sandbox.workmail import Behaviour, Call, RateLimit

PAGE = document("docs/probe.md")


def steps() -> list[tuple[str, list[str], list[str]]]:
    """Return what a run does: each step, the operations it calls, and what it learns; a repeated call stands once."""
    organization = Organization()
    probe, call = organization.probe(), organization.caller()
    random = organization.random
    lab = Lab(
        call=call,
        clock=lambda: organization.now,
        sleep=organization.sleep,
        random=random,
        domain=DOMAIN,
        delegate=DELEGATE,
        measure_rate=True,
    )
    done: list[tuple[str, list[str], list[str]]] = []

    def note(name: str, calls: Sequence[Call], learned: Sequence[str]) -> None:
        done.append((name, [operation for operation, _ in groupby(one.operation for one in calls)], list(learned)))
        organization.workmail.clear_calls()

    def ask(stage: Stage) -> None:
        findings = list(learn(lab, [stage]))
        note(stage.name, organization.calls, [finding.name for finding in findings])

    probe.check_domain(str(probe.organization()["DefaultMailDomain"]))
    probe.leftovers()
    note("a first look", organization.calls, [])
    for stage in STAGES:
        ask(stage)
    remove_all(call, lab.clock, lab.sleep, lab.rooms)
    note("the removal", organization.calls, [])
    organization.workmail.behaviour = Behaviour(rate_limit=RateLimit(per_second=12, burst=40))
    ask(LAST)
    return done


def test_the_page_says_what_is_called_and_why() -> None:
    """The table of calls has each step of a run, with its operations in their order, and what it learns."""
    documented = [
        (when, code(calls), [name.strip("`") for name in learned.split(", ") if name.strip("`")])
        for when, calls, learned in PAGE.table("What it does, call by call", "Step").rows
    ]
    actual = steps()
    assert documented == actual, "\n".join(
        f"| {when} | {', '.join(f'`{name}`' for name in calls)} | {', '.join(f'`{name}`' for name in learned)} |"
        for when, calls, learned in actual
    )


def test_the_page_lists_what_is_never_learned() -> None:
    """Each switch without an experiment is on the page, with the reason of the code, and no other."""
    rows = PAGE.table("What it cannot learn", "Switch").rows
    assert {code(row[0])[0]: row[1] for row in rows} == NOT_LEARNED


def test_the_policy_allows_what_is_called() -> None:
    """The policy on the page has the operations that are called, and no other, on one organization."""
    (policy,) = [json.loads(block.text) for block in PAGE.blocks() if block.language == "json policy"]
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Allow"
    assert statement["Action"] == [f"workmail:{operation}" for operation in OPERATIONS]
    assert statement["Resource"].split(":organization/")[1].startswith("m-")
