"""What observed answers say about a switch. Nothing here makes a call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from workmail_rooms.sandbox.workmail.faults import RateLimit

from .calls import SUCCESS, Answer

Answers = Sequence[Answer]
Reading = Callable[[Answers], object]

#: Calls that have to follow the first throttled one, for a rate to be worked out of them.
_ENOUGH: Final = 10


class NotLearnedError(Exception):
    """The answers do not say what the switch is. The message says why."""


def outcome(*, success: str = SUCCESS) -> Reading:
    """Read the code of the last answer; what a switch calls *success*, when it has none."""

    def read(answers: Answers) -> str:
        return success if answers[-1].ok else answers[-1].code

    return read


def refusals(code: str) -> Reading:
    """Count the answers with a *code* before the one that succeeded."""

    def read(answers: Answers) -> int:
        *refused, last = answers
        if not last.ok or any(answer.code != code for answer in refused):
            raise NotLearnedError("other answers came than it counts")
        return len(refused)

    return read


def before(state: str) -> Reading:
    """Count the answers of DescribeResource before the first that shows a *state*."""

    def read(answers: Answers) -> int:
        for count, answer in enumerate(answers):
            if answer.output.get("State") == state:
                return count
        raise NotLearnedError(f"the state {state} was never shown")

    return read


def name_shown(name: str) -> Reading:
    """Tell in which case a name is shown."""

    def read(answers: Answers) -> str:
        shown = str(answers[-1].output.get("Name"))
        return {name: "as given", name.upper(): "upper case", name.lower(): "lower case"}.get(shown, "another name")

    return read


def blanks(description: str) -> Reading:
    """Tell what became of the blanks around a Description."""

    def read(answers: Answers) -> str:
        shown = answers[-1].output.get("Description")
        return {description: "kept", description.strip(): "trimmed"}.get(str(shown), "another text")

    return read


def flaps(answers: Answers) -> str:
    """Tell whether the state was DISABLED once more after the first ENABLED."""
    states = [answer.output.get("State") for answer in answers]
    return "yes" if "DISABLED" in states[states.index("ENABLED") :] else "no"


def ghost_described(answers: Answers) -> str:
    """Tell what DescribeResource came to answer for what was deleted: a state or an error."""
    return str(answers[-1].output.get("State", "")) if answers[-1].ok else answers[-1].code


def ghost_listed(room_id: str) -> Reading:
    """Tell whether the pages of a list show what was deleted."""

    def read(answers: Answers) -> str:
        _all_ok(answers)
        return "shown" if any(item["Id"] == room_id for item in items(answers, "Resources")) else "hidden"

    return read


def register_other(answers: Answers) -> str:
    """Tell what RegisterToWorkMail with another address does, from its answer between two of DescribeResource."""
    shown, registered, after = answers
    if not registered.ok:
        return registered.code
    return "ignored" if _email(shown) == _email(after) else "address changed"


def email_moved(answers: Answers) -> str:
    """Tell whether the address is another one after a rename, from the first and the last answer."""
    _all_ok(answers)
    return "no" if _email(answers[0]) == _email(answers[-1]) else "yes"


def missing_keys(answers: Answers) -> str:
    """Tell what became of the booking options that an update left out; all were true before."""
    _all_ok(answers)
    options: Mapping[str, bool] = answers[-1].output["BookingOptions"]
    left_out = {value for name, value in options.items() if name not in answers[0].request["BookingOptions"]}
    if len(left_out) != 1:
        return "some changed"
    return "unchanged" if left_out.pop() else "false"


def case_of_names(answers: Answers) -> str:
    """Tell whether a name that differs from a taken one in case only is taken, too."""
    if answers[-1].ok:
        return "sensitive"
    return "insensitive" if answers[-1].code == "NameAvailabilityException" else answers[-1].code


def email_kept(answers: Answers) -> str:
    """Tell whether an address is still there."""
    _all_ok(answers)
    return "kept" if _email(answers[-1]) else "cleared"


def address_kept(address: str) -> Reading:
    """Tell whether an alias is still there."""

    def read(answers: Answers) -> str:
        return "kept" if has_address(address)(answers) == "yes" else "cleared"

    return read


def delegate_kept(answers: Answers) -> str:
    """Tell whether there is still a delegate."""
    _all_ok(answers)
    return "kept" if items(answers, "Delegates") else "cleared"


def has_address(address: str) -> Reading:
    """Tell whether ListAliases shows an address."""

    def read(answers: Answers) -> str:
        _all_ok(answers)
        return "yes" if address.casefold() in map(str.casefold, items(answers, "Aliases")) else "no"

    return read


def page(answers: Answers) -> int:
    """Tell how many items a page has by itself, if it is not the last."""
    _all_ok(answers)
    count = len(answers[-1].output["Resources"])
    if "NextToken" not in answers[-1].output:
        raise NotLearnedError(f"the organization's {count} resources fit on one page")
    return count


def form_of_errors(answers: Answers) -> str:
    """Tell whether ``__type`` has a name space."""
    error_type = answers[-1].error_type
    if error_type == answers[-1].code:
        return "bare"
    return "namespaced" if error_type.endswith(f"#{answers[-1].code}") else error_type or "none"


def form_of_nothing(answers: Answers) -> str:
    """Tell what the body of an answer without members is."""
    _all_ok(answers)
    body = answers[-1].body.strip()
    return {"": "nothing", "{}": "braces"}.get(body, body)


def rate(answers: Answers) -> RateLimit:
    """Work out a token bucket: so many calls at once until the first is refused, then so many in a time."""
    first = next((place for place, answer in enumerate(answers) if answer.throttled), None)
    seconds = answers[-1].at - answers[0].at
    if first is None:
        raise NotLearnedError(f"{len(answers)} calls in {seconds:.1f} seconds were not throttled")
    after = answers[first:]
    taken = [answer.at for answer in after if answer.ok]
    if len(taken) < _ENOUGH:
        raise NotLearnedError(f"only {len(taken)} of {len(after)} calls succeeded after the first throttled one")
    per_second = (len(taken) - 1) / (taken[-1] - taken[0])
    refilled = per_second * (answers[first].at - answers[0].at)
    return RateLimit(per_second=float(f"{per_second:.2g}"), burst=max(1, round(first - refilled)))


def booking_options(answers: Answers) -> str:
    """Return the booking options that are shown."""
    _all_ok(answers)
    return options_text(answers[-1].output.get("BookingOptions", {}))


def options_text(options: Mapping[str, bool]) -> str:
    """Return the values of booking options, in the order of their names."""
    return "/".join(str(options[name]).lower() for name in sorted(options))


def shown_as_given(address: str) -> Reading:
    """Tell whether an address is shown in the case in which it was given."""

    def read(answers: Answers) -> str:
        _all_ok(answers)
        return "as given" if answers[-1].output.get("Email") == address else "in another case"

    return read


def items(answers: Answers, member: str) -> list[Any]:
    """Return the items on all pages of a list."""
    return [item for answer in answers for item in answer.output.get(member, ())]


def _all_ok(answers: Answers) -> None:
    for answer in answers:
        if not answer.ok:
            raise NotLearnedError(f"{answer.operation} answered {answer.code}")


def _email(answer: Answer) -> str:
    return str(answer.output.get("Email", "")).casefold()
