"""Delete: remove what the logical resource has in WorkMail, as far as the event's physical ID and the ledger say."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from workmail_resource.ownership.errors import (
    CancelledError,
    ClaimedError,
    LedgerUnavailableError,
    NotOwnedError,
    OvertakenError,
    let_it_ask,
)
from workmail_resource.ownership.rules import (
    FUNCTION_FAILED,
    Entry,
    Record,
    StackView,
    date_of,
    failed_event,
    is_resource_id,
    is_same_event,
    may_be_meant,
    removal,
)
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import VISIBLE_WITHIN, remove, seen, shown
from workmail_resource.workmail.errors import InvalidPropertiesError, UnknownDelegateError
from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import declares_adopt, organization_id, parse

from .adopt import take_back
from .cleanup import content_without_organization, drop_foreign, forget, holds, remove_unidentified, take_away
from .handover import have_let_go, idle_owner, is_awaited, takers
from .steps import ATTEMPTS, as_taken, is_late, reported, wanted
from .work import Work


def delete(work: Work, *, abandon: bool) -> None:
    """Handle a Delete event.

    Parameters
    ----------
    abandon:
        The provider stack's parameter AbandonOnDelete: WorkMail is not called.
    """
    work.check_type()
    if abandon:
        _abandon(work)
        return
    try:
        _delete(work)
    except LedgerUnavailableError:
        if not _is_gone(work):
            raise


def _delete(work: Work) -> None:
    for _ in range(ATTEMPTS):
        view = _View(work)
        record = work.turn.wait(needed=partial(_concerns, work, view), overtake=_overtake(work, view), dead=_dead(work))
        voided = _voided(work, record, view)
        try:
            _take_back(work, record)
            todo = _removals(work, record, view)
            if not todo and voided == record:
                break
            work.turn.take(voided)
            for entry, action in todo:
                _carry_out(work, entry, action, ends=entry == todo[-1][0])
            if work.turn.held:
                work.turn.end()
        except (OvertakenError, CancelledError):
            # Nothing calls a Delete off: what another event has written is planned on anew.
            continue
        return
    else:
        raise CancelledError("other events of this resource kept changing its ledger record")
    if is_resource_id(work.event.physical_resource_id):
        # Never changed or deleted: it is somebody else's by now, or was never ours.
        work.log(
            "left alone: the ledger has no entry of this resource for this stack",
            resource_id=work.event.physical_resource_id,
        )


def _take_back(work: Work, record: Record) -> None:
    """Take the resource back that is to be deleted, if who has taken it over from here does not have it any more.

    Raises
    ------
    OvertakenError
        It was taken back; what is to be done is to be planned anew.
    """
    entry = record.with_id(work.event.physical_resource_id)
    if entry is not None and entry.handed_to and have_let_go(work, entry, takers(work, entry)):
        with suppress(ClaimedError):
            take_back(work, record, entry)


class _View:
    """What CloudFormation shows of the logical resource, asked at most once, and only when it matters."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._asked: tuple[StackView | None] | None = None

    def __call__(self) -> StackView | None:
        if self._asked is None:
            self._asked = (self._work.stacks.view(self._work.owner),)
        return self._asked[0]


def _dead(work: Work) -> str:
    """Return the event at which nobody is at work any more, as its answer's id says (contract 52)."""
    physical_id = work.event.physical_resource_id
    return failed_event(physical_id) if physical_id.startswith(FUNCTION_FAILED) else ""


def _concerns(work: Work, view: "_View", record: Record) -> bool:
    """Tell whether the Delete has to do with what the record has, or with who is at work on it, or has to write it.

    The Delete of a failed Create has nothing to do with the Create that was tried after it (contract 51), nor has that
    of a resource which the ledger does not know.
    """
    physical_id = work.event.physical_resource_id
    failed = failed_event(physical_id)
    if failed:
        at_work = record.lease is not None and is_same_event(record.lease.event, failed)
        return at_work or bool(may_be_meant(record, work.event)) or _voided(work, record, view) != record
    return (
        not is_resource_id(physical_id)
        or record.with_id(physical_id) is not None
        or any(entry.resource_id is None for entry in record.entries)
    )


