"""Contracts 1-10: the response protocol."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.contracts.timeless import TIMEOUT, Timeless
from tests.harness import DESCRIPTION, Function, Stage, everything, room_properties
from workmail_resource.protocol.response import DeliveryError
from workmail_rooms.sandbox.seed import EXAMPLE

ODD_IDS = {
    "LogicalResourceId": 'Räume "1" \\ \u2028 <&>',
    "RequestId": "request-字-\u00a0%2F+ 'x'",
}


def _alone(stage: Stage) -> Function:
    """Return the function with nobody to help it."""
    return stage.variant("alone", maximum_retry_attempts=0, on_failure=None)


def _sabotaged_event(
    stage: Stage, function: Function, sabotage: str, request_type: str = "Create", **rest: Any
) -> dict[str, Any]:
    return stage.event(request_type, properties=room_properties(Sabotage=sabotage), function=function, **rest)


# ---------------------------------------------------------------------------------------------------------- contract 1


@pytest.mark.long
@pytest.mark.parametrize(
    "properties",
    [room_properties(), room_properties(Name="no such name!"), room_properties(Delegates=["nobody"])],
    ids=["success", "invalid", "refused"],
)
def test_contract_01_one_answer(stage: Stage, properties: dict[str, Any]) -> None:
    """Success, a refused input and a failure half way are each answered by exactly one PUT."""
    event = stage.event("Create", properties=properties)
    sent = stage.send(event)
    sent.wait()
    requests = [one for one in stage.received if event["ResponseURL"].endswith(one.request.target)]

    assert [(one.request.method, one.status) for one in requests] == [("PUT", 200)]
    assert len(sent.puts()) == 1


def test_contract_01_system_exit(stage: Stage, sabotaged: Function) -> None:
    """A ``SystemExit`` from anywhere in the lifecycle is answered like any other failure."""
    answer = stage.deliver(_sabotaged_event(stage, sabotaged, "exit"))

    assert not answer.succeeded
    assert "SystemExit" in answer.reason


@pytest.mark.parametrize("broken", [{"RequestType": None}, {"ResourceProperties": "text"}, {"StackId": 7}])
def test_contract_01_bad_input(stage: Stage, broken: dict[str, Any]) -> None:
    """An event that is not CloudFormation's is answered FAILED, once."""
    event = {**stage.event("Create"), **broken}

    assert not stage.deliver(event).succeeded


# ---------------------------------------------------------------------------------------------------------- contract 2


def test_contract_02_a_long_reason_is_shortened(stage: Stage) -> None:
    """However many problems there are, the body stays within 4096 bytes, and begins and ends as it should."""
    aliases = [f"ä{'字' * 200}{number}" for number in range(120)]
    answer = stage.deliver(stage.event("Create", properties=room_properties(Aliases=aliases)))

    assert not answer.succeeded
    assert 3900 < len(answer.body) <= 4096
    assert answer.reason.startswith("InvalidProperties: ")
    assert "log stream: " in answer.reason[-150:]


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_contract_02_data_too_large(stage: Stage, sabotaged: Function, request_type: str) -> None:
    """Data that does not fit is left out, and SUCCESS still arrives."""
    answer = stage.deliver(_sabotaged_event(stage, sabotaged, "huge data", request_type, physical_id="r-" + "5" * 32))

    assert answer.succeeded


def test_contract_02_data_that_is_not_json(stage: Stage, sabotaged: Function) -> None:
    """Data that cannot be written as JSON still leads to an answer that is CloudFormation's own in every field."""
    answer = stage.deliver(_sabotaged_event(stage, sabotaged, "data that is not JSON"))

    assert not answer.succeeded


# ---------------------------------------------------------------------------------------------------------- contract 3


@pytest.mark.parametrize("request_type", ["Create", "Delete"])
def test_contract_03_ids_byte_for_byte(stage: Stage, request_type: str) -> None:
    """StackId, RequestId and LogicalResourceId come back byte for byte, whatever characters they have."""
    event = stage.sign({**stage.event(request_type, physical_id="rooms-Room-1ABC"), **ODD_IDS})
    answer = stage.deliver(event)
    body = json.loads(answer.body)

    assert {key: body[key] for key in ODD_IDS} == ODD_IDS
    assert body["StackId"] == event["StackId"]


# ---------------------------------------------------------------------------------------------------------- contract 4


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_contract_04_an_id_in_every_failure(stage: Stage, request_type: str) -> None:
    """A FAILED answer has an id: that of the event if it has one, else a marker, the same for each delivery of it."""
    function = stage.variant("no-settings", environment={"LEDGER_TABLE": None})
    physical_id = None if request_type == "Create" else "r-" + "1" * 32
    event = stage.event(request_type, physical_id=physical_id, function=function)
    ids = {stage.deliver(event).physical_id for _ in range(2)}

    assert len(ids) == 1
    assert physical_id is None or ids == {physical_id}


