"""Creates a stack, and rolls a failed creation back."""

from collections.abc import Callable

from workmail_rooms.sandbox.cloudformation.definition import Definition
from workmail_rooms.sandbox.cloudformation.errors import StackFailure
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.operation import CreateTask, Operation, deletions, failed_to


def create_stack(
    operation: Operation,
    definition: Definition,
    evaluator: Evaluator,
    finish: Callable[[], None],
    *,
    preserve: bool = False,
) -> None:
    """Create every resource; after a failure delete what was created.

    Parameters
    ----------
    preserve:
        After a failure leave everything as it is, and go on with what does not depend on it: the deployment is without
        rollback (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html).
    """
    reason = create_resources(operation, definition, evaluator, finish, preserve=preserve)
    if reason is None:
        return
    if preserve:
        operation.journal.stack("CREATE_FAILED", reason)
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
    operation: Operation,
    definition: Definition,
    evaluator: Evaluator,
    finish: Callable[[], None],
    *,
    preserve: bool = False,
) -> str | None:
    """Create every resource, and leave it to the caller what becomes of a failure.

    Parameters
    ----------
    finish:
        Works out outputs and exports; a StackFailure of it is a failure too.
    preserve:
        Whether a failure cancels nothing.

    Returns
    -------
    Why it failed; None when everything is there.
    """
    operation.journal.stack("CREATE_IN_PROGRESS", "User Initiated")
    tasks = {name: CreateTask(operation, resource, evaluator) for name, resource in definition.resources.items()}
    failed = operation.run(tasks, definition.dependencies(), cancel_on_failure=not preserve)
    if failed or operation.stop.requested:
        return failed_to("create", failed)
    try:
        finish()
    except StackFailure as problem:
        return f"{str(problem).rstrip('.')}. "
    operation.journal.stack("CREATE_COMPLETE")
    return None
