"""Changes statuses and tells everybody who listens."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from workmail_rooms.sandbox.cloudformation.state import Resource, Stack, StackEvent

STACK_TYPE = "AWS::CloudFormation::Stack"


class Journal:
    """Writes one stack's events.

    Parameters
    ----------
    lock:
        Held while an event is written, so that those of several stacks come one at a time.
    """

    def __init__(
        self,
        stack: Stack,
        *,
        clock: Callable[[], datetime],
        uuid: Callable[[], object],
        on_event: Callable[[StackEvent], None],
        lock: AbstractContextManager[object],
    ) -> None:
        self._stack = stack
        self._lock = lock
        self._clock = clock
        self._uuid = uuid
        self._on_event = on_event

    def stack(self, status: str, reason: str = "") -> None:
        """Give the stack a new status."""
        self._stack.status, self._stack.status_reason = status, reason
        self._write(self._stack.name, self._stack.stack_id, STACK_TYPE, status, reason)

    def resource(self, resource: Resource, status: str, reason: str = "") -> None:
        """Give a resource a new status."""
        resource.status, resource.status_reason = status, reason
        resource.updated = self._clock()
        self._write(resource.logical_id, resource.physical_id, resource.type, status, reason)

    def superseded(self, resource: Resource, physical_id: str, status: str, reason: str = "") -> None:
        """Report on a physical id that *resource* no longer has; its own status stays."""
        self._write(resource.logical_id, physical_id, resource.type, status, reason)

    def _write(self, logical_id: str, physical_id: str, resource_type: str, status: str, reason: str) -> None:
        with self._lock:
            event = StackEvent(
                event_id=str(self._uuid()),
                timestamp=self._clock(),
                stack_id=self._stack.stack_id,
                stack_name=self._stack.name,
                logical_resource_id=logical_id,
                physical_resource_id=physical_id,
                resource_type=resource_type,
                resource_status=status,
                resource_status_reason=reason,
            )
            self._stack.events.append(event)
            self._on_event(event)
