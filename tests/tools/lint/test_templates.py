"""Whole templates: what is wrong is found where it stands, and what is right is left alone."""

import json
import re
from pathlib import Path

import pytest

from tests.tools.lint.linting import ROOT, lint_file, lint_text, own_rules

TEMPLATES = Path(__file__).parent / "templates"
WRONG = sorted(TEMPLATES.glob("wrong/*.yaml"))
# `make check` lints all examples; the 400 rooms of this one take long.
RIGHT = sorted([*TEMPLATES.glob("right/*"), *set(ROOT.glob("examples/*.yaml")) - {ROOT / "examples/many-rooms.yaml"}])
# JSON has no comments.
WRONG_JSON = {
    "value.json": [("E9504", 8, 9)],
    "unknown-and-missing.json": [("E9501", 8, 9), ("E9502", 4, 7)],
    "needs-email.json": [("E9507", 10, 9)],
    "alias-twice.json": [("E9506", 11, 44)],
    "attribute.json": [("E9512", 15, 17)],
}


def expected(path: Path) -> list[tuple[str, int]]:
    """Return the rules that the comments of a template name, with the lines they stand on."""
    lines = enumerate(path.read_text().splitlines(), start=1)
    comments = ((number, re.search(r"  #((?: [EW]\d{4})+)$", line)) for number, line in lines)
    return sorted((rule, number) for number, comment in comments if comment for rule in comment[1].split())


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_what_is_wrong_is_found_on_its_line(path: Path) -> None:
    """Each wrong template has the findings that its comments name, on these lines, and no other."""
    findings = lint_file(path)
    assert [(finding.rule, finding.line) for finding in findings] == expected(path), findings
    assert findings


@pytest.mark.parametrize("name", WRONG_JSON)
def test_what_is_wrong_in_json_is_found_where_it_stands(name: str) -> None:
    """In JSON, too, each finding has the line and the column of what is wrong."""
    found = [finding[:3] for finding in lint_file(TEMPLATES / "wrong" / name)]
    assert found == WRONG_JSON[name]


@pytest.mark.parametrize("sections", ["Conditions:\nParameters:\nRules:", "Parameters: {X: 3}\nRules: {R: 3}"])
def test_no_rule_fails_over_a_template_that_is_none(sections: str) -> None:
    """In a template whose sections are none, which cfn-lint's own rules find, none of these ends with an exception."""
    resource = (TEMPLATES / "wrong/missing-in-one-case.yaml").read_text().partition("Resources:")[2]
    findings = lint_text(f"{sections}\nResources:{resource}      Email: !Ref X\n")
    assert findings
    assert not [
        finding.message for finding in findings if "rule E95" in finding.message or "rule W95" in finding.message
    ]


def test_each_rule_has_its_wrong_template() -> None:
    """There are at least 40 wrong templates, and one at least for each rule."""
    assert len(WRONG) + len(WRONG_JSON) >= 40
    assert {path.name for path in TEMPLATES.glob("wrong/*.json")} == set(WRONG_JSON)
    assert set(own_rules()) <= {rule for path in WRONG for rule, _ in expected(path)}


@pytest.mark.parametrize("path", RIGHT, ids=lambda path: path.stem)
def test_what_is_right_is_left_alone(path: Path) -> None:
    """Nothing is found in the examples, nor in templates that use functions, conditions and loops as they should be."""
    assert lint_file(path) == []


@pytest.mark.parametrize(
    ("template", "earlier"),
    [
        ("same-name", ["as of Room;"]),
        ("same-name-in-a-loop", ["as of Room1 (Room${Number} in Fn::ForEach::Rooms);"]),
        (
            "same-in-loops-nobody-knows",
            [
                "as of Screen${Room} in Fn::ForEach::Screens;",
                "Email has ${Room}@example.com, as Room${Room} in Fn::ForEach::Rooms has;",
            ],
        ),
    ],
)
def test_the_earlier_resource_can_be_found(template: str, earlier: list[str]) -> None:
    """A loop's resource is named as it is written, and never by what cfn-lint has made up for an unknown value."""
    messages = [finding.message for finding in lint_file(TEMPLATES / "wrong" / f"{template}.yaml")]
    assert len(messages) == len(earlier)
    for message, words in zip(messages, earlier, strict=True):
        assert words in message


@pytest.mark.parametrize("path", WRONG, ids=lambda path: path.stem)
def test_each_message_names_the_property_and_what_to_do(path: Path) -> None:
    """A message begins with the property, or the resource whose attribute does not exist, and says more than that."""
    resources = re.findall(r"^  (\w+):$", path.read_text(), re.MULTILINE)
    names = json.loads((ROOT / "tools/workmail_rooms/schema/custom-workmailresource.json").read_text())["properties"]
    for finding in lint_file(path):
        if finding.rule in own_rules():
            first = finding.message.partition(" ")[0].partition(".")[0]
            assert first in names or first in resources or finding.rule == "E9501"
            assert len(finding.message.split()) > 2
