"""Update: bring the resource to its declared state; in another organization, make it anew."""

from functools import partial
from typing import NoReturn

from workmail_resource.ownership.errors import (
    CancelledError,
    ClaimedError,
    ForeignPhysicalIdError,
    NotOwnedError,
    OvertakenError,
    let_it_ask,
)
from workmail_resource.ownership.rules import (
    Entry,
    Record,
    declared_digest,
    describe_owner,
    is_resource_id,
    is_same_event,
)
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.errors import ResourceGoneError
from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import Declaration, organization_id, parse
from workmail_resource.workmail.room import Room, Wanted

from .adopt import adopt, take_back
from .cleanup import discard, drop_foreign
from .create import clear_own, establish
from .handover import have_let_go, takers
from .rollback import (
    LeftOut,
    goes_back_over,
    is_reversal,
    is_wanted_back,
    old_digest,
    replaced_by,
    reverses_unfinished,
    stop_unfinished,
    unfinished_elsewhere,
    voided,
)
from .siblings import ROLLBACK_PATIENCE, bring
from .steps import (
    ATTEMPTS,
    REVERSIBLE_SHARE,
    bring_surely,
    check_awaited,
    check_begin,
    check_untaken,
    claim_of,
    looked_at_again,
    reported,
    settle,
    unchanged,
    wanted,
)
from .work import Result, Work


def update(work: Work) -> Result:
    """Handle an Update event."""
    work.check_type()
    declaration = parse(work.event.properties)
    physical_id = work.event.physical_resource_id
    if not is_resource_id(physical_id):
        raise ForeignPhysicalIdError(f"the event's PhysicalResourceId {physical_id!r} is not a WorkMail ResourceId")
    for _ in range(ATTEMPTS):
        record = work.turn.wait(
            needed=lambda record: not record.has_outdated(work.event), overtake=lambda record: voided(work, record)
        )
        try:
            check_begin(work)
        except CancelledError:
            clear_own(work, declaration)
            raise
        try:
            return _update(work, declaration, record)
        except OvertakenError:
            continue
    raise CancelledError("other events of this resource kept changing its ledger record")


def _update(work: Work, declaration: Declaration, record: Record) -> Result:
    physical_id = work.event.physical_resource_id
    entry = _named(record, physical_id)
    if entry is not None and not entry.ready:
        # CloudFormation names what it has: the table was restored to before the resource was ready.
        entry, record = (ready := entry._replace(ready=True)), record.put(ready, entry)
    current = entry.organization_id if entry is not None else organization_id(work.event.old_properties)
    if current is not None and current != declaration.organization_id:
        return _replace(work, declaration, record, entry)
    kept = None if entry is None else replaced_by(record, entry, declaration.organization_id)
    if entry is not None and kept is not None and goes_back_over(work, declaration, kept, entry):
        return _go_back(work, declaration, record, kept, entry)
    return _update_in_place(work, declaration, record, entry)


def _named(record: Record, physical_id: str) -> Entry | None:
    """Return the entry of a resource, or of what was made instead of it when it had vanished.

    CloudFormation does not know that one, if it never took the answer.
    """
    entry, later = record.with_id(physical_id), record.successor(physical_id)
    if entry is None or later is None:
        return entry or later
    made_anew = entry.gone_by and later.ready and later.organization_id == entry.organization_id
    return later if made_anew else entry


def _update_in_place(work: Work, declaration: Declaration, record: Record, entry: Entry | None) -> Result:
    workmail = work.workmail(declaration.organization_id)
    resource_id = (entry.resource_id if entry is not None else None) or work.event.physical_resource_id
    record, entry = _noting_return(record, entry)
    record = stop_unfinished(work, record, declaration, entry)
    goes_back = is_reversal(work, entry, declaration)
    room = workmail.read(resource_id)
    if room is None:
        return _update_gone(work, declaration, record, entry, goes_back=_surely(work, goes_back=goes_back))
    if entry is not None and entry.handed_to:
        return _update_handed_over(work, declaration, record, entry, room, goes_back=_surely(work, goes_back=goes_back))
    left_out = None if goes_back is False else LeftOut(work, surely=goes_back is None)
    goal = left_out.goal(workmail, declaration) if left_out else wanted(workmail, declaration)
    steps = plan(room, goal)
    interrupted = (entry is not None and record.is_unfinished(entry)) or reverses_unfinished(work, entry)
    if not steps and (work.turn.held or interrupted or entry is None or _may_be_another(entry, declaration)):
        room = looked_at_again(workmail, room, goal)
        steps = plan(room, goal)
    if entry is None:
        return _update_unlisted(work, workmail, declaration, record, room, changes=bool(steps))
    if not steps and not work.turn.held and not _to_be_noted(record, entry, declaration):
        return unchanged(entry, room)
    if steps and entry.signed_at == work.event.signed_at:
        check_untaken(work)
    try:
        if work.turn.held:
            # Whose it is was not looked at when the turn was taken: that was to stop earlier events.
            work.turn.write(record, claims=[claim_of(entry, "TAKE")])
        else:
            work.turn.take(_knowing_old(work, record, entry).following(work.event), claims=[claim_of(entry, "TAKE")])
    except ClaimedError:
        _not_owned(work, record, entry)
    entry = work.turn.record.with_id(resource_id) or entry
    before, bring_it = room, partial(_bring, work, workmail, goal=goal, left_out=left_out)
    room = bring_surely(workmail, room, goal, bring_it) if interrupted and steps else bring_it(room)
    if left_out is not None:
        left_out.check(before, room)
    return settle(work, entry._replace(changed=True, earlier=None), room, declaration)


