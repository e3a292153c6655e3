"""Contracts 20 and 21: Create.

Contract 19 is with the others on ownership.
"""

import re

import pytest

from tests.harness import DESCRIPTION, Stage, everything, room_properties
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import EXAMPLE
from workmail_rooms.sandbox.services import Answer, Call

NOT_CREATED = "Custom::WorkMailResource/not-created"


def test_contract_20_all_problems_before_any_call(stage: Stage) -> None:
    """Invalid properties fail before anything is called, with every problem listed and the marker as id."""
    properties = {
        "OrganizationId": "m-1234",
        "Name": "a name with spaces",
        "Type": "HALL",
        "Description": "",
        "Aliases": ["no address"],
        "HiddenFromGlobalAddressList": "maybe",
        "BookingOptions": {"AutoAccept": "true"},
        "Colour": "green",
    }
    answer = stage.deliver(stage.event("Create", properties=properties))

    assert (answer.status, answer.physical_id) == ("FAILED", NOT_CREATED)
    assert answer.reason.startswith("InvalidProperties: ")
    for key in [*(key for key in properties if key != "Aliases"), "Aliases[0]", "BookingOptions.AutoAccept"]:
        assert f"{key} " in answer.reason or f"{key}." in answer.reason, key
    assert re.search(r" \(Lambda request ID: [0-9a-f-]{36}; log stream: [^ ]+\)$", answer.reason)
    assert stage.operations() == []


def test_contract_20_the_delete_that_follows(stage: Stage) -> None:
    """The Delete of a Create that was refused for its properties succeeds without a call."""
    properties = room_properties(Type="HALL")
    refused = stage.deliver(stage.event("Create", properties=properties))
    answer = stage.deliver(stage.event("Delete", properties=properties, physical_id=refused.physical_id))

    assert (answer.status, answer.physical_id) == ("SUCCESS", NOT_CREATED)
    assert stage.operations() == []


def test_contract_20_in_a_stack(stage: Stage) -> None:
    """A stack with invalid properties rolls back, and its event says what is wrong with them."""
    outcome = stage.deploy(stage.template({"Room": room_properties(Name="two words", Type="HALL")}))
    (failed,) = [event for event in outcome.events if event.resource_status == "CREATE_FAILED"]

    assert outcome.status == "ROLLBACK_COMPLETE"
    assert "Name is 'two words'" in failed.resource_status_reason
    assert "Type is 'HALL'" in failed.resource_status_reason
    assert stage.operations() == []


def test_contract_21_every_declared_property(stage: Stage) -> None:
    """SUCCESS with an Email means ENABLED and every declared property in WorkMail."""
    answer = stage.deliver(stage.event("Create", properties=everything()))
    room = stage.room()

    assert answer.succeeded
    assert room is not None
    assert room.export() == {
        "OrganizationId": EXAMPLE,
        "ResourceId": answer.physical_id,
        "Name": "boardroom",
        "Type": "ROOM",
        "State": "ENABLED",
        "Email": "boardroom@example.com",
        "Aliases": ("board-room@example.com", "sitzungssaal@example.com"),
        "Delegates": ("alice", "facilities"),
        "BookingOptions": {
            "AutoAcceptRequests": False,
            "AutoDeclineRecurringRequests": True,
            "AutoDeclineConflictingRequests": False,
        },
        "HiddenFromGlobalAddressList": True,
        "Description": DESCRIPTION,
    }


def test_contract_21_disabled_without_email(stage: Stage) -> None:
    """SUCCESS without an Email means DISABLED, with the other properties in place and no mark left."""
    properties = room_properties(Type="EQUIPMENT", Email=None, HiddenFromGlobalAddressList="TRUE")
    answer = stage.deliver(stage.event("Create", properties=properties))
    room = stage.room()

    assert room is not None
    assert (answer.status, answer.data["State"], answer.data["Email"]) == ("SUCCESS", "DISABLED", "")
    assert (room.State, room.Type, room.HiddenFromGlobalAddressList, room.Description) == (
        "DISABLED",
        "EQUIPMENT",
        True,
        "",
    )


@pytest.mark.parametrize(
    ("ignored", "missing"),
    [
        (("UpdateResource", "CreateAlias", "AssociateDelegateToResource"), ("BookingOptions", "Aliases", "Delegates")),
        (("RegisterToWorkMail",), ("DISABLED",)),
    ],
    ids=["attributes", "state"],
)
def test_contract_21_calls_without_effect(
    virtual: VirtualStage, ignored: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    """Calls that WorkMail accepts and does not carry out end in FAILED with the real id, never in SUCCESS."""

    def pretend(_call: Call) -> Answer:
        return Answer(200, b"{}")

    for operation in ignored:
        virtual.interventions.before(pretend, operation, times=10**6)
    answer = virtual.deliver(virtual.event("Create", properties=everything()))

    assert not answer.succeeded
    assert answer.physical_id.startswith("r-")
    assert answer.reason.startswith("TimedOut") or all(name in answer.reason for name in missing), answer.reason
