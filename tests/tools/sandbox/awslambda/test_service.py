"""Asynchronous invocation behaves as Lambda's does: queue, concurrency, retries, destination."""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.tools.sandbox.awslambda.conftest import ARN, ServiceFactory, SpecFactory
from workmail_rooms.sandbox.awslambda import FunctionSpec, LambdaService
from workmail_rooms.sandbox.cloudformation.ports import UnknownFunctionError

LAST_RESORT = "arn:aws:lambda:us-east-1:123456789012:function:last-resort"


def lines(path: Path) -> list[dict[str, Any]]:
    """Read what the handler ``record`` wrote."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for what another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_invoking_returns_at_once(service: ServiceFactory, spec: SpecFactory) -> None:
    """An event is queued, not waited for."""
    functions = service(spec("tiny.slow"))

    functions.invoke_async(ARN, {"seconds": 60})

    assert not functions.invocations


def test_an_unknown_arn_is_named(service: ServiceFactory, spec: SpecFactory) -> None:
    """An ARN that is no function's is refused with the ARNs that exist."""
    with pytest.raises(UnknownFunctionError, match=f"nowhere.*known here: {ARN}"):
        service(spec("tiny.echo")).invoke_async("arn:aws:lambda:us-east-1:123456789012:function:nowhere", {})


def test_a_missing_code_folder_is_named(service: ServiceFactory, spec: SpecFactory, tmp_path: Path) -> None:
    """A function without code is refused when the service is made, not when an event arrives."""
    with pytest.raises(
        NotADirectoryError, match=r"the code of function tiny should be in .*missing, which is no folder"
    ):
        service(spec("tiny.echo", code=tmp_path / "missing"))


def test_the_qualified_arn_is_the_same_function(service: ServiceFactory, spec: SpecFactory) -> None:
    """``:$LATEST`` names the unpublished version, which is all there is."""
    functions = service(spec("tiny.echo"))
    functions.invoke_async(f"{ARN}:$LATEST", {})

    assert functions.wait_until_idle(60)
    assert functions.invocations[0].outcome.status == "success"


def test_events_one_after_the_other_share_a_warm_worker(service: ServiceFactory, spec: SpecFactory) -> None:
    """A second event goes to the idle worker instead of starting another."""
    functions = service(spec("tiny.echo"))
    for _ in range(3):
        functions.invoke_async(ARN, {})
        assert functions.wait_until_idle(60)

    assert [invocation.cold for invocation in functions.invocations] == [True, False, False]
    assert len({invocation.pid for invocation in functions.invocations}) == 1


def test_every_event_can_be_given_a_cold_worker(service: ServiceFactory, spec: SpecFactory) -> None:
    """In cold mode no two events share a process, and no process stays."""
    functions = service(spec("tiny.echo"), cold=True)
    for _ in range(3):
        functions.invoke_async(ARN, {})
        assert functions.wait_until_idle(60)

    assert all(invocation.cold for invocation in functions.invocations)
    assert len({invocation.pid for invocation in functions.invocations}) == 3


def test_a_warmed_worker_is_there_before_the_first_event(service: ServiceFactory, spec: SpecFactory) -> None:
    """Warming starts a worker that the next event finds, and never more than the concurrency allows."""
    functions = service(spec("tiny.echo", concurrency=1))
    functions.warm(ARN, 3)
    functions.invoke_async(ARN, {})
    functions.invoke_async(ARN, {})

    assert functions.wait_until_idle(60)
    assert len({invocation.pid for invocation in functions.invocations}) == 1


def test_no_more_workers_than_the_reserved_concurrency(service: ServiceFactory, spec: SpecFactory) -> None:
    """Events over the concurrency wait in the queue; none is lost."""
    functions = service(spec("tiny.slow", concurrency=2))
    for _ in range(6):
        functions.invoke_async(ARN, {"seconds": 0.1})

    assert functions.wait_until_idle(60)
    assert len(functions.invocations) == 6
    assert len({invocation.pid for invocation in functions.invocations}) == 2


def test_the_queue_is_no_fair_one(service: ServiceFactory, spec: SpecFactory) -> None:
    """An event that found no room comes back later, and one that arrives in the right moment passes it."""
    functions = service(spec("tiny.slow", concurrency=1, throttle_delays=(600.0, 600.0)))
    functions.invoke_async(ARN, {"seconds": 0.1, "name": "first"})
    functions.invoke_async(ARN, {"seconds": 0.0, "name": "throttled"})
    wait_for(lambda: len(functions.invocations) == 1 and not functions.busy(ARN))
    functions.invoke_async(ARN, {"seconds": 0.0, "name": "late"})
    wait_for(lambda: len(functions.invocations) == 2)

    assert [one.event["name"] for one in functions.invocations] == ["first", "late"]


