"""Create: make the declared resource, or find the one that an earlier delivery of the event has made."""

from dataclasses import replace
from functools import partial
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.errors import CancelledError, OvertakenError
from workmail_resource.ownership.rules import Entry, Record, is_outdated
from workmail_resource.protocol.errors import OutOfTimeError, ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import converge, remove
from workmail_resource.workmail.errors import NameTakenError, ResourceGoneError
from workmail_resource.workmail.properties import Declaration, parse
from workmail_resource.workmail.room import Room

from .adopt import adopt, bring_over
from .steps import STILL_AT_WORK, name_taken, released
from .work import Result, Work

#: Seconds for which WorkMail may not show what it has made, or still hold a name that was given up.
DELAY: Final = 30.0

_NAME_TAKEN: Final = "NameAvailabilityException"


def create(work: Work) -> Result:
    """Handle a Create event."""
    work.check_type()
    declaration = parse(work.event.properties)
    record = work.ledger.read(work.owner)
    if record.has_cancelled(work.event):
        take_away_own(work, record)
        raise CancelledError("CloudFormation has asked to delete this resource before it was created")
    entry = record.entry(declaration.organization_id)
    if entry is not None and is_outdated(work.event, entry):
        raise CancelledError("CloudFormation has asked to change this resource after it asked to create it")
    return establish(work, declaration, entry)


def establish(work: Work, declaration: Declaration, entry: Entry | None) -> Result:
    """Bring about the declared resource in an organization.

    Parameters
    ----------
    entry:
        What the ledger has of this logical resource in that organization.
    """
    workmail = work.workmail(declaration.organization_id)
    current, room = _resume(work, workmail, entry)
    if current is not None and room is not None:
        return _finish(work, workmail, current, room, declaration)
    former_id = entry.resource_id if entry is not None and _is_own(work, entry) else None
    tried_before = current is not None
    current = work.new_entry(declaration)
    try:
        work.ledger.begin(current)
    except OvertakenError:
        return _look_again(work, declaration)
    if declaration.existing == "ADOPT":
        existing = workmail.find(declaration.name)
        if existing is not None and existing.description != work.mark and existing.resource_id != former_id:
            return adopt(work, workmail, current, existing, declaration)
    try:
        wanted = work.wanted(workmail, declaration)
        room, current = _create_or_find(work, workmail, current, declaration, former_id)
    except (ServiceError, ProviderError, OutOfTimeError) as error:
        _withdraw(work, current, look=tried_before or not _is_refusal(error))
        raise
    return work.settle(
        current, converge(workmail, room, wanted, fresh=True, on_failure=partial(_stop_if_cancelled, work))
    )


def _stop_if_cancelled(work: Work) -> None:
    """Stop when a call failed because a Delete has taken the resource away: otherwise that looks like a delay."""
    record = Record()
    with work.reported("whether the event was cancelled is not known"):
        record = work.ledger.read(work.owner)
    if record.has_cancelled(work.event):
        raise CancelledError("CloudFormation has asked to delete this resource while it was created")


def _look_again(work: Work, declaration: Declaration) -> Result:
    """Go on from what another delivery of this event has written in the meantime."""
    record = work.ledger.read(work.owner)
    if record.has_cancelled(work.event):
        raise CancelledError("CloudFormation has asked for something else of this resource since")
    return establish(work, declaration, record.entry(declaration.organization_id))


def take_away_own(work: Work, record: Record) -> None:
    """Take away what an earlier delivery of this event has begun."""
    for entry in record.entries:
        if entry.request_id == work.event.request_id and not entry.settled:
            work.take_away(entry)


def _is_own(work: Work, entry: Entry) -> bool:
    """Tell whether *entry* is to be gone on with.

    It is when it bears the event's RequestId. One of another event that never settled is the rest of a Create that
    CloudFormation has given up. A settled one belongs to a resource that CloudFormation has let go (DeletionPolicy
    Retain): it is nobody's now, and only ADOPT may take it.
    """
    return entry.request_id == work.event.request_id or not entry.settled


