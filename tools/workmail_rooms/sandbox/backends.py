"""What the sandbox's account holds: WorkMail's and DynamoDB's backends, in this process."""

import threading
from collections.abc import Mapping
from typing import Any

from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.dynamodb.models.table import Table

from workmail_rooms.sandbox.account import ACCOUNT_ID, REGION
from workmail_rooms.sandbox.transaction_table import TransactionTable
from workmail_rooms.sandbox.workmail import WorkMailBackend, register, workmail_backends


class Backends:
    """The account's data.

    moto keeps its backends in the process, so there can be one of these at a time; making one empties them.

    Attributes
    ----------
    dynamodb_lock:
        Held while DynamoDB is read or written: moto checks a condition and writes in two steps.
    """

    def __init__(self) -> None:
        register()
        self.dynamodb_lock = threading.Lock()
        workmail_backends.reset()
        dynamodb_backends.reset()

    @property
    def workmail(self) -> WorkMailBackend:
        """WorkMail's backend in this process."""
        return workmail_backends[ACCOUNT_ID][REGION]

    @property
    def dynamodb(self) -> DynamoDBBackend:
        """DynamoDB's backend in this process."""
        return dynamodb_backends[ACCOUNT_ID][REGION]

    def create_table(self, name: str, properties: Mapping[str, Any]) -> None:
        """Create a table as a template declares it.

        Parameters
        ----------
        name:
            The table's name.
        properties:
            The properties of an ``AWS::DynamoDB::Table``, intrinsic functions already carried out.
        """
        with self.dynamodb_lock:
            table = Table.create_from_cloudformation_json(name, {"Properties": dict(properties)}, ACCOUNT_ID, REGION)
            table.__class__ = TransactionTable  # type: ignore[type-abstract] # BaseModel is no abstract class
            expiry = properties.get("TimeToLiveSpecification")
            if expiry:
                self.dynamodb.update_time_to_live(name, dict(expiry))

    def export_state(self) -> dict[str, Any]:
        """Return what the services hold as JSON-serialisable data."""
        with self.dynamodb_lock:
            tables = {
                name: [item.to_json()["Attributes"] for item in table.all_items()]
                for name, table in self.dynamodb.tables.items()
            }
        return {"workmail": self.workmail.export_state(), "dynamodb": tables}

    def import_state(self, state: Mapping[str, Any]) -> None:
        """Hold what ``export_state`` returned. Items of a table that no longer exists are left out."""
        self.workmail.import_state(state["workmail"])
        with self.dynamodb_lock:
            for name, items in state["dynamodb"].items():
                for item in items if name in self.dynamodb.tables else ():
                    self.dynamodb.tables[name].put_item(item, overwrite=True)
