"""What the rules have in common.

Given the path of the folder, cfn-lint loads each rule file as a module of its own, in no package, and takes no rules
from a file whose name begins with an underscore. So the rules get this file as cfn-lint gets them, with
``import_filename``. They find the schema beside their folder, and need nothing else of this project.
"""

import datetime as dt
import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from cfnlint.conditions import Conditions  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.version import __version__  # type: ignore[import-untyped] # cfn-lint ships no types

#: The first version that hands the rules what they work with; every rule would fail in an older one, with E1101.
_OLDEST: Final = (1, 48)
if tuple(map(int, __version__.split(".")[:2])) < _OLDEST:
    # Of any other exception cfn-lint prints the traceback.
    raise SystemExit(
        f"The rules for Custom::WorkMailResource need cfn-lint {'.'.join(map(str, _OLDEST))} or later, and this is "
        f"{__version__}: pip install --upgrade cfn-lint"
    )

TYPE: Final = "Custom::WorkMailResource"
#: The form that CloudFormation itself has for every custom resource. It is ours where this export is its ServiceToken,
#: which is the name that the provider stack gives it.
GENERIC_TYPE: Final = "AWS::CloudFormation::CustomResource"
_OUR_TOKEN: Final = {"Fn::ImportValue": "workmail-resource-ServiceToken"}
SCHEMA: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "schema" / "custom-workmailresource.json").read_text(encoding="utf-8")
)
#: The properties that are lists, and by property the other one that it needs.
LISTS: Final = tuple(name for name, facts in SCHEMA["properties"].items() if facts.get("type") == "array")
NEEDS: Final[dict[str, str]] = {
    name: facts["anyOf"][-1]["required"][0] for name, facts in SCHEMA["dependencies"].items()
}
#: The properties that a template has to declare.
REQUIRED: Final = tuple(SCHEMA["required"])
WORKMAIL: Final = "https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateResource.html"
CLOUDFORMATION: Final = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html"
TAGS: Final = ("resources", "custom", "workmail")
NO_VALUE: Final = {"Ref": "AWS::NoValue"}

#: Functions of a template's Rules of which cfn-lint makes nothing.
_BEYOND_CFN_LINT: Final = ("Fn::Contains", "Fn::EachMember", "Fn::RefAll", "Fn::ValueOf")
_LOOP: Final = 3  # identifier, collection, body
_SUB_VARIABLE = re.compile(r"\$\{\s*([^!${}\s]+)\s*\}")


def ours(cfn: Any) -> dict[str, Any]:
    """Return the resources that the provider answers for, by logical ID."""
    return {
        logical_id: resource
        for logical_id, resource in cfn.get_resources([TYPE, GENERIC_TYPE]).items()
        if resource["Type"] == TYPE or is_ours(resource.get("Properties"))
    }


def is_ours(properties: object) -> bool:
    """Tell whether a resource of CloudFormation's own form, which has these *properties*, is the provider's."""
    return isinstance(properties, Mapping) and properties.get("ServiceToken") == _OUR_TOKEN


def section(cfn: Any, name: str) -> Mapping[str, Any]:
    """Return the members of a template's section, without what cfn-lint itself finds to be no section or member."""
    found = cfn.template.get(name)
    return (
        {key: value for key, value in found.items() if isinstance(value, Mapping)} if isinstance(found, Mapping) else {}
    )


def is_scalar(value: object) -> bool:
    """Tell whether CloudFormation hands *value* over as one string."""
    # What YAML takes for a date is text to CloudFormation.
    return isinstance(value, str | bool | int | float | dt.date)


def as_text(value: object) -> str:
    """Return a scalar as CloudFormation hands it over."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, dt.date) else str(value)


def comparable(value: object) -> str:
    """Return what is the same for two values that are the same in WorkMail, which does not tell A from a.

    The same function with the same arguments has the same value.
    """
    return as_text(value).casefold() if is_scalar(value) else json.dumps(value, sort_keys=True, default=str)


def name_of(validator: Any, key: str | None = None) -> str:
    """Return the property that *validator* is at, or its *key*, as the messages call it: ``BookingOptions.Key``."""
    path = list(validator.context.path.cfn_path)[3:] + ([key] if key else [])
    return ".".join(part for part in path if part != "*")


def did_you_mean(name: str, kind: str, known: Collection[str]) -> str:
    """Return what *name* was meant to be, or which *kind* of thing there is, as the end of a message."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else f"; the {kind} are {', '.join(sorted(known))}"