def _resume(work: Work, workmail: WorkMail, entry: Entry | None) -> tuple[Entry | None, Room | None]:
    """Return the entry to go on with, and its resource if it is still there; clear away what is of no use."""
    if entry is None:
        return None, None
    if not _is_own(work, entry):
        work.ledger.forget(entry)
        return None, None
    if entry.resource_id is not None:
        room = workmail.describe(entry.resource_id) if entry.settled else _await(work, workmail, entry.resource_id)
        if room is not None:
            return entry, workmail.with_lists(room)
        # CloudFormation reuses a RequestId when it retries a deployment (aws-cdk #35957): the ledger alone proves
        # nothing.
        work.ledger.forget(entry)
        return None, None
    if entry.request_id == work.event.request_id:
        return entry, None
    work.take_away(entry)
    return None, None


def _await(work: Work, workmail: WorkMail, resource_id: str) -> Room | None:
    """Return a resource that may be so new that WorkMail does not show it yet; None when it does not come."""
    patience = work.clock.monotonic() + DELAY
    for wait in workmail.caller.waits():
        room = workmail.describe(resource_id)
        if room is not None or work.clock.monotonic() >= patience:
            return room
        workmail.deadline.sleep(wait)
    raise AssertionError("the waits never end")


def _finish(work: Work, workmail: WorkMail, entry: Entry, room: Room, declaration: Declaration) -> Result:
    """Go on with a resource that an earlier delivery has created or begun to adopt."""
    if entry.origin == "ADOPTED" and not entry.settled:
        return bring_over(work, workmail, entry, room, declaration)
    work.report_id(room.resource_id)
    stop_if_cancelled = partial(_stop_if_cancelled, work)
    try:
        room = converge(workmail, room, work.wanted(workmail, declaration), on_failure=stop_if_cancelled)
    except ResourceGoneError:
        stop_if_cancelled()
        raise
    return work.settle(entry, room)


def _create_or_find(
    work: Work, workmail: WorkMail, entry: Entry, declaration: Declaration, former_id: str | None
) -> tuple[Room, Entry]:
    """Call CreateResource; when the name is taken, find out whether it is by ourselves.

    That is so when the reply to an earlier try was lost, and when the same event is being handled twice at once:
    WorkMail lets only one of the two have the name.
    """
    patience = work.clock.monotonic() + DELAY
    waits = workmail.caller.waits()
    while True:
        try:
            room = workmail.create(declaration, work.mark)
        except ServiceError as error:
            if error.code != _NAME_TAKEN:
                raise
            holder = workmail.find(declaration.name)
            written = work.ledger.read(work.owner).entry(declaration.organization_id)
            if holder is not None and written is not None and written.resource_id == holder.resource_id:
                work.report_id(holder.resource_id)
                return workmail.with_lists(holder), written
            if holder is not None and (holder.description == work.mark or holder.resource_id == former_id):
                room = workmail.with_lists(holder)
            elif holder is not None or work.clock.monotonic() >= patience or workmail.entity_id(declaration.name):
                raise name_taken(error, declaration, holder) from error
            else:
                # Nobody has it: WorkMail has not yet given free the name of what was deleted.
                workmail.deadline.sleep(next(waits))
                continue
        work.report_id(room.resource_id)
        return room, _identify(work, workmail, replace(entry, resource_id=room.resource_id))


def _identify(work: Work, workmail: WorkMail, entry: Entry) -> Entry:
    """Write the id of a resource that bears our mark; take it away again when another event was faster."""
    try:
        work.ledger.identify(entry, work.event)
    except OvertakenError:
        record = work.ledger.read(entry.owner)
        written = record.entry(entry.organization_id)
        if written is not None and written.resource_id == entry.resource_id:
            return written
        remove(workmail, entry.resource_id or "")
        take_away_own(work, record)
        raise CancelledError("CloudFormation has asked to delete this resource while it was created") from None
    return entry


def _withdraw(work: Work, entry: Entry, *, look: bool) -> None:
    """Leave nothing of a Create that has no ResourceId to answer with; Delete clears what cannot be cleared now.

    Without a *look*, nothing can have been made: every call was answered, and refused.
    """
    with work.reported("the ledger keeps the entry of a failed Create, for its Delete"):
        if look:
            work.take_away(entry)
        else:
            work.ledger.forget(entry)
        return
    with work.reported(STILL_AT_WORK):
        work.ledger.begin(released(entry))


def _is_refusal(error: Exception) -> bool:
    if isinstance(error, ServiceError):
        return error.status > 0 and error.attempts == 1
    return isinstance(error, NameTakenError)
