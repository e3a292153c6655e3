"""What CloudFormation shows of stacks and of single resources.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html and
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.state import Stack, StackStore


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
#: Answers DescribeStacks: takes a stack's name or id; with an empty one it returns all that are not deleted.
DescribeStacks = Callable[[str], Sequence[Stack]]


def describe_stacks(store: StackStore, stack_name: str, *, besides: Sequence[Stack] = ()) -> Sequence[Stack]:
    """Return a stack, or all that are not deleted.

    Parameters
    ----------
    stack_name:
        A name or an id; empty for all.
    besides:
        Stacks of the account that are not in the store.

    Raises
    ------
    ValidationError
        There is no such stack, in CloudFormation's own words.
    """
    if not stack_name:
        return [*besides, *(stack for stack in store.stacks.values() if stack.status != "DELETE_COMPLETE")]
    found = store.described(stack_name)
    others = [one for one in besides if stack_name in {one.name, one.stack_id}]
    if found is None and not others:
        raise ValidationError(f"Stack with id {stack_name} does not exist")
    return others if found is None else [found]


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
