"""Deletes a stack."""

from workmail_rooms.sandbox.cloudformation.operation import Operation, deletions, failed_to


def delete_stack(operation: Operation) -> None:
    """Delete every resource that no policy keeps, each after those that depend on it.

    A resource that cannot be deleted stays, with those it depends on, so that the stack can be deleted again. One whose
    creation was interrupted gets its Delete with an invented id.
    """
    operation.stack.undo = None
    operation.journal.stack("DELETE_IN_PROGRESS", "User Initiated")
    resources = dict(operation.stack.resources)
    for resource in resources.values():
        if not resource.physical_id and not resource.superseded:
            resource.physical_id = operation.invent_physical_id(resource.logical_id)
    tasks, order = deletions(
        operation,
        resources,
        lambda resource: resource.deletion_policy != "Delete",
        resources,
        lambda resource: resource.update_replace_policy == "Retain",
    )
    failed = operation.run(tasks, order)
    if failed:
        operation.journal.stack("DELETE_FAILED", failed_to("delete", [name for name, _ in failed]))
    else:
        operation.journal.stack("DELETE_COMPLETE")
