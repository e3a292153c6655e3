"""The ledger: a DynamoDB table of what this provider has created or adopted and not yet deleted.

Two kinds of items share the table's key ``Owner`` (partition) and ``Entry`` (sort):

================================  ===========  ==============================================================
Owner                             Entry        meaning
================================  ===========  ==============================================================
``StackId|LogicalResourceId``     ``record``   a :class:`~.rules.Record`
``OrganizationId/ResourceId``     ``claim``    which owner holds this resource: at most one
================================  ===========  ==============================================================

Every write of a record is conditional on its version, and a claim changes only together with its owner's record. A
write whose reply was lost finds its own result and ends.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from workmail_resource.aws.calls import Caller
from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.clock import Clock

from .errors import ClaimedError, LedgerUnavailableError, OvertakenError
from .rules import TOMBSTONE_LIFETIME, Entry, Lease, Record

RECORD: Final = "record"
CLAIM: Final = "claim"
#: The tombstone of version 1.0.0.
OLD_TOMBSTONE: Final = "cancelled"

_CONDITION_FAILED: Final = "ConditionalCheckFailedException"
_TRANSACTION_CANCELLED: Final = "TransactionCanceledException"
_CONDITION: Final = "ConditionalCheckFailed"
#: Why DynamoDB cancels a transaction that may well go through a little later; the reasons stand in the message.
_PASSING: Final = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
#: How often such a transaction is tried.
_TRANSACTIONS: Final = 20

Item = dict[str, Any]
ClaimAction = Literal["TAKE", "LEAVE", "MOVE", "HAND"]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a write does about the claim of one resource.

    Attributes
    ----------
    action:
        ``TAKE`` it, or ``LEAVE`` it, if nobody else has it; ``MOVE`` it here from *holder*; ``HAND`` it from here to
        *holder*.
    """

    action: ClaimAction
    organization_id: str
    resource_id: str
    holder: str = ""


