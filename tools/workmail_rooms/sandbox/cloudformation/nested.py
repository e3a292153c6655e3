"""Nested stacks: a resource that is a stack of its own.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-stack.html

Each operation on a nested stack runs in a thread of its own, as its siblings do. An update waits with its clean-up
until the parent knows how its own update ends; until then it can still be taken back
(https://repost.aws/knowledge-center/cloudformation-stack-cleanup-stuck).
"""

import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from workmail_rooms.sandbox.cloudformation.create import create_resources
from workmail_rooms.sandbox.cloudformation.errors import CloudFormationError, StackFailure
from workmail_rooms.sandbox.cloudformation.operation import Operation
from workmail_rooms.sandbox.cloudformation.plan import Plan, nested_template
from workmail_rooms.sandbox.cloudformation.protocol import Answer
from workmail_rooms.sandbox.cloudformation.schedule import Stop
from workmail_rooms.sandbox.cloudformation.state import PhysicalResource, Resource, Stack
from workmail_rooms.sandbox.cloudformation.update import (
    ReplacementRollback,
    StackUpdate,
    clean_up,
    refuse_type_changes,
    roll_back,
)

UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})

_MAX_NAME = 128
# CloudFormation has no such limit; here it ends templates that nest themselves.
_MAX_DEPTH = 10
_PROPERTIES = frozenset({"NotificationARNs", "Parameters", "Tags", "TemplateURL", "TimeoutInMinutes"})


class Surroundings(Protocol):
    """What a nested stack needs of the account that it is in (``account.Account``)."""

    @property
    def replacement_rollback(self) -> ReplacementRollback:
        """What a resource is sent when its replacement is rolled back."""

    def find(self, stack_id: str) -> Stack | None:
        """Return the stack with this id unless it is deleted."""

    def found(self, name: str, parent_id: str) -> Stack:
        """Make a stack, which `plan` and `add` take."""

    def add(self, stack: Stack) -> None:
        """Make a stack known."""

    def plan(self, path: Path, stack: Stack, given: Mapping[str, str]) -> Plan:
        """Read a template with exactly these parameters."""

    def open(
        self, stack: Stack, path: Path | None = None, stop: Stop | None = None, skip: frozenset[str] = frozenset()
    ) -> Operation:
        """Begin an operation on a stack whose template is *path*."""

    def finish(self, stack: Stack, plan: Plan) -> None:
        """Take what *plan* leads to: template, parameters, outputs and exports."""

    def is_current(self, operation: Operation, plan: Plan) -> bool:
        """Return whether *plan* changes nothing."""

    def update(self, operation: Operation, plan: Plan) -> StackUpdate:
        """Make the update that leads to *plan*."""

    def delete(self, operation: Operation) -> None:
        """Delete the operation's stack, unless another one imports what it exports."""


@dataclass(frozen=True, slots=True, eq=False)
class ChildOperation:
    """An operation on a nested stack, in its thread. Implements ``schedule.Running``."""

    stop: Stop
    future: "Future[Answer]" = field(default_factory=Future)
    event: Mapping[str, Any] = field(default_factory=dict)

    def cancel(self) -> bool:
        """End it; it goes on until what it has begun is cancelled too."""
        if self.future.done():
            return False
        self.stop.request()
        return True


class Children:
    """What goes on in nested stacks, across all operations of one engine."""

    def __init__(self) -> None:
        self.running: dict[str, ChildOperation] = {}

    def begin(self, stack_id: str, stop: Stop, work: Callable[[], Answer]) -> ChildOperation:
        """Carry out *work* in a thread, after what was begun for the same stack before."""
        before = self.running.get(stack_id)
        child = self.running[stack_id] = ChildOperation(stop)

        def run() -> None:
            try:
                if before is not None:
                    before.future.exception()
                child.future.set_result(work())
            except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
                child.future.set_exception(error)

        threading.Thread(target=run, name=f"nested-stack-{stack_id.split('/')[1]}", daemon=True).start()
        return child

    def interrupt(self) -> None:
        """End what still runs."""
        for child in list(self.running.values()):
            child.cancel()

    def wait(self, timeout: float) -> None:
        """Wait until nothing runs any more, at most *timeout* seconds for each."""
        for child in list(self.running.values()):
            with contextlib.suppress(TimeoutError):
                child.future.exception(timeout)


