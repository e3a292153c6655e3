"""The ledger: a DynamoDB table of what this provider has created or adopted and not yet deleted.

Three kinds of items share the table's key ``Owner`` (partition) and ``Entry`` (sort):

================================  ==================  =======================================================
Owner                             Entry               meaning
================================  ==================  =======================================================
``StackId|LogicalResourceId``     OrganizationId      an :class:`~.ownership.Entry`
``StackId|LogicalResourceId``     ``cancelled``       a :class:`~.ownership.Cancellation`
``OrganizationId/ResourceId``     ``claim``           which owner holds this resource: at most one
================================  ==================  =======================================================

Every write is conditional, and may be repeated: a write whose reply was lost finds its own result and is content.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from workmail_resource.aws.calls import Caller
from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.clock import Clock
from workmail_resource.protocol.event import Event

from .errors import LedgerUnavailableError, OvertakenError
from .rules import Cancellation, Entry, Record

CANCELLED: Final = "cancelled"
CLAIM: Final = "claim"

#: Seconds that a cancellation is remembered: longer than Lambda keeps an asynchronous event (6 hours at most,
#: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
CANCELLATION_LIFETIME: Final = 48 * 3600

_CONDITION_FAILED: Final = "ConditionalCheckFailedException"
_TRANSACTION_CANCELLED: Final = "TransactionCanceledException"
_CONDITION: Final = "ConditionalCheckFailed"
#: Why DynamoDB cancels a transaction that may well go through a little later; the reasons stand in the message.
_PASSING: Final = ("TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")

Item = dict[str, Any]


class Ledger:
    """Reads and writes the table.

    Parameters
    ----------
    caller:
        On a boto3 client for ``dynamodb``.
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
        entries, cancellation = [], None
        for item in response.get("Items", ()):
            if item["Entry"]["S"] == CANCELLED:
                cancellation = Cancellation(
                    _number(item, "CreatesUntil"), _number(item, "UpdatesUntil"), _text(item, "By") or ""
                )
            else:
                entries.append(_entry(item))
        return Record(tuple(entries), cancellation)

    def holder(self, organization_id: str, resource_id: str) -> str | None:
        """Return the owner whose entry claims the resource; None when nobody's does."""
        key = {"Owner": {"S": _room_key(organization_id, resource_id)}, "Entry": {"S": CLAIM}}
        response = self._call("GetItem", {"TableName": self._table, "ConsistentRead": True, "Key": key})
        return response["Item"]["Holder"]["S"] if "Item" in response else None

    def begin(self, entry: Entry) -> None:
        """Write that *entry* is being worked on, before the first change in WorkMail.

        Raises
        ------
        OvertakenError
            There is an entry already, and another event's.
        """
        self._write(
            "PutItem",
            {
                "Item": _item(entry),
                "ConditionExpression": "attribute_not_exists(#owner) OR "
                "(RequestId = :request AND attribute_not_exists(ResourceId))",
                "ExpressionAttributeNames": {"#owner": "Owner"},
                "ExpressionAttributeValues": {":request": {"S": entry.request_id}},
            },
        )

    def identify(self, entry: Entry, event: Event) -> None:
        """Write the resource's id into its entry, and claim the resource for its owner, both or neither.

        Parameters
        ----------
        entry:
            With its ``resource_id``.
        event:
            The one that made or adopted the resource; the write is forbidden when it was cancelled meanwhile.

        Raises
        ------
        OvertakenError
            The entry has gone or has an id already, another owner claims the resource, or the event was cancelled.
        """
        owner, room = entry.owner, _room_key(entry.organization_id, entry.resource_id or "")
        parts: list[Mapping[str, Mapping[str, Any]]] = [
            {
                "Put": {
                    "Item": _item(entry),
                    "ConditionExpression": "attribute_exists(#owner) AND attribute_not_exists(ResourceId)",
                    "ExpressionAttributeNames": {"#owner": "Owner"},
                }
            },
            {
                "Put": {
                    "Item": {"Owner": {"S": room}, "Entry": {"S": CLAIM}, "Holder": {"S": owner}},
                    "ConditionExpression": "attribute_not_exists(#owner) OR Holder = :holder",
                    "ExpressionAttributeNames": {"#owner": "Owner"},
                    "ExpressionAttributeValues": {":holder": {"S": owner}},
                }
            },
            _not_cancelled(owner, event),
        ]
        try:
            self._transact(parts)
        except OvertakenError:
            # Perhaps by itself: the reply to an earlier try was lost.
            if self.read(owner).entry(entry.organization_id) != entry:
                raise

    def take_up(self, entry: Entry, event: Event) -> None:
        """Write that *event* is about to change the resource.

        Parameters
        ----------
        entry:
            With the event as its worker.

        Raises
        ------
        OvertakenError
            The entry has gone or is of another resource, another event is changing it or a later one has, or the event
            was cancelled.
        """
        self._transact(
            [
                {
                    "Put": {
                        "Item": _item(entry),
                        "ConditionExpression": "ResourceId = :id AND "
                        "(attribute_not_exists(SignedAt) OR SignedAt <= :signed) AND "
                        "(attribute_not_exists(Worker) OR Worker IN (:nobody, :worker) OR WorkingUntil <= :now)",
                        "ExpressionAttributeValues": {
                            ":id": {"S": entry.resource_id},
                            ":signed": {"N": str(entry.signed_at)},
                            ":nobody": {"S": ""},
                            ":worker": {"S": entry.worker},
                            ":now": {"N": str(int(self._clock.time()))},
                        },
                    }
                },
                _not_cancelled(entry.owner, event),
            ]
        )

    def change(self, entry: Entry) -> None:
        """Write *entry* over what there is of it.

        Raises
        ------
        OvertakenError
            The entry has gone, is of another resource, or has been changed by a later event than ``entry.signed_at``.
        """
        self._write(
            "PutItem",
            {
                "Item": _item(entry),
                "ConditionExpression": "ResourceId = :id AND (attribute_not_exists(SignedAt) OR SignedAt <= :signed)",
                "ExpressionAttributeValues": {
                    ":id": {"S": entry.resource_id},
                    ":signed": {"N": str(entry.signed_at)},
                },
            },
        )

    def forget(self, entry: Entry) -> None:
        """Remove the entry and its claim; content when they are gone.

        Raises
        ------
        OvertakenError
            The entry is no longer as given, or the claim is another owner's.
        """
        has_id = entry.resource_id is not None
        condition = "ResourceId = :id" if has_id else "attribute_not_exists(ResourceId) AND RequestId = :id"
        value = {"S": entry.resource_id if has_id else entry.request_id}
        delete_entry = {
            "Key": {"Owner": {"S": entry.owner}, "Entry": {"S": entry.organization_id}},
            "ConditionExpression": f"attribute_not_exists(#owner) OR ({condition})",
            "ExpressionAttributeNames": {"#owner": "Owner"},
            "ExpressionAttributeValues": {":id": value},
        }
        if entry.resource_id is None:
            self._write("DeleteItem", delete_entry)
            return
        delete_claim = {
            "Key": {"Owner": {"S": _room_key(entry.organization_id, entry.resource_id)}, "Entry": {"S": CLAIM}},
            "ConditionExpression": "attribute_not_exists(#owner) OR Holder = :holder",
            "ExpressionAttributeNames": {"#owner": "Owner"},
            "ExpressionAttributeValues": {":holder": {"S": entry.owner}},
        }
        self._transact([{"Delete": delete_entry}, {"Delete": delete_claim}])

    def cancel(self, owner: str, cancellation: Cancellation) -> None:
        """Write which events of *owner* are cancelled; a wider cancellation that is there already stays."""
        with suppress(OvertakenError):
            self._write(
                "PutItem",
                {
                    "Item": {
                        "Owner": {"S": owner},
                        "Entry": {"S": CANCELLED},
                        "CreatesUntil": {"N": str(cancellation.creates_until)},
                        "UpdatesUntil": {"N": str(cancellation.updates_until)},
                        "By": {"S": cancellation.by},
                        "ExpiresAt": {"N": str(int(self._clock.time()) + CANCELLATION_LIFETIME)},
                    },
                    "ConditionExpression": "attribute_not_exists(CreatesUntil) OR CreatesUntil < :creates OR "
                    "(CreatesUntil = :creates AND (UpdatesUntil < :updates OR #by = :by))",
                    "ExpressionAttributeNames": {"#by": "By"},
                    "ExpressionAttributeValues": {
                        ":by": {"S": cancellation.by},
                        ":creates": {"N": str(cancellation.creates_until)},
                        ":updates": {"N": str(cancellation.updates_until)},
                    },
                },
            )

    def _write(self, operation: str, parameters: Mapping[str, Any]) -> None:
        try:
            self._call(operation, {"TableName": self._table, **parameters})
        except LedgerUnavailableError as error:
            if error.error.code == _CONDITION_FAILED:
                raise OvertakenError from None
            raise

    def _transact(self, items: Sequence[Mapping[str, Mapping[str, Any]]]) -> None:
        named = [{kind: {"TableName": self._table, **item}} for entry in items for kind, item in entry.items()]
        for wait in self._caller.waits():
            try:
                self._call("TransactWriteItems", {"TransactItems": named})
            except LedgerUnavailableError as error:
                if error.error.code != _TRANSACTION_CANCELLED:
                    raise
                if _CONDITION in error.error.message:
                    raise OvertakenError from None
                if not any(reason in error.error.message for reason in _PASSING):
                    raise
                self._caller.deadline.sleep(wait)
            else:
                return

    def _call(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self._caller.call(operation, parameters)
        except ServiceError as error:
            raise LedgerUnavailableError(self._table, error) from error


_FOREVER: Final = 1 << 40


def _not_cancelled(owner: str, event: Event) -> dict[str, dict[str, Any]]:
    """Return the part of a transaction that forbids it when *event* was cancelled (:meth:`.Cancellation.covers`)."""
    until = "CreatesUntil" if event.request_type == "Create" else "UpdatesUntil"
    signed_at = _FOREVER if event.signed_at is None else event.signed_at
    return {
        "ConditionCheck": {
            "Key": {"Owner": {"S": owner}, "Entry": {"S": CANCELLED}},
            "ConditionExpression": "attribute_not_exists(#until) OR #until < :signed OR #by = :request",
            "ExpressionAttributeNames": {"#until": until, "#by": "By"},
            "ExpressionAttributeValues": {":signed": {"N": str(signed_at)}, ":request": {"S": event.request_id}},
        }
    }


def _room_key(organization_id: str, resource_id: str) -> str:
    return f"{organization_id}/{resource_id}"


def _item(entry: Entry) -> Item:
    item: Item = {
        "Owner": {"S": entry.owner},
        "Entry": {"S": entry.organization_id},
        "ResourceType": {"S": entry.resource_type},
        "RequestId": {"S": entry.request_id},
        "Name": {"S": entry.name},
        "Origin": {"S": entry.origin},
        "Settled": {"BOOL": entry.settled},
        "Worker": {"S": entry.worker},
        "WorkingUntil": {"N": str(entry.working_until)},
        "SettledAt": {"N": str(entry.settled_at)},
        "SignedAt": {"N": str(entry.signed_at)},
    }
    if entry.resource_id is not None:
        item["ResourceId"] = {"S": entry.resource_id}
    if entry.before is not None:
        item["Before"] = {"S": json.dumps(entry.before)}
    if entry.gone_request_id:
        item["GoneRequestId"] = {"S": entry.gone_request_id}
    return item


def _entry(item: Item) -> Entry:
    """Read an entry; what a version of the provider did not write yet has its default (contract 44)."""
    return Entry(
        owner=item["Owner"]["S"],
        organization_id=item["Entry"]["S"],
        resource_type=_text(item, "ResourceType") or "",
        request_id=_text(item, "RequestId") or "",
        name=_text(item, "Name") or "",
        resource_id=_text(item, "ResourceId"),
        origin="ADOPTED" if _text(item, "Origin") == "ADOPTED" else "CREATED",
        settled=bool(item.get("Settled", {}).get("BOOL")),
        worker=_text(item, "Worker") or "",
        working_until=_number(item, "WorkingUntil"),
        before=json.loads(item["Before"]["S"]) if "Before" in item else None,
        settled_at=_number(item, "SettledAt"),
        gone_request_id=_text(item, "GoneRequestId") or "",
        signed_at=_number(item, "SignedAt"),
    )


def _text(item: Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None


def _number(item: Item, name: str) -> int:
    return int(item[name]["N"]) if name in item else 0
