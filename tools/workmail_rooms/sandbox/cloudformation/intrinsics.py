"""Intrinsic functions, pseudo parameters and conditions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.scalars import as_text, stringify

#: A variable in Fn::Sub: whether it is escaped, and its name.
SUB_VARIABLE = re.compile(r"\$\{\s*(!?)\s*([^!{}\s][^{}]*?)\s*\}")
_NO_VALUE = object()


class ResourceValues(Protocol):
    """What the resources of a stack answer to Ref and Fn::GetAtt."""

    def ref(self, logical_id: str) -> str:
        """Return the physical id."""

    def get_att(self, logical_id: str, attribute: str) -> Any:
        """Return an attribute."""


class NoResources:
    """Stands where resources have no values: conditions, mappings, and the sections read before anything exists."""

    def ref(self, logical_id: str) -> str:
        """Refuse."""
        raise ValidationError(f"Template error: Ref {logical_id} is not a parameter, and only those can be used here")

    def get_att(self, logical_id: str, attribute: str) -> Any:
        """Refuse."""
        raise ValidationError(f"Template error: Fn::GetAtt {logical_id}.{attribute} cannot be used here")


def _no_import(name: str) -> str:
    raise ValidationError(f"No export named {name} found.")


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything a template's expressions can refer to.

    Attributes
    ----------
    values:
        Parameters and pseudo parameters; AWS::NoValue is always known.
    mappings, conditions:
        These sections of the template.
    language_extensions:
        Whether the template declares the transform AWS::LanguageExtensions.
    resources:
        The stack's resources.
    imports:
        Returns the value of an export.
    parameter_store:
        The parameters of Systems Manager, by name.
    """

    values: Mapping[str, Any]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    language_extensions: bool = False
    resources: ResourceValues = field(default_factory=NoResources)
    imports: Callable[[str], str] = _no_import
    parameter_store: Mapping[str, str] = field(default_factory=dict)


