"""Contracts 11 and 12: timeouts, in virtual time.

Contract 13 is with the others on ownership.
"""

from dataclasses import replace

import pytest

from tests.harness import room_properties
from tests.harness.policy import provider_resources
from tests.matrices.virtual import VirtualStage
from tests.simulation.awslambda import TIMEOUT
from workmail_resource.protocol.custom_resource import ANSWER_RESERVE
from workmail_rooms.sandbox.cloudformation.template import read_template
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

#: Seconds: longer than the work may take, and shorter than Lambda waits.
_TOO_LONG = TIMEOUT - ANSWER_RESERVE / 2
_NEVER = 10**6


def hang(stage: VirtualStage, *operations: str, service: str = "workmail") -> None:
    """Let calls take too long, however often they are made."""
    for operation in operations:
        stage.interventions.before(
            lambda _call: stage.wait(lambda: False, _TOO_LONG), operation, service=service, times=99
        )


def test_contract_11_a_late_result_is_not_sent(virtual: VirtualStage) -> None:
    """When time is up, each event is answered FAILED once with the right id, and its late result is never sent."""
    foreign = virtual.create_room("foreign")
    updated = virtual.deliver(virtual.event("Create", logical_id="Updated")).physical_id
    den = room_properties(Name="den", Email="den@example.com")
    deleted = virtual.deliver(virtual.event("Create", properties=den, logical_id="Deleted")).physical_id
    hall = room_properties(Name="hall", Email="hall@example.com")

    # GIVEN one event of each type that hangs in a call
    hang(virtual, "RegisterToWorkMail", "UpdateResource", "DeleteResource")
    hidden = room_properties(HiddenFromGlobalAddressList="true")
    sent = [
        virtual.send(virtual.event("Create", properties=hall, logical_id="Created")),
        virtual.send(virtual.event("Update", properties=hidden, logical_id="Updated", physical_id=updated)),
        virtual.send(virtual.event("Delete", properties=den, logical_id="Deleted", physical_id=deleted)),
    ]

    # WHEN their time is up, and WorkMail carries out later than that what they have called
    answers = [one.answer() for one in sent]

    # THEN they have been answered once, in time, and the room that exists is named.
    created = virtual.room("hall")
    assert created is not None
    assert [answer.status for answer in answers] == ["FAILED"] * 3
    assert [answer.physical_id for answer in answers] == [created.ResourceId, updated, deleted]
    assert virtual.describe(foreign)["state"] == "DISABLED"


def test_contract_11_nothing_obtained_yet(virtual: VirtualStage) -> None:
    """A Create whose time is up before it has made anything answers with the marker, and makes nothing later."""
    hang(virtual, "Query", service="dynamodb")
    answer = virtual.deliver(virtual.event("Create"))

    assert answer.physical_id.startswith("Custom::WorkMailResource/")
    assert virtual.rooms() == []
    assert "CreateResource" not in virtual.operations()


def test_contract_11_the_answer_does_not_wait_for_a_call(virtual: VirtualStage) -> None:
    """While a call hangs, it is the timer that answers: nobody has to look at the time."""
    virtual.interventions.before(
        lambda _call: virtual.wait(lambda: virtual.received, _TOO_LONG), "Query", service="dynamodb"
    )
    began = virtual.world.scheduler.now

    assert virtual.deliver(virtual.event("Create")).reason.startswith("TimedOut:")
    assert virtual.world.scheduler.now - began < _TOO_LONG


def test_contract_12_waits_end_in_time(virtual: VirtualStage) -> None:
    """A wait for ENABLED or for DISABLED ends before Lambda's deadline, with the reason why."""
    disabling = virtual.deliver(virtual.event("Create", logical_id="Disabling")).physical_id
    virtual.workmail.behaviour = replace(virtual.workmail.behaviour, enabled_after=_NEVER, disabled_after=_NEVER)
    hall = room_properties(Name="hall", Email="hall@example.com")
    disabled = room_properties(Email=None)
    began = virtual.world.scheduler.now
    sent = {
        "ENABLED": virtual.send(virtual.event("Create", properties=hall, logical_id="Enabling")),
        "DISABLED": virtual.send(
            virtual.event("Update", properties=disabled, logical_id="Disabling", physical_id=disabling)
        ),
    }
    answers = {state: one.answer() for state, one in sent.items()}

    assert virtual.world.scheduler.now - began < TIMEOUT, "Lambda had to end it"
    for state, answer in answers.items():
        assert not answer.succeeded
        assert any(cause in answer.reason for cause in (f"not {state}", "EntityStateException", "TimedOut"))
    assert answers["ENABLED"].physical_id.startswith("r-")
    assert answers["DISABLED"].physical_id == disabling


def test_contract_12_a_deletion_that_does_not_come(virtual: VirtualStage) -> None:
    """A Delete that WorkMail refuses for too long ends in time, FAILED, with WorkMail's own words."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    virtual.workmail.behaviour = replace(virtual.workmail.behaviour, deletable_after=_NEVER)
    began = virtual.world.scheduler.now
    answer = virtual.deliver(virtual.event("Delete", physical_id=room))

    assert virtual.world.scheduler.now - began < TIMEOUT
    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert answer.reason.startswith("EntityStateException: ")
    assert virtual.describe(room)["state"] == "DISABLED"


@pytest.mark.parametrize(
    "example", sorted((PROVIDER_TEMPLATE.parent / "examples").glob("*.yaml")), ids=lambda path: path.stem
)
def test_contract_12_timeouts_fit_together(example: object) -> None:
    """Lambda's timeout is below the ServiceTimeout of every example, which is at most CloudFormation's 3600 s."""
    resources = read_template(example)["Resources"]  # type: ignore[arg-type] # glob gives paths
    timeouts = [
        body["Properties"]["ServiceTimeout"]
        for body in resources.values()
        if isinstance(body, dict) and body.get("Type") == "Custom::WorkMailResource"
    ]

    assert provider_resources()["ProviderFunction"]["Properties"]["Timeout"] == TIMEOUT
    assert all(TIMEOUT < int(timeout) <= 3600 for timeout in timeouts)