def test_contract_04_an_event_without_an_id(stage: Stage) -> None:
    """An Update or Delete whose PhysicalResourceId is missing or no text is answered with some id all the same."""
    for broken in (None, "", 5, ["r-1"]):
        for request_type in ("Update", "Delete"):
            event = {**stage.event(request_type), "PhysicalResourceId": broken}
            assert stage.deliver(event).physical_id


# ---------------------------------------------------------------------------------------------------------- contract 5


def test_contract_05_cause_first_ids_last(stage: Stage) -> None:
    """Reason begins with WorkMail's error code and message and ends with the call's request id and the log stream."""
    stage.create_room("boardroom")
    answer = stage.deliver(stage.event("Create"))

    assert answer.reason.startswith("NameAvailabilityException: ")
    assert "boardroom" in answer.reason
    ids = r" \(request ID: [0-9a-f-]{36}; log stream: \d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}\)$"
    assert re.search(ids, answer.reason)


def test_contract_05_an_exception_without_arguments(stage: Stage, sabotaged: Function) -> None:
    """An exception without any text still leads to a Reason, which names it."""
    answer = stage.deliver(_sabotaged_event(stage, sabotaged, "silent"))

    assert answer.reason.startswith("RuntimeError: ")
    assert "Traceback" not in answer.reason


def test_contract_05_the_head_of_a_long_cause(stage: Stage, sabotaged: Function) -> None:
    """Of a cause that is too long, the beginning is kept, and the request id and log stream stay whole."""
    answer = stage.deliver(_sabotaged_event(stage, sabotaged, "long"))

    assert answer.reason.startswith("RuntimeError: the cause stands here.")
    assert re.search(r"log stream: [^ ]+\)$", answer.reason)


def test_contract_05_never_a_secret(stage: Stage) -> None:
    """A Description that WorkMail repeats in its error message does not get into Reason."""
    message = f"The description '{DESCRIPTION}' is refused."
    stage.interventions.fail("UpdateResource", code="InvalidParameterException", status=400, message=message, times=99)
    answer = stage.deliver(stage.event("Create", properties=room_properties(Description=DESCRIPTION)))

    assert answer.reason.startswith("InvalidParameterException: The description")
    assert DESCRIPTION not in answer.body.decode()


# ---------------------------------------------------------------------------------------------------------- contract 6


def test_contract_06_headers_and_url(stage: Stage) -> None:
    """Content-Type is empty, Content-Length counts bytes, and the URL is used to the letter."""
    event = stage.sign({**stage.event("Delete", physical_id="rooms-Räume-1ABC"), **ODD_IDS})
    answer = stage.deliver(event)
    (put,) = [one.request for one in stage.received if event["ResponseURL"].endswith(one.request.target)]

    assert (put.method, put.headers["content-type"]) == ("PUT", "")
    assert put.headers["content-length"] == str(len(answer.body)) != str(len(answer.body.decode()))
    assert "%7C" in put.target
    assert "%2F" in put.target


# ---------------------------------------------------------------------------------------------------------- contract 7


@pytest.mark.parametrize(
    "misbehaviour", [{"status": 503}, {"status": 500}, {"drop": True}, {"drop": True, "deliver": True}]
)
def test_contract_07_connection_errors_and_5xx_are_retried(stage: Stage, misbehaviour: dict[str, Any]) -> None:
    """A refused or lost PUT is sent again, the same to the byte, and the work is not done again for it."""
    stage.misbehave(times=2, **misbehaviour)
    sent = stage.send(stage.event("Create"))
    tries = sent.wait()
    bodies = {one.request.body for one in stage.received[-3:]}

    assert [one.outcome.status for one in tries] == ["success"]
    assert stage.received[-1].status == 200
    assert len(bodies) == 1
    assert stage.operations().count("CreateResource") == 1


@pytest.mark.parametrize("status", [400, 403])
def test_contract_07_a_refusal_is_final(stage: Stage, status: int) -> None:
    """HTTP 400 and 403 are not retried, by us or by Lambda: waiting does not mend them. One metric tells of it."""
    before = len(stage.received)
    stage.misbehave(times=9, status=status)
    # Lambda would give the event twice more to a function that fails.
    (tried,) = stage.send(stage.event("Delete", physical_id="none")).wait()

    assert tried.outcome.status == "success"
    assert len(stage.received) == before + 1
    refused = [line for line in stage.log_records() if line.get("message") == "the answer was not delivered"]
    assert [line["error"] for line in refused] == [f"AnswerRefusedError: the ResponseURL answered HTTP {status}"]
    assert [line["Unanswered"] for line in stage.log_records() if "Unanswered" in line] == [[1.0]]


