"""Stacks of many rooms in which one fails: no orphan, and every adopted room as it was."""

import json
import threading
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.harness import DOMAIN, Stage, room_properties
from workmail_rooms.sandbox.cloudformation import Outcome
from workmail_rooms.sandbox.cloudformation.exchange import Delivery
from workmail_rooms.sandbox.seed import EXAMPLE

ROOMS: Final = 12
#: Two of each kind.
ADOPTED: Final = 12

#: One Create in so many reaches its function only after the rollback has begun.
_LATE: Final = 5


def _with_stragglers(failing: int) -> Delivery:
    """Hold some Creates back, never the failing one, until the first Delete is sent."""
    rollback = threading.Event()

    def hold(event: Mapping[str, Any]) -> None:
        if event["RequestType"] == "Delete":
            rollback.set()
        elif (int(event["LogicalResourceId"].removeprefix("Room")) - failing) % _LATE == 1:
            assert rollback.wait(60)

    return Delivery(hold=hold)


def _cancelled(outcome: Outcome) -> list[str]:
    return [
        event.logical_resource_id
        for event in outcome.events
        if event.resource_status_reason == "Resource creation cancelled"
    ]


def _wait(stage: Stage) -> None:
    """Wait until Lambda has delivered everything, also what nobody waits for any more."""
    stage.engine.settle(60)
    assert stage.function.service.wait_until_idle(60)


def test_contract_32_no_orphan_when_one_room_of_many_fails(stage: Stage) -> None:
    """Of twelve rooms one fails; the others are cancelled wherever they are, and none is left."""
    # The simulation has failing siblings at every place and moment.
    position = ROOMS // 2
    # GIVEN that somebody else has the name of one room
    stage.create_room(f"room-{position}", Description="mine, not yours")
    before = stage.state()
    rooms = {
        f"Room{number}": room_properties(
            Name=f"room-{number}", Email=f"room-{number}@{DOMAIN}", Description=f"the seats of {number}"
        )
        for number in range(1, ROOMS + 1)
    }
    stage.engine.delivery = _with_stragglers(position)

    # WHEN a stack declares all of them
    outcome = stage.deploy(stage.template(rooms))
    _wait(stage)

    # THEN
    assert outcome.status == "ROLLBACK_COMPLETE"
    reasons = [
        event.resource_status_reason for event in outcome.events if "NameAvailability" in event.resource_status_reason
    ]
    assert len(reasons) == 1
    assert _cancelled(outcome), "no creation was in flight"
    assert stage.state() == before
    assert stage.entries() == []


def test_contract_32_the_same_stack_again(stage: Stage) -> None:
    """A stack whose creation was rolled back can be made once its reason is gone; nothing late stands in its way."""
    blocker = stage.create_room("room-3")
    rooms = {
        f"Room{number}": room_properties(Name=f"room-{number}", Email=f"room-{number}@{DOMAIN}")
        for number in range(1, 7)
    }
    assert not stage.deploy(stage.template(rooms)).ok
    assert stage.delete().ok
    stage.delete_room(blocker)

    assert stage.deploy(stage.template(rooms)).ok
    assert len(stage.rooms()) == len(rooms)


# ------------------------------------------------------------------------------------------------------------- adoption


def _call(stage: Stage, operation: str, **parameters: Any) -> dict[str, Any]:
    return stage.workmail.invoke(operation, {"OrganizationId": EXAMPLE, **parameters})


def _plain(stage: Stage, name: str) -> dict[str, Any]:
    stage.create_room(name, Email=f"{name}@{DOMAIN}")
    return room_properties(Name=name, Email=f"new-{name}@{DOMAIN}", Description="a declared description")


def _with_people(stage: Stage, name: str) -> dict[str, Any]:
    room = stage.create_room(name, Description="with a secret cellar", Email=f"{name}@{DOMAIN}")
    for alias in ("one", "two"):
        _call(stage, "CreateAlias", EntityId=room, Alias=f"{alias}-{name}@{DOMAIN}")
    for delegate in ("alice", "facilities"):
        _call(stage, "AssociateDelegateToResource", ResourceId=room, EntityId=delegate)
    booking = {
        "AutoAcceptRequests": False,
        "AutoDeclineRecurringRequests": True,
        "AutoDeclineConflictingRequests": False,
    }
    _call(stage, "UpdateResource", ResourceId=room, BookingOptions=booking)
    return room_properties(
        Name=name,
        Email=f"{name}@{DOMAIN}",
        Aliases=[f"two-{name}@{DOMAIN}", f"three-{name}@{DOMAIN}"],
        Delegates=["bob"],
    )


