"""Contracts 17 and 18: repeated events.

Contracts 14-16 are with the others on ownership.
"""

import pytest

from tests.harness import DESCRIPTION, Stage, everything, room_properties
from tests.matrices.virtual import VirtualStage


def test_contract_17_a_request_id_used_again_after_a_failure(stage: Stage) -> None:
    """A Create that failed succeeds under the same RequestId once its reason is gone: failures are not remembered."""
    blocker = stage.create_room("boardroom")
    first = stage.event("Create")
    assert not stage.deliver(first).succeeded

    stage.delete_room(blocker)
    answer = stage.deliver(stage.event("Create", request_id=first["RequestId"]))

    assert answer.succeeded
    assert [room.ResourceId for room in stage.rooms()] == [answer.physical_id]


def test_contract_17_a_request_id_used_again_after_the_resource_has_gone(virtual: VirtualStage) -> None:
    """A Create that succeeded once makes the room anew under the same RequestId when it is gone meanwhile."""
    first = virtual.event("Create")
    old = virtual.deliver(first).physical_id
    virtual.delete_room(old)

    answer = virtual.deliver(virtual.event("Create", request_id=first["RequestId"]))

    assert answer.succeeded
    assert answer.physical_id != old
    assert [(room.ResourceId, room.State) for room in virtual.rooms()] == [(answer.physical_id, "ENABLED")]


def test_contract_17_a_request_id_used_again_after_its_delete(stage: Stage) -> None:
    """Create, Delete, and the Create again with the same RequestIds: each does its work, none answers from memory."""
    create, delete = stage.event("Create"), stage.event("Delete")
    ids = set()
    for _ in range(2):
        created = stage.deliver(stage.event("Create", request_id=create["RequestId"]))
        deleted = stage.deliver(stage.event("Delete", request_id=delete["RequestId"], physical_id=created.physical_id))
        assert (created.status, deleted.status) == ("SUCCESS", "SUCCESS")
        assert stage.rooms() == []
        ids.add(created.physical_id)

    assert len(ids) == 2


def test_contract_18_the_same_update_twice(stage: Stage) -> None:
    """The second delivery of an Update writes nothing and gives the same answer, to the byte."""
    room = stage.deliver(stage.event("Create")).physical_id
    update = stage.event("Update", properties=everything(), old_properties=room_properties(), physical_id=room)
    first = stage.deliver(update)
    state, mark = stage.state(), stage.mark()
    second = stage.deliver(update)

    assert first.succeeded
    assert first.body == second.body
    assert stage.writes(mark) == []
    assert stage.state() == state


def test_contract_18_the_same_update_at_once(stage: Stage) -> None:
    """An Update that is delivered twice at the same time succeeds twice and ends in the declared state."""
    room = stage.deliver(stage.event("Create")).physical_id
    update = stage.event("Update", properties=everything(), old_properties=room_properties(), physical_id=room)
    answers = stage.send(update, copies=2).answers()

    assert [answer.status for answer in answers] == ["SUCCESS", "SUCCESS"]
    assert stage.describe(room)["description"] == DESCRIPTION
    assert len(stage.rooms()) == 1


def test_contract_18_the_same_delete_twice(stage: Stage) -> None:
    """A Delete that is delivered twice, one after the other or at once, succeeds twice."""
    for copies, repetitions in ((1, 2), (2, 1)):
        room = stage.deliver(stage.event("Create")).physical_id
        delete = stage.event("Delete", physical_id=room)
        answers = [answer for _ in range(repetitions) for answer in stage.send(delete, copies=copies).answers()]

        assert [(answer.status, answer.physical_id) for answer in answers] == [("SUCCESS", room)] * 2
        assert stage.rooms() == []


@pytest.mark.long
def test_contract_14_a_failed_create_has_one_id(stage: Stage) -> None:
    """Every delivery of a Create that fails answers with the same id, so that no second resource is suspected."""
    create = stage.event("Create", properties=room_properties(Delegates=["nobody"]))

    assert len({stage.deliver(create).physical_id for _ in range(2)}) == 1
