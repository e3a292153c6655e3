"""What `sam build` makes is what runs: the built package, in an interpreter that has nothing else."""

import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.awslambda import LambdaService
from sandbox.cloudformation import Engine, StackStore
from tests.harness import Stage

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE_TEMPLATE = ROOT / "examples" / "meeting-rooms.yaml"


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the project with the AWS SAM CLI, as `make build` does, and return the folder of the built functions."""
    folder = tmp_path_factory.mktemp("build")
    scripts = sysconfig.get_path("scripts")
    environment = {**os.environ, "PATH": os.pathsep.join([scripts, os.environ["PATH"]]), "SAM_CLI_TELEMETRY": "0"}
    command = [f"{scripts}/sam", "build", "--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache")]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return folder / "build"


@pytest.fixture
def built(stage: Stage, package: Path, tmp_path: Path) -> Iterator[LambdaService]:
    """Run the built provider in a bare virtual environment."""
    venv.create(tmp_path / "bare", with_pip=False)
    spec = replace(stage.function.spec, code=package / "ProviderFunction")
    with LambdaService([spec], logs=tmp_path / "logs", python=str(tmp_path / "bare" / "bin" / "python")) as service:
        yield service


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
    assert not names & {"sandbox", "tests", "bin", "pip", "pytest", "moto"}


def test_last_resort_function_imports_no_dependency(package: Path) -> None:
    """The function of last resort imports the standard library only, so that nothing that kills the other kills it."""
    code = (
        "import sys; sys.path.insert(0, '.'); import workmail_resource.last_resort;"
        "print([name for name in ('botocore', 'boto3', 'crhelper', 'aws_lambda_powertools') if name in sys.modules])"
    )
    folder = package / "LastResortFunction"
    result = subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
