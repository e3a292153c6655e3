"""What ``template.yaml`` becomes with certain parameters, and what the roles in it allow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.parameters import resolve_parameters, typed_values
from workmail_rooms.sandbox.cloudformation.template import read_template
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

KEY: Final = "arn:aws:kms:us-east-1:123456789012:key/11111111-2222-3333-4444-555555555555"
#: The widest that the roles become: the other parameters add no permission.
_WIDEST: Final = {"Tracing": "Active", "KmsKeyArn": KEY}


@dataclass(frozen=True, slots=True)
class _Names:
    """Answers Ref and Fn::GetAtt of the resources that there are with what they ask for."""

    known: frozenset[str]

    def ref(self, logical_id: str) -> str:
        """Return the logical id."""
        assert logical_id in self.known, f"{logical_id} is referred to, and there is none"
        return logical_id

    def get_att(self, logical_id: str, attribute: str) -> str:
        """Return the two, with a dot between them."""
        return f"{self.ref(logical_id)}.{attribute}"


@cache
def _template() -> Any:
    return read_template(PROVIDER_TEMPLATE)


def provider_stack(**parameters: str) -> dict[str, dict[str, Any]]:
    """Return the Resources and Outputs that the provider stack has with these *parameters*, expressions carried out.

    Raises
    ------
    ValidationError
        CloudFormation would not take a parameter.
    AssertionError
        An expression refers to a resource that the stack does not have with them.
    """
    template = _template()
    declared = template["Parameters"]
    values = typed_values(declared, resolve_parameters(declared, parameters, {}))
    pseudo = {
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "AWS::StackName": "workmail-resource",
        "AWS::URLSuffix": "amazonaws.com",
    }
    scope = Scope(values={**values, **pseudo}, conditions=template["Conditions"], resources=_Names(frozenset()))
    conditions = {name: Evaluator(scope).condition(name) for name in template["Conditions"]}
    there = {name: body for name, body in template["Resources"].items() if conditions.get(body.get("Condition"), True)}
    scope = Scope(values=scope.values, conditions=scope.conditions, resources=_Names(frozenset(there)))
    stack = {"Resources": there, "Outputs": template["Outputs"]}
    evaluator = Evaluator(scope)
    return {
        section: {
            name: evaluator.evaluate({key: part for key, part in body.items() if key != "Condition"})
            for name, body in bodies.items()
        }
        for section, bodies in stack.items()
    }


def provider_resources(**parameters: str) -> dict[str, Any]:
    """Return the resources that the provider stack has with these *parameters* (see ``provider_stack``)."""
    return provider_stack(**parameters)["Resources"]


def statements(role: str = "ProviderRole", parameters: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
    """Return every statement of the policies of a role; all that there can be, unless *parameters* say otherwise."""
    properties = provider_resources(**(_WIDEST if parameters is None else parameters))[role]["Properties"]
    return [one for policy in properties["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def allowed_actions(*services: str, role: str = "ProviderRole") -> set[str]:
    """Return the actions that the role allows, of all services or of some."""
    return {
        str(action)
        for statement in statements(role)
        for action in listed(statement["Action"])
        if not services or str(action).partition(":")[0] in services
    }


def listed(value: Any) -> Iterator[Any]:
    """Yield the one or the many that a policy has in a place."""
    if isinstance(value, list):
        yield from value
    else:
        yield value
