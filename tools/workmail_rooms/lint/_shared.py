"""What the rules have in common.

Given the path of the folder, cfn-lint loads each rule file as a module of its own, in no package, and takes no rules
from a file whose name begins with an underscore. So the rules get this file as cfn-lint gets them, with
``import_filename``. They find the schema beside their folder, and need nothing else of this project.
"""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

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

_SUB_VARIABLE = re.compile(r"\$\{\s*([^!${}\s]+)\s*\}")


def is_scalar(value: object) -> bool:
    """Tell whether CloudFormation hands *value* over as one string."""
    return isinstance(value, str | bool | int | float)


def as_text(value: object) -> str:
    """Return a scalar as CloudFormation hands it over."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


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


def declarations(cfn: Any, keys: Collection[str]) -> Iterator[tuple[str, dict[str, Any], dict[str, bool]]]:
    """Yield each resource of ours with its *keys*, once for each way in which conditions may decide.

    Yields
    ------
    The logical ID, those of the properties that are there, and the conditions on which it is so.
    """
    for logical_id, resource in cfn.get_resources([TYPE]).items():
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
            conditions = {**(scenario["Scenario"] or {}), **own}
            values = scenario["Object"]
            if isinstance(values, Mapping) and satisfiable(cfn, scenario["Scenario"] or {}, own):
                yield logical_id, dict(values), conditions


def satisfiable(cfn: Any, one: Mapping[str, bool], other: Mapping[str, bool]) -> bool:
    """Tell whether the conditions can be as both say."""
    if any(other.get(name, value) != value for name, value in one.items()):
        return False
    both = {name: {value} for name, value in {**one, **other}.items()}
    known = {name: value for name, value in both.items() if name in cfn.template.get("Conditions", {})}
    return not known or any(True for _ in cfn.conditions.build_scenarios(known))


def invented(cfn: Any) -> set[str]:
    """Return the values that cfn-lint has made up for collections of ``Fn::ForEach`` that it cannot know.

    For each it takes seven random letters or four digits of a hash. They are part of the logical ID, and that is where
    they are found.
    """
    found: set[str] = set()
    loops = [path[-1] for path in cfn.transform_pre.get("Fn::ForEach", ())]
    unknown = {
        loop[0]
        for loop in loops
        if isinstance(loop, list) and len(loop) == 3 and not _is_known(cfn, loop[1])  # noqa: PLR2004 # identifier, collection, body
    }
    for loop in loops if unknown else ():
        for key in loop[2] if isinstance(loop, list) and len(loop) == 3 and isinstance(loop[2], Mapping) else ():  # noqa: PLR2004 # as above
            form = re.sub(
                r"\\\$\\\{(\w+)\\\}|\\&\\\{(\w+)\\\}",
                lambda match: "([A-Za-z]{7}|[0-9a-f]{4})" if (match[1] or match[2]) in unknown else ".*",
                re.escape(key),
            )
            for logical_id in cfn.template.get("Resources", {}):
                if match := re.fullmatch(form, str(logical_id)):
                    found |= set(match.groups())
    return found


def _is_known(cfn: Any, collection: object) -> bool:
    if isinstance(collection, list):
        return all(is_scalar(item) for item in collection)
    if isinstance(collection, Mapping) and isinstance(name := collection.get("Ref"), str):
        parameter = cfn.template.get("Parameters", {}).get(name, {})
        return "Default" in parameter or "AllowedValues" in parameter
    return False


Claim = tuple[str, dict[str, bool], tuple[Any, Any], list[Any]]


def clashes(cfn: Any, claims: Iterable[Claim]) -> Iterator[tuple[str, str, list[Any], str]]:
    """Yield the claims that a resource before makes too.

    Parameters
    ----------
    claims:
        The logical ID, its conditions, the organization with what is claimed in it, and the path of the property.

    Yields
    ------
    The logical ID of the earlier claim and of the later one, the later one's path, and what is claimed, as a text.
    """
    made: dict[tuple[str, str], list[tuple[str, dict[str, bool]]]] = {}
    told: set[tuple[str, str]] = set()
    for logical_id, conditions, (organization, value), path in claims:
        key = (comparable(organization), comparable(value))
        before = made.setdefault(key, [])
        for earlier, other in before:
            if earlier != logical_id and (logical_id, key[1]) not in told and satisfiable(cfn, other, conditions):
                told.add((logical_id, key[1]))
                yield earlier, logical_id, path, as_text(value) if is_scalar(value) else key[1]
        before.append((logical_id, conditions))