def test_what_is_throttled_backs_off_as_aws_says(spec: SpecFactory) -> None:
    """The interval doubles from 1 second to 5 minutes, shortened by chance to as little as half."""
    function = spec("tiny.slow", throttle_delays=(1.0, 300.0))
    assert [function.throttle_delay(times, 1.0) for times in (1, 2, 3, 9, 10, 5000)] == [1, 2, 4, 256, 300, 300]
    assert function.throttle_delay(10, 0.0) == 150


@pytest.mark.parametrize("step", ["raise", "exit", "kill"])
def test_a_failed_event_is_tried_again_with_the_same_id(
    service: ServiceFactory, spec: SpecFactory, tmp_path: Path, step: str
) -> None:
    """Two failures and then a success: three tries, the same event, the same request id (contract 13)."""
    event = {"file": str(tmp_path / "file"), "plan": [step, step, "ok"]}
    functions = service(spec("tiny.record"))
    functions.invoke_async(ARN, event)

    assert functions.wait_until_idle(60)
    tries = lines(tmp_path / "file")
    assert [one["event"] for one in tries] == [event] * 3
    assert len({one["request_id"] for one in tries}) == 1
    assert [invocation.attempt for invocation in functions.invocations] == [1, 2, 3]
    assert [invocation.outcome.status for invocation in functions.invocations][2] == "success"


def test_a_timeout_is_tried_again(service: ServiceFactory, spec: SpecFactory, tmp_path: Path) -> None:
    """Lambda retries an event whose function ran out of time, in a new environment."""
    functions = service(spec("tiny.record", timeout=0.5))
    functions.invoke_async(ARN, {"file": str(tmp_path / "file"), "plan": ["sleep", "ok"]})

    assert functions.wait_until_idle(60)
    assert [invocation.outcome.status for invocation in functions.invocations] == ["timeout", "success"]
    assert len({invocation.pid for invocation in functions.invocations}) == 2


