"""The function's stories under what a probe has found: of sample organizations, and of files that are given.

``pytest tests/matrices/test_probed_behaviour.py --behaviour behaviour.json`` tells them under a file. That a probe
finds what an organization does, under every setting, is in ``tests/tools/probe/test_experiments.py``.

"""

import json
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import pytest

from tests.matrices.test_unknowns import adopt_and_give_back, fail_and_roll_back, live, replace_and_clean_up
from tests.matrices.virtual import VirtualStage
from tests.tools.probe.organization import Organization
from tests.tools.probe.test_experiments import COVERING
from workmail_rooms.probe.findings import settings
from workmail_rooms.sandbox.behaviour_file import load
from workmail_rooms.sandbox.workmail import Behaviour

STORIES: Final = (live, fail_and_roll_back, replace_and_clean_up, adopt_and_give_back)
#: An organization with everything at its default, and some of those in which all switches vary.
SAMPLE: Final[dict[str, dict[str, Any]]] = {
    "defaults": {},
    **{f"covering {number}": COVERING[number] | {"rate_limit": None} for number in (0, len(COVERING) // 2)},
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Take the samples, and the files of the command line."""
    metafunc.parametrize("source", [*SAMPLE, *metafunc.config.getoption("behaviour")])


@pytest.mark.parametrize("story", STORIES)
def test_what_a_probe_writes_is_a_setting_of_the_stories(
    stage: VirtualStage, story: Callable[[VirtualStage, Any], None], source: str, tmp_path: Path
) -> None:
    """A probe's file lets the embedded WorkMail behave as the probed one, and the story goes well."""
    # GIVEN what a probe has written
    file = Path(source)
    if source in SAMPLE:
        organization = Organization(Behaviour(**SAMPLE[source]))
        file = tmp_path / "behaviour.json"
        file.write_text(json.dumps(settings(organization.run().findings)))
    # WHEN WorkMail behaves so
    behaviour = load(file)
    # THEN the story goes well
    story(stage, {field.name: getattr(behaviour, field.name) for field in fields(Behaviour)})
