"""Contracts 38-44: safety."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.harness import DESCRIPTION, OTHER_DOMAIN, Stage, everything, room_properties
from tests.harness.policy import KEY, allowed_actions, listed, statements
from tests.harness.records import actions, event_secrets, leaked
from tests.harness.release import FOLDER as RELEASES
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.seed import OTHER
from workmail_rooms.sandbox.services import Answer, Call

NOT_CREATED = "Custom::WorkMailResource/not-created"


# --------------------------------------------------------------------------------------------------------- contract 38


def test_contract_38_no_secret_anywhere(stage: Stage) -> None:
    """At the lowest log level no log line, metric, trace or answer holds a ResponseURL, a signature or a Description.

    (The same is looked for in every log of the whole suite when it ends.)
    """
    function = stage.variant("debug", environment={"POWERTOOLS_LOG_LEVEL": "DEBUG", "POWERTOOLS_LOG_EVENT": "true"})
    events: list[dict[str, Any]] = []
    bodies: list[bytes] = []

    def deliver(request_type: str, properties: dict[str, Any], **rest: Any) -> str:
        events.append(stage.event(request_type, properties=properties, function=function, **rest))
        answer = stage.deliver(events[-1])
        bodies.append(answer.body)
        return answer.physical_id

    # GIVEN success, failures of every layer, and services that repeat what they were sent
    secret = "another secret of the house"
    room = deliver("Create", everything())
    deliver("Update", everything(Description=secret), old_properties=everything(), physical_id=room)
    deliver("Create", everything(Description=secret, Type="HALL"), logical_id="Bad")
    stage.interventions.fail(
        "UpdateResource", code="InvalidParameterException", status=400, message=f"'{secret}' is refused", times=3
    )
    deliver("Update", everything(Description=secret, Name="atrium"), physical_id=room)
    stage.interventions.clear()
    stage.interventions.fail("Query", code="ValidationException", status=400, message=f"{DESCRIPTION}?", times=3)
    deliver("Create", everything(), logical_id="NoLedger")
    stage.interventions.clear()
    stage.misbehave(status=503)
    deliver("Delete", everything(), physical_id=room)
    stage.misbehave(times=9, status=403)
    events.append({**stage.event("Delete", physical_id=room, function=function), "RequestType": "Remove"})
    stage.send(events[-1]).wait()
    events.append({**stage.event("Create", function=function), "ResponseURL": events[0]["ResponseURL"] + " x"})
    stage.send(events[-1]).wait()

    # THEN nothing of it is to be found
    secrets = {one for event in events for one in event_secrets(event)} | {secret, DESCRIPTION}
    assert len(secrets) > len(events)
    assert leaked(stage.logs(), secrets) == []
    assert leaked(stage.logs(), [event["ResponseURL"].split("?")[0] for event in events]) == []
    assert leaked(b"".join(bodies).decode(), secrets) == []
    assert len(stage.log_records()) > len(events)


@pytest.mark.parametrize("description", ["e", "8", "boardroom"])
def test_contract_38_a_description_that_is_no_secret_hides_nothing(stage: Stage, description: str) -> None:
    """A Description of a letter, or the room's own name, is blotted out of no Reason and no log line."""
    message = "the boardroom of 8 seats is refused"
    stage.interventions.fail("CreateResource", code="InvalidParameterException", status=400, message=message)
    answer = stage.deliver(stage.event("Create", properties=room_properties(Description=description)))

    assert answer.reason.startswith(f"InvalidParameterException: {message} (CreateResource of ")
    assert [line for line in stage.log_records() if "***" in json.dumps(line)] == []


# --------------------------------------------------------------------------------------------------------- contract 39