def test_what_fails_for_good_goes_to_the_destination(
    service: ServiceFactory, spec: SpecFactory, tmp_path: Path
) -> None:
    """After the last try the destination gets Lambda's invocation record, once."""
    event = {"file": str(tmp_path / "file"), "plan": ["raise", "exit", "raise"]}
    functions = service(spec("tiny.record", on_failure=LAST_RESORT), spec("tiny.echo", arn=LAST_RESORT), cold=False)
    functions.invoke_async(ARN, event)

    assert functions.wait_until_idle(60)
    *tries, last = functions.invocations
    assert [one.function for one in tries] == ["tiny"] * 3
    assert last.function == "last-resort"
    record = last.event
    assert record["version"] == "1.0"
    assert record["requestContext"] == {
        "requestId": tries[0].request_id,
        "functionArn": f"{ARN}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == event
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorMessage"] == "not today"


def test_retries_can_be_switched_off(service: ServiceFactory, spec: SpecFactory, tmp_path: Path) -> None:
    """MaximumRetryAttempts 0 means one try."""
    functions = service(spec("tiny.record", maximum_retry_attempts=0))
    functions.invoke_async(ARN, {"file": str(tmp_path / "file"), "plan": ["raise"]})

    assert functions.wait_until_idle(60)
    assert len(functions.invocations) == 1


def test_an_event_that_is_too_old_is_not_tried(service: ServiceFactory, spec: SpecFactory) -> None:
    """An event that waited longer than MaximumEventAgeInSeconds goes to the destination untried."""
    functions = service(
        spec("tiny.slow", concurrency=1, maximum_event_age=0.2, on_failure=LAST_RESORT),
        spec("tiny.echo", arn=LAST_RESORT),
    )
    functions.invoke_async(ARN, {"seconds": 0.6})
    functions.invoke_async(ARN, {"seconds": 0.0})

    assert functions.wait_until_idle(60)
    assert sorted(one.function for one in functions.invocations) == ["last-resort", "tiny"]
    (given_up,) = [one for one in functions.invocations if one.function == "last-resort"]
    assert given_up.event["requestContext"]["condition"] == "EventAgeExceeded"
    assert given_up.event["requestContext"]["approximateInvokeCount"] == 0


def test_the_worker_of_one_event_can_be_killed(service: ServiceFactory, spec: SpecFactory, tmp_path: Path) -> None:
    """Killing by event hits its worker and no other, and the event is delivered again."""
    functions = service(spec("tiny.record"))
    functions.invoke_async(ARN, {"file": str(tmp_path / "one"), "plan": ["sleep", "ok"]})
    functions.invoke_async(ARN, {"file": str(tmp_path / "two"), "plan": ["ok"]})
    wait_for(lambda: len(lines(tmp_path / "one")) == 1)

    assert functions.kill(lambda event: event["file"].endswith("one")) == 1
    assert functions.wait_until_idle(60)
    assert functions.kill(lambda _event: True) == 0

    statuses = {(Path(one.event["file"]).name, one.attempt): one.outcome.status for one in functions.invocations}
    assert statuses == {("one", 1): "crash", ("one", 2): "success", ("two", 1): "success"}


def test_an_event_can_be_delivered_twice_at_once(service: ServiceFactory, spec: SpecFactory, tmp_path: Path) -> None:
    """Two copies of one event run at the same time in two workers, under the same request id."""
    functions = service(spec("tiny.record"), copies=lambda _event: 2)
    functions.invoke_async(ARN, {"file": str(tmp_path / "file")})

    assert functions.wait_until_idle(60)
    assert len(functions.invocations) == 2
    assert len({one.request_id for one in functions.invocations}) == 1
    assert len({one.pid for one in functions.invocations}) == 2


def test_a_worker_that_died_while_idle_costs_no_event(service: ServiceFactory, spec: SpecFactory) -> None:
    """A dead idle worker is replaced before an event is given to it."""
    functions = service(spec("tiny.echo"))
    functions.invoke_async(ARN, {})
    assert functions.wait_until_idle(60)
    pid = functions.invocations[0].pid
    os.kill(pid, 9)
    wait_for(lambda: Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z")

    functions.invoke_async(ARN, {})
    assert functions.wait_until_idle(60)
    assert [one.outcome.status for one in functions.invocations] == ["success", "success"]


def test_closing_leaves_no_process_thread_or_descriptor(tmp_path: Path, spec: SpecFactory) -> None:
    """After close() there is no worker (not even a zombie), no thread and no open descriptor more than before."""
    descriptors = set(Path("/proc/self/fd").iterdir())
    threads = set(threading.enumerate())
    children = _children()

    with LambdaService(
        [spec("tiny.slow", concurrency=3), spec("tiny.echo", arn=LAST_RESORT)], logs=tmp_path
    ) as functions:
        functions.warm(LAST_RESORT, 2)
        functions.invoke_async(ARN, {"seconds": 0.0})
        assert functions.wait_until_idle(60)
        for _ in range(5):
            functions.invoke_async(ARN, {"seconds": 60})
        wait_for(lambda: len(_children() - children) >= 5)
        workers = _children() - children

    assert not workers & _children()
    assert set(Path("/proc/self/fd").iterdir()) == descriptors
    assert set(threading.enumerate()) == threads
    with pytest.raises(RuntimeError, match="shut down"):
        functions.invoke_async(ARN, {"seconds": 0.0})


def test_a_waiting_retry_ends_with_the_service(tmp_path: Path, spec: SpecFactory) -> None:
    """Closing does not wait for the minute that Lambda lets pass before a retry."""
    with LambdaService([spec("tiny.record", retry_delays=(60.0, 120.0))], logs=tmp_path / "logs") as functions:
        functions.invoke_async(ARN, {"file": str(tmp_path / "file"), "plan": ["raise"]})
        wait_for(lambda: len(functions.invocations) == 1)
        assert not functions.wait_until_idle(0.05)
        began = time.monotonic()

    assert time.monotonic() - began < 30
    assert len(lines(tmp_path / "file")) == 1


def test_records_do_not_show_the_event(service: ServiceFactory, spec: SpecFactory) -> None:
    """A printed record holds no ResponseURL (contract 38)."""
    functions = service(spec("tiny.echo"))
    functions.invoke_async(ARN, {"ResponseURL": "https://localhost/?X-Amz-Signature=secret"})

    assert functions.wait_until_idle(60)
    assert "secret" not in repr(functions.invocations)


def test_lambdas_own_delays_are_a_setting() -> None:
    """The waiting times before the retries are those given, the last one repeated."""
    spec = FunctionSpec(arn=ARN, code=Path(), handler="a.b", retry_delays=(60.0, 120.0))

    assert [spec.retry_delay(attempt) for attempt in (1, 2, 3)] == [60.0, 120.0, 120.0]


def _children() -> set[int]:
    children: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end meanwhile.
        with suppress(FileNotFoundError, ProcessLookupError):
            children |= {int(pid) for pid in (task / "children").read_text(encoding="utf-8").split()}
    return children
