"""What the contract tests need besides the stage."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Function, Stage
from tests.harness.handlers import sabotaged as sabotaged_function
from tests.harness.release import FOLDER as RELEASES
from tests.harness.timeless import Timeless
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
def play(stage: Stage) -> Timeless:
    """Return a fresh stage in virtual time."""
    return Timeless(stage)


@pytest.fixture
def virtual() -> VirtualStage:
    """Return a stage whose clock is ours, for stories of waits and of time that is up."""
    return VirtualStage()
