"""What CloudFormation refuses in a template whatever its parameters and conditions say.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html

The messages are CloudFormation's own where they are publicly known; the others have their form.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import SUB_VARIABLE, function_name

FORMAT_VERSION = "2010-09-09"

_SECTIONS = frozenset(
    {
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
        "Rules",
        "Transform",
    }
)
_MAPS = ("Parameters", "Mappings", "Conditions", "Rules", "Resources", "Outputs", "Metadata")
_MOST = {"Parameters": 200, "Outputs": 200, "Mappings": 200}
_NAME = re.compile(r"[A-Za-z0-9]+")
_EXTENSIONS = frozenset({"Fn::Length", "Fn::ToJsonString"})
_NEEDS_AWS = frozenset({"Fn::Cidr", "Fn::GetAZs", "Fn::GetStackOutput", "Fn::Transform"})
_FUNCTIONS = frozenset(
    {
        "Fn::Base64",
        "Fn::FindInMap",
        "Fn::GetAtt",
        "Fn::If",
        "Fn::ImportValue",
        "Fn::Join",
        "Fn::Select",
        "Fn::Split",
        "Fn::Sub",
        "Ref",
    }
)
# Of these, CloudFormation counts the arguments before it knows any.
_ARGUMENTS = {"Fn::If": 3, "Fn::Join": 2, "Fn::Select": 2, "Fn::Split": 2}


def check_sections(source: Mapping[str, Any]) -> None:
    """Check the template's sections, their form and their number.

    Raises
    ------
    ValidationError
        CloudFormation would refuse them.
    """
    unknown = sorted(str(name) for name in source.keys() - _SECTIONS if not str(name).startswith("Fn::ForEach::"))
    if unknown:
        raise ValidationError(f"Invalid template property or properties [{', '.join(unknown)}]")
    version = source.get("AWSTemplateFormatVersion", FORMAT_VERSION)
    if version != FORMAT_VERSION:
        raise ValidationError(
            f"Template format error: {version} is not a supported value for AWSTemplateFormatVersion."
        )
    if not isinstance(source.get("Description", ""), str):
        raise ValidationError("Template format error: every Description member must be a string.")
    for section in _MAPS:
        if not isinstance(source.get(section, {}), dict):
            raise ValidationError(f"Template format error: {section} section must be an object")
    _check_members(source)


def _check_members(source: Mapping[str, Any]) -> None:
    for section, most in _MOST.items():
        count = len(source.get(section, {}))
        if count > most:
            raise ValidationError(
                f"Template format error: Number of {section.lower()}, {count}, is greater than maximum allowed, {most}"
            )
    for section in ("Parameters", "Conditions", "Outputs"):
        for name in source.get(section, {}):
            if not _NAME.fullmatch(str(name)) and not str(name).startswith("Fn::ForEach::"):
                raise ValidationError(f"Template format error: {section} name '{name}' is non alphanumeric.")


class References:
    """Every name that a template uses anywhere, in branches not taken and in what is switched off too.

    Parameters
    ----------
    template:
        After the transform.
    values:
        The parameters and pseudo parameters.
    language_extensions:
        Whether the template declares the transform AWS::LanguageExtensions.
    """

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, Any], *, language_extensions: bool) -> None:
        self._template = template
        self._values = values
        self._functions = _FUNCTIONS | (_EXTENSIONS if language_extensions else frozenset())
        self._resources = template.get("Resources", {})
        self._conditions = template.get("Conditions", {})

    def check(self) -> None:
        """Check every function and every name.

        Raises
        ------
        ValidationError
            A function is unknown, or used as it cannot be, or a name means nothing.
        """
        for section in ("Resources", "Outputs"):
            for name, body in self._template.get(section, {}).items():
                self._check(section, name, body)
                condition = body.get("Condition") if isinstance(body, dict) else None
                if condition is not None:
                    self._check_condition(condition, section)
        self._check_conditions()

    def _check(self, section: str, name: str, body: Any) -> None:
        unresolved = set()
        for function, arguments in _calls(body):
            self._check_call(function, arguments, section)
            for used in _names(function, arguments):
                if used in self._values or used == "AWS::NoValue" or used in self._resources:
                    continue
                if function == "Fn::GetAtt":
                    raise ValidationError(
                        f"Template error: instance of Fn::GetAtt references undefined resource {used}"
                    )
                unresolved.add(used)
        if unresolved:
            raise ValidationError(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(unresolved))}] in the "
                f"{section} block of the template"
            )
        if section == "Outputs":
            _check_export(name, body, self._resources)

    def _check_call(self, function: str, arguments: Any, section: str) -> None:
        if function in _NEEDS_AWS:
            raise ValidationError(f"{function} needs AWS. Give its value as a parameter to deploy the template here.")
        if function in _EXTENSIONS and function not in self._functions:
            raise ValidationError(f"{function} needs the line 'Transform: AWS::LanguageExtensions' in the template")
        if function not in self._functions:
            raise ValidationError(
                f"Template format error: encountered unsupported function: {function} "
                f"Supported functions are: [{', '.join(sorted(self._functions))}]"
            )
        count = _ARGUMENTS.get(function)
        if count is not None and (not isinstance(arguments, list) or len(arguments) != count):
            raise ValidationError(f"Template error: every {function} object requires a list of {count} arguments")
        if function == "Fn::If":
            self._check_condition(arguments[0], section)

    def _check_condition(self, name: Any, section: str) -> None:
        if not isinstance(name, str):
            raise ValidationError(
                f"Template format error: a condition in the {section} block must be named by a string"
            )
        if name not in self._conditions:
            raise ValidationError(
                f"Template format error: Unresolved condition dependency {name} in the {section} block of the template"
            )

    def _check_conditions(self) -> None:
        for body in self._conditions.values():
            used = {name for function, arguments in _calls(body) for name in _names(function, arguments)}
            used = {name for name in used if name not in self._values and name != "AWS::NoValue"}
            if used:
                raise ValidationError(
                    f"Template format error: Unresolved dependencies [{', '.join(sorted(used))}]. Cannot reference "
                    "resources in the Conditions block of the template"
                )


def _check_export(name: str, body: Any, resources: Mapping[str, Any]) -> None:
    export = body.get("Export") if isinstance(body, dict) else None
    calls = list(_calls(export))
    depends = {function for function, _ in calls} & {"Fn::GetAtt", "Fn::ImportValue"}
    if depends or any(used in resources for call in calls for used in _names(*call)):
        raise ValidationError(
            f"Template format error: Output {name} is malformed. The Name field of Export must not depend on any "
            "resources, imported values, or Fn::GetAZs"
        )


def used_names(value: Any) -> set[str]:
    """Return every name that Ref, Fn::GetAtt and Fn::Sub use in *value*, whatever the conditions say."""
    return {name for function, arguments in _calls(value) for name in _names(function, arguments)}


def _calls(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every intrinsic function in *value* with its arguments."""
    if isinstance(value, list):
        for item in value:
            yield from _calls(item)
    if isinstance(value, dict):
        function = function_name(value)
        if function is not None:
            yield function, value[function]
        for item in value.values():
            yield from _calls(item)


def _names(function: str, arguments: Any) -> Iterator[str]:
    """Yield the names that a function is given as plain text."""
    if function == "Ref" and isinstance(arguments, str):
        yield arguments
    elif function == "Fn::GetAtt":
        first = arguments[0] if isinstance(arguments, list) and arguments else arguments
        if isinstance(first, str):
            yield first.split(".", 1)[0]
    elif function == "Fn::Sub":
        text, own = arguments if isinstance(arguments, list) and len(arguments) == 2 else (arguments, {})  # noqa: PLR2004 - text and variables
        if isinstance(text, str) and isinstance(own, dict):
            for escaped, name in SUB_VARIABLE.findall(text):
                if not escaped and name not in own:
                    yield name.split(".", 1)[0]
