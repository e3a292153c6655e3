import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path
from typing import Any

import botocore.exceptions
import botocore.session
import pytest
import yaml
from botocore.stub import Stubber
from moto import mock_aws

from tests.unit.workmail_resource.support import (
    METADATA,
    ORGANIZATION,
    OTHER_ORGANIZATION,
    OTHER_RESOURCE,
    RESOURCE,
    STACK,
    FakeClock,
    caller,
    event,
)
from workmail_resource.aws.clients import CLIENT_CONFIG
from workmail_resource.ownership.errors import LedgerUnavailableError, OvertakenError
from workmail_resource.ownership.ledger import CANCELLATION_LIFETIME, Ledger
from workmail_resource.ownership.rules import Cancellation, Entry, Record, is_being_changed

TABLE = "ledger"
OWNER = f"{STACK}|BoardRoom"
OTHER_OWNER = f"{STACK}|Den"
TEMPLATE = Path(__file__).parents[4] / "template.yaml"

BEGUN = Entry(
    owner=OWNER,
    organization_id=ORGANIZATION,
    resource_type="Custom::WorkMailResource",
    request_id="request-1",
    name="boardroom",
    worker="request-1",
    working_until=1_700_000_300,
    signed_at=100,
)
CREATE = event(signed_at=100)
DELETE = Cancellation(creates_until=100, updates_until=99, by="request-9")
IDENTIFIED = replace(BEGUN, resource_id=RESOURCE)
ADOPTED = replace(IDENTIFIED, origin="ADOPTED", before={"Name": "boardroom", "Aliases": ["a@example.com"]})
SETTLED = replace(
    ADOPTED,
    settled=True,
    settled_at=1_700_000_100,
    worker="",
    working_until=0,
    gone_request_id="request-7",
    signed_at=200,
)


class _Loader(yaml.SafeLoader):
    """Reads a template and takes its intrinsic functions for nothing."""


_Loader.add_multi_constructor("!", lambda _loader, _suffix, _node: None)


