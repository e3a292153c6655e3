"""An account for each test, without the machine's own AWS settings."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.settings import use_made_up_settings
from tests.tools.world import World, world


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """Make an account, and go to an empty folder."""
    use_made_up_settings(monkeypatch)
    monkeypatch.chdir(tmp_path)
    with world() as made:
        yield made
