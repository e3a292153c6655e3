import random
from itertools import islice, pairwise
from typing import Any

import botocore.exceptions
import pytest
from botocore.stub import Stubber
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.conftest import MakeClient
from tests.unit.workmail_resource.support import (
    DROP,
    METADATA,
    ORGANIZATION,
    RESOURCE,
    FakeClock,
    Log,
    Reply,
    caller,
    serving,
)
from workmail_resource.aws.advice import THROTTLING_CODES
from workmail_resource.aws.calls import Caller
from workmail_resource.aws.clients import client
from workmail_resource.aws.errors import ServiceError
from workmail_resource.aws.retries import (
    FIRST_DELAY,
    LONGEST_DELAY,
    MAX_ATTEMPTS,
    delays,
    is_lost,
    is_throttling,
    is_transient,
)
from workmail_resource.protocol.clock import Deadline
from workmail_resource.protocol.errors import OutOfTimeError

URL = "https://workmail.eu-west-1.amazonaws.com/"
PARAMETERS = {"OrganizationId": ORGANIZATION, "ResourceId": RESOURCE}
FOUND = Reply(body=b'{"ResourceId":"r-1","Name":"boardroom"}', headers={"x-amzn-RequestId": "call-1"})


def refusal(code: str, message: str = "no", status: int = 400) -> Reply:
    """Return an answer of WorkMail's that says no."""
    return Reply(
        status,
        f'{{"__type":"com.amazonaws.workmail#{code}","Message":"{message}"}}'.encode(),
        {"x-amzn-RequestId": "call-1"},
    )


def error(code: str = "Anything", status: int = 400, cause: BaseException | None = None) -> ServiceError:
    """Return a failed call."""
    failure = ServiceError(service="workmail", operation="DescribeResource", code=code, message="no", status=status)
    failure.__cause__ = cause
    return failure


@settings(deadline=None)
@given(st.integers(), st.floats(0.01, 5), st.floats(5, 60))
def test_delays_grow_and_stay_within_bounds(seed: int, first: float, longest: float) -> None:
    """Waits are at least half of the first one, at most the longest, and their ceiling doubles from wait to wait."""
    waits = list(islice(delays(random.Random(seed), first, longest), 20))  # noqa: S311 - for jitter
    ceilings = [min(longest, first * 2**turn) for turn in range(20)]
    assert all(first / 2 <= wait <= ceiling for wait, ceiling in zip(waits, ceilings, strict=True))


def test_delays_differ_between_callers() -> None:
    """Two callers that were refused together do not come back together."""
    one, other = (list(islice(delays(random.Random(seed)), 10)) for seed in (1, 2))  # noqa: S311 - for jitter
    assert one != other


def test_delays_reach_their_longest() -> None:
    """The waits of a long trouble are seconds, not milliseconds: their mean comes to half of the longest."""
    late = list(islice(delays(random.Random(3)), 10, 1010))  # noqa: S311 - for jitter
    assert sum(late) / len(late) == pytest.approx(LONGEST_DELAY / 2, rel=0.1)
    assert min(late) >= FIRST_DELAY / 2
    assert any(after < before for before, after in pairwise(late))


@pytest.mark.parametrize("code", sorted(THROTTLING_CODES))
def test_throttling_is_known_by_its_codes(code: str) -> None:
    """Every name that AWS has for throttling is known as such, whatever its HTTP status (contract 40)."""
    assert is_throttling(error(code))
    assert is_transient(error(code))


def test_throttling_is_known_by_its_status() -> None:
    """HTTP 429 is throttling under any name (contract 40)."""
    assert is_throttling(error("BrandNewException", 429))


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("BrandNewException", 500),
        ("504", 504),
        ("DirectoryUnavailableException", 400),
        ("RequestTimeoutException", 400),
        ("InternalServerError", 400),
        ("TransactionInProgressException", 400),
    ],
)
def test_passing_trouble_is_transient(code: str, status: int) -> None:
    """HTTP 5xx and what a service says will pass may be tried again (contract 40)."""
    assert is_transient(error(code, status))
    assert not is_throttling(error(code, status))


def test_a_conflict_with_a_transaction_is_transient() -> None:
    """DynamoDB refuses a single write while a transaction holds the item; a little later it will not (contract 40).

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling
    """
    assert is_transient(error("TransactionConflictException"))


@pytest.mark.parametrize(
    "cause",
    [
        botocore.exceptions.EndpointConnectionError(endpoint_url=URL),
        botocore.exceptions.ConnectTimeoutError(endpoint_url=URL),
        botocore.exceptions.ReadTimeoutError(endpoint_url=URL),
        botocore.exceptions.ConnectionClosedError(endpoint_url=URL),
        botocore.exceptions.HTTPClientError(error="broken"),
    ],
    ids=lambda cause: type(cause).__name__,
)
def test_a_lost_reply_is_transient(cause: BaseException) -> None:
    """A call without a reply may be tried again (contract 40)."""
    assert is_lost(error(status=0, cause=cause))
    assert is_transient(error(status=0, cause=cause))


