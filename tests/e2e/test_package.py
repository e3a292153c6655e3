"""What `sam build` makes is what runs: the built package, in an interpreter that has nothing else."""

import hashlib
import os
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from release.files import archive
from tests.harness import Stage
from tests.harness.once import Once
from workmail_rooms.sandbox.awslambda import LambdaService
from workmail_rooms.sandbox.cloudformation import Engine, StackStore

# `sam build` lets pip download what the function needs.
pytestmark = pytest.mark.index

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE_TEMPLATE = ROOT / "examples" / "meeting-rooms.yaml"


#: Lambda's Python, where this machine has it: in the path, or with pyenv.
PYENV = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
RUNTIME = next(
    (
        path
        for path in (shutil.which("python3.13"), *map(str, PYENV.glob("versions/3.13*/bin/python3.13")))
        if path and subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
    ),
    None,
)
MAX_ZIPPED = 3_000_000

needs_runtime = pytest.mark.skipif(RUNTIME is None, reason="there is no python3.13 here")


@pytest.fixture(scope="session")
def package(once: Once) -> Path:
    """Build the project with the AWS SAM CLI, as `make build` does, and return the folder of the built functions."""
    return once("package", build) / "build"


def build(folder: Path) -> None:
    """Build the project."""
    scripts = sysconfig.get_path("scripts")
    path = [scripts, *([str(Path(RUNTIME).parent)] if RUNTIME else []), os.environ["PATH"]]
    environment = {**os.environ, "PATH": os.pathsep.join(path), "SAM_CLI_TELEMETRY": "0"}
    command = [f"{scripts}/sam", "build", "--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache")]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


@pytest.fixture
def built(stage: Stage, package: Path, tmp_path: Path) -> Iterator[LambdaService]:
    """Run the built provider with Lambda's Python, or in a bare virtual environment where that is not here."""
    spec = replace(stage.function.spec, code=package / "ProviderFunction")
    if RUNTIME is None:
        venv.create(tmp_path / "bare", with_pip=False)
    python = RUNTIME or str(tmp_path / "bare" / "bin" / "python")
    with LambdaService([spec], logs=tmp_path / "logs", python=python) as service:
        yield service


@pytest.mark.long
def test_built_package_deploys_the_example(stage: Stage, built: LambdaService) -> None:
    """The built package creates and deletes the rooms of the example, with nothing of the development environment."""
    engine = Engine(
        store=StackStore(), functions=built, response_urls=stage.endpoint, exports=dict(stage.provider.exports)
    )
    with engine:
        assert engine.deploy(EXAMPLE_TEMPLATE, "meeting-rooms", {}).status == "CREATE_COMPLETE"
        assert [room.Name for room in stage.rooms()] == ["boardroom", "focusroom", "projector"]
        assert engine.delete("meeting-rooms").status == "DELETE_COMPLETE"
    assert stage.rooms() == []


def test_package_holds_no_more_than_the_function(package: Path) -> None:
    """The package has the function and what it needs to run; no tests, tools or compiled files of another Python."""
    names = {path.name.partition("-")[0] for path in (package / "ProviderFunction").iterdir()}
    assert "workmail_resource" in names
    assert not names & {"workmail_rooms", "tests", "bin", "pip", "pytest", "moto"}


def tree(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Return the digest, date and permissions of every file."""
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            int(path.stat().st_mtime),
            path.stat().st_mode,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_two_builds_are_byte_identical(package: Path) -> None:
    """The recipe run twice, as it is for the two functions, makes the same files with the same dates."""
    assert tree(package / "ProviderFunction") == tree(package / "LastResortFunction")


def test_package_is_small(package: Path, tmp_path: Path) -> None:
    """Zipped as a release publishes it, bytecode included, the package has at most 3 MB."""
    archive(package / "ProviderFunction", tmp_path / "package.zip")
    assert (tmp_path / "package.zip").stat().st_size <= MAX_ZIPPED


def test_package_suits_every_architecture(package: Path) -> None:
    """The package has no compiled library, so that x86_64 and arm64 run the same files."""
    suffixes = {path.suffix for path in (package / "ProviderFunction").rglob("*") if path.is_file()}
    assert suffixes <= {"", ".json", ".md", ".pem", ".py", ".pyc", ".txt", ".BSD"}


def test_package_is_what_its_licences_allow(package: Path) -> None:
    """Every dependency comes with its name and version, which scanners look for, and with its licence."""
    distributions = list((package / "ProviderFunction").glob("*.dist-info"))
    assert {folder.name.partition("-")[0] for folder in distributions} >= {"botocore", "crhelper", "urllib3"}
    for folder in distributions:
        files = [path.name.lower() for path in folder.rglob("*")]
        assert "metadata" in files
        assert any("licen" in name for name in files)


@needs_runtime
def test_lambdas_python_uses_the_bytecode(package: Path, tmp_path: Path) -> None:
    """Lambda's Python runs every module from its bytecode and never looks at the source."""
    folder = tmp_path / "task"
    shutil.copytree(package / "ProviderFunction", folder)
    for module in folder.rglob("*.py"):
        module.write_text("this is no Python any more")
    code = "import sys; sys.path.insert(0, '.'); import workmail_resource.app, workmail_resource.last_resort"
    result = subprocess.run([str(RUNTIME), "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
