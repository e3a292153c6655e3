"""The properties of each resource, against the schema."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.context.conditions.exceptions import Unsatisfiable  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.helpers import FUNCTIONS, ToPy, import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CfnLintJsonSchema  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))

# The rules that the keywords of the schema belong to.
_KEYWORDS = {
    "required": "E9502",
    "type": "E9503",
    "enum": "E9504",
    "pattern": "E9504",
    "maxLength": "E9505",
    "maxItems": "E9505",
    "maximum": "E9509",
    "answerTime": "W9510",
}
# The rules about what properties have to do with each other.
_TOGETHER = ("E9506", "E9507", "E9508")
_DEFAULTS = "W9511"
# Their rules are told by another keyword, or are cfn-lint's own rules, which look at every resource.
_LEFT_OUT = ("anyOf", "allOf", "minLength", "minimum", "uniqueItems", "cfnLint", "format")
_LEFT_TO_CFN_LINT = ("dynamicReference", "dynamicReferenceSpaces", "rawPseudoParameter")
# What cfn-lint makes up for these is of another length than the real ones.
_INVENTED = {"AWS::StackName", "AWS::StackId", "AWS::NotificationARNs"}

_TEXTS = {"Fn::Sub", "Fn::Join", "Fn::Base64", "Fn::ImportValue", "Fn::ToJsonString"}
_LISTS = {"Fn::Split", "Fn::GetAZs", "Fn::Cidr"}


class Properties(CfnLintJsonSchema):  # type: ignore[misc] # cfn-lint ships no types
    """Walks through the properties with cfn-lint's JSON Schema validator, and finds those that do not exist.

    The other rules of this folder are its child rules: each finds what its keywords are about. Functions are resolved
    by cfn-lint. What it cannot resolve is taken to be right.
    """

    id = "E9501"
    shortdesc = "A property that Custom::WorkMailResource does not have"
    description = "Each property is one of the schema's; a misspelt one would fail the deployment"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def __init__(self) -> None:
        types = (_shared.TYPE, _shared.GENERIC_TYPE)
        super().__init__(keywords=[f"Resources/{type_}/Properties" for type_ in types], all_matches=True)
        self.child_rules = dict.fromkeys((*_KEYWORDS.values(), *_TOGETHER, _DEFAULTS))
        self.invented: Mapping[str, str] = {}
        self.cases: Any = None
        read_only = {pointer.rpartition("/")[2] for pointer in _shared.SCHEMA["readOnlyProperties"]}
        known = {name: value for name, value in _shared.SCHEMA["properties"].items() if name not in read_only}
        own = {
            # cfn-lint knows these two; what it does not know is how long the function takes.
            "ServiceToken": True,
            "ServiceTimeout": {"maximum": known["ServiceTimeout"]["maximum"], "answerTime": True},
        }
        required = [name for name in _shared.SCHEMA["required"] if name not in own]
        self._schema = {
            "definitions": _shared.SCHEMA["definitions"],
            "type": "object",
            "additionalProperties": False,
            "properties": {**known, **own},
            "required": required,
        }

    def initialize(self, cfn: Any) -> None:
        """Look for what cfn-lint has made up in this template, and for what its Rules allow."""
        super().initialize(cfn)
        self.invented = _shared.invented(cfn)
        self.cases = _shared.Cases(cfn)

    def validate(self, validator: Any, _: Any, instance: Any, schema: Any) -> Iterator[Any]:  # noqa: ARG002 # cfn-lint's signature
        """Yield everything that is wrong with the properties of one resource."""
        ours = validator.context.path.cfn_path_string.split("/")[1:2] == [_shared.TYPE] or _shared.is_ours(instance)
        if not (ours and isinstance(instance, Mapping)):
            return
        context = validator.context.evolve(
            pseudo_parameters=validator.context.pseudo_parameters - _INVENTED, unresolvable_function_mode=False
        )
        included = "Fn::Transform" in instance
        validator = self.extend_validator(
            validator=validator.evolve(
                function_filter=validator.function_filter.evolve(
                    add_cfn_lint_keyword=False, validate_dynamic_references=True
                )
            ),
            schema={**self._schema, "required": []} if included else self._schema,
            context=context,
            validators=self._checks(),
        )
        yield from validator.iter_errors(instance)
        if included:
            return
        for properties, conditions in self._possible(context.conditions.evolve_from_instance(instance, context)):
            for rule in filter(None, map(self.child_rules.get, _TOGETHER)):
                yield from rule.check(
                    properties or {}, instance, lambda value, now=conditions: self._each(value, now, context)
                )

    def _checks(self) -> dict[str, Any]:
        checks: dict[str, Any] = dict.fromkeys((*_LEFT_OUT, *_LEFT_TO_CFN_LINT))
        checks |= {ToPy(name).py: self._function for name in FUNCTIONS}
        checks |= {
            keyword: self._where_it_matters(rule)
            for keyword, id_ in _KEYWORDS.items()
            if (rule := self.child_rules[id_])
        }
        checks["additionalProperties"] = self._unknown
        return checks

    def _where_it_matters(self, rule: Any) -> Any:
        def check(validator: Any, limit: Any, instance: Any, schema: Any) -> Iterator[Any]:
            if isinstance(instance, str) and any(value in instance for value in self.invented):
                return
            if not self.cases.possible(validator.context.conditions.status):
                return
            yield from rule.check(validator, limit, instance, schema)

        return check

    def _unknown(self, validator: Any, _: Any, instance: Any, schema: Any) -> Iterator[Any]:
        if not isinstance(instance, Mapping) or (len(instance) == 1 and next(iter(instance)) in FUNCTIONS):
            return
        for key in instance:
            if key not in schema["properties"] and not str(key).startswith("Fn::"):
                own = set(schema["properties"]) - {"ServiceToken", "ServiceTimeout"}
                yield ValidationError(
                    f"{_shared.name_of(validator, str(key))} is not a property here"
                    f"{_shared.did_you_mean(str(key), 'properties', own)}",
                    path=[key],
                    rule=self,
                )

    def _function(self, validator: Any, schema: Any, instance: Any, _: Any) -> Iterator[Any]:
        ((name, argument),) = instance.items()
        expected = schema.get("type")
        if name == "Fn::If":
            yield from self._branches(validator, schema, name, argument)
        elif (name in _TEXTS and expected in ("array", "object")) or (
            name in _LISTS and expected not in {"array", None}
        ):
            if rule := self.child_rules["E9503"]:
                yield rule.refusal(
                    _shared.name_of(validator), expected, "array" if name in _LISTS else "string", [name]
                )
        else:
            yield from self._resolved(validator, schema, name, instance)

    def _branches(self, validator: Any, schema: Any, name: str, argument: Any) -> Iterator[Any]:
        if not (isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)):  # noqa: PLR2004 # condition and two branches
            return
        for index in (1, 2):
            try:
                conditions = validator.context.conditions.evolve({argument[0]: index == 1})
            except Unsatisfiable:
                continue
            path = validator.context.path.descend(path=name)
            branch = validator.evolve(context=validator.context.evolve(path=path, conditions=conditions))
            for error in branch.descend(argument[index], schema, path=index):
                error.path.appendleft(name)
                yield error

    def _resolved(self, validator: Any, schema: Any, name: str, instance: Any) -> Iterator[Any]:
        parameters = sorted(_shared.parameters_in(instance, validator.context.parameters))
        found = []
        for value, resolved, unresolved in validator.resolve_value(instance):
            if unresolved:
                continue
            errors = list(resolved.descend(value, schema, path=name))
            if not (errors or parameters):
                # The value depends on nothing that a deployment chooses, and one that it can be is right.
                return
            for error in errors:
                error.path = deque([name])
                if parameters:
                    self._by_parameter(error, parameters, resolved, alone=name == "Ref")
                found.append(error)
        yield from (error for error in found if error.rule)

    def _by_parameter(self, error: Any, parameters: list[str], resolved: Any, *, alone: bool) -> None:
        """Make a warning of *error*, because a deployment may give another value; it stands at the value, if it can."""
        if error.rule is not self.child_rules[_DEFAULTS]:
            names = " and ".join(parameters)
            error.message = f"{error.message} (by a value that the template allows or has as the default of {names})"
            error.rule = self.child_rules[_DEFAULTS]
        if alone and list(resolved.context.path.value_path)[:1] == ["Parameters"]:
            error.path_override = deque(resolved.context.path.value_path)

    def _each(self, value: Any, conditions: Any, context: Any) -> Iterator[Any]:
        """Yield what *value* can be, as further conditions decide."""
        for decided, _ in self._possible(conditions.evolve_from_instance(value, context)):
            yield decided

    def _possible(self, decided: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
        """Yield those of the values, each with its conditions, that the template's Rules leave possible."""
        yield from ((value, conditions) for value, conditions in decided if self.cases.possible(conditions.status))
