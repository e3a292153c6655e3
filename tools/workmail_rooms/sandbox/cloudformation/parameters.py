"""Template parameters: defaults, types and constraints.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workmail_rooms.sandbox.cloudformation.dynamic import stored_parameter
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.scalars import as_text

_STORED = "AWS::SSM::Parameter::Value<"
_TYPES = frozenset({"CommaDelimitedList", "List<Number>", "List<String>", "Number", "String"})
_AWS_TYPE = re.compile(r"(List<)?AWS::[A-Za-z0-9]+::[A-Za-z0-9:]+(<[A-Za-z0-9:<>]+>)?>?")
_KEYS = frozenset(
    {
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    }
)
_WHOLE = re.compile(r"\d+", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)


def resolve_parameters(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], previous: Mapping[str, str]
) -> dict[str, str]:
    """Choose each parameter's value and check it.

    Parameters
    ----------
    declared:
        The template's Parameters section.
    given:
        The values of this deployment.
    previous:
        The values of the stack that is there already. They win over the defaults, as with
        ``aws cloudformation deploy``.

    Raises
    ------
    ValidationError
        A value is missing, unknown or against its constraints.
    """
    for name, declaration in declared.items():
        _check_declaration(name, declaration)
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise ValidationError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    values: dict[str, str] = {}
    missing: list[str] = []
    for name, declaration in declared.items():
        if name in given:
            values[name] = given[name]
        elif name in previous:
            values[name] = previous[name]
        elif "Default" in declaration:
            values[name] = as_text(declaration["Default"])
        else:
            missing.append(name)
    if missing:
        raise ValidationError(f"Parameters: [{', '.join(missing)}] must have values")
    for name, value in values.items():
        _check(name, value, declared[name])
    return values


def typed_values(declared: Mapping[str, Mapping[str, Any]], values: Mapping[str, str]) -> dict[str, str | list[str]]:
    """Give each value the form that Ref returns: a list of strings for list types, else the string."""
    return {name: _items(value) if _is_list(declared[name]) else value for name, value in values.items()}


def fetch_parameters(
    declared: Mapping[str, Mapping[str, Any]], values: Mapping[str, str], store: Mapping[str, str]
) -> dict[str, str]:
    """Replace the name of each stored parameter by its value.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html

    Parameters
    ----------
    store:
        The parameters of Systems Manager.

    Raises
    ------
    ValidationError
        The store has no such parameter.
    """
    stored = {name: value for name, value in values.items() if _kind(declared[name]).startswith(_STORED)}
    found = {name: stored_parameter(store, value) for name, value in stored.items()}
    unknown = [stored[name] for name, value in found.items() if value is None]
    if unknown:
        raise ValidationError(
            f"Unable to fetch parameters [{', '.join(unknown)}] from parameter store for this account."
        )
    return {**values, **{name: value for name, value in found.items() if value is not None}}


def _check_declaration(name: str, declaration: Any) -> None:
    """Check what a template says of a parameter, but for its value."""
    if not isinstance(declaration, dict) or "Type" not in declaration:
        raise ValidationError(
            f"Template format error: [/Parameters/{name}] Every Parameters object must contain a Type member."
        )
    surplus = sorted(str(key) for key in declaration.keys() - _KEYS)
    if surplus:
        raise ValidationError(f"Invalid template parameter property '{surplus[0]}'")
    kind = declaration["Type"]
    if not isinstance(kind, str) or not (kind in _TYPES or _AWS_TYPE.fullmatch(kind)):
        raise ValidationError(f"Template format error: Unrecognized parameter type: {kind}")
    for key in ("MinLength", "MaxLength", "MinValue", "MaxValue"):
        pattern = _NUMBER if key.endswith("Value") else _WHOLE
        if key in declaration and not pattern.fullmatch(as_text(declaration[key])):
            raise ValidationError(
                f"Template format error: {key} of parameter {name} must be a number, not {declaration[key]!r}"
            )
    if not isinstance(declaration.get("AllowedValues", []), list):
        raise ValidationError(f"Template format error: AllowedValues of parameter {name} must be a list")
    if isinstance(declaration.get("Default", ""), dict | list):
        raise ValidationError("Template format error: Every Default member must be a string.")
    try:
        re.compile(str(declaration.get("AllowedPattern", "")))
    except re.error as error:
        raise ValidationError(
            f"Template format error: AllowedPattern of parameter {name} is no regular expression: {error}"
        ) from error


def _kind(declaration: Mapping[str, Any]) -> str:
    return str(declaration.get("Type", "String"))


def _is_list(declaration: Mapping[str, Any]) -> bool:
    kind = _kind(declaration).removeprefix(_STORED)
    return kind.startswith(("CommaDelimitedList", "List<"))


def _items(value: str) -> list[str]:
    """Return a list parameter's items. An empty one has one item, which is empty, as in CloudFormation."""
    return [item.strip() for item in value.split(",")]


def _check(name: str, value: str, declaration: Mapping[str, Any]) -> None:
    kind = _kind(declaration)
    if kind.startswith("AWS::SSM::Parameter::") and not kind.startswith(_STORED):
        raise ValidationError(f"Parameter '{name}' has type {kind}, which needs AWS. Give it type String here.")
    if kind.startswith(_STORED) and not value:
        raise ValidationError(f"Parameter '{name}' needs the name of a stored parameter")
    for item in _items(value) if _is_list(declaration) and not kind.startswith(_STORED) else [value]:
        problem = next(_problems(kind, item, declaration), None)
        if problem:
            description = declaration.get("ConstraintDescription")
            raise ValidationError(
                f"Parameter '{name}' failed to satisfy constraint: {description}"
                if description
                else f"Parameter '{name}' {problem}"
            )


def _problems(kind: str, value: str, declaration: Mapping[str, Any]) -> Iterator[str]:
    if kind in {"Number", "List<Number>"}:
        if not _NUMBER.fullmatch(value):
            yield "must be a number"
        elif "MinValue" in declaration and float(value) < float(declaration["MinValue"]):
            yield f"must be a number not less than {declaration['MinValue']}"
        elif "MaxValue" in declaration and float(value) > float(declaration["MaxValue"]):
            yield f"must be a number not greater than {declaration['MaxValue']}"
    if "AllowedValues" in declaration and value not in [as_text(allowed) for allowed in declaration["AllowedValues"]]:
        yield "must be one of AllowedValues"
    if "AllowedPattern" in declaration and not re.fullmatch(str(declaration["AllowedPattern"]), value):
        yield f"must match pattern {declaration['AllowedPattern']}"
    if "MinLength" in declaration and len(value) < int(declaration["MinLength"]):
        yield f"must contain at least {declaration['MinLength']} characters"
    if "MaxLength" in declaration and len(value) > int(declaration["MaxLength"]):
        yield f"must contain at most {declaration['MaxLength']} characters"
