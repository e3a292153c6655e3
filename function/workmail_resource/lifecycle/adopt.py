"""Adoption: take over a resource that exists, in such a way that it can be given back as it was (contracts 45-48)."""

from dataclasses import replace

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.errors import (
    AdoptionRefusedError,
    CancelledError,
    LedgerUnavailableError,
    OvertakenError,
)
from workmail_resource.ownership.rules import Entry, is_owner_mark
from workmail_resource.protocol.errors import OutOfTimeError, ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import converge
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, snapshot

from .steps import REVERSIBLE_SHARE, STILL_AT_WORK, released, spoken
from .work import Result, Work


def adopt(work: Work, workmail: WorkMail, entry: Entry, room: Room, declaration: Declaration) -> Result:
    """Take over *room*.

    Parameters
    ----------
    entry:
        What was begun in the ledger.
    room:
        The live resource of the declared name, without its lists.

    Raises
    ------
    AdoptionRefusedError
        It is another stack's, or not of the declared Type. Nothing was touched.
    """
    problem = _problem(work, workmail, entry, room, declaration)
    if problem is not None:
        work.ledger.forget(entry)
        raise AdoptionRefusedError(f"the resource named {declaration.name} ({room.resource_id}) {problem}")
    kept = workmail.with_kept_lists(room)
    adopting = replace(entry, origin="ADOPTED", resource_id=room.resource_id, before=snapshot(kept))
    room = kept if room.enabled else workmail.with_lists(room)
    try:
        work.ledger.identify(adopting, work.event)
    except OvertakenError:
        adopting = _overtaken(work, entry, room, declaration)
    return bring_over(work, workmail, adopting, room, declaration)


def _problem(work: Work, workmail: WorkMail, entry: Entry, room: Room, declaration: Declaration) -> str | None:
    holder = work.ledger.holder(workmail.organization_id, room.resource_id)
    if holder is not None and holder != entry.owner:
        return f"belongs to {spoken(holder)}"
    if is_owner_mark(room.description):
        return "is being created by another stack"
    if room.type != declaration.type:
        return f"is of Type {room.type}, not {declaration.type}"
    return None


def _overtaken(work: Work, entry: Entry, room: Room, declaration: Declaration) -> Entry:
    """Return the entry of another delivery of this event that was faster; refuse when it was somebody else."""
    record = work.ledger.read(entry.owner)
    written = record.entry(entry.organization_id)
    if written is not None and written.resource_id == room.resource_id:
        return written
    if written is not None and written.request_id == work.event.request_id:
        work.ledger.forget(written)
    if record.has_cancelled(work.event):
        raise CancelledError("CloudFormation has asked to delete this resource meanwhile")
    raise AdoptionRefusedError(
        f"the resource named {declaration.name} ({room.resource_id}) was claimed by another stack meanwhile"
    )


def bring_over(work: Work, workmail: WorkMail, entry: Entry, room: Room, declaration: Declaration) -> Result:
    """Bring an adopted resource to its declared state; when that fails, to what it was before."""
    try:
        hurried = workmail.within(work.deadline.earlier(REVERSIBLE_SHARE))
        result = work.settle(entry, converge(hurried, room, work.wanted(hurried, declaration)))
    except (ServiceError, ProviderError, LedgerUnavailableError, OutOfTimeError):
        given_back = False
        with work.reported("an adopted resource is not as it was yet; its Delete puts it back"):
            work.take_away(entry)
            given_back = True
        if not given_back:
            with work.reported(STILL_AT_WORK):
                work.ledger.change(released(entry))
        raise
    work.report_id(result.physical_id)
    return result
