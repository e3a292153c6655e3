"""Brings a resource to the state that is wanted, or deletes it: plans, calls, reads, until WorkMail shows it.

WorkMail shows its changes some time later, and what it answers to a repeated call is largely unknown. So the error of a
single call does not decide: the resource is read again, and the error counts only if that call is still missing.
"""

from collections.abc import Callable, Iterable
from typing import Final, Literal, NamedTuple

from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.clock import Clock
from workmail_resource.protocol.errors import OutOfTimeError

from .api import WorkMail
from .errors import DisabledDelegateError, NotConvergedError, ResourceGoneError
from .plan import Step, differences, plan
from .room import Room, Wanted

#: Seconds for which an error is taken for WorkMail's delay: Terraform's provider waits up to two minutes for users and
#: groups.
PATIENCE: Final = 60.0
#: The same for a domain that is not ready: one that was just added is soon; one that nobody has verified never is.
DOMAIN_PATIENCE: Final = 10.0
#: Seconds after which a resource that was just made, and is not shown, counts as gone.
VISIBLE_WITHIN: Final = 10.0
#: How often a resource is read again before a call that was accepted is made once more.
_READS: Final = 5
_SHORTEST_WAIT: Final = 0.1

_MAY_PASS: Final = frozenset(
    {
        "EntityAlreadyRegisteredException",
        "EntityNotFoundException",
        "EntityStateException",
        "MailDomainStateException",
    }
)
_NOT_READABLE_YET: Final = frozenset({"EntityNotFoundException", "EntityStateException"})


#: What to do about a call that was refused: give up, try it again later while others go on, or do without it.
Obstacle = Literal["FAIL", "WAIT", "SKIP"]
Judge = Callable[[Step, ServiceError], Obstacle]


def give_up(_step: Step, _error: ServiceError) -> Obstacle:
    """Take every refusal for final."""
    return "FAIL"


def converge(
    workmail: WorkMail,
    room: Room,
    wanted: Wanted,
    *,
    fresh: bool = False,
    judge: Judge = give_up,
    strict: bool = True,
) -> Room:
    """Make WorkMail show *room* as it is *wanted*, and return it as it was last read.

    Parameters
    ----------
    room:
        As it was read, or, when *fresh*, as CreateResource has made it.
    fresh:
        Nobody else can have touched the resource, and WorkMail may not show it yet.
    judge:
        Asked what to do about a call that was refused for another reason than WorkMail's delay. While one waits, those
        after it are made all the same: they may give up what somebody else is waiting for.
    strict:
        Whether a delegate that is disabled is an error before anything is changed; otherwise *judge* is asked.

    Raises
    ------
    ServiceError
        A call was refused for good.
    DisabledDelegateError
        A delegate that is to come is disabled.
    NotConvergedError
        Every call was taken, but the state did not come in time.
    ResourceGoneError
        The resource vanished meanwhile.
    """
    steps = plan(room, wanted)
    if not steps and not fresh:
        return room
    if strict:
        workmail.refuse_disabled(_new_delegates(steps))
    delay = _Delay(workmail.deadline.clock)
    waits = workmail.caller.waits()
    skipped: set[tuple[str, str]] = set()
    while True:
        tried = _execute(workmail, steps, judge, primary=room.email, fresh=fresh)
        skipped |= tried.skipped
        # What travels in one call with a name that is done without is put right without it.
        wanted = wanted._replace(name=room.name) if tried.name_taken else wanted
        delay.begin(tried.called, anew=tried.name_taken or tried.waiting)
        called = delay.seconds
        failed, failure = tried.failed, tried.failure
        final = tried.is_final(fresh=fresh)
        # What was accepted may show later, so it is read several times. What was refused may be accepted later: it is
        # read once, and called again after a wait.
        refused = failed is not None and not tried.accepted
        reads = 1 if final or refused else _READS
        awaited = tried.accepted or _without(steps, skipped)[:1]
        room, missing = _read_until_shown(workmail, room, wanted, awaited, fresh=fresh, reads=reads)
        missing = _without(missing, skipped)
        if not missing:
            return room
        # A refused call counts by when it was made: reading may have been throttled for minutes since.
        left = _patience(failure) - (delay.seconds if failed is None else called)
        over = left <= 0 and not tried.waiting and (failed in missing or delay.has_begun(missing))
        if failed is not None and failure is not None and failed in missing:
            if _needs_mailbox(failed, failure, room, wanted):
                return _update_while_registered(workmail, room, wanted, failure, judge, strict=strict)
            disabled = _is_disabled(workmail, failed, failure, strict=strict)
            skipped |= _left_out(failed, failure, judge, over=over or disabled, final=final)
        elif over:
            raise _not_converged(room, wanted)
        if tried.waiting and failure is not None:
            _sleep(workmail, next(waits), failure)
        elif refused:
            _sleep(workmail, min(next(waits), max(left, _SHORTEST_WAIT)), _not_converged(room, wanted))
        else:
            waits = workmail.caller.waits()
        steps = _without(missing, skipped)


