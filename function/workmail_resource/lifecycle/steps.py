"""What the request types have in common beside the work itself."""

from dataclasses import replace
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.rules import Entry
from workmail_resource.workmail.errors import NameTakenError
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room

#: The share of the time that an adoption or a replacement may use; the rest is for taking it back.
REVERSIBLE_SHARE: Final = 0.6

#: What is logged when an entry could not be released; the next event of the resource then waits for its end.
STILL_AT_WORK: Final = "the ledger goes on to say that this event is at work"


def released(entry: Entry) -> Entry:
    """Return *entry* as being changed by nobody."""
    return replace(entry, worker="", working_until=0)


def spoken(owner: str) -> str:
    """Return an owner as a person says it."""
    stack_id, _, logical_id = owner.rpartition("|")
    return f"{logical_id} of stack {stack_id}"


def name_taken(error: ServiceError, declaration: Declaration, holder: Room | None) -> NameTakenError:
    """Return WorkMail's NameAvailabilityException with what was found out about who has the name."""
    whose = f"the {holder.type} {holder.resource_id} has it" if holder is not None else "a user or group has it"
    return NameTakenError(f"{error.message} (Name {declaration.name}: {whose})", error.request_id)
