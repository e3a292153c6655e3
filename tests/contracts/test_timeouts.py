"""Contracts 11 and 12: timeouts.

Contract 13 is with the others on ownership.
"""

import time
from dataclasses import replace

import pytest

from tests.harness import Stage, room_properties
from workmail_rooms.sandbox.cloudformation.template import read_template
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

#: Longer than the work may take of the short function's 5 seconds, and shorter than Lambda waits.
_TOO_LONG = 3.8


def test_contract_11_a_late_result_is_not_sent(stage: Stage) -> None:
    """When time is up, each event is answered FAILED once with the right id, and its late result is never sent."""
    names = {name: stage.create_room(name) for name in ("foreign",)}
    updated = stage.deliver(stage.event("Create", properties=room_properties(), logical_id="Updated")).physical_id
    den = room_properties(Name="den", Email="den@example.com")
    deleted = stage.deliver(stage.event("Create", properties=den, logical_id="Deleted")).physical_id
    hall = room_properties(Name="hall", Email="hall@example.com")

    # GIVEN one event of each type that hangs in a call, however often it makes it
    for operation in ("RegisterToWorkMail", "UpdateResource", "DeleteResource"):
        stage.interventions.delay(_TOO_LONG, operation, times=99)
    short = stage.short
    create = stage.send(stage.event("Create", properties=hall, logical_id="Created", function=short))
    update = stage.send(
        stage.event(
            "Update",
            properties=room_properties(HiddenFromGlobalAddressList="true"),
            logical_id="Updated",
            physical_id=updated,
            function=short,
        )
    )
    delete = stage.send(
        stage.event("Delete", properties=den, logical_id="Deleted", physical_id=deleted, function=short)
    )

    # WHEN their time is up, and WorkMail carries out later than that what they have called
    answers = [sent.answer(20) for sent in (create, update, delete)]

    # THEN they have been answered in time, and the room that exists is named
    created = stage.room("hall")
    assert created is not None
    assert [answer.status for answer in answers] == ["FAILED"] * 3
    assert [answer.physical_id for answer in answers] == [created.ResourceId, updated, deleted]
    # and thawing their processes brings no second answer.
    stage.interventions.clear()
    for number in range(3):
        stage.deliver(stage.event("Delete", physical_id="none", logical_id=f"Other{number}", function=short))
    assert [sent.puts() for sent in (create, update, delete)] == [[], [], []]
    assert stage.describe(names["foreign"])["state"] == "DISABLED"


def test_contract_11_nothing_obtained_yet(stage: Stage) -> None:
    """A Create whose time is up before it has made anything answers with the marker, and makes nothing later."""
    stage.interventions.delay(_TOO_LONG, "Query", service="dynamodb", times=99)
    answer = stage.deliver(stage.event("Create", function=stage.short), timeout=20)

    assert answer.physical_id.startswith("Custom::WorkMailResource/")
    assert stage.rooms() == []
    assert "CreateResource" not in stage.operations()


def test_contract_12_waits_end_in_time(stage: Stage) -> None:
    """A wait for ENABLED, for DISABLED or for the deletion ends before Lambda's deadline, with the reason why."""
    disabling = stage.deliver(stage.event("Create", logical_id="Disabling")).physical_id
    den = room_properties(Name="den", Email=None)
    deleting = stage.deliver(stage.event("Create", properties=den, logical_id="Deleting")).physical_id
    never = 10**6
    stage.workmail.behaviour = replace(
        stage.workmail.behaviour, enabled_after=never, disabled_after=never, deletable_after=never
    )
    # Deregistered, the den cannot be deleted for ever; registered first, since only then it is deregistered.
    hall = room_properties(Name="hall", Email="hall@example.com")
    started = time.monotonic()
    short = stage.short
    sent = {
        "ENABLED": stage.send(stage.event("Create", properties=hall, logical_id="Enabling", function=short)),
        "DISABLED": stage.send(
            stage.event(
                "Update",
                properties=room_properties(Email=None),
                logical_id="Disabling",
                physical_id=disabling,
                function=short,
            )
        ),
    }
    answers = {state: one.answer(20) for state, one in sent.items()}
    tries = [one.wait() for one in sent.values()]

    assert time.monotonic() - started < 3 * short.spec.timeout
    assert all(one.outcome.status == "success" for run in tries for one in run), "Lambda had to end it"
    for state, answer in answers.items():
        assert not answer.succeeded
        assert any(cause in answer.reason for cause in (f"not {state}", "EntityStateException", "TimedOut"))
    assert answers["ENABLED"].physical_id.startswith("r-")
    assert answers["DISABLED"].physical_id == disabling
    assert stage.describe(deleting)["state"] == "DISABLED"


def test_contract_12_a_deletion_that_does_not_come(stage: Stage) -> None:
    """A Delete that WorkMail refuses for too long ends in time, FAILED, with WorkMail's own words."""
    room = stage.deliver(stage.event("Create")).physical_id
    stage.workmail.behaviour = replace(stage.workmail.behaviour, deletable_after=10**6)
    sent = stage.send(stage.event("Delete", physical_id=room, function=stage.short))
    answer = sent.answer(20)

    assert [one.outcome.status for one in sent.wait()] == ["success"]
    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert answer.reason.startswith("EntityStateException: ")


@pytest.mark.parametrize(
    "example", sorted((PROVIDER_TEMPLATE.parent / "examples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_contract_12_timeouts_fit_together(stage: Stage, example: object) -> None:
    """Lambda's timeout is below the ServiceTimeout of every example, which is at most CloudFormation's 3600 s."""
    resources = read_template(example)["Resources"]  # type: ignore[arg-type] # glob gives paths
    timeouts = [
        body["Properties"]["ServiceTimeout"]
        for body in resources.values()
        if isinstance(body, dict) and body.get("Type") == "Custom::WorkMailResource"
    ]

    lambda_timeout = next(spec.timeout for spec in stage.provider.functions if "Provider" in spec.name)
    assert all(lambda_timeout < int(timeout) <= 3600 for timeout in timeouts)
