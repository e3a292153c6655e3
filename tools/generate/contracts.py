"""The page of the contracts of a custom resource, with the tests that show that each is kept."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

PROMISES: Final = "tests/contracts/promises.toml"
#: What stands in the place of the tests of a contract that has none.
MISSING: Final = "**missing**"

_HEAD = """<!-- Written by make generate, from tests/contracts/promises.toml and the tests. -->

# Contracts and their tests

What a custom resource has to keep, by number, and the tests that show it. For whoever changes the function. A test of contract 7 is named `test_contract_07_...`; where none is, those are listed whose docstring says *contract 7*.

| Contract | Promise | Tests |
|---|---|---|
"""  # noqa: E501 # a paragraph of Markdown is one line

_IN_NAME = re.compile(r"test_contracts?((?:_\d+)+)")
_IN_DOCSTRING = re.compile(r"\bcontracts? (\d+(?:(?:,| and|, and) \d+)*)", re.IGNORECASE)


class Found(NamedTuple):
    """A test; *path* is its file's, from the project's folder."""

    path: str
    name: str
    docstring: str


def render(root: Path) -> str:
    """Return the page.

    Raises
    ------
    ValueError
        A test carries the number of a contract that promises nothing.
    """
    promises = {int(number): text for number, text in tomllib.loads((root / PROMISES).read_text("utf-8")).items()}
    return _HEAD + "".join(f"{row}\n" for row in rows(promises, list(tests_in(root / "tests", root))))


def rows(promises: Mapping[int, str], tests: list[Found]) -> Iterator[str]:
    """Yield the row of each contract; one without a test is missing.

    Raises
    ------
    ValueError
        A test carries the number of a contract that promises nothing.
    """
    named, mentioned = defaultdict(list), defaultdict(list)
    for test in tests:
        for number in contracts_of(test.name, ""):
            named[number].append(test)
        for number in contracts_of("", test.docstring):
            mentioned[number].append(test)
    if unknown := sorted((named.keys() | mentioned.keys()) - promises.keys()):
        raise ValueError(f"{PROMISES} has no contract {', '.join(map(str, unknown))}, and a test has this number")
    for number, promise in sorted(promises.items()):
        found = named[number] or mentioned[number]
        yield f"| {number} | {promise} | {'; '.join(_by_file(found)) or MISSING} |"


def _by_file(tests: list[Found]) -> Iterator[str]:
    files = defaultdict(list)
    for test in tests:
        files[test.path].append(f"`{test.name}`")
    for path, names in sorted(files.items()):
        yield f"[{path.removeprefix('tests/')}](../{path}): {', '.join(names)}"


def tests_in(folder: Path, root: Path) -> Iterator[Found]:
    """Yield the test functions of a folder, in the order in which they stand in its files."""
    for path in sorted(folder.rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                yield Found(path.relative_to(root).as_posix(), node.name, ast.get_docstring(node) or "")


def contracts_of(name: str, docstring: str) -> set[int]:
    """Return the numbers of the contracts that a test's name or docstring carries."""
    texts = [match.group(1) for match in _IN_NAME.finditer(name)]
    texts += [match.group(1) for match in _IN_DOCSTRING.finditer(docstring)]
    return {int(number) for text in texts for number in re.findall(r"\d+", text)}
