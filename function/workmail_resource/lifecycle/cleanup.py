"""Clean up: take away what an event has made, or give it back as it was, and drop what the ledger has of it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import cast

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.errors import ClaimedError, NotOwnedError, OvertakenError, let_it_ask
from workmail_resource.ownership.rules import (
    ROLLBACK_WINDOW,
    Entry,
    Record,
    describe_owner,
    is_same_event,
    owner_mark,
)
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import VISIBLE_WITHIN, Judge, found, remove
from workmail_resource.workmail.errors import ResourceGoneError
from workmail_resource.workmail.plan import Step, same_name
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, Wanted, from_snapshot

from .handover import Waiting, idle_owner
from .siblings import DELAY, bring
from .steps import (
    ATTEMPTS,
    CLEARING,
    ORGANIZATION_GONE,
    ORGANIZATION_STATE,
    REVERSIBLE_SHARE,
    best_effort,
    bring_surely,
    check_current,
    claim_of,
    is_alike,
    is_refusal,
    looked_at_again,
    reported,
)
from .work import Work


def take_away(work: Work, entry: Entry) -> None:
    """Remove what *entry* has, or give it back if it was adopted; and the entry. Needs the turn.

    A resource that another owner claims is left alone (contract 50).
    """
    if entry.resource_id is None:
        with content_without_organization(work, entry):
            remove_unidentified(work, entry)
        forget(work, entry)
    elif not holds(work, entry):
        drop_foreign(work, entry)
    elif entry.origin == "ADOPTED" or entry.taken_from:
        give_back(work, entry)
    else:
        with content_without_organization(work, entry):
            remove(work.workmail(entry.organization_id), entry.resource_id, fresh=not entry.ready)
        forget(work, entry)


def clear_rests(work: Work) -> None:
    """Take away what events before this one have begun and never finished. Needs the turn.

    Raises
    ------
    CancelledError
        A later event has followed this one meanwhile.
    OvertakenError
        Another delivery of this event has taken its turn.
    """
    hurried = work.within(work.deadline.earlier(REVERSIBLE_SHARE))
    named = work.event.physical_resource_id
    if work.event.request_type == "Update" and not work.turn.record.knows(named):
        # The ledger has lost what came last: then what it knows as unfinished may have been finished since.
        work.turn.record = work.turn.record.finished(but_for=work.id)
    for entry in work.turn.record.entries:
        # What an Update names is no rest, even if a table was restored that was backed up before it was ready.
        if is_same_event(entry.made_by, work.id) or entry.resource_id == named:
            continue
        if entry.ready:
            _leave_former(work, entry)
            continue
        with reported(work, "the rest of an earlier event is still there; the next event clears it"):
            old = entry.origin == "CREATED" and work.clock.time() - entry.made_at > ROLLBACK_WINDOW
            if old and entry.resource_id is not None:
                # CloudFormation may have let it go (DeletionPolicy Retain), and somebody uses it; or its Delete comes.
                work.turn.write(work.turn.record.put(entry._replace(ready=True, replaces=""), entry))
            elif old:
                forget(work, entry)
            else:
                take_away(hurried, entry)
    check_current(work)
    if not work.turn.held:
        raise OvertakenError


def discard(work: Work, declaration: Declaration) -> None:
    """Take away what this very event has made and not finished, if it still has its turn."""
    made = work.turn.record.made_by(work.id, declaration.organization_id)
    if made is not None and not made.ready:
        withdraw(work, made)


def withdraw(work: Work, entry: Entry) -> None:
    """Take away what a failed event has, if it still has its turn."""
    if work.turn.held:
        take_away(briefly(work), entry)


def briefly(work: Work) -> Work:
    """Return the same work with little time where a later event waits for the turn, and clears what is left."""
    followed = work.turn.held and work.turn.record.has_outdated(work.event)
    return work.within(work.deadline.within(CLEARING)) if followed else work


def _leave_former(work: Work, entry: Entry) -> None:
    """Drop what the ledger has of a resource that is there no more: a new Create says that no stack counts it.

    One that was taken over from a sibling, and retained when that was rolled back, is the sibling's again.
    """
    if work.event.request_type == "Create":
        with reported(work, "the ledger keeps the entry of a resource that may be gone"):
            if work.workmail(entry.organization_id).describe(entry.resource_id or "") is None:
                forget(work, entry)
            elif (waiting := idle_owner(work, entry)).record is not None:
                _hand_back(work, entry, waiting)


def holds(work: Work, entry: Entry) -> bool:
    """Tell whether the claim of the entry's resource is this owner's."""
    return work.ledger.holder(entry.organization_id, entry.resource_id or "") == work.owner


def drop_foreign(work: Work, entry: Entry) -> None:
    """Drop an entry whose resource is another owner's, or was let go by hand; the resource stays."""
    work.log("left alone: the resource is not this stack's any more", resource_id=entry.resource_id)
    work.turn.write(work.turn.record.drop(entry))


def remove_unidentified(work: Work, entry: Entry) -> None:
    """Remove the resource that *entry* may have made without coming to know its id: it has the mark."""
    workmail = work.workmail(entry.organization_id)
    room = found(workmail, entry.name, owner_mark(work.owner, entry.made_by), VISIBLE_WITHIN)
    if room is not None:
        remove(workmail, room.resource_id)


def forget(work: Work, entry: Entry, *, ends: bool = False, also: Sequence[Record] = ()) -> None:
    """Drop an entry and its claim; the last one *ends* the turn too. Needs the turn.

    Parameters
    ----------
    also:
        Records of other owners that change with it.
    """
    record = work.turn.record.drop(entry)
    write = work.turn.write if record.entries and not ends else work.turn.end
    leave(partial(write, also=also), record, entry)