def _surely(work: Work, *, goes_back: bool | None) -> bool:
    """Ask CloudFormation whether it rolls the stack back, where the ledger does not know what was declared before."""
    return bool(work.stacks.rolls_back(work.owner)) if goes_back is None else goes_back


def _noting_return(record: Record, entry: Entry | None) -> tuple[Record, Entry | None]:
    """Note that CloudFormation names a resource that was replaced.

    It never took the other, or has gone back since, as a table that was restored does not know.
    """
    later = None if entry is None else record.successor(entry.resource_id or "")
    if entry is None or later is None or not later.ready:
        return record, entry
    back = entry._replace(returned=True)
    return record.put(back, entry), back


def _is_another(entry: Entry, declaration: Declaration) -> bool:
    """Tell whether the resource was last brought to something else than is declared now."""
    return bool(entry.digest) and _may_be_another(entry, declaration)


def _may_be_another(entry: Entry, declaration: Declaration) -> bool:
    """Tell the same, or that version 1.0.0 has not written down what it was brought to."""
    return entry.digest != declared_digest(declaration)


def _to_be_noted(record: Record, entry: Entry, declaration: Declaration) -> bool:
    """Tell whether even an Update without a change is to be written down.

    It ends the time of giving back, may be one whose worker has died when everything was done, and follows one that
    has failed: a late copy of that must not change anything.
    """
    adopted = entry.origin == "ADOPTED" or bool(entry.taken_from)
    return (adopted and not entry.changed) or _may_be_another(entry, declaration) or record.is_unfinished(entry)


def _knowing_old(work: Work, record: Record, entry: Entry) -> Record:
    """Return the record with what CloudFormation says was declared, where version 1.0.0 has not written it down.

    This may be the reversed Update of one that has not come yet: that one is void.
    """
    return record if entry.digest else voided(work, record.put(entry._replace(digest=old_digest(work)), entry))


def _bring(work: Work, workmail: WorkMail, room: Room, goal: Wanted, left_out: LeftOut | None) -> Room:
    if left_out is None:
        return bring(work, workmail, room, goal)
    return bring(work, workmail, room, goal, otherwise=left_out.judge, patience=ROLLBACK_PATIENCE)


def _update_handed_over(
    work: Work, declaration: Declaration, record: Record, entry: Entry, room: Room, *, goes_back: bool
) -> Result:
    """Leave a resource alone that another logical resource has taken over, unless that one has let it go.

    When that one is rolled back, it hands the resource back as it took it. A rollback that goes back further takes it,
    and so does one of an Update that was half way when the resource was taken over.

    Raises
    ------
    OvertakenError
        It was taken back; what is to be done is to be planned anew.
    """
    chain = takers(work, entry)
    let_go = have_let_go(work, entry, chain)
    back = goes_back and work.stacks.rolls_back(work.owner) is not False
    if back:
        # An Update to an earlier declaration, cancelled by the rollback, looks like the reversed one that follows it.
        check_awaited(work)
    if let_go or (back and (_is_another(entry, declaration) or entry.handed_halfway)):
        try:
            take_back(work, record, entry)
        except ClaimedError:
            _not_owned(work, record, entry)
    if back:
        return unchanged(entry, room)
    told = f"the resource {entry.resource_id} was taken over by {describe_owner(chain[-1].owner)}"
    if let_go is None:
        raise NotOwnedError(
            f"{told}, and CloudFormation could not be asked whether that still has it",
            let_it_ask("deploy"),
        )
    raise NotOwnedError(f"{told}, which declares it too", "Take one of the two out of the template.")


def _not_owned(work: Work, record: Record, entry: Entry) -> NoReturn:
    """Drop an entry whose resource another owner claims, and name that owner (contract 50)."""
    holder = work.ledger.holder(entry.organization_id, entry.resource_id or "")
    work.turn.take(record)
    drop_foreign(work, entry)
    raise NotOwnedError(
        f"the resource {entry.resource_id} belongs to {describe_owner(holder or 'nobody')} by now",
        "It stays as it is. Take it out of this template, or declare another Name.",
    )


