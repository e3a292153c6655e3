"""What is installed elsewhere: the wheel that pip makes of this project."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

from tests.harness.once import Once
from workmail_resource import __version__

# pip downloads what builds the wheel.
pytestmark = pytest.mark.index

ROOT: Final = Path(__file__).resolve().parents[2]
_PIP: Final = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="session")
def wheel(once: Once) -> Path:
    """Build the wheel with what is locked."""
    command = [*_PIP, "wheel", "--no-deps", "--no-build-isolation", str(ROOT), "--wheel-dir"]
    (path,) = once("wheel", lambda folder: subprocess.run([*command, str(folder)], check=True)).iterdir()
    return path


@pytest.fixture(scope="session")
def scripts(wheel: Path, once: Once) -> Path:
    """Install the wheel without its extras where nothing else is, and return the folder of its commands."""
    return once("environment", lambda folder: install(wheel, folder)) / "bin"


def install(wheel: Path, folder: Path) -> None:
    """Make an environment with the wheel and, as links to what this environment has, what it depends on."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    options = ["--python", str(folder / "bin" / "python"), "install", "--no-compile", "--no-deps", "--no-index"]
    subprocess.run([*_PIP, *options, wheel], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (installed,) = distributions(path=[str(site)])
    for needed in map(distribution, dependencies(installed)):
        for name in {file.parts[0] for file in needed.files or ()} - {"..", "__pycache__"}:
            (site / name).symlink_to(str(needed.locate_file(name)))


def dependencies(of: Distribution) -> set[str]:
    """Return the names of all distributions that one needs without its extras."""
    found: set[str] = set()
    left: list[tuple[Distribution, set[str]]] = [(of, set())]
    while left:
        one, extras = left.pop()
        for requirement in map(Requirement, one.requires or ()):
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras}):
                left += [(distribution(requirement.name), requirement.extras)] if requirement.name not in found else []
                found.add(requirement.name)
    return found


def test_the_wheel_holds_two_packages_and_nothing_of_another_name(wheel: Path) -> None:
    """At the top are the tools, the function whose rules they ask, and what pip knows of both."""
    with zipfile.ZipFile(wheel) as archive:
        names = {Path(name) for name in archive.namelist()}

    assert {name.parts[0] for name in names} == {
        "workmail_rooms",
        "workmail_resource",
        f"workmail_rooms-{__version__}.dist-info",
    }
    for source, package in (("tools", "workmail_rooms"), ("function", "workmail_resource")):
        files = {path.relative_to(ROOT / source) for path in (ROOT / source / package).rglob("*.[pj][ys]*")}
        assert {name for name in files if name.suffix in {".py", ".json"}} <= names


def test_the_inventory_needs_no_extra(scripts: Path) -> None:
    """Installed alone, the inventory runs."""
    done = subprocess.run(
        [scripts / "workmail-rooms", "inventory", "--help"], env={}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: workmail-rooms inventory ")


def test_a_command_without_its_extra_says_what_to_install(scripts: Path) -> None:
    """Without what the sandbox needs, the command names the extra that has it."""
    done = subprocess.run(
        [scripts / "workmail-rooms", "sandbox", "rooms"], env={}, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"workmail-rooms sandbox: \w+ is not installed\. "
        r"Install what this command needs: pip install 'workmail-rooms\[sandbox\]'\n",
        done.stderr,
    )


@pytest.mark.long
def test_the_installed_sandbox_deploys_the_installed_provider(wheel: Path, tmp_path: Path) -> None:
    """Away from this project, the sandbox has the provider's template and its function with it."""
    # GIVEN the wheel, unpacked, with the dependencies of this environment, and a function that logs another version
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "workmail_resource" / "__init__.py").write_text('__version__ = "of the wheel"\n', encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(site)}

    # WHEN it deploys a stack
    example = ROOT / "examples" / "one-room.yaml"
    arguments = ["sandbox", "deploy", str(example), "--stack-name", "rooms", "--output", "json"]
    done = subprocess.run(
        [sys.executable, "-c", "from workmail_rooms.cli import run; run()", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    # THEN the function that is in the wheel has made the room
    assert (done.returncode, json.loads(done.stdout)["status"]) == (0, "CREATE_COMPLETE")
    logs = (tmp_path / ".sandbox" / "logs").rglob("*.log")
    assert any('"version":"of the wheel"' in log.read_text(encoding="utf-8") for log in logs)


def test_the_sandbox_s_extra_has_what_the_function_needs() -> None:
    """What the function imports is a dependency of the package or of its extra sandbox, in the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = (ROOT / "function" / "requirements.in").read_text(encoding="utf-8").splitlines()
    needed = [line.partition("#")[0].strip() for line in needed]

    # botocore comes with boto3.
    assert {line for line in needed if line} - {"botocore"} <= {
        *project["dependencies"],
        *project["optional-dependencies"]["sandbox"],
    }
