"""Contracts 30, 31 and 33-37: Delete.

Contract 32 is with the others on ownership.
"""

from dataclasses import replace
from typing import Any, Literal

import pytest

from tests.harness import Function, Stage, everything, room_properties
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import OTHER
from workmail_rooms.sandbox.services import Answer, Call

NOT_CREATED = "Custom::WorkMailResource/not-created"
UNKNOWN_IDS = [
    NOT_CREATED,
    "Custom::WorkMailResource/create-failed",
    "",
    "rooms-Room-1A2B3C4D5E6F",
    "arn:aws:sns:us-east-1:123456789012:a-topic",
    "2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef",
    "boardroom",
]


# --------------------------------------------------------------------------------------------------------- contract 30


@pytest.mark.parametrize("ghost", ["DELETED", "EntityNotFoundException"])
def test_contract_30_already_gone(stage: Stage, ghost: Literal["DELETED", "EntityNotFoundException"]) -> None:
    """A resource that is missing, or that WorkMail still shows as DELETED, is deleted: SUCCESS."""
    stage.workmail.behaviour = replace(stage.workmail.behaviour, ghost_describe=ghost)
    room = stage.deliver(stage.event("Create")).physical_id
    stage.delete_room(room)
    answer = stage.deliver(stage.event("Delete", physical_id=room))

    assert (answer.status, answer.physical_id) == ("SUCCESS", room)
    assert "DeleteResource" not in stage.operations()


# --------------------------------------------------------------------------------------------------------- contract 31


@pytest.mark.parametrize("physical_id", UNKNOWN_IDS)
def test_contract_31_an_id_that_is_not_ours(virtual: VirtualStage, physical_id: str) -> None:
    """A marker, no id, an invented one, another provider's, a log stream, a name: SUCCESS, and nothing is changed."""
    virtual.create_room("boardroom", Email="boardroom@example.com")
    before = virtual.state()
    answer = virtual.deliver(virtual.event("Delete", physical_id=physical_id))

    assert answer.succeeded
    assert answer.physical_id == (physical_id or answer.physical_id)
    assert virtual.writes() == []
    assert virtual.state() == before


def test_contract_31_a_foreign_resource(stage: Stage) -> None:
    """A resource that the ledger does not give to this logical resource is answered SUCCESS and left alone."""
    foreign = stage.create_room("boardroom", Email="boardroom@example.com")
    theirs = stage.deliver(
        stage.event("Create", properties=room_properties(Name="den", Email=None), logical_id="Other")
    ).physical_id
    before, mark = stage.state(), stage.mark()
    for physical_id in (foreign, theirs):
        answer = stage.deliver(stage.event("Delete", physical_id=physical_id))
        assert (answer.status, answer.physical_id) == ("SUCCESS", physical_id)

    assert stage.writes(mark) == []
    assert stage.state() == before


# --------------------------------------------------------------------------------------------------------- contract 33


@pytest.mark.parametrize("physical_id", [one for one in UNKNOWN_IDS if one] + ["ä" * 512])
def test_contract_33_the_id_stays(stage: Stage, physical_id: str) -> None:
    """The answer to a Delete has the event's id, byte for byte, whatever it is."""
    assert stage.deliver(stage.event("Delete", physical_id=physical_id)).physical_id == physical_id


def test_contract_33_whatever_the_handler_returns(stage: Stage, sabotaged: Function) -> None:
    """What the code behind a Delete returns does not become the id."""
    properties = room_properties(Sabotage="a new id")
    event = stage.event("Delete", properties=properties, physical_id="r-" + "1" * 32, function=sabotaged)

    assert stage.deliver(event).physical_id == event["PhysicalResourceId"]


# --------------------------------------------------------------------------------------------------------- contract 34


@pytest.mark.parametrize("ignored", ["DeleteResource", "DeregisterFromWorkMail"])
def test_contract_34_never_a_lie(virtual: VirtualStage, ignored: str) -> None:
    """While WorkMail still shows the resource, Delete is FAILED, though every call was accepted."""
    room = virtual.deliver(virtual.event("Create")).physical_id

    def pretend(_call: Call) -> Answer:
        return Answer(200, b"{}")

    virtual.interventions.before(pretend, ignored, times=10**6)
    answer = virtual.deliver(virtual.event("Delete", physical_id=room))

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert virtual.describe(room)["state"] != "DELETED"


def test_contract_34_the_reason(stage: Stage) -> None:
    """A Delete that WorkMail refuses is FAILED with WorkMail's reason, and a later one succeeds."""
    room = stage.deliver(stage.event("Create")).physical_id
    stage.interventions.fail("DeleteResource", code="UnsupportedOperationException", status=400, message="Not now.")
    refused = stage.deliver(stage.event("Delete", physical_id=room))
    later = stage.deliver(stage.event("Delete", physical_id=room))

    assert (refused.status, refused.physical_id) == ("FAILED", room)
    assert refused.reason.startswith("UnsupportedOperationException: Not now.")
    assert later.succeeded
    assert stage.rooms() == []