class Ledger:
    """Reads and writes the table.

    Parameters
    ----------
    caller:
        Of ``dynamodb``.
    table:
        The table's name.
    clock:
        For the items' lifetime.

    Every method raises :class:`~.errors.LedgerUnavailableError` when DynamoDB does not do it.
    """

    def __init__(self, caller: Caller, table: str, clock: Clock) -> None:
        self._caller = caller
        self._table = table
        self._clock = clock

    def read(self, owner: str) -> Record:
        """Return all that is known of *owner*, as of now."""
        response = self._call(
            "Query",
            {
                "TableName": self._table,
                "ConsistentRead": True,
                "KeyConditionExpression": "#owner = :owner",
                "ExpressionAttributeNames": {"#owner": "Owner"},
                "ExpressionAttributeValues": {":owner": {"S": owner}},
            },
        )
        return record_of(owner, response.get("Items", ()))

    def holder(self, organization_id: str, resource_id: str) -> str | None:
        """Return the owner that claims the resource; None when nobody does."""
        key = {"Owner": {"S": claim_key(organization_id, resource_id)}, "Entry": {"S": CLAIM}}
        response = self._call("GetItem", {"TableName": self._table, "ConsistentRead": True, "Key": key})
        return response["Item"]["Holder"]["S"] if "Item" in response else None

    def write(self, record: Record, *, claims: Sequence[Claim] = (), also: Sequence[Record] = ()) -> Record:
        """Write *record* over the version that it was read as, and return it as it is now.

        Parameters
        ----------
        record:
            Its ``written_by`` has to tell this write from any other.
        claims:
            What becomes of claims together with it.
        also:
            Records of other owners that change together with it.

        Raises
        ------
        OvertakenError
            Somebody else has written one of the records since it was read. Nothing was written.
        ClaimedError
            A claim is not what it has to be. Nothing was written.
        """
        parts = [part for one in (record, *also) for part in self._puts(one)]
        parts += [_claim_part(record.owner, claim) for claim in claims]
        written = record._replace(version=record.version + 1, old_items=())
        try:
            if len(parts) == 1:
                self._put(parts[0]["Put"])
            else:
                self._transact(parts, records=len(parts) - len(claims))
        except OvertakenError:
            # Perhaps by itself: the reply to an earlier try was lost.
            if self.read(record.owner).written_by != record.written_by:
                raise
        return written

    def _puts(self, record: Record) -> list[dict[str, dict[str, Any]]]:
        new = record.version == 0
        put: dict[str, Any] = {
            "Item": self._item(record),
            "ConditionExpression": "attribute_not_exists(Version)" if new else "Version = :version",
        }
        if not new:
            put["ExpressionAttributeValues"] = {":version": {"N": str(record.version)}}
        old = [{"Delete": {"Key": {"Owner": {"S": record.owner}, "Entry": {"S": key}}}} for key in record.old_items]
        return [{"Put": put}, *old]

    def _item(self, record: Record) -> Item:
        item: Item = {
            "Owner": {"S": record.owner},
            "Entry": {"S": RECORD},
            "Version": {"N": str(record.version + 1)},
            "WrittenBy": {"S": record.written_by},
            "Entries": {"S": json.dumps([_plain(entry) for entry in record.entries])},
            "Latest": {"S": record.latest},
            "LatestAt": {"N": str(record.latest_at)},
            "Superseded": {"S": json.dumps(record.superseded)},
            "CreatesVoidUntil": {"N": str(record.creates_void_until)},
            "UpdatesVoidUntil": {"N": str(record.updates_void_until)},
            "VoidedBy": {"S": record.voided_by},
            "Failed": {"S": record.failed},
            "Failure": {"S": json.dumps(record.failure)},
        }
        if record.lease is not None:
            item["Worker"] = {"S": record.lease.worker}
            item["WorkerEvent"] = {"S": record.lease.event}
            item["WorkerRequestType"] = {"S": record.lease.request_type}
            item["LeaseUntil"] = {"N": str(record.lease.until)}
        if record.is_empty:
            item["ExpiresAt"] = {"N": str(int(self._clock.time()) + TOMBSTONE_LIFETIME)}
        return item

    def _put(self, put: Mapping[str, Any]) -> None:
        try:
            self._call("PutItem", {"TableName": self._table, **put})
        except LedgerUnavailableError as error:
            if error.error.code == _CONDITION_FAILED:
                raise OvertakenError from None
            raise

    def _transact(self, parts: Sequence[Mapping[str, Mapping[str, Any]]], *, records: int) -> None:
        named = [{kind: {"TableName": self._table, **item}} for part in parts for kind, item in part.items()]
        waits = self._caller.waits()
        for left in reversed(range(_TRANSACTIONS)):
            try:
                self._call("TransactWriteItems", {"TransactItems": named})
            except LedgerUnavailableError as error:
                if error.error.code != _TRANSACTION_CANCELLED:
                    raise
                message = error.error.message
                if _CONDITION in message:
                    raise (OvertakenError() if _CONDITION in _reasons(message)[:records] else ClaimedError()) from None
                if not left or not any(reason in message for reason in _PASSING):
                    raise
                self._caller.deadline.sleep(next(waits))
            else:
                return

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._caller.call(operation, parameters)
        except ServiceError as error:
            raise LedgerUnavailableError(self._table, error) from error


def claim_key(organization_id: str, resource_id: str) -> str:
    """Return the partition key of a resource's claim."""
    return f"{organization_id}/{resource_id}"


def _reasons(message: str) -> list[str]:
    """Return why DynamoDB has cancelled a transaction, item by item, as its message lists it in brackets."""
    return [reason.strip() for reason in message.rpartition("[")[2].rpartition("]")[0].split(",")]


