"""Packs the function for Lambda: what it can reach by its imports, the service data it reads, and bytecode.

``python package.py ARTIFACTS_DIR``, run by the Makefile beside it for ``sam build``. It needs nothing but Python and
pip; two runs make byte-identical folders.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from modulefinder import ModuleFinder
from pathlib import Path
from typing import Any, Final

SOURCE: Final = Path(__file__).resolve().parent
PACKAGE: Final = "workmail_resource"
ENTRY_POINTS: Final = (f"{PACKAGE}.app", f"{PACKAGE}.last_resort")

#: Lambda's Python. Only the same one can make bytecode for it.
RUNTIME: Final = "3.13"
#: Where Lambda puts the package.
TASK_ROOT: Final = "/var/task"

#: Imported for type checkers only, or for what is not used.
NEVER_IMPORTED: Final = (
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.data_classes",
)

#: The services that are called: the version of each API, and the operations, which a test compares with the code.
SERVICES: Final = {
    "cloudformation": ("2010-05-15", ["DescribeStackResource", "DescribeStacks"]),
    "dynamodb": ("2012-08-10", ["GetItem", "PutItem", "Query", "TransactWriteItems"]),
    "workmail": (
        "2017-10-01",
        [
            "AssociateDelegateToResource",
            "CreateAlias",
            "CreateResource",
            "DeleteAlias",
            "DeleteResource",
            "DeregisterFromWorkMail",
            "DescribeEntity",
            "DescribeGroup",
            "DescribeOrganization",
            "DescribeResource",
            "DescribeUser",
            "DisassociateDelegateFromResource",
            "ListAliases",
            "ListResourceDelegates",
            "ListResources",
            "RegisterToWorkMail",
            "UpdatePrimaryEmailAddress",
            "UpdateResource",
        ],
    ),
}
#: What botocore reads to make a client.
SERVICE_FILES: Final = ("service-2", "endpoint-rule-set-1")
COMMON_FILES: Final = ("_retry", "endpoints", "partitions", "sdk-default-configuration")

#: The date of every file, so that the zip of two builds is the same. A zip knows none before 1980.
MODIFIED_AT: Final = 315_619_200


def install(folder: Path) -> None:
    """Install the locked dependencies of Lambda's Python, whatever Python runs this; wheels of pure Python only.

    So the package suits x86_64 and arm64, and pip need not compare each wheel with all that this machine could run.

    Raises
    ------
    subprocess.CalledProcessError
        pip has said why.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--requirement", str(SOURCE / "requirements.txt")]
    command += ["--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none"]
    command += ["--python-version", RUNTIME]
    subprocess.run([*command, "--target", str(folder)], check=True)  # noqa: S603 - pip, with our own arguments


def reachable(folder: Path) -> set[Path]:
    """Return the modules in *folder* that any import statement leads to, those inside functions included."""
    finder = ModuleFinder(path=[str(folder)], excludes=list(NEVER_IMPORTED))
    for name in ENTRY_POINTS:
        finder.import_hook(name)
    files = (getattr(module, "__file__", None) for module in finder.modules.values())
    return {Path(file) for file in files if file}


def prune(folder: Path) -> None:
    """Remove what is never imported or read.

    What pip knows of each distribution stays, for its licence and for scanners that look for versions with known
    vulnerabilities; https://docs.aws.amazon.com/inspector/latest/user/scanning-lambda.html
    """
    kept = reachable(folder) | {folder / "botocore" / "cacert.pem"}
    for file in [path for path in folder.rglob("*") if path.is_file()]:
        place = file.relative_to(folder).parts
        if place[0].endswith(".dist-info"):
            # RECORD lists every file that was installed.
            keep = file.name == "METADATA" or "licen" in str(file).lower() or "notice" in file.name.lower()
        else:
            keep = place[:2] == ("botocore", "data") or file in kept
        if not keep:
            file.unlink()


