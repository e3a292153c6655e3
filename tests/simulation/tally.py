"""What many stories come to."""

import gc
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from .awslambda import take_apart
from .distribution import spread
from .stories import play, write
from .world import Story, World

#: Seeds that are kept of each check.
_KEPT = 8
#: Stories between two collections of garbage.
_COLLECTED_AFTER = 25


@dataclass(slots=True)
class Tally:
    """What was played, and what was found.

    Attributes
    ----------
    found:
        By check: in how many stories.
    first:
        By check: the first seeds.
    waits:
        Seconds of virtual time that undisturbed events took after a worker of their resource had died.
    bad:
        Stories with a violation.
    upgraded:
        Entries of version 1.0.0 that were gone on with.
    """

    stories: int = 0
    events: int = 0
    calls: int = 0
    faults: int = 0
    bad: int = 0
    upgraded: int = 0
    found: Counter[str] = field(default_factory=Counter)
    first: dict[str, list[int]] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)

    def add(self, seed: int, world: World) -> None:
        """Count one story."""
        self.stories += 1
        self.events += len(world.cloudformation.requests)
        self.calls += world.calls
        self.faults += world.faults
        self.waits += world.checks.waits
        self.bad += bool(world.violations)
        self.upgraded += world.upgraded
        for check in sorted({violation.check for violation in world.violations}):
            self.found[check] += 1
            self.first[check] = sorted([*self.first.get(check, ()), seed])[:_KEPT]

    def merge(self, other: "Tally") -> None:
        """Add what *other* has counted."""
        self.stories += other.stories
        self.events += other.events
        self.calls += other.calls
        self.faults += other.faults
        self.bad += other.bad
        self.upgraded += other.upgraded
        self.found.update(other.found)
        self.waits += other.waits
        for check, seeds in other.first.items():
            self.first[check] = sorted([*self.first.get(check, ()), *seeds])[:_KEPT]

    def plain(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {"stories": self.stories, "events": self.events, "calls": self.calls, "faults": self.faults} | {
            "waits": [round(seconds) for seconds in self.waits]
        }

    def lines(self) -> list[str]:
        """Return all that as a person reads it."""
        played = f"{self.stories:,} stories, {self.events:,} events, {self.calls:,} calls, {self.faults:,} faults"
        told = [f"{played}; {self.bad:,} with a violation"]
        if self.waits:
            told.append(f"seconds that {len(self.waits):,} events took after a worker had died: {spread(self.waits)}")
        for check, count in self.found.most_common():
            told.append(f"{count:7,} {check}: seeds {' '.join(map(str, self.first[check]))}")
        return told


def explore(seeds: Iterable[int], author: Callable[[int], Story] = write) -> Tally:
    """Play the stories of *seeds*.

    Parameters
    ----------
    author:
        Returns the story of a seed.

    Raises
    ------
    RuntimeError
        A story cannot be played, which is a defect of the simulation.
    """
    tally = Tally()
    with _collecting_seldom() as collect:
        for number, seed in enumerate(seeds, 1):
            try:
                world = play(author(seed))
                tally.add(seed, world)
                take_apart(world)
            except Exception as error:
                raise RuntimeError(f"the story of seed {seed} cannot be played") from error
            if number % _COLLECTED_AFTER == 0:
                collect()
    return tally


@contextmanager
def _collecting_seldom() -> Iterator[Callable[[], object]]:
    """Collect garbage between stories only: what was imported is not looked through again and again."""
    gc.freeze()
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()
        gc.unfreeze()
