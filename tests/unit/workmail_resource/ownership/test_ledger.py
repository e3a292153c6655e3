import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from tests.unit.workmail_resource.conftest import MakeClient
from tests.unit.workmail_resource.scripted import BEGUN, MADE, OWNER, READY, SIBLING, STRANGER, TABLE
from tests.unit.workmail_resource.support import METADATA, ORGANIZATION, RESOURCE, FakeClock, caller
from workmail_resource.ownership.errors import ClaimedError, LedgerUnavailableError, OvertakenError
from workmail_resource.ownership.ledger import CLAIM, RECORD, Claim, ClaimAction, Ledger, claim_key
from workmail_resource.ownership.rules import TOMBSTONE_LIFETIME, Entry, Lease, Record

#: Every field of an entry, and every one of a record, with something in it.
FULL_ENTRY = READY._replace(
    origin="ADOPTED",
    digest="d1",
    previous="d0",
    before={"Name": "boardroom", "Aliases": ["a@example.com"]},
    changed=True,
    giving_back=True,
    gone_by="request-7@70",
    replaces="r-1",
    taken_from=SIBLING,
    former={"Name": "den"},
    handed_to=STRANGER,
)
FULL = Record(
    OWNER,
    entries=(BEGUN, FULL_ENTRY),
    lease=Lease("worker", "request-1@100", 1_700_000_045, "Create"),
    latest="request-1@100",
    latest_at=100,
    superseded=("request-0@50",),
    creates_void_until=40,
    updates_void_until=39,
    voided_by="request-9@39",
    failed="request-8@30",
    written_by="worker.1",
)


def record(*entries: Entry, by: str = "test", owner: str = OWNER) -> Record:
    """Return a new record, as one of its writers has it."""
    return Record(owner, entries=entries, written_by=by)


def claim(action: ClaimAction, holder: str = "") -> Claim:
    """Return what a write does about the claim of the board room."""
    return Claim(action, ORGANIZATION, RESOURCE, holder)


def items(dynamodb: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """Return all that the table holds."""
    found = dynamodb.scan(TableName=TABLE, ConsistentRead=True)["Items"]
    return {(item["Owner"]["S"], item["Entry"]["S"]): item for item in found}


# -------------------------------------------------------------------------------------------------------------- records


def test_what_was_written_is_read(ledger: Ledger) -> None:
    """Everything that a record says comes back as it was, under its owner only, with a version that counts."""
    for version in (1, 2, 3):
        written = ledger.write(FULL._replace(version=version - 1))
        assert written == ledger.read(OWNER) == FULL._replace(version=version)
    assert ledger.read(SIBLING) == Record(SIBLING)


@pytest.mark.parametrize(
    ("left", "expires"),
    [
        (Record(OWNER, creates_void_until=100), True),
        (Record(OWNER, lease=Lease("worker", "request-1@100", 1)), True),
        (Record(OWNER, entries=(BEGUN,)), False),
    ],
)
def test_nothing_but_a_tombstone_expires(
    ledger: Ledger, dynamodb: Any, ledger_table: dict[str, Any], clock: FakeClock, left: Record, *, expires: bool
) -> None:
    """DynamoDB is left to delete what is only a tombstone, by the attribute that the template names, and nothing else.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html
    """
    attribute = ledger_table["TimeToLiveSpecification"]["AttributeName"]
    ledger.write(left, claims=[claim("TAKE")])
    found = items(dynamodb)
    assert attribute not in found.pop((claim_key(ORGANIZATION, RESOURCE), CLAIM))
    (item,) = found.values()
    assert item.get(attribute) == ({"N": str(int(clock.now) + TOMBSTONE_LIFETIME)} if expires else None)


def test_what_a_later_version_has_added_is_left_out(ledger: Ledger, dynamodb: Any) -> None:
    """A record that a later version of the provider has written can be read after it was rolled back."""
    ledger.write(record(READY))
    item = items(dynamodb)[OWNER, RECORD]
    (values,) = json.loads(item["Entries"]["S"])
    item["Entries"]["S"] = json.dumps([{**values, "colour": "red"}])
    dynamodb.put_item(TableName=TABLE, Item={**item, "Colour": {"S": "red"}})
    assert ledger.read(OWNER).entries == (READY,)


# --------------------------------------------------------------------------------------------------------------- claims


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [
        ("TAKE", None, OWNER),
        ("TAKE", OWNER, OWNER),
        ("TAKE", SIBLING, "refused"),
        ("LEAVE", None, None),
        ("LEAVE", OWNER, None),
        ("LEAVE", SIBLING, "refused"),
        ("MOVE", None, "refused"),
        ("MOVE", OWNER, "refused"),
        ("MOVE", SIBLING, OWNER),
        ("HAND", None, "refused"),
        ("HAND", OWNER, SIBLING),
        ("HAND", SIBLING, "refused"),
    ],
)
def test_a_claim_changes_hands_only_with_its_holder(
    ledger: Ledger, action: ClaimAction, before: str | None, after: str | None
) -> None:
    """A resource has one holder at most, and a write that is not his to make writes nothing at all (contract 50)."""
    if before is not None:
        ledger.write(record(owner=before, by="before"), claims=[claim("TAKE")])
    known = ledger.read(OWNER)
    new = known._replace(entries=(MADE,), written_by="new")
    claims = [claim(action, SIBLING if action in {"MOVE", "HAND"} else "")]
    if after == "refused":
        with pytest.raises(ClaimedError):
            ledger.write(new, claims=claims)
        assert ledger.read(OWNER) == known
        assert ledger.holder(ORGANIZATION, RESOURCE) == before
    else:
        assert ledger.write(new, claims=claims) == ledger.read(OWNER)
        assert ledger.holder(ORGANIZATION, RESOURCE) == after


