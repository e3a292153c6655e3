"""Adoption: take over a resource that exists, in such a way that it can be given back as it was (contracts 45-48).

A resource of another logical resource of the same stack is taken over too (a renamed logical ID, contract 56), and so
is one that another stack has let go (contract 57).
"""

from contextlib import suppress
from functools import partial
from typing import NoReturn

from workmail_resource.ownership.errors import AdoptionRefusedError, ClaimedError, OvertakenError, let_it_ask
from workmail_resource.ownership.rules import (
    ROLLBACK_WINDOW,
    Entry,
    Record,
    describe_owner,
    is_owner_mark,
    stack_of,
)
from workmail_resource.protocol.errors import OutOfTimeError, ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.plan import plan, same_name
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, snapshot

from .cleanup import clear_rests, take_away, withdraw
from .handover import left_to, past_itself, takers, waiting_owner, waiting_owners
from .siblings import DELAY, PATIENCE, Siblings, bring
from .steps import (
    REVERSIBLE_SHARE,
    bring_surely,
    check_awaited,
    claim_of,
    new_entry,
    note_failure,
    reported,
    settle,
    wanted,
)
from .work import Result, Work


def adopt(
    work: Work, workmail: WorkMail, record: Record, existing: Room, declaration: Declaration, *, replaces: str = ""
) -> Result:
    """Take over *existing*.

    Parameters
    ----------
    record:
        As it was read when the turn came.
    existing:
        The live resource, without its lists.
    replaces:
        The id of the resource that it comes instead of.

    Raises
    ------
    AdoptionRefusedError
        It is another stack's, or not of the declared Type. Nothing was touched.
    OvertakenError
        Somebody else has written the record or the claim before the turn was taken; nothing was changed.
    """
    problem = _problem(existing, declaration)
    if problem is not None:
        _wait_for_name(work, workmail, existing)
        raise _refused(existing, problem)
    if is_owner_mark(existing.description) and not work.ledger.holder(
        declaration.organization_id, existing.resource_id
    ):
        # Whose it is will be known as soon as it is claimed; what a failed Create has left, never.
        raise _refused(
            existing,
            "has the mark of a creation by another stack",
            "Deploy again when that has ended. If no stack is creating it, empty its Description in WorkMail first.",
        )
    former = record.with_id(existing.resource_id)
    if former is not None and former.giving_back:
        work.turn.take(record.following(work.event))
        take_away(work, former)
        raise OvertakenError
    entry = new_entry(work, declaration)._replace(resource_id=existing.resource_id, origin="ADOPTED", replaces=replaces)
    entry = entry if former is None else _again(work, entry, former)
    taken = record.following(work.event).put(entry, former)
    interrupted = former is not None and record.may_be_half_removed(former)
    try:
        work.turn.take(taken, claims=[claim_of(entry, "TAKE")])
    except ClaimedError:
        entry, changing = _take_over(work, record, entry, former, existing)
        interrupted = interrupted or changing
    clear_rests(work)
    # What it was like before is read only now: until the claim was taken it was another's to change.
    room = checked(work, entry, workmail.describe(existing.resource_id), declaration)
    return bring_over(work, workmail, entry, room, declaration, interrupted=interrupted)


def checked(work: Work, entry: Entry, room: Room | None, declaration: Declaration) -> Room:
    """Return a resource that was claimed, if it is what is declared still. Needs the turn.

    Raises
    ------
    AdoptionRefusedError
        It was deleted meanwhile, or is of another Type.
    OvertakenError
        It has another name by now; it was let go, and what is to be done is to be planned anew.
    """
    if room is not None and not same_name(room.name, declaration.name):
        # Whoever had it has given it another name before it was handed over.
        take_away(work, entry)
        raise OvertakenError
    problem = "was deleted meanwhile" if room is None else _problem(room, declaration)
    if room is None or problem is not None:
        take_away(work, entry)
        raise AdoptionRefusedError(f"the resource named {declaration.name} ({entry.resource_id}) {problem}")
    return room


