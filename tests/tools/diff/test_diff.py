"""What WorkMail has against what templates declare: every change is found, nothing is written."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.world import DOMAIN, REGION, World
from workmail_resource.workmail.properties import BookingOptions, Declaration
from workmail_resource.workmail.room import Room
from workmail_rooms.diff.cli import main
from workmail_rooms.diff.compare import Organization
from workmail_rooms.diff.show import as_text
from workmail_rooms.diff.templates import Declared
from workmail_rooms.inventory.resources import Resource

TEMPLATE = """\
Parameters:
  OrganizationId: {{Type: String, Default: {organization}}}
  Domain: {{Type: String, Default: example.com}}
Conditions:
  Never: !Equals [!Ref Domain, nowhere]
Resources:
  BoardRoom:
    Type: Custom::WorkMailResource
    Properties:
      ServiceToken: !ImportValue workmail-resource-ServiceToken
      OrganizationId: !Ref OrganizationId
      Name: boardroom
      Type: ROOM
      Description: 12 seats
      Email: !Sub boardroom@${{Domain}}
      Aliases: [!Sub "board@${{Domain}}", !Sub "big@${{Domain}}"]
      BookingOptions: {{AutoAcceptRequests: true}}
      Delegates: [alice, facilities@example.com]
  Beamer:
    Type: Custom::WorkMailResource
    Properties:
      ServiceToken: arn:aws:lambda:us-east-1:123456789012:function:provider
      OrganizationId: !Ref OrganizationId
      Name: beamer
      Type: EQUIPMENT
  Off:
    Type: Custom::WorkMailResource
    Condition: Never
    Properties: {{OrganizationId: !Ref OrganizationId, Name: off, Type: ROOM, ServiceToken: x}}
  Topic: {{Type: AWS::SNS::Topic}}
"""


@pytest.fixture
def template(account: World) -> Path:
    """Write the template, and make in WorkMail what it declares."""
    board = account.room("boardroom", Description="12 seats")
    for alias in ("board", "big"):
        account.call("CreateAlias", EntityId=board, Alias=f"{alias}@{DOMAIN}")
    for delegate in ("alice", "facilities"):
        account.call("AssociateDelegateToResource", ResourceId=board, EntityId=delegate)
    account.room("beamer", Type="EQUIPMENT", enabled=False)
    path = Path("rooms.yaml")
    path.write_text(TEMPLATE.format(organization=account.organization.id))
    return path


def diff(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the command; return its exit status, its JSON, and what it said."""
    status = main([*arguments, "--output", "json"])
    out, err = capsys.readouterr()
    return status, json.loads(out) if out else {}, err


def only_reads(account: World) -> bool:
    """Tell whether WorkMail was asked, and nothing but that."""
    operations = {call.operation for call in account.backend.calls}
    return bool(operations) and all(operation.startswith(("Describe", "List")) for operation in operations)


