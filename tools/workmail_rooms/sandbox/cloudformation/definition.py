"""The sections of a processed template, checked and ready to be carried out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from workmail_rooms.sandbox.cloudformation.checks import References
from workmail_rooms.sandbox.cloudformation.dynamic import refuse_secure, resolve
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope

WAIT_CONDITION_HANDLE = "AWS::CloudFormation::WaitConditionHandle"
CUSTOM_RESOURCE = "AWS::CloudFormation::CustomResource"
NESTED_STACK = "AWS::CloudFormation::Stack"
CDK_METADATA = "AWS::CDK::Metadata"

_OWN_TYPES = frozenset({WAIT_CONDITION_HANDLE, CUSTOM_RESOURCE, NESTED_STACK, CDK_METADATA})
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
_MAX_RESOURCES = 500
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
_CUSTOM_TYPE = re.compile(r"Custom::[A-Za-z0-9_@-]{1,60}")
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")
_DELETION_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate")
_UPDATE_REPLACE_POLICIES = ("Delete", "Retain")
_RESOURCE_KEYS = frozenset(
    {"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "Version"}
)


@dataclass(frozen=True, slots=True)
class ResourceDefinition:
    """One resource that the template asks for; ``properties`` are not evaluated yet."""

    logical_id: str
    type: str
    properties: dict[str, Any]
    depends_on: frozenset[str]
    deletion_policy: str
    update_replace_policy: str


@dataclass(frozen=True, slots=True)
class OutputDefinition:
    """One output that the template asks for; ``value`` and ``export_name`` are not evaluated yet."""

    name: str
    value: Any
    export_name: Any


@dataclass(frozen=True, slots=True)
class Definition:
    """What a template asks for under the parameters and conditions of one deployment."""

    resources: dict[str, ResourceDefinition]
    outputs: dict[str, OutputDefinition]
    imports: frozenset[str]

    def dependencies(self) -> dict[str, frozenset[str]]:
        """Return, for each logical id, those it has to wait for."""
        return {logical_id: resource.depends_on for logical_id, resource in self.resources.items()}


def define(template: Mapping[str, Any], scope: Scope) -> Definition:
    """Read the sections of a processed template.

    Raises
    ------
    ValidationError
        CloudFormation would refuse the template.
    """
    evaluator = Evaluator(scope)
    declared = template.get("Resources")
    if not isinstance(declared, dict) or not declared:
        raise ValidationError("Template format error: At least one Resources member must be defined.")
    if len(declared) > _MAX_RESOURCES:
        raise ValidationError(
            f"Template format error: Number of resources, {len(declared)}, is greater than maximum allowed, "
            f"{_MAX_RESOURCES}"
        )
    _check_types(declared)
    References(template, scope.values, language_extensions=scope.language_extensions).check()
    for name, body in declared.items():
        _refuse_unknown(_depends_on(name, body), declared, "Resources")
        if is_custom(body["Type"]):
            refuse_secure(body["Type"], body.get("Properties", {}))
            resolve(body.get("Properties", {}), scope.parameter_store)
    for name in scope.conditions:
        evaluator.condition(name)
    active = {name: body for name, body in declared.items() if _applies(body, evaluator)}
    resources = {name: _resource(name, body, active, evaluator, scope) for name, body in active.items()}
    try:
        TopologicalSorter({name: resource.depends_on for name, resource in resources.items()}).prepare()
    except CycleError as error:
        cycle = sorted(set(error.args[1]))
        raise ValidationError(f"Circular dependency between resources: [{', '.join(cycle)}]") from error
    outputs = {
        name: _output(name, body, active, evaluator, scope)
        for name, body in template.get("Outputs", {}).items()
        if _applies(body, evaluator)
    }
    used = [resource.properties for resource in resources.values()] + [output.value for output in outputs.values()]
    imports = frozenset(evaluator.imports(used))
    for name in imports:
        scope.imports(name)  # refuses an unknown one before anything is created
    return Definition(resources, outputs, imports)


def _check_types(declared: Mapping[str, Any]) -> None:
    foreign = []
    for name, body in declared.items():
        if not _LOGICAL_ID.fullmatch(name):
            raise ValidationError(f"Template format error: Resource name {name} is non alphanumeric.")
        if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
            raise ValidationError(
                f"Template format error: [/Resources/{name}] Every Resources object must contain a Type member."
            )
        surplus = sorted(str(key) for key in body.keys() - _RESOURCE_KEYS)
        if surplus:
            raise ValidationError(f"Invalid template resource property '{surplus[0]}' in resource {name}")
        kind = body["Type"]
        if kind not in _OWN_TYPES and not _CUSTOM_TYPE.fullmatch(kind):
            foreign.append(kind)
    if foreign:
        raise ValidationError(
            f"Template format error: Unrecognized resource types: [{', '.join(dict.fromkeys(foreign))}]. "
            f"Custom::*, {CUSTOM_RESOURCE}, {NESTED_STACK} and {WAIT_CONDITION_HANDLE} are deployed here; "
            "take the others out of this template."
        )


def _applies(body: Any, evaluator: Evaluator) -> bool:
    condition = body.get("Condition") if isinstance(body, dict) else None
    return condition is None or evaluator.condition(str(condition))


def _resource(
    name: str, body: Mapping[str, Any], active: Mapping[str, Any], evaluator: Evaluator, scope: Scope
) -> ResourceDefinition:
    properties = body.get("Properties", {})
    if not isinstance(properties, dict):
        raise ValidationError(f"Template format error: [/Resources/{name}/Properties] must be an object")
    explicit = _depends_on(name, body)
    used = _resources_used([properties, body.get("Metadata", {})], evaluator, scope)
    _refuse_unknown([*explicit, *used], active, "Resources")
    _evaluate_known(properties, evaluator, scope)
    return ResourceDefinition(
        logical_id=name,
        type=body["Type"],
        properties=properties,
        depends_on=frozenset([*explicit, *used]),
        deletion_policy=_policy(name, body, "DeletionPolicy", _DELETION_POLICIES, evaluator),
        update_replace_policy=_policy(name, body, "UpdateReplacePolicy", _UPDATE_REPLACE_POLICIES, evaluator),
    )


def _evaluate_known(value: Any, evaluator: Evaluator, scope: Scope) -> None:
    """Evaluate what depends on no resource, so that CloudFormation's refusal comes before anything is made."""
    if not _resources_used(value, evaluator, scope):
        evaluator.evaluate(value)
    elif isinstance(value, dict) and "Fn::If" in value:
        name, *branches = value["Fn::If"]
        _evaluate_known(branches[0 if evaluator.condition(name) else 1], evaluator, scope)
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            _evaluate_known(item, evaluator, scope)


