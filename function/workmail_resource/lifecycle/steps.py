"""The steps that Create, Update and Delete have in common."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.aws.retries import is_lost, is_transient
from workmail_resource.ownership.errors import CancelledError
from workmail_resource.ownership.ledger import Claim, ClaimAction
from workmail_resource.ownership.rules import Entry, Record, StackView, declared_digest, is_same_event
from workmail_resource.protocol.errors import ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import Obstacle, seen
from workmail_resource.workmail.errors import UnknownDelegateError
from workmail_resource.workmail.plan import Step, plan
from workmail_resource.workmail.properties import Declaration
from workmail_resource.workmail.room import Room, Wanted, attributes

from .work import Result, Work

#: The share of the time that may be used for what an event has to have time after: an adoption or a replacement, which
#: may have to be taken back, and clearing up after others.
REVERSIBLE_SHARE: Final = 0.6

#: How often an event begins anew because another one has written between its look and its turn.
ATTEMPTS: Final = 10

#: Seconds in which WorkMail shows what was changed last by somebody whom this event follows.
LOOK_AGAIN: Final = 3.0

#: Seconds of each of the two tries, at most, in which an event that a later one has followed clears up.
CLEARING: Final = 30.0

#: Seconds after which an event is late: it has most likely been waiting for something.
_LATE: Final = 5.0

#: What WorkMail answers about an organization that does not exist, and about one that is not active.
ORGANIZATION_GONE: Final = "OrganizationNotFoundException"
ORGANIZATION_STATE: Final = "OrganizationStateException"
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
        return not is_alike(now, room) and bool(plan(now, goal))

    return seen(workmail, is_another, room.resource_id, LOOK_AGAIN) or room


def bring_surely(workmail: WorkMail, room: Room, goal: Wanted, bring: Callable[[Room], Room]) -> Room:
    """Bring *room* to its *goal* where an event was interrupted: what that has changed last may show only then."""
    room = bring(room)
    again = looked_at_again(workmail, room, goal)
    return room if again is room else bring(again)


@contextmanager
def reported(work: Work, message: str) -> Iterator[None]:
    """Log a failure of clearing up, and go on: it must not hide the failure that it follows."""
    try:
        yield
    except ProviderError as error:
        work.log(message, error=f"{type(error).__name__}: {error}")


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
    return signed_at is not None and work.clock.time() - signed_at >= _LATE


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
        # What CloudFormation has taken is not for this event to clear up, even if a restored table does not know it.
        work.turn.record = work.turn.record.seen_by(view)
        raise CancelledError("CloudFormation does not wait for it any more")
    return True


def as_taken(record: Record, ask: Callable[[], StackView | None], *, but_for: str = "") -> Record:
    """Return the record with what CloudFormation has taken as ready, which a restored table may not know.

    It is asked only where something is unfinished *but for* one resource.
    """
    unfinished = any(one.resource_id not in {None, but_for} and not one.ready for one in record.entries)
    view = ask() if unfinished else None
    return record if view is None else record.seen_by(view)


def is_alike(one: Room, other: Room) -> bool:
    """Tell whether WorkMail shows nothing else of a resource than before."""
    return one.state == other.state and Wanted.as_it_is(one) == Wanted.as_it_is(other)


def is_refusal(error: ServiceError) -> bool:
    """Tell whether WorkMail has refused a call for what it asks; otherwise it could not be reached, or denied it."""
    denied = error.code in {"AccessDeniedException", "AccessDenied", "NotAuthorized"}
    organization = error.code in {ORGANIZATION_GONE, ORGANIZATION_STATE}
    return not (is_transient(error) or is_lost(error) or denied or organization)


def best_effort(work: Work, message: str) -> Callable[[Step, ServiceError], Obstacle]:
    """Return a judge that does without what WorkMail refuses, and logs it."""

    def judge(step: Step, error: ServiceError) -> Obstacle:
        if not is_refusal(error):
            return "FAIL"
        work.log(message, operation=step.operation, error_code=error.code)
        return "SKIP"

    return judge
