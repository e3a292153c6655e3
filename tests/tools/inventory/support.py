"""Resources as these tests need them."""

from typing import Any, Final

from workmail_resource.workmail.room import Room
from workmail_rooms.inventory.resources import Delegate, Resource

ORGANIZATION: Final = "m-0123456789abcdef0123456789abcdef"
ALICE: Final = Delegate("11111111-2222-3333-4444-555555555555", "USER", "alice", "alice@example.com")
BOARD: Final = Delegate("S-1-1-11-1111111111-2222222222", "GROUP", "board")


def resource(*delegates: Delegate, **changes: Any) -> Resource:
    """Return an enabled room, or what *changes* make of it."""
    facts = {
        "resource_id": "r-0123456789abcdef0123456789abcdef",
        "name": "boardroom",
        "type": "ROOM",
        "state": "ENABLED",
        "email": "boardroom@example.com",
        "aliases": frozenset(),
        "delegates": frozenset(one.id for one in delegates),
    }
    return Resource(Room(**(facts | changes)), delegates)