def _overtake(work: Work, view: "_View") -> Callable[[Record], Record]:
    """Return what stops the event that is at work, unless it is another than the one whose Delete this is."""

    def overtake(record: Record) -> Record:
        failed = failed_event(work.event.physical_resource_id)
        if record.lease is None or (failed and not is_same_event(record.lease.event, failed)):
            return record
        if is_resource_id(work.event.physical_resource_id):
            if record.with_id(work.event.physical_resource_id) is None:
                return record
        elif not failed and _is_retried(view()):
            return record
        return _voided(work, record, view).superseding(record.lease.event, work.id)

    return overtake


def _is_retried(view: StackView | None) -> bool:
    """Tell whether CloudFormation is making the resource anew: then the Delete is of an earlier try."""
    return view is not None and view.is_alive


def _voided(work: Work, record: Record, view: "_View") -> Record:
    """Return the record in which the events that this Delete ends are void, whether they have arrived or not."""
    signed_at = work.event.signed_at
    physical_id = work.event.physical_resource_id
    failed = failed_event(physical_id)
    if failed:
        # What a later event has followed is void already, and that one may be at work: it is not disturbed.
        followed = not is_same_event(record.latest, failed) and date_of(failed) <= record.latest_at
        return record if followed else record.voiding_creates(date_of(failed))
    if signed_at is None:
        return record
    if is_resource_id(physical_id):
        # The clean-up of a replacement may be of the same second as its Update.
        known = record.with_id(physical_id) is not None
        return record.voiding_creates(signed_at).voiding_updates(signed_at - 1, "") if known else record
    if (record.entries or record.lease is not None) and _is_retried(view()):
        return record
    return record.voiding_creates(signed_at)


def _removals(work: Work, record: Record, view: "_View") -> list[tuple[Entry, str]]:
    """Return what is to be done about which entries."""
    found: list[tuple[Entry, str]] = []
    record = as_taken(record, view, but_for=work.event.physical_resource_id)
    named = record.with_id(work.event.physical_resource_id)
    own = named is not None and (named.changed or not declares_adopt(work.event.properties))
    if named is not None and named.taken_from and own and not is_awaited(work, named):
        # It is as if it had never been another's.
        record = record.put(named._replace(taken_from="", former=None), named)
    for entry in record.entries:
        physical_id = work.event.physical_resource_id
        meant = not is_resource_id(physical_id) and entry in may_be_meant(record, work.event)
        invented = meant and not failed_event(physical_id)
        asks = invented or (meant and entry.ready)
        if entry.resource_id == physical_id:
            asks = record.may_have_come_back(entry) or is_late(work)
        view_now = view() if asks else None
        if invented and not entry.ready and _is_retried(view_now):
            continue
        action = removal(record, entry, work.event, view=view_now, now=work.clock.time())
        if action is not None and invented and entry.ready and not _is_of_this_operation(work, entry):
            action = None
        if action is None and _was_made_in_vain(work, record, entry, view):
            action = "UNDO"
        if action is not None:
            found.append((entry, action))
        elif entry.returned and entry.resource_id == physical_id and view_now is None:
            raise NotOwnedError(
                f"CloudFormation could not be asked whether it has gone back to resource {physical_id}, which stays",
                let_it_ask("delete"),
            )
        elif meant and entry.ready:
            work.log(
                "left alone: nothing shows that CloudFormation does not count this resource",
                resource_id=entry.resource_id,
            )
    # The one that the Delete names comes last: without it, the next delivery would know nothing of the others.
    return sorted(found, key=lambda one: one[0].resource_id == work.event.physical_resource_id)


