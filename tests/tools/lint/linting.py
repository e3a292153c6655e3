"""Runs cfn-lint with the rules of this project, in this process."""

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.decode import decode_str  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.helpers import REGION_PRIMARY  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import Rules  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.runner import (  # type: ignore[import-untyped] # cfn-lint ships no types
    run_template_by_data,
    run_template_by_file_path,
)

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tools" / "workmail_rooms" / "lint"

#: The rules of cfn-lint that lead to ours.
_ENTRANCE = {"E1001", "E1101", "E3001", "E3002"}


class Finding(NamedTuple):
    """One finding, as cfn-lint prints it; line and column count from 1."""

    rule: str
    line: int
    column: int
    message: str


@cache
def own_rules() -> Mapping[str, Any]:
    """Return the rules of this project."""
    return dict(Rules.create_from_directory(str(FOLDER)))


@cache
def all_rules() -> Any:
    """Return the rules of cfn-lint and of this project."""
    config = ConfigMixIn([])
    rules = Rules()
    for path in {*config.append_rules, str(FOLDER)} - {"tools/workmail_rooms/lint"}:
        rules.update(Rules.create_from_directory(path))
    return rules


@cache
def few_rules() -> Any:
    """Return the rules of this project, and of cfn-lint only what leads to them, which is much faster."""
    rules = Rules()
    rules.update({id_: rule for id_, rule in all_rules().items() if id_ in _ENTRANCE | set(own_rules())})
    return rules


@cache
def _config() -> Any:
    return ConfigMixIn([], regions=[REGION_PRIMARY])


@cache
def lint_file(path: Path) -> list[Finding]:
    """Return what cfn-lint finds in a file."""
    return _sorted(run_template_by_file_path(str(path), _config(), all_rules(), ignore_bad_template=False))


def lint_text(text: str) -> list[Finding]:
    """Return what cfn-lint finds in a template."""
    template, problems = decode_str(text)
    return _lint(template, problems, all_rules())


def lint_properties(properties: Mapping[str, Any]) -> list[Finding]:
    """Return what the rules of this project find in one resource."""
    template = {"Resources": {"Room": {"Type": "Custom::WorkMailResource", "Properties": dict(properties)}}}
    return _lint(template, [], few_rules())


def _lint(template: Any, problems: Any, rules: Any) -> list[Finding]:
    return _sorted(problems or run_template_by_data(template, _config(), rules))


def _sorted(matches: Iterable[Any]) -> list[Finding]:
    return sorted(Finding(match.rule.id, match.linenumber, match.columnnumber, match.message) for match in matches)