def leave(write: Callable[..., None], record: Record, entry: Entry) -> None:
    """Write a *record* that has lost *entry*, and leave the claim of its resource, unless it is another owner's."""
    if entry.resource_id is None:
        write(record)
        return
    try:
        write(record, claims=[claim_of(entry, "LEAVE")])
    except ClaimedError:
        write(record)


@contextmanager
def content_without_organization(work: Work, entry: Entry) -> Iterator[None]:
    """Take a whole organization that is gone for the end of its resources too.

    A deleted organization stays known for a while, and answers OrganizationStateException
    (hashicorp/terraform-provider-aws #47893).
    """
    try:
        yield
    except ServiceError as error:
        if error.code == ORGANIZATION_GONE:
            return
        if error.code != ORGANIZATION_STATE or not _is_deleted(work.workmail(entry.organization_id)):
            raise


def _is_deleted(workmail: WorkMail) -> bool:
    try:
        return workmail.organization_state().casefold() == "deleted"
    except ServiceError as error:
        return error.code == ORGANIZATION_GONE


def give_back(work: Work, entry: Entry) -> None:
    """Bring an adopted resource back to what it was, as far as WorkMail allows, and let it go. Needs the turn.

    What was begun is written down, so that the next event continues it (contracts 55 and 63). A resource that
    was taken over from another logical resource is handed back to it, if that still waits for it (contract 56).
    """
    for _ in range(ATTEMPTS):
        try:
            _give_back(work, entry, idle_owner(work, entry))
        except ClaimedError:
            drop_foreign(work, entry)
        except OvertakenError:
            entry = work.turn.record.with_id(entry.resource_id) or entry
            continue
        return


def _give_back(work: Work, entry: Entry, waiting: Waiting) -> None:
    if entry.taken_from and waiting.record is None:
        # What a stack has retained, ADOPT has taken over, and leaves.
        created = entry.origin == "CREATED" and not waiting.others
        if created and not _is_counted(work, entry.taken_from, entry):
            with content_without_organization(work, entry):
                remove(work.workmail(entry.organization_id), entry.resource_id or "")
        forget(work, entry, also=waiting.others)
        return
    if waiting.state is not None:
        with content_without_organization(work, entry):
            entry = _restore(work, entry, from_snapshot(waiting.state))
    if waiting.record is None:
        before = None if entry.resource_id == work.event.physical_resource_id else entry.as_before
        if before is None:
            forget(work, entry)
        else:
            work.turn.write(work.turn.record.put(before, entry))
        return
    _hand_back(work, entry, waiting)


def _is_counted(work: Work, former: str, entry: Entry) -> bool:
    """Tell whether the stack of the *former* owner may count the resource still, although the ledger has lost that.

    Raises
    ------
    NotOwnedError
        CloudFormation cannot be asked.
    """
    view = work.stacks.view(former)
    if view is None:
        raise NotOwnedError(
            f"CloudFormation could not be asked whether {describe_owner(former)} has resource {entry.resource_id} "
            "still, which stays",
            let_it_ask("try"),
        )
    # One that is being deleted has left it to this one.
    return not view.in_stack or (view.counts(entry.resource_id) and view.status != "DELETE_IN_PROGRESS")


def _hand_back(work: Work, entry: Entry, waiting: Waiting) -> None:
    """Let the owner that a resource was taken over from have it again."""
    back = cast("Record", waiting.record)
    kept = back.with_id(entry.resource_id)
    back = back if kept is None else back.put(kept._replace(handed_to=""), kept)
    record = work.turn.record.drop(entry)
    write = work.turn.write if record.entries else work.turn.end
    write(record, claims=[claim_of(entry, "HAND", back.owner)], also=[back, *waiting.others])


def _restore(work: Work, entry: Entry, before: Room) -> Entry:
    workmail = work.workmail(entry.organization_id)
    room = workmail.read(entry.resource_id or "")
    if room is None:
        return entry
    interrupted = entry.is_halfway
    if interrupted and not any(same_name(room.name, one) for one in (before.name, entry.name)):
        # Neither this nor what was before: people have renamed it since.
        before = before._replace(name=room.name)
    if interrupted and is_alike(room, before):
        room = looked_at_again(workmail, room, Wanted.as_it_is(before))
    if is_alike(room, before):
        return entry
    if not entry.giving_back:
        begun = entry._replace(giving_back=True)
        work.turn.write(work.turn.record.put(begun, entry))
        entry = begun
    judge = best_effort(work, "an adopted resource could not be given back wholly as it was")
    try:
        bring_it = partial(_bring_back, work, workmail, before=before, judge=judge)
        if interrupted:
            bring_surely(workmail, room, Wanted.as_it_is(before), bring_it)
        else:
            bring_it(room)
    except ResourceGoneError:
        # Somebody has deleted it meanwhile: nothing is left to give back.
        return entry
    except ServiceError as error:
        if not is_refusal(error):
            raise
        judge(Step(error.operation, {}, error.subject), error)
    return entry


def _bring_back(work: Work, workmail: WorkMail, room: Room, before: Room, judge: Judge) -> Room:
    bring_to = partial(bring, work, workmail, otherwise=judge, patience=DELAY)
    if room.enabled and not before.enabled and before.email is not None:
        # What WorkMail keeps of a disabled resource can be put back only while it is registered.
        room = bring_to(room, Wanted.as_it_is(before._replace(state="ENABLED")))
    return bring_to(room, Wanted.as_it_is(before))
