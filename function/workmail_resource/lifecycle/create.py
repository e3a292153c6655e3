"""Create: make the declared resource, or go on with what an earlier delivery of the event has made."""

from collections.abc import Callable
from functools import partial
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.errors import CancelledError, ClaimedError, OvertakenError, RepeatedFailureError
from workmail_resource.ownership.rules import Entry, Record, is_same_event, owner_mark
from workmail_resource.protocol.errors import OutOfTimeError, ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import VISIBLE_WITHIN, found, remove, shown
from workmail_resource.workmail.errors import NameTakenError, ResourceGoneError
from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import Declaration, parse
from workmail_resource.workmail.room import Room, Wanted

from .adopt import adopt, bring_over, checked
from .cleanup import briefly, clear_rests, discard, forget, take_away, withdraw
from .siblings import DELAY, Siblings, bring, name_taken
from .steps import (
    ATTEMPTS,
    as_taken,
    bring_surely,
    check_begin,
    check_untaken,
    claim_of,
    new_entry,
    note_failure,
    reported,
    settle,
    unchanged,
    wanted,
)
from .work import Result, Work

_NAME_TAKEN: Final = "NameAvailabilityException"


def create(work: Work) -> Result:
    """Handle a Create event."""
    work.check_type()
    declaration = parse(work.event.properties)
    for _ in range(ATTEMPTS):
        record = work.turn.wait(needed=lambda record: not record.has_outdated(work.event))
        try:
            check_begin(work)
        except CancelledError:
            clear_own(work, declaration)
            if record.failed == work.id and record.failure:
                raise RepeatedFailureError(record.failure) from None
            raise
        try:
            return establish(work, declaration, record)
        except OvertakenError:
            continue
        except ProviderError as error:
            note_failure(work, error)
            if isinstance(error, CancelledError):
                with reported(work, "what a cancelled event has made is still there; its Delete clears it"):
                    discard(work, declaration)
            raise
    raise CancelledError("other events of this resource kept changing its ledger record")


def establish(
    work: Work,
    declaration: Declaration,
    record: Record,
    *,
    instead_of: Entry | None = None,
    goal_of: Callable[[WorkMail, Declaration], Wanted] = wanted,
) -> Result:
    """Bring about the declared resource in an organization.

    Parameters
    ----------
    record:
        As it was read when the turn came.
    instead_of:
        The entry of the resource that the new one replaces.
    goal_of:
        Returns the state to bring a new resource to; by default what is declared.

    Raises
    ------
    OvertakenError
        Somebody else has written the record before the turn was taken; nothing was changed.
    """
    workmail = work.workmail(declaration.organization_id)
    replaces = (instead_of.resource_id or "") if instead_of is not None else ""
    own = record.made_by(work.id, declaration.organization_id)
    if own is not None and own.resource_id is not None:
        result = _resume(work, record, own, declaration, instead_of=instead_of, goal_of=goal_of)
        if result is not None:
            return result
        # It has gone: the ledger alone proves nothing. What follows is planned on what was written meanwhile.
        record, own = work.turn.record, None
    if declaration.existing == "ADOPT":
        existing = workmail.find(declaration.name)
        if existing is not None and existing.description not in own_marks(work, record):
            # Version 1.0.0 wrote that it had begun before it looked.
            before = record if own is None else record.drop(own)
            return adopt(work, workmail, before, existing, declaration, replaces=replaces)
    begun = own or new_entry(work, declaration)._replace(replaces=replaces)
    work.turn.take(record.following(work.event).put(begun, own))
    clear_rests(work)
    try:
        goal = goal_of(workmail, declaration)
        room = _create_or_find(work, workmail, declaration, tried_before=own is not None)
    except OvertakenError:
        raise
    except ProviderError as error:
        note_failure(work, error)
        _leave_nothing(work, begun, look=own is not None or not _made_nothing(error))
        raise
    work.report_id(room.resource_id)
    entry = _identify(work, begun, room)
    room = bring(work, workmail, room, goal, fresh=True)
    return settle(work, entry, room, declaration, instead_of=_gone(work, instead_of, declaration))


def _gone(work: Work, instead_of: Entry | None, declaration: Declaration) -> Entry | None:
    """Return the entry of a resource that has vanished, if the new one comes instead of it."""
    if instead_of is None or instead_of.organization_id != declaration.organization_id:
        return None
    return work.turn.record.with_id(instead_of.resource_id)


def _resume(
    work: Work,
    record: Record,
    own: Entry,
    declaration: Declaration,
    *,
    instead_of: Entry | None,
    goal_of: Callable[[WorkMail, Declaration], Wanted],
) -> Result | None:
    """Go on with what an earlier delivery of this event has made; None when it was never finished, and has gone."""
    workmail = work.workmail(own.organization_id)
    resource_id = own.resource_id or ""
    if own.ready:
        work.report_id(resource_id)
        room = workmail.read(resource_id)
        if room is None:
            raise ResourceGoneError(f"WorkMail shows no resource {resource_id} any more, which this event had made")
        goal = goal_of(workmail, declaration)
        steps = plan(room, goal)
        if not steps:
            return unchanged(own, room)
        if work.event.request_type == "Create":
            check_untaken(work)
        work.turn.take(record.following(work.event), claims=[claim_of(own, "TAKE")])
        room = bring(work, workmail, room, goal)
        return settle(work, own, room, declaration)
    work.turn.take(record.following(work.event), claims=[claim_of(own, "TAKE")])
    room = shown(workmail, resource_id, DELAY)
    if room is None:
        forget(work, own)
        return None
    if own.origin == "ADOPTED" or own.taken_from:
        if own.giving_back:
            take_away(work, own)
            raise CancelledError("it had begun to give the resource back")
        if own.found_as is None:
            checked(work, own, room, declaration)
        return bring_over(work, workmail, own, workmail.with_lists(room), declaration, interrupted=True)
    work.report_id(resource_id)
    room, goal = workmail.with_lists(room), goal_of(workmail, declaration)
    room = bring_surely(workmail, room, goal, partial(bring, work, workmail, goal=goal))
    return settle(work, own, room, declaration, instead_of=_gone(work, instead_of, declaration))


