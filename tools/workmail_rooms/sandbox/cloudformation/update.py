"""Updates a stack, rolls a failed update back, and continues a rollback that failed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
"""

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workmail_rooms.sandbox.cloudformation.definition import Definition, ResourceDefinition
from workmail_rooms.sandbox.cloudformation.errors import StackFailure, ValidationError
from workmail_rooms.sandbox.cloudformation.exchange import ObservationKind
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.operation import (
    CreateTask,
    DeleteTask,
    Operation,
    deletions,
    evaluate_properties,
    failed_to,
    qualified_id,
    take_definition,
    waiting,
)
from workmail_rooms.sandbox.cloudformation.protocol import Answer
from workmail_rooms.sandbox.cloudformation.schedule import Running, Task
from workmail_rooms.sandbox.cloudformation.state import Change, PhysicalResource, Resource, Stack, StackStore, Undo

#: What a stack is in after a failed deployment without rollback: it can be deployed again, without rollback only.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
RETRIABLE = frozenset({"CREATE_FAILED", "UPDATE_FAILED"})

# A task's resource, and the physical id that it deletes; creations and updates have none.
_Key = tuple[str, str]


class ReplacementRollback(StrEnum):
    """What a resource is sent when its replacement is rolled back. AWS does not document it."""

    REVERSED_UPDATE = "reversed Update"
    """An Update with the new physical id and the properties exchanged; the id answered wins, the others are deleted in
    the clean-up (aws-cdk #29581 describes this order of events)."""
    CLEAN_UP_ONLY = "clean-up only"
    """No Update; the old physical id is in force again and the new one is deleted in the clean-up."""


class FailedDelete(StrEnum):
    """When a deployment without rollback is retried, the Delete of what the failed Create has left comes ...

    AWS says only that it comes with the next operation on the stack.
    """

    BEFORE = "before the new Create"
    """... and is answered before the new Create is sent."""
    BETWEEN = "after the new Create is sent"
    """... right after the new Create, which is not answered yet."""
    AFTER = "in the clean-up"
    """... when everything has been created and updated."""


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
    if operation.stack.status in RETRIABLE or resources.keys() != definition.resources.keys():
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
    operation = update.operation
    if update.forward() or (not update.preserve and roll_back(operation, update.replacement_rollback)):
        clean_up(operation)