@pytest.mark.parametrize(
    "failure",
    [
        error("InvalidParameterException"),
        error("NameAvailabilityException"),
        error("LimitExceededException"),
        error("AccessDeniedException"),
        error("ConditionalCheckFailedException"),
        error("NoCredentialsError", 0, botocore.exceptions.NoCredentialsError()),
        error("SSLError", 0, botocore.exceptions.SSLError(endpoint_url=URL, error=OSError("expired"))),
        error("ParamValidationError", 0, botocore.exceptions.ParamValidationError(report="no")),
    ],
    ids=lambda failure: failure.code,
)
def test_what_stays_wrong_is_not_transient(failure: ServiceError) -> None:
    """What the same call would meet again is not tried again; a limit of WorkMail's is final, not throttling."""
    assert not is_transient(failure)


def test_call_returns_what_the_service_says(client: MakeClient, clock: FakeClock) -> None:
    """A call is made once, and its result returned; the log has its operation and its id, not its parameters."""
    log = Log()
    with serving(FOUND) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        response = caller(workmail, clock, log=log).call("DescribeResource", PARAMETERS)
    assert response["Name"] == "boardroom"
    assert [request.headers["x-amz-target"] for request in server.requests] == ["WorkMailService.DescribeResource"]
    assert log.records == [("call", {"operation": "DescribeResource", "attempt": 1, "call_id": "call-1"})]


@pytest.mark.parametrize(
    "failures",
    [
        [DROP],
        [refusal("ThrottlingException")],
        [refusal("InternalFailure", status=500), Reply(503)],
        [refusal("DirectoryUnavailableException"), DROP, refusal("TooManyRequestsException", status=429)],
    ],
)
def test_call_tries_again_what_is_transient(client: MakeClient, clock: FakeClock, failures: list[Reply]) -> None:
    """Throttling, HTTP 5xx and lost replies are tried again after a wait, each try being logged (contract 40)."""
    log = Log()
    with serving(*failures, FOUND) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        response = caller(workmail, clock, log=log).call("DescribeResource", PARAMETERS)
    assert response["Name"] == "boardroom"
    assert len(server.requests) == len(clock.slept) + 1 == len(failures) + 1
    assert [message for message, _ in log.records] == ["call failed"] * len(failures) + ["call"]
    assert [keys["attempt"] for _, keys in log.records] == list(range(1, len(failures) + 2))


def test_a_failed_call_says_whether_it_was_throttled(client: MakeClient, clock: FakeClock) -> None:
    """The log tells refusals because of the rate of calls, under any code, from other failures."""
    log = Log()
    failures = [refusal("ThrottlingException"), refusal("Odd", status=429), refusal("InternalFailure", status=500)]
    with serving(*failures, FOUND) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        caller(workmail, clock, log=log).call("DescribeResource", PARAMETERS)
    assert [keys.get("throttled") for _, keys in log.records] == [True, True, False, None]


@pytest.mark.parametrize("code", ["LimitExceededException", "NameAvailabilityException", "BrandNewException"])
def test_call_does_not_repeat_a_refusal(client: MakeClient, clock: FakeClock, code: str) -> None:
    """A refusal is raised at once, with all that the service said of it."""
    with serving(refusal(code, "it is so")) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        with pytest.raises(ServiceError) as raised:
            caller(workmail, clock).call("DescribeResource", PARAMETERS, subject="resource r-1")
    failure = raised.value
    assert (failure.code, failure.message, failure.status, failure.request_id) == (code, "it is so", 400, "call-1")
    assert (failure.operation, failure.subject, failure.attempts) == ("DescribeResource", "resource r-1", 1)
    assert len(server.requests) == 1
    assert clock.slept == []


def test_call_gives_up_after_its_attempts(client: MakeClient, clock: FakeClock) -> None:
    """Trouble that does not pass is raised after a bounded number of tries, which the failure tells (contract 40)."""
    with serving(refusal("InternalFailure", status=500)) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        with pytest.raises(ServiceError) as raised:
            caller(workmail, clock).call("DescribeResource", PARAMETERS)
    assert raised.value.attempts == len(server.requests) == MAX_ATTEMPTS


def test_call_is_throttled_until_the_deadline(client: MakeClient, clock: FakeClock) -> None:
    """Throttling is waited out for as long as there is time, and then told as what it is (contracts 12 and 40)."""
    workmail = client()
    begun = clock.now
    with Stubber(workmail) as stub:
        for _ in range(200):
            stub.add_client_error("describe_resource", "ThrottlingException", "slower", 400)
        with pytest.raises(ServiceError) as raised:
            caller(workmail, clock, seconds=120).call("DescribeResource", PARAMETERS)
    assert raised.value.code == "ThrottlingException"
    assert raised.value.attempts > MAX_ATTEMPTS
    assert 100 < clock.now - begun < 120


