"""What creating, updating and deleting a stack share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from string import ascii_uppercase, digits
from typing import Any

from workmail_rooms.sandbox.cloudformation.definition import NESTED_STACK, ResourceDefinition
from workmail_rooms.sandbox.cloudformation.dynamic import resolve
from workmail_rooms.sandbox.cloudformation.errors import StackFailure, ValidationError
from workmail_rooms.sandbox.cloudformation.exchange import Exchange
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.journal import Journal
from workmail_rooms.sandbox.cloudformation.kinds import CustomResources, Kind
from workmail_rooms.sandbox.cloudformation.protocol import Answer
from workmail_rooms.sandbox.cloudformation.scalars import stringify
from workmail_rooms.sandbox.cloudformation.schedule import Key, Running, Stop, Task, run_tasks
from workmail_rooms.sandbox.cloudformation.state import PhysicalResource, Resource, Stack


@dataclass(frozen=True, slots=True)
class Operation:
    """One create, update or delete of one stack, and what it works with.

    Attributes
    ----------
    kinds:
        By resource type; every other type is a custom resource.
    stop:
        Ends the creation or update of resources before its time.
    skip:
        What a continued rollback leaves as it is: logical ids, and for nested stacks ``StackName.LogicalId``.
    """

    stack: Stack
    journal: Journal
    exchange: Exchange
    random: Random
    max_parallel: int
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    stop: Stop = field(default_factory=Stop)
    skip: frozenset[str] = frozenset()

    def run(
        self, tasks: Mapping[Key, Task], waits_for: Mapping[Key, frozenset[Key]], *, cancel_on_failure: bool = False
    ) -> list[Key]:
        """Run *tasks* and return the keys of those that failed."""
        return run_tasks(
            tasks,
            waits_for,
            max_parallel=self.max_parallel,
            cancel_on_failure=cancel_on_failure,
            stop=self.stop if cancel_on_failure else None,
        )

    def kind(self, resource_type: str) -> Kind:
        """Return what is done for a type."""
        return self.kinds.get(resource_type) or CustomResources(self.stack, self.exchange)

    def skips(self, logical_id: str) -> bool:
        """Return whether a rollback leaves a resource as it is."""
        return qualified_id(self.stack, logical_id) in self.skip

    def invent_physical_id(self, logical_id: str) -> str:
        """Return an id like those CloudFormation gives to what never told its own (aws-cdk #26139)."""
        return f"{self.stack.name}-{logical_id}-{''.join(self.random.choices(ascii_uppercase + digits, k=12))}"


def qualified_id(stack: Stack, logical_id: str) -> str:
    """Return how ContinueUpdateRollback is told of a resource."""
    return f"{stack.name}.{logical_id}" if stack.parent_id else logical_id


class StackResources:
    """Ref and Fn::GetAtt on the resources of a stack, as they are now."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def ref(self, logical_id: str) -> str:
        """Return the physical id.

        Raises
        ------
        StackFailure
            There is none.
        """
        return self._resource(logical_id).physical_id

    def get_att(self, logical_id: str, attribute: str) -> Any:
        """Return a value of the Data that the resource answered.

        Raises
        ------
        StackFailure
            Data has no such key.
        """
        resource = self._resource(logical_id)
        if attribute not in resource.attributes and resource.type == NESTED_STACK:
            raise StackFailure(_no_output(resource, attribute))
        if attribute not in resource.attributes:
            raise StackFailure(
                f"CustomResource attribute error: Vendor response doesn't contain {attribute} key in object "
                f"{self._stack.stack_id}|{logical_id}|{resource.request_id}"
            )
        return resource.attributes[attribute]

    def _resource(self, logical_id: str) -> Resource:
        resource = self._stack.resources.get(logical_id)
        if resource is None or not resource.physical_id:
            raise StackFailure(f"Resource {logical_id} has no value yet")
        return resource


def evaluate_properties(definition: ResourceDefinition, evaluator: Evaluator, kind: Kind) -> dict[str, Any]:
    """Return the properties to send.

    Raises
    ------
    StackFailure
        An expression has no value, or a property that CloudFormation itself reads is wrong.
    """
    try:
        properties: dict[str, Any] = resolve(
            stringify(evaluator.evaluate(definition.properties) or {}), evaluator.parameter_store
        )
    except ValidationError as error:
        raise StackFailure(str(error)) from error
    kind.check(properties)
    return properties


def take_definition(resource: Resource, definition: ResourceDefinition) -> None:
    """Give *resource* what its definition says apart from properties."""
    resource.deletion_policy = definition.deletion_policy
    resource.update_replace_policy = definition.update_replace_policy
    resource.depends_on = sorted(definition.depends_on)


def waiting(task: Task, started: Running | Answer) -> Running | None:
    """Finish *task* when it is done already; else return what it waits for."""
    if isinstance(started, Answer):
        task.finish(started)
        return None
    return started


class CreateTask:
    """Creates one resource.

    Parameters
    ----------
    failed:
        What is left of a creation that failed before.
    """

    def __init__(
        self,
        operation: Operation,
        definition: ResourceDefinition,
        evaluator: Evaluator,
        failed: Resource | None = None,
    ) -> None:
        self._operation = operation
        self._definition = definition
        self._evaluator = evaluator
        self._resource = failed or Resource(definition.logical_id, definition.type)
        take_definition(self._resource, definition)

    def start(self) -> Running | None:
        """Begin the creation."""
        operation, resource = self._operation, self._resource
        operation.stack.resources[resource.logical_id] = resource
        operation.journal.resource(resource, "CREATE_IN_PROGRESS")
        kind = operation.kind(resource.type)
        resource.properties = evaluate_properties(self._definition, self._evaluator, kind)
        return waiting(self, kind.create(resource))

    def finish(self, answer: Answer) -> None:
        """Take id and Data."""
        resource = self._resource
        resource.attributes, resource.no_echo = answer.data, answer.no_echo
        if not resource.physical_id:
            resource.physical_id = answer.physical_id or ""
            self._operation.journal.resource(resource, "CREATE_IN_PROGRESS", "Resource creation Initiated")
        self._operation.journal.resource(resource, "CREATE_COMPLETE")

    def fail(self, answer: Answer) -> None:
        """Keep the id for the rollback's Delete."""
        resource = self._resource
        resource.asked = resource.asked and answer.delivered
        resource.physical_id = answer.physical_id or self._operation.invent_physical_id(resource.logical_id)
        self._operation.journal.resource(resource, "CREATE_FAILED", answer.failure or "")

    def cancel(self) -> None:
        """Invent an id for the rollback's Delete, unless there is one."""
        resource = self._resource
        resource.physical_id = resource.physical_id or self._operation.invent_physical_id(resource.logical_id)
        self._operation.journal.resource(resource, "CREATE_FAILED", "Resource creation cancelled")


class DeleteTask:
    """Deletes one resource, or one physical id that it no longer has.

    Parameters
    ----------
    superseded:
        The physical id to delete instead of the current one.
    retain:
        Whether a policy keeps it.
    """

    def __init__(
        self, operation: Operation, resource: Resource, *, retain: bool, superseded: PhysicalResource | None = None
    ) -> None:
        self._operation = operation
        self._resource = resource
        self._retain = retain
        self._superseded = superseded
        self._target = superseded or PhysicalResource(resource.physical_id, resource.properties)
        self._event: Mapping[str, Any] = {}

    @property
    def event(self) -> Mapping[str, Any]:
        """The Delete that a function was sent."""
        return self._event

    def start(self) -> Running | None:
        """Begin the deletion, unless there is nothing to delete or it is to be kept."""
        if self._retain:
            self._report("DELETE_SKIPPED")
            self._forget()
            return None
        self._report("DELETE_IN_PROGRESS")
        if not self._resource.asked:
            self.finish(Answer())
            return None
        started = self._operation.kind(self._resource.type).delete(self._resource, self._target)
        self._event = {} if isinstance(started, Answer) else started.event
        return waiting(self, started)

    def finish(self, _: Answer) -> None:
        """Forget the id."""
        self._report("DELETE_COMPLETE")
        self._forget()

    def fail(self, answer: Answer) -> None:
        """Keep everything, so that it can be deleted again."""
        self._report("DELETE_FAILED", answer.failure or "")

    def cancel(self) -> None:
        """Do nothing: Deletes are never cancelled."""

    def _report(self, status: str, reason: str = "") -> None:
        if self._superseded is None:
            self._operation.journal.resource(self._resource, status, reason)
        else:
            self._operation.journal.superseded(self._resource, self._superseded.physical_id, status, reason)

    def _forget(self) -> None:
        if self._superseded is None:
            self._operation.stack.forget(self._resource, self._resource.physical_id)
            self._resource.physical_id = ""
        else:
            self._resource.superseded.remove(self._superseded)
        being_created = self._resource.status == "CREATE_IN_PROGRESS"
        if not self._resource.physical_id and not self._resource.superseded and not being_created:
            self._operation.stack.resources.pop(self._resource.logical_id, None)


def deletions(
    operation: Operation,
    current: Mapping[str, Resource],
    retains: Callable[[Resource], bool],
    superseded: Mapping[str, Resource] | None = None,
    retains_superseded: Callable[[Resource], bool] = lambda _: False,
) -> tuple[dict[tuple[str, str], DeleteTask], dict[tuple[str, str], frozenset[tuple[str, str]]]]:
    """Make the tasks that delete resources, each after those that depend on it.

    Parameters
    ----------
    current:
        The resources whose present physical id is to be deleted.
    superseded:
        The resources whose superseded physical ids are to be deleted.

    Returns
    -------
    The tasks and what each waits for, by logical id and physical id.
    """
    tasks: dict[tuple[str, str], DeleteTask] = {}
    owners: dict[tuple[str, str], Resource] = {}
    for resource in current.values():
        if resource.physical_id:
            key = (resource.logical_id, resource.physical_id)
            tasks[key] = DeleteTask(operation, resource, retain=retains(resource))
            owners[key] = resource
    for resource in (superseded or {}).values():
        for old in resource.superseded:
            key = (resource.logical_id, old.physical_id)
            retain = retains_superseded(resource) and not old.unfinished
            tasks[key] = DeleteTask(operation, resource, retain=retain, superseded=old)
            owners[key] = resource
    dependents: dict[str, set[tuple[str, str]]] = {}
    for key, resource in owners.items():
        for name in resource.depends_on:
            dependents.setdefault(name, set()).add(key)
    return tasks, {key: frozenset(dependents.get(key[0], ())) for key in tasks}


def failed_to(verb: str, logical_ids: list[str]) -> str:
    """Return CloudFormation's sentence about the resources that stopped an operation."""
    return f"The following resource(s) failed to {verb}: [{', '.join(logical_ids)}]. "


def _no_output(resource: Resource, attribute: str) -> str:
    kind, _, name = attribute.partition(".")
    if kind == "Outputs" and name:
        return f"Template error: Output '{name}' not found in stack '{resource.physical_id}'"
    return f"Template error: resource {resource.logical_id} does not support attribute type {attribute} in Fn::GetAtt"
