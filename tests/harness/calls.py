"""Measures which calls each operation makes when nothing lags and nothing fails."""

from collections.abc import Mapping
from typing import Any

from tests.harness.account import Account
from tests.harness.answer import Answer
from tests.harness.properties import OTHER_DOMAIN, everything, room_properties
from workmail_rooms.sandbox.seed import OTHER

#: To WorkMail, and to DynamoDB, in their order.
Calls = tuple[tuple[str, ...], tuple[str, ...]]


class Measurement:
    """Delivers events one after the other, and counts the calls of each."""

    def __init__(self, stage: Account) -> None:
        self._stage = stage
        self.calls: dict[str, Calls] = {}

    def __call__(self, operation: str, request_type: str, properties: Mapping[str, Any], **event: Any) -> Answer:
        """Deliver an event, which has to succeed, and write its calls down as those of *operation*."""
        mark = self._stage.mark()
        answer = self._stage.deliver(self._stage.event(request_type, properties=properties, **event))
        assert answer.succeeded, (operation, answer.reason)
        workmail, dynamodb = (tuple(self._stage.operations(mark, service)) for service in ("workmail", "dynamodb"))
        self.calls[operation] = workmail, dynamodb
        return answer


def measure(stage: Account) -> Mapping[str, Calls]:
    """Return the calls of every operation of the table."""
    m = Measurement(stage)
    plain = room_properties(Email=None)
    created = m("Create, plain", "Create", plain)
    m("Delete, disabled", "Delete", plain, physical_id=created.physical_id)

    changes = {
        "Create with `Email`": room_properties(),
        "Update, nothing changed": room_properties(),
        "Update in place": room_properties(Description="with a view"),
        "Update of `Name`": room_properties(Description="with a view", Name="den"),
        "Update of `Email`": room_properties(Description="with a view", Name="den", Email="den@example.com"),
        "Update without `Email`": room_properties(Description="with a view", Name="den", Email=None),
    }
    (first, old), *updates = changes.items()
    room = {"logical_id": "Changed", "physical_id": m(first, "Create", old, logical_id="Changed").physical_id}
    for operation, new in updates:
        m(operation, "Update", new, old_properties=old, **room)
        old = new

    room = {"logical_id": "Moved"}
    room["physical_id"] = m("Create with everything", "Create", everything(), **room).physical_id
    same = everything(Aliases=everything()["Aliases"][::-1])
    m("Update, nothing changed, with everything", "Update", same, old_properties=everything(), **room)
    there = room_properties(OrganizationId=OTHER, Email=f"boardroom@{OTHER_DOMAIN}")
    moved = m("Replacement", "Update", there, old_properties=everything(), **room).physical_id
    m("Replacement, its Delete", "Delete", everything(), **room)
    m("Delete, enabled", "Delete", there, logical_id="Moved", physical_id=moved)

    existing = stage.create_room("library", Email="library@example.com")
    adopted = room_properties(Name="library", Email="library@example.com", ExistingResource="ADOPT")
    m("`ADOPT`, as it is", "Create", adopted, logical_id="Adopted")
    m("Delete, adopted", "Delete", adopted, logical_id="Adopted", physical_id=existing)
    return m.calls