def sub_variables(argument: object) -> Iterator[str]:
    """Yield the variables of an ``Fn::Sub`` that the template has to resolve."""
    text, own = (argument[0], argument[1]) if isinstance(argument, list) and len(argument) == 2 else (argument, {})  # noqa: PLR2004 # text and variables
    if isinstance(text, str) and isinstance(own, Mapping):
        yield from (name for name in _SUB_VARIABLE.findall(text) if name not in own)


def parameters_in(value: object, parameters: Collection[str]) -> set[str]:
    """Return which of *parameters* a function depends on."""
    found: set[str] = set()
    if isinstance(value, Mapping):
        for key, argument in value.items():
            names = {argument} if key == "Ref" and isinstance(argument, str) else set()
            found |= {
                name for name in names | set(sub_variables(argument) if key == "Fn::Sub" else ()) if name in parameters
            }
            found |= parameters_in(argument, parameters)
    elif isinstance(value, list):
        for item in value:
            found |= parameters_in(item, parameters)
    return found


class Cases:
    """Which conditions of a template can hold together, as its Conditions, AllowedValues and Rules have it."""

    def __init__(self, cfn: Any) -> None:
        rules = section(cfn, "Rules")
        self._declared = section(cfn, "Conditions")
        self._conditions, self._unclear = cfn.conditions, False
        self._known: dict[frozenset[tuple[str, bool]], bool] = {}
        if any(name in json.dumps(rules, default=str) for name in _BEYOND_CFN_LINT):
            spelled = _spell_contains(rules)
            self._conditions = Conditions(SimpleNamespace(template={**cfn.template, "Rules": spelled}))
            self._unclear = any(name in json.dumps(spelled, default=str) for name in _BEYOND_CFN_LINT)

    def possible(self, *parts: Mapping[str, bool]) -> bool:
        """Tell whether the conditions can be as all *parts* say; what a rule says that nobody here reads is not known.

        So in a template with such a rule no case counts as possible that a condition decides.
        """
        case = frozenset(item for part in parts for item in part.items() if item[0] in self._declared)
        if not case:
            return True
        if case not in self._known:
            values = {name: {value} for name, value in case}
            contradictory = len(values) < len(case)
            self._known[case] = (
                not self._unclear and not contradictory and any(True for _ in self._conditions.build_scenarios(values))
            )
        return self._known[case]


def _spell_contains(rule: Any) -> Any:
    """Return a part of a template's Rules with each ``Fn::Contains`` of one value as the comparisons that it is."""
    if isinstance(rule, Mapping):
        match rule.get("Fn::Contains"):
            case [[*values], value] if len(rule) == 1 and all(map(is_scalar, values)):
                return {"Fn::Or": [{"Fn::Equals": [as_text(other), value]} for other in values]}
        return {key: _spell_contains(item) for key, item in rule.items()}
    return [_spell_contains(item) for item in rule] if isinstance(rule, list) else rule


def declarations(
    cfn: Any, cases: Cases, keys: Collection[str]
) -> Iterator[tuple[str, dict[str, Any], dict[str, bool]]]:
    """Yield each resource of ours with its *keys*, once for each way in which conditions may decide.

    Yields
    ------
    The logical ID, those of the properties that are there, and the conditions on which it is so.
    """
    for logical_id, resource in ours(cfn).items():
        properties = resource.get("Properties")
        if not isinstance(properties, Mapping):
            continue
        condition = resource.get("Condition")
        own = {condition: True} if isinstance(condition, str) else {}
        some = {key: properties[key] for key in keys if key in properties}
        if '"Fn::If"' not in json.dumps(some, default=str):
            yield logical_id, {key: value for key, value in some.items() if value != NO_VALUE}, own
            continue
        for scenario in cfn.get_object_without_conditions(some):
            conditions = scenario["Scenario"] or {}
            values = scenario["Object"]
            if isinstance(values, Mapping) and cases.possible(conditions, own):
                yield logical_id, dict(values), {**conditions, **own}