# ------------------------------------------------------------------------------------------ what version 1.0.0 has left

OLD: dict[str, Any] = {
    "Owner": {"S": OWNER},
    "Entry": {"S": ORGANIZATION},
    "ResourceType": {"S": "Custom::WorkMailResource"},
    "RequestId": {"S": "request-1"},
    "Name": {"S": "boardroom"},
    "ResourceId": {"S": RESOURCE},
    "Origin": {"S": "ADOPTED"},
    "Settled": {"BOOL": True},
    "SettledAt": {"N": "1700000000"},
    "SignedAt": {"N": "100"},
    "Before": {"S": '{"Name": "boardroom"}'},
    "GoneRequestId": {"S": "request-7"},
    "Worker": {"S": "request-8"},
    "WorkingUntil": {"N": "1700000300"},
}
OLD_ENTRY = Entry(
    ORGANIZATION,
    "Custom::WorkMailResource",
    "request-1@",
    "boardroom",
    resource_id=RESOURCE,
    origin="ADOPTED",
    ready=True,
    ready_at=1_700_000_000,
    signed_at=100,
    before={"Name": "boardroom"},
    gone_by="request-7@",
)
OLD_TOMBSTONE: dict[str, Any] = {
    "Owner": {"S": OWNER},
    "Entry": {"S": "cancelled"},
    "CreatesUntil": {"N": "100"},
    "UpdatesUntil": {"N": "99"},
    "By": {"S": "request-9"},
    "ExpiresAt": {"N": "1700086400"},
}


def test_items_of_the_first_version_are_read_and_then_replaced(ledger: Ledger, dynamodb: Any) -> None:
    """What version 1.0.0 has written is understood, and the next write leaves the record alone (contract 44)."""
    for item in (OLD, OLD_TOMBSTONE):
        dynamodb.put_item(TableName=TABLE, Item=item)
    found = ledger.read(OWNER)
    assert found.entries == (OLD_ENTRY,)
    assert found.lease == Lease("request-8", "request-8@", 1_700_000_300)
    assert (found.creates_void_until, found.updates_void_until, found.voided_by) == (100, 99, "request-9@99")
    written = ledger.write(found._replace(written_by="new"))
    assert items(dynamodb).keys() == {(OWNER, RECORD)}
    assert ledger.read(OWNER) == written == found._replace(version=1, old_items=(), written_by="new")


def test_an_item_of_the_first_version_with_less_in_it(ledger: Ledger, dynamodb: Any) -> None:
    """What an older version did not write yet has its default (contract 44)."""
    dynamodb.put_item(TableName=TABLE, Item={key: OLD[key] for key in ("Owner", "Entry")})
    assert ledger.read(OWNER) == Record(OWNER)._replace(old_items=(ORGANIZATION,)).put(Entry(ORGANIZATION, "", "@", ""))


# --------------------------------------------------------------------------------------------------------- transactions


@pytest.fixture
def stubbed(clock: FakeClock, client: MakeClient) -> Iterator[tuple[Ledger, Stubber]]:
    """Make a ledger on a client that answers by a script: moto knows no concurrent transactions."""
    dynamodb = client("dynamodb")
    with Stubber(dynamodb) as stub:
        yield Ledger(caller(dynamodb, clock), TABLE, clock), stub
        stub.assert_no_pending_responses()


def cancel(stub: Stubber, *reasons: str) -> None:
    """Let DynamoDB cancel a transaction for these *reasons*, one for each item."""
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(reasons)}]"
    stub.add_client_error("transact_write_items", "TransactionCanceledException", message, 400)


@pytest.mark.parametrize("reason", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_one_is_tried_again(
    stubbed: tuple[Ledger, Stubber], clock: FakeClock, reason: str
) -> None:
    """A transaction that was cancelled by another one, or by the rate of writes, passes after a wait (contract 40).

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors
    """
    ledger, stub = stubbed
    for _ in range(3):
        cancel(stub, "None", reason)
    stub.add_response("transact_write_items", METADATA)
    assert ledger.write(record(), claims=[claim("TAKE")]).version == 1
    assert len(clock.slept) == 3


def test_transactions_are_not_tried_for_ever(stubbed: tuple[Ledger, Stubber]) -> None:
    """What does not pass in twenty tries is told (contract 58)."""
    ledger, stub = stubbed
    for _ in range(20):
        cancel(stub, "TransactionConflict", "None")
    with pytest.raises(LedgerUnavailableError, match="TransactionConflict"):
        ledger.write(record(), claims=[claim("TAKE")])


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        (("ConditionalCheckFailed", "None"), OvertakenError),
        (("ConditionalCheckFailed", "ConditionalCheckFailed"), OvertakenError),
        (("TransactionConflict", "ConditionalCheckFailed"), ClaimedError),
    ],
)
def test_a_condition_that_does_not_hold_is_not_waited_out(
    stubbed: tuple[Ledger, Stubber], clock: FakeClock, reasons: tuple[str, ...], error: type[Exception]
) -> None:
    """A transaction whose condition does not hold has been overtaken, whatever else it met."""
    ledger, stub = stubbed
    cancel(stub, *reasons)
    stub.add_response("query", METADATA)
    with pytest.raises(error) as raised:
        ledger.write(record(), claims=[claim("TAKE")])
    assert type(raised.value) is error
    assert clock.slept == []