class NestedStacks:
    """The nested stacks of one stack, in one operation. Implements ``kinds.Kind``.

    Parameters
    ----------
    parent:
        The operation.
    path:
        The parent's template; None where nothing is created or updated.
    """

    def __init__(self, parent: Operation, path: Path | None, account: Surroundings, children: Children) -> None:
        self._parent = parent
        self._path = path
        self._account = account
        self._children = children

    def check(self, properties: Mapping[str, Any]) -> None:
        """Check the properties. Tags, NotificationARNs and TimeoutInMinutes have no effect here."""
        surplus = sorted(properties.keys() - _PROPERTIES)
        if surplus:
            raise StackFailure(f"Encountered unsupported property {surplus[0]}")
        if not isinstance(properties.get("TemplateURL"), str) or not properties["TemplateURL"]:
            raise StackFailure("Property TemplateURL cannot be empty.")
        parameters = properties.get("Parameters", {})
        if not isinstance(parameters, dict) or not all(isinstance(value, str) for value in parameters.values()):
            raise StackFailure("Value of property Parameters must be an object with String (or simple type) properties")
        timeout = properties.get("TimeoutInMinutes", "1")
        if not isinstance(timeout, str) or not timeout.isdecimal() or int(timeout) < 1:
            raise StackFailure(f"Value of property TimeoutInMinutes must be a positive integer, not {timeout!r}")

    def is_current(self, resource: Resource, properties: Mapping[str, Any]) -> bool:
        """Compare the properties, and what the nested template leads to now."""
        if properties != resource.properties:
            return False
        child = self._account.find(resource.physical_id)
        if child is None:
            return False
        plan = self._plan(properties, child)
        return self._account.is_current(self._account.open(child, plan.path, Stop()), plan)

    def create(self, resource: Resource) -> ChildOperation:
        """Create a stack."""
        parent = self._parent
        name = parent.invent_physical_id(resource.logical_id)
        head, _, tail = name.rpartition("-")
        child = self._account.found(f"{head[: _MAX_NAME - 1 - len(tail)]}-{tail}", parent.stack.stack_id)
        self._refuse_depth(resource)
        plan = self._plan(resource.properties, child)
        self._account.add(child)
        resource.asked, resource.physical_id = True, child.stack_id
        parent.journal.resource(resource, "CREATE_IN_PROGRESS", "Resource creation Initiated")

        operation = self._open(child, plan.path)

        def work() -> Answer:
            child.template, child.parameters = plan.source, plan.parameters
            reason = create_resources(
                operation, plan.definition, plan.evaluator, lambda: self._account.finish(child, plan)
            )
            if reason is None:
                return _answer(child)
            operation.journal.stack("CREATE_FAILED", reason)
            return _answer(child, f"was not successfully created: {reason}")

        return self._begin(operation, work)

    def update(self, resource: Resource, properties: Mapping[str, Any]) -> ChildOperation | Answer:
        """Update the stack as far as nothing is lost."""
        child = self._account.find(resource.physical_id)
        if child is None:
            raise StackFailure(f"Stack with id {resource.physical_id} does not exist")
        if child.status not in UPDATABLE:
            raise StackFailure(f"Stack:{child.stack_id} is in {child.status} state and can not be updated.")
        plan = self._plan(properties, child)
        try:
            refuse_type_changes(child, plan.definition)
        except CloudFormationError as problem:
            raise StackFailure(str(problem)) from problem
        if self._account.is_current(self._account.open(child, plan.path, Stop()), plan):
            return _answer(child)

        operation = self._open(child, plan.path)
        update = self._account.update(operation, plan)

        def work() -> Answer:
            if update.forward():
                return _answer(child)
            return _answer(
                child,
                f"was not successfully updated. Currently in {child.status} with reason: {child.status_reason}",
            )

        return self._begin(operation, work)

    def reverse(
        self,
        resource: Resource,
        properties: Mapping[str, Any],  # noqa: ARG002 - see Kind
        sent: Mapping[str, Any],  # noqa: ARG002 - see Kind
    ) -> ChildOperation | Answer:
        """Bring the stack back to what it was."""
        child = self._account.find(resource.physical_id)
        if child is None or child.undo is None:
            return Answer(physical_id=resource.physical_id, data=resource.attributes)
        operation = self._open(child)

        def work() -> Answer:
            if roll_back(operation, self._account.replacement_rollback):
                return _answer(child)
            return _answer(
                child,
                f"was not successfully updated. Currently in {child.status} with reason: {child.status_reason}",
            )

        return self._begin(operation, work)

    def delete(self, resource: Resource, target: PhysicalResource) -> ChildOperation | Answer:  # noqa: ARG002 - see Kind
        """Delete the stack."""
        child = self._account.find(target.physical_id)
        if child is None:
            return Answer()

        operation = self._open(child)

        def work() -> Answer:
            self._account.delete(operation)
            if child.status == "DELETE_COMPLETE":
                return _answer(child)
            return _answer(child, f"was not successfully deleted: {child.status_reason}")

        return self._begin(operation, work)

    def clean_up(self, resource: Resource) -> None:
        """Go on with what waited for the parent."""
        child = self._account.find(resource.physical_id)
        if child is not None and child.status.endswith("_CLEANUP_IN_PROGRESS"):
            clean_up(self._open(child))

    def _open(self, child: Stack, path: Path | None = None) -> Operation:
        return self._account.open(child, path, skip=self._parent.skip)

    def _begin(self, operation: Operation, work: Callable[[], Answer]) -> ChildOperation:
        return self._children.begin(operation.stack.stack_id, operation.stop, work)

    def _refuse_depth(self, resource: Resource) -> None:
        depth, stack = 1, self._parent.stack
        while stack.parent_id and (above := self._account.find(stack.parent_id)) is not None:
            depth, stack = depth + 1, above
        if depth > _MAX_DEPTH:
            raise StackFailure(
                f"{resource.logical_id} is nested more than {_MAX_DEPTH} deep. Does its template nest itself?"
            )

    def _plan(self, properties: Mapping[str, Any], child: Stack) -> Plan:
        if self._path is None:
            raise StackFailure("A nested stack needs its parent's template")
        try:
            path = nested_template(self._path, properties["TemplateURL"])
            return self._account.plan(path, child, properties.get("Parameters", {}))
        except CloudFormationError as problem:
            raise StackFailure(str(problem)) from problem


def _answer(child: Stack, failure: str = "") -> Answer:
    return Answer(
        physical_id=child.stack_id,
        data={f"Outputs.{name}": value for name, value in child.outputs.items()},
        failure=f"Embedded stack {child.stack_id} {failure}" if failure else None,
    )
