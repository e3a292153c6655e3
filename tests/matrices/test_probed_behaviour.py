"""The function's stories under what probes have found, and under files that are given.

A probe's file has every learnable switch as the probed organization has it; that a probe finds them, under every
setting, is what ``tests/tools/probe/test_experiments.py`` shows. So each file is written here as that test expects it.
``pytest tests/matrices/test_probed_behaviour.py --behaviour behaviour.json`` tells the stories under a file, too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest

from tests.matrices import test_unknowns as unknowns
from tests.matrices.test_unknowns import adopt_and_give_back, fail_and_roll_back, live, replace_and_clean_up
from tests.matrices.virtual import VirtualStage
from tests.tools.probe.organization import Organization
from tests.tools.probe.test_experiments import ALONE, COVERING, expected, name
from workmail_rooms.probe.findings import settings
from workmail_rooms.sandbox.behaviour_file import load
from workmail_rooms.sandbox.workmail import Behaviour

Story = Callable[[VirtualStage, Mapping[str, Any]], None]

STORIES: Final[tuple[Story, ...]] = (live, fail_and_roll_back, replace_and_clean_up, adopt_and_give_back)
#: Under these single settings `test_unknowns` tells the stories itself.
TOLD: Final = [Behaviour(**setting) for setting in unknowns.ALONE]
FURTHER: Final = [setting for setting in ALONE if Behaviour(**setting) not in TOLD]


def read(setting: Mapping[str, Any], folder: Path) -> Behaviour:
    """Return how the embedded WorkMail behaves with the file that a probe of an organization of *setting* writes."""
    file = folder / "behaviour.json"
    file.write_text(json.dumps(expected(Behaviour(**setting))))
    return load(file)


def switches(behaviour: Behaviour) -> dict[str, Any]:
    """Return a behaviour as the stories take it."""
    return {field.name: getattr(behaviour, field.name) for field in fields(Behaviour)}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the covering set, and the files of the command line."""
    if "source" in metafunc.fixturenames:
        metafunc.parametrize("source", [*range(len(COVERING)), *metafunc.config.getoption("behaviour")])


def test_a_probe_s_file_is_the_setting(tmp_path: Path) -> None:
    """What a probe really writes is what the files here have, and under each single setting it is that setting."""
    organization = Organization(Behaviour(**(COVERING[0] | {"rate_limit": None, "page_size": 100})), rooms=101)
    assert settings(organization.run().findings) == expected(organization.workmail.behaviour)
    for setting in ALONE:
        assert read(setting, tmp_path) == Behaviour(**setting)


@pytest.mark.parametrize("setting", FURTHER, ids=name)
def test_stories_under_a_setting_alone(stage: VirtualStage, setting: Mapping[str, Any], tmp_path: Path) -> None:
    """A resource's life goes well with the file of each single setting that no other test tells it under."""
    live(stage, switches(read(setting, tmp_path)))


def test_stories_under_settings_that_meet(stage: VirtualStage, source: int | str, tmp_path: Path) -> None:
    """With each file of the covering set, in which every two settings meet, and each given, all stories go well."""
    behaviour = load(Path(source)) if isinstance(source, str) else read(COVERING[source], tmp_path)
    for story in STORIES:
        stage.reset()
        story(stage, switches(behaviour))
