"""What the contract tests need besides the stage."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.timeless import Timeless
from tests.harness import Function, Stage
from tests.harness.handlers import sabotaged as sabotaged_function
from tests.harness.records import actions
from tests.harness.release import FOLDER as RELEASES
from tests.matrices.virtual import VirtualStage


@pytest.fixture
def plain_stage(run_stage: Callable[[bool], Stage]) -> Stage:
    """Return a fresh stage with plain crhelper's handler in the provider's place."""
    stage = run_stage(True)  # noqa: FBT003 - the fixture's only argument
    stage.reset()
    return stage


@pytest.fixture
def sabotaged(stage: Stage) -> Function:
    """Return the provider with a lifecycle that does what the property ``Sabotage`` says."""
    return sabotaged_function(stage)


@pytest.fixture(params=sorted(RELEASES.glob("*.json")), ids=lambda path: path.stem)
def released(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what a released version has left in WorkMail and in the ledger."""
    path: Path = request.param
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@pytest.fixture
def play(virtual: VirtualStage) -> Timeless:
    """Return a fresh stage on which a story chooses at which call what happens."""
    return Timeless(virtual)


@pytest.fixture
def virtual(needed: set[str]) -> Iterator[VirtualStage]:
    """Return a stage whose clock is ours, for stories of waits and of time that is up."""
    stage = VirtualStage()
    yield stage
    needed.update(action for call in stage.made for action in actions(call))
