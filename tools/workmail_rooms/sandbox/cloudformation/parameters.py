"""Template parameters: defaults, types and constraints.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.scalars import as_text

_STORED = "AWS::SSM::Parameter::Value<"
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


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
    unknown = [value for value in stored.values() if value not in store]
    if unknown:
        raise ValidationError(
            f"Unable to fetch parameters [{', '.join(unknown)}] from parameter store for this account."
        )
    return {**values, **{name: store[value] for name, value in stored.items()}}


def _kind(declaration: Mapping[str, Any]) -> str:
    return str(declaration.get("Type", "String"))


def _is_list(declaration: Mapping[str, Any]) -> bool:
    kind = _kind(declaration).removeprefix(_STORED)
    return kind.startswith(("CommaDelimitedList", "List<"))


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",")] if value.strip() else []


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