@pytest.mark.parametrize("trouble", ["503 for ever", "no answer", "nobody listens"])
def test_contract_07_nothing_is_endless(play: Timeless, trouble: str) -> None:
    """An endpoint that never takes the answer ends the invocation with an error, before Lambda has to kill it."""

    def endpoint(timeout: float) -> int:
        if trouble == "503 for ever":
            return 503
        if trouble == "no answer":
            play.wait(timeout)
            raise TimeoutError
        raise ConnectionRefusedError

    play.endpoint = endpoint
    event = play.event("Delete", physical_id="none")
    began = play.now

    with pytest.raises(DeliveryError):
        play.deliver(event)
    assert TIMEOUT - 30 < play.now - began < TIMEOUT


# ---------------------------------------------------------------------------------------------------------- contract 8

UNUSABLE_URLS = [None, "", 42, "not a URL", "https://", "https:///x", "ftp://localhost/x", "http://localhost/x"]


def test_contract_08_no_usable_url(stage: Stage) -> None:
    """Without a usable ResponseURL the event is logged and raised: nothing is called, nobody gets a PUT."""
    stage.deliver(stage.event("Delete", physical_id="none"), function=_alone(stage))
    received, calls = len(stage.received), stage.mark()
    for url in UNUSABLE_URLS:
        event = {**stage.event("Create"), "ResponseURL": url}
        (tried,) = stage.send(event, function=_alone(stage)).wait()
        assert tried.outcome.status == "error", url
        assert tried.outcome.payload["errorType"] == "InvalidResponseUrlError"
        assert tried.outcome.payload["errorMessage"] in stage.logs()

    assert len(stage.received) == received
    assert stage.calls(calls) == ()


@pytest.mark.parametrize("missing", ["ResponseURL", "StackId", "RequestType"])
def test_contract_08_never_to_an_earlier_url(stage: Stage, missing: str) -> None:
    """A malformed event on a warm process is never answered to the URL of the event before."""
    function = _alone(stage)
    first = stage.send(stage.event("Delete", physical_id="none", function=function))
    first.answer()
    event = stage.event("Create", function=function)
    del event[missing]
    second = stage.send(event)
    second.wait()

    assert first.puts() == []
    assert len(second.puts()) == (0 if missing == "ResponseURL" else 1)


# ---------------------------------------------------------------------------------------------------------- contract 9


def test_contract_09_the_same_keys(stage: Stage) -> None:
    """Data is a flat map of strings with the same keys after Create and Update, Email or not."""
    created = stage.deliver(stage.event("Create", properties=everything()))
    updated = stage.deliver(
        stage.event(
            "Update",
            properties=room_properties(Email=None),
            old_properties=everything(),
            physical_id=created.physical_id,
        )
    )

    assert created.succeeded
    assert updated.succeeded
    assert created.data == {
        "ResourceId": created.physical_id,
        "OrganizationId": EXAMPLE,
        "Name": "boardroom",
        "Type": "ROOM",
        "Email": "boardroom@example.com",
        "State": "ENABLED",
    }
    assert updated.data == {**created.data, "Email": "", "State": "DISABLED"}


# --------------------------------------------------------------------------------------------------------- contract 10


def _normalised(body: bytes) -> str:
    """Return a body without what differs from event to event by its nature: ids, log streams."""
    text = re.sub(r"r-[0-9a-f]{32}", "r-...", body.decode())
    text = re.sub(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", "log stream", text)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "uuid", text)


def _story(stage: Stage, function: Function, *, cold: bool) -> tuple[list[str], list[int]]:
    """Deliver events that leave traces if anything does, each after the other; return the answers and processes."""
    stage.reset()
    function.service.cold = cold
    answers: list[str] = []
    pids: list[int] = []

    def deliver(request_type: str, properties: Mapping[str, Any], **rest: Any) -> str:
        sent = stage.send(stage.event(request_type, properties=properties, function=function, **rest))
        answer = sent.answer()
        pids.append(sent.ended()[0].pid)
        answers.append(_normalised(answer.body))
        return answer.physical_id

    first = deliver("Create", everything())
    deliver("Create", room_properties(Type="HALL"), logical_id="Bad")
    deliver("Create", room_properties(Name="den", Email=None), logical_id="Den")
    deliver("Update", everything(Email=None), physical_id=first)
    deliver("Delete", everything(), physical_id=first)
    return answers, pids


@pytest.mark.long
def test_contract_10_warm_and_cold_alike(stage: Stage) -> None:
    """The same events through one warm process and through cold ones give byte-identical answers, apart from ids."""
    function = stage.variant("one-by-one", concurrency=1)
    warm_answers, warm_pids = _story(stage, function, cold=False)
    cold_answers, cold_pids = _story(stage, function, cold=True)

    assert len(set(warm_pids)) == 1
    assert len(set(cold_pids)) == len(cold_pids)
    assert warm_answers == cold_answers


def test_contract_10_no_echo_is_reset(stage: Stage, sabotaged: Function) -> None:
    """NoEcho that one event has set is not in the answer to the next."""
    first = stage.deliver(_sabotaged_event(stage, sabotaged, "no echo"))
    second = stage.deliver(_sabotaged_event(stage, sabotaged, "nothing"))

    assert (first.no_echo, second.no_echo) == (True, False)
