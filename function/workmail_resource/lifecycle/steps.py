"""The steps that Create, Update and Delete have in common."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, cast

from workmail_resource.aws.errors import ServiceError
from workmail_resource.aws.retries import is_lost, is_transient
from workmail_resource.ownership.errors import CancelledError, ClaimedError, NotOwnedError, OvertakenError, let_it_ask
from workmail_resource.ownership.ledger import Claim, ClaimAction
from workmail_resource.ownership.rules import (
    ROLLBACK_WINDOW,
    Entry,
    Record,
    declared_digest,
    describe_owner,
    is_same_event,
    owner_mark,
)
from workmail_resource.protocol.errors import ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import VISIBLE_WITHIN, Judge, Obstacle, found, remove, seen
from workmail_resource.workmail.errors import ResourceGoneError, UnknownDelegateError
from workmail_resource.workmail.plan import Step, plan
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, Wanted, attributes, from_snapshot

from .handover import Waiting, idle_owner
from .siblings import DELAY, bring
from .work import Result, Work

#: The share of the time that may be used for what an event has to have time after: an adoption or a replacement, which
#: may have to be taken back, and clearing up after others.
REVERSIBLE_SHARE: Final = 0.6

#: How often an event begins anew because another one has written between its look and its turn.
ATTEMPTS: Final = 10

#: Seconds in which WorkMail shows what was changed last by somebody whom this event follows.
LOOK_AGAIN: Final = 3.0

#: Seconds after which an event is late: it has most likely been waiting for something.
LATE: Final = 5.0

_ORGANIZATION_GONE: Final = "OrganizationNotFoundException"
_ORGANIZATION_STATE: Final = "OrganizationStateException"
_ENTITY_ID = re.compile(r"S-1-1-[0-9-]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def new_entry(work: Work, declaration: Declaration) -> Entry:
    """Return an entry for a resource that this event is about to make."""
    return Entry(
        organization_id=declaration.organization_id,
        resource_type=work.event.resource_type,
        made_by=work.id,
        name=declaration.name,
    )


def settle(
    work: Work, entry: Entry, room: Room, declaration: Declaration, *, instead_of: Entry | None = None
) -> Result:
    """Write that the resource has its declared state, end the turn with it, and return the result.

    Parameters
    ----------
    instead_of:
        The entry of what has vanished. It stays for its clean-up, and for a rollback, which may name it and go back to
        what it had declared.

    Raises
    ------
    CancelledError
        A later event has followed this one, or CloudFormation does not wait for it any more: the Delete of a late
        Create may have failed meanwhile, or another delivery of a late replacement, and then nobody else takes away
        what it has made.
    """
    made = not entry.ready and is_same_event(entry.made_by, work.id)
    if (made or work.event.request_type == "Create") and is_late(work):
        check_awaited(work)
    former = entry if instead_of is None else entry._replace(digest=instead_of.digest, previous=instead_of.previous)
    ready = former.settled(declared_digest(declaration))._replace(
        name=room.name,
        ready=True,
        ready_at=int(work.clock.time()),
        signed_at=max(entry.signed_at, work.event.signed_at or 0),
        gone_by="",
    )
    record = work.turn.record.put(ready, entry).following(work.event)._replace(failed="", failure=())
    if instead_of is not None:
        record = record.put(instead_of._replace(gone_by=work.id), instead_of)
    work.turn.end(record)
    return Result(room.resource_id, attributes(room, entry.organization_id))


def note_failure(work: Work, error: ProviderError) -> None:
    """Let the next write, the end of the turn at the latest, say how a Create has failed."""
    if work.event.request_type != "Create":
        return
    failure = error.failure()
    told = (failure.code, failure.cause, failure.advice)
    work.turn.record = work.turn.record._replace(failed=work.id, failure=told)


def unchanged(entry: Entry, room: Room) -> Result:
    """Return the result of an event that has nothing to change and nothing to write."""
    return Result(room.resource_id, attributes(room, entry.organization_id))


def claim_of(entry: Entry, action: ClaimAction, holder: str = "") -> Claim:
    """Return what a write does about the claim of an entry's resource."""
    return Claim(action, entry.organization_id, entry.resource_id or "", holder)


def wanted(workmail: WorkMail, declaration: Declaration, *, without: Callable[[str], bool] = lambda _: False) -> Wanted:
    """Return what is declared, with the delegates looked up: WorkMail lists them by id only.

    Parameters
    ----------
    without:
        Tells whether a delegate who does not exist is left out.

    Raises
    ------
    UnknownDelegateError
        A delegate does not exist.
    """
    ids = set()
    for delegate in declaration.delegates:
        entity_id = delegate if _ENTITY_ID.fullmatch(delegate) else workmail.entity_id(delegate)
        if entity_id is not None:
            ids.add(entity_id)
        elif not without(delegate):
            raise UnknownDelegateError(
                f"Delegates names {delegate}, which is no user or group of organization {workmail.organization_id}"
            )
    return Wanted.declared(declaration, frozenset(ids))


def looked_at_again(workmail: WorkMail, room: Room, goal: Wanted) -> Room:
    """Return *room*, or what WorkMail shows some seconds later if that is another state, and not the *goal*.

    What another event, or an earlier try, has changed last may show only now, or not for a moment.
    """

    def is_another(now: Room) -> bool:
        return not _is_alike(now, room) and bool(plan(now, goal))

    return seen(workmail, is_another, room.resource_id, LOOK_AGAIN) or room


