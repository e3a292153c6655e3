"""Failures on demand, the rate limit, and the hooks."""

import threading
from random import Random
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from workmail_rooms.sandbox.workmail import Fault, RateLimit
from workmail_rooms.sandbox.workmail.faults import Injector

from .conftest import BOTH, Seen, Service, refusal, workmail_client


@BOTH
@pytest.mark.parametrize(
    ("action", "code", "status"),
    [
        ("throttle", "ThrottlingException", 400),
        ("http_500", "InternalFailure", 500),
        ("http_503", "ServiceUnavailable", 503),
    ],
)
@pytest.mark.parametrize("carried_out", [False, True])
def test_a_call_can_fail_before_or_after_it_took_effect(
    service: Service, action: Any, code: str, status: int, *, carried_out: bool
) -> None:
    """The answer is the failure; whether the room exists afterwards is `carried_out`."""
    service.backend.add_fault(Fault(action=action, operation="CreateResource", nth=(1,), carried_out=carried_out))

    with pytest.raises(ClientError) as raised:
        service.room()
    response = raised.value.response
    assert (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    assert refusal(service.room) == ("NameAvailabilityException" if carried_out else "OK")


@BOTH
def test_an_error_can_be_asked_for(service: Service) -> None:
    """Any code with its documented text or another one, such as AccessDeniedException, which no model lists."""
    service.seen.asked_for.add("AccessDeniedException")
    service.backend.add_fault(Fault(action="error", operation="CreateResource", code="ReservedNameException", nth=(1,)))
    denied = Fault(action="error", operation="CreateResource", code="AccessDeniedException", message="No.", nth=(2,))
    service.backend.add_fault(denied)

    with pytest.raises(ClientError, match="name is not allowed in WorkMail"):
        service.room()
    with pytest.raises(ClientError, match=r"AccessDeniedException.*No\."):
        service.room()
    assert refusal(service.room) == "OK"


@BOTH
@pytest.mark.parametrize(("action", "exists"), [("lose_reply", True), ("drop", False)])
def test_a_connection_can_close_without_an_answer(service: Service, action: Any, *, exists: bool) -> None:
    """``lose_reply`` carries the call out and ``drop`` does not; the client sees the same closed connection."""
    service.backend.add_fault(Fault(action=action, operation="CreateResource", nth=(1,)))

    with pytest.raises(ConnectionClosedError):
        service.room()
    assert (service.organization.named("boardroom") is not None) is exists


@BOTH
def test_a_lost_reply_meets_botocores_own_retry(service: Service, transport: str | None) -> None:
    """GIVEN a client that retries WHEN the reply to CreateResource is lost THEN it sees NameAvailabilityException."""
    service.backend.add_fault(Fault(action="lose_reply", operation="CreateResource", nth=(1,)))
    client = workmail_client(transport, Seen(), Config(retries={"total_max_attempts": 2, "mode": "standard"}))

    assert refusal(client.create_resource, **service.org, Name="room", Type="ROOM") == "NameAvailabilityException"
    assert [call.outcome for call in service.backend.calls] == ["ReplyLost", "NameAvailabilityException"]
    client.close()


def test_a_delay_is_slept_and_other_faults_still_apply(service: Service) -> None:
    """``delay`` waits by the backend's own `sleep`, with no lock held."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        other = threading.Thread(target=service.backend.invoke, args=("ListResources", service.org))
        other.start()
        other.join(timeout=60)
        assert not other.is_alive(), "the lock was held"
        slept.append(seconds)

    service.backend.sleep = sleep
    service.backend.add_fault(Fault(action="delay", operation="CreateResource", seconds=1.5))
    service.backend.add_fault(Fault(action="throttle", operation="CreateResource", nth=(2,)))

    assert [refusal(service.room, name) for name in ("a", "b")] == ["OK", "ThrottlingException"]
    assert slept == [1.5, 1.5]


@pytest.mark.parametrize(
    ("rule", "hit"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"nth": (2, 5)}, [2, 5]),
        ({"every": 3}, [3, 6]),
        ({"probability": 0.0}, []),
        ({"probability": 1.0}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_rule_hits_the_calls_it_names(service: Service, rule: dict[str, Any], hit: list[int]) -> None:
    """All calls, the n-th, every k-th, or a share of them, counted for the operation alone."""
    service.backend.add_fault(Fault(action="throttle", operation="ListResources", **rule))
    outcomes = []
    for _ in range(6):
        service.client.list_users(**service.org)
        outcomes.append(refusal(service.client.list_resources, **service.org))

    assert [number for number, outcome in enumerate(outcomes, 1) if outcome != "OK"] == hit


def test_a_probability_is_that_of_the_given_random_numbers() -> None:
    """The same seed gives the same failures, and about the share that was asked for."""
    fault = Fault(action="throttle", probability=0.25)
    runs = []
    for _ in range(2):
        injector, random = Injector([]), Random(7)  # noqa: S311 - repeatable on purpose
        runs.append([bool(injector.hits([fault], "ListResources", random)) for _ in range(1000)])

    assert runs[0] == runs[1]
    assert 200 < sum(runs[0]) < 300


def test_a_rule_without_an_operation_counts_all_calls(service: Service) -> None:
    """`operation` None matches whatever is called."""
    service.backend.add_fault(Fault(action="throttle", every=2))
    calls = [service.client.list_users, service.client.list_resources, service.client.list_groups]

    assert [refusal(call, **service.org) for call in calls] == ["OK", "ThrottlingException", "OK"]


def test_adding_a_rule_leaves_the_counts_of_others(service: Service) -> None:
    """GIVEN a rule that has seen a call WHEN another is added THEN its second call is still its second."""
    service.backend.add_fault(Fault(action="throttle", operation="ListUsers", nth=(2,)))
    first = refusal(service.client.list_users, **service.org)
    service.backend.add_fault(Fault(action="throttle", operation="ListGroups"))
    second = refusal(service.client.list_users, **service.org)
    service.backend.clear_faults()

    assert (first, second) == ("OK", "ThrottlingException")
    assert refusal(service.client.list_groups, **service.org) == "OK"


@pytest.mark.parametrize("wrong", [{"nth": (1,), "every": 2}, {"action": "error"}])
def test_a_rule_without_meaning_is_refused(wrong: dict[str, Any]) -> None:
    """Mixed selectors and an error without a code are errors of the test."""
    with pytest.raises(ValueError, match="A Fault"):
        Fault(**{"action": "throttle"} | wrong)


def test_the_rate_limit_follows_the_clock(service: Service) -> None:
    """A burst passes, then so many requests per second of the given clock; the rest is throttled."""
    service.behave(rate_limit=RateLimit(per_second=2, burst=3))

    def outcomes(count: int) -> list[str]:
        return [refusal(service.client.list_resources, **service.org) for _ in range(count)]

    assert outcomes(4) == ["OK", "OK", "OK", "ThrottlingException"]
    service.clock.time += 0.5
    assert outcomes(2) == ["OK", "ThrottlingException"]
    service.clock.time += 60
    assert outcomes(4) == ["OK", "OK", "OK", "ThrottlingException"]


def test_hooks_run_before_and_after_a_call(service: Service) -> None:
    """A hook sees the request before anything is decided, when it may change the organization, and after."""
    seen: list[tuple[str, str, bool]] = []

    def hook(operation: str, phase: str, request: Any) -> None:
        seen.append((operation, phase, service.organization.named(request["Name"]) is not None))
        if phase == "before" and request["Name"] == "taken":
            service.backend.invoke("CreateResource", request)

    service.backend.hooks.append(hook)

    assert refusal(service.room, "free") == "OK"
    assert refusal(service.room, "taken") == "NameAvailabilityException"
    assert seen == [
        ("CreateResource", "before", False),
        ("CreateResource", "after", True),
        ("CreateResource", "before", False),
        ("CreateResource", "after", True),
    ]
