"""What CloudFormation does for the resources of one type."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from workmail_rooms.sandbox.cloudformation.definition import CDK_METADATA, WAIT_CONDITION_HANDLE
from workmail_rooms.sandbox.cloudformation.errors import StackFailure
from workmail_rooms.sandbox.cloudformation.exchange import Exchange, Request
from workmail_rooms.sandbox.cloudformation.protocol import Answer, check_service_properties, request_event
from workmail_rooms.sandbox.cloudformation.schedule import Running
from workmail_rooms.sandbox.cloudformation.state import PhysicalResource, Resource, Stack


class Kind(Protocol):
    """The resources of one type, in one operation. An Answer is what is done at once, the rest is waited for."""

    def check(self, properties: Mapping[str, Any]) -> None:
        """Check properties before they are used.

        Raises
        ------
        StackFailure
            One is missing or wrong.
        """

    def is_current(self, resource: Resource, properties: Mapping[str, Any]) -> bool:
        """Return whether *properties* leave *resource* as it is."""

    def create(self, resource: Resource) -> Running | Answer:
        """Create what ``resource.properties`` ask for.

        Raises
        ------
        StackFailure
            It cannot even be begun. So with the others.
        """

    def update(self, resource: Resource, properties: Mapping[str, Any]) -> Running | Answer:
        """Bring *resource* to *properties*."""

    def reverse(self, resource: Resource, properties: Mapping[str, Any], sent: Mapping[str, Any]) -> Running | Answer:
        """Bring *resource* back to *properties*, after *sent* were tried."""

    def delete(self, resource: Resource, target: PhysicalResource) -> Running | Answer:
        """Delete *target*, which *resource* is or was."""

    def clean_up(self, resource: Resource) -> None:
        """Do what had to wait until it was certain how the stack's update ends."""


class CustomResources:
    """Custom resources: every request is an event for a function."""

    def __init__(self, stack: Stack, exchange: Exchange) -> None:
        self._stack = stack
        self._exchange = exchange

    def check(self, properties: Mapping[str, Any]) -> None:
        """Check the two properties that are CloudFormation's own."""
        check_service_properties(properties)

    def is_current(self, resource: Resource, properties: Mapping[str, Any]) -> bool:
        """Compare the properties."""
        return bool(properties == resource.properties)

    def create(self, resource: Resource) -> Request:
        """Send Create."""
        return self._send("Create", resource, resource.properties)

    def update(self, resource: Resource, properties: Mapping[str, Any]) -> Request:
        """Send Update."""
        if properties["ServiceToken"] != resource.properties["ServiceToken"]:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
            raise StackFailure("Modifying service token is not allowed.")
        return self._send(
            "Update", resource, properties, physical_id=resource.physical_id, old_properties=resource.properties
        )

    def reverse(self, resource: Resource, properties: Mapping[str, Any], sent: Mapping[str, Any]) -> Request:
        """Send Update with the properties exchanged."""
        return self._send("Update", resource, properties, physical_id=resource.physical_id, old_properties=sent)

    def delete(self, resource: Resource, target: PhysicalResource) -> Request:
        """Send Delete."""
        return self._send("Delete", resource, target.properties, physical_id=target.physical_id)

    def clean_up(self, resource: Resource) -> None:
        """Do nothing: ids that were replaced are deleted like resources."""

    def _send(self, request_type: str, resource: Resource, properties: Mapping[str, Any], **more: Any) -> Request:
        resource.asked = True
        request = self._exchange.send(
            request_event(
                request_type,
                stack_id=self._stack.stack_id,
                logical_id=resource.logical_id,
                resource_type=resource.type,
                properties=properties,
                **more,
            )
        )
        resource.request_id = request.event["RequestId"]
        return request


class Placeholders:
    """Types that nothing has to be made for: wait condition handles, and the metadata that the CDK adds."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def check(self, properties: Mapping[str, Any]) -> None:
        """Take any."""

    def is_current(self, resource: Resource, properties: Mapping[str, Any]) -> bool:
        """Compare the properties."""
        return bool(properties == resource.properties)

    def create(self, resource: Resource) -> Answer:
        """Make an id."""
        make = {WAIT_CONDITION_HANDLE: _handle_url, CDK_METADATA: _metadata_id}[resource.type]
        return Answer(physical_id=make(self._stack.stack_id, resource.logical_id))

    def update(self, resource: Resource, properties: Mapping[str, Any]) -> Answer:  # noqa: ARG002 - see Kind
        """Keep the id."""
        return Answer(physical_id=resource.physical_id)

    def reverse(
        self,
        resource: Resource,
        properties: Mapping[str, Any],  # noqa: ARG002 - see Kind
        sent: Mapping[str, Any],  # noqa: ARG002 - see Kind
    ) -> Answer:
        """Keep the id."""
        return Answer(physical_id=resource.physical_id)

    def delete(self, resource: Resource, target: PhysicalResource) -> Answer:  # noqa: ARG002 - see Kind
        """Do nothing."""
        return Answer()

    def clean_up(self, resource: Resource) -> None:
        """Do nothing."""


def _handle_url(stack_id: str, logical_id: str) -> str:
    region = stack_id.split(":")[3]
    path = quote(f"{stack_id}/{logical_id}", safe="")
    return f"https://cloudformation-waitcondition-{region}.s3.{region}.amazonaws.com/{path}"


def _metadata_id(stack_id: str, logical_id: str) -> str:  # noqa: ARG001 - as _handle_url
    return stack_id.rpartition("/")[2]
