"""The ledger's table: found, read, and written conditionally by the function's own code."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from workmail_resource.aws.calls import Caller
from workmail_resource.ownership.errors import LedgerUnavailableError, OvertakenError
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.protocol.clock import Clock, Deadline
from workmail_rooms.common.command import UsageError
from workmail_rooms.common.failures import code_of
from workmail_rooms.ledger.contents import Contents, contents_of
from workmail_rooms.ledger.damages import Write

#: Seconds that a write may take, tries included.
_PATIENCE: Final = 30.0

_OUTPUT: Final = "LedgerTableName"
_PARAMETER: Final = "WorkMailRegion"


@dataclass(frozen=True, slots=True)
class Provider:
    """What the provider stack says of itself.

    Attributes
    ----------
    workmail_region:
        None when it does not say.
    """

    table: str
    workmail_region: str | None


def provider(client: Any, stack_name: str) -> Provider:
    """Look the provider stack up.

    Parameters
    ----------
    client:
        Of ``cloudformation``.

    Raises
    ------
    UsageError
        There is no such stack, or it is no provider.
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        CloudFormation could not be asked.
    """
    elsewhere = "Give --provider-stack, --table or --region."
    try:
        (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        if code_of(error) == "ValidationError":
            raise UsageError(f"There is no stack {stack_name} in {client.meta.region_name}. {elsewhere}") from error
        raise
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", ())}
    if _OUTPUT not in outputs:
        raise UsageError(f"The stack {stack_name} has no output {_OUTPUT}, so it is no provider. {elsewhere}")
    parameters = {one["ParameterKey"]: one["ParameterValue"] for one in stack.get("Parameters", ())}
    return Provider(outputs[_OUTPUT], parameters.get(_PARAMETER))


class Table:
    """The table.

    Parameters
    ----------
    client:
        Of ``dynamodb``.
    new_token:
        Returns a text that tells one write from all others.

    Every method but :meth:`write` raises botocore's errors.
    """

    def __init__(self, client: Any, name: str, *, clock: Clock, new_token: Callable[[], str]) -> None:
        self.name = name
        self._client = client
        self._clock = clock
        self._new_token = new_token

    def arn(self) -> str:
        """Return the table's ARN."""
        return str(self._client.describe_table(TableName=self.name)["Table"]["TableArn"])

    def contents(self) -> Contents:
        """Read all items."""
        pages = self._client.get_paginator("scan").paginate(TableName=self.name, ConsistentRead=True)
        return contents_of(item for page in pages for item in page["Items"])

    def write(self, first: Write, *others: Write) -> str:
        """Carry writes out, all or none; return why they were not, or an empty text.

        An item that somebody else has changed since it was read is left as it is.
        """
        token = f"workmail-rooms/{self._new_token()}"
        claims = [claim for write in (first, *others) for claim in write.claims]
        deadline = Deadline(self._clock, self._clock.monotonic() + _PATIENCE)
        caller = Caller(
            lambda _seconds: self._client, deadline=deadline, rng=random.SystemRandom(), log=lambda *_, **__: None
        )
        try:
            Ledger(caller, self.name, self._clock).write(
                first.record._replace(written_by=token), claims=claims, also=[one.record for one in others]
            )
        except OvertakenError:
            return "an event has changed it meanwhile; look again"
        except LedgerUnavailableError as error:
            return error.failure().cause
        return ""
