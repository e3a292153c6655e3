"""What goes wrong in a story, drawn for each try of an event from the seed and the try's own name.

Each fault has an identity that does not depend on any other, so that a story can be shrunk by leaving faults out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal

Kind = Literal[
    "die before",
    "die after",
    "reply lost",
    "request lost",
    "hangs, carried out",
    "hangs, not carried out",
    "throttled",
    "error 500",
    "error 500, carried out",
    "directory unavailable",
    "freeze",
    "throttling storm",
    "slow",
    "denied",
    "unreachable",
]

#: How often each kind is drawn.
_WEIGHTS: Final[dict[Kind, int]] = {
    "die before": 6,
    "die after": 9,
    "reply lost": 6,
    "request lost": 3,
    "hangs, carried out": 3,
    "hangs, not carried out": 2,
    "throttled": 4,
    "error 500": 3,
    "error 500, carried out": 3,
    "directory unavailable": 2,
    "freeze": 3,
    "throttling storm": 1,
}
KINDS_OF_FAULTS: Final = tuple(_WEIGHTS)

#: The kinds that end a worker.
DEADLY: Final = frozenset({"die before", "die after"})
#: Seconds for which a process may stand still without its knowing. Between a look at a lease and a write in WorkMail no
#: design can notice it, so it is shorter than any lease can be.
LONGEST_FREEZE: Final = 8.0
#: Seconds for which every call of a try may be throttled.
LONGEST_STORM: Final = 285.0
#: About so many calls a try makes.
_CALLS: Final[Mapping[str, int]] = {"Create": 10, "Update": 14, "Delete": 8}


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at one call of a try.

    Attributes
    ----------
    identity:
        Its name in the story.
    amount:
        Times for repeated refusals, seconds for freezes and storms.
    """

    identity: str
    kind: Kind
    amount: float = 1.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """How much goes wrong in a story.

    Attributes
    ----------
    tries:
        The share of tries in which something goes wrong.
    copies:
        The share of events that are delivered twice.
    late:
        The share of deliveries that come late.
    slow:
        The share of tries that are slow.
    refused_answers:
        The share of tries whose answer does not get through at first.
    kinds:
        What goes wrong with calls.
    """

    tries: float = 0.0
    copies: float = 0.0
    late: float = 0.0
    slow: float = 0.0
    refused_answers: float = 0.0
    kinds: tuple[Kind, ...] = KINDS_OF_FAULTS


CALM: Final = Trouble()


@dataclass(slots=True)
class Fate:
    """What happens to one try of an event.

    Attributes
    ----------
    faults:
        By the number of the call, from 1 on.
    pace:
        How long its calls take, as a multiple of the usual.
    answer:
        What happens to its first PUT.
    """

    faults: dict[int, Fault] = field(default_factory=dict)
    pace: float = 1.0
    answer: Fault | None = None


def fate(dice: Random, name: str, request_type: str, trouble: Trouble, *, dropped: frozenset[str]) -> Fate:
    """Draw what happens to the try of this *name*.

    Parameters
    ----------
    request_type:
        Of its event.
    dropped:
        The identities of the faults that are left out of the story.
    """
    drawn = Fate()
    for number, kind, amount in _draws(dice, trouble, _CALLS[request_type]):
        identity = f"{name} call {number}: {kind}"
        if identity not in dropped:
            drawn.faults[number] = Fault(identity, kind, amount)
    slow, pace = dice.random() < trouble.slow, dice.choice((4.0, 12.0, 30.0))
    if slow and f"{name}: slow" not in dropped:
        drawn.pace = pace
    troubled, kind_of_answer = dice.random() < trouble.refused_answers, dice.choice(_ANSWER_KINDS)
    identity = f"{name} answer: {kind_of_answer}"
    if troubled and identity not in dropped:
        drawn.answer = Fault(identity, kind_of_answer)
    return drawn


_ANSWER_KINDS: Final[tuple[Kind, ...]] = ("die before", "die after", "reply lost", "request lost", "error 500")


def _draws(dice: Random, trouble: Trouble, calls: int) -> Iterator[tuple[int, Kind, float]]:
    if dice.random() >= trouble.tries:
        return
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        number = dice.randint(1, dice.choice((calls // 2, calls, 2 * calls)))
        (kind,) = dice.choices(trouble.kinds, [_WEIGHTS[kind] for kind in trouble.kinds])
        share = dice.random()
        match kind:
            case "freeze":
                amount = LONGEST_FREEZE * share
            case "throttling storm":
                amount = LONGEST_STORM * share * share
            case _:
                amount = float(1 + int(share * 4))
        yield number, kind, amount
