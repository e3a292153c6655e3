"""The recipe of the package, on small folders."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import package

ROOT = Path(__file__).resolve().parents[2]


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write *files* into *folder*."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def names(folder: Path) -> set[str]:
    """Return every file in *folder*."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Make a folder as pip leaves it."""
    return write(
        tmp_path / "installed",
        {
            "workmail_resource/__init__.py": "",
            "workmail_resource/app.py": "import library\nfrom library.used import thing\n",
            "workmail_resource/last_resort.py": "import json\n",
            "library/__init__.py": "def rarely():\n    from . import lazy\n",
            "library/used.py": "thing = 1\n",
            "library/lazy.py": "import boto3\n",
            "library/unused.py": "",
            "library/data.txt": "",
            "boto3/__init__.py": "import s3transfer\n",
            "s3transfer/__init__.py": "",
            "bin/tool": "",
            "botocore/cacert.pem": "",
            "botocore/data/endpoints.json": "{}",
            "library-1.0.dist-info/METADATA": "",
            "library-1.0.dist-info/RECORD": "",
            "library-1.0.dist-info/licenses/LICENSE": "",
            "library-1.0.dist-info/NOTICE": "",
        },
    )


def test_what_no_import_leads_to_is_removed(installed: Path) -> None:
    """Modules that any import statement leads to stay, lazy ones too; nothing else does, but licences and data."""
    package.prune(installed)
    assert names(installed) == {
        "workmail_resource/__init__.py",
        "workmail_resource/app.py",
        "workmail_resource/last_resort.py",
        "library/__init__.py",
        "library/used.py",
        "library/lazy.py",
        "botocore/cacert.pem",
        "botocore/data/endpoints.json",
        "library-1.0.dist-info/METADATA",
        "library-1.0.dist-info/licenses/LICENSE",
        "library-1.0.dist-info/NOTICE",
    }


def test_botocore_keeps_the_data_of_the_services_that_are_called(tmp_path: Path) -> None:
    """Two services' models and endpoints stay, without their documentation; whatever is called documentation stays."""
    data = tmp_path / "data"
    model: dict[str, Any] = {
        "documentation": "<p>long</p>",
        "operations": {"CreateResource": {"name": "CreateResource", "documentation": "longer"}},
        "shapes": {"Page": {"members": {"documentation": {"shape": "Text", "documentation": "a member"}}}},
    }
    endpoints = {"partitions": [{"partition": "aws", "services": {"workmail": {"a": 1}, "ec2": {"b": 2}}}]}
    write(data, {f"{name}.json": "{}" for name in ("_retry", "partitions", "sdk-default-configuration")})
    write(data, {"endpoints.json": json.dumps(endpoints), "ec2/2016-11-15/service-2.json": "{}"})
    for service, version in package.SERVICES.items():
        for name in (*package.SERVICE_FILES, "paginators-1"):
            place = data / service / version / f"{name}.json.gz"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(gzip.compress(json.dumps(model).encode()))

    package.reduce_data(data)

    assert names(data) == {
        *(f"{name}.json" for name in package.COMMON_FILES),
        *(
            f"{key}/{version}/{name}.json"
            for key, version in package.SERVICES.items()
            for name in package.SERVICE_FILES
        ),
    }
    assert json.loads((data / "endpoints.json").read_text()) == {
        "partitions": [{"partition": "aws", "services": {"workmail": {"a": 1}}}]
    }
    assert json.loads((data / "workmail" / package.SERVICES["workmail"] / "service-2.json").read_text()) == {
        "operations": {"CreateResource": {"name": "CreateResource"}},
        "shapes": {"Page": {"members": {"documentation": {"shape": "Text"}}}},
    }


def test_every_file_gets_the_same_date_and_permissions(tmp_path: Path) -> None:
    """A package differs in nothing that depends on when and by whom it was made; empty folders are gone."""
    folder = write(tmp_path / "made", {"a/b.py": "", "c.py": ""})
    (folder / "empty" / "too").mkdir(parents=True)
    (folder / "c.py").chmod(0o600)
    os.utime(folder / "c.py", (1, 1))

    package.settle(folder)

    found = {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*")}
    assert set(found) == {"a", "a/b.py", "c.py"}
    assert {status.st_mtime for status in found.values()} == {package.MODIFIED_AT}
    assert {name: status.st_mode & 0o777 for name, status in found.items()} == {
        "a": 0o755,
        "a/b.py": 0o644,
        "c.py": 0o644,
    }


def test_without_lambdas_python_there_is_no_bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no Python of Lambda's version is found, or only a version manager's empty shell, the caller is told."""
    monkeypatch.setattr(package, "RUNTIME", "3.99")
    folder = write(tmp_path / "made", {"module.py": "x = 1\n"})
    for shim in (None, "#!/bin/sh\nexit 127\n"):
        search = write(tmp_path / "bin", {"python3.99": shim} if shim else {})
        for tool in search.glob("*"):
            tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(search))
        assert not package.add_bytecode(folder)
    assert names(folder) == {"module.py"}


def test_bytecode_is_never_compared_with_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytecode made by the right Python is used whatever has become of its source."""
    monkeypatch.setattr(package, "RUNTIME", f"{sys.version_info[0]}.{sys.version_info[1]}")
    folder = write(tmp_path / "made", {"module.py": "answer = (lambda: 42)\n"})
    assert package.add_bytecode(folder)
    (folder / "module.py").write_text("this is no Python any more")

    code = "import module; print(module.answer())"
    result = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "42"
