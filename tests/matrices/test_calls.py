"""How many calls each operation makes: exactly so many as the document says, however large the organization is."""

import re
from collections.abc import Mapping

import pytest

from tests.e2e.documents import document
from tests.harness.calls import Calls, measure
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER


def documented() -> Mapping[str, Calls]:
    """Return the calls of each operation as docs/calls.md has them; ``make generate`` measures and writes them."""
    table = document("docs/calls.md").table("Calls per operation", "Operation")
    assert table.columns == ("Operation", "WorkMail", "Its calls", "DynamoDB", "Its calls")
    shown = {row[0]: (named(row[2]), named(row[4])) for row in table.rows}
    assert [(row[1], row[3]) for row in table.rows] == [
        (str(len(workmail)), str(len(dynamodb))) for workmail, dynamodb in shown.values()
    ]
    return shown


def named(cell: str) -> tuple[str, ...]:
    """Return the calls that a cell names; (2) after one says that it is made twice in a row."""
    return tuple(name for name, times in re.findall(r"`(\w+)`(?: \((\d+)\))?", cell) for _ in range(int(times or 1)))


def fill(stage: VirtualStage, count: int) -> None:
    """Put *count* resources into each organization, whose names all begin like those that the operations use."""
    prefixes = ("boardroom", "den", "library")
    for organization in (EXAMPLE, OTHER):
        for number in range(count):
            name = f"{prefixes[number % len(prefixes)]}{number:05}"
            stage.workmail.invoke("CreateResource", {"OrganizationId": organization, "Name": name, "Type": "ROOM"})


@pytest.mark.parametrize("resources", [10, 5_000])
def test_calls_per_operation(resources: int) -> None:
    """Each operation makes exactly the documented calls, with 10 resources in the organization and with 5,000."""
    stage = VirtualStage()
    fill(stage, resources)
    assert measure(stage) == documented(), "see what has changed, and write it with make generate"


@pytest.mark.parametrize(
    ("operation", "most"),
    [("Create, plain", 4), ("Create with `Email`", 4), ("Delete, enabled", 6), ("Delete, disabled", 6)],
)
def test_few_calls(operation: str, most: int) -> None:
    """A Create makes at most 4 calls to WorkMail, and a Delete at most 6."""
    workmail, _ = documented()[operation]
    assert len(workmail) <= most


@pytest.mark.parametrize("operation", ["Update, nothing changed", "Update, nothing changed, with everything"])
def test_an_update_without_a_change_only_reads(operation: str) -> None:
    """An Update that changes nothing makes no call that could change something, in WorkMail or in the ledger."""
    workmail, dynamodb = documented()[operation]
    assert all(call.startswith(("Describe", "List")) for call in workmail)
    assert set(dynamodb) <= {"Query", "GetItem"}
