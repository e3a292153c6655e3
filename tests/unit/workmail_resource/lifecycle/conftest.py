"""A ledger in memory: what DynamoDB really does is the subject of the ledger's own tests."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.matrices.virtual import as_botocore
from tests.simulation.dynamodb import Table
from tests.unit.workmail_resource.scripted import TABLE


class DynamoDB:
    """A client of the simulation's table, which ``tests/simulation/test_dynamodb.py`` compares with moto's."""

    def __init__(self) -> None:
        self._table = Table(TABLE, "Owner", "Entry")
        self.meta = SimpleNamespace(service_model=SimpleNamespace(service_name="dynamodb"))

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = "".join(map(str.capitalize, name.split("_")))
        return lambda **parameters: as_botocore(operation, lambda: self._table.serve(operation, parameters))


@pytest.fixture
def dynamodb() -> DynamoDB:
    """Return a DynamoDB with an empty ledger."""
    return DynamoDB()
