"""The JSON Schema of the resource, from the table of its properties."""

import json
from collections.abc import Mapping
from typing import Any, Final

from workmail_resource.workmail.room import Room, attributes
from workmail_resource.workmail.table import CLOUDFORMATION, PROPERTIES, Form, Property

_COMMENT: Final = (
    "Written by make generate. A CloudFormation registry schema in all but typeName: the registry wants three parts "
    "there. A custom resource is not registered, and its name in templates has two."
)
_BOOLEAN: Final = {
    "$comment": "CloudFormation sends every scalar as a string.",
    "description": "true or false",
    "type": ["boolean", "string"],
    "pattern": r"^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$(?!\n)",
}
_BOOLEANS: Final = {True: "True", False: "False"}
#: What only WorkMail can say of a resource.
_READ_ONLY: Final[Mapping[str, Any]] = {
    "ResourceId": {
        "description": "The id that WorkMail has given.",
        "type": "string",
        "pattern": r"^r-[0-9a-f]{32}$(?!\n)",
    },
    "State": {
        "description": "ENABLED with an Email, DISABLED without.",
        "type": "string",
        "enum": ["ENABLED", "DISABLED"],
    },
}


def render() -> str:
    """Return the schema's file."""
    return json.dumps(schema(), indent=2, ensure_ascii=True) + "\n"


def schema() -> dict[str, Any]:
    r"""Return the schema.

    ``$(?!\n)``, because Python's ``$`` stands before the end of a last line, too.
    """
    properties = (*CLOUDFORMATION, *PROPERTIES)
    forms = {one.form.name: _form(one.form) for one in PROPERTIES if one.form}
    objects = {one.name: _object(one) for one in PROPERTIES if one.kind == "object"}
    harmless = sorted({option.default for one in PROPERTIES for option in one.options if option.needs})
    room = Room(resource_id="", name="", type="ROOM", state="DISABLED")
    given = {name: {"type": "string"} for name in attributes(room, "")}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": _COMMENT,
        "typeName": "Custom::WorkMailResource",
        "description": "A meeting room or a piece of equipment of an Amazon WorkMail organization.",
        "definitions": {
            **forms,
            "Boolean": _BOOLEAN,
            **{_BOOLEANS[value]: _only(value) for value in harmless},
            **objects,
            "Attributes": {
                "$comment": "What Fn::GetAtt gives. Not all of them are readOnlyProperties, because the template sets "
                "most of them.",
                "type": "object",
                "additionalProperties": False,
                "properties": given,
            },
        },
        "properties": {
            **{one.name: _property(one) for one in properties},
            **_READ_ONLY,
        },
        "additionalProperties": False,
        "required": [one.name for one in properties if one.required],
        "dependencies": dict(need for one in PROPERTIES for need in _needs(one)),
        "primaryIdentifier": ["/properties/ResourceId"],
        "readOnlyProperties": [f"/properties/{name}" for name in _READ_ONLY],
        "createOnlyProperties": [f"/properties/{one.name}" for one in properties if one.update == "Replacement"],
    }


def _form(form: Form) -> dict[str, Any]:
    return {
        "description": form.words,
        "type": "string",
        "minLength": 1,
        "maxLength": form.longest,
        "pattern": f"^{form.pattern}$(?!\\n)",
    }


def _only(value: bool) -> dict[str, Any]:  # noqa: FBT001 # the value itself
    letters = "".join(f"[{letter.upper()}{letter}]" for letter in str(value).lower())
    return {
        "type": ["boolean", "string"],
        "anyOf": [
            {"type": "boolean", "const": value},
            {"type": "string", "pattern": f"^{letters}$(?!\\n)"},
        ],
    }


def _object(one: Property) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {option.name: _property(option) for option in one.options},
    }


def _property(one: Property) -> dict[str, Any]:
    facts: dict[str, Any] = {"description": describe(one)}
    if one.default not in (None, ()):
        facts["default"] = one.default
    return facts | _kind(one)


def _kind(one: Property) -> dict[str, Any]:
    form = {"$ref": f"#/definitions/{one.form.name}"} if one.form else {"type": "string", "minLength": 1}
    match one.kind:
        case "text":
            kind: dict[str, Any] = form
        case "texts":
            most = {} if one.most is None else {"maxItems": one.most}
            kind = {"type": "array", "insertionOrder": False, "uniqueItems": True, **most, "items": form}
        case "choice":
            kind = {"type": "string", "enum": list(one.values)}
        case "boolean":
            kind = {"$ref": "#/definitions/Boolean"}
        case "number":
            pattern = f"^({'|'.join(up_to(one.most or 0))})$(?!\\n)"
            kind = {"type": ["integer", "string"], "minimum": 1, "maximum": one.most, "pattern": pattern}
        case "object":
            kind = {"$ref": f"#/definitions/{one.name}"}
    return kind


def describe(one: Property) -> str:
    """Return what the schema says of a property in words."""
    sentences = [one.summary]
    if one in CLOUDFORMATION:
        sentences.append("CloudFormation's own.")
    if one.kind == "texts":
        sentences.append("No two may differ in case alone.")
    if one.name == "Aliases":
        sentences.append("None may be the Email.")
    if one.needs:
        sentences.append(
            f"{str(not one.default).lower()} needs {one.needs}." if one.kind == "boolean" else f"Needs {one.needs}."
        )
    return " ".join(sentences)


def up_to(most: int) -> list[str]:
    """Return patterns that together match the numbers from 1 to *most*, and nothing else."""
    digits = str(most)
    patterns = ["[1-9]" + _any_digits(len(digits) - 2)] if len(digits) > 1 else []
    for place, digit in enumerate(digits):
        least = 1 if place == 0 else 0
        if int(digit) > least:
            lower = str(least) if int(digit) == least + 1 else f"[{least}-{int(digit) - 1}]"
            patterns.append(f"{digits[:place]}{lower}{_any_digits(len(digits) - place - 1, exactly=True)}")
    return [*patterns, digits]


def _any_digits(count: int, *, exactly: bool = False) -> str:
    if count == 0:
        return ""
    return f"[0-9]{{{count}}}" if exactly else f"[0-9]{{0,{count}}}"


def _needs(one: Property) -> list[tuple[str, Any]]:
    """Return what has to be declared beside a property that is not its default, by the property it stands in."""
    if one.needs:
        return [(one.name, _unless({"maxItems": 0}, one.name, one.needs))]
    return [(one.name, _unless(_default_of(option), one.name, option.needs)) for option in one.options if option.needs]


def _default_of(option: Property) -> dict[str, Any]:
    return {"properties": {option.name: {"$ref": f"#/definitions/{_BOOLEANS[option.default]}"}}}


def _unless(harmless: Mapping[str, Any], name: str, needed: str) -> dict[str, Any]:
    lists = {one.name for one in PROPERTIES if one.kind == "texts"}
    present: dict[str, Any] = {"required": [needed]}
    if needed in lists:
        present["properties"] = {needed: {"minItems": 1}}
    return {"anyOf": [{"properties": {name: dict(harmless)}}, present]}
