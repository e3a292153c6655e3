"""A sample of ``tests/matrices`` with real processes over HTTPS: what virtual time takes for granted, once each.

Chosen for what only the wire can show: how botocore sees each kind of failure, that a call which is carried out but not
answered is taken for one, and that both stages see the same room and the same calls.
"""

import pytest

from tests.harness import Stage
from tests.matrices.injuries import INJURIES
from tests.matrices.operations import OPERATIONS, finish, learn, prepare
from tests.matrices.virtual import VirtualStage


@pytest.mark.parametrize(
    ("operation", "injury", "call"),
    [
        # The room is there, and nobody has been told its id.
        ("create", "reply lost", "CreateResource"),
        # An error of the service's own, in the form that it has on the wire; of both services.
        ("rename", "one 500", "UpdateResource"),
        ("create", "one 500", "TransactWriteItems"),
        # Refusals that botocore has classes for.
        ("change of Email", "throttled twice", "UpdatePrimaryEmailAddress"),
        ("replacement", "DirectoryUnavailable once", "CreateResource"),
        # A write that must not be made twice unseen.
        ("delete", "reply lost", "DeleteResource"),
        ("adopt", "reply lost", "CreateAlias"),
    ],
)
def test_what_fails_on_the_wire_is_survived(stage: Stage, operation: str, injury: str, call: str) -> None:
    """Each kind of failure means over HTTPS what it means in virtual time (contracts 13, 15, 40)."""
    # GIVEN the calls that the operation makes when it is left alone
    scene = prepare(stage, OPERATIONS[operation])
    learned = learn(stage, scene)
    number = [one.operation for one in learned.calls].index(call) + 1
    # WHEN one of them fails
    scene.set_up(stage)
    event = scene.event(stage)
    INJURIES[injury](stage, event, number)
    answer = stage.deliver(event)
    # THEN the resource is exactly as declared, its Delete removes it, and nothing else was touched.
    finish(stage, scene, answer, learned)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_both_stages_are_the_same(stage: Stage, operation: str) -> None:
    """An operation makes the same calls and leaves the same room in virtual time and over HTTPS."""
    virtual = VirtualStage()
    here, there = (learn(one, prepare(one, OPERATIONS[operation])) for one in (stage, virtual))
    assert [call.operation for call in here.calls] == [call.operation for call in there.calls]
    # People have other ids on each.
    left, right = (
        {**(one.resource or {}), "delegates": len((one.resource or {}).get("delegates", ()))} for one in (here, there)
    )
    assert left == right
