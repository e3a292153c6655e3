import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import Answer, ManualClock, World, answer
from workmail_rooms.sandbox.cloudformation import Delivery, ObservationKind


def kinds(world: World) -> list[str]:
    """Return the kinds of all observations."""
    return [str(observation.kind) for observation in world.engine.observations]


def test_nothing_to_observe(world: World) -> None:
    """A flawless life leaves no observation."""
    world.deploy(template(A=thing("a")))
    world.deploy(template(A=thing("b")))
    world.engine.delete("demo")
    assert kinds(world) == []


def test_second_answer(world: World) -> None:
    """Of two answers to one event the first counts, and the second is noted."""

    def twice(event: dict[str, Any]) -> Answer:
        world.cloud.put(event, answer(event, "first"))
        return answer(event, "second", Status="FAILED", Reason="late thought")

    # GIVEN a function that answers A twice, and B so late that both are in
    world.cloud.scripts["Create", "A"] = twice
    assert world.deploy(template(A=thing("a"), B=thing("b", depends_on=["A"]))).ok
    world.engine.settle(60)
    # THEN
    assert world.engine.store.stacks["demo"].resources["A"].physical_id == "first"
    (observation,) = world.engine.observations
    assert observation.kind is ObservationKind.SECOND_ANSWER
    assert b"late thought" in observation.body


def test_content_type(world: World) -> None:
    """A PUT with a Content-Type is noted, because the signature of a real URL covers an empty one."""
    world.cloud.headers = {"content-type": "application/json"}
    assert world.deploy(template(A=thing("a"))).ok
    (observation,) = world.engine.observations
    assert observation.kind is ObservationKind.CONTENT_TYPE
    assert observation.detail == "Content-Type was 'application/json', must be empty"


def test_answer_after_the_timeout(timeless: World) -> None:
    """An answer after ServiceTimeout does not count and is noted."""
    timeless.cloud.scripts["Create", "A"] = lambda _: None
    assert timeless.deploy(template(A=thing("a", ServiceTimeout=5))).status == "ROLLBACK_COMPLETE"
    event = timeless.cloud.last("Create", "A")
    timeless.cloud.put(event, answer(event, "too-late"))
    timeless.engine.settle(60)
    assert kinds(timeless) == ["late answer"]


@pytest.mark.parametrize("at_once", [False, True])
def test_delivered_twice(world: World, *, at_once: bool) -> None:
    """An event delivered twice has one RequestId and URL, and only its first answer counts."""
    # GIVEN a delivery of Creates that repeats itself
    together = threading.Barrier(2, timeout=60)
    order: list[str] = []
    lock = threading.Lock()

    def note(event: dict[str, Any]) -> Answer:
        with lock:
            order.append("begin")
        if at_once:
            together.wait()
        result = world.things.handle(event)
        with lock:
            order.append("end")
        return result

    world.cloud.scripts["Create", "A"] = note
    world.engine.delivery = Delivery(copies=2, at_once=at_once, applies_to=lambda e: e["RequestType"] == "Create")
    # WHEN
    assert world.deploy(template(A=thing("a"))).ok
    # THEN
    first, second = world.cloud.events
    assert first == second
    assert order == (["begin", "begin", "end", "end"] if at_once else ["begin", "end", "begin", "end"])
    assert kinds(world) == ["answer to a repeated delivery"]
    assert world.engine.delete("demo").ok
    assert len(world.cloud.events) == 3


def test_delay(make_world: Callable[..., World]) -> None:
    """A delayed event is delivered so many seconds after it was made."""
    clock = ManualClock()
    world = make_world(clock=clock)
    delivered = []

    def note(event: dict[str, Any]) -> Answer:
        delivered.append(clock())
        return world.things.handle(event)

    world.cloud.scripts["Create", "A"] = note
    world.engine.delivery = Delivery(delay=30)
    start = clock()
    assert world.deploy(template(A=thing("a"))).ok
    assert [(moment - start).total_seconds() for moment in delivered] == [30]


def test_hold(world: World) -> None:
    """A held Create reaches its function after the Delete that cancelled it, as can happen in AWS."""
    # GIVEN a Create that is held back until its Delete has come
    deleted = threading.Event()

    def delete(event: dict[str, Any]) -> Answer:
        deleted.set()
        return answer(event, event["PhysicalResourceId"])

    world.cloud.scripts["Delete", "Slow"] = delete
    world.engine.delivery = Delivery(
        hold=lambda _: None if deleted.wait(60) else pytest.fail("no Delete came"),
        applies_to=lambda e: (e["RequestType"], e["LogicalResourceId"]) == ("Create", "Slow"),
    )
    # WHEN another resource fails
    assert world.deploy(template(Slow=thing("slow"), Bad=thing("taken"))).status == "ROLLBACK_COMPLETE"
    world.engine.settle(60)
    # THEN
    sent = world.cloud.sent()
    assert sent.index(("Delete", "Slow")) < sent.index(("Create", "Slow"))
    assert kinds(world) == ["late answer"]


@pytest.mark.parametrize("reuse", [True, False])
def test_request_id_of_a_retried_deployment(world: World, *, reuse: bool) -> None:
    """A retried deployment uses the RequestId of the failed one again, if told to (aws-cdk #35957)."""
    world.engine.delivery = Delivery(reuse_request_ids=reuse)
    document = template(A=thing("taken"))
    world.deploy(document)
    world.engine.delete("demo")
    world.deploy(document)
    first, second = [e for e in world.cloud.events if e["RequestType"] == "Create"]
    assert (first["RequestId"] == second["RequestId"]) is reuse
    assert first["ResponseURL"] != second["ResponseURL"]


def test_signing_dates(make_world: Callable[..., World]) -> None:
    """The events of one resource are signed in whole seconds that grow, even when no time passes."""
    world = make_world(clock=ManualClock())
    for name in ("a", "b", "c"):
        world.deploy(template(A=thing(name)))
    world.engine.delete("demo")
    signed = [world.cloud.pending[event["ResponseURL"]].signed_at for event in world.cloud.events]
    assert all(moment.microsecond == 0 for moment in signed)
    assert [(moment - signed[0]).total_seconds() for moment in signed] == [0, 1, 2, 3]


def test_close(world: World) -> None:
    """A closed engine refuses all answers."""
    world.deploy(template(A=thing("a")))
    world.engine.close()
    assert all(pending.closed for pending in world.cloud.pending.values())


def test_cancelled_requests_do_not_keep_anybody_waiting(world: World) -> None:
    """A deployment does not wait for the answer of a cancelled Create."""
    release = threading.Event()

    def stuck(event: dict[str, Any]) -> Answer:
        release.wait(120)
        return answer(event, "x")

    world.cloud.scripts["Create", "Stuck"] = stuck
    start = time.monotonic()
    outcome = world.deploy(template(Stuck=thing("stuck"), Bad=thing("taken")))
    assert time.monotonic() - start < 60
    assert "Stuck CREATE_FAILED Resource creation cancelled" in told(outcome)
    release.set()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"x" * 4097, "Response object is too long."),
        (b"nonsense", "Invalid Response object: not valid JSON"),
        (b"{}", "Invalid Response object: StackId is missing"),
    ],
)
def test_protocol_violation_in_a_stack(world: World, body: bytes, reason: str) -> None:
    """A broken answer fails its resource, and the Delete that follows has an invented id."""
    world.cloud.scripts["Create", "A"] = lambda _: body
    outcome = world.deploy(template(A=thing("a")))
    assert f"A CREATE_FAILED {reason}" in told(outcome)
    assert world.cloud.last("Delete", "A")["PhysicalResourceId"].startswith("demo-A-")
