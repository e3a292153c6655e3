"""Updates a stack, and rolls a failed update back.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from workmail_rooms.sandbox.cloudformation.definition import Definition, ResourceDefinition
from workmail_rooms.sandbox.cloudformation.errors import StackFailure, ValidationError
from workmail_rooms.sandbox.cloudformation.exchange import ObservationKind
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.operation import (
    CreateTask,
    Operation,
    deletions,
    evaluate_properties,
    failed_to,
    take_definition,
    waiting,
)
from workmail_rooms.sandbox.cloudformation.protocol import Answer
from workmail_rooms.sandbox.cloudformation.schedule import Running
from workmail_rooms.sandbox.cloudformation.state import PhysicalResource, Resource, Stack

_RESULTS = ("outputs", "exports", "imports")


class ReplacementRollback(StrEnum):
    """What a resource is sent when its replacement is rolled back. AWS does not document it."""

    REVERSED_UPDATE = "reversed Update"
    """An Update with the new physical id and the properties exchanged; the id answered wins, the others are deleted in
    the clean-up (aws-cdk #29581 describes this order of events)."""
    CLEAN_UP_ONLY = "clean-up only"
    """No Update; the old physical id is in force again and the new one is deleted in the clean-up."""


def refuse_type_changes(stack: Stack, definition: Definition) -> None:
    """Check that no resource changes its type.

    Raises
    ------
    ValidationError
        One does.
    """
    changed = [
        name
        for name, resource in definition.resources.items()
        if name in stack.resources and stack.resources[name].type != resource.type
    ]
    if changed:
        raise ValidationError(
            "Update of resource type is not permitted. The new template modifies resource type of the following "
            f"resources: [{', '.join(changed)}]"
        )


def changes_nothing(operation: Operation, definition: Definition, evaluator: Evaluator) -> bool:
    """Return whether *definition* leaves every resource of the stack as it is."""
    resources = operation.stack.resources
    if resources.keys() != definition.resources.keys():
        return False
    return all(
        _is_current(operation, resources[name], resource, evaluator) for name, resource in definition.resources.items()
    )


def _is_current(operation: Operation, resource: Resource, definition: ResourceDefinition, evaluator: Evaluator) -> bool:
    kind = operation.kind(resource.type)
    if (definition.deletion_policy, definition.update_replace_policy) != (
        resource.deletion_policy,
        resource.update_replace_policy,
    ):
        return False
    try:
        return kind.is_current(resource, evaluate_properties(definition, evaluator, kind))
    except StackFailure:
        return False


def update_stack(update: "StackUpdate") -> None:
    """Create and update what differs, then delete what is no longer wanted; after a failure bring everything back."""
    if update.forward() or update.roll_back():
        update.clean_up()


@dataclass(slots=True)
class StackUpdate:
    """The update of one stack, in parts: a nested stack goes on only when its parent knows how its own update ends.

    Attributes
    ----------
    finish:
        Works out outputs and exports; a StackFailure of it rolls the update back.
    """

    operation: Operation
    definition: Definition
    evaluator: Evaluator
    finish: Callable[[], None]
    replacement_rollback: ReplacementRollback
    _existing: list[str] = field(init=False)
    _before: dict[str, Any] = field(init=False)
    _updates: dict[str, "UpdateTask"] = field(init=False)
    _rolled_back: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        stack = self.operation.stack
        self._existing = list(stack.resources)
        self._before = {name: getattr(stack, name) for name in ("template", "parameters", *_RESULTS)}
        self._updates = {
            name: UpdateTask(self.operation, resource, self.evaluator)
            for name, resource in self.definition.resources.items()
            if name in stack.resources
        }

    def forward(self) -> bool:
        """Create and update what differs. Returns whether it succeeded; if not, `roll_back` is next."""
        operation, journal = self.operation, self.operation.journal
        journal.stack("UPDATE_IN_PROGRESS", "User Initiated")
        creations = {
            name: CreateTask(operation, resource, self.evaluator)
            for name, resource in self.definition.resources.items()
            if name not in self._updates
        }
        failed = operation.run({**self._updates, **creations}, self.definition.dependencies(), cancel_on_failure=True)
        reason = "".join(
            failed_to(verb, names)
            for verb, names in (
                ("create", [name for name in failed if name in creations]),
                ("update", [name for name in failed if name in self._updates]),
            )
            if names
        )
        if not failed and not operation.stop.requested:
            try:
                self.finish()
            except StackFailure as problem:
                reason = str(problem)
            else:
                journal.stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
                return True
        journal.stack("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        return False

    def roll_back(self) -> bool:
        """Bring back what was updated, whether `forward` has succeeded or not. Returns whether it succeeded."""
        operation, stack = self.operation, self.operation.stack
        if stack.status != "UPDATE_ROLLBACK_IN_PROGRESS":
            operation.journal.stack("UPDATE_ROLLBACK_IN_PROGRESS")
        reversals = {
            name: ReverseTask(operation, task, self.replacement_rollback) for name, task in self._updates.items()
        }
        order = {name: frozenset(task.update.before.depends_on) for name, task in reversals.items()}
        stuck = operation.run(reversals, order)
        if stuck:
            operation.journal.stack("UPDATE_ROLLBACK_FAILED", failed_to("update", stuck))
            return False
        for name, value in self._before.items():
            setattr(stack, name, value)
        self._rolled_back = True
        operation.journal.stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        return True

    def clean_up(self) -> None:
        """Delete what is no longer wanted."""
        operation, resources = self.operation, self.operation.stack.resources
        for resource in list(resources.values()):
            operation.kind(resource.type).clean_up(resource)
        if self._rolled_back:
            created = {name: resource for name, resource in resources.items() if name not in self._existing}
            reason = _clean_up(
                operation, created, lambda resource: resource.deletion_policy == "Retain", lambda _: False
            )
            operation.journal.stack("UPDATE_ROLLBACK_COMPLETE", reason)
            return
        removed = {name: resource for name, resource in resources.items() if name not in self.definition.resources}
        reason = _clean_up(
            operation,
            removed,
            lambda resource: resource.deletion_policy != "Delete",
            lambda resource: resource.update_replace_policy == "Retain",
        )
        operation.journal.stack("UPDATE_COMPLETE", reason)


def _clean_up(
    operation: Operation,
    unwanted: Mapping[str, Resource],
    retains: Callable[[Resource], bool],
    retains_superseded: Callable[[Resource], bool],
) -> str:
    """Delete resources and superseded ids; what cannot be deleted is forgotten. Returns the stack's status reason."""
    resources = operation.stack.resources
    tasks, order = deletions(operation, unwanted, retains, dict(resources), retains_superseded)
    if not operation.run(tasks, order):
        return ""
    for name, resource in list(resources.items()):
        left = [(name, old.physical_id) for old in resource.superseded]
        if name in unwanted:
            left.append((name, resource.physical_id))
            del resources[name]
        resource.superseded.clear()
        for key in left:
            operation.exchange.note(
                ObservationKind.LEFT_BEHIND,
                tasks[key].event,
                detail=f"{name} {key[1]} was not deleted in the clean-up and is no longer part of the stack",
            )
    return "One or more resources could not be deleted."


class UpdateTask:
    """Updates one resource when its properties differ.

    Attributes
    ----------
    before:
        The resource as it was.
    sent:
        The new ResourceProperties if they were sent.
    """

    def __init__(self, operation: Operation, definition: ResourceDefinition, evaluator: Evaluator) -> None:
        self._operation = operation
        self._definition = definition
        self._evaluator = evaluator
        self.resource = operation.stack.resources[definition.logical_id]
        self.before = deepcopy(self.resource)
        self.sent: dict[str, Any] | None = None

    def start(self) -> Running | None:
        """Begin the update if anything differs."""
        resource, journal = self.resource, self._operation.journal
        kind = self._operation.kind(resource.type)
        properties = evaluate_properties(self._definition, self._evaluator, kind)
        take_definition(resource, self._definition)
        if kind.is_current(resource, properties):
            return None
        journal.resource(resource, "UPDATE_IN_PROGRESS")
        self.sent = properties
        return waiting(self, kind.update(resource, properties))

    def finish(self, answer: Answer) -> None:
        """Take id and Data; another id than before is a replacement."""
        resource, journal = self.resource, self._operation.journal
        if answer.physical_id != resource.physical_id:
            self._replace(answer)
            journal.resource(
                resource,
                "UPDATE_IN_PROGRESS",
                "Requested update requires the creation of a new physical resource; hence creating one.",
            )
        resource.properties = self.sent or {}
        resource.attributes, resource.no_echo = answer.data, answer.no_echo
        journal.resource(resource, "UPDATE_COMPLETE")

    def fail(self, answer: Answer) -> None:
        """Keep an id that the failed update brought up, so that it is deleted."""
        if not answer.delivered:
            self.sent = None
        if answer.physical_id and answer.physical_id != self.resource.physical_id:
            self._replace(answer)
            self.resource.properties = self.sent or {}
        self._operation.journal.resource(self.resource, "UPDATE_FAILED", answer.failure or "")

    def cancel(self) -> None:
        """Say so."""
        self._operation.journal.resource(self.resource, "UPDATE_FAILED", "Resource update cancelled")

    def _replace(self, answer: Answer) -> None:
        resource = self.resource
        resource.superseded.append(PhysicalResource(resource.physical_id, resource.properties))
        resource.physical_id = answer.physical_id or ""


class ReverseTask:
    """Brings one resource back to what it was before its update."""

    def __init__(self, operation: Operation, update: UpdateTask, replacement_rollback: ReplacementRollback) -> None:
        self._operation = operation
        self._replacement_rollback = replacement_rollback
        self.update = update

    def start(self) -> Running | None:
        """Begin the way back, if there was one forth."""
        resource, before, sent = self.update.resource, self.update.before, self.update.sent
        journal = self._operation.journal
        if sent is None:
            self._restore(before.physical_id, before.attributes, no_echo=before.no_echo)
            if resource.status != before.status:
                journal.resource(resource, "UPDATE_COMPLETE")
            return None
        if (
            resource.physical_id != before.physical_id
            and self._replacement_rollback is ReplacementRollback.CLEAN_UP_ONLY
        ):
            self._restore(before.physical_id, before.attributes, no_echo=before.no_echo)
            journal.resource(resource, "UPDATE_COMPLETE")
            return None
        journal.resource(resource, "UPDATE_IN_PROGRESS")
        return waiting(self, self._operation.kind(resource.type).reverse(resource, before.properties, sent))

    def finish(self, answer: Answer) -> None:
        """Take id and Data; whatever other ids there are will be deleted."""
        self._restore(answer.physical_id or "", answer.data, no_echo=answer.no_echo)
        self._operation.journal.resource(self.update.resource, "UPDATE_COMPLETE")

    def fail(self, answer: Answer) -> None:
        """Keep every id, so that deleting the stack deletes them."""
        resource = self.update.resource
        known = {resource.physical_id, *(old.physical_id for old in resource.superseded)}
        if answer.physical_id and answer.physical_id not in known:
            resource.superseded.append(PhysicalResource(answer.physical_id, self.update.before.properties))
        self._operation.journal.resource(resource, "UPDATE_FAILED", answer.failure or "")

    def cancel(self) -> None:
        """Reversals are never cancelled."""

    def _restore(self, physical_id: str, attributes: dict[str, Any], *, no_echo: bool) -> None:
        resource, before = self.update.resource, self.update.before
        ids = {before.physical_id: before.properties, resource.physical_id: resource.properties}
        resource.superseded = [
            PhysicalResource(other, properties) for other, properties in ids.items() if other != physical_id
        ]
        resource.physical_id, resource.attributes, resource.no_echo = physical_id, attributes, no_echo
        resource.properties = before.properties
        resource.depends_on = before.depends_on
        resource.deletion_policy = before.deletion_policy
        resource.update_replace_policy = before.update_replace_policy