def ledger_table() -> dict[str, Any]:
    """Return the properties of LedgerTable in the provider stack's template."""
    template = yaml.load(TEMPLATE.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
    properties: dict[str, Any] = template["Resources"]["LedgerTable"]["Properties"]
    return properties


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """Make a DynamoDB with the table of the provider stack's template."""
    properties = ledger_table()
    with mock_aws():
        session = botocore.session.Session()
        client: Any = session.create_client("dynamodb", region_name="eu-west-1", config=CLIENT_CONFIG)
        keys = ("BillingMode", "AttributeDefinitions", "KeySchema")
        client.create_table(TableName=TABLE, **{key: properties[key] for key in keys})
        yield client


@pytest.fixture
def ledger(dynamodb: Any, clock: FakeClock) -> Ledger:
    """Make a ledger on that table."""
    return Ledger(caller(dynamodb, clock), TABLE, clock)


@pytest.fixture
def lose_reply(dynamodb: Any) -> Callable[[], None]:
    """Make a function that loses DynamoDB's next reply to a write, after the write was carried out."""

    def lose() -> None:
        lost: list[str] = []

        def forget(model: Any, **_: object) -> None:
            if model.name not in {"Query", "GetItem"} and not lost:
                lost.append(model.name)
                raise botocore.exceptions.ConnectionClosedError(endpoint_url="https://dynamodb.eu-west-1.amazonaws.com")

        dynamodb.meta.events.register("after-call.dynamodb", forget)

    return lose


def identified(ledger: Ledger, entry: Entry = IDENTIFIED) -> Entry:
    """Bring *entry* into the ledger, with its id and its claim."""
    ledger.begin(replace(entry, resource_id=None, origin="CREATED", before=None))
    ledger.identify(entry, CREATE)
    return entry


def items(dynamodb: Any) -> list[dict[str, Any]]:
    """Return all that the table holds."""
    found: list[dict[str, Any]] = dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return found


# ----------------------------------------------------------------------------------------------------------------- read


def test_read_of_an_empty_table(ledger: Ledger) -> None:
    """Nothing is known of a resource that nothing was written about."""
    assert ledger.read(OWNER) == Record()
    assert ledger.holder(ORGANIZATION, RESOURCE) is None


def test_read_returns_what_was_written(ledger: Ledger) -> None:
    """Every field of an entry comes back as it was, at each stage of its life."""
    ledger.begin(BEGUN)
    assert ledger.read(OWNER) == Record((BEGUN,))
    ledger.identify(ADOPTED, CREATE)
    assert ledger.read(OWNER) == Record((ADOPTED,))
    ledger.change(SETTLED)
    assert ledger.read(OWNER) == Record((SETTLED,))


def test_read_finds_every_organization_and_the_cancellation(ledger: Ledger) -> None:
    """A resource that is being replaced has two entries; its cancellation is not a third."""
    elsewhere = replace(BEGUN, organization_id=OTHER_ORGANIZATION)
    ledger.begin(BEGUN)
    ledger.begin(elsewhere)
    ledger.cancel(OWNER, DELETE)
    record = ledger.read(OWNER)
    assert sorted(record.entries, key=str) == sorted([BEGUN, elsewhere], key=str)
    assert record.cancellation == DELETE


def test_read_keeps_owners_apart(ledger: Ledger) -> None:
    """What is known of one logical resource is not told of another one."""
    ledger.begin(BEGUN)
    ledger.cancel(OWNER, DELETE)
    assert ledger.read(OTHER_OWNER) == Record()


@pytest.mark.parametrize("item", [{"Owner": {"S": OWNER}, "Entry": {"S": ORGANIZATION}}])
def test_read_takes_items_with_less_in_them(ledger: Ledger, dynamodb: Any, item: Any) -> None:
    """What a version of the provider did not write yet has its default (contract 44)."""
    dynamodb.put_item(TableName=TABLE, Item=item)
    assert ledger.read(OWNER) == Record((Entry(OWNER, ORGANIZATION, "", "", ""),))


def test_read_takes_items_of_the_first_version(ledger: Ledger, dynamodb: Any) -> None:
    """What version 0.1.0 has written is understood (contract 44)."""
    dynamodb.put_item(
        TableName=TABLE,
        Item={
            "Owner": {"S": OWNER},
            "Entry": {"S": ORGANIZATION},
            "ResourceType": {"S": "Custom::WorkMailResource"},
            "RequestId": {"S": "request-1"},
            "Name": {"S": "boardroom"},
            "ResourceId": {"S": RESOURCE},
            "Origin": {"S": "ADOPTED"},
            "Settled": {"BOOL": True},
            "WorkingUntil": {"N": "0"},
            "SettledAt": {"N": "1700000000"},
            "Before": {"S": '{"Name": "boardroom"}'},
            "GoneRequestId": {"S": "request-7"},
        },
    )
    (entry,) = ledger.read(OWNER).entries
    assert entry == Entry(
        OWNER,
        ORGANIZATION,
        "Custom::WorkMailResource",
        "request-1",
        "boardroom",
        resource_id=RESOURCE,
        origin="ADOPTED",
        settled=True,
        before={"Name": "boardroom"},
        settled_at=1_700_000_000,
        gone_request_id="request-7",
    )


# ---------------------------------------------------------------------------------------------------------------- begin


def test_begin_again_by_the_same_event(ledger: Ledger) -> None:
    """An event that is delivered again may begin again (contracts 13 and 14)."""
    ledger.begin(BEGUN)
    later = replace(BEGUN, working_until=1_700_000_900)
    ledger.begin(later)
    assert ledger.read(OWNER) == Record((later,))


def test_begin_does_not_push_another_event_aside(ledger: Ledger) -> None:
    """An entry of another event stays as it is (contract 14)."""
    ledger.begin(BEGUN)
    with pytest.raises(OvertakenError):
        ledger.begin(replace(BEGUN, request_id="request-2"))
    assert ledger.read(OWNER) == Record((BEGUN,))


def test_begin_does_not_forget_an_id(ledger: Ledger) -> None:
    """Once the resource's id is known, not even the same event may begin anew (contract 19)."""
    identified(ledger)
    with pytest.raises(OvertakenError):
        ledger.begin(BEGUN)
    assert ledger.read(OWNER) == Record((IDENTIFIED,))


# ------------------------------------------------------------------------------------------------------------- identify


def test_identify_claims_the_resource(ledger: Ledger) -> None:
    """With its id, an entry claims the resource for its owner."""
    identified(ledger)
    assert ledger.read(OWNER) == Record((IDENTIFIED,))
    assert ledger.holder(ORGANIZATION, RESOURCE) == OWNER
    assert ledger.holder(OTHER_ORGANIZATION, RESOURCE) is None
    assert ledger.holder(ORGANIZATION, OTHER_RESOURCE) is None


def test_identify_needs_an_entry(ledger: Ledger) -> None:
    """Where a Delete has taken the entry away, neither id nor claim is written (contract 32)."""
    with pytest.raises(OvertakenError):
        ledger.identify(IDENTIFIED, CREATE)
    assert ledger.read(OWNER) == Record()
    assert ledger.holder(ORGANIZATION, RESOURCE) is None


def test_identify_does_not_change_an_id(ledger: Ledger) -> None:
    """An entry that has an id keeps it, and no second resource is claimed (contract 14)."""
    identified(ledger)
    with pytest.raises(OvertakenError):
        ledger.identify(replace(IDENTIFIED, resource_id=OTHER_RESOURCE), CREATE)
    assert ledger.read(OWNER) == Record((IDENTIFIED,))
    assert ledger.holder(ORGANIZATION, OTHER_RESOURCE) is None


def test_identify_does_not_take_what_another_holds(ledger: Ledger) -> None:
    """A resource that another owner claims stays that owner's, and the entry stays without an id (contract 45)."""
    identified(ledger, replace(IDENTIFIED, owner=OTHER_OWNER))
    ledger.begin(BEGUN)
    with pytest.raises(OvertakenError):
        ledger.identify(IDENTIFIED, CREATE)
    assert ledger.read(OWNER) == Record((BEGUN,))
    assert ledger.holder(ORGANIZATION, RESOURCE) == OTHER_OWNER


@pytest.mark.parametrize("request_type", ["Create", "Update"])
@pytest.mark.parametrize("signed_at", [98, 99, 100, 101, 0, None])
@pytest.mark.parametrize("request_id", ["request-1", DELETE.by])
def test_identify_is_refused_to_what_was_cancelled(
    ledger: Ledger, request_type: str, signed_at: int | None, request_id: str
) -> None:
    """What a Delete has overtaken cannot write down what it made, and what it has not overtaken can (contract 32)."""
    late = event(request_type, signed_at=signed_at, request_id=request_id)
    ledger.begin(BEGUN)
    ledger.cancel(OWNER, DELETE)
    if DELETE.covers(late):
        with pytest.raises(OvertakenError):
            ledger.identify(IDENTIFIED, late)
        assert ledger.read(OWNER).entries == (BEGUN,)
        assert ledger.holder(ORGANIZATION, RESOURCE) is None
    else:
        ledger.identify(IDENTIFIED, late)
        assert ledger.read(OWNER).entries == (IDENTIFIED,)


def test_identify_is_not_refused_by_the_delete_of_another(ledger: Ledger) -> None:
    """A Delete of one logical resource does not stop another one of the same stack (contract 32)."""
    ledger.begin(BEGUN)
    ledger.cancel(OTHER_OWNER, DELETE)
    ledger.identify(IDENTIFIED, event(signed_at=50))
    assert ledger.read(OWNER).entries == (IDENTIFIED,)


# -------------------------------------------------------------------------------------------------------------- take_up


UPDATE = event("Update", request_id="request-2", signed_at=200)


def taken_up(entry: Entry) -> Entry:
    """Return *entry* as being changed by the Update."""
    return replace(entry, worker=UPDATE.request_id, working_until=1_700_000_600, signed_at=200)


def test_take_up_what_nobody_works_on(ledger: Ledger) -> None:
    """An entry that nobody works on can be taken up, and taken up again by the same event (contract 18)."""
    identified(ledger)
    ledger.change(replace(IDENTIFIED, worker="", working_until=0))
    for _ in range(2):
        ledger.take_up(taken_up(IDENTIFIED), UPDATE)
    assert ledger.read(OWNER) == Record((taken_up(IDENTIFIED),))
    assert ledger.holder(ORGANIZATION, RESOURCE) == OWNER


@pytest.mark.parametrize("until", [-2, -1, 0, 1, 300])
@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_take_up_waits_for_whoever_is_at_work(ledger: Ledger, clock: FakeClock, until: int, fraction: float) -> None:
    """An entry is taken up exactly when nobody is waited for any more: the other invocation has surely ended."""
    begun = identified(ledger, replace(IDENTIFIED, working_until=int(clock.now) + until))
    clock.now += fraction
    if is_being_changed(begun, UPDATE, clock.now):
        with pytest.raises(OvertakenError):
            ledger.take_up(taken_up(begun), UPDATE)
        assert ledger.read(OWNER) == Record((begun,))
    else:
        ledger.take_up(taken_up(begun), UPDATE)
        assert ledger.read(OWNER) == Record((taken_up(begun),))


def test_take_up_is_refused_to_an_earlier_event(ledger: Ledger) -> None:
    """An event that is delivered late does not take up what a later one has changed."""
    identified(ledger)
    ledger.change(replace(SETTLED, signed_at=201))
    with pytest.raises(OvertakenError):
        ledger.take_up(taken_up(SETTLED), UPDATE)


def test_take_up_is_refused_to_what_was_cancelled(ledger: Ledger) -> None:
    """An Update that was cancelled does not take up anything (contract 32)."""
    identified(ledger)
    ledger.change(SETTLED)
    ledger.cancel(OWNER, Cancellation(creates_until=200, updates_until=200, by="request-9"))
    with pytest.raises(OvertakenError):
        ledger.take_up(taken_up(SETTLED), UPDATE)
    assert ledger.read(OWNER).entries == (SETTLED,)


def test_take_up_brings_nothing_back(ledger: Ledger) -> None:
    """An entry that has gone, or is another resource's by now, is not taken up (contracts 17 and 32)."""
    with pytest.raises(OvertakenError):
        ledger.take_up(taken_up(SETTLED), UPDATE)
    assert ledger.read(OWNER) == Record()
    later = identified(ledger, replace(IDENTIFIED, resource_id=OTHER_RESOURCE))
    with pytest.raises(OvertakenError):
        ledger.take_up(taken_up(SETTLED), UPDATE)
    assert ledger.read(OWNER) == Record((later,))


# --------------------------------------------------------------------------------------------------------------- change


def test_change_leaves_the_claim(ledger: Ledger) -> None:
    """A changed entry goes on holding its resource."""
    identified(ledger, ADOPTED)
    ledger.change(SETTLED)
    assert ledger.read(OWNER) == Record((SETTLED,))
    assert ledger.holder(ORGANIZATION, RESOURCE) == OWNER


def test_change_brings_nothing_back(ledger: Ledger) -> None:
    """An entry that a Delete has taken away does not come back (contract 32)."""
    identified(ledger)
    ledger.forget(IDENTIFIED)
    with pytest.raises(OvertakenError):
        ledger.change(SETTLED)
    assert ledger.read(OWNER) == Record()


def test_change_does_not_touch_a_later_resource(ledger: Ledger) -> None:
    """An entry that has become another resource's is not overwritten (contract 17)."""
    later = identified(ledger, replace(IDENTIFIED, resource_id=OTHER_RESOURCE))
    with pytest.raises(OvertakenError):
        ledger.change(SETTLED)
    assert ledger.read(OWNER) == Record((later,))


def test_change_does_not_undo_what_a_later_event_has_written(ledger: Ledger) -> None:
    """An event that is delivered late changes nothing that a later event has changed; one of the same second does."""
    identified(ledger)
    ledger.change(SETTLED)
    with pytest.raises(OvertakenError):
        ledger.change(replace(SETTLED, signed_at=199, gone_request_id=""))
    assert ledger.read(OWNER) == Record((SETTLED,))
    ledger.change(replace(SETTLED, gone_request_id=""))
    assert ledger.read(OWNER) == Record((replace(SETTLED, gone_request_id=""),))


# --------------------------------------------------------------------------------------------------------------- forget


def test_forget_takes_entry_and_claim_away(ledger: Ledger, dynamodb: Any) -> None:
    """Nothing stays of an entry: the resource's id and its name are free for the next one."""
    identified(ledger)
    ledger.forget(IDENTIFIED)
    assert items(dynamodb) == []


def test_forget_twice_is_forgotten_once(ledger: Ledger, dynamodb: Any) -> None:
    """What is gone already may be forgotten again (contract 18)."""
    identified(ledger)
    for _ in range(2):
        ledger.forget(IDENTIFIED)
        ledger.forget(BEGUN)
    assert items(dynamodb) == []


def test_forget_an_entry_without_an_id(ledger: Ledger, dynamodb: Any) -> None:
    """A Create that made nothing leaves nothing."""
    ledger.begin(BEGUN)
    ledger.forget(BEGUN)
    assert items(dynamodb) == []


@pytest.mark.parametrize(
    "outdated",
    [BEGUN, replace(BEGUN, request_id="request-2"), replace(IDENTIFIED, resource_id=OTHER_RESOURCE)],
    ids=["without-its-id", "another-event", "another-resource"],
)
def test_forget_leaves_what_has_become_another(ledger: Ledger, outdated: Entry) -> None:
    """An entry that is no longer as it was read stays, with its claim."""
    identified(ledger)
    with pytest.raises(OvertakenError):
        ledger.forget(outdated)
    assert ledger.read(OWNER) == Record((IDENTIFIED,))
    assert ledger.holder(ORGANIZATION, RESOURCE) == OWNER


def test_forget_leaves_another_event_s_beginning(ledger: Ledger) -> None:
    """An entry that another event has begun meanwhile stays."""
    ledger.begin(BEGUN)
    with pytest.raises(OvertakenError):
        ledger.forget(replace(BEGUN, request_id="request-2"))
    assert ledger.read(OWNER) == Record((BEGUN,))


def test_forget_leaves_the_cancellation(ledger: Ledger) -> None:
    """That a Delete came is remembered longer than what it took away (contract 32)."""
    identified(ledger)
    ledger.cancel(OWNER, DELETE)
    ledger.forget(IDENTIFIED)
    assert ledger.read(OWNER) == Record((), DELETE)


# --------------------------------------------------------------------------------------------------------------- cancel


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_cancel_keeps_the_widest(ledger: Ledger, order: tuple[int, ...]) -> None:
    """Of several cancellations the latest counts, in whichever order they arrive (contract 32)."""
    reversed_update = Cancellation(creates_until=100, updates_until=100, by="request-8")
    later = Cancellation(creates_until=101, updates_until=100, by="request-10")
    for index in order:
        ledger.cancel(OWNER, (DELETE, reversed_update, later)[index])
    assert ledger.read(OWNER).cancellation == later


def test_cancel_of_the_same_second(ledger: Ledger) -> None:
    """A reversed Update cancels more than a Delete of its second does, in whichever order they arrive (contract 32)."""
    reversed_update = Cancellation(creates_until=100, updates_until=100, by="request-8")
    for _ in range(2):
        ledger.cancel(OWNER, DELETE)
        ledger.cancel(OWNER, reversed_update)
        ledger.cancel(OWNER, DELETE)
        assert ledger.read(OWNER).cancellation == reversed_update


def test_cancel_expires(ledger: Ledger, dynamodb: Any, clock: FakeClock) -> None:
    """A cancellation goes by itself, by the template's TTL, but not before Lambda has dropped every earlier event."""
    ledger.cancel(OWNER, DELETE)
    (item,) = items(dynamodb)
    ttl = ledger_table()["TimeToLiveSpecification"]
    assert ttl["Enabled"] is True
    assert item[ttl["AttributeName"]] == {"N": str(int(clock.now) + CANCELLATION_LIFETIME)}
    assert CANCELLATION_LIFETIME > 6 * 3600


def test_nothing_else_expires(ledger: Ledger, dynamodb: Any) -> None:
    """Whose a room is never expires (contract 37)."""
    identified(ledger)
    ledger.change(SETTLED)
    assert len(items(dynamodb)) == 2
    assert all(ledger_table()["TimeToLiveSpecification"]["AttributeName"] not in item for item in items(dynamodb))


# --------------------------------------------------------------------------------------------------------- lost replies


WRITES: dict[str, tuple[list[str], Callable[[Ledger], object]]] = {
    "begin": ([], lambda ledger: ledger.begin(BEGUN)),
    "identify": (["begin"], lambda ledger: ledger.identify(IDENTIFIED, CREATE)),
    "change": (["begin", "identify"], lambda ledger: ledger.change(SETTLED)),
    "take_up": (["begin", "identify", "change"], lambda ledger: ledger.take_up(taken_up(SETTLED), UPDATE)),
    "forget": (["begin", "identify"], lambda ledger: ledger.forget(IDENTIFIED)),
    "forget-unidentified": (["begin"], lambda ledger: ledger.forget(BEGUN)),
    "cancel": ([], lambda ledger: ledger.cancel(OWNER, DELETE)),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_write_whose_reply_was_lost_is_content_with_its_result(
    ledger: Ledger, dynamodb: Any, lose_reply: Callable[[], None], clock: FakeClock, write: str
) -> None:
    """Every write that is repeated because its reply was lost finds its own result and is content (contract 40)."""
    before, act = WRITES[write]
    for step in before:
        WRITES[step][1](ledger)
    lose_reply()
    act(ledger)
    after = items(dynamodb)
    assert len(clock.slept) == 1
    # THEN the table is as it is without the loss
    for item in after:
        dynamodb.delete_item(TableName=TABLE, Key={key: item[key] for key in ("Owner", "Entry")})
    clock.now -= sum(clock.slept)
    for step in (*before, write):
        WRITES[step][1](ledger)

    def key(item: dict[str, Any]) -> str:
        return json.dumps(item, sort_keys=True)

    assert sorted(items(dynamodb), key=key) == sorted(after, key=key)


# --------------------------------------------------------------------------------------------------------- transactions


def cancelled(*reasons: str) -> str:
    """Return DynamoDB's text for a transaction that was cancelled for these *reasons*."""
    return f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(reasons)}]"


