"""The schema, the rules and the function say the same of any properties."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # jsonschema ships no types

from tests.tools.lint.linting import ROOT, lint_properties
from tests.tools.lint.property_sets import ORGANIZATION, RIGHT, mixed, right
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.properties import parse
from workmail_rooms.sandbox.cloudformation.scalars import stringify

SCHEMA = json.loads((ROOT / "tools/workmail_rooms/schema/custom-workmailresource.json").read_text())
VALIDATOR = Draft7Validator(SCHEMA)
READ_ONLY = {pointer.rpartition("/")[2] for pointer in SCHEMA["readOnlyProperties"]}
CLOUDFORMATION = {"ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:provider", "ServiceTimeout": 600}
MINIMAL = {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM"}


def function_problems(properties: Mapping[str, Any]) -> list[str]:
    """Return what the function answers when CloudFormation sends *properties*."""
    try:
        parse(stringify({**CLOUDFORMATION, **properties}))
    except InvalidPropertiesError as error:
        return list(error.problems)
    return []


def schema_problems(properties: Mapping[str, Any]) -> list[str]:
    """Return what the schema says of *properties*, in which no read-only property may be, as they are sent."""
    sent = stringify({**CLOUDFORMATION, **properties})
    return [error.message for error in VALIDATOR.iter_errors(sent)] + sorted(READ_ONLY & sent.keys())


def lint_problems(properties: Mapping[str, Any]) -> list[str]:
    """Return what the rules find in a template with *properties*."""
    return [finding.message for finding in lint_properties({**CLOUDFORMATION, **properties})]


def at(problems: list[str]) -> Iterator[str]:
    """Yield the property that each problem is of."""
    for problem in problems:
        yield problem.partition(" ")[0].partition("[")[0].partition(".")[0]


def beyond_json_schema(problem: str) -> bool:
    """Tell whether JSON Schema has no words for a problem: it cannot compare without case, nor two properties."""
    return problem.startswith(("Aliases ", "Delegates ")) and problem.endswith(
        (" twice", ", which is the Email itself; leave it out of Aliases")
    )


@pytest.mark.long
def test_schema_function_and_rules_agree() -> None:
    """What the function refuses, the rules find at the same property, and the schema refuses if it has words for it."""
    found: Counter[str] = Counter()

    @settings(max_examples=450, deadline=None, derandomize=True, database=None)
    @given(properties=mixed())
    # What is drawn too rarely to be relied on.
    @example(properties={**MINIMAL, "Name": "board room"})
    @example(properties={**MINIMAL, "Email": "a@example.com", "BookingOptions": {"AutoAcceptRequests": False}})
    def check(properties: dict[str, Any]) -> None:
        function, schema = function_problems(properties), schema_problems(properties)
        findings = lint_properties({**CLOUDFORMATION, **properties})
        found.update({finding.rule for finding in findings} or {"none"})
        assert set(at([finding.message for finding in findings])) == set(at(function))
        if not function:
            assert schema == []
        elif not all(map(beyond_json_schema, function)):
            assert schema != []

    check()
    # Otherwise what was generated tells little.
    assert set(found) == {"none", *(f"E950{number}" for number in range(1, 9))}
    assert found["none"] > 60
    assert found.total() - found["none"] > 60


@pytest.mark.parametrize("name", RIGHT)
def test_null_is_refused_everywhere(name: str) -> None:
    """A property without a value is refused by the schema, the function and the rules."""
    properties = {**CLOUDFORMATION, **MINIMAL, name: None}
    assert not VALIDATOR.is_valid(properties)
    with pytest.raises(InvalidPropertiesError, match=name):
        parse(properties)
    assert lint_problems(properties) != []


@pytest.mark.parametrize(
    ("properties", "problem"),
    [
        ({"Email": "a@example.com", "Aliases": ["A@example.com"]}, "is the Email itself"),
        ({"Email": "a@example.com", "Aliases": ["b@example.com", "B@example.com"]}, "lists B@example.com twice"),
        ({"Email": "a@example.com", "Delegates": ["alice", "Alice"]}, "lists Alice twice"),
    ],
)
def test_only_what_differs_in_case_is_beyond_the_schema(properties: dict[str, Any], problem: str) -> None:
    """What JSON Schema has no words for, the function and the rules find in the same words."""
    whole = {**MINIMAL, **properties}
    assert schema_problems(whole) == []
    (function,), (rules,) = function_problems(whole), lint_problems(whole)
    assert problem in function
    assert problem in rules


@settings(max_examples=100, deadline=None, derandomize=True)
@given(properties=right)
def test_right_properties_are_never_flagged(properties: dict[str, Any]) -> None:
    """Nothing is found in properties that the function takes."""
    assert function_problems(properties) == []
    assert schema_problems(properties) == []
    assert lint_problems(properties) == []
