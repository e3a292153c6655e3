"""Reads templates with cfn-lint: YAML, JSON and the transform AWS::LanguageExtensions.

Importing cfn-lint takes about two seconds, so only what reads a template imports this module.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from cfnlint.decode import decode  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.template import Template  # type: ignore[import-untyped] # cfn-lint ships no types

from workmail_rooms.sandbox.cloudformation.errors import TemplateFileError, ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.scalars import as_text

LANGUAGE_EXTENSIONS = "AWS::LanguageExtensions"

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_MAX_BYTES = 1_000_000
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-length.html
# Ten times as fast, where PyYAML has been built with libyaml.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NO_SHORT_FORM = frozenset({"!ForEach", "!Length", "!ToJsonString"})

_FOR_EACH = "Fn::ForEach::"
# cfn-lint is a linter: where it lacks a value it guesses one, and it leaves some functions untouched. Under another
# name it replaces the loop variables in these functions and nothing else; they are evaluated afterwards.
_HIDDEN = {"Fn::FindInMap": "Hidden::FindInMap", "Fn::ToJsonString": "Hidden::ToJsonString"}
_SHOWN = {hidden: shown for shown, hidden in _HIDDEN.items()}
# A loop over what depends on a loop around it waits under this name until that one is done.
_WAITING = "Hidden::ForEach::"
# cfn-lint takes a Fn::Sub whose only variables are escaped for a plain string, escapes included.
_ESCAPE, _HIDDEN_ESCAPE = "${!", "\ue000{!"


def read_template(path: Path) -> dict[str, Any]:
    """Decode a template file.

    Raises
    ------
    TemplateFileError
        The file is missing, is not YAML or JSON, or is not a map with a Resources section.
    """
    if not path.is_file():
        raise TemplateFileError(path, 1, 1, "no such template file. Check the path.")
    if path.stat().st_size > _MAX_BYTES:
        raise ValidationError(f"Template may not exceed {_MAX_BYTES} bytes in size.")
    document, problems = decode(str(path))
    if problems:
        first = problems[0]
        raise TemplateFileError(path, first.linenumber, first.columnnumber, "; ".join(p.message for p in problems))
    _refuse_yaml(path)
    if not isinstance(document, dict):
        raise TemplateFileError(path, 1, 1, "Template format error: unsupported structure. A template is a map.")
    null = next(_null_paths(document, ""), None)
    if null is not None:
        raise TemplateFileError(path, 1, 1, f"[{null}] 'null' values are not allowed in templates")
    _normalise(document)
    return document


def _refuse_yaml(path: Path) -> None:
    """Refuse what YAML has and CloudFormation does not take.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-formats.html
    """
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("{"):
        return
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            mark, problem = event.start_mark, _yaml_problem(event)
            if problem and mark is not None:
                raise TemplateFileError(path, mark.line + 1, mark.column + 1, problem)
    except yaml.YAMLError:
        return  # cfn-lint has decoded it


def _yaml_problem(event: "yaml.Event") -> str:
    if isinstance(event, yaml.AliasEvent):
        return "Template error: YAML aliases are not allowed in CloudFormation templates"
    if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and not event.style:
        return "Template error: YAML hash merges (<<) are not allowed in CloudFormation templates"
    tag = getattr(event, "tag", None)
    if tag in _NO_SHORT_FORM:
        return f"Template format error: {tag} has no short form. Write Fn::{tag[1:]}."
    return ""


def transforms(document: Mapping[str, Any]) -> list[str]:
    """Return the transforms that a template declares.

    Raises
    ------
    ValidationError
        One of them exists only in AWS.
    """
    declared = document.get("Transform", [])
    names = declared if isinstance(declared, list) else [declared]
    foreign = [str(name) for name in names if name != LANGUAGE_EXTENSIONS]
    if foreign:
        raise ValidationError(
            f"Transforms [{', '.join(foreign)}] need AWS. Only {LANGUAGE_EXTENSIONS} is carried out here; "
            "deploy the processed template instead."
        )
    return names


def transform_template(document: dict[str, Any], scope: Scope, path: Path, region: str) -> dict[str, Any]:
    """Carry out AWS::LanguageExtensions when the template declares it.

    Parameters
    ----------
    document:
        What `read_template` returned; it is used up.
    scope:
        The values that Fn::ForEach collections may refer to: parameters, pseudo parameters, mappings.

    Returns
    -------
    The template in plain maps and lists, without Fn::ForEach.

    Raises
    ------
    ValidationError
        A loop is malformed, or is used without the transform.
    """
    if not transforms(document):
        loop = next(_loops(document), None)
        if loop is not None:
            raise ValidationError(f"{loop} needs the line 'Transform: {LANGUAGE_EXTENSIONS}' in the template")
        return {str(key): plain(item) for key, item in document.items()}
    evaluator = Evaluator(scope)
    processed = document
    while True:
        _bind(processed, evaluator, ())
        template = Template(str(path), processed, [region])
        problems = template.transform()
        if problems:
            first = problems[0]
            raise ValidationError(
                f"Transform {LANGUAGE_EXTENSIONS} failed with: {first.message} "
                f"({first.filename}:{first.linenumber}:{first.columnnumber})"
            )
        processed = {str(key): plain(item) for key, item in template.template.items()}
        if next(_loops(processed), None) is None:
            return processed


def _null_paths(value: Any, path: str) -> Iterator[str]:
    if value is None:
        yield path
    for key, item in _children(value):
        yield from _null_paths(item, f"{path}/{key}")


def _loops(value: Any) -> Iterator[str]:
    for key, item in _children(value):
        if isinstance(key, str) and key.startswith(_FOR_EACH):
            yield key
        yield from _loops(item)


def _children(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _normalise(value: Any) -> None:
    """Make keys and dates text again, as CloudFormation reads them; YAML 1.1 makes more of them."""
    for key, item in _children(value):
        name = key
        if isinstance(value, dict) and not isinstance(key, str):
            del value[key]
            name = as_text(_undate(key))
        value[name] = _undate(item)
        _normalise(item)


def _undate(value: Any) -> Any:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, dt.date) else value


def _bind(value: Any, evaluator: Evaluator, variables: tuple[str, ...]) -> None:
    """Put the values of this deployment where cfn-lint would guess.

    Parameters
    ----------
    variables:
        Those of the loops around *value*.
    """
    for key, item in _children(value):
        if isinstance(key, str) and key.startswith(_FOR_EACH) and _is_loop(item):
            _bind_loop(value, key, evaluator, variables)
            continue
        _bind(item, evaluator, variables)
        if key == "Fn::Sub":
            if isinstance(item, list) and item and isinstance(item[0], str):
                item[0] = item[0].replace(_ESCAPE, _HIDDEN_ESCAPE)
            elif isinstance(item, str):
                value[key] = item.replace(_ESCAPE, _HIDDEN_ESCAPE)
        elif key in _HIDDEN and isinstance(value, dict):
            value[_HIDDEN[key]] = value.pop(key)


def _is_loop(arguments: Any) -> bool:
    return (
        isinstance(arguments, list)
        and len(arguments) == 3  # noqa: PLR2004 - identifier, collection, body
        and isinstance(arguments[2], dict)
    )


def _bind_loop(parent: dict[str, Any], key: str, evaluator: Evaluator, variables: tuple[str, ...]) -> None:
    """Replace the loop's collection by its items; a loop over nothing goes."""
    identifier, collection, body = arguments = parent[key]
    _bind(body, evaluator, (*variables, str(identifier)))
    if evaluator.references(collection).intersection(variables):
        # The variables in its name keep the copies apart that the loops around it make.
        _bind(collection, evaluator, variables)
        parent[f"{_WAITING}{key.removeprefix(_FOR_EACH)}" + "".join(f"/${{{name}}}" for name in variables)] = (
            parent.pop(key)
        )
        return
    items = evaluator.evaluate(collection)
    if not isinstance(items, list):
        raise ValidationError(f"The collection of Fn::ForEach {identifier} must be a list, not {collection!r}")
    if "" in items:
        raise ValidationError(
            f"The collection of Fn::ForEach {identifier} has an empty item. A list parameter that is empty has one."
        )
    arguments[1] = [as_text(item) for item in items]
    if not items:
        del parent[key]


def plain(value: Any, *, in_sub: bool = False) -> Any:
    """Return *value* without cfn-lint's node classes, and with everything hidden shown again."""
    if isinstance(value, dict):
        return {_shown(key): plain(item, in_sub=key == "Fn::Sub") for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, in_sub=in_sub) for item in value]
    if isinstance(value, str):
        return str(value).replace(_HIDDEN_ESCAPE, _ESCAPE if in_sub else "${")
    return value


def _shown(key: str) -> str:
    if key.startswith(_WAITING):
        # Letters and digits only; hexadecimal keeps different names different.
        return f"{_FOR_EACH}{key.removeprefix(_WAITING).encode().hex()}"
    return _SHOWN.get(key, str(key))
