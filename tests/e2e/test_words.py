"""What WorkMail may make of words: a name in another case, a description without its blanks."""

from dataclasses import replace

import pytest

from tests.harness import Stage, everything, room_properties
from workmail_rooms.sandbox.workmail import Behaviour


def test_a_name_in_another_case(stage: Stage) -> None:
    """A Name that WorkMail shows in another case is as declared; a change of its case alone is none, as documented."""
    stage.workmail.behaviour = replace(Behaviour(), name_shown="upper case")
    mark = stage.mark()
    old = room_properties(Name="Boardroom")
    room = stage.deliver(stage.event("Create", properties=old))
    assert room.succeeded, room.reason
    assert stage.operations(mark, "workmail").count("DescribeResource") == 1
    for change in ({"Description": "with a view"}, {"Name": "Den"}, {"Name": "den"}):
        new = old | change
        changed = stage.deliver(stage.event("Update", properties=new, old_properties=old, physical_id=room.physical_id))
        assert changed.succeeded, changed.reason
        old = new
    assert [one.Name for one in stage.rooms()] == ["Den"]
    deleted = stage.deliver(stage.event("Delete", properties=old, physical_id=room.physical_id))
    assert deleted.succeeded, deleted.reason
    assert stage.rooms() == []


def test_a_room_is_adopted_by_its_name_in_another_case(stage: Stage) -> None:
    """ADOPT finds the room whose name WorkMail shows in another case, and changes nothing about the name."""
    found = stage.create_room("boardroom", Email="boardroom@example.com")
    mark = stage.mark()
    declared = room_properties(Name="BoardRoom", ExistingResource="ADOPT", Email="boardroom@example.com")
    answer = stage.deliver(stage.event("Create", properties=declared))
    assert (answer.succeeded, answer.physical_id) == (True, found), answer.reason
    assert all(operation.startswith(("Describe", "List")) for operation in stage.operations(mark, "workmail"))


def test_a_trimmed_description_is_given_back(stage: Stage) -> None:
    """An adopted room that had blanks around its Description is given back, though WorkMail now trims them."""
    found = stage.create_room("boardroom", Description=" as people know it ", Email="boardroom@example.com")
    stage.workmail.behaviour = replace(Behaviour(), description_blanks="trimmed")
    declared = everything(ExistingResource="ADOPT", Description="as declared")
    answer = stage.deliver(stage.event("Create", properties=declared))
    assert (answer.succeeded, answer.physical_id) == (True, found), answer.reason
    answer = stage.deliver(stage.event("Delete", properties=declared, physical_id=found))
    assert answer.succeeded, answer.reason
    (room,) = stage.rooms()
    assert room.Description == "as people know it"


@pytest.mark.parametrize("description", [" with a view", "with a view\u00a0", "two\nlines", "a\ttab", "\x85"])
def test_a_description_with_blanks_is_refused_before_any_call(stage: Stage, description: str) -> None:
    """Blanks at the ends of a Description, and control characters, are refused without repeating it (contract 38)."""
    mark = stage.mark()
    answer = stage.deliver(stage.event("Create", properties=room_properties(Description=description)))
    assert answer.reason.startswith(
        "InvalidProperties: 1 problem in the properties: Description must be a text without"
    )
    assert "view" not in answer.reason
    assert stage.operations(mark, "workmail") == []
