"""A delegate who is disabled is told at once, before anything is changed, and stands in nobody's way later."""

import pytest

from tests.harness import Stage, room_properties
from workmail_rooms.sandbox.seed import EXAMPLE


@pytest.fixture
def bob(stage: Stage) -> str:
    """Disable the user bob, and return the id."""
    user: str = stage.workmail.invoke("DescribeUser", {"OrganizationId": EXAMPLE, "UserId": "bob"})["UserId"]
    stage.workmail.invoke("DeregisterFromWorkMail", {"OrganizationId": EXAMPLE, "EntityId": user})
    return user


@pytest.mark.long
def test_create_tells_it_before_any_write(stage: Stage, bob: str) -> None:  # noqa: ARG001 # bob has to be disabled
    """A Create that names a disabled delegate says so, makes no call that changes anything, and leaves no entry."""
    mark = stage.mark()
    answer = stage.deliver(stage.event("Create", properties=room_properties(Delegates=["alice", "bob"])))
    assert answer.reason.startswith("EntityStateException: Delegates names bob, who is disabled")
    assert "Enable the user or group in WorkMail" in answer.reason
    assert all(operation.startswith(("Describe", "List")) for operation in stage.operations(mark, "workmail"))
    assert stage.entries() == []


def test_update_tells_it_before_any_write(stage: Stage, bob: str) -> None:  # noqa: ARG001 # as above
    """An Update that names a disabled delegate says so and changes nothing; its reversal works."""
    old, new = room_properties(), room_properties(Name="den", Delegates=["bob"])
    room = stage.deliver(stage.event("Create", properties=old)).physical_id
    mark = stage.mark()
    answer = stage.deliver(stage.event("Update", properties=new, old_properties=old, physical_id=room))
    assert answer.reason.startswith("EntityStateException: Delegates names bob, who is disabled")
    assert all(operation.startswith(("Describe", "List")) for operation in stage.operations(mark, "workmail"))
    back = stage.deliver(stage.event("Update", properties=old, old_properties=new, physical_id=room))
    assert back.succeeded, back.reason


def test_a_delegate_given_by_id_is_told_at_the_first_refusal(stage: Stage, bob: str) -> None:
    """A delegate who is given by id is not looked up beforehand; WorkMail is asked once, and the room removed."""
    mark = stage.mark()
    answer = stage.deliver(stage.event("Create", properties=room_properties(Delegates=[bob])))
    assert answer.reason.startswith(f"EntityStateException: Delegates names {bob}, who is disabled")
    assert stage.operations(mark, "workmail").count("AssociateDelegateToResource") == 1
    stage.deliver(stage.event("Delete", properties=room_properties(Delegates=[bob]), physical_id=answer.physical_id))
    assert [room.Name for room in stage.rooms()] == []


def test_who_is_disabled_later_stays_a_delegate(stage: Stage) -> None:
    """A delegate who is disabled after the Create does not make later updates fail."""
    old, new = room_properties(Delegates=["bob"]), room_properties(Delegates=["bob"], Name="den")
    room = stage.deliver(stage.event("Create", properties=old)).physical_id
    user = stage.workmail.invoke("DescribeUser", {"OrganizationId": EXAMPLE, "UserId": "bob"})["UserId"]
    stage.workmail.invoke("DeregisterFromWorkMail", {"OrganizationId": EXAMPLE, "EntityId": user})
    answer = stage.deliver(stage.event("Update", properties=new, old_properties=old, physical_id=room))
    assert answer.succeeded, answer.reason
