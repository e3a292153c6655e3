"""A release: one version, stated in one place, with what it leaves behind written down."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e.documents import ROOT, document
from tests.harness import Stage
from tests.harness.release import FOLDER as RELEASES
from workmail_resource import __version__

CHANGELOG = document("CHANGELOG.md")
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SOURCE = ROOT / "function/workmail_resource/__init__.py"
#: What of the project is no text that anybody wrote: locks name versions of others, and images have none.
NOT_WRITTEN = re.compile(r"/requirements[^/]*\.txt$|/requirements/|\.(png|svg|gif|ico)$|lock(\.json|\.yaml)?$")


def releases() -> list[tuple[str, str]]:
    """Return the versions in the changelog with their dates, newest first."""
    headings = [heading for level, heading in CHANGELOG.headings() if level == 2]
    found = [re.fullmatch(r"\[(\d+\.\d+\.\d+)] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    assert all(found), "each heading after [Unreleased] is a version and its date"
    return [(match[1], match[2]) for match in found if match]


def files() -> Iterator[Path]:
    """Yield the project's own files, without what the commands make."""
    made = {"node_modules", "__pycache__", "build", "cdk.out", "dist"}
    top = [path for path in ROOT.iterdir() if not path.name.startswith(".") or path.name in {".ci", ".github"}]
    for path in (file for entry in top for file in ([entry] if entry.is_file() else entry.rglob("*"))):
        if path.is_file() and not made & set(path.parts) and not NOT_WRITTEN.search(path.as_posix()):
            yield path


def test_the_version_is_stated_in_one_place() -> None:
    """No file but the one, and a release's changelog entry and fixture, states the version; prose may speak of it."""
    stated = r"""(?:version_*["']?(?::[ ]?\w+)?\s*[:=]\s*["']?|^## \[)"""
    pattern = re.compile(rf"{stated}{re.escape(__version__)}(?![\w.])", re.IGNORECASE | re.MULTILINE)
    stating = {path for path in files() if pattern.search(path.read_text(encoding="utf-8", errors="ignore"))}
    assert stating == {SOURCE, CHANGELOG.path, RELEASES / f"{__version__}.json"}


def test_the_project_s_metadata_take_the_version_from_there() -> None:
    """Whoever reads the version from pyproject.toml is led to the one place."""
    metadata = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" not in metadata["project"]
    assert metadata["project"]["dynamic"] == ["version"]
    assert ROOT / metadata["tool"]["hatch"]["version"]["path"] == SOURCE


def test_the_changelog_begins_with_the_version() -> None:
    """The version has an entry, the newest; versions and dates go backwards, and a version is there once."""
    versions = [tuple(map(int, version.split("."))) for version, _ in releases()]
    dates = [date for _, date in releases()]
    assert releases()[0][0] == __version__
    assert versions == sorted(set(versions), reverse=True)
    assert dates == sorted(dates, reverse=True)


def test_every_release_has_its_fixture() -> None:
    """What each released version leaves behind is written down, for later versions to take care of (contract 44)."""
    for version, _ in releases():
        written = json.loads((RELEASES / f"{version}.json").read_text(encoding="utf-8"))
        assert written["version"] == version


def test_the_log_says_which_version_ran(stage: Stage) -> None:
    """Whoever asks for help with a log shows with it which version wrote it."""
    stage.deliver(stage.event("Create"))
    assert [line["version"] for line in stage.log_records() if line.get("message") == "event"] == [__version__]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_it_names(path: Path) -> None:
    """Each action is pinned to a commit, with its version beside it, and no job may do what it does not say."""
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (.*)", text)
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []
    assert yaml.safe_load(text)["permissions"] == {}


def test_continuous_integration_runs_every_python_that_is_promised() -> None:
    """The matrix has each version of Python that pyproject.toml allows, and Dependabot looks after the actions."""
    matrix = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8"))["jobs"]["check"][
        "strategy"
    ]
    allowed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    least, beyond = map(int, re.findall(r"3\.(\d+)", allowed))
    assert matrix["matrix"]["python"] == [f"3.{minor}" for minor in range(least, beyond)]
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text(encoding="utf-8"))["updates"]
    assert {update["package-ecosystem"] for update in updates} == {"github-actions", "uv", "npm"}
    folders = {folder for update in updates for folder in update.get("directories", [])}
    assert all((ROOT / folder.removeprefix("/")).is_dir() for folder in folders)


def test_only_the_job_that_builds_nothing_may_write() -> None:
    """A release is published by a job that runs nothing of the project."""
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["build"]["permissions"] == {"contents": "read"}
    assert not any("make" in step.get("run", "") for step in workflow["jobs"]["publish"]["steps"])
