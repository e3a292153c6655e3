"""Whose resource is it? The marks, the ledger's entries, and what they say.

Pure. CreateResource has no client token and rooms cannot be tagged, so two things together answer the question: an
entry in the ledger, written before the first change in WorkMail, and an owner mark in the Description of a resource
that is so new that the ledger does not know its id yet. ``docs/architecture.md`` goes through every order of events.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from workmail_resource.protocol.event import Event
from workmail_resource.workmail.properties import organization_id

Origin = Literal["CREATED", "ADOPTED"]

#: The physical ID of a Create that was refused before any call: nothing of it can exist.
NOT_CREATED: Final = "Custom::WorkMailResource/not-created"
#: The physical ID of a Create that failed without a ResourceId: the ledger knows what may exist of it.
CREATE_FAILED: Final = "Custom::WorkMailResource/create-failed"
#: The physical ID that the function of last resort gives a Create: the ledger knows what may exist of it, and nobody is
#: at work on it any more, since every try has ended.
FUNCTION_FAILED: Final = "Custom::WorkMailResource/function-failed"

RESOURCE_TYPES: Final = ("Custom::WorkMailResource", "AWS::CloudFormation::CustomResource")

_MARK: Final = "Custom::WorkMailResource owner "
_RESOURCE_ID = re.compile(r"r-[0-9a-f]{32}")


def is_resource_id(physical_id: str) -> bool:
    """Tell whether *physical_id* is a WorkMail resource's, and not a marker or somebody's invention."""
    return _RESOURCE_ID.fullmatch(physical_id) is not None


def owner(event: Event) -> str:
    """Return what identifies the logical resource of *event* among all stacks."""
    return f"{event.stack_id}|{event.logical_resource_id}"


def owner_mark(event: Event) -> str:
    """Return the Description (at most 64 characters) of a new resource whose id the ledger does not know yet."""
    return f"{_MARK}{hashlib.sha256(owner(event).encode(errors='replace')).hexdigest()[:32]}"


def is_owner_mark(description: str | None) -> bool:
    """Tell whether *description* is the mark of any owner."""
    return description is not None and description.startswith(_MARK)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the ledger holds of one logical resource in one organization.

    Attributes
    ----------
    owner:
        As :func:`owner` gives it.
    resource_id:
        None from before CreateResource until its answer was written down.
    request_id:
        The event that began this entry.
    settled:
        Whether the resource was once brought to its declared state.
    worker, working_until:
        The RequestId of the event that is changing the resource, empty when none is; and the second since the epoch by
        which the invocation that handles it has surely ended.
    before:
        Of an adopted resource: what it was like (a :func:`~workmail_resource.workmail.room.snapshot`).
    settled_at:
        Seconds since the epoch.
    gone_request_id:
        The Update that found the resource gone and said so.
    signed_at:
        When CloudFormation issued the latest event that changed the resource, in seconds since the epoch.
    """

    owner: str
    organization_id: str
    resource_type: str
    request_id: str
    name: str
    resource_id: str | None = None
    origin: Origin = "CREATED"
    settled: bool = False
    worker: str = ""
    working_until: int = 0
    before: Mapping[str, Any] | None = None
    settled_at: int = 0
    gone_request_id: str = ""
    signed_at: int = 0


