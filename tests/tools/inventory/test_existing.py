"""Templates of an earlier run are read, and what they declare stays theirs."""

from dataclasses import replace
from typing import Any

import pytest

from tests.tools.inventory.support import ORGANIZATION, resource
from workmail_rooms.inventory.declare import declare
from workmail_rooms.inventory.existing import Entry, UnreadableTemplateError, as_before, entries, match
from workmail_rooms.inventory.resources import Resource
from workmail_rooms.inventory.template import render

BOARD = resource(name="board-room", resource_id=f"r-{'1' * 32}", description="${x} seats")
FOCUS = resource(name="focus", resource_id=f"r-{'2' * 32}", email="focus@example.com")


def written(*resources: Resource, number: int = 1) -> list[Entry]:
    """Return the entries of the template that is written of *resources*."""
    declared, _ = declare(ORGANIZATION, resources)
    return entries(number, render(ORGANIZATION, number, declared).decode())


def entry(**changes: Any) -> Entry:
    """Return an entry as a person might have written it."""
    return replace(Entry(1, "Own", None, "board-room", ORGANIZATION, adopts=False, deletion_policy=None), **changes)


def test_what_is_written_can_be_read() -> None:
    """A template that the inventory wrote says of each declaration which room it is, and who owns it."""
    found = written(BOARD, FOCUS, number=3)
    assert found == [
        Entry(3, "BoardRoom", BOARD.room.resource_id, "board-room", ORGANIZATION, True, "RetainExceptOnCreate"),  # noqa: FBT003 - one field of many
        Entry(3, "Focus", FOCUS.room.resource_id, "focus", ORGANIZATION, True, "RetainExceptOnCreate"),  # noqa: FBT003 - as above
    ]


def test_what_a_person_made_of_it_can_be_read() -> None:
    """Functions, other resources and whatever else CloudFormation takes are entries without the plain text."""
    found = entries(
        1,
        """
        Resources:
          A: {Type: Custom::WorkMailResource, Properties: {Name: !Sub "${Floor}-a", OrganizationId: !Ref Organization}}
          Topic: {Type: AWS::SNS::Topic}
          Fn::ForEach::Rooms: [Name, [a, b], {"Room${Name}": {Type: Custom::WorkMailResource}}]
        """,
    )
    assert [(one.logical_id, one.name, one.organization_id, one.adopts) for one in found] == [
        ("A", None, None, False),
        ("Topic", None, None, False),
        ("Fn::ForEach::Rooms", None, None, False),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [("Resources: [", "expected"), ("a: 1\na: 2", "duplicate"), ("[]", "no Resources"), ("Resources: 1", "no Res")],
)
def test_what_cannot_be_read_is_said(text: str, words: str) -> None:
    """A file that declares nobody knows what is an error, not an empty template."""
    with pytest.raises(UnreadableTemplateError, match=words):
        entries(1, text)


def test_contract_61_a_renamed_room_keeps_its_declaration() -> None:
    """The id in the Metadata finds a room whose name has changed, and the logical ID stays."""
    renamed = resource(name="atrium", resource_id=BOARD.room.resource_id)
    kept, lost = match(ORGANIZATION, written(BOARD), {renamed.room.resource_id: "atrium"})
    (found,) = as_before(declare(ORGANIZATION, [renamed])[0], kept)
    assert (lost, found.logical_id, found.properties["Name"]) == ([], "BoardRoom", "atrium")


def test_contract_61_a_new_room_with_the_former_name_gets_another_logical_id() -> None:
    """A logical ID that a renamed room has is not given to the room that has its former name now."""
    renamed = resource(name="atrium", resource_id=BOARD.room.resource_id)
    newcomer = resource(name="board-room", resource_id=f"r-{'3' * 32}")
    names = {one.room.resource_id: one.room.name for one in (renamed, newcomer)}
    kept, lost = match(ORGANIZATION, written(BOARD), names)
    found = {one.resource_id: one for one in as_before(declare(ORGANIZATION, [renamed, newcomer])[0], kept)}
    assert lost == []
    assert found[renamed.room.resource_id].logical_id == "BoardRoom"
    assert found[newcomer.room.resource_id].logical_id.startswith("BoardRoomR")


def test_contract_61_a_room_of_a_template_without_metadata_is_found_by_its_name() -> None:
    """A template from before, or one made by hand, keeps its rooms too."""
    kept, lost = match(ORGANIZATION, [entry(name="BOARD-room")], {BOARD.room.resource_id: "board-room"})
    (found,) = as_before(declare(ORGANIZATION, [BOARD])[0], kept)
    assert (lost, found.logical_id) == ([], "Own")


@pytest.mark.parametrize(
    ("adopts", "policy", "expected"),
    [
        (True, None, ("ADOPT", "RetainExceptOnCreate")),
        (True, "Retain", ("ADOPT", "Retain")),
        (False, None, (None, None)),
        (False, "Retain", (None, "Retain")),
    ],
)
def test_contract_61_who_owns_a_room_stays(
    adopts: bool,  # noqa: FBT001 - a parameter of the test
    policy: str | None,
    expected: tuple[str | None, str | None],
) -> None:
    """Where ADOPT was taken out it stays out; where it is declared, the room is kept twice over."""
    kept, _ = match(
        ORGANIZATION, [entry(adopts=adopts, deletion_policy=policy)], {BOARD.room.resource_id: "board-room"}
    )
    (found,) = as_before(declare(ORGANIZATION, [BOARD])[0], kept)
    assert (found.properties.get("ExistingResource"), found.deletion_policy) == expected


def test_contract_61_what_declares_no_live_room_is_returned() -> None:
    """A room that has gone, one declared twice, one of another organization and a topic are all named."""
    gone = entry(logical_id="Gone", name="gone")
    twice = entry(logical_id="Twice", name="board-room")
    other = entry(logical_id="Other", organization_id=f"m-{'9' * 32}")
    topic = entry(logical_id="Topic", name=None, organization_id=None)
    _, lost = match(ORGANIZATION, [*written(BOARD), gone, twice, other, topic], {BOARD.room.resource_id: "board-room"})
    assert lost == [gone, twice, other, topic]
