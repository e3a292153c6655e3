"""The template's text says what was declared, to every reader."""

import json
from typing import Any

from cfnlint.api import lint  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.decode import decode_str  # type: ignore[import-untyped] # cfn-lint ships no types
from hypothesis import example, given, settings

from tests.tools.inventory.support import ALICE, BOARD, ORGANIZATION, resource
from tests.tools.lint.property_sets import descriptions
from workmail_rooms.inventory.declare import declare
from workmail_rooms.inventory.template import render, size


def properties_of(text: bytes) -> dict[str, Any]:
    """Return what cfn-lint reads of the only resource."""
    template, problems = decode_str(text.decode())
    assert problems == []
    (body,) = template["Resources"].values()
    return dict(body["Properties"])


@settings(deadline=None)
@given(descriptions)
@example("on")
@example("1e5")
@example("line\u2028break")
@example("🪑 Café: # 'x' \"y\" \\n")
@example("${Room}${AWS::Region}$${!x}${")
def test_a_description_survives(description: str) -> None:
    """Any Description is read as it was written, and the template has ASCII characters only."""
    (one,), _ = declare(ORGANIZATION, [resource(description=description)])
    text = render(ORGANIZATION, 1, [one])
    assert text.isascii()
    value = properties_of(text)["Description"]
    if isinstance(value, dict):
        separator, parts = value["Fn::Join"]
        assert not any("${" in part for part in parts)
        value = separator.join(parts)
    assert value == description


def test_a_whole_template() -> None:
    """A template is what a person would write, with the delegates' names beside their ids."""
    one = resource(ALICE, BOARD, description="${x}", aliases=frozenset({"a@example.com"}))
    other = resource(resource_id=f"r-{'2' * 32}", name="on", state="DISABLED")
    declared, _ = declare(ORGANIZATION, [one, other])
    text = render(ORGANIZATION, 2, declared).decode()
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'AWSTemplateFormatVersion: "2010-09-09"',
        f'Description: "Rooms and equipment of WorkMail organization {ORGANIZATION} (2)"',
        "Resources:",
        "  Boardroom:",
        "    Type: Custom::WorkMailResource",
        "    DeletionPolicy: RetainExceptOnCreate",
        "    UpdateReplacePolicy: Retain",
        "    Metadata:",
        f"      WorkMailResourceId: {one.room.resource_id}",
        "    Properties:",
        "      ServiceToken: !ImportValue workmail-resource-ServiceToken",
        "      ServiceTimeout: 3600",
        f"      OrganizationId: {ORGANIZATION}",
        '      Name: "boardroom"',
        "      Type: ROOM",
        "      Description:",
        "        Fn::Join:",
        '          - ""',
        '          -   - "$"',
        '              - "{x}"',
        '      Email: "boardroom@example.com"',
        "      Aliases:",
        '        - "a@example.com"',
        "      Delegates:",
        f'        - "{ALICE.id}" # alice@example.com',
        f'        - "{BOARD.id}" # board',
        "      ExistingResource: ADOPT",
        "",
        "  OnXb8d31e85:",
        "    Type: Custom::WorkMailResource",
        "    DeletionPolicy: RetainExceptOnCreate",
        "    UpdateReplacePolicy: Retain",
        "    Metadata:",
        f"      WorkMailResourceId: {other.room.resource_id}",
        "    Properties:",
        "      ServiceToken: !ImportValue workmail-resource-ServiceToken",
        "      ServiceTimeout: 3600",
        f"      OrganizationId: {ORGANIZATION}",
        '      Name: "on"',
        "      Type: ROOM",
        "      ExistingResource: ADOPT",
    ]
    assert [str(match) for match in lint(text)] == []


def test_another_service_token() -> None:
    """An ARN is the ServiceToken itself; anything else is the name of an export."""
    (one,), _ = declare(ORGANIZATION, [resource()])
    arn = "arn:aws:lambda:us-east-1:123456789012:function:provider"
    assert properties_of(render(ORGANIZATION, 1, [one], service_token=arn))["ServiceToken"] == arn
    named = properties_of(render(ORGANIZATION, 1, [one], service_token="mine-ServiceToken"))["ServiceToken"]
    assert json.dumps(named) == '{"Fn::ImportValue": "mine-ServiceToken"}'


def test_the_size_is_no_less_than_what_is_added() -> None:
    """The sizes of the resources add up to the template's, but for its head."""
    resources = [resource(ALICE, name=f"room{number}", description="é" * 64) for number in range(20)]
    declared, _ = declare(ORGANIZATION, resources)
    head = len(render(ORGANIZATION, 1, declared[:1])) - size(declared[0])
    assert len(render(ORGANIZATION, 1, declared)) - head <= sum(map(size, declared))