def reduce_data(data: Path) -> None:
    """Leave of botocore's data what is needed for the calls that are made.

    botocore lists the folder of every service for each client that it makes, parses the endpoints of all of them, and
    makes a method for every operation of the model. (boto3's own data is for its resources, which are not used.)
    """
    wanted = {data / f"{name}.json": _read(data / f"{name}.json") for name in COMMON_FILES}
    for service, (version, operations) in SERVICES.items():
        for name in SERVICE_FILES:
            place = data / service / version / f"{name}.json"
            wanted[place] = without_documentation(_read(place))
        reduce_model(wanted[data / service / version / "service-2.json"], operations)
    for partition in wanted[data / "endpoints.json"]["partitions"]:
        partition["services"] = {name: body for name, body in partition["services"].items() if name in SERVICES}
    shutil.rmtree(data)
    for place, document in wanted.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(document, separators=(",", ":")), encoding="utf-8")


def reduce_model(model: dict[str, Any], operations: Iterable[str]) -> None:
    """Leave of a service's model these operations, and the shapes that they use.

    Raises
    ------
    KeyError
        The service has no such operation.
    """
    model["operations"] = {name: model["operations"][name] for name in operations}
    shapes, used = model["shapes"], set[str]()
    found = set(_shapes_in(model["operations"]))
    while found:
        used |= found
        found = {name for shape in found for name in _shapes_in(shapes[shape])} - used
    model["shapes"] = {name: shape for name, shape in shapes.items() if name in used}


def _shapes_in(document: Any) -> Iterator[str]:
    """Yield the name of every shape that *document* refers to."""
    match document:
        case {"shape": str(name)}:
            yield name
        case dict():
            for value in document.values():
                yield from _shapes_in(value)
        case list():
            for value in document:
                yield from _shapes_in(value)


def _read(place: Path) -> Any:
    packed = place.with_name(f"{place.name}.gz")
    if not packed.exists():
        return json.loads(place.read_bytes())
    import gzip  # noqa: PLC0415 - not every Python is built with it

    return json.loads(gzip.decompress(packed.read_bytes()))


def without_documentation(document: Any) -> Any:
    """Return a copy of *document* without its texts for people."""
    match document:
        case dict():
            # A member of that name is an object.
            return {
                key: without_documentation(value)
                for key, value in document.items()
                if key != "documentation" or not isinstance(value, str)
            }
        case list():
            return [without_documentation(value) for value in document]
        case _:
            return document


def add_bytecode(folder: Path) -> bool:
    """Compile every module for Lambda; tell whether the Python for that is here.

    Lambda's task folder is read-only: bytecode that is not in the package is made anew at every cold start. A date
    would not survive the way there, so the bytecode is never compared with its source (PEP 552).

    Raises
    ------
    subprocess.CalledProcessError
        A module is not valid for Lambda's Python.
    """
    python = runtime()
    if python is None:
        return False
    command = [python, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash"]
    # The seed of hashes decides on the order of sets in bytecode.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    subprocess.run([*command, "-s", str(folder), "-p", TASK_ROOT, str(folder)], check=True, env=environment)  # noqa: S603 - ours
    return True


def runtime() -> str | None:
    """Return Lambda's Python, if it is on this machine."""
    if f"{sys.version_info[0]}.{sys.version_info[1]}" == RUNTIME:
        return sys.executable
    python = shutil.which(f"python{RUNTIME}")
    # A version manager may have put a file of this name in the path although there is no such Python.
    found = python and not subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode  # noqa: S603 - see above
    return python if found else None


def settle(folder: Path) -> None:
    """Remove empty folders, and give every file the same date and permissions."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
            continue
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (MODIFIED_AT, MODIFIED_AT))


def pack(folder: Path) -> bool:
    """Fill *folder* with the package; tell whether it has bytecode."""
    install(folder)
    shutil.copytree(SOURCE / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    prune(folder)
    reduce_data(folder / "botocore" / "data")
    has_bytecode = add_bytecode(folder)
    settle(folder)
    return has_bytecode


def main() -> None:
    """Read the command line and pack."""
    parser = argparse.ArgumentParser(description="Pack the function for Lambda.")
    parser.add_argument("folder", type=Path, metavar="ARTIFACTS_DIR", help="an empty folder")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not pack(folder):
        sys.stderr.write(
            f"There is no python{RUNTIME} here, so the package has no bytecode, and its cold start takes longer.\n"
        )


if __name__ == "__main__":
    main()
