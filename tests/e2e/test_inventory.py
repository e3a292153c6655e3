"""A whole organization comes under CloudFormation, and goes again, without a change in WorkMail."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness import DOMAIN
from tests.harness.settings import use_made_up_settings
from tests.tools.lint.linting import lint_file
from workmail_rooms.inventory import stacks as rules
from workmail_rooms.inventory.cli import main
from workmail_rooms.sandbox.runtime import Sandbox
from workmail_rooms.sandbox.seed import EXAMPLE
from workmail_rooms.sandbox.state import StateFolder
from workmail_rooms.sandbox.workmail import WorkMailBackend

#: A room for each odd name, and a few more.
ROOMS: Final = 36
DELETED: Final = 12

#: Names that readers of YAML, or of anything, may take for something else.
ODD_NAMES: Final = (
    *("on", "off", "yes", "n", "null", "true", "1e5", "012", "0x1f", "1_000", "12.30", "-", "--", "_", ".nan", "-1"),
    *("a.b-c_d", "a-b.c-d", "A-B-C", "x@example.com", "x-example.com", "board-room", "board.room", "boardroom"),
    *("Types", "Ref", "resources", "Fn-GetAtt", "x" * 20),
)
ODD_DESCRIPTIONS: Final = (
    *(
        "12 seats: video # first floor",
        "- 'quoted' \"twice\" \\n",
        "Café Zürich 会議室",
        "🪑🖥️",
        " spaces at both ends ",
    ),
    *(
        "${Room} and ${AWS::Region}",
        "$ {x} {{y}}",
        "!Ref Room",
        "true",
        "null",
        "two\u2028lines",
        "*all",
        "%x",
        "@home",
    ),
    "x" * 64,
)

_READS: Final = ("Describe", "Get", "List")


def fill(workmail: WorkMailBackend) -> None:
    """Make resources of every kind that can be declared, and some that were deleted."""
    for number in range(ROOMS):
        _make(workmail, number, ODD_NAMES[number] if number < len(ODD_NAMES) else f"room-{number:04}")
    for number in range(DELETED):
        gone = _call(workmail, "CreateResource", Name=f"gone-{number}", Type="ROOM")["ResourceId"]
        _call(workmail, "DeleteResource", ResourceId=gone)


def _make(workmail: WorkMailBackend, number: int, name: str) -> None:
    request: dict[str, Any] = {"Name": name, "Type": "EQUIPMENT" if number % 7 == 0 else "ROOM"}
    if number % 2:
        request["Description"] = ODD_DESCRIPTIONS[number // 2 % len(ODD_DESCRIPTIONS)]
    if number % 11 == 0:
        request["HiddenFromGlobalAddressList"] = True
    room = _call(workmail, "CreateResource", **request)["ResourceId"]
    if number % 5 == 0:  # never registered
        return
    _call(workmail, "RegisterToWorkMail", EntityId=room, Email=f"Room{number}@{DOMAIN}")
    for alias in range(100 if number == 1 else number % 4):
        _call(workmail, "CreateAlias", EntityId=room, Alias=f"{alias}.alias-of-{number}@{DOMAIN}")
    for delegate in ("alice", "facilities", "bob")[: number % 4]:
        _call(workmail, "AssociateDelegateToResource", ResourceId=room, EntityId=delegate)
    booking = {"AutoDeclineRecurringRequests": number % 3 == 0, "AutoDeclineConflictingRequests": number % 8 != 0}
    formerly = number % 9 == 0
    if number % 4 and not formerly:
        booking["AutoAcceptRequests"] = number % 3 != 1
    _call(workmail, "UpdateResource", ResourceId=room, BookingOptions=booking)
    if formerly:
        _call(workmail, "DeregisterFromWorkMail", EntityId=room)


def _call(workmail: WorkMailBackend, operation: str, **parameters: Any) -> dict[str, Any]:
    return workmail.invoke(operation, {"OrganizationId": EXAMPLE, **parameters})


def describes(workmail: WorkMailBackend) -> bytes:
    """Return all that WorkMail's API says of every resource, dates included."""
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        page = _call(workmail, "ListResources", **token)
        for item in page["Resources"]:
            found += [item, _call(workmail, "DescribeResource", ResourceId=item["Id"])]
            if item["State"] != "DELETED":
                found.append(_call(workmail, "ListAliases", EntityId=item["Id"]))
                found.append(_call(workmail, "ListResourceDelegates", ResourceId=item["Id"]))
        if "NextToken" not in page:
            return json.dumps(found, sort_keys=True).encode()
        token = {"NextToken": page["NextToken"]}


def live(workmail: WorkMailBackend) -> list[str]:
    """Return the ids of the resources that are not deleted."""
    entities = workmail.organization(EXAMPLE).entities.values()
    return sorted(one.id for one in entities if one.kind == "RESOURCE" and one.state != "DELETED")


def writes(workmail: WorkMailBackend) -> set[str]:
    """Return the operations that were called and are no reads."""
    return {call.operation for call in workmail.calls if not call.operation.startswith(_READS)}


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Make a sandbox with the filled organization."""
    with Sandbox(StateFolder(tmp_path / "state"), workers=2) as sandbox:
        fill(sandbox.backends.workmail)
        yield sandbox


@pytest.mark.long
def test_resources_come_and_go_without_a_change(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three templates adopt an organization's resources without a write in WorkMail; their deletion deletes none."""
    # GIVEN an organization, and the templates that were made of it
    workmail = sandbox.backends.workmail
    before = describes(workmail)
    use_made_up_settings(monkeypatch, sandbox.services.variables)
    # A stack of 500 takes cfn-lint a minute.
    monkeypatch.setattr(rules, "MAX_RESOURCES", ROOMS // 2 - 1)
    assert main(["--organization-id", EXAMPLE, "--output-dir", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert f"{ROOMS} resources" in err
    assert "Left out" not in err
    paths = [Path(line) for line in out.splitlines()]
    assert [path.name for path in paths] == [f"example-rooms-{number}.yaml" for number in (1, 2, 3)]
    # THEN cfn-lint finds nothing wrong with them
    assert [lint_file(path) for path in paths] == [[], [], []]
    # WHEN all are deployed
    for path in paths:
        outcome = sandbox.engine.deploy(path, path.stem)
        assert outcome.ok, outcome.reason
    # THEN each resource is adopted, as it is
    stacks = [sandbox.stacks.stacks[path.stem] for path in paths]
    adopted = [resource.physical_id for stack in stacks for resource in stack.resources.values()]
    assert sorted(adopted) == live(workmail)
    assert describes(workmail) == before
    # WHEN the stacks are deleted
    for path in paths:
        outcome = sandbox.engine.delete(path.stem)
        assert outcome.ok, outcome.reason
    # THEN all resources are there as before, and in all that time WorkMail was only read
    assert describes(workmail) == before
    # Three to read each, three to adopt each: RetainExceptOnCreate lets no Delete reach the provider.
    assert len(workmail.calls) > ROOMS * 3 * 2
    assert writes(workmail) == set()
