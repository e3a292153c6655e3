"""Templates and readings that the stories share."""

from collections.abc import Iterable
from typing import Any

from tests.tools.sandbox.cloudformation.world import TOKEN
from workmail_rooms.sandbox.cloudformation import Outcome, StackEvent


def thing(
    name: str, *, depends_on: list[str] | None = None, attributes: dict[str, Any] | None = None, **properties: Any
) -> dict[str, Any]:
    """Return a resource that stands for a thing."""
    body: dict[str, Any] = {"Type": "Custom::Thing", "Properties": {"ServiceToken": TOKEN, "Name": name, **properties}}
    if depends_on:
        body["DependsOn"] = depends_on
    return {**body, **(attributes or {})}


def template(*, outputs: dict[str, Any] | None = None, **resources: Any) -> dict[str, Any]:
    """Return a template with these resources."""
    return {"Resources": resources} | ({"Outputs": outputs} if outputs else {})


def told(events: Iterable[StackEvent] | Outcome) -> list[str]:
    """Return events as lines: logical id, status, and the reason if there is one."""
    events = events.events if isinstance(events, Outcome) else events
    return [f"{e.logical_resource_id} {e.resource_status} {e.resource_status_reason}".rstrip() for e in events]
