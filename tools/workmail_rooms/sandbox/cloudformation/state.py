"""What CloudFormation remembers: stacks, resources, events, outputs and exports. Pure data."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class StackEvent:
    """One stack event, as DescribeStackEvents shows it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
    """

    event_id: str
    timestamp: datetime
    stack_id: str
    stack_name: str
    logical_resource_id: str
    physical_resource_id: str
    resource_type: str
    resource_status: str
    resource_status_reason: str


@dataclass(slots=True)
class PhysicalResource:
    """What a physical id stands for: enough to send its Delete.

    Attributes
    ----------
    properties:
        The ResourceProperties that were sent for it.
    unfinished:
        Whether it is what a failed Create has left; no policy retains that.
    """

    physical_id: str
    properties: dict[str, Any]
    unfinished: bool = False


@dataclass(slots=True)
class Resource:
    """One resource of a stack.

    Attributes
    ----------
    physical_id:
        Empty until there is one.
    properties:
        The ResourceProperties that are in force.
    attributes:
        The Data of the last successful answer, for Fn::GetAtt.
    no_echo:
        Whether that answer asked for its Data to be masked.
    depends_on:
        The logical ids it was created after, so that it is deleted before them.
    superseded:
        Physical ids that another one has replaced and that still have to be deleted.
    asked:
        Whether its function was ever called; if not, there is nothing to delete.
    updated:
        When its status last changed.
    """

    logical_id: str
    type: str
    status: str = ""
    status_reason: str = ""
    physical_id: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    no_echo: bool = False
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    depends_on: list[str] = field(default_factory=list)
    superseded: list[PhysicalResource] = field(default_factory=list)
    asked: bool = False
    request_id: str = ""
    updated: datetime | None = None


@dataclass(slots=True)
class Change:
    """One resource's update, for the way back.

    Attributes
    ----------
    before:
        The resource as it was.
    sent:
        The new ResourceProperties if they were sent.
    reversed:
        Whether it has been taken back.
    """

    before: Resource
    sent: dict[str, Any] | None = None
    reversed: bool = False


@dataclass(slots=True)
class Undo:
    """What an update that is under way, or whose rollback failed, has to bring back or to clear away.

    Attributes
    ----------
    changes:
        The updates, by logical id.
    existing:
        The logical ids that there were before.
    removed:
        Those of them that the new template has no more.
    template, parameters, outputs, exports, imports:
        The stack's own, as they were.
    """

    changes: dict[str, Change]
    existing: list[str]
    removed: list[str]
    template: dict[str, Any]
    parameters: dict[str, str]
    outputs: dict[str, str]
    exports: dict[str, str]
    imports: list[str]


@dataclass(slots=True)
class Stack:
    """One stack; after its deletion it stays readable until another one takes its name.

    Attributes
    ----------
    template:
        The template as it was read, before any transform.
    outputs:
        As shown: masked where NoEcho asks for it.
    exports:
        Export name to value.
    imports:
        The names of the exports it uses.
    parent_id:
        The id of the stack that it is nested in; empty when it is none.
    undo:
        None unless an update is under way or its rollback failed.
    gone:
        The resources that were deleted, or retained, as they were last described.
    """

    stack_id: str
    name: str
    status: str = ""
    status_reason: str = ""
    template: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    resources: dict[str, Resource] = field(default_factory=dict)
    events: list[StackEvent] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    exports: dict[str, str] = field(default_factory=dict)
    imports: list[str] = field(default_factory=list)
    parent_id: str = ""
    undo: Undo | None = None
    gone: dict[str, Resource] = field(default_factory=dict)

    def forget(self, resource: Resource, physical_id: str) -> None:
        """Note that a resource is no longer part of the stack, except that it is still described."""
        self.gone[resource.logical_id] = Resource(
            resource.logical_id,
            resource.type,
            status=resource.status,
            status_reason=resource.status_reason,
            physical_id=physical_id,
            updated=resource.updated,
        )


@dataclass(slots=True)
class StackStore:
    """All stacks of one account and Region.

    Attributes
    ----------
    stacks:
        By name, the last one of each name.
    deleted:
        By id, what is still described of those before it.
    request_ids:
        The last RequestId for each stack name, logical id and RequestType.
    last_signed:
        The latest date that a ResponseURL was signed with.
    """

    stacks: dict[str, Stack] = field(default_factory=dict)
    request_ids: dict[str, str] = field(default_factory=dict)
    last_signed: datetime | None = None
    deleted: dict[str, Stack] = field(default_factory=dict)

    def live(self, stack_name: str) -> Stack | None:
        """Return the stack with this name or id unless it is deleted."""
        stack = self.last(stack_name)
        return None if stack is None or stack.status == "DELETE_COMPLETE" else stack

    def last(self, stack_name: str) -> Stack | None:
        """Return the last stack with this name or id, deleted or not."""
        by_id = (stack for stack in list(self.stacks.values()) if stack.stack_id == stack_name)
        return self.stacks.get(stack_name) or next(by_id, None)

    def described(self, stack_name: str) -> Stack | None:
        """Return the stack that a query is about: by its name unless it is deleted, by its id in any case.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html
        """
        stack = self.last(stack_name)
        if stack is not None and stack.status == "DELETE_COMPLETE" and stack.stack_id != stack_name:
            return None
        return stack or self.deleted.get(stack_name)

    def add(self, stack: Stack) -> None:
        """Add a stack in the place of the last one of its name, of which only the resources stay described."""
        before = self.stacks.get(stack.name)
        self.stacks[stack.name] = stack
        if before is not None:
            self._archive(before)
        forgotten = {before.stack_id} if before else set()
        while forgotten:
            children = [other for other in self.stacks.values() if other.parent_id in forgotten]
            forgotten = {child.stack_id for child in children}
            for child in children:
                if child.status == "DELETE_COMPLETE":
                    self._archive(self.stacks.pop(child.name))

    def _archive(self, stack: Stack) -> None:
        kept = Stack(stack.stack_id, stack.name, status=stack.status, gone=stack.gone, parent_id=stack.parent_id)
        self.deleted[stack.stack_id] = kept

    def export_state(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        state: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return state

    @classmethod
    def import_state(cls, state: dict[str, Any]) -> "StackStore":
        """Return the store that `export_state` described.

        Raises
        ------
        pydantic.ValidationError
            *state* is something else.
        """
        return _adapter().validate_python(state)


@cache
def _adapter() -> TypeAdapter[StackStore]:
    return TypeAdapter(StackStore)
