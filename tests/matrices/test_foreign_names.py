"""Somebody else takes the name of a resource while an operation is at work, at each of its calls."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.matrices.operations import (
    INVENTED,
    OPERATIONS,
    Scene,
    check_as_before,
    check_nothing_left,
    finish,
    learn,
    prepare,
)
from tests.matrices.survival import Record, survive
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.services import Answer, Call
from workmail_rooms.sandbox.workmail.exceptions import WorkMailError

OF_A_NAME: Final = ("create", "rename", "replacement")


def take_name(
    stage: VirtualStage, scene: Scene, event: Mapping[str, Any], number: int, *, kill: bool
) -> dict[str, Any]:
    """Let a foreign room of the declared name appear before a call; return what WorkMail holds of it by and by.

    Parameters
    ----------
    kill:
        End the function's process at the same moment; the call is not carried out.
    """
    properties = scene.operation.properties
    foreign: dict[str, Any] = {}

    def appear(_call: Call) -> Answer | None:
        try:
            room = stage.create_room(
                properties["Name"], organization_id=properties["OrganizationId"], Description="mine, not yours"
            )
        except WorkMailError:
            pass  # the operation was first
        else:
            foreign[room] = stage.describe(room, properties["OrganizationId"])
        if not kill:
            return None
        stage.kill(event)
        return Answer(None)

    stage.interventions.before(appear, nth=number)
    return foreign


@pytest.mark.parametrize("kill", [False, True], ids=["", "and the process dies"])
@pytest.mark.parametrize("operation", OF_A_NAME)
def test_a_foreign_room_of_the_same_name_is_never_touched(
    stage: VirtualStage,
    record_property: Record,
    operation: str,
    kill: bool,  # noqa: FBT001 - a table's column
) -> None:
    """A foreign room that appears under the name at any call stays as it is; nothing of ours is left (contract 16)."""
    # GIVEN the calls that the operation makes when it is left alone
    scene = prepare(stage, OPERATIONS[operation])
    learned = learn(stage, scene)
    outcomes = set()

    def interrupt(number: int) -> None:
        # WHEN a foreign room takes the name before one of them
        scene.set_up(stage)
        event = scene.event(stage)
        foreign = take_name(stage, scene, event, number, kill=kill)
        answer = stage.deliver(event)
        outcomes.add(answer.status)
        now = scene.with_foreign(foreign)
        # THEN the operation succeeds if it was first,
        if answer.succeeded:
            assert not foreign
            finish(stage, now, answer, learned)
            return
        # and otherwise says who was; whatever CloudFormation sends then touches nothing but our own.
        assert answer.reason.startswith("NameAvailabilityException:"), answer.reason
        assert set(foreign) <= {word.strip("():;,") for word in answer.reason.split()}
        if scene.physical_id is None:
            for physical_id in (answer.physical_id, INVENTED):
                deleted = stage.deliver(scene.delete_event(stage, physical_id))
                assert deleted.succeeded, deleted.reason
        else:
            check_as_before(stage, now)
            restored = stage.deliver(scene.reversed_event(stage))
            assert (restored.status, restored.physical_id) == ("SUCCESS", scene.physical_id), restored.reason
            check_as_before(stage, now)
            deleted = stage.deliver(scene.delete_event(stage, scene.physical_id, scene.operation.old))
            assert deleted.succeeded, deleted.reason
        check_nothing_left(stage, now)

    survive(dict(enumerate(learned.calls, 1)), interrupt, record_property)
    assert outcomes == {"SUCCESS", "FAILED"}