def _wait_for_name(work: Work, workmail: WorkMail, existing: Room) -> None:
    """Wait while a sibling has the name with another resource than is declared: it may give it up in this update.

    Raises
    ------
    OvertakenError
        It has; what is to be done is to be planned anew.
    """
    siblings = Siblings(work, workmail)
    holder = siblings.name_holder(existing.name, existing)
    waits = work.turn.looks()
    with suppress(OutOfTimeError):
        while holder.is_sibling and siblings.may_become_free("Name", holder):
            work.deadline.sleep(next(waits))
            _check_name(workmail, existing)


def _check_name(workmail: WorkMail, room: Room) -> None:
    """Look whether a resource still has its name.

    Raises
    ------
    OvertakenError
        It has given it up; what is to be done is to be planned anew.
    """
    now = workmail.describe(room.resource_id)
    if now is None or not same_name(now.name, room.name):
        raise OvertakenError


def _again(work: Work, entry: Entry, former: Entry) -> Entry:
    """Return the entry of a resource that this logical resource has had before, with what is still to be known of it.

    Its clean-up Delete may be on the way, and the owner that it was taken over from may wait for it.
    """
    if waiting_owner(work, former, work.owner) is None:
        if not _is_rest(work, former):
            again = former.ready and work.event.request_type == "Update"
            return entry.taken_again(former) if again else entry._replace(returned=former.ready)
        # What an event has left that CloudFormation gave up is no less its own, and was no other before.
        return entry._replace(origin=former.origin, before=former.before)
    return entry._replace(
        origin=former.origin, before=former.before, taken_from=former.taken_from, former=former.former
    )


def _is_rest(work: Work, entry: Entry) -> bool:
    """Tell whether an event, not long ago, has left a resource half way: nobody wanted it to be as it is now."""
    return entry.is_halfway and work.clock.time() - entry.made_at <= ROLLBACK_WINDOW


def _problem(room: Room, declaration: Declaration) -> str | None:
    """Return why a resource cannot be adopted, whoever owns it."""
    if room.type != declaration.type:
        return f"is of Type {room.type}, not {declaration.type}"
    return None


def _take_over(work: Work, record: Record, entry: Entry, former: Entry | None, room: Room) -> tuple[Entry, bool]:
    """Take the resource over from the owner that claims it, if that may be.

    Returns
    -------
    tuple[Entry, bool]
        The entry as it was written, and whether that owner has perhaps changed the resource since it was as declared.
    """
    holder = work.ledger.holder(entry.organization_id, room.resource_id)
    if holder is None or holder == work.owner:
        raise OvertakenError
    theirs = work.ledger.read(holder)
    kept = theirs.with_id(room.resource_id)
    if kept is not None and theirs.is_held(worker="", now=work.clock.time()):
        wait_for(work, holder, kept)
        raise OvertakenError
    others: list[Record] = []
    halfway = kept is not None and kept.is_halfway
    changing = halfway or (kept is not None and (theirs.is_unfinished(kept) or theirs.may_be_half_removed(kept)))
    if stack_of(holder) == stack_of(work.owner) and not (halfway and _is_left_behind(work, holder, kept)):
        check_awaited(work)
        if halfway:
            raise _refused(room, f"is being changed by {describe_owner(holder)}", "Deploy again.")
        if work.event.request_type == "Create":
            _wait_for_update(work, work.workmail(entry.organization_id), holder, room)
        if kept is not None:
            entry = entry._replace(
                origin=kept.origin, before=kept.before, digest=kept.digest, taken_from=holder, former=None
            )
            handed = kept._replace(handed_to=work.owner, let_go=False, handed_halfway=theirs.is_unfinished(kept))
            theirs = theirs.put(handed, kept)
            others = [theirs] if former is None else past_itself(work, theirs, kept)
    else:
        _check_let_go(work, theirs, entry, room)
        if kept is not None:
            for waiting in waiting_owners(work, kept, holder):
                # Retain may have kept the rollback of a renaming from telling: it is the former one's still.
                _check_let_go(work, waiting, entry, room)
            entry = entry._replace(before=kept.found_as) if _is_rest(work, kept) else entry
            others = [left_to(work, theirs, kept)]
    work.turn.take(
        record.following(work.event).put(entry, former),
        claims=[claim_of(entry, "MOVE", holder)],
        also=others,
    )
    return entry, changing


