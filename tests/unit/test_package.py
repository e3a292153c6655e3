"""The recipe of the package, on small folders."""

import ast
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest

import package

ROOT = Path(__file__).resolve().parents[2]

#: Every operation of the services that are called.
KNOWN = {
    operation
    for service in package.SERVICES
    for operation in botocore.session.get_session().get_service_model(service).operation_names
}


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
            "library/lazy.py": "import aws_lambda_powertools.event_handler\n",
            "library/unused.py": "",
            "library/data.txt": "",
            "aws_lambda_powertools/__init__.py": "",
            "aws_lambda_powertools/event_handler/__init__.py": "import pydantic\n",
            "pydantic/__init__.py": "",
            "boto3/data/ec2/resources-1.json": "{}",
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
        "aws_lambda_powertools/__init__.py",
        "botocore/cacert.pem",
        "botocore/data/endpoints.json",
        "library-1.0.dist-info/METADATA",
        "library-1.0.dist-info/licenses/LICENSE",
        "library-1.0.dist-info/NOTICE",
    }


def test_botocore_keeps_the_data_of_the_services_that_are_called(tmp_path: Path) -> None:
    """The called services' models and endpoints stay, without their documentation, and nothing of the others."""
    data = tmp_path / "data"
    endpoints = {"partitions": [{"partition": "aws", "services": {"workmail": {"a": 1}, "ec2": {"b": 2}}}]}
    write(data, {f"{name}.json": "{}" for name in ("_retry", "partitions", "sdk-default-configuration")})
    write(data, {"endpoints.json": json.dumps(endpoints), "ec2/2016-11-15/service-2.json": "{}"})
    for service, (version, operations) in package.SERVICES.items():
        model: dict[str, Any] = {
            "documentation": "<p>long</p>",
            "operations": {name: {"name": name, "documentation": "longer"} for name in [*operations, "Other"]},
            "shapes": {},
        }
        for name in (*package.SERVICE_FILES, "paginators-1"):
            place = data / service / version / f"{name}.json.gz"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(gzip.compress(json.dumps(model).encode()))

    package.reduce_data(data)

    assert names(data) == {
        *(f"{name}.json" for name in package.COMMON_FILES),
        *(
            f"{key}/{version}/{name}.json"
            for key, (version, _) in package.SERVICES.items()
            for name in package.SERVICE_FILES
        ),
    }
    assert json.loads((data / "endpoints.json").read_text()) == {
        "partitions": [{"partition": "aws", "services": {"workmail": {"a": 1}}}]
    }
    version, operations = package.SERVICES["cloudformation"]
    assert json.loads((data / "cloudformation" / version / "service-2.json").read_text()) == {
        "operations": {name: {"name": name} for name in operations},
        "shapes": {},
    }


def test_a_member_called_documentation_stays(tmp_path: Path) -> None:
    """What is called documentation and is no text is part of the model."""
    shapes = {"Page": {"members": {"documentation": {"shape": "Text", "documentation": "a member"}}}}
    place = write(tmp_path, {"service-2.json": json.dumps({"shapes": shapes})}) / "service-2.json"
    assert package.without_documentation(json.loads(place.read_text())) == {
        "shapes": {"Page": {"members": {"documentation": {"shape": "Text"}}}}
    }


def test_a_model_keeps_what_its_operations_use() -> None:
    """Of a model the operations named stay, and every shape that they lead to; an unknown operation is an error."""
    model: dict[str, Any] = {
        "metadata": {"apiVersion": "1"},
        "operations": {
            "Get": {"input": {"shape": "GetInput"}, "errors": [{"shape": "Refused"}]},
            "Put": {"input": {"shape": "PutInput"}},
        },
        "shapes": {
            "GetInput": {"type": "structure", "members": {"Tree": {"shape": "Tree"}, "shape": {"shape": "Text"}}},
            "Tree": {"type": "list", "member": {"shape": "Tree"}},
            "Text": {"type": "string"},
            "Refused": {"type": "structure", "members": {}},
            "PutInput": {"type": "structure", "members": {"Number": {"shape": "Number"}}},
            "Number": {"type": "integer"},
        },
    }
    with pytest.raises(KeyError, match="Post"):
        package.reduce_model({**model}, ["Post"])
    package.reduce_model(model, ["Get"])
    assert set(model["operations"]) == {"Get"}
    assert set(model["shapes"]) == {"GetInput", "Tree", "Text", "Refused"}
    assert model["metadata"] == {"apiVersion": "1"}


def test_the_package_has_the_operations_that_the_code_calls() -> None:
    """Every operation that the function's code names is in the package, and no other, but for what is to come."""
    called = {
        node.value
        for path in (ROOT / "function" / "workmail_resource").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in KNOWN
    }
    listed = {name for _, operations in package.SERVICES.values() for name in operations}
    assert called | {"DescribeStackResource"} == listed


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
