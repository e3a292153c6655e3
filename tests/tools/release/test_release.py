"""A release is prepared by one command, which refuses what would be released by mistake."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from release.__main__ import CHANGELOG, PROVIDER, SOURCE, UNRELEASED, prepare
from release.files import archive, checksums, packaged
from release.version import ReleaseError, dated, raised
from workmail_rooms.sandbox.provider import read_provider
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

BEFORE = {
    SOURCE: '"""A package."""\n\n__version__ = "1.9.0"\n',
    CHANGELOG: "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [1.9.0] - 2026-11-22\n\nThe first.\n",
    PROVIDER: 'Outputs:\n  Version:\n    Value: "1.9.0"\n',
    UNRELEASED: "{}\n",
}
AFTER = {
    SOURCE: '"""A package."""\n\n__version__ = "1.10.0"\n',
    PROVIDER: 'Outputs:\n  Version:\n    Value: "1.10.0"\n',
    CHANGELOG: "# Changelog\n\n## [Unreleased]\n\n## [1.10.0] - 2026-11-25\n\n### Added\n\n- A thing.\n\n"
    "## [1.9.0] - 2026-11-22\n\nThe first.\n",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project of four committed files."""
    for name, text in BEFORE.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "Begin"]):
        identity = ["-c", "user.name=Someone", "-c", "user.email=someone@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True)  # noqa: S607 - the user's git
    return tmp_path


def contents(folder: Path) -> dict[str, str]:
    """Return the text of each file that is not git's."""
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def test_a_release_sets_the_version_and_dates_the_changelog(project: Path) -> None:
    """The version and its heading are written, and the form that had no release yet goes; a check writes nothing."""
    prepare(project, "1.10.0", "2026-11-25", write=False)
    assert contents(project) == BEFORE
    prepare(project, "1.10.0", "2026-11-25", write=True)
    assert contents(project) == AFTER


def test_a_release_of_uncommitted_files_is_refused(project: Path) -> None:
    """What is released is a commit: a file that is changed or new stops it by name, and nothing is written."""
    (project / "new.txt").write_text("")
    with pytest.raises(ReleaseError, match=r"(?s)Commit these files first.*new\.txt"):
        prepare(project, "1.10.0", "2026-11-25", write=True)
    assert contents(project) == {**BEFORE, "new.txt": ""}


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.9.0", "1.9.0 is not higher than 1.9.0"),
        ("1.8.9", "1.8.9 is not higher than 1.9.0"),
        ("v2.0.0", "v2.0.0 is no version"),
        ("2.0", "2.0 is no version"),
        ("", "Nothing is no version.*make release VERSION="),
    ],
)
def test_only_a_higher_version_is_released(version: str, message: str) -> None:
    """A version of another form, or not above the last, is refused with what to give instead."""
    with pytest.raises(ReleaseError, match=message):
        raised(BEFORE[SOURCE], version)


def test_a_release_without_changes_is_refused() -> None:
    """A changelog with nothing under Unreleased has nothing to release."""
    with pytest.raises(ReleaseError, match="says nothing"):
        dated(AFTER[CHANGELOG], "1.11.0", "2026-11-26")


def test_the_zip_depends_on_the_files_alone(tmp_path: Path) -> None:
    """Other dates and permissions make the same zip, and every file is in it."""
    made = []
    for name, mode, date in (("one", 0o644, 10**9), ("two", 0o600, 1_700_000_000)):
        (tmp_path / name / "package").mkdir(parents=True)
        for path, text in (("package/app.py", "1"), ("a.txt", "2")):
            (tmp_path / name / path).write_text(text)
            (tmp_path / name / path).chmod(mode)
            os.utime(tmp_path / name / path, (date, date))
        archive(tmp_path / name, tmp_path / f"{name}.zip")
        made.append((tmp_path / f"{name}.zip").read_bytes())
    assert made[0] == made[1]
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert {name: file.read(name) for name in file.namelist()} == {"a.txt": b"2", "package/app.py": b"1"}


def test_the_packaged_template_has_the_zip_and_the_version(tmp_path: Path) -> None:
    """`sam publish` finds the version in it, both functions have the zip, and the rest is as it was."""
    before = PROVIDER_TEMPLATE.read_text(encoding="utf-8")
    after = packaged(before, "code.zip", "1.10.0")
    changed = [line.strip() for line in after.splitlines() if line not in before.splitlines()]
    assert changed == ["SemanticVersion: 1.10.0", "CodeUri: code.zip", "CodeUri: code.zip"]
    (tmp_path / "template.yaml").write_text(after, encoding="utf-8")
    ours, theirs = (
        read_provider(template, account_id="123456789012", region="us-east-1")
        for template in (PROVIDER_TEMPLATE, tmp_path / "template.yaml")
    )
    assert ours.exports == theirs.exports


def test_the_checksums_are_those_of_every_file(tmp_path: Path) -> None:
    """Each published file has its line, and the list none."""
    for name in ("b.whl", "a.zip", "SHA256SUMS"):
        (tmp_path / name).write_text(name)
    assert checksums(tmp_path).splitlines() == [
        f"{hashlib.sha256(name.encode()).hexdigest()}  {name}" for name in ("a.zip", "b.whl")
    ]
