"""What the probe asks, and in which order.

A switch of the embedded WorkMail's `Behaviour` is either in an `Experiment` of one of the `STAGES`, or in
`NOT_LEARNED` with the reason; a test sees to it.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from workmail_rooms.sandbox.workmail.organization import NEW_BOOKING_OPTIONS

from . import readings
from .calls import Answer, Caller
from .readings import NotLearnedError, Reading
from .rooms import DESCRIPTION, INTERVAL, MARK, PATIENCE, Room, last_state, new_name

#: So many reads in a row have to show a state before it is believed (Terraform's provider waits for two).
_SETTLED: Final = 3
#: Calls in quick succession, to meet a limit of the rate.
_BURST: Final = 100
#: Afterwards, to measure it: calls at intervals, in seconds, until so many have succeeded.
_STEADY: Final = 320
_STEP: Final = 1 / 32
_TAKEN: Final = 30
#: Seconds without a call before, so that nothing of the limit is used up.
_QUIET: Final = 30.0

NOT_LEARNED: Final[Mapping[str, str]] = {
    "export_jobs": "An export needs a bucket, a key and a role, and a mailbox that is worth it.",
    "faults": "The probe does not provoke failures.",
    "new_organization": "Only a new organization shows it, and new ones can no longer be made by everybody.",
    "deleted_organization": "Only a deleted organization shows it.",
    "domain_ready_after": "Only a new organization shows it.",
    "reserved_names": "A name that turned out to be free would be a resource with a name that others may use.",
}


class UnexpectedError(Exception):
    """WorkMail answered what the probe cannot go on from.

    Parameters
    ----------
    answers : sequence of Answer
        The last one is what was not expected.
    """

    def __init__(self, answers: Sequence[Answer]) -> None:
        last = answers[-1]
        super().__init__(f"{last.operation} answered {last_state(answers) or last.code}")
        self.answers = tuple(answers)


@dataclass(kw_only=True)
class Lab:
    """What the experiments work with.

    Attributes
    ----------
    call : Caller
        Calls WorkMail.
    clock, sleep : callable
        The time in seconds, and waiting.
    random : random.Random
        Where names come from.
    domain : str
        The verified domain of the addresses.
    delegate : str
        The id, name or address of an existing user or group.
    measure_rate : bool
        Whether WorkMail may be called until it throttles.
    rooms : list[Room]
        Everything that was made.
    seen : dict[str, tuple[Answer, ...]]
        What the beginning of a stage has observed.
    alias : str
        The alias of the first room; empty without.
    delegated : bool
        Whether the first room has the delegate.
    """

    call: Caller
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Random
    domain: str
    delegate: str
    measure_rate: bool = False
    rooms: list[Room] = field(default_factory=list)
    seen: dict[str, tuple[Answer, ...]] = field(default_factory=dict)
    alias: str = ""
    delegated: bool = False

    @property
    def first(self) -> Room:
        """The room that lives through everything."""
        return self.rooms[0]

    @property
    def second(self) -> Room:
        """The room beside it."""
        return self.rooms[1]

    def new_address(self) -> str:
        """Return an address that nobody has."""
        letters = "".join(self.random.choice(string.ascii_letters) for _ in range(10))
        return f"wmr-probe-{letters}@{self.domain}"

    def unknown_id(self) -> str:
        """Return an id of the right form that no resource has."""
        return f"r-{self.random.getrandbits(128):032x}"

    def try_to_create(self, name: str) -> Answer:
        """Call CreateResource, and remember that there may be such a resource before its answer is there."""
        room = Room(name=name)
        self.rooms.append(room)
        answer = self.call("CreateResource", Name=name, Type="ROOM", Description=DESCRIPTION)
        if answer.ok:
            room.id = answer.output["ResourceId"]
        else:
            self.rooms.remove(room)
        return answer

    def create(self) -> Room:
        """Create a resource and wait until it is seen."""
        self.expect(self.try_to_create(new_name(self.random)))
        room = self.rooms[-1]
        self.seen["create"] = tuple(self.until(lambda: self.describe(room), lambda answer: answer.ok))
        room.seen = True
        return room

    def register(self, room: Room) -> None:
        """Enable a resource and wait until it stays so."""
        room.email = self.new_address()
        self.expect(self.call("RegisterToWorkMail", EntityId=room.id, Email=room.email))
        self.seen["register"] = tuple(
            self.until(lambda: self.describe(room), lambda answer: answer.output.get("State") == "ENABLED", _SETTLED)
        )

    def describe(self, room: Room) -> Answer:
        """Call DescribeResource."""
        return self.call("DescribeResource", ResourceId=room.id)

    def rename(self, room: Room, name: str) -> Answer:
        """Call UpdateResource with a name, and wait until it is shown."""
        answer = self.call("UpdateResource", ResourceId=room.id, Name=name)
        if answer.ok:
            room.name = name
            self.until(lambda: self.describe(room), lambda shown: _same(shown.output.get("Name"), name))
        return answer

    def book(self, room: Room, *, accept: bool) -> Answer:
        """Call UpdateResource with all three booking options."""
        options = dict.fromkeys(NEW_BOOKING_OPTIONS, True) | {"AutoAcceptRequests": accept}
        return self.call("UpdateResource", ResourceId=room.id, BookingOptions=options)

    def expect(self, answer: Answer) -> Answer:
        """Return an answer that is no error.

        Raises
        ------
        UnexpectedError
            It is one.
        """
        if not answer.ok:
            raise UnexpectedError([answer])
        return answer

    def until(self, act: Callable[[], Answer], good: Callable[[Answer], bool], times: int = 1) -> list[Answer]:
        """Call every two seconds until *times* answers in a row are good, and return all.

        Raises
        ------
        UnexpectedError
            They are not after five minutes.
        """
        deadline = self.clock() + PATIENCE
        answers = [act()]
        while len(answers) < times or not all(map(good, answers[-times:])):
            if self.clock() >= deadline:
                raise UnexpectedError(answers)
            self.sleep(INTERVAL)
            answers.append(act())
        return answers


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One question.

    Attributes
    ----------
    name : str
        The switch that it sets, or, with `assumed`, a name for what has no switch yet.
    asks : str
        The question.
    act : callable
        Makes the calls, and returns their answers.
    read : callable
        Says what answers mean: a value of the switch.
    assumed : str
        What the embedded WorkMail does where it has no switch; empty where it has.
    """

    name: str
    asks: str
    act: Callable[[Lab], Sequence[Answer]]
    read: Callable[[Lab], Reading]
    assumed: str = ""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A point in the life of the rooms, and what can be asked there.

    Attributes
    ----------
    name : str
        What the rooms are then.
    enter : callable
        Brings them there.
    experiments : tuple[Experiment, ...]
        In their order; each leaves the rooms as it found them, or says in `Lab` what has changed.
    needs : str
        The stage without which there is no point in this one; empty for none.
    """

    name: str
    enter: Callable[[Lab], None]
    experiments: tuple[Experiment, ...]
    needs: str = ""


def _same(one: object, other: str) -> bool:
    return str(one).casefold() == other.casefold()


def _always(reading: Reading) -> Callable[[Lab], Reading]:
    return lambda _lab: reading


def _observed(what: str) -> Callable[[Lab], Sequence[Answer]]:
    return lambda lab: lab.seen[what]


# ------------------------------------------------------------------------------------------------ before any resource


def _nothing(_lab: Lab) -> None:
    pass


def _may_remove(lab: Lab) -> None:
    # Whoever may not disable and delete shall not create. What never was is neither disabled nor deleted.
    lab.call("DeregisterFromWorkMail", EntityId=lab.unknown_id())
    lab.seen["delete unknown"] = (lab.call("DeleteResource", ResourceId=lab.unknown_id()),)


def _page(lab: Lab) -> Sequence[Answer]:
    return [lab.call("ListResources")]


def _unknown(lab: Lab) -> Sequence[Answer]:
    return [lab.call("DescribeResource", ResourceId=lab.unknown_id())]


# -------------------------------------------------------------------------------------------------------- the new room


def _create_first(lab: Lab) -> None:
    lab.create()


def _deregister_disabled(lab: Lab) -> Sequence[Answer]:
    return [lab.call("DeregisterFromWorkMail", EntityId=lab.first.id)]


def _update_disabled(lab: Lab) -> Sequence[Answer]:
    return [lab.call("UpdateResource", ResourceId=lab.first.id, Description=f"{MARK}, not enabled yet")]


# ---------------------------------------------------------------------------------------------------- the enabled room


def _register_first(lab: Lab) -> None:
    lab.register(lab.first)


def _register_same(lab: Lab) -> Sequence[Answer]:
    return [lab.call("RegisterToWorkMail", EntityId=lab.first.id, Email=lab.first.email)]


def _register_other(lab: Lab) -> Sequence[Answer]:
    before = lab.describe(lab.first)
    answer = lab.call("RegisterToWorkMail", EntityId=lab.first.id, Email=lab.new_address())
    return [before, answer, lab.describe(lab.first)]


def _missing_key(lab: Lab) -> Sequence[Answer]:
    lab.expect(lab.book(lab.first, accept=True))
    # AutoAcceptRequests cannot be left out: false would need a delegate.
    options = {"AutoAcceptRequests": True}
    updated = lab.call("UpdateResource", ResourceId=lab.first.id, BookingOptions=options)
    lab.sleep(INTERVAL)
    return [updated, lab.describe(lab.first)]


def _rename(lab: Lab) -> Sequence[Answer]:
    before = lab.describe(lab.first)
    lab.expect(lab.rename(lab.first, new_name(lab.random)))
    lab.sleep(INTERVAL)
    return [before, lab.describe(lab.first)]


# ---------------------------------------------------------------------------------------------------- its alias


def _alias_first(lab: Lab) -> None:
    alias = lab.new_address()
    lab.expect(lab.call("CreateAlias", EntityId=lab.first.id, Alias=alias))
    lab.alias = alias
    lab.until(lambda: lab.call("ListAliases", EntityId=lab.first.id, MaxResults=100), _shows(alias))
    lab.seen["alias"] = tuple(lab.call.listed("ListAliases", EntityId=lab.first.id))


def _shows(alias: str) -> Callable[[Answer], bool]:
    return lambda answer: alias.casefold() in map(str.casefold, answer.output.get("Aliases", ()))


def _primary_listed(lab: Lab) -> Sequence[Answer]:
    lab.first.email = str(lab.expect(lab.describe(lab.first)).output.get("Email", ""))
    return lab.seen["alias"]


def _delete_missing_alias(lab: Lab) -> Sequence[Answer]:
    return [lab.call("DeleteAlias", EntityId=lab.first.id, Alias=lab.new_address())]


# ---------------------------------------------------------------------------------------------------- its delegate


def _associate(lab: Lab) -> Answer:
    answer = lab.call("AssociateDelegateToResource", ResourceId=lab.first.id, EntityId=lab.delegate)
    lab.delegated = lab.delegated or answer.ok
    return answer


def _disassociate(lab: Lab) -> Answer:
    return lab.call("DisassociateDelegateFromResource", ResourceId=lab.first.id, EntityId=lab.delegate)


def _delegate_first(lab: Lab) -> None:
    lab.expect(_associate(lab))


def _associate_twice(lab: Lab) -> Sequence[Answer]:
    return [_associate(lab)]


def _remove_last(lab: Lab) -> Sequence[Answer]:
    lab.expect(lab.book(lab.first, accept=False))
    answer = _disassociate(lab)
    lab.expect(lab.book(lab.first, accept=True))
    lab.delegated = not answer.ok
    return [answer]


def _remove_missing(lab: Lab) -> Sequence[Answer]:
    if lab.delegated:
        lab.expect(_disassociate(lab))
        lab.delegated = False
    return [_disassociate(lab)]


# ---------------------------------------------------------------------------------------------------- the second room


def _create_second(lab: Lab) -> None:
    lab.create()


def _other_case(lab: Lab) -> Sequence[Answer]:
    answer = lab.rename(lab.first, lab.second.name.swapcase())
    if answer.ok:
        lab.expect(lab.rename(lab.first, new_name(lab.random)))
    return [answer]


def _deregister_second(lab: Lab) -> None:
    lab.register(lab.second)
    lab.expect(lab.call("DeregisterFromWorkMail", EntityId=lab.second.id))


def _delete_at_once(lab: Lab) -> Sequence[Answer]:
    return _delete(lab, lab.second)


def _delete(lab: Lab, room: Room) -> list[Answer]:
    answers = lab.until(
        lambda: lab.call("DeleteResource", ResourceId=room.id), lambda answer: answer.code != "EntityStateException"
    )
    lab.expect(answers[-1])
    return answers


# ---------------------------------------------------------------------------------------------------- the disabled room


def _deregister_first(lab: Lab) -> None:
    if not lab.delegated:
        # Without a delegate, the others can be learned all the same.
        _associate(lab)
    lab.expect(lab.call("DeregisterFromWorkMail", EntityId=lab.first.id))
    lab.seen["deregister"] = tuple(
        lab.until(lambda: lab.describe(lab.first), lambda answer: answer.output.get("State") == "DISABLED")
    )


def _aliases_left(lab: Lab) -> Sequence[Answer]:
    if not lab.alias:
        raise NotLearnedError("there was no alias")
    return list(lab.call.listed("ListAliases", EntityId=lab.first.id))


def _delegates_left(lab: Lab) -> Sequence[Answer]:
    if not lab.delegated:
        raise NotLearnedError("there was no delegate")
    return list(lab.call.listed("ListResourceDelegates", ResourceId=lab.first.id))


# ---------------------------------------------------------------------------------------------------- the deleted room


def _delete_first(lab: Lab) -> None:
    _delete(lab, lab.first)
    lab.seen["delete"] = tuple(
        lab.until(
            lambda: lab.describe(lab.first),
            lambda answer: not answer.ok or answer.output.get("State") == "DELETED",
        )
    )
    lab.first.removed = True


def _list_again(lab: Lab) -> Sequence[Answer]:
    return list(lab.call.listed("ListResources"))


def _delete_again(lab: Lab) -> Sequence[Answer]:
    return [lab.call("DeleteResource", ResourceId=lab.first.id)]


def _use_name_again(lab: Lab) -> Sequence[Answer]:
    return lab.until(
        lambda: lab.try_to_create(lab.first.name), lambda answer: answer.code != "NameAvailabilityException"
    )


# --------------------------------------------------------------------------------------------------------- the rate


def _rate(lab: Lab) -> Sequence[Answer]:
    if not lab.measure_rate:
        raise NotLearnedError("it was not asked for: --rate calls WorkMail until it throttles")
    lab.sleep(_QUIET)
    answers: list[Answer] = []
    while len(answers) < _BURST and not (answers and answers[-1].throttled):
        _ask_once(lab, answers)
    first = len(answers)
    throttled = answers[-1].throttled
    while throttled and len(answers) < first + _STEADY and sum(one.ok for one in answers[first:]) < _TAKEN:
        lab.sleep(_STEP)
        _ask_once(lab, answers)
    return answers


def _ask_once(lab: Lab, answers: list[Answer]) -> None:
    answer = lab.call.once("DescribeOrganization")
    if answer is None:
        raise NotLearnedError("a call got no answer")
    answers.append(answer)


STAGES: Final = (
    Stage(
        name="nothing is made",
        enter=_may_remove,
        experiments=(
            Experiment(
                name="page_size",
                asks="how many items has a page without MaxResults",
                act=_page,
                read=_always(readings.page),
            ),
            Experiment(
                name="error_type",
                asks="has the type of an error a name space",
                act=_unknown,
                read=_always(readings.form_of_errors),
            ),
            Experiment(
                name="delete_unknown_id",
                asks="what does DeleteResource answer for what never was",
                act=_observed("delete unknown"),
                read=_always(readings.outcome()),
            ),
        ),
    ),
    Stage(
        name="created",
        needs="nothing is made",
        enter=_create_first,
        experiments=(
            Experiment(
                name="visible_after",
                asks="how many reads do not see a new resource",
                act=_observed("create"),
                read=_always(readings.refusals("EntityNotFoundException")),
            ),
            Experiment(
                name="name_shown",
                asks="in which case is a name shown",
                act=lambda lab: lab.seen["create"][-1:],
                read=lambda lab: readings.name_shown(lab.first.name),
            ),
            Experiment(
                name="description_blanks",
                asks="what becomes of the blanks at both ends of a Description",
                act=lambda lab: lab.seen["create"][-1:],
                read=_always(readings.blanks(DESCRIPTION)),
            ),
            Experiment(
                name="booking options of a new resource",
                asks="what are accept/decline conflicting/decline recurring",
                act=lambda lab: lab.seen["create"][-1:],
                read=_always(readings.booking_options),
                assumed=readings.options_text(NEW_BOOKING_OPTIONS),
            ),
            Experiment(
                name="deregister_disabled",
                asks="what does DeregisterFromWorkMail answer for what is DISABLED",
                act=_deregister_disabled,
                read=_always(readings.outcome()),
            ),
            Experiment(
                name="update_on_disabled",
                asks="what does UpdateResource answer for what is DISABLED",
                act=_update_disabled,
                read=_always(readings.outcome(success="ok")),
            ),
        ),
    ),
    Stage(
        name="enabled",
        needs="created",
        enter=_register_first,
        experiments=(
            Experiment(
                name="enabled_after",
                asks="how many reads after RegisterToWorkMail show DISABLED",
                act=_observed("register"),
                read=_always(readings.before("ENABLED")),
            ),
            Experiment(
                name="enabled_flaps",
                asks="does DISABLED show once more after ENABLED",
                act=_observed("register"),
                read=_always(readings.flaps),
            ),
            Experiment(
                name="case of an address",
                asks="how is an address with large letters shown",
                act=lambda lab: lab.seen["register"][-1:],
                read=lambda lab: readings.shown_as_given(lab.first.email),
                assumed="as given",
            ),
            Experiment(
                name="register_again_same",
                asks="what does RegisterToWorkMail answer for the address that the resource has",
                act=_register_same,
                read=_always(readings.outcome(success="no-op")),
            ),
            Experiment(
                name="register_again_other",
                asks="what does it answer for another address",
                act=_register_other,
                read=_always(readings.register_other),
            ),
            Experiment(
                name="booking_missing_key",
                asks="what becomes of a booking option that UpdateResource leaves out",
                act=_missing_key,
                read=_always(readings.missing_keys),
            ),
            Experiment(
                name="empty_output",
                asks="what is the body of an answer without members",
                act=lambda lab: [lab.expect(lab.book(lab.first, accept=True))],
                read=_always(readings.form_of_nothing),
            ),
            Experiment(
                name="rename_changes_email",
                asks="does a rename move the address along",
                act=_rename,
                read=_always(readings.email_moved),
            ),
        ),
    ),
    Stage(
        name="with an alias",
        needs="enabled",
        enter=_alias_first,
        experiments=(
            Experiment(
                name="list_aliases_primary",
                asks="does ListAliases show the primary address",
                act=_primary_listed,
                read=lambda lab: readings.has_address(lab.first.email),
            ),
            Experiment(
                name="delete_missing_alias",
                asks="what does DeleteAlias answer for what is no alias",
                act=_delete_missing_alias,
                read=_always(readings.outcome()),
            ),
        ),
    ),
    Stage(
        name="with a delegate",
        needs="enabled",
        enter=_delegate_first,
        experiments=(
            Experiment(
                name="associate_twice",
                asks="what does AssociateDelegateToResource answer for a delegate",
                act=_associate_twice,
                read=_always(readings.outcome()),
            ),
            Experiment(
                name="last_delegate_removed",
                asks="can the last delegate be removed while AutoAcceptRequests is false",
                act=_remove_last,
                read=_always(readings.outcome(success="allowed")),
            ),
            Experiment(
                name="disassociate_missing",
                asks="what does DisassociateDelegateFromResource answer for what is no delegate",
                act=_remove_missing,
                read=_always(readings.outcome()),
            ),
        ),
    ),
    Stage(
        name="beside a second one",
        needs="enabled",
        enter=_create_second,
        experiments=(
            Experiment(
                name="name_case",
                asks="is a name in another case the same name",
                act=_other_case,
                read=_always(readings.case_of_names),
            ),
        ),
    ),
    Stage(
        name="the second one disabled",
        needs="beside a second one",
        enter=_deregister_second,
        experiments=(
            Experiment(
                name="deletable_after",
                asks="how many deletes are refused after DeregisterFromWorkMail",
                act=_delete_at_once,
                read=_always(readings.refusals("EntityStateException")),
            ),
        ),
    ),
    Stage(
        name="disabled",
        needs="enabled",
        enter=_deregister_first,
        experiments=(
            Experiment(
                name="disabled_after",
                asks="how many reads after DeregisterFromWorkMail show ENABLED",
                act=_observed("deregister"),
                read=_always(readings.before("DISABLED")),
            ),
            Experiment(
                name="email_after_deregister",
                asks="does it keep its address",
                act=lambda lab: lab.seen["deregister"][-1:],
                read=_always(readings.email_kept),
            ),
            Experiment(
                name="aliases_after_deregister",
                asks="does it keep its aliases",
                act=_aliases_left,
                read=lambda lab: readings.address_kept(lab.alias),
            ),
            Experiment(
                name="delegates_after_deregister",
                asks="does it keep its delegates",
                act=_delegates_left,
                read=_always(readings.delegate_kept),
            ),
        ),
    ),
    Stage(
        name="deleted",
        needs="disabled",
        enter=_delete_first,
        experiments=(
            Experiment(
                name="ghost_describe",
                asks="what does DescribeResource answer for what was deleted",
                act=_observed("delete"),
                read=_always(readings.ghost_described),
            ),
            Experiment(
                name="ghost_list",
                asks="does ListResources show what was deleted",
                act=_list_again,
                read=lambda lab: readings.ghost_listed(lab.first.id),
            ),
            Experiment(
                name="redelete",
                asks="what does DeleteResource answer for what was deleted",
                act=_delete_again,
                read=_always(readings.outcome()),
            ),
            Experiment(
                name="name_release",
                asks="how many further uses of a deleted resource's name are refused",
                act=_use_name_again,
                read=_always(readings.refusals("NameAvailabilityException")),
            ),
        ),
    ),
)

#: Asked when nothing of the probe is left: a throttled clean-up would be slow.
LAST: Final = Stage(
    name="after everything is removed",
    enter=_nothing,
    experiments=(
        Experiment(
            name="rate_limit",
            asks="from how many calls on does WorkMail throttle",
            act=_rate,
            read=_always(readings.rate),
        ),
    ),
)


def learnable() -> dict[str, Experiment]:
    """Return the experiment of each switch that one can set."""
    return {
        experiment.name: experiment
        for stage in (*STAGES, LAST)
        for experiment in stage.experiments
        if not experiment.assumed
    }
