"""The stage of the matrices."""

import pytest

from tests.matrices.virtual import VirtualStage


@pytest.fixture(scope="session")
def run_virtual() -> VirtualStage:
    """Return the stage that all matrices of this process share."""
    return VirtualStage()


@pytest.fixture
def stage(run_virtual: VirtualStage) -> VirtualStage:
    """Return a fresh stage in virtual time."""
    run_virtual.reset()
    return run_virtual