def _left_out(failed: Step, failure: ServiceError, judge: Judge, *, over: bool, final: bool) -> set[tuple[str, str]]:
    """Return the step if it is done without, or nothing if it is tried again; raise its failure when that is final."""
    if over and judge(failed, failure) == "SKIP":
        return {_key(failed)}
    if over or final:
        raise failure
    return set()


def _without(steps: tuple[Step, ...], skipped: set[tuple[str, str]]) -> tuple[Step, ...]:
    return tuple(step for step in steps if _key(step) not in skipped)


def _new_delegates(steps: Iterable[Step]) -> list[str]:
    return [step.parameters["EntityId"] for step in steps if step.operation == "AssociateDelegateToResource"]


def _is_disabled(workmail: WorkMail, refused: Step, error: ServiceError, *, strict: bool) -> bool:
    """Tell whether a delegate is disabled whom WorkMail has refused, as it does if either that or the room is disabled.

    Raises
    ------
    DisabledDelegateError
        It is, and *strict*.
    """
    if error.code != "EntityStateException":
        return False
    try:
        workmail.refuse_disabled(_new_delegates([refused]), look_up=True)
    except DisabledDelegateError:
        if strict:
            raise
        return True
    return False


class _Delay:
    """For how long WorkMail has not shown what it was asked for.

    It begins anew with every call that was not made before, when that has ended: it cannot be late yet, however long it
    was throttled; and when who was waited for has given up what another call needs.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = clock.monotonic()
        self._called: set[tuple[str, str]] = set()

    def begin(self, steps: tuple[Step, ...], *, anew: bool) -> None:
        """Note that *steps* were called."""
        if anew or not self.has_begun(steps):
            self._since = self._clock.monotonic()
        self._called |= set(map(_key, steps))

    def has_begun(self, steps: tuple[Step, ...]) -> bool:
        """Tell whether all these were called."""
        return self._called.issuperset(map(_key, steps))

    @property
    def seconds(self) -> float:
        """Since the latest call that was a new one."""
        return self._clock.monotonic() - self._since


def _patience(error: ServiceError | None) -> float:
    return DOMAIN_PATIENCE if error is not None and error.code == "MailDomainStateException" else PATIENCE


class _Tried(NamedTuple):
    """What came of the steps of one round: the first failure that matters, and whether it waits for somebody else."""

    called: tuple[Step, ...] = ()
    accepted: tuple[Step, ...] = ()
    skipped: frozenset[tuple[str, str]] = frozenset()
    failed: Step | None = None
    failure: ServiceError | None = None
    waiting: bool = False
    name_taken: bool = False

    def is_final(self, *, fresh: bool) -> bool:
        """Tell whether the failure is not one that passes by itself."""
        return self.failure is not None and not self.waiting and not _may_pass(self.failure, fresh=fresh)


def _execute(workmail: WorkMail, steps: tuple[Step, ...], judge: Judge, *, primary: str | None, fresh: bool) -> _Tried:
    tried = _Tried()
    kept = False
    for step in steps:
        if kept and step.operation == "DeleteAlias" and step.parameters["Alias"] == primary:
            # The address that was to become an alias is the primary one still.
            tried = tried if tried.waiting else tried._replace(skipped=tried.skipped | {_key(step)})
            continue
        tried = tried._replace(called=(*tried.called, step))
        try:
            workmail.execute(step)
        except ServiceError as error:
            kept = kept or step.operation == "UpdatePrimaryEmailAddress"
            if tried.waiting or tried.name_taken:
                # Perhaps only because of that one, or of what travels with the name; it is tried again later.
                continue
            obstacle = "FAIL" if _may_pass(error, fresh=fresh) else judge(step, error)
            if obstacle == "SKIP":
                tried = tried._replace(skipped=tried.skipped | {_key(step)}, name_taken=_is_over_name(step, error))
            else:
                tried = tried._replace(failed=step, failure=error, waiting=obstacle == "WAIT")
                if obstacle == "FAIL":
                    return tried
        else:
            tried = tried._replace(accepted=(*tried.accepted, step))
    return tried


def _read_until_shown(
    workmail: WorkMail, room: Room, wanted: Wanted, awaited: tuple[Step, ...], *, fresh: bool, reads: int
) -> tuple[Room, tuple[Step, ...]]:
    """Read the resource, at most *reads* times, until it shows the *awaited* steps; return what is still missing."""
    waits = workmail.caller.waits()
    missing = plan(room, wanted)
    for left in reversed(range(reads)):
        seen = _read(workmail, room.resource_id, lists=not fresh or bool(wanted.aliases or wanted.delegates))
        if seen is not None:
            room = seen
            missing = plan(room, wanted)
            if not set(map(_key, missing)) & set(map(_key, awaited)):
                return room, missing
        elif not fresh:
            raise ResourceGoneError(f"WorkMail shows no resource {room.resource_id} any more")
        if not left:
            break
        _sleep(workmail, next(waits), _not_converged(room, wanted))
    return room, missing


def _not_converged(room: Room, wanted: Wanted) -> NotConvergedError:
    return NotConvergedError(f"WorkMail still shows: {'; '.join(differences(room, wanted))}")


def _sleep(workmail: WorkMail, seconds: float, failure: Exception) -> None:
    """Wait; when no time is left for that, raise *failure*."""
    try:
        workmail.deadline.sleep(seconds)
    except OutOfTimeError:
        raise failure from failure.__cause__


def _may_pass(error: ServiceError, *, fresh: bool) -> bool:
    # "Not found" is WorkMail's delay only about a resource that was just created; otherwise it is about a delegate.
    return error.code in _MAY_PASS and (fresh or error.code != "EntityNotFoundException")


def _is_over_name(step: Step, error: ServiceError) -> bool:
    # A new name may become an address, which somebody may have.
    address = step.operation == "UpdateResource" and error.code == "EmailAddressInUseException"
    return address or error.code == "NameAvailabilityException"


def _key(step: Step) -> tuple[str, str]:
    return step.operation, step.subject


def _read(workmail: WorkMail, resource_id: str, *, lists: bool) -> Room | None:
    room = workmail.describe(resource_id)
    if room is None:
        return None
    if not lists:
        return room._replace(aliases=frozenset(), delegates=frozenset())
    try:
        return workmail.with_lists(room)
    except ServiceError as error:
        if error.code in _NOT_READABLE_YET:
            return room._replace(aliases=frozenset(), delegates=frozenset())
        raise


def _needs_mailbox(step: Step, error: ServiceError, room: Room, wanted: Wanted) -> bool:
    """Tell whether WorkMail refused to update a resource because it is disabled, as it shall stay."""
    return (
        step.operation == "UpdateResource"
        and error.code == "EntityStateException"
        and not room.enabled
        and wanted.email is None
    )


def _update_while_registered(
    workmail: WorkMail, room: Room, wanted: Wanted, failure: ServiceError, judge: Judge, *, strict: bool
) -> Room:
    """Register the resource for as long as the update takes, with an address that nobody else has."""
    domain = workmail.default_domain()
    if domain is None:
        raise failure
    registered = wanted._replace(email=f"{room.resource_id}@{domain}")
    enabled = converge(workmail, room, registered, fresh=True, judge=judge, strict=strict)
    return converge(workmail, enabled, wanted, judge=judge, strict=strict)


def shown(workmail: WorkMail, resource_id: str, seconds: float) -> Room | None:
    """Return a resource that may be so new that WorkMail does not show it yet; None when it does not come.

    Parameters
    ----------
    seconds:
        For how long it is looked for.
    """
    return _await(workmail, lambda: workmail.describe(resource_id), seconds)


def found(workmail: WorkMail, name: str, description: str, seconds: float) -> Room | None:
    """Return the resource of a name that has a *description*, looking for *seconds* seconds as :func:`shown` does."""

    def look() -> Room | None:
        room = workmail.find(name)
        return room if room is not None and room.description == description else None

    return _await(workmail, look, seconds)


def seen(
    workmail: WorkMail, test: Callable[[Room], bool], resource_id: str, seconds: float = VISIBLE_WITHIN
) -> Room | None:
    """Return a resource, with its lists, when it passes a *test*; None when it does not within *seconds* seconds."""

    def look() -> Room | None:
        room = workmail.read(resource_id)
        return room if room is not None and test(room) else None

    return _await(workmail, look, seconds)


def _await(workmail: WorkMail, look: Callable[[], Room | None], seconds: float) -> Room | None:
    waited = 0.0
    for next_wait in workmail.caller.waits():
        room = look()
        # Only what passes between two looks counts: a look that was throttled for minutes is one look.
        if room is not None or waited >= seconds:
            return room
        wait = min(next_wait, seconds - waited)
        workmail.deadline.sleep(wait)
        waited += wait
    raise AssertionError("the waits never end")


def remove(workmail: WorkMail, resource_id: str, *, fresh: bool = False) -> None:
    """Delete a resource, and return when WorkMail shows it no more.

    Parameters
    ----------
    fresh:
        It may be so new that WorkMail does not show it yet: it counts as gone only after some seconds (contract 63).

    Raises
    ------
    ServiceError
        It could not be deleted.
    NotConvergedError
        It was still shown when the time was used up.
    """
    waits = workmail.caller.waits()
    failure: ServiceError | None = None
    room = shown(workmail, resource_id, VISIBLE_WITHIN if fresh else 0)
    while room is not None:
        try:
            if room.enabled:
                workmail.deregister(resource_id)
            workmail.delete(resource_id)
            failure = None
        except ServiceError as error:
            # WorkMail may refuse either call until it shows the resource as disabled, and when it is gone already.
            # Only reading it tells which.
            failure = error
        room = workmail.describe(resource_id)
        if room is None:
            return
        if failure is not None and failure.code not in _MAY_PASS:
            raise failure
        _sleep(workmail, next(waits), failure or NotConvergedError(f"WorkMail still shows resource {resource_id}"))