def test_call_raises_the_failure_when_there_is_no_time_for_another_try(client: MakeClient, clock: FakeClock) -> None:
    """What failed is told, and not that the time was short for yet another try; its cause stays known."""
    with serving(DROP) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        with pytest.raises(ServiceError) as raised:
            caller(workmail, clock, seconds=0.05).call("DescribeResource", PARAMETERS)
    assert raised.value.code == "ConnectionClosedError"
    assert is_lost(raised.value)
    assert len(server.requests) == 1


def test_call_does_not_begin_without_time(client: MakeClient, clock: FakeClock) -> None:
    """After the deadline no call is made any more (contract 11)."""
    with serving(FOUND) as server:
        calls = caller(client(endpoint_url=f"http://localhost:{server.port}"), clock)
        calls.deadline.stop()
        with pytest.raises(OutOfTimeError):
            calls.call("DescribeResource", PARAMETERS)
        assert server.requests == []


def test_call_does_not_repeat_a_mistake_of_ours(client: MakeClient, clock: FakeClock) -> None:
    """Parameters that botocore does not take are a failure with a name, and no call."""
    with pytest.raises(ServiceError) as raised:
        caller(client(), clock).call("DescribeResource", {})
    assert raised.value.code == "ParamValidationError"
    assert raised.value.attempts == 1


def test_clients_do_not_retry_by_themselves(client: MakeClient, clock: FakeClock) -> None:
    """One place decides what is tried again: botocore makes one request for each try of ours."""
    with serving(refusal("ThrottlingException"), FOUND) as server:
        workmail = client(endpoint_url=f"http://localhost:{server.port}")
        with pytest.raises(workmail.exceptions.ClientError):
            workmail.describe_resource(**PARAMETERS)
        assert len(server.requests) == 1
    assert clock.slept == []


def test_within_has_another_deadline_on_the_same_client(client: MakeClient, clock: FakeClock) -> None:
    """A caller in a hurry stops earlier than the one it was taken from."""
    workmail: Any = client()
    calls = caller(workmail, clock, seconds=100)
    hurried = calls.within(calls.deadline.earlier(0.1))
    clock.sleep(10)
    with Stubber(workmail) as stub:
        stub.add_response("describe_resource", {"ResourceId": RESOURCE, **METADATA}, PARAMETERS)
        with pytest.raises(OutOfTimeError):
            hurried.call("DescribeResource", PARAMETERS)
        assert calls.call("DescribeResource", PARAMETERS)["ResourceId"] == RESOURCE


# --------------------------------------------------------------------------------------------------------------- client


def test_a_client_is_made_once() -> None:
    """One process makes one client for each service and Region, whose own retries are off, and keeps it."""
    workmail = client("workmail", "us-east-1", 60)
    assert client("workmail", "us-east-1", 60) is workmail
    assert client("workmail", "us-west-2", 60).meta.region_name == "us-west-2"
    assert client("dynamodb", None, 60).meta.region_name == "eu-west-1"
    assert workmail.meta.config.retries["total_max_attempts"] == 1


def test_a_failure_to_make_a_client_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong once may work at the next event."""
    with monkeypatch.context() as without:
        without.delenv("AWS_DEFAULT_REGION")
        with pytest.raises(botocore.exceptions.NoRegionError):
            client("dynamodb", None, 60)
    assert client("dynamodb", None, 60).meta.region_name == "eu-west-1"


@pytest.mark.parametrize(
    ("seconds", "timeouts"),
    [(290.0, (5, 20)), (25.0, (5, 20)), (24.9, (2, 6)), (8.0, (2, 6)), (7.9, (1, 1)), (0.0, (1, 1))],
)
def test_a_late_call_gets_a_client_that_does_not_wait_long(seconds: float, timeouts: tuple[int, int]) -> None:
    """To connect and to wait for a reply never takes longer than a call has time, down to a second each."""
    config = client("dynamodb", None, seconds).meta.config
    assert (config.connect_timeout, config.read_timeout) == timeouts
    assert config.retries["total_max_attempts"] == 1


def test_each_try_is_made_with_the_client_for_the_time_that_is_left(client: MakeClient, clock: FakeClock) -> None:
    """Every try asks for a client anew, since time has passed; so a call that hangs cannot outlive its event."""
    workmail = client()
    asked: list[float] = []

    def client_for(seconds: float) -> Any:
        asked.append(seconds)
        clock.sleep(4)
        return workmail

    deadline = Deadline(clock, clock.monotonic() + 26)
    calls = Caller(client_for, deadline=deadline, rng=random.Random(7), log=Log())  # noqa: S311 - for jitter
    with Stubber(workmail) as stub:
        stub.add_client_error("describe_resource", "InternalServerException", "no", 500)
        stub.add_response("describe_resource", {**METADATA})
        calls.call("DescribeResource", PARAMETERS)
    assert asked[0] == 26
    assert asked[1] < 22