@pytest.fixture
def stubbed(clock: FakeClock, client: Callable[..., Any]) -> Iterator[tuple[Ledger, Stubber]]:
    """Make a ledger on a client that answers by a script: moto knows no concurrent transactions."""
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        yield Ledger(caller(dynamodb, clock, seconds=20), TABLE, clock), stub


def test_a_conflict_of_transactions_is_waited_out(stubbed: tuple[Ledger, Stubber], clock: FakeClock) -> None:
    """A transaction that met another one is tried again after a wait (contract 40)."""
    ledger, stub = stubbed
    for _ in range(3):
        message = cancelled("None", "TransactionConflict", "None")
        stub.add_client_error("transact_write_items", "TransactionCanceledException", message, 400)
    stub.add_response("transact_write_items", METADATA)
    ledger.identify(IDENTIFIED, CREATE)
    stub.assert_no_pending_responses()
    assert len(clock.slept) == 3


@pytest.mark.parametrize(
    "reasons",
    [
        ("ConditionalCheckFailed", "None", "None"),
        ("None", "None", "ConditionalCheckFailed"),
        ("TransactionConflict", "ConditionalCheckFailed", "None"),
    ],
)
def test_a_condition_that_does_not_hold_is_not_waited_out(
    stubbed: tuple[Ledger, Stubber], clock: FakeClock, reasons: tuple[str, ...]
) -> None:
    """A transaction whose condition does not hold has been overtaken, whatever else it met."""
    ledger, stub = stubbed
    stub.add_client_error("transact_write_items", "TransactionCanceledException", cancelled(*reasons), 400)
    with pytest.raises(OvertakenError):
        ledger.forget(IDENTIFIED)
    assert clock.slept == []


