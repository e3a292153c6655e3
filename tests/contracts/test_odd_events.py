"""Contracts 1, 8, 20 and 41 on events that nobody would think of."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.timeless import Timeless
from tests.harness import Answer, Function, Stage, room_properties

# Lone surrogates included: JSON can hold them.
_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_NO_TEXT = _JSON.filter(lambda value: not isinstance(value, str))
_NO_OBJECT = _JSON.filter(lambda value: not isinstance(value, dict))
_MISSING = object()

#: What makes an event one that has to be refused: a field, and the values that nobody may accept in it.
_FATAL: dict[str, st.SearchStrategy[Any]] = {
    "RequestType": _JSON.filter(lambda value: value not in ("Create", "Update", "Delete")) | st.just(_MISSING),
    "StackId": _NO_TEXT | st.just("") | st.just(_MISSING),
    "RequestId": _NO_TEXT | st.just("") | st.just(_MISSING),
    "LogicalResourceId": _NO_TEXT | st.just("") | st.just(_MISSING),
    "ResourceType": _JSON.filter(lambda value: "WorkMail" not in str(value)) | st.just(_MISSING),
    "ResourceProperties": _NO_OBJECT | st.just(_MISSING),
}
_FATAL_PROPERTIES: dict[str, st.SearchStrategy[Any]] = {
    "OrganizationId": _JSON.filter(lambda value: not str(value).startswith("m-")),
    "Name": _NO_TEXT | _TEXT.map(lambda text: f"two words {text}"),
    "Type": _JSON.filter(lambda value: value not in ("ROOM", "EQUIPMENT")),
    "Email": _NO_TEXT | _TEXT.filter(lambda text: "@" not in text),
    "Aliases": _JSON.filter(lambda value: value != []),
    "Delegates": _NO_TEXT.filter(lambda value: value != []) | _TEXT,
    "HiddenFromGlobalAddressList": _JSON.filter(lambda value: str(value).lower() not in ("true", "false")),
    "BookingOptions": _JSON.filter(lambda value: value != {}),
    "Description": _NO_TEXT | st.just("a very long secret " * 4),
    "ExistingResource": _JSON.filter(lambda value: value not in ("FAIL", "ADOPT")),
    "Whatever": _JSON,
}


@st.composite
def _changes(draw: st.DrawFn) -> dict[str, Any]:
    """Draw fields to set (or to leave out) in an event, at least one of them fatal; "Properties" are merged."""
    changes: dict[str, Any] = {}
    if draw(st.booleans()):
        field = draw(st.sampled_from(sorted(_FATAL)))
        changes[field] = draw(_FATAL[field])
    else:
        names = draw(st.sets(st.sampled_from(sorted(_FATAL_PROPERTIES)), min_size=1, max_size=4))
        changes["ResourceProperties"] = room_properties(
            **{name: draw(_FATAL_PROPERTIES[name].filter(lambda value: value is not None)) for name in sorted(names)}
        )
    for field in ("OldResourceProperties", "PhysicalResourceId", "Whatever"):
        if draw(st.booleans()):
            changes[field] = draw(_JSON)
    return changes


def _patient(stage: Stage) -> Function:
    return stage.variant("odd", maximum_retry_attempts=0, on_failure=None)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(request_type=st.sampled_from(["Create", "Update"]), changes=_changes())
def test_contract_01_20_41_any_malformed_event(play: Timeless, request_type: str, changes: dict[str, Any]) -> None:
    """Whatever is wrong with an event or its properties, there is exactly one answer: well-formed and FAILED."""
    event = {**play.event(request_type, physical_id="r-" + "0" * 32), **changes}
    event = {key: value for key, value in event.items() if value is not _MISSING}
    mark = play.stage.mark()
    answer = play.deliver(event)

    assert answer.status == "FAILED"
    assert play.stage.operations(mark, "workmail") == []


_USABLE = st.text("abc/?=&%", max_size=20)
_UNUSABLE_URLS = (
    _NO_TEXT
    | _TEXT.filter(lambda text: not text.startswith("https:"))
    | st.builds("http://localhost/{}".format, _USABLE)
    | st.builds("https://{} x".format, _USABLE)
    | st.builds("https:///{}".format, _USABLE)
    | st.builds("https://localhost:{}/".format, st.integers(min_value=65536) | st.just("x") | st.just(-1))
    | st.builds("https://[{}/".format, _USABLE)
    | st.just(_MISSING)
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(request_type=st.sampled_from(["Create", "Update", "Delete", "Other"]), url=_UNUSABLE_URLS)
def test_contract_08_any_unusable_url(stage: Stage, request_type: str, url: object) -> None:
    """Without a usable ResponseURL an error is raised, no service is called and nobody gets a request."""
    event = {**stage.event(request_type, physical_id="r-" + "0" * 32), "ResponseURL": url}
    event = {key: value for key, value in event.items() if value is not _MISSING}
    received, mark = len(stage.received), stage.mark()
    (tried,) = stage.send(event, function=_patient(stage)).wait(30)

    assert tried.outcome.status == "error"
    assert tried.outcome.payload["errorType"] == "InvalidResponseUrlError"
    assert len(stage.received) == received
    assert stage.calls(mark) == ()


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    physical_id=_TEXT.filter(bool),
    properties=_JSON,
    old_properties=_JSON,
    logical_id=_TEXT.filter(bool),
    request_id=_TEXT.filter(bool),
)
def test_contract_03_31_33_35_any_delete(play: Timeless, **fields: Any) -> None:
    """A Delete with any id and any properties, of something that never was, succeeds under the same ids."""
    event = {
        **play.event("Delete"),
        "PhysicalResourceId": fields["physical_id"],
        "ResourceProperties": fields["properties"],
        "OldResourceProperties": fields["old_properties"],
        "LogicalResourceId": fields["logical_id"],
        "RequestId": fields["request_id"],
    }
    mark = play.stage.mark()
    answer: Answer = play.deliver(event)

    assert (answer.status, answer.physical_id) == ("SUCCESS", fields["physical_id"])
    assert play.stage.writes(mark) == []