def test_what_is_as_declared(account: World, template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a change nothing is different, whatever functions and conditions the template has."""
    status, found, err = diff(capsys, str(template))
    assert (status, err) == (0, "2 same.\n")
    assert [(one["LogicalId"], one["Status"]) for one in found["Resources"]] == [
        ("BoardRoom", "same"),
        ("Beamer", "same"),
    ]
    assert found["Undeclared"] == []
    assert only_reads(account)


def call(operation: str, key: str, **changes: Any) -> Callable[[World], None]:
    """Make a call about the board room, by its id."""

    def act(account: World) -> None:
        account.call(operation, **{key: board_id(account)}, **changes)

    return act


def board_id(account: World) -> str:
    """Return the id of the board room."""
    board = account.organization.named("boardroom")
    assert board is not None
    return board.id


def update(**changes: Any) -> Callable[[World], None]:
    """Change what UpdateResource changes."""
    return call("UpdateResource", "ResourceId", **changes)


def delete(name: str, *operations: str) -> Callable[[World], None]:
    """Deregister and delete something."""

    def act(account: World) -> None:
        for operation in operations:
            key = "EntityId" if operation.startswith("Dereg") else f"{operation.removeprefix('Delete')}Id"
            account.call(operation, **{key: name})

    return act


def booking(key: str, *, value: bool) -> Callable[[World], None]:
    """Change one booking option."""
    return update(BookingOptions={key: value})


#: Each with the properties that it makes different; none where the room is gone.
CHANGES: dict[str, tuple[Callable[[World], None], set[str]]] = {
    "description": (update(Description="14 seats"), {"Description"}),
    "no description": (update(Description=""), {"Description"}),
    "renamed": (update(Name="atrium"), {"Name"}),
    "type": (update(Type="EQUIPMENT"), {"Type"}),
    "hidden": (update(HiddenFromGlobalAddressList=True), {"HiddenFromGlobalAddressList"}),
    "no automatic acceptance": (booking("AutoAcceptRequests", value=False), {"BookingOptions.AutoAcceptRequests"}),
    "recurring": (booking("AutoDeclineRecurringRequests", value=True), {"BookingOptions.AutoDeclineRecurringRequests"}),
    "conflicts": (
        booking("AutoDeclineConflictingRequests", value=False),
        {"BookingOptions.AutoDeclineConflictingRequests"},
    ),
    "address": (call("UpdatePrimaryEmailAddress", "EntityId", Email=f"new@{DOMAIN}"), {"Email", "Aliases"}),
    "alias more": (call("CreateAlias", "EntityId", Alias=f"more@{DOMAIN}"), {"Aliases"}),
    "alias less": (call("DeleteAlias", "EntityId", Alias=f"big@{DOMAIN}"), {"Aliases"}),
    "delegate more": (call("AssociateDelegateToResource", "ResourceId", EntityId="bob"), {"Delegates"}),
    "delegate less": (call("DisassociateDelegateFromResource", "ResourceId", EntityId="alice"), {"Delegates"}),
    "delegate left": (delete("alice", "DeregisterFromWorkMail", "DeleteUser"), {"Delegates"}),
    "disabled": (call("DeregisterFromWorkMail", "EntityId"), {"State", "Email"}),
    "deleted": (delete("boardroom", "DeregisterFromWorkMail", "DeleteResource"), set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_behind_the_stack_s_back_is_found(
    account: World, template: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    """Whatever a person changes in WorkMail is shown, with what is declared; the other room is the same."""
    change, properties = CHANGES[name]
    account.call("CreateUser", Name="bob", DisplayName="bob")
    account.call("RegisterToWorkMail", EntityId="bob", Email=f"bob@{DOMAIN}")
    change(account)
    status, found, _ = diff(capsys, str(template))
    board, beamer = found["Resources"]
    assert (status, beamer["Status"]) == (1, "same")
    assert board["Status"] == ("different" if properties else "missing")
    assert {one["Property"] for one in board["Differences"]} == properties
    assert bool(board["Calls"]) == bool(properties)
    assert only_reads(account)


def test_a_room_made_by_hand_is_listed(account: World, template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A room that no template declares is named, and is no difference of those that are."""
    account.room("by-hand")
    status, found, _ = diff(capsys, str(template))
    assert (status, [one["Name"] for one in found["Undeclared"]]) == (0, ["by-hand"])
    assert main([str(template)]) == 0
    assert re.search(r"Not declared, in m-\w+:\n    by-hand  ROOM  r-", capsys.readouterr().out)


def test_the_text_is_a_diff(account: World, template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a pipe the text is plain: minus is declared, plus is what WorkMail has, and a terminal obeys nothing in it."""
    account.call("UpdateResource", ResourceId="boardroom", Description="14 \x1b[31mseats")
    account.call("CreateAlias", EntityId=board_id(account), Alias=f"more@{DOMAIN}")
    assert main([str(template)]) == 1
    out, err = capsys.readouterr()
    assert out == (
        f"rooms.yaml: BoardRoom boardroom ({board_id(account)})\n"
        "    Description\n    - 12 seats\n    + 14 \ufffd[31mseats\n"
        f"    Aliases\n    + more@{DOMAIN}\n"
    )
    assert err == "1 same, 1 different.\n"


def test_on_a_terminal_the_text_is_coloured() -> None:
    """What is declared is red there, what WorkMail has instead is green, and a missing room stands out."""
    room = Room(resource_id="r-1", name="room", type="ROOM", state="DISABLED", description="b")
    declaration = Declaration(organization_id="m-1", name="room", type="ROOM", description="a")
    organization = Organization([Resource(room)], {})
    results = [organization.compare(Declared("t", "Room", declaration, resource_id)) for resource_id in ("r-1", "r-2")]
    shown = [(line.plain.strip(), line.style) for line in as_text(results, {})]
    assert shown[1:] == [
        ("Description", ""),
        ("- a", "red"),
        ("+ b", "green"),
        ("t: Room  (r-2) is not in WorkMail", "bold red"),
    ]


def test_what_cannot_be_compared_is_said(account: World, template: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A declaration that is wrong, or that only CloudFormation can work out, is named, and the others are compared."""
    text = template.read_text().replace("Name: beamer", 'Name: "be amer"') + (
        "  Board2:\n    Type: Custom::WorkMailResource\n    Properties:\n      ServiceToken: x\n"
        "      OrganizationId: !Ref OrganizationId\n      Name: !GetAtt Topic.TopicName\n      Type: ROOM\n"
    )
    template.write_text(text)
    status, found, _ = diff(capsys, str(template))
    assert status == 2
    problems = {one["LogicalId"]: one["Problem"] for one in found["Resources"]}
    assert problems["BoardRoom"] is None
    assert "'be amer'" in problems["Beamer"]
    assert "Fn::GetAtt Topic.TopicName is known to CloudFormation only" in problems["Board2"]
    assert only_reads(account)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name a template"),
        (("nothing.yaml",), "no such template file"),
        (("--stack-name", "nothing"), "nothing"),
        (("rooms.yaml", "--parameters", "OrganizationId=m-x"), "2 not comparable"),
        (("--stack-name", "a", "--parameters", "A=b"), "give --parameters with templates only"),
    ],
)
def test_not_possible_is_status_2(
    template: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """Without a template, a stack or an organization the status is 2, which is never taken for a difference."""
    assert template.is_file()
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


def test_a_stored_parameter_matters_only_to_the_room_that_uses_it(
    account: World, template: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A room whose property comes from Systems Manager cannot be compared with a file alone; the others can."""
    stored = "Parameters:\n  Stored: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /rooms/name}"
    template.write_text(
        template.read_text().replace("Parameters:", stored).replace("Name: beamer", "Name: !Ref Stored")
    )
    status, found, _ = diff(capsys, str(template))
    assert (status, [one["Status"] for one in found["Resources"]]) == (2, ["same", "impossible"])
    assert "only CloudFormation gets from Systems Manager" in found["Resources"][1]["Problem"]
    assert only_reads(account)


# ------------------------------------------------------------------------------------------------------ deployed stacks


def test_a_deployed_stack_has_its_template_its_parameters_and_its_ids(
    account: World, template: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --stack-name a renamed room is known by its id, and the stack's own parameters count."""
    # GIVEN a stack whose parameter is not the default, as CloudFormation answers for it
    board = board_id(account)
    body = template.read_text().replace("Default: m-", "Default: x-")
    stack_id = f"arn:aws:cloudformation:{REGION}:123456789012:stack/rooms/1"
    answers: dict[str, Any] = {
        "DescribeStacks": {
            "Stacks": [
                {
                    "StackId": stack_id,
                    "StackName": "rooms",
                    "Parameters": [
                        {"ParameterKey": "OrganizationId", "ParameterValue": account.organization.id},
                        {"ParameterKey": "Domain", "ParameterValue": DOMAIN},
                    ],
                }
            ]
        },
        "GetTemplate": {"TemplateBody": body},
        "ListStackResources": {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": "BoardRoom",
                    "PhysicalResourceId": board,
                    "ResourceStatus": "CREATE_COMPLETE",
                }
            ]
        },
    }
    called: list[str] = []

    def answer(model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        called.append(model.name)
        return SimpleNamespace(status_code=200), answers[model.name]

    make: Any = boto3.Session.client

    def client(session: Any, name: str, **options: Any) -> Any:
        made = make(session, name, **options)
        if name == "cloudformation":
            made.meta.events.register("before-call.cloudformation", answer)
        return made

    monkeypatch.setattr(boto3.Session, "client", client)
    # WHEN the room was given another name and another address
    account.call("UpdateResource", ResourceId=board, Name="atrium")
    account.call("UpdatePrimaryEmailAddress", EntityId=board, Email=f"atrium@{DOMAIN}")
    status, found, _ = diff(capsys, "--stack-name", "rooms")
    # THEN it is found by its id
    assert status == 1
    shown = next(one for one in found["Resources"] if one["LogicalId"] == "BoardRoom")
    assert (shown["Template"], shown["ResourceId"], shown["Name"]) == ("rooms", board, "boardroom")
    assert {one["Property"] for one in shown["Differences"]} == {"Name", "Email", "Aliases"}
    assert set(called) == set(answers)


# ------------------------------------------------------------------------------------------------------------- the plan

ADDRESSES = st.sampled_from(["a@example.com", "A@example.com", "b@example.com"])
BOOKING = st.builds(BookingOptions, st.booleans(), st.booleans(), st.booleans())
ROOMS = st.builds(
    Room,
    resource_id=st.just("r-1"),
    name=st.sampled_from(["room", "ROOM"]),
    type=st.sampled_from(["ROOM", "EQUIPMENT"]),
    state=st.sampled_from(["ENABLED", "DISABLED"]),
    email=st.none() | ADDRESSES,
    description=st.none() | st.just("x"),
    hidden=st.booleans(),
    booking=BOOKING,
    aliases=st.frozensets(st.sampled_from(["c@example.com", "C@example.com", "d@example.com"]), max_size=1),
    delegates=st.frozensets(st.sampled_from(["1", "2"])),
)
DECLARATIONS = st.builds(
    Declaration,
    organization_id=st.just("m-1"),
    name=st.just("room"),
    type=st.sampled_from(["ROOM", "EQUIPMENT"]),
    description=st.none() | st.just("x"),
    hidden=st.booleans(),
    email=ADDRESSES,
    aliases=st.lists(st.sampled_from(["c@example.com", "d@example.com"]), unique=True).map(tuple),
    booking=BOOKING,
    delegates=st.lists(st.sampled_from(["1", "2"]), unique=True).map(tuple),
)


@settings(deadline=None)
@given(ROOMS, DECLARATIONS, st.booleans())
def test_the_function_s_plan_decides(room: Room, declaration: Declaration, disabled: bool) -> None:  # noqa: FBT001 - drawn
    """A property is shown as different exactly when the function would make a call."""
    if disabled:
        declaration = declaration._replace(email=None, aliases=(), delegates=())
    organization = Organization([Resource(room)], {"1": "1", "2": "2"})
    result = organization.compare(Declared("t", "Room", declaration, "r-1"))
    assert (result.status == "same") == (result.changes == ()) == (result.operations == ())
