"""Rollback: which Update reverses another, what that has left, and what it does without (contract 53)."""

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.rules import ROLLBACK_WINDOW, Entry, Record, declared_digest, is_same_event
from workmail_resource.protocol.errors import ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import Obstacle
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.properties import Declaration, organization_id, parse
from workmail_resource.workmail.room import Room, Wanted

from .cleanup import take_away
from .steps import REVERSIBLE_SHARE, best_effort, check_current, is_alike, is_refusal, wanted
from .work import Work


def is_reversal(work: Work, entry: Entry | None, declaration: Declaration) -> bool | None:
    """Tell whether this is most likely the reversed Update of a rollback: back to what was declared before.

    None when version 1.0.0 has not written that down.
    """
    if entry is None:
        return False
    if not entry.digest:
        return None
    digest = declared_digest(declaration)
    if digest == entry.digest or not entry.had(digest):
        return digest == entry.digest
    # An operation may take longer; CloudFormation knows.
    return work.clock.time() - entry.ready_at < ROLLBACK_WINDOW or bool(work.stacks.rolls_back(work.owner))


def reverses_unfinished(work: Work, entry: Entry | None) -> bool:
    """Tell whether this is the reversed Update of one that never succeeded, and may still arrive or be at work.

    Its old properties are not what the resource was brought to last.
    """
    old = old_digest(work)
    return entry is not None and bool(old) and bool(entry.digest) and old != entry.digest


def goes_back_over(work: Work, declaration: Declaration, kept: Entry, current: Entry) -> bool:
    """Tell whether a rollback goes back to a resource, over a replacement and the *current* one in its organization.

    Where the current one was declared so itself, the other may long have been retained.
    """
    digest = declared_digest(declaration)
    own = digest == current.digest or current.had(digest)
    return kept.ready and kept.digest == digest and not own and bool(work.stacks.rolls_back(work.owner))


def is_wanted_back(work: Work, declaration: Declaration, record: Record, kept: Entry, current: Entry) -> bool:
    """Tell whether an Update goes back to the resource that the *current* one has replaced."""
    digest = declared_digest(declaration)
    same = kept.digest in {"", digest}
    if same and record.latest in {current.made_by, work.id}:
        return True
    return (same or kept.had(digest)) and bool(work.stacks.rolls_back(work.owner))


def replaced_by(record: Record, current: Entry, organization: str) -> Entry | None:
    """Return the resource in an organization that the *current* one has replaced, perhaps over several others."""
    seen, one = {current.key}, record.with_id(current.replaces)
    while one is not None and one.key not in seen:
        if one.organization_id == organization and not one.gone_by:
            return one
        seen.add(one.key)
        one = record.with_id(one.replaces)
    return None


def old_digest(work: Work) -> str:
    """Return the digest of what CloudFormation says was declared before; empty when that was never valid."""
    try:
        return declared_digest(parse(work.event.old_properties))
    except InvalidPropertiesError:
        return ""


def voided(work: Work, record: Record) -> Record:
    """Return the record in which every Update up to this one is void."""
    lease = record.lease
    if lease is not None:
        record = record.superseding(lease.event, work.id)
    if work.event.signed_at is None:
        return record
    return record.voiding_creates(work.event.signed_at).voiding_updates(work.event.signed_at, work.id)


def stop_unfinished(work: Work, record: Record, declaration: Declaration, entry: Entry | None) -> Record:
    """Void what this Update reverses, and take away what it has left elsewhere; return the record as it is then.

    What is read of the resource afterwards can be planned on: no earlier event can write any more.
    """
    rests = unfinished_elsewhere(work, record, entry) if _may_have_rests(work, record, declaration) else []
    if not rests and not reverses_unfinished(work, entry):
        return record
    # The record goes on to name the event that is reversed as the latest, should this one die here; what is ready, too,
    # is a rest from now on, for whoever comes next.
    rests, ready = [rest._replace(ready=False) for rest in rests], rests
    record = voided(work, record)
    for rest, before in zip(rests, ready, strict=True):
        record = record.put(rest, before)
    work.turn.take(record)
    hurried = work.within(work.deadline.earlier(REVERSIBLE_SHARE))
    left = ""
    for rest in rests:
        try:
            take_away(hurried, rest)
        except ProviderError as error:
            left = f"{type(error).__name__}: {error}"
            work.log("the rest of a cancelled replacement is still there; the next event clears it", error=left)
    check_current(work)
    if left:
        # No other event may come: CloudFormation tells nobody when it retains the resource.
        work.come_again(left)
    return work.turn.record