def _hidden(stage: Stage, name: str) -> dict[str, Any]:
    room = stage.create_room(name, Description="hidden behind the stairs", Email=f"{name}@{DOMAIN}")
    _call(stage, "UpdateResource", ResourceId=room, HiddenFromGlobalAddressList=True)
    return room_properties(Name=name, Email=None)


def _never_registered(stage: Stage, name: str) -> dict[str, Any]:
    stage.create_room(name, Description="never registered before")
    return room_properties(Name=name, Email=None, HiddenFromGlobalAddressList="true")


def _formerly_registered(stage: Stage, name: str) -> dict[str, Any]:
    room = stage.create_room(name, Email=f"{name}@{DOMAIN}")
    _call(stage, "CreateAlias", EntityId=room, Alias=f"one-{name}@{DOMAIN}")
    _call(stage, "AssociateDelegateToResource", ResourceId=room, EntityId="carol")
    _call(stage, "DeregisterFromWorkMail", EntityId=room)
    return room_properties(Name=name, Email=f"new-{name}@{DOMAIN}", Delegates=["bob"])


def _equipment(stage: Stage, name: str) -> dict[str, Any]:
    stage.create_room(name, Type="EQUIPMENT", Email=f"{name}@{DOMAIN}")
    return room_properties(
        Name=name,
        Type="EQUIPMENT",
        Email=f"{name}@{DOMAIN}",
        HiddenFromGlobalAddressList="true",
        BookingOptions={"AutoDeclineRecurringRequests": "true"},
    )


#: Each makes a room and returns what is declared of it: something else than it is.
KINDS: Final = (_plain, _with_people, _hidden, _never_registered, _formerly_registered, _equipment)


def _describes(stage: Stage) -> bytes:
    """Return all that WorkMail's API says of every resource, but for the dates of its last registration."""
    described = []
    for room in stage.rooms():
        resource = _call(stage, "DescribeResource", ResourceId=room.ResourceId)
        aliases = _call(stage, "ListAliases", EntityId=room.ResourceId)["Aliases"]
        delegates = _call(stage, "ListResourceDelegates", ResourceId=room.ResourceId)["Delegates"]
        kept = {key: value for key, value in resource.items() if not key.endswith("Date")}
        described.append([kept, aliases, delegates])
    return json.dumps(described, sort_keys=True).encode()


@pytest.mark.parametrize("order", ["at the end", "in the middle"])
def test_contract_46_adopted_rooms_while_another_fails(stage: Stage, order: str) -> None:
    """Rooms that a stack adopts are as they were, byte for byte, when another resource of it fails."""
    # GIVEN rooms of every kind, each declared differently from what it is, and a name that cannot be adopted
    rooms = {
        f"Room{number}": {**KINDS[number % len(KINDS)](stage, f"room-{number}"), "ExistingResource": "ADOPT"}
        for number in range(1, ADOPTED + 1)
    }
    before, state = _describes(stage), stage.state()
    resources = list(rooms.items())
    resources.insert(ADOPTED // 2, ("Failing", room_properties(Name="alice", ExistingResource="ADOPT")))
    template = stage.template(dict(resources))
    if order == "at the end":
        template["Resources"]["Failing"]["DependsOn"] = sorted(rooms)

    # WHEN a stack declares all of them
    outcome = stage.deploy(template)
    _wait(stage)

    # THEN
    assert outcome.status == "ROLLBACK_COMPLETE", [event.resource_status_reason for event in outcome.events]
    complete = [event for event in outcome.events if event.resource_status == "CREATE_COMPLETE"]
    # In the middle it is a matter of speed how many are ready when the one fails.
    assert order == "in the middle" or len(complete) == ADOPTED
    assert _describes(stage) == before
    assert stage.state() == state
    assert stage.entries() == []
