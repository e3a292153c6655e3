"""Updates a stack, and rolls a failed update back.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from enum import StrEnum
from typing import Any

from sandbox.cloudformation.definition import WAIT_CONDITION_HANDLE, Definition, ResourceDefinition
from sandbox.cloudformation.errors import StackFailure, ValidationError
from sandbox.cloudformation.exchange import ObservationKind, Request
from sandbox.cloudformation.intrinsics import Evaluator
from sandbox.cloudformation.operation import (
    CreateTask,
    Operation,
    deletions,
    evaluate_properties,
    failed_to,
    take_definition,
)
from sandbox.cloudformation.protocol import Answer
from sandbox.cloudformation.state import PhysicalResource, Resource, Stack


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


def changes_nothing(stack: Stack, definition: Definition, evaluator: Evaluator) -> bool:
    """Return whether *definition* leaves every resource of *stack* as it is."""
    if stack.resources.keys() != definition.resources.keys():
        return False
    return all(
        _is_current(stack.resources[name], resource, evaluator) for name, resource in definition.resources.items()
    )


def _is_current(resource: Resource, definition: ResourceDefinition, evaluator: Evaluator) -> bool:
    try:
        properties = evaluate_properties(definition, evaluator)
    except StackFailure:
        return False
    return (properties, definition.deletion_policy, definition.update_replace_policy) == (
        resource.properties,
        resource.deletion_policy,
        resource.update_replace_policy,
    )


def update_stack(
    operation: Operation,
    definition: Definition,
    evaluator: Evaluator,
    finish: Callable[[], None],
    replacement_rollback: ReplacementRollback,
) -> None:
    """Create and update what differs, then delete what is no longer wanted; after a failure bring everything back.

    Parameters
    ----------
    finish:
        Works out outputs and exports; a StackFailure of it rolls the update back.
    """
    stack, journal = operation.stack, operation.journal
    journal.stack("UPDATE_IN_PROGRESS", "User Initiated")
    existing = list(stack.resources)
    updates = {
        name: UpdateTask(operation, resource, evaluator)
        for name, resource in definition.resources.items()
        if name in stack.resources
    }
    creations = {
        name: CreateTask(operation, resource, evaluator)
        for name, resource in definition.resources.items()
        if name not in stack.resources
    }
    failed = operation.run({**updates, **creations}, definition.dependencies(), cancel_on_failure=True)
    reason = "".join(
        failed_to(verb, names)
        for verb, names in (
            ("create", [name for name in failed if name in creations]),
            ("update", [name for name in failed if name in updates]),
        )
        if names
    )
    if not failed:
        try:
            finish()
        except StackFailure as problem:
            reason = str(problem)
        else:
            _clean_up_update(operation, definition)
            return
    journal.stack("UPDATE_ROLLBACK_IN_PROGRESS", reason)
    _roll_back(operation, updates, existing, replacement_rollback)


def _clean_up_update(operation: Operation, definition: Definition) -> None:
    operation.journal.stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
    resources = operation.stack.resources
    removed = {name: resource for name, resource in resources.items() if name not in definition.resources}
    reason = _clean_up(
        operation,
        removed,
        lambda resource: resource.deletion_policy != "Delete",
        lambda resource: resource.update_replace_policy == "Retain",
    )
    operation.journal.stack("UPDATE_COMPLETE", reason)


def _roll_back(
    operation: Operation,
    updates: Mapping[str, "UpdateTask"],
    existing: list[str],
    replacement_rollback: ReplacementRollback,
) -> None:
    reversals = {name: ReverseTask(operation, task, replacement_rollback) for name, task in updates.items()}
    order = {name: frozenset(task.update.before.depends_on) for name, task in reversals.items()}
    stuck = operation.run(reversals, order)
    if stuck:
        operation.journal.stack("UPDATE_ROLLBACK_FAILED", failed_to("update", stuck))
        return
    operation.journal.stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    resources = operation.stack.resources
    created = {name: resource for name, resource in resources.items() if name not in existing}
    reason = _clean_up(operation, created, lambda resource: resource.deletion_policy == "Retain", lambda _: False)
    operation.journal.stack("UPDATE_ROLLBACK_COMPLETE", reason)


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

    def start(self) -> Request | None:
        """Send Update if anything differs."""
        resource, journal = self.resource, self._operation.journal
        properties = evaluate_properties(self._definition, self._evaluator)
        take_definition(resource, self._definition)
        if properties == resource.properties:
            return None
        journal.resource(resource, "UPDATE_IN_PROGRESS")
        if resource.type == WAIT_CONDITION_HANDLE:
            resource.properties = properties
            journal.resource(resource, "UPDATE_COMPLETE")
            return None
        if properties["ServiceToken"] != resource.properties["ServiceToken"]:
            # https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
            raise StackFailure("Modifying service token is not allowed.")
        self.sent = properties
        return self._operation.send(
            "Update", resource, properties, physical_id=resource.physical_id, old_properties=resource.properties
        )

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

    def start(self) -> Request | None:
        """Send Update with the properties exchanged, if one was sent before."""
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
        return self._operation.send(
            "Update", resource, before.properties, physical_id=resource.physical_id, old_properties=sent
        )

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
