"""The rooms of the function, as pyproject.toml orders them."""

import os
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "function" / "workmail_resource"


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """Let import-linter read the package in *folder*, with the project's contracts."""
    command = [f"{sysconfig.get_path('scripts')}/lint-imports", "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Copy the package, and return it."""
    copy = tmp_path / "workmail_resource"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def test_imports_run_downwards_only() -> None:
    """No module imports from a room above its own, and none imports itself by a detour."""
    result = linted(ROOT / "function")
    assert result.returncode == 0, result.stdout


def test_every_room_has_its_place() -> None:
    """The order in pyproject.toml has each room and each module beside the rooms, once."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    rooms = {path.stem for path in PACKAGE.iterdir() if path.is_dir() or path.suffix == ".py"}
    assert sorted(name for line in layers for name in line.split(" | ")) == sorted(rooms - {"__init__", "__pycache__"})


#: What is added to a module, and what the check has to say of it.
WRONG = {
    "protocol/clock.py": ("from workmail_resource.aws import calls", "protocol is not allowed to import"),
    "aws/retries.py": ("def late():\n    import workmail_resource.ownership.rules", "aws is not allowed to import"),
    "lifecycle/steps.py": ("from workmail_resource import telemetry", "lifecycle is not allowed to import"),
    "last_resort.py": ("from . import app", "last_resort is not allowed to import workmail_resource.app"),
    "aws/advice.py": ("from . import calls", ".advice -> .calls"),
    "protocol/event.py": ("import botocore.session", "workmail_resource.protocol.event -> botocore"),
    "another.py": ("", "another"),
}


def test_a_wrong_import_is_found(copied: Path) -> None:
    """An import upwards, sideways, of itself by a detour, or of an SDK in the protocol fails the check."""
    for module, (line, _) in WRONG.items():
        with (copied / module).open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    result = linted(copied.parent)
    assert result.returncode == 1
    assert "0 kept, 3 broken" in result.stdout
    said = " ".join(result.stdout.split())
    assert [module for module, (_, message) in WRONG.items() if message not in said] == [], result.stdout