@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_throttled_transaction_is_not_overtaken(stubbed: tuple[Ledger, Stubber], reason: str) -> None:
    """A transaction that was cancelled because of the rate of writes is tried again (contract 40).

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
    """
    ledger, stub = stubbed
    stub.add_client_error(
        "transact_write_items", "TransactionCanceledException", cancelled("None", reason, "None"), 400
    )
    stub.add_response("transact_write_items", METADATA)
    ledger.identify(IDENTIFIED, CREATE)
    stub.assert_no_pending_responses()


ACCESSES: dict[str, Callable[[Ledger], object]] = {
    **{name: act for name, (_, act) in WRITES.items()},
    "read": lambda ledger: ledger.read(OWNER),
    "holder": lambda ledger: ledger.holder(ORGANIZATION, RESOURCE),
}


@pytest.mark.parametrize("access", ACCESSES)
def test_without_a_table_everything_says_so(stubbed: tuple[Ledger, Stubber], access: str) -> None:
    """A table that cannot be used is told by its name and DynamoDB's code, and not taken for empty (contract 34)."""
    ledger, stub = stubbed
    operation = {
        "read": "query",
        "holder": "get_item",
        "identify": "transact_write_items",
        "take_up": "transact_write_items",
        "forget": "transact_write_items",
    }
    default = "delete_item" if access == "forget-unidentified" else "put_item"
    stub.add_client_error(operation.get(access, default), "ResourceNotFoundException", "no such table", 400)
    with pytest.raises(LedgerUnavailableError, match=TABLE) as raised:
        ACCESSES[access](ledger)
    assert raised.value.table == TABLE
    assert raised.value.error.code == "ResourceNotFoundException"
