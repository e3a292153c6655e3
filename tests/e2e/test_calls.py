"""How many calls each operation makes: exactly so many, however large the organization is."""

import re
from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.e2e.documents import document
from tests.harness import OTHER_DOMAIN, Answer, Stage, everything, room_properties
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER

Calls = tuple[tuple[str, ...], tuple[str, ...]]

_READ = ("DescribeResource", "ListAliases", "ListResourceDelegates")
# alice is found as a user; facilities@... is asked for as a user, and found as a group.
_LOOK_UP = ("DescribeUser", "DescribeUser", "DescribeGroup")
_CREATE_LEDGER = ("Query", "PutItem", "TransactWriteItems", "PutItem")
_UPDATE_LEDGER = ("Query", "TransactWriteItems", "PutItem")
_DELETE_LEDGER = ("PutItem", "Query", "TransactWriteItems")
_CREATE_WITH_EMAIL = ("CreateResource", "RegisterToWorkMail", "UpdateResource", "DescribeResource")
_DELETE_ENABLED = ("DescribeResource", "DeregisterFromWorkMail", "DeleteResource", "DescribeResource")

#: The calls of each operation when nothing lags and nothing fails: to WorkMail, and to DynamoDB.
CALLS: Final[Mapping[str, Calls]] = {
    "Create, plain": (("CreateResource", "UpdateResource", "DescribeResource"), _CREATE_LEDGER),
    "Create with `Email`": (_CREATE_WITH_EMAIL, _CREATE_LEDGER),
    "Create with everything": (
        (
            *_LOOK_UP,
            "CreateResource",
            "RegisterToWorkMail",
            *["AssociateDelegateToResource"] * 2,
            "UpdateResource",
            *["CreateAlias"] * 2,
            *_READ,
        ),
        _CREATE_LEDGER,
    ),
    "Update, nothing changed": (_READ, ("Query",)),
    "Update, nothing changed, with everything": ((*_READ, *_LOOK_UP), ("Query",)),
    "Update in place": ((*_READ, "UpdateResource", *_READ), _UPDATE_LEDGER),
    "Update of `Name`": ((*_READ, "UpdateResource", *_READ), _UPDATE_LEDGER),
    "Update of `Email`": ((*_READ, "UpdatePrimaryEmailAddress", "DeleteAlias", *_READ), _UPDATE_LEDGER),
    "Update without `Email`": ((*_READ, "DeregisterFromWorkMail", "DescribeResource"), _UPDATE_LEDGER),
    "Replacement": (_CREATE_WITH_EMAIL, _CREATE_LEDGER),
    "Replacement, its Delete": (_DELETE_ENABLED, _DELETE_LEDGER),
    "Delete, enabled": (_DELETE_ENABLED, _DELETE_LEDGER),
    "Delete, disabled": (("DescribeResource", "DeleteResource", "DescribeResource"), _DELETE_LEDGER),
    "`ADOPT`, as it is": (_READ, ("Query", "PutItem", "GetItem", "TransactWriteItems", "PutItem")),
    # Still as it was adopted, so what it was before is put back: there is nothing to change.
    "Delete, adopted": ((*_READ, *_READ), (*_DELETE_LEDGER, "TransactWriteItems")),
}


class Measurement:
    """Delivers events one after the other, and counts the calls of each."""

    def __init__(self, stage: Stage) -> None:
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


def measure(stage: Stage) -> Mapping[str, Calls]:
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


def fill(stage: Stage, count: int) -> None:
    """Put *count* resources into each organization, whose names all begin like those that the operations use."""
    prefixes = ("boardroom", "den", "library")
    for organization in (EXAMPLE, OTHER):
        for number in range(count):
            name = f"{prefixes[number % len(prefixes)]}{number:05}"
            stage.workmail.invoke("CreateResource", {"OrganizationId": organization, "Name": name, "Type": "ROOM"})


@pytest.mark.parametrize("resources", [10, 5_000])
def test_calls_per_operation(stage: Stage, resources: int) -> None:
    """Each operation makes exactly the calls of the table, with 10 resources in the organization and with 5,000."""
    fill(stage, resources)
    assert measure(stage) == CALLS


@pytest.mark.parametrize(
    ("operation", "most"),
    [("Create, plain", 4), ("Create with `Email`", 4), ("Delete, enabled", 6), ("Delete, disabled", 6)],
)
def test_few_calls(operation: str, most: int) -> None:
    """A Create makes at most 4 calls to WorkMail, and a Delete at most 6."""
    workmail, _ = CALLS[operation]
    assert len(workmail) <= most


@pytest.mark.parametrize("operation", [operation for operation in CALLS if "nothing changed" in operation])
def test_an_update_without_a_change_only_reads(operation: str) -> None:
    """An Update that changes nothing makes no call that could change something, in WorkMail or in the ledger."""
    workmail, dynamodb = CALLS[operation]
    assert all(call.startswith(("Describe", "List")) for call in workmail)
    assert set(dynamodb) <= {"Query", "GetItem"}


def test_the_document_shows_the_table() -> None:
    """The table in docs/architecture.md says, operation by operation, which calls are made and how many."""
    table = document("docs/architecture.md").table("Calls per operation", "Operation")
    assert table.columns == ("Operation", "WorkMail", "Its calls", "DynamoDB", "Its calls")
    shown = {row[0]: (int(row[1]), _named(row[2]), int(row[3]), _named(row[4])) for row in table.rows}
    assert shown == {
        operation: (len(workmail), workmail, len(dynamodb), dynamodb)
        for operation, (workmail, dynamodb) in CALLS.items()
    }


def _named(cell: str) -> tuple[str, ...]:
    """Return the calls that a cell names; (2) after one says that it is made twice in a row."""
    return tuple(name for name, times in re.findall(r"`(\w+)`(?: \((\d+)\))?", cell) for _ in range(int(times or 1)))