def bring_surely(workmail: WorkMail, room: Room, goal: Wanted, bring: Callable[[Room], Room]) -> Room:
    """Bring *room* to its *goal* where an event was interrupted: what that has changed last may show only then."""
    room = bring(room)
    again = looked_at_again(workmail, room, goal)
    return room if again is room else bring(again)


def discard(work: Work, declaration: Declaration) -> None:
    """Take away what this very event has made and not finished, if it still has its turn."""
    made = work.turn.record.made_by(work.id, declaration.organization_id)
    if made is not None and not made.ready and work.turn.held:
        take_away(work, made)


@contextmanager
def reported(work: Work, message: str) -> Iterator[None]:
    """Log a failure of clearing up, and go on: it must not hide the failure that it follows."""
    try:
        yield
    except ProviderError as error:
        work.log(message, error=f"{type(error).__name__}: {error}")


# --------------------------------------------------------------------------------------------------------- taking away


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
    hurried = work.within(REVERSIBLE_SHARE)
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
            if entry.origin == "CREATED" and work.clock.time() - entry.made_at > ROLLBACK_WINDOW:
                # CloudFormation has let it go long since (DeletionPolicy Retain): perhaps somebody uses it.
                forget(work, entry)
            else:
                take_away(hurried, entry)
    check_current(work)
    if not work.turn.held:
        raise OvertakenError


def check_current(work: Work) -> None:
    """Look whether a later event has followed this one: a failure to clear up, which is only logged, may be that.

    Raises
    ------
    CancelledError
        One has.
    """
    if work.turn.record.has_outdated(work.event):
        raise CancelledError("CloudFormation has sent a later event for this resource")


def check_begin(work: Work) -> None:
    """Look whether this Create or Update may begin to write.

    CloudFormation is asked whether it waits for one that is late, such as a retry of Lambda's: its Delete may have come
    and failed meanwhile, without a trace in the ledger. One that has succeeded before comes for what it has left.

    Raises
    ------
    CancelledError
        CloudFormation has given it up.
    """
    check_current(work)
    if not any(entry.signed_at == work.event.signed_at for entry in work.turn.record.entries) and is_late(work):
        check_awaited(work)


def check_untaken(work: Work) -> None:
    """Look whether CloudFormation waits for a late event still that has succeeded before, and would write again.

    If it has taken the answer, it may have let the resource go since.

    Raises
    ------
    CancelledError
        It does not.
    """
    if is_late(work):
        check_awaited(work)


def is_late(work: Work) -> bool:
    """Tell whether an event has been on its way for so long that it is most likely a retry of Lambda's."""
    signed_at = work.event.signed_at
    return signed_at is not None and work.clock.time() - signed_at >= LATE


def check_awaited(work: Work) -> bool:
    """Ask CloudFormation whether it waits for this Create or Update; False when it cannot tell.

    It does not know the stack of an event that somebody has made by hand.

    Raises
    ------
    CancelledError
        It does not: it has cancelled the event, or the whole stack is gone.
    """
    view = work.stacks.view(work.owner)
    if view is None or not view.in_stack:
        return False
    if not view.awaits(work.event.request_type):
        raise CancelledError("CloudFormation does not wait for it any more")
    return True


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
        if error.code == _ORGANIZATION_GONE:
            return
        if error.code != _ORGANIZATION_STATE or not _is_deleted(work.workmail(entry.organization_id)):
            raise


def _is_deleted(workmail: WorkMail) -> bool:
    try:
        return workmail.organization_state().casefold() == "deleted"
    except ServiceError as error:
        return error.code == _ORGANIZATION_GONE


# --------------------------------------------------------------------------------------------------------- giving back


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
    return not view.in_stack or view.counts(entry.resource_id)


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
    if interrupted and _is_alike(room, before):
        room = looked_at_again(workmail, room, Wanted.as_it_is(before))
    if _is_alike(room, before):
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


def _is_alike(one: Room, other: Room) -> bool:
    return one.state == other.state and Wanted.as_it_is(one) == Wanted.as_it_is(other)


def _bring_back(work: Work, workmail: WorkMail, room: Room, before: Room, judge: Judge) -> Room:
    bring_to = partial(bring, work, workmail, otherwise=judge, patience=DELAY)
    if room.enabled and not before.enabled and before.email is not None:
        # What WorkMail keeps of a disabled resource can be put back only while it is registered.
        room = bring_to(room, Wanted.as_it_is(before._replace(state="ENABLED")))
    return bring_to(room, Wanted.as_it_is(before))


def is_refusal(error: ServiceError) -> bool:
    """Tell whether WorkMail has refused a call for what it asks; otherwise it could not be reached, or denied it."""
    denied = error.code in {"AccessDeniedException", "AccessDenied", "NotAuthorized"}
    organization = error.code in {_ORGANIZATION_GONE, _ORGANIZATION_STATE}
    return not (is_transient(error) or is_lost(error) or denied or organization)


def best_effort(work: Work, message: str) -> Callable[[Step, ServiceError], Obstacle]:
    """Return a judge that does without what WorkMail refuses, and logs it."""

    def judge(step: Step, error: ServiceError) -> Obstacle:
        if not is_refusal(error):
            return "FAIL"
        work.log(message, operation=step.operation, error_code=error.code)
        return "SKIP"

    return judge