def clear_own(work: Work, declaration: Declaration) -> None:
    """Take away what this event has made before CloudFormation gave it up, if nobody else is about to.

    And what it has stopped, as a reversed Update: nobody comes after that to clear it, so Lambda delivers it again.
    """
    with reported(work, "what a cancelled event has made is still there; its Delete clears it"):
        record = work.turn.record = as_taken(work.turn.record, partial(work.stacks.view, work.owner))
        left = [one for one in record.entries if not one.ready]
        own = [one for one in left if is_same_event(one.made_by, work.id)]
        stopped = [one for one in left if record.voided_by == work.id and record.has_voided(one)]
        if (own or stopped) and not record.is_held(worker="", now=work.clock.time()):
            work.turn.take(record)
            try:
                for entry in (*own, *stopped):
                    take_away(work, entry)
            except ProviderError as error:
                if stopped:
                    work.come_again(f"{type(error).__name__}: {error}")
                raise
    if not any(one.made_by == work.id for one in work.turn.record.entries):
        _remove_marked(work, declaration)


def _remove_marked(work: Work, declaration: Declaration) -> None:
    """Remove a resource with this event's mark: what it has made itself when its Delete had already passed."""
    workmail = work.organization(declaration.organization_id)
    try:
        room = workmail.find(declaration.name)
        if room is not None and room.description == work.mark:
            _remove_unclaimed(work, workmail, room, fresh=False)
    except ProviderError as error:
        work.come_again(f"{type(error).__name__}: {error}")


def _remove_unclaimed(work: Work, workmail: WorkMail, room: Room, *, fresh: bool) -> None:
    """Remove a resource that this event has made, unless it was taken over since, even if it still has the mark."""
    if work.ledger.holder(workmail.organization_id, room.resource_id) is None:
        remove(workmail, room.resource_id, fresh=fresh)


def _create_or_find(work: Work, workmail: WorkMail, declaration: Declaration, *, tried_before: bool) -> Room:
    """Call CreateResource; when the name is taken, find out by whom.

    It is by this event when the reply to an earlier try was lost.
    """
    if tried_before:
        room = found(workmail, declaration.name, work.mark, VISIBLE_WITHIN)
        if room is not None:
            return workmail.with_lists(room)
    siblings = Siblings(work, workmail)
    waits = workmail.caller.waits()
    while True:
        try:
            return workmail.create(declaration, work.mark)
        except ServiceError as error:
            if error.code != _NAME_TAKEN:
                raise
            holder = _named(work, workmail, declaration.name, tried_before=error.attempts > 1)
            if holder is not None and holder.description == work.mark:
                return workmail.with_lists(holder)
            if holder is not None and holder.description in own_marks(work, work.turn.record):
                # Of an event that this one has followed: nobody goes on with it.
                remove(workmail, holder.resource_id)
                continue
            whose = siblings.name_holder(declaration.name, holder)
            try:
                if not siblings.may_become_free("Name", whose):
                    raise name_taken(error, declaration.name, whose) from error
                workmail.deadline.sleep(next(waits))
            except OutOfTimeError:
                raise name_taken(error, declaration.name, whose) from error


def _named(work: Work, workmail: WorkMail, name: str, *, tried_before: bool) -> Room | None:
    """Return the resource that has a name; a try whose reply was lost may have made one that is not shown yet."""
    room = workmail.find(name)
    if room is None and tried_before:
        return found(workmail, name, work.mark, VISIBLE_WITHIN)
    return room


def own_marks(work: Work, record: Record) -> set[str]:
    """Return the marks of this event and of those that it has followed."""
    return {owner_mark(work.owner, one) for one in (work.id, record.latest, *record.superseded) if one}


def _identify(work: Work, begun: Entry, room: Room) -> Entry:
    """Write the id of a resource that has our mark; remove it again when a later event was faster."""
    entry = begun._replace(resource_id=room.resource_id)
    try:
        work.turn.write(work.turn.record.put(entry, begun), claims=[claim_of(entry, "TAKE")])
    except (CancelledError, ClaimedError) as error:
        # Unless the Delete of this event waits for the turn, it may have passed already, and nobody else removes it.
        try:
            _remove_unclaimed(work, briefly(work).organization(entry.organization_id), room, fresh=True)
        except ProviderError as failure:
            work.come_again(f"{type(failure).__name__}: {failure}")
        else:
            if work.turn.held:
                with reported(work, "the ledger keeps the entry of a cancelled Create, for its Delete"):
                    forget(work, begun)
        raise CancelledError("CloudFormation has asked to delete this resource while it was created") from error
    return entry


def _leave_nothing(work: Work, begun: Entry, *, look: bool) -> None:
    """Leave nothing of a Create that has no ResourceId to answer with; Delete clears what cannot be cleared now.

    Without a *look*, nothing can have been made: every call was answered, and refused.
    """
    with reported(work, "the ledger keeps the entry of a failed Create, for its Delete"):
        if look:
            withdraw(work, begun)
        elif work.turn.held:
            forget(work, begun)


def _made_nothing(error: ProviderError) -> bool:
    """Tell whether a failed Create cannot have made anything: its only try was answered, and refused."""
    if isinstance(error, ServiceError):
        return error.status > 0 and error.attempts == 1
    return isinstance(error, NameTakenError)
