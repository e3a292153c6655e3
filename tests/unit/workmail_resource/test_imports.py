"""What the function imports is budgeted, since each cold start pays for it."""

import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FUNCTION = HERE.parents[2] / "function"

BUDGET = {
    line
    for line in (HERE / "imports.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
}

#: Prints what a fresh interpreter has imported: of Python's own the packages, of the dependencies each module.
PROGRAM = """
import sys
before = set(sys.modules)
import workmail_resource.app
for name in set(sys.modules) - before:
    package = name.partition(".")[0]
    if package in sys.stdlib_module_names:
        if not package.startswith("_"):
            print(package)
    elif package != "workmail_resource":
        print(name)
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return what the handler's module brings with it where nothing but its locked dependencies is installed."""
    folder = tmp_path_factory.mktemp("dependencies")
    locked = re.findall(r"^([a-z0-9-]+)==", (FUNCTION / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE)
    for name in locked:
        found = distribution(name)
        for place in {file.parts[0] for file in found.files or () if file.suffix == ".py"} - {".."}:
            (folder / place).symlink_to(Path(str(found.locate_file(place))))
    code = f"import sys; sys.path[:0] = {[str(FUNCTION), str(folder)]!r}\n{PROGRAM}"
    result = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="what Python's own packages import was listed up to 3.13")
def test_nothing_is_imported_that_the_budget_does_not_list(imported: set[str]) -> None:
    """The function imports before its first event what the budget lists, and nothing else."""
    assert imported - BUDGET == set()


def test_the_budget_lists_no_dependency_that_is_not_imported(imported: set[str]) -> None:
    """What the function does not import any more leaves the budget."""
    assert {name for name in BUDGET if name.partition(".")[0] not in sys.stdlib_module_names} - imported == set()