def _is_of_this_operation(work: Work, entry: Entry) -> bool:
    """Tell whether a resource was made since the stack was last begun to be created or updated.

    One from before, which the stack does not count, is one that it has let go (DeletionPolicy Retain): the Create that
    the Delete is of came later, and perhaps never started.
    """
    began_at = work.stacks.began_at(work.owner)
    # Version 1.0.0 has noted the date of an event only when it had ended.
    return began_at is not None and max(entry.made_at, entry.signed_at) >= began_at


def _was_made_in_vain(work: Work, record: Record, entry: Entry, view: "_View") -> bool:
    """Tell whether the stack is deleted with the resource that this one replaces, so that it never took this one.

    While only the former one is cleaned up, the stack itself is not deleted.
    """
    former = work.event.physical_resource_id
    if entry.replaces != former:
        return False
    replaced = record.with_id(former)
    vanished = replaced is not None and replaced.gone_by and replaced.signed_at <= entry.made_at
    if not (vanished or is_same_event(record.latest, entry.made_by)):
        # The stack has gone back to the former one since, and perhaps has retained this one (UpdateReplacePolicy).
        return False
    view_now = view()
    counts = view_now is not None and view_now.counts(former)
    return counts and work.stacks.status(work.owner) == "DELETE_IN_PROGRESS"


def _carry_out(work: Work, entry: Entry, action: str, *, ends: bool) -> None:
    match action:
        case "DELETE":
            _remove(work, entry, ends=ends)
        case "UNDO":
            take_away(work, entry)
        case "GIVE_BACK" if _is_as_declared(work, entry):
            take_away(work, entry)
        case _:
            forget(work, entry, ends=ends)


def _remove(work: Work, entry: Entry, *, ends: bool) -> None:
    if entry.resource_id is None:
        with content_without_organization(work, entry):
            remove_unidentified(work, entry)
    elif not holds(work, entry):
        drop_foreign(work, entry)
        return
    else:
        with content_without_organization(work, entry):
            remove(work.workmail(entry.organization_id), entry.resource_id, fresh=not entry.ready)
    recorded = work.turn.record.with_id(entry.resource_id)
    try:
        # Whom it was taken over from has let it go, or is waited for no more.
        others = idle_owner(work, recorded).others if recorded is not None and recorded.taken_from else ()
        forget(work, entry, ends=ends, also=others)
    except LedgerUnavailableError:
        # The resource is gone, which is what the answer says; whoever uses the entry finds that out.
        if entry.resource_id is None:
            raise


def _is_as_declared(work: Work, entry: Entry) -> bool:
    """Tell whether an adopted resource is still as its adoption left it: only then it is given back as it was."""
    workmail = work.workmail(entry.organization_id)
    try:
        with content_without_organization(work, entry):
            goal = wanted(workmail, parse(work.event.properties))
            # WorkMail may show late what the adoption has changed.
            return seen(workmail, lambda room: not plan(room, goal), entry.resource_id or "") is not None
    except (InvalidPropertiesError, UnknownDelegateError):
        pass
    return False


def _is_gone(work: Work) -> bool:
    """Tell whether WorkMail shows that the resource is gone, while the ledger cannot be asked who owns it."""
    organization = organization_id(work.event.properties)
    resource_id = work.event.physical_resource_id
    if not is_resource_id(resource_id):
        return False
    # Without a well-formed OrganizationId no resource can ever have been created.
    if organization is None:
        return True
    workmail: WorkMail = work.organization(organization)
    with content_without_organization(work, Entry(organization, "", "", "")):
        # What was made a moment ago may not be shown yet.
        return shown(workmail, resource_id, VISIBLE_WITHIN) is None
    return True


def _abandon(work: Work) -> None:
    """Drop the ledger's entries."""
    with reported(work, "the ledger keeps its entry of an abandoned resource"):
        record = work.turn.read()
        todo = [
            entry
            for entry in record.entries
            if entry.resource_id == work.event.physical_resource_id or entry in may_be_meant(record, work.event)
        ]
        if todo:
            work.turn.take(record)
            for entry in todo:
                forget(work, entry)
