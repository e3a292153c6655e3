"""Worlds to tell stories in."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.world import ManualClock, World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world in real time."""
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def timeless(tmp_path: Path) -> Iterator[World]:
    """Return a world whose time passes only when the engine waits in vain."""
    world = World(tmp_path, ManualClock())
    yield world
    world.close()


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Return a function that makes worlds with options of the engine."""
    worlds: list[World] = []

    def make(**options: Any) -> World:
        worlds.append(World(tmp_path, **options))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
