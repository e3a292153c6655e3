"""A moto table whose transactions and queries cost what they touch, not what the table holds."""

import copy
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.table import Table


class TransactionTable(Table):
    """A table that moto copies before each action of a transaction, in case the transaction fails.

    moto copies everything. With a ledger of some hundred entries that takes longer than all else that a stack's
    deployment does in this process. Only the items that the transaction names can change, so only they are copied.

    Attributes
    ----------
    touched:
        The partition keys that the transaction under way names; None when there is none.
    """

    touched: frozenset[DynamoType] | None = None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        snapshot = copy.copy(self)
        touched = self.items.keys() if self.touched is None else self.touched & self.items.keys()
        snapshot.items = defaultdict(dict, self.items)
        for key in touched:
            snapshot.items[key] = copy.deepcopy(self.items[key], memo)
        return snapshot

    def query(self, hash_key: DynamoType | None, *arguments: Any, **options: Any) -> Any:
        """Answer a Query; moto looks at every item of the table to find those of one partition."""
        if hash_key is None or self.all_indexes():
            return super().query(hash_key, *arguments, **options)
        partition = copy.copy(self)
        partition.items = defaultdict(dict, {hash_key: self.items[hash_key]} if hash_key in self.items else {})
        return Table.query(partition, hash_key, *arguments, **options)


def announce_transaction(tables: Mapping[str, Table], request: Mapping[str, Any]) -> None:
    """Tell the tables which items a TransactWriteItems request names."""
    touched: dict[str, set[DynamoType]] = {name: set() for name in tables}
    for actions in request.get("TransactItems", ()):
        for action in actions.values():
            table = tables.get(action.get("TableName"))
            attributes = action.get("Item") or action.get("Key") or {}
            if table is not None and table.hash_key_attr in attributes:
                touched[table.name].add(DynamoType(attributes[table.hash_key_attr]))
    for name, table in tables.items():
        if isinstance(table, TransactionTable):
            table.touched = frozenset(touched[name])
