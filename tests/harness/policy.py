"""What ``template.yaml`` becomes with certain parameters, and what the roles in it allow."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope
from workmail_rooms.sandbox.cloudformation.parameters import resolve_parameters, typed_values
from workmail_rooms.sandbox.cloudformation.template import read_template
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

#: The widest that the roles become: the other parameters add no permission.
_TRACED = {"Tracing": "Active"}


class _Names:
    """Answers Ref and Fn::GetAtt with what they ask for."""

    def ref(self, logical_id: str) -> str:
        """Return the logical id."""
        return logical_id

    def get_att(self, logical_id: str, attribute: str) -> str:
        """Return the two, with a dot between them."""
        return f"{logical_id}.{attribute}"


def provider_resources(**parameters: str) -> dict[str, Any]:
    """Return the resources that the provider stack has with these *parameters*, expressions carried out.

    Raises
    ------
    ValidationError
        CloudFormation would not take a parameter.
    """
    template = _template()
    declared = template["Parameters"]
    values = typed_values(declared, resolve_parameters(declared, parameters, {}))
    pseudo = {
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws",
        "AWS::Region": "us-east-1",
        "AWS::URLSuffix": "amazonaws.com",
    }
    evaluator = Evaluator(Scope(values={**values, **pseudo}, conditions=template["Conditions"], resources=_Names()))
    return {
        name: evaluator.evaluate({key: part for key, part in body.items() if key != "Condition"})
        for name, body in template["Resources"].items()
        if "Condition" not in body or evaluator.condition(body["Condition"])
    }


@cache
def _template() -> Any:
    return read_template(PROVIDER_TEMPLATE)


def statements(role: str = "ProviderRole", parameters: Mapping[str, str] | None = None) -> list[Mapping[str, Any]]:
    """Return every statement of the policies of a role; with tracing, unless *parameters* say otherwise."""
    properties = provider_resources(**(_TRACED if parameters is None else parameters))[role]["Properties"]
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
