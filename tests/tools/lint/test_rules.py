"""The rules are sound, documented, and work for whoever copies them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from cfnlint.rules import Rules  # type: ignore[import-untyped] # cfn-lint ships no types

from tests.e2e.documents import ROOT, code, document
from tests.tools.lint.linting import FOLDER, own_rules
from tests.tools.lint.test_templates import TEMPLATES


def run(*arguments: str, folder: Path, cfn_lint: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run cfn-lint as a command, in *folder*; another version when its folder is given."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if cfn_lint:
        environment["PYTHONPATH"] = str(cfn_lint)
    command = [str(Path(sys.executable).with_name("cfn-lint")), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("rule", own_rules().values(), ids=lambda rule: str(rule.id))
def test_each_rule_says_what_it_is(rule: object) -> None:
    """A rule has an id of the range for users' rules, and everything that cfn-lint lists of it."""
    facts = {name: getattr(rule, name) for name in ("id", "shortdesc", "description", "source_url", "tags")}
    assert re.fullmatch(r"[EW]95\d\d", facts["id"])
    assert all(facts.values())


def test_the_ids_clash_with_no_other() -> None:
    """Each file but the shared one has one rule, and cfn-lint itself has none of their ids."""
    files = [path for path in FOLDER.glob("*.py") if not path.name.startswith("_")]
    assert len(own_rules()) == len(files)
    numbers = [id_[1:] for id_ in own_rules()]
    assert len(set(numbers)) == len(numbers)
    builtin = Rules.create_from_directory(str(Path(sys.modules["cfnlint"].__file__ or "").parent / "rules"))
    assert not set(builtin) & set(own_rules())


def test_the_reference_lists_the_rules() -> None:
    """The reference has each rule with what it finds, and no other."""
    rows = document("docs/custom-workmailresource.md").table("Validation while writing", "Rule").rows
    assert {code(row[0])[0]: row[1] for row in rows} == {id_: rule.shortdesc for id_, rule in own_rules().items()}


def test_the_rules_work_where_they_are_copied_to(tmp_path: Path) -> None:
    """With the two folders alone, away from this project, the command of the reference finds what is wrong."""
    # GIVEN the folders, and a template, of somebody who has cfn-lint and nothing of ours
    for folder in ("lint", "schema"):
        shutil.copytree(FOLDER.parent / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TEMPLATES / "wrong/value.json", tmp_path)
    # WHEN cfn-lint is run
    ran = run("value.json", "--append-rules", "lint", "--format", "parseable", folder=tmp_path)
    # THEN it finds what is wrong
    assert ran.stdout.startswith("value.json:8:9:8:15:E9504:Name is 'board room'; it must be letters"), ran.stderr


def test_the_rules_are_a_module_too() -> None:
    """Where the package is installed, the module's name stands for every rule; the hook below takes it."""
    assert set(Rules.create_from_module("workmail_rooms.lint")) == set(own_rules())


def test_pre_commit_is_offered_the_rules(tmp_path: Path) -> None:
    """The hook's command, run as pre-commit runs it, with the names of files behind it, finds what is wrong."""
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    command, *arguments = shlex.split(hook["entry"])
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]

    assert (command, hook["language"], hook["additional_dependencies"]) == ("cfn-lint", "python", extras["lint"])
    templates = [str(TEMPLATES / name) for name in ("wrong/value.json", "right/loops.yaml")]
    ran = run(*arguments, *templates, folder=tmp_path)
    assert "E9504" in ran.stdout, ran.stderr
    assert "loops.yaml" not in ran.stdout


def install_cfn_lint(version: str, folder: Path) -> Path:
    """Install one version of cfn-lint, over the other dependencies as they are."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    # Without these pip compares each file of each version with all that this machine could run, for half of its time.
    pure = ["--only-binary", ":all:", "--platform", "any", "--implementation", "py", "--abi", "none"]
    subprocess.run([*pip, *pure, "--no-deps", "--target", folder, f"cfn-lint=={version}"], check=True)
    return folder


@pytest.mark.index
def test_the_oldest_cfn_lint_that_is_supported(tmp_path: Path) -> None:
    """The rules find the same with the version from which on they work."""
    (lint,) = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"][
        "lint"
    ]
    oldest = install_cfn_lint(f"{lint.removeprefix('cfn-lint>=')}.0", tmp_path / "oldest")
    wrong = ("value.json", "the-form-of-cloudformation.yaml", "unquoted-texts.yaml", "same-in-loops-nobody-knows.yaml")
    templates = [str(TEMPLATES / "wrong" / name) for name in wrong]
    templates += [str(TEMPLATES / "right" / name) for name in ("loops.yaml", "functions.yaml", "rules.yaml")]
    arguments = (*templates, "--append-rules", "workmail_rooms.lint", "--format", "parseable")

    old, new = run(*arguments, folder=tmp_path, cfn_lint=oldest), run(*arguments, folder=tmp_path)

    assert {"E9504", "E9512", "E9513", "W9516"} <= set(re.findall(r"[EW]95\d\d", old.stdout)), old.stderr
    assert old.stdout == new.stdout


@pytest.mark.index
def test_an_older_cfn_lint_is_told_so(tmp_path: Path) -> None:
    """A version in which the rules cannot work ends with one line that says so, and not with findings."""
    older = install_cfn_lint("1.47.1", tmp_path / "older")

    for rules in ("workmail_rooms.lint", str(FOLDER)):
        ran = run(str(TEMPLATES / "right/loops.yaml"), "--append-rules", rules, folder=tmp_path, cfn_lint=older)

        assert (ran.returncode, ran.stdout) == (1, "")
        assert ran.stderr == (
            "The rules for Custom::WorkMailResource need cfn-lint 1.48 or later, and this is 1.47.1: "
            "pip install --upgrade cfn-lint\n"
        )


def test_this_repository_s_configuration_adds_the_rules() -> None:
    """In this repository cfn-lint, and an editor that runs it, needs no option; and an option on top does no harm."""
    path = str(TEMPLATES / "wrong/value.json")
    alone, both = run(path, folder=ROOT), run(path, "--append-rules", "tools/workmail_rooms/lint", folder=ROOT)
    assert "E9504" in alone.stdout
    assert both.stdout == alone.stdout


def test_the_function_s_timeout_is_the_template_s() -> None:
    """What a ServiceTimeout is compared with is the Timeout of the provider's function."""
    template = (ROOT / "template.yaml").read_text()
    (timeout,) = re.findall(r"^  ProviderFunction:.*?^      Timeout: (\d+)$", template, re.MULTILINE | re.DOTALL)
    source = (FOLDER / "short_service_timeout.py").read_text()
    assert f"FUNCTION_TIMEOUT: Final = {timeout}\n" in source