def _may_have_rests(work: Work, record: Record, declaration: Declaration) -> bool:
    old = organization_id(work.event.old_properties)
    replaced = record.successor(work.event.physical_resource_id) is not None
    return replaced or old not in {None, declaration.organization_id} or any(not one.ready for one in record.entries)


def unfinished_elsewhere(work: Work, record: Record, entry: Entry | None) -> list[Entry]:
    """Return what cancelled or failed events have left beside the resource.

    That is whatever never became ready, and what a replacement has made whose answer CloudFormation never took.
    """
    # Without an entry, the ledger has lost what came last, and what it knows as unfinished may have been finished.
    return [
        one
        for one in record.entries
        if entry is not None
        and one != entry
        and one.resource_id != work.event.physical_resource_id
        and not is_same_event(one.made_by, work.id)
        and (not one.ready or _was_not_taken(work, record, one))
    ]


def _was_not_taken(work: Work, record: Record, entry: Entry) -> bool:
    """Tell whether CloudFormation never took the answer of the replacement that has made a resource.

    That is the latest event before this one, in the organization that the old properties name, or else instead of the
    resource that this one names. A Delete that has come since was of that resource, and has failed: it stays.
    """
    latest = is_same_event(entry.made_by, record.latest)
    void = record.has_voided(entry) and record.voided_by != work.id
    if not latest or void:
        return False
    if entry.organization_id == organization_id(work.event.old_properties):
        return True
    if entry.replaces != work.event.physical_resource_id:
        return False
    if entry.organization_id == organization_id(work.event.properties):
        # This event is about to make another there.
        return True
    # A rollback clears a replacement that has succeeded by its id. One from long ago has perhaps been taken, and let go
    # since, as a table that was restored does not know.
    recent = work.clock.time() - entry.ready_at < ROLLBACK_WINDOW
    return recent and work.stacks.rolls_back(work.owner) is False


class LeftOut:
    """What the reversed Update of a rollback does without: what has ceased to exist meanwhile (contract 53).

    An Update to what was declared before looks the same, and may not do without anything: so CloudFormation is asked
    before anything is left out.

    Parameters
    ----------
    surely:
        Whether nothing is left out without an answer either: nothing but CloudFormation tells that it is a rollback.
    """

    def __init__(self, work: Work, *, surely: bool = False) -> None:
        self._work = work
        self._surely = surely
        self._is_rollback: bool | None = None
        self._best_effort = best_effort(work, "a rollback could not bring everything back")
        self._refused: dict[str, ServiceError] = {}

    def goal(self, workmail: WorkMail, declaration: Declaration) -> Wanted:
        """Return what can still be brought back of what was declared: without delegates who do not exist any more."""
        goal = wanted(workmail, declaration, without=self._without)
        if goal.booking.auto_accept_requests or goal.delegates:
            return goal
        # WorkMail would refuse the whole update: without a delegate the room has to answer by itself.
        return goal._replace(booking=goal.booking._replace(auto_accept_requests=True))

    def _without(self, delegate: str) -> bool:
        if self._may():
            self._work.log("a rollback could not bring everything back", operation="delegate", error_code=delegate)
        return self._may()

    def _may(self) -> bool:
        if self._is_rollback is None:
            # Without an answer it counts as one: otherwise a stack could get stuck.
            rolls_back = self._work.stacks.rolls_back(self._work.owner)
            self._is_rollback = not self._surely if rolls_back is None else rolls_back
        return self._is_rollback

    def judge(self, step: Step, error: ServiceError) -> Obstacle:
        """Do without a step that WorkMail refuses."""
        if is_refusal(error) and not self._may():
            return "FAIL"
        left = step.operation == "AssociateDelegateToResource"
        if not left and error.code not in {"EntityNotFoundException", "InvalidConfigurationException"}:
            self._refused[step.subject] = error
        return self._best_effort(step, error)

    def check(self, before: Room, after: Room) -> None:
        """Raise when WorkMail has refused everything."""
        if self._refused and is_alike(before, after):
            raise next(iter(self._refused.values()))
