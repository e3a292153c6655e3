"""Update: bring the resource to its declared state; in another organization, make it anew."""

from dataclasses import replace

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.errors import (
    AdoptionRefusedError,
    CancelledError,
    ForeignPhysicalIdError,
    NotOwnedError,
    OvertakenError,
)
from workmail_resource.ownership.rules import Entry, Record, is_outdated, is_resource_id
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import converge
from workmail_resource.workmail.errors import InvalidPropertiesError, ResourceGoneError
from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import Declaration, organization_id, parse
from workmail_resource.workmail.room import Room, Wanted, snapshot

from .create import establish, take_away_own
from .steps import REVERSIBLE_SHARE, STILL_AT_WORK, name_taken, released, spoken
from .work import Result, Work


def update(work: Work) -> Result:
    """Handle an Update event."""
    work.check_type()
    declaration = parse(work.event.properties)
    physical_id = work.event.physical_resource_id
    if not is_resource_id(physical_id):
        raise ForeignPhysicalIdError(f"the event's PhysicalResourceId {physical_id!r} is not a WorkMail ResourceId")
    record = work.ledger.read(work.owner)
    if record.has_cancelled(work.event):
        take_away_own(work, record)
        raise CancelledError("CloudFormation has asked for something else of this resource since")
    entry = record.with_id(physical_id)
    if entry is not None and is_outdated(work.event, entry):
        raise CancelledError("CloudFormation has asked for another change of this resource since")
    current = entry.organization_id if entry is not None else organization_id(work.event.old_properties)
    if current is not None and current != declaration.organization_id:
        return _replace(work, declaration, record)
    if _may_reverse(work, declaration, record, entry):
        return _update_alone(work, declaration)
    return _update(work, declaration, entry, alone=False)


def _may_reverse(work: Work, declaration: Declaration, record: Record, entry: Entry | None) -> bool:
    """Tell whether this may be the reversed Update of one that was cancelled, and may still be at work.

    A cancelled replacement shows in the old properties, which name an organization that the resource is not in; a
    cancelled change in place by the entry of an event that has not ended. CloudFormation knows nothing of what they
    have made.
    """
    return (
        organization_id(work.event.old_properties) not in {None, declaration.organization_id}
        or any(_is_rest(work, other, declaration) for other in record.entries)
        or (entry is not None and entry.worker not in {"", work.event.request_id})
    )


def _is_rest(work: Work, entry: Entry, declaration: Declaration) -> bool:
    """Tell whether *entry* is of what a cancelled or failed replacement has made elsewhere.

    A settled one in an organization that the old properties do not name is a resource that an earlier replacement has
    left there for good (UpdateReplacePolicy Retain, contract 37).
    """
    return entry.organization_id != declaration.organization_id and (
        not entry.settled or entry.organization_id == organization_id(work.event.old_properties)
    )


def _update_alone(work: Work, declaration: Declaration) -> Result:
    """Update the resource after every earlier event has stopped, and clear away what they made elsewhere."""
    record = work.cancel_earlier()
    _take_away_elsewhere(work, record, declaration)
    return _update(work, declaration, record.with_id(work.event.physical_resource_id), alone=True)


def _take_away_elsewhere(work: Work, record: Record, declaration: Declaration) -> None:
    for entry in record.entries:
        if not _is_rest(work, entry, declaration):
            continue
        if entry.settled and entry.resource_id is not None:
            # From now on it is the rest of a failed event, which any later Delete clears away.
            entry = replace(entry, settled=False)  # noqa: PLW2901 - the same entry, changed
            work.ledger.change(entry)
        with work.reported("the rest of a cancelled replacement is still there; the next event clears it"):
            work.take_away(entry)


