"""Who waits for a resource that was taken over from another logical resource, and goes on waiting for a rollback."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from workmail_resource.ownership.rules import Entry, Record, StackView, is_making

from .siblings import DELAY
from .work import Work


class Waiting(NamedTuple):
    """Who waits for a resource that was taken over.

    Attributes
    ----------
    record:
        Of the owner that it goes back to; None when nobody waits.
    state:
        What it was like when it was taken over from that one.
    others:
        The records of those between, without the resource: their stack has let it go.
    """

    record: Record | None
    state: Mapping[str, Any] | None
    others: tuple[Record, ...] = ()


def waiting_owner(work: Work, entry: Entry, owner: str) -> Record | None:
    """Return the record that the *owner* has taken a resource over from, if it still keeps it for a rollback."""
    if not entry.taken_from:
        return None
    record = work.ledger.read(entry.taken_from)
    kept = record.with_id(entry.resource_id)
    return record if kept is not None and kept.handed_to == owner else None


def waiting_owners(work: Work, entry: Entry, owner: str) -> Iterator[Record]:
    """Return the same, and whom that one has taken it over from, and so on."""
    former: Entry | None = entry
    while former is not None and (waiting := waiting_owner(work, former, owner)) is not None:
        yield waiting
        former, owner = waiting.with_id(entry.resource_id), waiting.owner


def past_itself(work: Work, theirs: Record, kept: Entry) -> list[Record]:
    """Return the record that a resource is taken over from, and others that change with it.

    Where this owner has had the resource before, in the chain of those that wait, whom it had it from then waits for
    the one that has it from here: a chain with a ring in it would lose him.
    """
    chain = [theirs, *waiting_owners(work, kept, theirs.owner)]
    at = next((number for number, one in enumerate(chain) if one.owner == work.owner), 0)
    if not 0 < at < len(chain) - 1:
        return [theirs]
    taker, _, waiting = records = chain[at - 1 : at + 2]
    taken, mine, waits = (cast("Entry", one.with_id(kept.resource_id)) for one in records)
    changed = [
        taker.put(taken._replace(taken_from=mine.taken_from, former=mine.former), taken),
        waiting.put(waits._replace(handed_to=taker.owner), waits),
    ]
    return changed if taker is theirs else [theirs, *changed]


def idle_owner(work: Work, entry: Entry) -> Waiting:
    """Return who waits for a resource, when nobody is at work on that record: it is written together with this one."""
    for wait in work.turn.looks():
        waiting = _waiting(work, entry)
        if waiting.record is None or not waiting.record.is_held(worker="", now=work.clock.time()):
            return waiting
        work.turn.guard()
        work.deadline.sleep(wait)
    raise AssertionError("the waits never end")


def is_awaited(work: Work, entry: Entry) -> bool:
    """Tell whether the owner that a resource was taken over from still waits for it."""
    return _waiting(work, entry).record is not None


def _waiting(work: Work, entry: Entry) -> Waiting:
    state = entry.former
    others: list[Record] = []
    for record in waiting_owners(work, entry, work.owner):
        view = work.stacks.view(record.owner)
        kept = cast("Entry", record.with_id(entry.resource_id))
        if view is None or not view.in_stack or not (view.is_gone or kept.let_go or _is_past(work, entry, view)):
            return Waiting(record, state, tuple(others))
        # Retain has kept CloudFormation from telling that it does not wait any more.
        others.append(left_to(work, record, kept))
        state = kept.former
    return Waiting(None, entry.before, tuple(others))


def _is_past(work: Work, entry: Entry, former: StackView) -> bool:
    """Tell whether a resource is deleted when its stack goes back to nothing, and the *former* owner has another."""
    deletes = work.event.request_type == "Delete" and work.event.physical_resource_id == entry.resource_id
    return (
        deletes
        and not former.counts(entry.resource_id)
        and work.stacks.status(work.owner) in {"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "DELETE_IN_PROGRESS"}
    )


def takers(work: Work, entry: Entry) -> list[Record]:
    """Return the record of the owner that has taken a resource over from here, and of who has it from that one."""
    records: list[Record] = []
    owner = entry.handed_to
    while owner and owner not in {work.owner, *(one.owner for one in records)}:
        records.append(work.ledger.read(owner))
        kept = records[-1].with_id(entry.resource_id)
        owner = "" if kept is None else kept.handed_to
    return records


def have_let_go(work: Work, entry: Entry, chain: Sequence[Record]) -> bool | None:
    """Tell whether CloudFormation counts a resource as that of none of its :func:`takers` (DeletionPolicy Retain).

    None when it cannot be asked, or does not know the stack.
    """
    for taker in chain:
        let_go = _has_let_go(work, taker.owner, entry)
        if not let_go:
            return let_go
    return True


def _has_let_go(work: Work, holder: str, entry: Entry) -> bool | None:
    """Tell it of one owner.

    While a Create of the holder is under way, that is known as soon as the ledger shows that it makes something else.
    """
    until = work.clock.monotonic() + DELAY
    for wait in work.turn.looks():
        view = work.stacks.view(holder)
        if view is None or not view.in_stack:
            return None
        if view.counts(entry.resource_id):
            return False
        if not is_making(view, work.ledger.read(holder), entry.resource_id):
            return True
        if work.clock.monotonic() >= until:
            return False
        work.deadline.sleep(wait)
    raise AssertionError("the waits never end")


def left_to(work: Work, theirs: Record, entry: Entry) -> Record:
    """Return the record of another owner without *entry*: a late copy of its event must not make it anew."""
    return theirs.drop(entry).superseding(entry.made_by, work.id)
