import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import pytest

from tests.simulation.awslambda import Client, Worker
from tests.simulation.shrink import shrink, tell, violated
from tests.simulation.stories import play, write, write_upgraded
from tests.simulation.tally import explore
from tests.simulation.transport import BotoClient
from tests.simulation.world import Step

#: pytest's fixture ``record_property``.
Record = Callable[[str, object], None]

#: 5,000 stories, the same in every run; ``make check`` and ``make simulate`` play others.
CHUNKS: Final = 20
STORIES: Final = 250
#: As many chunks of stories that go on with what version 1.0.0 has made.
UPGRADES: Final = 2


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_lost_and_nobody_gets_stuck(chunk: int, record_property: Record) -> None:
    """Whatever people, CloudFormation, Lambda, WorkMail and DynamoDB do to each other, what is promised holds."""
    base = chunk * STORIES
    tally = explore(range(base, base + STORIES))
    record_property("simulation", json.dumps(tally.plain()))
    print(f"seeds {base} to {base + STORIES - 1}")
    again = [f"make simulate SEED={seeds[0]}" for seeds in tally.first.values()]
    assert not tally.bad, "\n".join((*tally.lines(), *again))


@pytest.mark.long
@pytest.mark.parametrize("chunk", range(UPGRADES))
def test_contract_44_an_upgrade_loses_nothing(chunk: int) -> None:
    """The same holds for what version 1.0.0 has made, whatever is done with it after the upgrade."""
    base = chunk * STORIES
    tally = explore(range(base, base + STORIES), write_upgraded)
    assert tally.upgraded > STORIES / 2
    again = [f"make simulate UPGRADED=1 SEED={seeds[0]}" for seeds in tally.first.values()]
    assert not tally.bad, "\n".join((*tally.lines(), *again))


def test_a_seed_is_its_story() -> None:
    """The same seed is the same story, call by call, in every process."""
    seeds = (6, 42, 306)
    told = [line for seed in seeds for line in tell(write(seed))]
    script = (
        "from tests.simulation.shrink import tell; from tests.simulation.stories import write\n"
        f"for seed in {seeds}:\n    print(*tell(write(seed)), sep='\\n')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": "1"}
    again = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, encoding="utf-8"
    )
    assert again.stdout.splitlines() == told


def test_botocore_makes_no_difference() -> None:
    """A story through botocore, serialised, signed and parsed, is the same story call by call."""

    def through_botocore(worker: Worker, service: str, read_timeout: float) -> Client | BotoClient:
        # The transport knows WorkMail and DynamoDB.
        return (Client if service == "cloudformation" else BotoClient)(worker, service, read_timeout)

    for seed in range(1000, 1012):
        plain, through = (play(write(seed), tracing=True, client=client) for client in (Client, through_botocore))
        assert through.lines == plain.lines


def test_stories_are_told_apart_by_their_seeds() -> None:
    """Another seed is another story."""
    assert len({tuple(map(repr, write(seed).steps)) for seed in range(100)}) > 90


def test_a_failing_story_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A story that violates something is made as short as it can be while it still does, and told for a person."""
    # GIVEN a story of several steps that has more calls in an event than are allowed
    monkeypatch.setattr("tests.simulation.checks.MOST_CALLS", 20)
    check = "58 too many calls"
    seed = next(seed for seed in range(500) if len(write(seed).steps) > 2 and check in violated(write(seed))[0])
    # WHEN the story is shrunk
    story = shrink(write(seed), check)
    # THEN it still fails, in the same way, with less in it
    assert check in violated(story)[0]
    assert len(story.steps) < len(write(seed).steps)
    assert sum(map(_size, story.steps)) < sum(map(_size, write(seed).steps))
    # AND it can be read
    lines = list(tell(story, briefly=True))
    assert lines[0].startswith("GIVEN")
    assert any(line.startswith("WHEN") for line in lines)
    assert any(check in line for line in lines if "VIOLATED" in line)


def _size(step: Step) -> int:
    return 1 + len(step.template)
