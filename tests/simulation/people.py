"""What people do in WorkMail, and to the ledger, beside the stacks."""

from collections.abc import Mapping
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any

from workmail_rooms.sandbox.workmail.organization import User

from .workmail import EXAMPLE, WorkMailError

if TYPE_CHECKING:
    from .world import World


def act(world: "World", action: str, arguments: Mapping[str, Any]) -> None:
    """Do something, if it can be done.

    Parameters
    ----------
    action:
        ``make``, ``change``, ``rename`` or ``delete`` a room; ``take an address``; ``delegate leaves``, ``delegate
        returns``; ``delete a ledger item``.
    """
    with suppress(WorkMailError):
        {
            "make": _make,
            "change": _change,
            "rename": _rename,
            "delete": _delete,
            "take an address": _take_address,
            "delegate leaves": _leave,
            "delegate returns": _return,
            "delete a ledger item": _delete_ledger_item,
        }[action](world, arguments["name"], Random(arguments["dice"]))


def _make(world: "World", name: str, dice: Random) -> None:
    workmail, within = world.workmail, {"OrganizationId": EXAMPLE}
    answer = workmail.serve(
        "CreateResource", {**within, "Name": name, "Type": "ROOM", "Description": "as people know it"}
    )
    room_id = answer["ResourceId"]
    room = workmail.room(EXAMPLE, room_id)
    if room is not None:
        room.unseen_reads = 0
    world.checks.made_by_people(EXAMPLE, room_id)
    world.trace("people", f"have made {room_id} ({name})")
    if dice.random() < 0.7:
        email = f"{dice.choice((name, f'{name}-people'))}@example.com"
        workmail.serve("RegisterToWorkMail", {**within, "EntityId": room_id, "Email": email})
        if room is not None:
            room.shown_states = []


def _take_address(world: "World", name: str, dice: Random) -> None:
    """Give a new room the address that an adopted one has had before."""
    within = {"OrganizationId": EXAMPLE}
    answer = world.workmail.serve("CreateResource", {**within, "Name": f"new-{name}", "Type": "ROOM"})
    room = world.workmail.room(EXAMPLE, answer["ResourceId"])
    if room is not None:
        room.unseen_reads = 0
        world.checks.made_by_people(EXAMPLE, room.id)
        email = f"{dice.choice((name, f'{name}-people'))}@example.com"
        world.workmail.serve("RegisterToWorkMail", {**within, "EntityId": room.id, "Email": email})
        room.shown_states = []


def _change(world: "World", name: str, dice: Random) -> None:
    room = world.workmail.room(EXAMPLE, name)
    if room is not None:
        world.checks.touched_by_people(room.id)
        world.workmail.serve(
            "UpdateResource",
            {"OrganizationId": EXAMPLE, "ResourceId": room.id, "Description": f"changed {dice.randint(1, 9)}"},
        )


def _rename(world: "World", name: str, dice: Random) -> None:
    room = world.workmail.room(EXAMPLE, name)
    if room is not None:
        world.checks.touched_by_people(room.id)
        new = dice.choice(("oak", "elm", "fir", "yew", "ash"))
        world.workmail.serve("UpdateResource", {"OrganizationId": EXAMPLE, "ResourceId": room.id, "Name": new})


def _delete(world: "World", name: str, _dice: Random) -> None:
    room = world.workmail.room(EXAMPLE, name)
    if room is None:
        return
    world.checks.touched_by_people(room.id)
    room.refused_deletes = 0
    if room.state == "ENABLED":
        world.workmail.serve("DeregisterFromWorkMail", {"OrganizationId": EXAMPLE, "EntityId": room.id})
        room.refused_deletes = 0
    world.workmail.serve("DeleteResource", {"OrganizationId": EXAMPLE, "ResourceId": room.id})


def _leave(world: "World", _name: str, _dice: Random) -> None:
    alice = world.workmail.organization(EXAMPLE).named("alice")
    if isinstance(alice, User):
        world.checks.people_at = world.scheduler.now
        world.workmail.serve("DeregisterFromWorkMail", {"OrganizationId": EXAMPLE, "EntityId": alice.id})
        alice.refused_deletes = 0
        world.workmail.serve("DeleteUser", {"OrganizationId": EXAMPLE, "UserId": alice.id})


def _return(world: "World", _name: str, _dice: Random) -> None:
    organization = world.workmail.organization(EXAMPLE)
    if organization.named("alice") is None:
        world.checks.people_at = world.scheduler.now
        answer = world.workmail.serve(
            "CreateUser", {"OrganizationId": EXAMPLE, "Name": "alice", "DisplayName": "alice"}
        )
        user = organization.entities[answer["UserId"]]
        if isinstance(user, User):
            user.unseen_reads = 0
        world.workmail.serve(
            "RegisterToWorkMail",
            {"OrganizationId": EXAMPLE, "EntityId": answer["UserId"], "Email": "alice@example.com"},
        )
        user.shown_states = []


def _delete_ledger_item(world: "World", _name: str, dice: Random) -> None:
    """Delete a record or a claim."""
    if world.table.items:
        key = dice.choice(sorted(world.table.items))
        del world.table.items[key]
        world.checks.ledger_lost = True
        world.trace("people", f"have deleted the item {key}")