@dataclass(slots=True)
class StackUpdate:
    """The way forward of one stack; `roll_back` and `clean_up` go on from there.

    A nested stack goes on only when its parent knows how its own update ends.

    Attributes
    ----------
    finish:
        Works out outputs and exports; a StackFailure of it rolls the update back.
    preserve:
        Leave everything as it is after a failure, except that what failed goes back to what it was: the deployment is
        without rollback. Then *take* is called.
    take:
        Takes template and parameters.
    """

    operation: Operation
    definition: Definition
    evaluator: Evaluator
    finish: Callable[[], None]
    take: Callable[[], None]
    replacement_rollback: ReplacementRollback
    failed_delete: FailedDelete
    preserve: bool = False

    def __post_init__(self) -> None:
        stack, wanted = self.operation.stack, self.definition.resources
        stack.undo = Undo(
            changes={name: Change(deepcopy(resource)) for name, resource in self._updated().items()},
            existing=list(stack.resources),
            removed=[name for name in stack.resources if name not in wanted],
            template=stack.template,
            parameters=stack.parameters,
            outputs=stack.outputs,
            exports=stack.exports,
            imports=stack.imports,
        )

    def forward(self) -> bool:
        """Create and update what differs. Returns whether it succeeded; if not, `roll_back` is next."""
        operation, journal = self.operation, self.operation.journal
        journal.stack("UPDATE_IN_PROGRESS", "User Initiated")
        undo = _undo(operation.stack)
        tasks: dict[_Key, Task] = {
            (name, ""): UpdateTask(operation, self.definition.resources[name], self.evaluator, change)
            for name, change in undo.changes.items()
        }
        creations = [name for name in self.definition.resources if name not in undo.changes]
        order = {(name, ""): {(other, "") for other in on} for name, on in self.definition.dependencies().items()}
        for name in creations:
            self._create(name, tasks, order)
        failed = operation.run(
            tasks, {key: frozenset(others) for key, others in order.items()}, cancel_on_failure=not self.preserve
        )
        names = [name for name, _ in failed]
        reason = "".join(
            failed_to(verb, those)
            for verb, those in (
                ("create", [name for name in names if name in creations]),
                ("update", [name for name in names if name in undo.changes]),
            )
            if those
        )
        if not failed and not operation.stop.requested:
            try:
                self.finish()
            except StackFailure as problem:
                reason = str(problem)
            else:
                journal.stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
                return True
        if self.preserve:
            self._stop(names, reason)
        else:
            journal.stack("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        return False

    def _updated(self) -> dict[str, Resource]:
        resources = self.operation.stack.resources
        return {
            name: resources[name]
            for name in self.definition.resources
            if name in resources and not is_unfinished(resources[name])
        }

    def _create(self, name: str, tasks: dict[_Key, Task], order: dict[_Key, set[_Key]]) -> None:
        """Add the creation of a resource, and the Delete of what a creation that failed before has left."""
        operation, key = self.operation, (name, "")
        failed = operation.stack.resources.get(name)
        tasks[key] = CreateTask(operation, self.definition.resources[name], self.evaluator, failed)
        if failed is None or not failed.physical_id:
            return
        if failed.asked:
            failed.superseded.append(PhysicalResource(failed.physical_id, failed.properties, unfinished=True))
        failed.physical_id = ""
        if self.failed_delete is not FailedDelete.AFTER:
            for old in [old for old in failed.superseded if old.unfinished]:
                deletion = (name, old.physical_id)
                tasks[deletion] = DeleteTask(operation, failed, retain=False, superseded=old)
                if self.failed_delete is FailedDelete.BEFORE:
                    order[key].add(deletion)
                else:
                    order[deletion] = order[key]

    def _stop(self, failed: Iterable[str], reason: str) -> None:
        """Leave the stack for its next deployment."""
        operation, stack = self.operation, self.operation.stack
        changes = _undo(stack).changes
        operation.run(
            {
                name: ReverseTask(
                    operation, stack.resources[name], changes[name], self.replacement_rollback, silent=True
                )
                for name in failed
                if name in changes
            },
            {},
        )
        for resource in list(stack.resources.values()):
            operation.kind(resource.type).clean_up(resource)
        self.take()
        stack.undo = None
        operation.journal.stack("UPDATE_FAILED", reason)


def is_unfinished(resource: Resource) -> bool:
    """Return whether a resource has never been created with success."""
    return resource.status.startswith("CREATE_") and resource.status != "CREATE_COMPLETE"


def roll_back(operation: Operation, replacement_rollback: ReplacementRollback) -> bool:
    """Bring back what an update has changed and what is not back yet, whether it has succeeded or not.

    Returns
    -------
    Whether it succeeded; `clean_up` is next then.
    """
    stack = operation.stack
    undo = _undo(stack)
    if stack.status != "UPDATE_ROLLBACK_IN_PROGRESS":
        operation.journal.stack("UPDATE_ROLLBACK_IN_PROGRESS")
    reversals = {
        name: ReverseTask(operation, stack.resources[name], change, replacement_rollback)
        for name, change in undo.changes.items()
        if not change.reversed
    }
    order = {name: frozenset(undo.changes[name].before.depends_on) for name in reversals}
    stuck = operation.run(reversals, order)
    if stuck:
        operation.journal.stack("UPDATE_ROLLBACK_FAILED", failed_to("update", stuck))
        return False
    stack.template, stack.parameters = undo.template, undo.parameters
    stack.outputs, stack.exports, stack.imports = undo.outputs, undo.exports, undo.imports
    operation.journal.stack("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
    return True


def refuse_continuation(stack: Stack, skip: frozenset[str], store: StackStore) -> None:
    """Check that a rollback can be continued.

    Raises
    ------
    ValidationError
        It has not failed, or a resource that it shall skip has not failed to go back. CloudFormation's words for both
        are not public.
    """
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        raise ValidationError(
            f"Stack:{stack.stack_id} is in {stack.status} state and its rollback can not be continued. "
            "Only that of a stack in UPDATE_ROLLBACK_FAILED can."
        )
    failed, stacks = set(), [stack]
    while stacks:
        current = stacks.pop()
        stacks += [other for other in store.stacks.values() if other.parent_id == current.stack_id]
        failed |= {
            qualified_id(current, name)
            for name, resource in current.resources.items()
            if resource.status == "UPDATE_FAILED"
        }
    if skip - failed:
        raise ValidationError(
            f"Resources [{', '.join(sorted(skip - failed))}] can not be skipped: they are not in UPDATE_FAILED. "
            f"These are: [{', '.join(sorted(failed))}]"
        )


def clean_up(operation: Operation) -> None:
    """Delete what is no longer wanted, after the way forward or after the way back."""
    stack, resources = operation.stack, operation.stack.resources
    undo, rolled_back = _undo(stack), stack.status.startswith("UPDATE_ROLLBACK_")
    for resource in list(resources.values()):
        operation.kind(resource.type).clean_up(resource)
    if rolled_back:
        created = {name: resource for name, resource in resources.items() if name not in undo.existing}
        reason = _clean_up(operation, created, lambda resource: resource.deletion_policy == "Retain", lambda _: False)
    else:
        removed = {name: resources[name] for name in undo.removed if name in resources}
        reason = _clean_up(
            operation,
            removed,
            lambda resource: resource.deletion_policy != "Delete",
            lambda resource: resource.update_replace_policy == "Retain",
        )
    stack.undo = None
    operation.journal.stack("UPDATE_ROLLBACK_COMPLETE" if rolled_back else "UPDATE_COMPLETE", reason)


def _undo(stack: Stack) -> Undo:
    if stack.undo is None:
        raise AssertionError(f"no update of {stack.name} is under way")
    return stack.undo


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
    """Updates one resource when its properties differ."""

    def __init__(
        self, operation: Operation, definition: ResourceDefinition, evaluator: Evaluator, change: Change
    ) -> None:
        self._operation = operation
        self._definition = definition
        self._evaluator = evaluator
        self._change = change
        self._resource = operation.stack.resources[definition.logical_id]

    def start(self) -> Running | None:
        """Begin the update if anything differs, or if it is not certain that nothing does."""
        resource, journal = self._resource, self._operation.journal
        kind = self._operation.kind(resource.type)
        properties = evaluate_properties(self._definition, self._evaluator, kind)
        take_definition(resource, self._definition)
        if kind.is_current(resource, properties) and resource.status != "UPDATE_FAILED":
            return None
        journal.resource(resource, "UPDATE_IN_PROGRESS")
        self._change.sent = properties
        return waiting(self, kind.update(resource, properties))

    def finish(self, answer: Answer) -> None:
        """Take id and Data; another id than before is a replacement."""
        resource, journal = self._resource, self._operation.journal
        if answer.physical_id != resource.physical_id:
            self._replace(answer)
            journal.resource(
                resource,
                "UPDATE_IN_PROGRESS",
                "Requested update requires the creation of a new physical resource; hence creating one.",
            )
        resource.properties = self._change.sent or {}
        resource.attributes, resource.no_echo = answer.data, answer.no_echo
        journal.resource(resource, "UPDATE_COMPLETE")

    def fail(self, answer: Answer) -> None:
        """Keep an id that the failed update brought up, so that it is deleted."""
        if not answer.delivered:
            self._change.sent = None
        if answer.physical_id and answer.physical_id != self._resource.physical_id:
            self._replace(answer)
            self._resource.properties = self._change.sent or {}
        self._operation.journal.resource(self._resource, "UPDATE_FAILED", answer.failure or "")

    def cancel(self) -> None:
        """Say so."""
        self._operation.journal.resource(self._resource, "UPDATE_FAILED", "Resource update cancelled")

    def _replace(self, answer: Answer) -> None:
        resource = self._resource
        resource.superseded.append(PhysicalResource(resource.physical_id, resource.properties))
        resource.physical_id = answer.physical_id or ""


class ReverseTask:
    """Brings one resource back to what it was before its update.

    Parameters
    ----------
    silent:
        Leave its status as it is.
    """

    def __init__(
        self,
        operation: Operation,
        resource: Resource,
        change: Change,
        replacement_rollback: ReplacementRollback,
        *,
        silent: bool = False,
    ) -> None:
        self._operation = operation
        self._resource = resource
        self._change = change
        self._replacement_rollback = replacement_rollback
        self._silent = silent

    def start(self) -> Running | None:
        """Begin the way back, if there was one forth and it is not to be skipped."""
        resource, before, sent = self._resource, self._change.before, self._change.sent
        if sent is None:
            changed = resource.status != before.status
            self._restore(before.physical_id, before.attributes, no_echo=before.no_echo)
            if changed:
                self._report("UPDATE_COMPLETE")
            return None
        replaced = resource.physical_id != before.physical_id
        if self._operation.skips(resource.logical_id) or (
            replaced and self._replacement_rollback is ReplacementRollback.CLEAN_UP_ONLY
        ):
            self._restore(before.physical_id, before.attributes, no_echo=before.no_echo)
            self._report("UPDATE_COMPLETE")
            return None
        self._report("UPDATE_IN_PROGRESS")
        return waiting(self, self._operation.kind(resource.type).reverse(resource, before.properties, sent))

    def finish(self, answer: Answer) -> None:
        """Take id and Data; whatever other ids there are will be deleted."""
        self._restore(answer.physical_id or "", answer.data, no_echo=answer.no_echo)
        self._report("UPDATE_COMPLETE")

    def fail(self, answer: Answer) -> None:
        """Keep every id, so that deleting the stack deletes them."""
        resource = self._resource
        known = {resource.physical_id, *(old.physical_id for old in resource.superseded)}
        if answer.physical_id and answer.physical_id not in known:
            resource.superseded.append(PhysicalResource(answer.physical_id, self._change.before.properties))
        self._report("UPDATE_FAILED", answer.failure or "")

    def cancel(self) -> None:
        """Reversals are never cancelled."""

    def _report(self, status: str, reason: str = "") -> None:
        if not self._silent:
            self._operation.journal.resource(self._resource, status, reason)

    def _restore(self, physical_id: str, attributes: dict[str, Any], *, no_echo: bool) -> None:
        resource, before = self._resource, self._change.before
        ids = {
            before.physical_id: PhysicalResource(before.physical_id, before.properties),
            resource.physical_id: PhysicalResource(resource.physical_id, resource.properties),
            **{old.physical_id: old for old in (*before.superseded, *resource.superseded)},
        }
        resource.superseded = [old for other, old in ids.items() if other != physical_id]
        resource.physical_id, resource.attributes, resource.no_echo = physical_id, attributes, no_echo
        resource.properties = before.properties
        resource.depends_on = before.depends_on
        resource.deletion_policy = before.deletion_policy
        resource.update_replace_policy = before.update_replace_policy
        self._change.reversed = True
