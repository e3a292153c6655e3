"""What handling one event works with."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from workmail_resource.aws.calls import Log
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.ownership.rules import RESOURCE_TYPES, event_id, owner, owner_mark
from workmail_resource.ownership.stacks import Stacks
from workmail_resource.protocol.clock import Clock, Deadline
from workmail_resource.protocol.errors import MalformedEventError
from workmail_resource.protocol.event import Event
from workmail_resource.workmail.api import WorkMail

from .turn import Turn


@dataclass(frozen=True, slots=True)
class Result:
    """What a SUCCESS answer says.

    Attributes
    ----------
    data:
        For ``Fn::GetAtt``.
    """

    physical_id: str
    data: dict[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """Everything that handling one event needs from outside.

    Attributes
    ----------
    organization:
        Makes the API of one organization.
    report_id:
        Told the ResourceId as soon as there is one, so that even a failure answers with it.
    log:
        Takes a message and keys.
    turn:
        The event's hold on the record of its logical resource.
    come_again:
        Told that something is left to do which no later event would do: Lambda then delivers this event again.
    """

    event: Event
    ledger: Ledger
    stacks: Stacks
    organization: Callable[[str], WorkMail]
    deadline: Deadline
    clock: Clock
    report_id: Callable[[str], None]
    log: Log
    turn: Turn
    come_again: Callable[[str], None]

    @property
    def owner(self) -> str:
        """The logical resource of the event."""
        return owner(self.event)

    @property
    def id(self) -> str:
        """What tells the event from all others."""
        return event_id(self.event)

    @property
    def mark(self) -> str:
        """The owner mark of what this event makes."""
        return owner_mark(self.owner, self.id)

    def workmail(self, organization_id: str) -> WorkMail:
        """Return the API of one organization; each call that changes something first looks after the lease."""
        return self.organization(organization_id).guarded(self.turn.guard)

    def within(self, deadline: Deadline) -> "Work":
        """Return the same work with another deadline."""
        return replace(
            self,
            deadline=deadline,
            organization=lambda organization_id: self.organization(organization_id).within(deadline),
        )

    def quietly(self) -> "Work":
        """Return the same work with an id that is not reported before it is certain."""
        return replace(self, report_id=lambda _: None)

    def check_type(self) -> None:
        """Refuse an event of a resource type that is not ours.

        Raises
        ------
        MalformedEventError
            It is not.
        """
        if self.event.resource_type not in RESOURCE_TYPES:
            raise MalformedEventError(
                f"ResourceType is {self.event.resource_type!r}; this function provides {' and '.join(RESOURCE_TYPES)}"
            )
