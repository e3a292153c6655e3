"""What CloudFormation shows of one resource.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.state import StackStore


@dataclass(frozen=True, slots=True)
class StackResourceDetail:
    """One resource as DescribeStackResource shows it.

    Attributes
    ----------
    physical_id:
        The id that CloudFormation counts at this moment: that before a replacement until its Update has succeeded, an
        invented one for a cancelled Create, and empty until there is one.
    """

    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    status_reason: str
    updated: datetime


#: Answers DescribeStackResource: takes a stack's name or id, and a logical id.
Describe = Callable[[str, str], StackResourceDetail]


def describe_stack_resource(store: StackStore, stack_name: str, logical_id: str) -> StackResourceDetail:
    """Describe a resource of a stack, or of one that was deleted, which only its id names.

    Raises
    ------
    ValidationError
        There is no such stack or no such resource, in CloudFormation's own words.
    """
    stack = store.described(stack_name)
    if stack is None:
        raise no_such_stack(stack_name)
    resource = stack.resources.get(logical_id)
    if resource is None or resource.status in {"DELETE_COMPLETE", "DELETE_SKIPPED"}:
        resource = stack.gone.get(logical_id)
    if resource is None or resource.updated is None:
        raise no_such_resource(logical_id, stack_name)
    return StackResourceDetail(
        stack_id=stack.stack_id,
        stack_name=stack.name,
        logical_id=logical_id,
        physical_id=resource.physical_id,
        type=resource.type,
        status=resource.status,
        status_reason=resource.status_reason,
        updated=resource.updated,
    )


def no_such_stack(stack_name: str) -> ValidationError:
    """Return what CloudFormation says of a stack that does not exist."""
    return ValidationError(f"Stack '{stack_name}' does not exist")


def no_such_resource(logical_id: str, stack_name: str) -> ValidationError:
    """Return what CloudFormation says of a resource that a stack does not have."""
    return ValidationError(f"Resource {logical_id} does not exist for stack {stack_name}")