def is_outdated(event: Event, entry: Entry) -> bool:
    """Tell whether a later event has changed the resource already: Lambda may deliver an event late, and twice."""
    return event.signed_at is not None and event.signed_at < entry.signed_at


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Which events of a logical resource CloudFormation has given up (contract 32).

    The dates in the events have whole seconds. A Create of the same second as the Delete is the one that it cancels: a
    later genuine one needs another stack operation. An Update of the same second as a Delete is not: the Delete may be
    the clean-up of a replacement. An Update of the same second as the reversed Update that cancels it is told from that
    by its RequestId.

    Attributes
    ----------
    creates_until, updates_until:
        Creates and Updates that were issued up to this second (since the epoch) are cancelled.
    by:
        The RequestId of the event that cancelled them.
    """

    creates_until: int
    updates_until: int
    by: str

    @classmethod
    def of(cls, event: Event) -> "Cancellation | None":
        """Return what a Delete, or a reversed Update, cancels; None when the event has no date."""
        if event.signed_at is None:
            return None
        same_second = 0 if event.request_type == "Update" else 1
        return cls(event.signed_at, event.signed_at - same_second, event.request_id)

    def covers(self, event: Event) -> bool:
        """Tell whether *event* is cancelled."""
        if event.signed_at is None or event.request_id == self.by:
            return False
        return event.signed_at <= (self.creates_until if event.request_type == "Create" else self.updates_until)


@dataclass(frozen=True, slots=True)
class Record:
    """All that the ledger holds of one logical resource."""

    entries: tuple[Entry, ...] = ()
    cancellation: Cancellation | None = None

    def entry(self, organization_id: str) -> Entry | None:
        """Return the entry in this organization; there is at most one, since only another organization replaces."""
        return next((entry for entry in self.entries if entry.organization_id == organization_id), None)

    def with_id(self, resource_id: str) -> Entry | None:
        """Return the entry of this resource."""
        return next((entry for entry in self.entries if entry.resource_id == resource_id), None)

    def has_cancelled(self, event: Event) -> bool:
        """Tell whether a later event has overtaken *event*."""
        return self.cancellation is not None and self.cancellation.covers(event)


def is_being_changed(entry: Entry, event: Event, now: float) -> bool:
    """Tell whether another event than *event* may be changing the entry's resource at this moment.

    A Create that a Delete overtakes is not waited for once the ledger has its resource's id: the Delete can remove it,
    and the Create then finds nothing to go on with. What has to be put back is waited for.
    """
    if entry.worker in {"", event.request_id} or entry.working_until <= now:
        return False
    if event.request_type == "Update":
        return True
    if entry.resource_id is None:
        # With a resource's id, CloudFormation has the answer of whatever made it.
        return not is_resource_id(event.physical_resource_id)
    return entry.origin == "ADOPTED" and not entry.settled


#: Seconds after its adoption in which the Delete of an adopted resource also puts back what the adoption changed: such
#: a Delete is most likely the rollback of the stack operation that adopted it.
RESTORE_WINDOW: Final = 24 * 3600

#: Seconds after its creation in which CloudFormation may delete a settled resource without knowing its id: its Create
#: was cancelled, and this is the rollback of the same stack operation.
ROLLBACK_WINDOW: Final = 24 * 3600

Removal = Literal["DELETE", "RESTORE", "RELEASE"]


def _may_be_unknown(entry: Entry, event: Event, now: float) -> bool:
    """Tell whether *event*, a Delete of another id, may be that of *entry*'s settled resource.

    A Delete of another resource's id is the clean-up of a replacement: what replaced it stays. One without a
    resource's id belongs to a Create whose answer CloudFormation never took. That Create had this resource type and
    this organization, and was not long ago: otherwise the entry is of a resource that CloudFormation has let go
    (DeletionPolicy Retain), and the Create one that came later.
    """
    return (
        not is_resource_id(event.physical_resource_id)
        and entry.resource_type == event.resource_type
        and organization_id(event.properties) in {None, entry.organization_id}
        and (entry.origin == "ADOPTED" or now - entry.settled_at < ROLLBACK_WINDOW)
    )


def removal(entry: Entry, event: Event, *, adopt_declared: bool, now: float) -> Removal | None:
    """Decide what a Delete does about one entry of its logical resource; None leaves it alone.

    Parameters
    ----------
    adopt_declared:
        Whether the event's properties declare ``ExistingResource: ADOPT``.
    now:
        Seconds since the epoch.
    """
    if is_outdated(event, entry):
        # Lambda delivers an event late, or once more; a later Create or Update has made this of the resource since.
        return None
    named = entry.resource_id is not None and entry.resource_id == event.physical_resource_id
    if not named and entry.settled and not _may_be_unknown(entry, event, now):
        return None
    if entry.origin == "CREATED":
        return "DELETE"
    if not entry.settled:
        return "RESTORE"
    if not adopt_declared:
        return "DELETE" if named else "RELEASE"
    return "RESTORE" if now - entry.settled_at < RESTORE_WINDOW else "RELEASE"
