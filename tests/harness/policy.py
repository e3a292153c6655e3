"""The role of the provider's function, as ``template.yaml`` declares it."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.cloudformation.template import read_template
from sandbox.runtime import PROVIDER_TEMPLATE


def statements() -> list[Mapping[str, Any]]:
    """Return every statement of the policies of the function's role."""
    role = read_template(PROVIDER_TEMPLATE)["Resources"]["ProviderRole"]["Properties"]
    return [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]


def allowed_actions(*services: str) -> set[str]:
    """Return the actions that the role allows, of all services or of some."""
    return {
        str(action)
        for statement in statements()
        for action in _listed(statement["Action"])
        if not services or str(action).partition(":")[0] in services
    }


def _listed(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        yield from value
    else:
        yield value
