"""Each error of CreateResource, provoked in the embedded WorkMail, as a person reads it in the stack's events."""

import re
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest

from tests.harness import Stage, room_properties
from workmail_resource.aws.advice import ADVICE
from workmail_rooms.sandbox.seed import EXAMPLE
from workmail_rooms.sandbox.workmail import Fault

MAX_BODY = 4096


def _directory(state: str) -> Callable[[Stage], None]:
    def provoke(stage: Stage) -> None:
        stage.workmail.organization(EXAMPLE).directory = state  # type: ignore[assignment] # one of the Literal's values

    return provoke


def _interoperability(stage: Stage) -> None:
    stage.workmail.organization(EXAMPLE).interoperability = True


def _organization_deleted(stage: Stage) -> None:
    stage.workmail.organization(EXAMPLE).state = "Deleted"


def _taken(stage: Stage) -> None:
    stage.create_room("BOARDROOM")


def _stricter_service(stage: Stage) -> None:
    # Whatever WorkMail may refuse beyond what its API model says.
    stage.workmail.add_fault(Fault(action="error", operation="CreateResource", code="InvalidParameterException"))


def _nothing(stage: Stage) -> None:
    del stage


CASES: dict[str, tuple[Callable[[Stage], None], dict[str, Any]]] = {
    "DirectoryServiceAuthenticationFailedException": (_directory("authentication_failed"), {}),
    "DirectoryUnavailableException": (_directory("unavailable"), {}),
    "InvalidParameterException": (_stricter_service, {}),
    "NameAvailabilityException": (_taken, {}),
    "OrganizationNotFoundException": (_nothing, {"OrganizationId": "m-" + "0" * 32}),
    "OrganizationStateException": (_organization_deleted, {}),
    "ReservedNameException": (_nothing, {"Name": "Administrator"}),
    "UnsupportedOperationException": (_interoperability, {}),
}


def test_cases_are_the_errors_that_the_service_models() -> None:
    """The cases here are all the errors that the API model lists for CreateResource."""
    model = botocore.session.get_session().get_service_model("workmail")
    assert {shape.name for shape in model.operation_model("CreateResource").error_shapes} == set(CASES)


@pytest.mark.long
@pytest.mark.parametrize("code", CASES)
def test_error_reaches_the_stack_event(stage: Stage, code: str) -> None:
    """The stack event shows the error's code, cause, advice and request id, untruncated."""
    provoke, overrides = CASES[code]
    provoke(stage)
    mark = stage.mark()
    outcome = stage.deploy(stage.template({"Room": room_properties(**overrides)}))
    assert outcome.status == "ROLLBACK_COMPLETE"
    assert "CreateResource" in stage.operations(mark)
    (reason,) = [
        event.resource_status_reason or ""
        for event in outcome.events
        if event.resource_status == "CREATE_FAILED" and event.logical_resource_id == "Room"
    ]
    message = reason.partition("Message returned: ")[2]
    assert re.match(rf"{code}: \S.+", message)
    assert ADVICE[code] in message
    assert re.search(r"\(request ID: [0-9a-f-]{36}; log stream: \S+\)", message)
    assert all(len(received.request.body) <= MAX_BODY for received in stage.received)
