"""What handling one event works with, and what Create, Update and Delete have in common."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from workmail_resource.aws.calls import Log
from workmail_resource.aws.errors import ServiceError
from workmail_resource.aws.retries import delays
from workmail_resource.ownership.errors import CancelledError, LedgerUnavailableError, OvertakenError
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.ownership.rules import (
    RESOURCE_TYPES,
    Cancellation,
    Entry,
    Record,
    is_being_changed,
    owner,
    owner_mark,
)
from workmail_resource.protocol.clock import Clock, Deadline
from workmail_resource.protocol.errors import MalformedEventError, OutOfTimeError, ProviderError
from workmail_resource.protocol.event import Event
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import converge, remove
from workmail_resource.workmail.errors import UnknownDelegateError
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, Wanted, attributes, from_snapshot

from .steps import released

_ENTITY_ID = re.compile(r"S-1-1-[0-9-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Result:
    """What a SUCCESS answer says.

    Attributes
    ----------
    data:
        For ``Fn::GetAtt``.
    """

    physical_id: str
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that handling one event needs from outside.

    Attributes
    ----------
    workmail:
        Makes the API of one organization.
    report_id:
        Told the ResourceId as soon as there is one, so that even a failure answers with it.
    rng:
        For the jitter of waits.
    log:
        Takes a message and keys.
    """

    event: Event
    ledger: Ledger
    workmail: Callable[[str], WorkMail]
    deadline: Deadline
    clock: Clock
    report_id: Callable[[str], None]
    rng: random.Random
    log: Log

    @property
    def owner(self) -> str:
        """The logical resource of the event."""
        return owner(self.event)

    @property
    def mark(self) -> str:
        """The owner mark of the logical resource."""
        return owner_mark(self.event)

    def within(self, share: float, report_id: Callable[[str], None] | None = None) -> "Work":
        """Return the same work with only a *share* of the time, and perhaps with another who is told the id."""
        deadline = self.deadline.earlier(share)
        return replace(
            self,
            deadline=deadline,
            workmail=lambda organization: self.workmail(organization).within(deadline),
            report_id=report_id or self.report_id,
        )

    def check_type(self) -> None:
        """Refuse an event of a resource type that is not ours.

        Raises
        ------
        MalformedEventError
            It is not.
        """
        if self.event.resource_type not in RESOURCE_TYPES:
            raise MalformedEventError(
                f"ResourceType is {self.event.resource_type!r}; this function provides {' and '.join(RESOURCE_TYPES)}"
            )

    def new_entry(self, declaration: Declaration) -> Entry:
        """Return an entry for a resource that this event is about to make."""
        entry = Entry(
            owner=self.owner,
            organization_id=declaration.organization_id,
            resource_type=self.event.resource_type,
            request_id=self.event.request_id,
            name=declaration.name,
        )
        return self.taken_up(entry)

    def taken_up(self, entry: Entry) -> Entry:
        """Return *entry* as being changed by this event."""
        return replace(
            entry,
            worker=self.event.request_id,
            working_until=int(self.clock.time() + self.deadline.remaining()) + 1,
            signed_at=max(entry.signed_at, self.event.signed_at or 0),
        )

    def settle(self, entry: Entry, room: Room) -> Result:
        """Write that the resource has its declared state, if the ledger does not say so, and return the result.

        Raises
        ------
        CancelledError
            A later event has taken the resource away meanwhile.
        """
        if not entry.settled or entry.worker:
            now = int(self.clock.time())
            settled = replace(released(entry), settled=True, settled_at=entry.settled_at or now, gone_request_id="")
            try:
                self.ledger.change(settled)
            except OvertakenError:
                raise CancelledError("CloudFormation has asked for something else of this resource since") from None
        return Result(room.resource_id, attributes(room, entry.organization_id))

    def wanted(self, workmail: WorkMail, declaration: Declaration) -> Wanted:
        """Return what is declared, with the delegates looked up: WorkMail lists them by id only.

        Raises
        ------
        UnknownDelegateError
            A delegate does not exist.
        """
        ids = set()
        for delegate in declaration.delegates:
            entity_id = delegate if _ENTITY_ID.fullmatch(delegate) else workmail.entity_id(delegate)
            if entity_id is None:
                raise UnknownDelegateError(
                    f"Delegates names {delegate}, which is no user or group of organization {workmail.organization_id}"
                )
            ids.add(entity_id)
        return Wanted.declared(declaration, frozenset(ids))

    def cancel_earlier(self) -> Record:
        """Stop every earlier event of this resource, and return what the ledger has of it once they have stopped.

        Raises
        ------
        CancelledError
            This event was cancelled itself.
        """
        cancellation = Cancellation.of(self.event)
        if cancellation is not None:
            self.ledger.cancel(self.owner, cancellation)
        for wait in delays(self.rng):
            record = self.ledger.read(self.owner)
            if self.event.request_type == "Update" and record.has_cancelled(self.event):
                raise CancelledError("CloudFormation has asked for something else of this resource since")
            now = self.clock.time()
            if not any(is_being_changed(entry, self.event, now) for entry in record.entries):
                return record
            self.deadline.sleep(wait)
        raise AssertionError("the waits never end")

    def take_away(self, entry: Entry) -> None:
        """Remove the resource of *entry*, or put it back if it was adopted; and the entry."""
        workmail = self.workmail(entry.organization_id)
        if entry.resource_id is None:
            self._remove_unidentified(workmail, entry)
        elif entry.origin == "ADOPTED":
            self._put_back(workmail, entry)
        else:
            remove(workmail, entry.resource_id)
        self.ledger.forget(entry)

    def _remove_unidentified(self, workmail: WorkMail, entry: Entry) -> None:
        """Remove the resource that *entry* may have made without coming to know its id: it bears the mark."""
        room = workmail.find(entry.name)
        if room is not None and room.description == self.mark:
            remove(workmail, room.resource_id)

    def _put_back(self, workmail: WorkMail, entry: Entry) -> None:
        room = workmail.describe(entry.resource_id or "")
        if room is None or entry.before is None:
            return
        before, room = from_snapshot(entry.before), workmail.with_lists(room)
        if room.enabled and not before.enabled and before.email is not None:
            # What WorkMail keeps of a disabled resource can be put back only while it is registered.
            room = converge(workmail, room, Wanted.as_it_is(replace(before, state="ENABLED")))
        converge(workmail, room, Wanted.as_it_is(before))

    @contextmanager
    def reported(self, message: str) -> Iterator[None]:
        """Log a failure of clearing up, and go on: it must not hide the failure that it follows."""
        try:
            yield
        except (ServiceError, ProviderError, LedgerUnavailableError, OvertakenError, OutOfTimeError) as error:
            self.log(message, error=f"{type(error).__name__}: {error}")