def _depends_on(name: str, body: Mapping[str, Any]) -> list[str]:
    value = body.get("DependsOn", [])
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise ValidationError(
            f"Template format error: [/Resources/{name}/DependsOn] Every DependsOn value must be a string."
        )
    return names


def is_custom(resource_type: str) -> bool:
    """Return whether resources of a type are custom resources."""
    return resource_type == CUSTOM_RESOURCE or resource_type.startswith("Custom::")


def _output(name: str, body: Any, active: Mapping[str, Any], evaluator: Evaluator, scope: Scope) -> OutputDefinition:
    if not isinstance(body, dict) or "Value" not in body:
        # https://github.com/aws/aws-cdk/issues/2261
        raise ValidationError(
            f"Template format error: Every Outputs member must contain a Value object; output {name} has none"
        )
    export = body.get("Export")
    if export is not None and (not isinstance(export, dict) or "Name" not in export):
        # https://github.com/awslabs/goformation/pull/299
        raise ValidationError(
            f"Template format error: Output {name} is malformed. The Name field of every Export member is required."
        )
    _refuse_unknown(_resources_used(body["Value"], evaluator, scope), active, "Outputs")
    return OutputDefinition(name=name, value=body["Value"], export_name=None if export is None else export["Name"])


def _policy(name: str, body: Mapping[str, Any], key: str, allowed: tuple[str, ...], evaluator: Evaluator) -> str:
    declared = body.get(key, "Delete")
    if not isinstance(declared, str) and not evaluator.language_extensions:
        raise ValidationError(f"Template format error: Every {key} member must be a string.")
    policy = evaluator.evaluate(declared)
    if not isinstance(policy, str) or policy not in allowed:
        raise ValidationError(
            f"Template error: {key} {policy!r} of resource {name} must be one of [{', '.join(allowed)}]"
        )
    return str(policy)


def _resources_used(value: Any, evaluator: Evaluator, scope: Scope) -> set[str]:
    return {name for name in evaluator.references(value) if name not in scope.values and name != "AWS::NoValue"}


def _refuse_unknown(names: Iterable[str], active: Mapping[str, Any], section: str) -> None:
    unknown = sorted({str(name) for name in names if name not in active})
    if unknown:
        raise ValidationError(
            f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] in the {section} block "
            "of the template"
        )
