"""Whose is a resource? What the ledger records of it, and what follows from that for an event.

Pure. CreateResource has no client token and rooms cannot be tagged, so two things together answer the question: a
record in the ledger, written before the first change in WorkMail, and an owner mark in the Description of a resource
that is so new that the ledger does not know its id yet. ``docs/architecture.md`` draws it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from workmail_resource.protocol.event import Event
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.properties import Declaration, declares_adopt, organization_id, parse

Origin = Literal["CREATED", "ADOPTED"]

#: The physical ID of a Create that was refused before any call: nothing of it can exist.
NOT_CREATED: Final = "Custom::WorkMailResource/not-created"
#: The beginning of the physical ID of a Create that failed without a ResourceId.
CREATE_FAILED: Final = "Custom::WorkMailResource/create-failed"
#: The same of one whose function died on every try: nobody is at work on it any more.
FUNCTION_FAILED: Final = "Custom::WorkMailResource/function-failed"

RESOURCE_TYPES: Final = ("Custom::WorkMailResource", "AWS::CloudFormation::CustomResource")

#: Seconds for which a worker has a record to itself, from its last renewal: how long a dead one holds others up.
LEASE: Final = 36
#: Seconds that a lease has to last when a call begins that changes something: longer than a call that hangs
#: (:data:`workmail_resource.aws.clients.TIMEOUTS`), and than clocks differ.
LEASE_RESERVE: Final = 27

#: Seconds after its adoption in which the Delete of an adopted resource also gives it back as it was, and in which an
#: Update to what was declared before counts as the rollback of the one between: such an event most likely belongs to
#: the same stack operation.
ROLLBACK_WINDOW: Final = 24 * 3600

#: Seconds that is remembered of a logical resource without resources which events are void: longer than Lambda keeps
#: an event (6 hours at most, https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html).
TOMBSTONE_LIFETIME: Final = 48 * 3600

_MARK: Final = "Custom::WorkMailResource owner "
_LONGEST_ID: Final = 128
_REMEMBERED: Final = 12
_RESOURCE_ID = re.compile(r"r-[0-9a-f]{32}")


def is_resource_id(physical_id: str) -> bool:
    """Tell whether *physical_id* is a WorkMail resource's, and not a marker or somebody's invention."""
    return _RESOURCE_ID.fullmatch(physical_id) is not None


def owner(event: Event) -> str:
    """Return what identifies the logical resource of *event* among all stacks."""
    return f"{event.stack_id}|{event.logical_resource_id}"


def stack_of(owner: str) -> str:
    """Return the StackId of an owner."""
    return owner.rpartition("|")[0]


def describe_owner(owner: str) -> str:
    """Return an owner for a person: the logical ID and its stack."""
    stack_id, _, logical_id = owner.rpartition("|")
    return f"{logical_id} of stack {stack_id}"


def event_id(event: Event) -> str:
    """Return what tells an event from all others of its logical resource, and is the same for each delivery of it.

    CloudFormation uses a RequestId again when a failed deployment is retried (aws-cdk #35957); the date then differs.
    """
    text = f"{event.request_id}@{'' if event.signed_at is None else event.signed_at}"
    return text if len(text.encode(errors="replace")) <= _LONGEST_ID else _digest(text)


def is_same_event(one: str, other: str) -> bool:
    """Tell whether two :func:`event_id` are of one event; one that version 1.0.0 has written has no date."""
    if one == other:
        return True
    return (
        "" in {one.rpartition("@")[2], other.rpartition("@")[2]} and one.rpartition("@")[0] == other.rpartition("@")[0]
    )


def date_of(event_id: str) -> int:
    """Return the date of an event, in seconds since the epoch, from its :func:`event_id`; 0 when that has none."""
    date = event_id.rpartition("@")[2]
    return int(date) if date.isdigit() else 0


def create_failed_id(event: Event) -> str:
    """Return the physical ID of a Create that failed without a ResourceId, by which its Delete knows it again."""
    return f"{CREATE_FAILED}/{event_id(event)}"


def function_failed_id(event: Event) -> str:
    """Return the same for a Create whose function died on every try."""
    return f"{FUNCTION_FAILED}/{event_id(event)}"


def failed_event(physical_id: str) -> str:
    """Return the :func:`event_id` in a failed Create's physical ID; empty when it is none, or an older version's."""
    for marker in (CREATE_FAILED, FUNCTION_FAILED):
        if physical_id.startswith(f"{marker}/"):
            return physical_id.removeprefix(f"{marker}/")
    return ""


def owner_mark(owner: str, event: str) -> str:
    """Return the Description (at most 64 characters) of a new resource whose id the ledger does not know yet.

    Parameters
    ----------
    event:
        The :func:`event_id` of the event that makes it: what one event has made is no other's. Version 1.0.0 did not
        know the date, and had one mark for all events.
    """
    dated = not event.endswith("@")
    return f"{_MARK}{_digest(f'{owner}|{event}' if dated else owner)}"


def is_owner_mark(description: str | None) -> bool:
    """Tell whether *description* is the mark of any owner."""
    return description is not None and description.startswith(_MARK)


def declared_digest(declaration: Declaration) -> str:
    """Return a short text that is the same for two declarations of the same state in WorkMail."""
    values = {
        "organization_id": declaration.organization_id,
        "name": declaration.name.casefold(),
        "type": declaration.type,
        "description": declaration.description,
        "hidden": declaration.hidden,
        "email": (declaration.email or "").casefold(),
        "aliases": sorted(map(str.casefold, declaration.aliases)),
        "booking": declaration.booking._asdict(),
        "delegates": sorted(map(str.casefold, declaration.delegates)),
        # Written by every version so far, and so part of each digest that is stored.
        "existing": None,
    }
    return _digest(json.dumps(values, sort_keys=True))[:16]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


class Entry(NamedTuple):
    """What a logical resource has, or is making, in one organization.

    Attributes
    ----------
    made_by:
        The :func:`event_id` of the event that began it.
    resource_id:
        None from before CreateResource until its answer was written down.
    ready:
        Whether the resource was once brought to its declared state.
    ready_at:
        When, in seconds since the epoch: of the latest declared state.
    signed_at:
        The date of the latest event that brought it to a declared state.
    digest, previous:
        The :func:`declared_digest` of that state, and of those before it, the latest first and separated by blanks;
        empty when not known.
    before:
        Of an adopted resource: what it was like (a :func:`~workmail_resource.workmail.room.snapshot`).
    changed:
        Whether an Update has succeeded since the adoption, so that what was before is no longer given back.
    giving_back:
        Whether giving back has begun: then the next event continues it.
    gone_by:
        The :func:`event_id` of the Update that found the resource gone and said so.
    replaces:
        The id of the resource that this one was made instead of.
    returned:
        Whether an Update has gone back to it from what had replaced it: then its clean-up Delete may still come.
    taken_from:
        The owner that a renamed logical resource has taken it over from.
    former:
        What it was like then.
    handed_to:
        The owner that has taken it over; then it is kept here only for a rollback.
    let_go:
        Whether a Create has come since: then CloudFormation goes back to it no more.
    handed_halfway:
        Whether an Update of it was half way when it was taken over: then a rollback takes it back.
    earlier:
        What was recorded when an Update took it over that the logical resource had itself, and has left: until another
        Update has succeeded, a rollback goes back to that.
    """

    organization_id: str
    resource_type: str
    made_by: str
    name: str
    resource_id: str | None = None
    origin: Origin = "CREATED"
    ready: bool = False
    ready_at: int = 0
    signed_at: int = 0
    digest: str = ""
    previous: str = ""
    before: Mapping[str, Any] | None = None
    changed: bool = False
    giving_back: bool = False
    gone_by: str = ""
    replaces: str = ""
    returned: bool = False
    taken_from: str = ""
    former: Mapping[str, Any] | None = None
    handed_to: str = ""
    let_go: bool = False
    handed_halfway: bool = False
    earlier: Mapping[str, Any] | None = None

    def settled(self, digest: str) -> "Entry":
        """Return the entry with another declared state; a rollback may go back by several Updates."""
        if digest == self.digest:
            return self
        before = [one for one in (self.digest, *self.previous.split()) if one]
        return self._replace(digest=digest, previous=" ".join(before[:_REMEMBERED]))

    def had(self, digest: str) -> bool:
        """Tell whether this was the declared state before the present one, or before that."""
        return digest in self.previous.split()

    def taken_again(self, former: "Entry") -> "Entry":
        """Return the entry of an adoption of what the same logical resource has had before, and may have again."""
        return self._replace(returned=True, earlier=former._replace(earlier=None)._asdict())

    @property
    def as_before(self) -> "Entry | None":
        """What was recorded before it was :meth:`taken_again`."""
        if self.earlier is None:
            return None
        return Entry(**{name: value for name, value in self.earlier.items() if name in Entry._fields})

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other entries of its record."""
        return self.organization_id, self.resource_id or self.made_by

    @property
    def is_halfway(self) -> bool:
        """Whether bringing the resource to its declared state, or giving it back, was begun and not finished."""
        return not self.ready or self.giving_back

    @property
    def found_as(self) -> Mapping[str, Any] | None:
        """What the resource was like when it was taken over; None when nobody has looked yet."""
        return self.former if self.taken_from else self.before

    @property
    def made_at(self) -> int:
        """The date of the event that began it, in seconds since the epoch; 0 when not known."""
        return date_of(self.made_by)


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has a record to itself, for a short time: one writer at a time.

    Attributes
    ----------
    worker:
        One invocation of the function.
    event:
        The :func:`event_id` of the event that it handles.
    until:
        The second since the epoch at which the lease has ended, unless it was renewed.
    request_type:
        The event's.
    """

    worker: str
    event: str
    until: int
    request_type: str = ""


class Record(NamedTuple):
    """All that the ledger knows of one logical resource.

    Attributes
    ----------
    version:
        Counts the writes; each is conditional on it.
    latest, latest_at:
        The :func:`event_id` and the date of the latest Create or Update that has had the lease.
    superseded:
        The :func:`event_id` of each event that a later one has followed, as far as dates cannot tell.
    creates_void_until, updates_void_until:
        The tombstone: Creates and Updates that were issued up to this second (since the epoch) are void, whether they
        have arrived or not (contract 32).
    voided_by:
        The :func:`event_id` of the Update that is not void although it is of that second.
    failed:
        The :func:`event_id` of the latest Create that has failed: a late copy of it makes nothing that nobody expects.
    failure:
        What it was answered: code, cause and advice.
    written_by:
        Tells a write from all others, so that one whose reply was lost is known again.
    old_items:
        The sort keys of items in the form of version 1.0.0, which the next write replaces.
    """

    owner: str
    version: int = 0
    entries: tuple[Entry, ...] = ()
    lease: Lease | None = None
    latest: str = ""
    latest_at: int = 0
    superseded: tuple[str, ...] = ()
    creates_void_until: int = 0
    updates_void_until: int = 0
    voided_by: str = ""
    failed: str = ""
    failure: tuple[str, ...] = ()
    written_by: str = ""
    old_items: tuple[str, ...] = ()

    def with_id(self, resource_id: str | None) -> Entry | None:
        """Return the entry of this resource."""
        return next((one for one in self.entries if resource_id is not None and one.resource_id == resource_id), None)

    def successor(self, resource_id: str) -> Entry | None:
        """Return the entry of what was made instead of a resource."""
        return next((one for one in self.entries if one.replaces == resource_id), None)

    def knows(self, resource_id: str) -> bool:
        """Tell whether there is an entry of a resource, or of what was made instead of it."""
        return self.with_id(resource_id) is not None or self.successor(resource_id) is not None

    def finished(self, *, but_for: str) -> "Record":
        """Return the record in which each known resource is ready but for what one event has begun."""
        entries = (
            one if one.resource_id is None or is_same_event(one.made_by, but_for) else one._replace(ready=True)
            for one in self.entries
        )
        return self._replace(entries=tuple(entries))

    def is_unfinished(self, entry: Entry) -> bool:
        """Tell whether an event has been at work since a resource was last brought to a declared state."""
        return self.latest_at > entry.signed_at

    def may_be_half_removed(self, entry: Entry) -> bool:
        """Tell whether a Delete has come since an event has brought a resource to a declared state, and has failed."""
        return self.creates_void_until > entry.signed_at

    def may_have_come_back(self, entry: Entry) -> bool:
        """Tell whether an Update may have gone back to a resource after it was replaced.

        A table that was restored knows only that it was replaced.
        """
        return entry.returned or self.successor(entry.resource_id or "") is not None

    def made_by(self, event: str, organization: str) -> Entry | None:
        """Return what this event has begun in an organization."""
        return next(
            (one for one in self.entries if one.organization_id == organization and is_same_event(one.made_by, event)),
            None,
        )

    def put(self, entry: Entry, instead_of: Entry | None = None) -> "Record":
        """Return the record with *entry*, perhaps in the place of another."""
        replaced = {entry.key, (instead_of or entry).key}
        return self._replace(entries=(*(one for one in self.entries if one.key not in replaced), entry))

    def seen_by(self, view: "StackView") -> "Record":
        """Return the record with what CloudFormation has taken as ready, which a restored table may not know."""
        return self._replace(
            entries=tuple(one._replace(ready=one.ready or view.has_taken(one.resource_id)) for one in self.entries)
        )

    def drop(self, entry: Entry) -> "Record":
        """Return the record without *entry*; what came instead of that comes instead of the one before it, if known."""
        entries = [one for one in self.entries if one.key != entry.key]
        if self.with_id(entry.replaces) is not None:
            entries = [
                one._replace(replaces=entry.replaces)
                if one.replaces == entry.resource_id and one.resource_id != entry.replaces
                else one
                for one in entries
            ]
        return self._replace(entries=tuple(entries))

    def leased(self, lease: Lease | None) -> "Record":
        """Return the record with another lease."""
        return self._replace(lease=lease)

    def following(self, event: Event) -> "Record":
        """Return the record with *event* as the latest one that changes something."""
        current, anew = event_id(event), event.request_type == "Create"
        entries = (one._replace(let_go=True) if one.handed_to and anew else one for one in self.entries)
        return self.superseding(self.latest, current)._replace(
            entries=tuple(entries),
            latest=current,
            latest_at=max(self.latest_at, event.signed_at or 0),
        )

    def superseding(self, earlier: str, current: str) -> "Record":
        """Return the record with an *earlier* event that the *current* one has followed."""
        if not earlier or earlier == current or earlier in self.superseded:
            return self
        return self._replace(superseded=(*self.superseded, earlier)[-_REMEMBERED:])

    def voiding_creates(self, until: int) -> "Record":
        """Return the record in which Creates up to a second are void."""
        return self._replace(creates_void_until=max(self.creates_void_until, until))

    def voiding_updates(self, until: int, by: str) -> "Record":
        """Return the record in which Updates up to a second are void but for one."""
        if until < self.updates_void_until:
            return self
        return self._replace(updates_void_until=until, voided_by=by)

    def has_outdated(self, event: Event) -> bool:
        """Tell whether CloudFormation has given *event* up, or a later one has followed it.

        Lambda may deliver an event late, and twice. The dates have whole seconds. A Create of the same second as a
        Delete is the one that it cancels; an Update of the same second as a Delete is not: the Delete may be the
        clean-up of its replacement.
        """
        current = event_id(event)
        if current == self.failed or current in self.superseded:
            return True
        if event.signed_at is None:
            return False
        if event.request_type == "Create":
            void = event.signed_at <= self.creates_void_until
            return void or (event.signed_at <= self.latest_at and current != self.latest)
        void = event.signed_at <= self.updates_void_until and current != self.voided_by
        return void or event.signed_at < self.latest_at

    def has_voided(self, entry: Entry) -> bool:
        """Tell whether the Update that has begun an entry is void."""
        until = self.updates_void_until
        return bool(until) and entry.made_at <= until and not is_same_event(self.voided_by, entry.made_by)

    def is_held(self, *, worker: str, now: float) -> bool:
        """Tell whether somebody else than *worker* may be at work."""
        return self.lease is not None and self.lease.worker != worker and self.lease.until > now

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of the resource but the tombstone, which expires."""
        return not self.entries


@dataclass(frozen=True, slots=True)
class StackView:
    """What CloudFormation shows of a logical resource.

    Attributes
    ----------
    physical_id, status:
        Empty when CloudFormation knows no such resource, or no such stack.
    in_stack:
        Whether CloudFormation knows the stack, at least.
    """

    physical_id: str = ""
    status: str = ""
    in_stack: bool = True

    def counts(self, resource_id: str | None) -> bool:
        """Tell whether the stack counts this resource among its own."""
        return self.physical_id == resource_id and not self.is_gone

    def has_retained(self, resource_id: str | None) -> bool:
        """Tell whether the stack has let this resource go (DeletionPolicy Retain)."""
        return self.physical_id == resource_id and self.status == "DELETE_SKIPPED"

    def has_taken(self, resource_id: str | None) -> bool:
        """Tell whether CloudFormation has taken a success with this resource, and asked for no Delete since."""
        return self.physical_id == resource_id and self.status.startswith(
            ("CREATE_COMPLETE", "UPDATE", "DELETE_SKIPPED")
        )

    @property
    def is_gone(self) -> bool:
        """Whether the stack has no such logical resource any more, and goes back to nothing that it had."""
        return self.status in {"", "DELETE_COMPLETE", "DELETE_SKIPPED"}

    def awaits(self, request_type: str) -> bool:
        """Tell whether CloudFormation waits for an event of the logical resource that is such a request.

        The states that AWS lists for resources too have one of a rollback.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackResourceDetail.html
        """
        return self.status in {f"{request_type.upper()}_IN_PROGRESS", f"{request_type.upper()}_ROLLBACK_IN_PROGRESS"}

    @property
    def is_alive(self) -> bool:
        """Whether the logical resource is there or being made, so that a Delete is of something it had before."""
        return self.status in {"CREATE_IN_PROGRESS", "CREATE_COMPLETE", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"}


def is_making(view: StackView, record: Record, resource_id: str | None) -> bool:
    """Tell whether the Create that is under way may be about a resource.

    Before it is answered, CloudFormation does not know what it makes or adopts.
    """
    entry = record.with_id(resource_id)
    return view.status == "CREATE_IN_PROGRESS" and entry is not None and is_same_event(record.latest, entry.made_by)


#: ``UNDO``: remove what was made, give back what was adopted, since no stack has ever counted it; ``GIVE_BACK`` it if
#: it is still as it was adopted; ``RELEASE``: only drop the entry.
Removal = Literal["DELETE", "UNDO", "GIVE_BACK", "RELEASE"]


def may_be_meant(record: Record, event: Event) -> tuple[Entry, ...]:
    """Return the entries that a Delete without a resource's id may be about; it is the Delete of a Create.

    The id of a Create that has failed says which; if it was the latest, also what those before it have left half way.
    One that CloudFormation has invented says only that it never took the answer of a Create that was issued before:
    then one of the same type and organization, not of an earlier Create than the latest.
    """
    failed = failed_event(event.physical_resource_id)
    if failed:
        last = is_same_event(record.latest, failed)
        return tuple(one for one in record.entries if is_same_event(one.made_by, failed) or (last and not one.ready))
    return tuple(
        one
        for one in record.entries
        if (event.signed_at is None or one.made_at <= event.signed_at)
        and one.resource_type == event.resource_type
        and organization_id(event.properties) in {None, one.organization_id}
        and (not one.ready or _is_latest(record, one, event))
    )


def _is_latest(record: Record, entry: Entry, event: Event) -> bool:
    """Tell whether a ready resource is what the latest Create has made, and as *event* declares it.

    Otherwise it is one that CloudFormation has let go (DeletionPolicy Retain), and *event* is the Delete of a later
    Create, which perhaps never started.
    """
    if record.latest not in {"", entry.made_by}:
        return False
    try:
        return entry.digest in {"", declared_digest(parse(event.properties))}
    except InvalidPropertiesError:
        return False


def removal(  # noqa: PLR0911 - the table in docs/architecture.md, a line each
    record: Record, entry: Entry, event: Event, *, view: StackView | None, now: float
) -> Removal | None:
    """Decide what a Delete does about one entry of its logical resource; None leaves it alone.

    Parameters
    ----------
    view:
        What CloudFormation shows; None when it was not asked, or has not answered.
    now:
        Seconds since the epoch.
    """
    named = record.with_id(event.physical_resource_id)
    if entry == named:
        if event.signed_at is not None and event.signed_at < max(entry.signed_at, entry.made_at):
            # A later event has made this of the resource since, or is about to.
            return None
        if entry.handed_to or (view is not None and view.has_retained(entry.resource_id)):
            # Retained since: this is a late copy of a Delete that has failed.
            return "RELEASE"
        if entry.returned and (view is None or view.is_gone):
            # A stack that does not have it any more has retained it: this is a late copy of the clean-up.
            return None
        if view is not None and view.has_taken(entry.resource_id) and record.may_have_come_back(entry):
            # The clean-up of its replacement, which the stack has gone back over: it counts the resource.
            return None
        # The Delete of what an Update has begun to take again is of what it was before.
        before = entry.as_before if entry.is_halfway else None
        return _named_removal(before or entry, adopt_declared=declares_adopt(event.properties), now=now)
    if is_resource_id(event.physical_resource_id):
        # The Delete of another resource's id clears away, beside that one, only what never became one.
        begun_before = event.signed_at is None or entry.made_at <= event.signed_at
        # The ledger may have failed to note the id: whatever bears the mark is removed.
        unnoted = entry.resource_id is None and begun_before
        return "UNDO" if unnoted or (named is not None and not entry.ready) else None
    if entry not in may_be_meant(record, event):
        return None
    if entry.ready:
        if view is None or view.counts(entry.resource_id):
            return None
        return "RELEASE" if entry.handed_to else "UNDO"
    return "UNDO"


def _named_removal(entry: Entry, *, adopt_declared: bool, now: float) -> Removal:
    if entry.is_halfway or entry.taken_from:
        return "UNDO"
    if entry.origin == "CREATED" or not adopt_declared:
        return "DELETE"
    recent = now - entry.ready_at < ROLLBACK_WINDOW
    return "GIVE_BACK" if recent and not entry.changed else "RELEASE"
