"""Creates a stack, and rolls a failed creation back."""

from collections.abc import Callable

from workmail_rooms.sandbox.cloudformation.definition import Definition
from workmail_rooms.sandbox.cloudformation.errors import StackFailure
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.operation import CreateTask, Operation, deletions, failed_to


def create_stack(
    operation: Operation, definition: Definition, evaluator: Evaluator, finish: Callable[[], None]
) -> None:
    """Create every resource; after a failure delete what was created."""
    reason = create_resources(operation, definition, evaluator, finish)
    if reason is None:
        return
    operation.journal.stack("ROLLBACK_IN_PROGRESS", f"{reason}Rollback requested by user.")
    # Only RetainExceptOnCreate makes a difference between a rolled back creation and another deletion.
    tasks_back, order = deletions(
        operation, dict(operation.stack.resources), lambda resource: resource.deletion_policy == "Retain"
    )
    stuck = operation.run(tasks_back, order)
    if stuck:
        operation.journal.stack("ROLLBACK_FAILED", failed_to("delete", [name for name, _ in stuck]))
    else:
        operation.journal.stack("ROLLBACK_COMPLETE")


def create_resources(
    operation: Operation, definition: Definition, evaluator: Evaluator, finish: Callable[[], None]
) -> str | None:
    """Create every resource, and leave it to the caller what becomes of a failure.

    Parameters
    ----------
    finish:
        Works out outputs and exports; a StackFailure of it is a failure too.

    Returns
    -------
    Why it failed; None when everything is there.
    """
    operation.journal.stack("CREATE_IN_PROGRESS", "User Initiated")
    tasks = {name: CreateTask(operation, resource, evaluator) for name, resource in definition.resources.items()}
    failed = operation.run(tasks, definition.dependencies(), cancel_on_failure=True)
    if failed or operation.stop.requested:
        return failed_to("create", failed)
    try:
        finish()
    except StackFailure as problem:
        return f"{str(problem).rstrip('.')}. "
    operation.journal.stack("CREATE_COMPLETE")
    return None