class Evaluator:
    """Evaluates expressions in one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Base64": self._base64,
            "Fn::FindInMap": self._find_in_map,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::ImportValue": self._import_value,
            "Fn::Join": self._join,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Sub": self._sub,
        }
        if scope.language_extensions:
            self._functions["Fn::Length"] = self._length
            self._functions["Fn::ToJsonString"] = self._to_json_string
        self._operators: dict[str, Callable[[Any, tuple[str, ...]], bool]] = {
            "Condition": lambda name, path: self._named_condition(self._text(name, "Condition"), path),
            "Fn::And": lambda items, path: all(
                self._condition(item, path) for item in self._operands("Fn::And", items)
            ),
            "Fn::Equals": lambda items, _: self._equals(items),
            "Fn::Not": lambda items, path: not self._condition(_arguments("Fn::Not", items, 1)[0], path),
            "Fn::Or": lambda items, path: any(self._condition(item, path) for item in self._operands("Fn::Or", items)),
        }

    @property
    def language_extensions(self) -> bool:
        """Whether the template declares the transform AWS::LanguageExtensions."""
        return self._scope.language_extensions

    @property
    def parameter_store(self) -> Mapping[str, str]:
        """The parameters of Systems Manager, by name."""
        return self._scope.parameter_store

    def evaluate(self, value: Any) -> Any:
        """Return *value* with every intrinsic function carried out.

        Returns
        -------
        Maps, lists and scalars; None when the whole value is AWS::NoValue.

        Raises
        ------
        ValidationError
            The expression is wrong, or refers to something unknown.
        """
        result = self._evaluate(value)
        return None if result is _NO_VALUE else result

    def condition(self, name: str) -> bool:
        """Return the value of a named condition."""
        return self._named_condition(name, ())

    def references(self, value: Any) -> set[str]:
        """Return every name that Ref, Fn::GetAtt and Fn::Sub use in *value*, leaving out the branches not taken."""
        names: set[str] = set()
        for function, arguments in self._calls(value):
            if function == "Ref":
                names.add(self._text(arguments, "Ref"))
            elif function == "Fn::GetAtt":
                names.add(self._get_att_parts(arguments)[0])
            elif function == "Fn::Sub":
                text, own = self._sub_parts(arguments)
                variables = (name for escaped, name in SUB_VARIABLE.findall(text) if not escaped and name not in own)
                names.update(name.split(".", 1)[0] for name in variables)
        return names

    def imports(self, value: Any) -> set[str]:
        """Return the names of the exports that *value* uses, leaving out the branches not taken."""
        calls = self._calls(value)
        return {self._text(arguments, function) for function, arguments in calls if function == "Fn::ImportValue"}

    def _evaluate(self, value: Any) -> Any:
        if isinstance(value, dict):
            function = function_name(value)
            if function is not None:
                carry_out = self._functions.get(function)
                if carry_out is None:
                    raise ValidationError(
                        f"Template format error: encountered unsupported function: {function}. "
                        f"Supported functions are: [{', '.join(self._functions)}]"
                    )
                return carry_out(value[function])
            pairs = ((key, self._evaluate(item)) for key, item in value.items())
            return {key: item for key, item in pairs if item is not _NO_VALUE}
        if isinstance(value, list):
            return [item for item in map(self._evaluate, value) if item is not _NO_VALUE]
        return value

    def _text(self, value: Any, function: str) -> str:
        result = self._evaluate(value)
        if isinstance(result, dict | list) or result is _NO_VALUE:
            raise ValidationError(f"Template error: every argument of {function} must be a string here, not {value!r}")
        return as_text(result)

    def _list(self, value: Any, function: str) -> list[Any]:
        result = self._evaluate(value)
        if not isinstance(result, list):
            raise ValidationError(f"Template error: {function} needs a list here, not {value!r}")
        return result

    def _ref(self, name: Any) -> Any:
        name = self._text(name, "Ref")
        return _NO_VALUE if name == "AWS::NoValue" else self._lookup(name)

    def _lookup(self, name: str) -> Any:
        return self._scope.values[name] if name in self._scope.values else self._scope.resources.ref(name)

    def _get_att(self, arguments: Any) -> Any:
        logical_id, attribute = self._get_att_parts(arguments)
        return self._scope.resources.get_att(logical_id, attribute)

    def _get_att_parts(self, arguments: Any) -> tuple[str, str]:
        if isinstance(arguments, str):
            arguments = arguments.split(".", 1)
        logical_id, attribute = _arguments("Fn::GetAtt", arguments, 2)
        return self._text(logical_id, "Fn::GetAtt"), self._text(attribute, "Fn::GetAtt")

    def _sub(self, arguments: Any) -> str:
        text, own = self._sub_parts(arguments)

        def substitute(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            if escaped:
                return "${" + name + "}"
            if name in own:
                return self._text(own[name], "Fn::Sub")
            if "." in name:
                return self._text({"Fn::GetAtt": name}, "Fn::Sub")
            return self._text({"Ref": name}, "Fn::Sub")

        return SUB_VARIABLE.sub(substitute, text)

    def _sub_parts(self, arguments: Any) -> tuple[str, Mapping[str, Any]]:
        text, own = (arguments, {}) if isinstance(arguments, str) else _arguments("Fn::Sub", arguments, 2)
        if not isinstance(text, str) or not isinstance(own, dict):
            raise ValidationError(
                "Template error: One or more Fn::Sub intrinsic functions don't specify expected arguments. "
                "Specify a string as first argument, and an optional second argument to specify a mapping of values "
                "to replace in the string"
            )
        return text, own

    def _join(self, arguments: Any) -> str:
        delimiter, items = _arguments("Fn::Join", arguments, 2)
        return self._text(delimiter, "Fn::Join").join(
            self._text(item, "Fn::Join") for item in self._list(items, "Fn::Join")
        )

    def _split(self, arguments: Any) -> list[str]:
        delimiter, text = _arguments("Fn::Split", arguments, 2)
        separator = self._text(delimiter, "Fn::Split")
        if not separator:
            raise ValidationError("Template error: the delimiter of Fn::Split must not be empty")
        return self._text(text, "Fn::Split").split(separator)

    def _select(self, arguments: Any) -> Any:
        index, items = _arguments("Fn::Select", arguments, 2)
        position = self._text(index, "Fn::Select")
        values = self._list(items, "Fn::Select")
        if not (position.isascii() and position.isdecimal()) or int(position) >= len(values):
            raise ValidationError(f"Template error: Fn::Select cannot select nonexistent value at index {position}")
        return values[int(position)]

    def _base64(self, value: Any) -> str:
        return base64.b64encode(self._text(value, "Fn::Base64").encode()).decode("ascii")

    def _import_value(self, name: Any) -> str:
        return self._scope.imports(self._text(name, "Fn::ImportValue"))

    def _find_in_map(self, arguments: Any) -> Any:
        default: Any = _NO_VALUE
        if self._scope.language_extensions and isinstance(arguments, list) and len(arguments) == 4:  # noqa: PLR2004 - with its default
            *arguments, options = arguments
            default = options.get("DefaultValue", _NO_VALUE) if isinstance(options, dict) else _NO_VALUE
        keys = [self._text(key, "Fn::FindInMap") for key in _arguments("Fn::FindInMap", arguments, 3)]
        value: Any = self._scope.mappings
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                if default is not _NO_VALUE:
                    return self._evaluate(default)
                raise ValidationError(f"Template error: Unable to get mapping for {'::'.join(keys)}")
            value = value[key]
        return value

    def _length(self, value: Any) -> str:
        return str(len(self._list(value, "Fn::Length")))

    def _to_json_string(self, value: Any) -> str:
        return json.dumps(stringify(self._evaluate(value)), separators=(",", ":"), ensure_ascii=False)

    def _if(self, arguments: Any) -> Any:
        return self._evaluate(self._branch(arguments))

    def _branch(self, arguments: Any) -> Any:
        name, then, otherwise = _arguments("Fn::If", arguments, 3)
        return then if self._named_condition(self._text(name, "Fn::If"), ()) else otherwise

    def _named_condition(self, name: str, path: tuple[str, ...]) -> bool:
        if name not in self._scope.conditions:
            raise ValidationError(
                f"Template format error: Unresolved condition dependency {name} in the Conditions block of the template"
            )
        if name in path:
            raise ValidationError(f"Circular dependency between conditions: [{', '.join(path)}]")
        return self._condition(self._scope.conditions[name], (*path, name))

    def _condition(self, expression: Any, path: tuple[str, ...]) -> bool:
        operator = function_name(expression, self._operators) if isinstance(expression, dict) else None
        if operator is None:
            raise ValidationError(
                f"Template format error: a condition must be one of [{', '.join(self._operators)}], not {expression!r}"
            )
        return self._operators[operator](expression[operator], path)

    def _equals(self, items: Any) -> bool:
        left, right = _arguments("Fn::Equals", items, 2)
        return bool(stringify(self._evaluate(left)) == stringify(self._evaluate(right)))

    def _operands(self, function: str, items: Any) -> list[Any]:
        if not isinstance(items, list) or not 2 <= len(items) <= 10:  # noqa: PLR2004 - the documented bounds
            raise ValidationError(f"Template error: every {function} object requires a list of 2 to 10 conditions")
        return items

    def _calls(self, value: Any) -> Iterator[tuple[str, Any]]:
        """Yield each intrinsic function in *value* with its arguments, leaving out the branches not taken."""
        if isinstance(value, list):
            for item in value:
                yield from self._calls(item)
        if not isinstance(value, dict):
            return
        function = function_name(value)
        if function == "Fn::If":
            yield from self._calls(self._branch(value["Fn::If"]))
            return
        if function is not None:
            yield function, value[function]
        yield from self._calls(list(value.values()))


def function_name(value: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> str | None:
    """Return the name of the intrinsic function that *value* is, if it is one."""
    if len(value) != 1:
        return None
    (key,) = value
    if known is not None:
        return key if key in known else None
    return key if key == "Ref" or key.startswith("Fn::") else None


def _arguments(function: str, arguments: Any, count: int) -> list[Any]:
    if not isinstance(arguments, list) or len(arguments) != count:
        raise ValidationError(f"Template error: every {function} object requires a list of {count} arguments")
    return arguments