def test_contract_39_exactly_the_calls_that_are_made(stage: Stage) -> None:
    """The role allows every call that the function makes in its whole life, and nothing beyond.

    (The calls of the whole suite are held against the role when it ends.)
    """

    def ignore_once(call: Call) -> Answer:
        return Answer.error(400, "EntityStateException", f"{call.operation} needs an enabled resource")

    # GIVEN a life with everything in it: creation, every change, adoption, a taken name, a detour, an organization gone
    room = stage.deliver(stage.event("Create", properties=everything())).physical_id
    changed = everything(Email="saal@example.com", Aliases=["x@example.com"], Delegates=["facilities"])
    stage.deliver(stage.event("Update", properties=changed, old_properties=everything(), physical_id=room))
    elsewhere_stack = f"{stage.stack_id[:-4]}beef"
    stage.deliver(stage.event("Create", properties=everything(), logical_id="Taken", stack_id=elsewhere_stack))
    stage.deliver(stage.event("Create", properties=room_properties(Name="alice"), logical_id="Person"))
    taken = room_properties(Name="snug", Email="saal@example.com")
    stage.deliver(stage.event("Create", properties=taken, logical_id="Address", stack_id=elsewhere_stack))
    stage.create_room("den")
    adopt = room_properties(Name="den", Email=None, ExistingResource="ADOPT", Description=DESCRIPTION)
    den = stage.deliver(stage.event("Create", properties=adopt, logical_id="Den"))
    assert den.succeeded, den.reason
    stage.interventions.before(ignore_once, "UpdateResource")
    detour = room_properties(Name="loft", Email=None, Description=DESCRIPTION)
    loft = stage.deliver(stage.event("Create", properties=detour, logical_id="Loft"))
    assert loft.succeeded, loft.reason
    stage.interventions.clear()
    for physical_id, properties, logical_id in (
        (room, changed, "Room"),
        (den.physical_id, adopt, "Den"),
        (loft.physical_id, detour, "Loft"),
    ):
        deleted = stage.deliver(
            stage.event("Delete", properties=properties, physical_id=physical_id, logical_id=logical_id)
        )
        assert deleted.succeeded, deleted.reason
    elsewhere = room_properties(OrganizationId=OTHER, Email=f"boardroom@{OTHER_DOMAIN}")
    last = stage.deliver(stage.event("Create", properties=elsewhere, logical_id="Last")).physical_id
    stage.workmail.organization(OTHER).state = "Deleted"
    stage.deliver(stage.event("Delete", properties=elsewhere, physical_id=last, logical_id="Last"))

    # THEN the role and the calls are the same set
    needed = {action for call in stage.calls() for action in actions(call)}
    assert needed == allowed_actions("workmail", "dynamodb")


def test_contract_39_on_the_organizations_only() -> None:
    """WorkMail is allowed on organizations, DynamoDB on the ledger, CloudFormation on stacks, KMS on the ledger's key.

    Only X-Ray is allowed on all: it has no parts.
    """
    for statement in statements():
        resource = json.dumps(statement["Resource"])
        services = {str(action).partition(":")[0] for action in listed(statement["Action"])}
        assert len(services) == 1
        assert (resource == '"*"') == (services == {"xray"})
        if services == {"workmail"}:
            assert ":organization/" in resource
        if services == {"dynamodb"}:
            assert resource == '"LedgerTable.Arn"'
        if services == {"kms"}:
            assert resource == f'"{KEY}"'
            assert statement["Condition"] == {"StringEquals": {"kms:ViaService": "dynamodb.us-east-1.amazonaws.com"}}
        if services == {"cloudformation"}:
            assert resource == '"arn:aws:cloudformation:us-east-1:123456789012:stack/*/*"'


# --------------------------------------------------------------------------------------------------------- contract 40