# --------------------------------------------------------------------------------------------------------- contract 35


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"OrganizationId": OTHER, "Name": "no such name!"},
        {"OrganizationId": 7, "Type": "HALL", "Aliases": "x", "BookingOptions": "y", "Colour": "green"},
        room_properties(Delegates=["nobody"]),
    ],
)
def test_contract_35_broken_properties(virtual: VirtualStage, properties: dict[str, Any]) -> None:
    """Properties that are invalid or outdated do not keep a Delete from removing what is ours."""
    room = virtual.deliver(virtual.event("Create", properties=everything())).physical_id
    answer = virtual.deliver(virtual.event("Delete", properties=properties, physical_id=room))

    assert (answer.status, answer.physical_id) == ("SUCCESS", room)
    assert virtual.rooms() == []


@pytest.mark.parametrize("properties", [None, "text", [], 7])
def test_contract_35_properties_that_are_no_object(stage: Stage, properties: object) -> None:
    """Properties that are no object, or missing, do not either."""
    room = stage.deliver(stage.event("Create")).physical_id
    event = {**stage.event("Delete", physical_id=room), "ResourceProperties": properties}

    assert stage.deliver(event).succeeded
    assert stage.rooms() == []


# --------------------------------------------------------------------------------------------------------- contract 36


@pytest.fixture(params=["no ledger", "no region", "a bad switch", "no credentials"])
def broken(stage: Stage, request: pytest.FixtureRequest) -> Function:
    """Return the function with an environment in which it cannot work."""
    environments: dict[str, dict[str, str | None]] = {
        "no ledger": {"LEDGER_TABLE": None},
        "no region": {"WORKMAIL_REGION": ""},
        "a bad switch": {"ABANDON_ON_DELETE": "perhaps"},
        "no credentials": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": ""},
    }
    return stage.variant(f"with-{request.param}".replace(" ", "-"), environment=environments[request.param])


def test_contract_36_failed_initialisation(stage: Stage, broken: Function) -> None:
    """A function that cannot start answers: everything FAILED with the right id, but the Delete of what never was."""
    room = stage.deliver(stage.event("Create")).physical_id
    create = stage.deliver(stage.event("Create", logical_id="New", function=broken))
    update = stage.deliver(stage.event("Update", properties=everything(), physical_id=room, function=broken))
    delete = stage.deliver(stage.event("Delete", physical_id=room, function=broken))
    nothing = stage.deliver(stage.event("Delete", physical_id=NOT_CREATED, function=broken))

    assert [one.status for one in (create, update, delete)] == ["FAILED"] * 3
    assert [one.physical_id for one in (update, delete)] == [room, room]
    assert (nothing.status, nothing.physical_id) == ("SUCCESS", NOT_CREATED)
    assert [one.ResourceId for one in stage.rooms()] == [room]


# --------------------------------------------------------------------------------------------------------- contract 37


def test_contract_37_no_delete_ever_comes(stage: Stage) -> None:
    """A resource that a stack lets go (DeletionPolicy Retain) blocks nothing: neither its stack nor another one."""
    template = stage.template({"Room": everything(), "Den": room_properties(Name="den", Email=None)})
    template["Resources"]["Room"]["DeletionPolicy"] = "Retain"
    stage.deploy(template)
    retained = stage.stack().resources["Room"].physical_id

    # GIVEN that the stack no longer has it
    without = {**template, "Resources": {"Den": template["Resources"]["Den"]}}
    assert stage.deploy(without).status == "UPDATE_COMPLETE"
    before = stage.describe(retained)

    # WHEN its stack declares the same logical id again, with another name
    again = stage.template(
        {
            "Room": room_properties(Name="atrium", Email="atrium@example.com"),
            "Den": room_properties(Name="den", Email=None),
        }
    )
    assert stage.deploy(again).status == "UPDATE_COMPLETE"

    # THEN that is another resource, and deleting the stack leaves the retained one alone
    assert stage.stack().resources["Room"].physical_id != retained
    assert stage.delete().status == "DELETE_COMPLETE"
    assert stage.describe(retained) == before
    assert [room.Name for room in stage.rooms()] == ["boardroom"]


def test_delete_is_prompt(stage: Stage) -> None:
    """A Delete takes the time of its calls; crhelper sleeps two minutes unless told not to."""
    event = stage.event(
        "Delete",
        physical_id=NOT_CREATED,
        function=stage.variant("default-sleep", environment={"SLEEP_ON_DELETE": "120"}),
    )

    assert stage.deliver(event).succeeded
