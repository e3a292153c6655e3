"""Brings a resource to the state that is wanted, or deletes it: plans, calls, reads, until WorkMail shows it.

WorkMail shows its changes some time later, and what it answers to a repeated call is largely unknown. So the error of a
single call does not decide: the resource is read again, and the error counts only if that call is still missing.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.errors import OutOfTimeError

from .api import WorkMail
from .errors import NotConvergedError, ResourceGoneError
from .plan import Step, differences, plan
from .room import Room, Wanted

#: Seconds for which an error is taken for WorkMail's delay: Terraform's provider waits up to two minutes for users and
#: groups.
PATIENCE: Final = 60.0
#: The same for a domain that is not ready: one that was just added is soon; one that nobody has verified never is.
DOMAIN_PATIENCE: Final = 10.0
#: How often a resource is read again before a call that was accepted is made once more.
_READS: Final = 5

_MAY_PASS: Final = frozenset(
    {
        "EntityAlreadyRegisteredException",
        "EntityNotFoundException",
        "EntityStateException",
        "MailDomainStateException",
    }
)
_NOT_READABLE_YET: Final = frozenset({"EntityNotFoundException", "EntityStateException"})


def _go_on() -> None:
    """Do nothing: the next try follows."""


def converge(
    workmail: WorkMail,
    room: Room,
    wanted: Wanted,
    *,
    fresh: bool = False,
    on_failure: Callable[[], None] = _go_on,
) -> Room:
    """Make WorkMail show *room* as it is *wanted*, and return it as it was last read.

    Parameters
    ----------
    room:
        As it was read, or, when *fresh*, as CreateResource has made it.
    fresh:
        Nobody else can have touched the resource, and WorkMail may not show it yet.
    on_failure:
        Called when a call has failed; may raise to end the work.

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
    workmail.refuse_disabled(_new_delegates(steps))
    begun = workmail.deadline.clock.monotonic()
    waits = workmail.caller.waits()
    while True:
        failed, failure = _execute(workmail, steps)
        if failure is not None:
            on_failure()
        final = failure is not None and not _may_pass(failure, fresh=fresh)
        accepted = steps if failed is None else steps[: steps.index(failed)]
        # What was accepted may show later, so it is read several times. What was refused may be accepted later: it is
        # read once, and called again after a wait.
        refused = failed is not None and not accepted
        reads = 1 if final or refused else _READS
        room, missing = _read_until_shown(workmail, room, wanted, accepted or steps[:1], fresh=fresh, reads=reads)
        if not missing:
            return room
        patience, waited = _patience(failure), workmail.deadline.clock.monotonic() - begun
        if failed is not None and failure is not None and failed in missing:
            if _needs_mailbox(failed, failure, room, wanted):
                return _update_while_registered(workmail, room, wanted, failure)
            if final or waited >= patience:
                raise failure
            _check_delegate(workmail, failed, failure)
        elif waited >= patience:
            raise NotConvergedError(f"WorkMail still shows: {'; '.join(differences(room, wanted))}")
        if refused:
            _sleep(workmail, min(next(waits), patience - waited), room, wanted)
        else:
            waits = workmail.caller.waits()
        steps = missing


def _new_delegates(steps: Iterable[Step]) -> list[str]:
    return [step.parameters["EntityId"] for step in steps if step.operation == "AssociateDelegateToResource"]


def _check_delegate(workmail: WorkMail, refused: Step, error: ServiceError) -> None:
    """Look a delegate up whom WorkMail has refused, as it does if either the delegate or the room is disabled."""
    if error.code == "EntityStateException":
        workmail.refuse_disabled(_new_delegates([refused]), look_up=True)


def _patience(error: ServiceError | None) -> float:
    return DOMAIN_PATIENCE if error is not None and error.code == "MailDomainStateException" else PATIENCE


def _execute(workmail: WorkMail, steps: tuple[Step, ...]) -> tuple[Step | None, ServiceError | None]:
    for step in steps:
        try:
            workmail.execute(step)
        except ServiceError as error:
            return step, error
    return None, None


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
        _sleep(workmail, next(waits), room, wanted)
    return room, missing


def _sleep(workmail: WorkMail, seconds: float, room: Room, wanted: Wanted) -> None:
    try:
        workmail.deadline.sleep(seconds)
    except OutOfTimeError:
        raise NotConvergedError(f"WorkMail still shows: {'; '.join(differences(room, wanted))}") from None


def _may_pass(error: ServiceError, *, fresh: bool) -> bool:
    # "Not found" is WorkMail's delay only about a resource that was just created; otherwise it is about a delegate.
    return error.code in _MAY_PASS and (fresh or error.code != "EntityNotFoundException")


def _key(step: Step) -> tuple[str, str]:
    return step.operation, step.subject


def _read(workmail: WorkMail, resource_id: str, *, lists: bool) -> Room | None:
    room = workmail.describe(resource_id)
    if room is None:
        return None
    if not lists:
        return replace(room, aliases=frozenset(), delegates=frozenset())
    try:
        return workmail.with_lists(room)
    except ServiceError as error:
        if error.code in _NOT_READABLE_YET:
            return replace(room, aliases=frozenset(), delegates=frozenset())
        raise


def _needs_mailbox(step: Step, error: ServiceError, room: Room, wanted: Wanted) -> bool:
    """Tell whether WorkMail refused to update a resource because it is disabled, as it shall stay."""
    return (
        step.operation == "UpdateResource"
        and error.code == "EntityStateException"
        and not room.enabled
        and wanted.email is None
    )


def _update_while_registered(workmail: WorkMail, room: Room, wanted: Wanted, failure: ServiceError) -> Room:
    """Register the resource for as long as the update takes, with an address that nobody else has."""
    domain = workmail.default_domain()
    if domain is None:
        raise failure
    enabled = converge(workmail, room, replace(wanted, email=f"{room.resource_id}@{domain}"), fresh=True)
    return converge(workmail, enabled, wanted)


def remove(workmail: WorkMail, resource_id: str) -> None:
    """Delete a resource, and return when WorkMail shows it no more.

    Raises
    ------
    ServiceError
        It could not be deleted.
    NotConvergedError
        It was still shown when the time was used up.
    """
    waits = workmail.caller.waits()
    failure: ServiceError | None = None
    room = workmail.describe(resource_id)
    while room is not None:
        try:
            if room.enabled:
                workmail.deregister(resource_id)
            workmail.delete(resource_id)
            failure = None
        except ServiceError as error:
            # WorkMail may refuse either call until it shows the resource as disabled, and when it is gone already.
            # Only reading it tells which.
            if error.code not in _MAY_PASS:
                raise
            failure = error
        room = workmail.describe(resource_id)
        if room is None:
            return
        try:
            workmail.deadline.sleep(next(waits))
        except OutOfTimeError:
            raise failure or NotConvergedError(f"WorkMail still shows resource {resource_id}") from None