def _is_left_behind(work: Work, holder: str, kept: Entry | None) -> bool:
    """Tell whether a sibling that has adopted a resource is not in the stack any more, since its Delete has failed.

    What it has created itself is not taken over half way: its Delete may be on the way, and would leave it behind.
    """
    if kept is None or kept.origin != "ADOPTED":
        return False
    view = work.stacks.view(holder)
    return view is not None and view.is_gone


def _wait_for_update(work: Work, workmail: WorkMail, holder: str, room: Room) -> None:
    """Wait while CloudFormation updates the sibling that has a resource: it stays, and may give the name up.

    Raises
    ------
    AdoptionRefusedError
        It took too long, or CloudFormation could not be asked.
    OvertakenError
        It was updated meanwhile, or has given the name up; what is to be done is to be planned anew.
    """
    until = work.clock.monotonic() + PATIENCE
    waits = work.turn.looks()
    waited = False
    while (view := work.stacks.view(holder)) is not None:
        if not view.counts(room.resource_id) or view.status != "UPDATE_IN_PROGRESS":
            if waited:
                raise OvertakenError
            return
        if work.clock.monotonic() >= until:
            raise _refused(room, f"is being changed by {describe_owner(holder)}", "Deploy again.")
        work.deadline.sleep(next(waits))
        _check_name(workmail, room)
        waited = True
    raise _refused(
        room,
        f"belongs to {describe_owner(holder)}, and CloudFormation could not be asked whether that is being updated",
        let_it_ask("deploy"),
    )


def wait_for(work: Work, holder: str, entry: Entry) -> None:
    """Wait until nobody is at work on another logical resource, or it has left the resource of *entry*."""
    for wait in work.turn.looks():
        work.deadline.sleep(wait)
        theirs = work.ledger.read(holder)
        if theirs.with_id(entry.resource_id) is None or not theirs.is_held(worker="", now=work.clock.time()):
            return


def take_back(work: Work, record: Record, entry: Entry) -> NoReturn:
    """Take a resource back that another logical resource has let go, and begin anew.

    Raises
    ------
    OvertakenError
        It was taken back, or somebody else was faster; what is to be done is to be planned anew.
    ClaimedError
        Somebody else claims it by now.
    """
    chain = takers(work, entry)
    kept = [(theirs, one) for theirs in chain if (one := theirs.with_id(entry.resource_id)) is not None]
    for theirs, one in kept:
        if theirs.is_held(worker="", now=work.clock.time()):
            wait_for(work, theirs.owner, one)
            raise OvertakenError
    last = chain[-1]
    claim = claim_of(entry, "TAKE") if last.with_id(entry.resource_id) is None else claim_of(entry, "MOVE", last.owner)
    work.turn.take(
        record.put(entry._replace(handed_to=""), entry),
        claims=[claim],
        also=[left_to(work, theirs, one) for theirs, one in kept],
    )
    raise OvertakenError