def _update_unlisted(
    work: Work, workmail: WorkMail, declaration: Declaration, record: Record, room: Room, *, changes: bool
) -> Result:
    """Update a resource of which the ledger has lost the entry: adopt it, or leave it as it is (contract 53)."""
    if declaration.existing == "ADOPT":
        return adopt(work, workmail, record, room, declaration)
    if changes:
        raise NotOwnedError(f"the ledger has no entry of resource {room.resource_id} for this stack")
    return unchanged(Entry(declaration.organization_id, "", "", ""), room)


def _update_gone(
    work: Work, declaration: Declaration, record: Record, entry: Entry | None, *, goes_back: bool
) -> Result:
    """Tell that the resource is gone; the next Update, such as the reversed one of a rollback, makes it anew."""
    physical_id = work.event.physical_resource_id
    if entry is None and declaration.existing == "ADOPT":
        return _made_anew(work, declaration, record, None)
    if entry is None:
        raise NotOwnedError(f"neither WorkMail nor the ledger has a resource {physical_id} of this stack")
    _check_expected(work, record, entry)
    if not goes_back and (not entry.gone_by or is_same_event(entry.gone_by, work.id)):
        noted = entry._replace(gone_by=work.id)
        if not work.turn.held:
            work.turn.take(record.following(work.event).put(noted, entry))
        else:
            work.turn.write(record.put(noted, entry))
        raise ResourceGoneError(f"WorkMail shows no resource {physical_id} in {declaration.organization_id}")
    return _made_anew(work, declaration, record, entry)


def _check_expected(work: Work, record: Record, entry: Entry) -> None:
    """Look whether this is a late copy of the event that has brought a vanished resource to its declared state.

    Raises
    ------
    ResourceGoneError
        It is: nobody expects another one.
    """
    if work.event.signed_at == entry.signed_at and is_same_event(record.latest, work.id):
        raise ResourceGoneError(
            f"WorkMail shows no resource {entry.resource_id} any more, which this event had updated"
        )


def _made_anew(work: Work, declaration: Declaration, record: Record, instead_of: Entry | None) -> Result:
    """Make the resource anew; until it is ready, the answer has the id that CloudFormation knows (contract 26)."""
    try:
        hurried = work.within(work.deadline.earlier(REVERSIBLE_SHARE)).quietly()
        result = establish(hurried, declaration, record, instead_of=instead_of, goal_of=LeftOut(work).goal)
    except OvertakenError:
        raise
    except Exception:
        with reported(work, "the rest of a failed replacement is still there; the next event clears it"):
            discard(work, declaration)
        raise
    work.report_id(result.physical_id)
    return result


def _replace(work: Work, declaration: Declaration, record: Record, current: Entry | None) -> Result:
    """Make the resource in another organization; the old one stays until CloudFormation's Delete of its id."""
    kept = None if current is None else replaced_by(record, current, declaration.organization_id)
    if (
        kept is not None
        and current is not None
        and kept.ready
        and is_wanted_back(work, declaration, record, kept, current)
    ):
        return _go_back(work, declaration, record, kept, current)
    for rest in unfinished_elsewhere(work, record, current):
        # What an Update before this one has made here, and CloudFormation never took, is gone on with.
        here = rest.ready and rest.organization_id == declaration.organization_id
        record = record.put(rest._replace(ready=False, made_by=work.id if here else rest.made_by), rest)
    return _made_anew(work, declaration, record, current)


def _go_back(work: Work, declaration: Declaration, record: Record, kept: Entry, current: Entry) -> Result:
    """Return to the resource that a replacement, which is rolled back, has left; CloudFormation wants it back."""
    record = stop_unfinished(work, record, declaration, current)
    workmail = work.workmail(declaration.organization_id)
    room = workmail.read(kept.resource_id or "")
    if room is None:
        _check_expected(work, record, kept)
        return _made_anew(work, declaration, record, current)
    if kept.handed_to:
        return _update_handed_over(work, declaration, record, kept, room, goes_back=True)
    left_out = LeftOut(work)
    goal = left_out.goal(workmail, declaration)
    interrupted = record.may_be_half_removed(kept) or is_same_event(record.latest, work.id)
    if interrupted and not plan(room, goal):
        room = looked_at_again(workmail, room, goal)
    try:
        work.turn.take(record.following(work.event), claims=[claim_of(kept, "TAKE")])
    except ClaimedError:
        _not_owned(work, record, kept)
    before, bring_it = room, partial(_bring, work, workmail, goal=goal, left_out=left_out)
    room = bring_surely(workmail, room, goal, bring_it) if interrupted else bring_it(room)
    left_out.check(before, room)
    result = settle(work, kept._replace(returned=True, replaces=current.resource_id or ""), room, declaration)
    work.report_id(result.physical_id)
    return result
