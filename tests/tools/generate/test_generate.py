"""What follows from the code and its tests is written, and whoever forgets it is told."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from generate.__main__ import REFERENCE, ROOT, SCHEMA, outdated
from generate.contracts import MISSING, Found, rows
from generate.reference import between
from generate.schema import up_to

COPIED = ("function", "tools", "docs", "tests", "template.yaml")


def test_what_is_generated_is_current() -> None:
    """The schema, the reference and the page of contracts are as make generate writes them."""
    assert outdated(ROOT) == [], "run make generate"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the project in which a Name may have 12 characters, and nothing else has changed."""
    for name in COPIED:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, tmp_path)
        else:
            shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    table = tmp_path / "function/workmail_resource/workmail/table.py"
    changed, count = re.subn(r"(NAME: Final = Form\(.*?)\b20,\n", r"\g<1>12,\n", table.read_text(), flags=re.DOTALL)
    assert count == 1
    table.write_text(changed)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python in *folder*, which has its own modules and ours not."""
    places = os.pathsep.join(str(folder / name) for name in (".", "function", "tools"))
    environment = {**os.environ, "PYTHONPATH": places}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.long
def test_one_changed_limit_reaches_everything(copy: Path) -> None:
    """A limit changed in the table is told as forgotten; generated, it is in schema, reference, lint and validation."""
    template = {
        "Resources": {
            "Room": {
                "Type": "Custom::WorkMailResource",
                "Properties": {
                    "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:provider",
                    "ServiceTimeout": 600,
                    "OrganizationId": "m-d281d0a2fd824be5b6cd3d3ce909fd27",
                    "Name": "thirteenchars",
                    "Type": "ROOM",
                },
            }
        }
    }
    (copy / "template.json").write_text(json.dumps(template))
    cfn_lint = str(Path(sys.executable).with_name("cfn-lint"))
    lint = (cfn_lint, "template.json", "--append-rules", "tools/workmail_rooms/lint", "--format", "parseable")
    # GIVEN a table whose change nobody has followed up, so that the rules do not know of it
    forgotten = run(copy, "-m", "generate", "--check")
    assert forgotten.returncode == 1
    assert forgotten.stdout.splitlines() == [
        f"{path} is not current: run make generate" for path in (SCHEMA, REFERENCE)
    ]
    assert run(copy, *lint).returncode == 0
    # WHEN it is generated
    made = run(copy, "-c", "from generate.__main__ import ROOT, outdated, write; write(); print(outdated(ROOT))")
    # THEN nothing is forgotten any more, and everybody knows the limit
    assert made.stdout == "[]\n", made.stderr
    assert json.loads((copy / SCHEMA).read_text())["definitions"]["Name"]["maxLength"] == 12
    _, _, section = (copy / REFERENCE).read_text().partition("#### `Name`\n")
    assert section.index("- *Maximum*: `12`") < section.index("####")
    assert "E9505:Name has 13 characters; at most 12 are allowed" in run(copy, *lint).stdout
    program = "import json, workmail_resource.workmail.properties as p; p.parse({'Name': 'thirteenchars'})"
    assert "Name has 13 characters; at most 12 are allowed" in run(copy, "-c", program).stderr


def test_a_contract_without_a_test_is_shown_as_missing() -> None:
    """Each contract has its row: with the tests named after it, else those that mention it, else as missing."""
    tests = [
        Found("tests/a/test_x.py", "test_contract_01_03_both", "It holds."),
        Found("tests/a/test_y.py", "test_a_story", "It holds (contracts 1 and 2)."),
    ]
    promises = {1: "One", 2: "Two", 3: "Three", 4: "Four"}
    assert list(rows(promises, tests)) == [
        "| 1 | One | [a/test_x.py](../tests/a/test_x.py): `test_contract_01_03_both` |",
        "| 2 | Two | [a/test_y.py](../tests/a/test_y.py): `test_a_story` |",
        "| 3 | Three | [a/test_x.py](../tests/a/test_x.py): `test_contract_01_03_both` |",
        f"| 4 | Four | {MISSING} |",
    ]


def test_a_test_of_no_contract_is_refused() -> None:
    """A number that promises nothing is a mistake in the test's name, or a promise not written down."""
    with pytest.raises(ValueError, match="has no contract 99"):
        list(rows({1: "One"}, [Found("tests/test_x.py", "test_contract_99_nothing", "")]))


@pytest.mark.parametrize("page", ["no marks", "<!-- Written by make generate: x -->\n<!-- End of x -->\n" * 2])
def test_a_page_needs_its_marks_once(page: str) -> None:
    """Where a page has lost its marks, or has them twice, nothing is written in a wrong place."""
    with pytest.raises(ValueError, match="places for x; it needs one"):
        between(page, "x", "new")


@pytest.mark.parametrize("most", [1, 5, 9, 10, 19, 100, 300, 3600, 3999])
def test_the_pattern_of_numbers(most: int) -> None:
    """The pattern of a number written as a text matches the numbers from 1 to the limit, and no others."""
    pattern = re.compile("|".join(up_to(most)))
    assert [number for number in range(most * 11) if pattern.fullmatch(str(number))] == list(range(1, most + 1))
    assert not any(pattern.fullmatch(text) for text in ("", "01", "-1", f"{most} "))