def _update(work: Work, declaration: Declaration, entry: Entry | None, *, alone: bool) -> Result:
    """Update the resource in place.

    Parameters
    ----------
    alone:
        Whether earlier events are known to have stopped.
    """
    workmail = work.workmail(declaration.organization_id)
    physical_id = work.event.physical_resource_id
    room = workmail.describe(physical_id)
    if room is None:
        return _update_gone(work, workmail, declaration, entry)
    room = workmail.with_lists(room)
    if entry is None and declaration.existing != "ADOPT":
        raise NotOwnedError(f"the ledger has no entry of resource {physical_id} for this stack")
    if entry is None:
        entry = _enter(work, declaration, room)
    wanted = work.wanted(workmail, declaration)
    if plan(room, wanted):
        taken = _take_up(work, entry)
        if taken is None and alone:
            raise CancelledError("CloudFormation has asked for another change of this resource since")
        if taken is None:
            return _update_alone(work, declaration)
        entry = taken
    elif not alone and _asks_for_a_change(work, declaration):
        # There is nothing to change, but the old properties say that there should be: this is the reversed Update of
        # one that was cancelled before it began, and may yet begin.
        return _update_alone(work, declaration)
    try:
        room = _converge(workmail, declaration, room, wanted)
    except BaseException:
        if entry.worker:
            with work.reported(STILL_AT_WORK):
                work.ledger.change(released(entry))
        raise
    return work.settle(entry, room)


def _take_up(work: Work, entry: Entry) -> Entry | None:
    """Write that this event is about to change the resource; None when another event stands in the way."""
    entry = work.taken_up(entry)
    try:
        work.ledger.take_up(entry, work.event)
    except OvertakenError:
        return None
    return entry


def _asks_for_a_change(work: Work, declaration: Declaration) -> bool:
    """Tell whether the old properties and the new ones differ in effect."""
    try:
        old = parse(work.event.old_properties)
    except InvalidPropertiesError:
        # An Update to invalid properties is refused before it does anything.
        return False
    return Wanted.declared(old, frozenset(old.delegates)) != Wanted.declared(
        declaration, frozenset(declaration.delegates)
    )


def _converge(workmail: WorkMail, declaration: Declaration, room: Room, wanted: Wanted) -> Room:
    try:
        return converge(workmail, room, wanted)
    except ServiceError as error:
        if error.code != "NameAvailabilityException":
            raise
        raise name_taken(error, declaration, workmail.find(declaration.name)) from error


def _update_gone(work: Work, workmail: WorkMail, declaration: Declaration, entry: Entry | None) -> Result:
    """Tell that the resource is gone; the next Update, such as the reversed one of a rollback, makes it anew."""
    physical_id = work.event.physical_resource_id
    if entry is None and declaration.existing == "ADOPT":
        return establish(work, declaration, None)
    if entry is None:
        raise NotOwnedError(f"neither WorkMail nor the ledger has a resource {physical_id} of this stack")
    if entry.gone_request_id in {"", work.event.request_id}:
        work.ledger.change(replace(entry, gone_request_id=work.event.request_id))
        raise ResourceGoneError(f"WorkMail shows no resource {physical_id} in {workmail.organization_id}")
    work.ledger.forget(entry)
    return establish(work, declaration, None)


def _enter(work: Work, declaration: Declaration, room: Room) -> Entry:
    """Give the ledger an entry that it has lost, as of an adopted resource."""
    begun = work.new_entry(declaration)
    entry = replace(begun, origin="ADOPTED", resource_id=room.resource_id, before=snapshot(room))
    try:
        work.ledger.begin(begun)
        work.ledger.identify(entry, work.event)
    except OvertakenError:
        holder = work.ledger.holder(declaration.organization_id, room.resource_id)
        whose = spoken(holder) if holder not in {None, entry.owner} else "another event of this resource"
        raise AdoptionRefusedError(f"resource {room.resource_id} belongs to {whose}") from None
    return entry


def _replace(work: Work, declaration: Declaration, record: Record) -> Result:
    """Make the resource in another organization; the old one stays until CloudFormation's Delete of its id."""
    there = record.entry(declaration.organization_id)
    if there is not None and there.settled:
        # The reversed Update of a replacement: the old resource is still there, and CloudFormation wants it back.
        there = replace(there, request_id=work.event.request_id)
    try:
        # The new id is not reported before it is certain: a failed replacement answers with the old one.
        result = establish(work.within(REVERSIBLE_SHARE, report_id=lambda _: None), declaration, there)
    except Exception:
        keep = there.resource_id if there is not None and there.settled else None
        with work.reported("the rest of a failed replacement is still there; the next event clears it"):
            _discard(work, declaration.organization_id, keep=keep)
        raise
    work.report_id(result.physical_id)
    return result


def _discard(work: Work, organization: str, *, keep: str | None) -> None:
    entry = work.ledger.read(work.owner).entry(organization)
    if entry is not None and (entry.resource_id is None or entry.resource_id != keep):
        work.take_away(entry)