def _claim_part(owner: str, claim: Claim) -> dict[str, dict[str, Any]]:
    key = {"Owner": {"S": claim_key(claim.organization_id, claim.resource_id)}, "Entry": {"S": CLAIM}}
    holder = claim.holder if claim.action == "MOVE" else owner
    condition: dict[str, Any] = {
        "ConditionExpression": "Holder = :holder",
        "ExpressionAttributeValues": {":holder": {"S": holder}},
    }
    if claim.action in {"TAKE", "LEAVE"}:
        condition["ConditionExpression"] = "attribute_not_exists(#owner) OR Holder = :holder"
        condition["ExpressionAttributeNames"] = {"#owner": "Owner"}
    if claim.action == "LEAVE":
        return {"Delete": {"Key": key, **condition}}
    new_holder = claim.holder if claim.action == "HAND" else owner
    return {"Put": {"Item": {**key, "Holder": {"S": new_holder}}, **condition}}


_DEFAULTS: Final = Entry("", "", "", "")._asdict()


def _plain(entry: Entry) -> dict[str, Any]:
    """Return an entry as JSON has it: without what has its default."""
    values = zip(_DEFAULTS.items(), entry, strict=True)
    return {name: value for (name, default), value in values if value != default}


def record_of(owner: str, items: Sequence[Item]) -> Record:
    """Read the items of one owner: a record, and whatever version 1.0.0 has written (contract 44)."""
    record, old = Record(owner), []
    for item in items:
        if item["Entry"]["S"] == RECORD:
            record = _record(owner, item)
        else:
            old.append(item)
    for item in old:
        record = _with_old_item(record, item)
    return record


def _record(owner: str, item: Item) -> Record:
    values = {name: str(next(iter(typed.values()))) for name, typed in item.items()}
    get = values.get
    worker = get("Worker", "")
    return Record(
        owner,
        version=int(get("Version", 0)),
        entries=tuple(map(_entry, json.loads(get("Entries", "[]")))),
        lease=Lease(worker, get("WorkerEvent", ""), int(get("LeaseUntil", 0)), get("WorkerRequestType", ""))
        if worker
        else None,
        latest=get("Latest", ""),
        latest_at=int(get("LatestAt", 0)),
        superseded=tuple(json.loads(get("Superseded", "[]"))),
        creates_void_until=int(get("CreatesVoidUntil", 0)),
        updates_void_until=int(get("UpdatesVoidUntil", 0)),
        voided_by=get("VoidedBy", ""),
        failed=get("Failed", ""),
        failure=tuple(json.loads(get("Failure", "[]"))),
        written_by=get("WrittenBy", ""),
    )


def _entry(values: Mapping[str, Any]) -> Entry:
    """Read an entry; what a later version has added is left out."""
    return Entry(**_DEFAULTS | {name: value for name, value in values.items() if name in _DEFAULTS})


def _with_old_item(record: Record, item: Item) -> Record:
    """Return *record* with what an item of version 1.0.0 says."""
    record = record._replace(old_items=(*record.old_items, item["Entry"]["S"]))
    if item["Entry"]["S"] == OLD_TOMBSTONE:
        return record.voiding_creates(_number(item, "CreatesUntil")).voiding_updates(
            _number(item, "UpdatesUntil"), f"{_text(item, 'By')}@{_number(item, 'UpdatesUntil')}"
        )
    if _text(item, "Worker"):
        # Its event's date is not known, so it counts as another than the same event of today.
        lease = Lease(_text(item, "Worker"), f"{_text(item, 'Worker')}@", _number(item, "WorkingUntil"))
        record = record.leased(lease)
    return record.put(
        Entry(
            organization_id=item["Entry"]["S"],
            resource_type=_text(item, "ResourceType"),
            made_by=f"{_text(item, 'RequestId')}@",
            name=_text(item, "Name"),
            resource_id=_text(item, "ResourceId") or None,
            origin="ADOPTED" if _text(item, "Origin") == "ADOPTED" else "CREATED",
            ready=bool(item.get("Settled", {}).get("BOOL")),
            ready_at=_number(item, "SettledAt"),
            signed_at=_number(item, "SignedAt"),
            before=json.loads(item["Before"]["S"]) if "Before" in item else None,
            gone_by=f"{_text(item, 'GoneRequestId')}@" if _text(item, "GoneRequestId") else "",
        )
    )


def _text(item: Item, name: str) -> str:
    return str(item[name]["S"]) if name in item else ""


def _number(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0