TROUBLES: dict[str, Callable[[], Answer]] = {
    "throttled": lambda: Answer.error(400, "ThrottlingException", "Rate exceeded"),
    "500": lambda: Answer.error(500, "InternalServerException", "as the test asked"),
    "not carried out": lambda: Answer(None),
    "reply lost": lambda: Answer(None),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_contract_40_trouble_at_every_call(virtual: VirtualStage, trouble: str) -> None:
    """Throttling, a 500, or a lost request or reply at every single call: the same end state, with few calls more."""
    hit: set[str] = set()

    def once(call: Call) -> Answer | None:
        # botocore makes a new token for every try of a transaction.
        parameters = {key: value for key, value in call.parameters.items() if key != "ClientRequestToken"}
        key = json.dumps([call.operation, parameters], sort_keys=True)
        if key in hit:
            return None
        hit.add(key)
        return TROUBLES[trouble]()

    def life() -> tuple[list[Any], list[int]]:
        """Create, change and delete a room; return what was there after each step and how many calls it took."""
        states: list[Any] = []
        counts: list[int] = []
        physical_id: str | None = None
        new = everything(Name="atrium", Email="atrium@example.com", Delegates=["bob"])
        for request_type, properties in (("Create", everything()), ("Update", new), ("Delete", new)):
            hit.clear()
            mark = virtual.mark()
            answer = virtual.deliver(virtual.event(request_type, properties=properties, physical_id=physical_id))
            assert answer.succeeded, answer.reason
            physical_id = answer.physical_id
            counts.append(len(virtual.calls(mark)))
            states.append([{**room.export(), "ResourceId": ""} for room in virtual.rooms()])
        return states, counts

    expected, usual = life()
    if trouble == "reply lost":
        virtual.interventions.after(once, times=10**6)
    else:
        virtual.interventions.before(once, times=10**6)
    states, counts = life()

    assert states == expected
    assert states[-1] == []
    assert all(count <= 3 * few for count, few in zip(counts, usual, strict=True)), (counts, usual)


def test_contract_40_attempts_are_bounded(virtual: VirtualStage) -> None:
    """A call that never works is tried a few times, not for ever."""
    room = virtual.deliver(virtual.event("Create")).physical_id
    mark = virtual.mark()
    virtual.interventions.fail("DescribeResource", times=10**6)
    event = virtual.event("Update", properties=everything(), physical_id=room)
    answer = virtual.deliver(event)

    assert (answer.status, answer.physical_id) == ("FAILED", room)
    assert answer.reason.startswith(("InternalServerException: ", "TimedOut"))
    assert 2 <= virtual.operations(mark).count("DescribeResource") <= 12


# --------------------------------------------------------------------------------------------------------- contract 41


@pytest.mark.parametrize("request_type", ["", "create", "Read", "_", None, 1, ["Create"]])
def test_contract_41_an_unknown_request_type(stage: Stage, request_type: object) -> None:
    """Anything but Create, Update and Delete is FAILED with a sentence that says so."""
    answer = stage.deliver({**stage.event("Create"), "RequestType": request_type})

    assert not answer.succeeded
    assert "RequestType" in answer.reason
    assert stage.operations() == []


@pytest.mark.parametrize("request_type", ["Create", "Update", "Delete"])
def test_contract_41_an_unknown_resource_type(stage: Stage, request_type: str) -> None:
    """A resource of another type is FAILED with a sentence that names it; WorkMail is not touched."""
    event = stage.event(request_type, physical_id="r-" + "1" * 32, resource_type="Custom::SomethingElse")
    answer = stage.deliver(event)

    assert not answer.succeeded
    assert "ResourceType is 'Custom::SomethingElse'; this function provides" in answer.reason
    assert stage.operations(service="workmail") == []


@pytest.mark.parametrize("request_type", ["Create", "Update"])
def test_contract_41_an_extra_property(virtual: VirtualStage, request_type: str) -> None:
    """A property that is not there is FAILED with its name, and with the one that was probably meant."""
    room = None if request_type == "Create" else virtual.deliver(virtual.event("Create")).physical_id
    mark = virtual.mark()
    answer = virtual.deliver(
        virtual.event(request_type, properties=room_properties(Discription="oops"), physical_id=room)
    )

    assert not answer.succeeded
    assert "Discription is not a property here; did you mean Description?" in answer.reason
    assert virtual.calls(mark) == ()


# --------------------------------------------------------------------------------------------------------- contract 42

_IMPORT = """
    import importlib, sys
    def refuse(event, args):
        # Not bind: urllib3 asks the kernel in that way whether there is IPv6, and sends nothing.
        if event.startswith(("socket.connect", "socket.get", "socket.send")):
            raise SystemExit(f"the import has used the network: {event}")
        if event == "open" and "service-2" in str(args[0]):
            raise SystemExit(f"the import has read the model of a service: {args[0]}")
    sys.addaudithook(refuse)
    import botocore.client
    def no_client(self, *args, **kwargs):
        raise SystemExit("the import has made a client")
    botocore.client.ClientCreator.create_client = no_client
    import logging
    before = (logging.getLogger().level, list(logging.getLogger().handlers))
    module = importlib.import_module(sys.argv[1])
    assert callable(module.handler)
    assert before == (logging.getLogger().level, list(logging.getLogger().handlers)), "the root logger was changed"
"""


def test_contract_42_an_import_does_nothing(stage: Stage) -> None:
    """Importing the code takes no network, Region, credentials, client or AWS model, and leaves the root logger."""
    spec = stage.function.spec
    path = os.pathsep.join([str(spec.code), spec.environment.get("PYTHONPATH", "")])
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(_IMPORT), spec.handler.rpartition(".")[0]],
        env={"PYTHONPATH": path, "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


# --------------------------------------------------------------------------------------------------------- contract 43


@pytest.mark.parametrize("value", ["true", "True", "TRUE", "tRuE", True])
def test_contract_43_booleans(virtual: VirtualStage, value: object) -> None:
    """True and false in any case are booleans."""
    other = {"true": "false", "True": "False", "TRUE": "FALSE", "tRuE": "fAlSe"}.get(str(value), False)
    properties = room_properties(
        HiddenFromGlobalAddressList=value, BookingOptions={"AutoDeclineConflictingRequests": other}
    )
    assert virtual.deliver(virtual.event("Create", properties=properties)).succeeded
    room = virtual.room()

    assert room is not None
    assert room.HiddenFromGlobalAddressList is True
    assert room.BookingOptions["AutoDeclineConflictingRequests"] is False


@pytest.mark.parametrize("value", ["yes", "1", "0", "", "on", "none", 1, None, ["true"]])
def test_contract_43_everything_else_is_refused(stage: Stage, value: object) -> None:
    """Everything else is refused, with the property's name and the value."""
    answer = stage.deliver(
        stage.event("Create", properties={**room_properties(), "HiddenFromGlobalAddressList": value})
    )

    assert not answer.succeeded
    assert f"HiddenFromGlobalAddressList is {value!r}; it must be true or false" in answer.reason


@pytest.mark.parametrize("name", ["0042", "1e3", "1_000", "007", "true", "null"])
def test_contract_43_a_name_like_a_number(virtual: VirtualStage, name: str) -> None:
    """A name that looks like a number, or like another value, stays the text that it is."""
    answer = virtual.deliver(virtual.event("Create", properties=room_properties(Name=name)))

    assert answer.succeeded
    assert answer.data["Name"] == name
    assert [room.Name for room in virtual.rooms()] == [name]


# --------------------------------------------------------------------------------------------------------- contract 44


def _form(item: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the names of a record's attributes, and of its entries' fields."""
    return sorted(item), [sorted(entry) for entry in json.loads(item["Entries"])]


def test_contract_44_the_present_form_is_written_down(stage: Stage) -> None:
    """The ledger's items have a form of which there is a fixture; else a new one is due (tests/harness/release.py)."""
    stage.deliver(stage.event("Create", properties=everything(), logical_id="Room"))
    written = next(item for item in stage.ledger() if item["Entry"] == "record")
    fixtures = [json.loads(path.read_text(encoding="utf-8")) for path in RELEASES.glob("*.json")]
    known = [
        {key: next(iter(value.values())) for key, value in item.items()}
        for fixture in fixtures
        for item in fixture["ledger"]
    ]

    assert _form(written) in [_form(item) for item in known if item["Entry"] == "record"]


def test_contract_44_what_an_older_version_has_made(stage: Stage, released: dict[str, Any]) -> None:
    """What an older version has created and adopted is updated and deleted by this one."""
    # GIVEN WorkMail and the ledger as that version has left them
    stage.backends.import_state({"workmail": released["workmail"], "dynamodb": {}})
    stage.load_ledger(released["ledger"])
    stage.stack_id = released["stack_id"]

    # WHEN each resource is updated, and deleted
    for logical_id, physical_id in released["resources"].items():
        old = released["properties"][logical_id]
        new = {**old, "Description": DESCRIPTION}
        updated = stage.deliver(
            stage.event("Update", properties=new, old_properties=old, physical_id=physical_id, logical_id=logical_id)
        )
        assert (updated.status, updated.physical_id) == ("SUCCESS", physical_id), updated.reason
        assert stage.describe(physical_id)["description"] == DESCRIPTION
        without_adopt = {key: value for key, value in new.items() if key != "ExistingResource"}
        deleted = stage.deliver(
            stage.event("Delete", properties=without_adopt, physical_id=physical_id, logical_id=logical_id)
        )
        assert (deleted.status, deleted.physical_id) == ("SUCCESS", physical_id), deleted.reason

    # THEN nothing of it is left
    assert stage.rooms() == []
    assert stage.entries() == []
