"""An account for each test, without the machine's own AWS settings."""

from collections.abc import Iterator

import pytest

from tests.harness.settings import use_made_up_settings
from tests.tools.ledger.world import World, world


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[World]:
    """Make an account with three stacks' rooms in it."""
    use_made_up_settings(monkeypatch)
    with world(capsys) as made:
        yield made