def loop_keys(cfn: Any) -> dict[str, tuple[str, str]]:
    """Return, for each logical ID that ``Fn::ForEach`` has made, the key that a reader finds, and the loop's own."""
    keys = {
        position(key): (str(key), str(loop))
        for *_, loop, argument in cfn.transform_pre.get("Fn::ForEach", ())
        if _is_loop(argument)
        for key in argument[2]
    }
    return {
        str(logical_id): keys[where]
        for logical_id in section(cfn, "Resources")
        if (where := position(logical_id)) in keys and where
    }


def position(key: Any) -> tuple[int, int] | None:
    """Return line and column of a key; None where it comes from no file."""
    mark = getattr(key, "start_mark", None)
    return (mark.line, mark.column) if mark else None


def _is_loop(argument: object) -> bool:
    return isinstance(argument, list) and len(argument) == _LOOP and isinstance(argument[2], Mapping)


def invented(cfn: Any) -> dict[str, str]:
    """Return the values that cfn-lint has made up for collections of ``Fn::ForEach`` that it cannot know.

    For each it takes seven random letters or four digits of a hash. They are part of the logical ID, and that is where
    they are found.

    Returns
    -------
    The variable, as ``${Variable}``, by the value.
    """
    loops = [path[-1] for path in cfn.transform_pre.get("Fn::ForEach", ()) if _is_loop(path[-1])]
    unknown = {loop[0] for loop in loops if not _is_known(cfn, loop[1])}
    found: dict[str, str] = {}
    for logical_id, (key, _) in loop_keys(cfn).items() if unknown else ():
        texts_and_names = re.split(r"[$&]\{\s*(\w+)\s*\}", key)
        names = [name for name in texts_and_names[1::2] if name in unknown]
        form = "".join(
            (r"([A-Za-z]{7}|[0-9a-f]{4})" if part in unknown else ".*") if index % 2 else re.escape(part)
            for index, part in enumerate(texts_and_names)
        )
        if match := re.fullmatch(form, logical_id):
            found |= {value: f"${{{name}}}" for value, name in zip(match.groups(), names, strict=True)}
    return found


def as_written(text: str, invented_values: Mapping[str, str]) -> str:
    """Return a text with the variables of ``Fn::ForEach`` in place of what cfn-lint has made up for them."""
    for value, variable in invented_values.items():
        text = text.replace(value, variable)
    return text


def _is_known(cfn: Any, collection: object) -> bool:
    if isinstance(collection, list):
        return all(is_scalar(item) for item in collection)
    if isinstance(collection, Mapping) and isinstance(name := collection.get("Ref"), str):
        parameter = section(cfn, "Parameters").get(name, {})
        return "Default" in parameter or "AllowedValues" in parameter
    return False


Claim = tuple[str, dict[str, bool], tuple[Any, Any], list[Any]]


def clashes(cfn: Any, cases: Cases, claims: Iterable[Claim]) -> Iterator[tuple[str, list[Any], str]]:
    """Yield the claims that a resource before makes too.

    Parameters
    ----------
    claims:
        The logical ID, its conditions, the organization with what is claimed in it, and the path of the property.

    Yields
    ------
    What a person calls the earlier claim's resource, the path of the later one's property, and what is claimed.
    """
    made: dict[tuple[str, str], list[tuple[str, dict[str, bool]]]] = {}
    told: set[tuple[str, str]] = set()
    keys, made_up = loop_keys(cfn), invented(cfn)
    for logical_id, conditions, (organization, value), path in claims:
        key = (comparable(organization), comparable(value))
        before = made.setdefault(key, [])
        for earlier, other in before:
            if earlier != logical_id and (logical_id, key[1]) not in told and cases.possible(other, conditions):
                told.add((logical_id, key[1]))
                shown = as_text(value) if is_scalar(value) else key[1]
                where = ["Resources", logical_id, "Properties", *path]
                yield _findable(earlier, keys, made_up), where, as_written(shown, made_up)
        before.append((logical_id, conditions))


def _findable(logical_id: str, keys: Mapping[str, tuple[str, str]], made_up: Mapping[str, str]) -> str:
    """Return what a reader of the template finds a resource by, which a loop may have made."""
    if logical_id not in keys:
        return logical_id
    written = "{} in {}".format(*keys[logical_id])
    return written if as_written(logical_id, made_up) != logical_id else f"{logical_id} ({written})"