def _check_let_go(work: Work, theirs: Record, entry: Entry, room: Room) -> None:
    """Refuse a resource that another stack still counts as its own, or may count.

    Raises
    ------
    AdoptionRefusedError
        It does.
    CancelledError
        CloudFormation does not wait for this event any more: perhaps its own stack is gone, which tells nobody when it
        retains what it had.
    """
    holder = theirs.owner
    view = work.stacks.view(holder)
    if view is None or not check_awaited(work):
        raise _refused(
            room,
            f"belongs to {describe_owner(holder)}, and CloudFormation could not be asked whether it still does",
            let_it_ask("deploy"),
        )
    if view.counts(room.resource_id) and view.status == "DELETE_IN_PROGRESS":
        raise _refused(room, f"is being deleted by {describe_owner(holder)}", "Deploy again when that has ended.")
    if view.counts(room.resource_id):
        raise _refused(
            room,
            f"belongs to {describe_owner(holder)}",
            "To move it here, give it DeletionPolicy: Retain there and deploy, take it out there and deploy, "
            "then deploy here again.",
        )
    if not view.is_gone and not _is_at_rest(work, holder, entry):
        # Its answer may be on the way, a rollback may go back to it, or its Delete may come under an invented id.
        raise _refused(room, f"is being changed by {describe_owner(holder)}", "Deploy again when that has ended.")
    if not view.is_gone and work.stacks.view(holder) != view:
        # Its answer has come between the two questions.
        raise OvertakenError


def _is_at_rest(work: Work, holder: str, entry: Entry) -> bool:
    """Tell whether no operation is under way on the stack of another owner; one that is may soon end.

    Raises
    ------
    OvertakenError
        One has ended meanwhile, or the resource of *entry* is another owner's by now: whose is to be found out anew.
    """
    until = work.clock.monotonic() + DELAY
    waits = work.turn.looks()
    waited = False
    claimed_by: str | None = None
    while (status := work.stacks.status(holder) or "").endswith("_IN_PROGRESS"):
        if work.clock.monotonic() >= until:
            return False
        claimed_by = claimed_by or work.ledger.holder(entry.organization_id, entry.resource_id or "")
        work.deadline.sleep(next(waits))
        waited = True
        if work.ledger.holder(entry.organization_id, entry.resource_id or "") != claimed_by:
            raise OvertakenError
    if waited:
        raise OvertakenError
    return status.endswith("_COMPLETE")


def _refused(room: Room, problem: str, advice: str = "") -> AdoptionRefusedError:
    return AdoptionRefusedError(f"the resource named {room.name} ({room.resource_id}) {problem}", advice)


def bring_over(
    work: Work, workmail: WorkMail, entry: Entry, room: Room, declaration: Declaration, *, interrupted: bool = False
) -> Result:
    """Bring an adopted resource to its declared state; when that fails, to what it was before. Needs the turn.

    Parameters
    ----------
    room:
        As it was read under the turn.
    interrupted:
        Whether WorkMail may still show late what another event has changed.
    """
    try:
        hurried = work.within(work.deadline.earlier(REVERSIBLE_SHARE))
        kept = workmail.with_kept_lists(room)
        room = kept if room.enabled else workmail.with_lists(room)
        goal = wanted(workmail, declaration)
        entry = _with_snapshot(work, entry, kept, needed=bool(plan(room, goal)))
        bring_it = partial(bring, hurried, hurried.workmail(declaration.organization_id), goal=goal)
        room = bring_surely(workmail, room, goal, bring_it) if interrupted else bring_it(room)
        result = settle(work, entry, room, declaration)
    except OvertakenError:
        raise
    except ProviderError as error:
        note_failure(work, error)
        with reported(work, "an adopted resource is not as it was yet; its Delete puts it back"):
            current = work.turn.record.with_id(entry.resource_id)
            if current is not None:
                withdraw(work, current)
        raise
    work.report_id(result.physical_id)
    return result


def _with_snapshot(work: Work, entry: Entry, room: Room, *, needed: bool) -> Entry:
    """Write down what the resource was like, before it is changed for the first time."""
    if entry.found_as is not None:
        return entry
    # A mark is of a Create that has failed, and says nothing to anybody any more.
    state = snapshot(room._replace(description=None) if is_owner_mark(room.description) else room)
    seen = entry._replace(former=state) if entry.taken_from else entry._replace(before=state)
    # Where nothing is to be changed, the write that settles the entry takes it along.
    if needed:
        work.turn.write(work.turn.record.put(seen, entry))
    else:
        work.turn.record = work.turn.record.put(seen, entry)
    return seen
