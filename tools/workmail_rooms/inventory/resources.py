"""What was read of one room or piece of equipment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from workmail_resource.workmail.room import Room


@dataclass(frozen=True, slots=True)
class Delegate:
    """A user or group that answers the requests of a resource.

    Attributes
    ----------
    type:
        ``USER`` or ``GROUP``.
    name, email:
        None where WorkMail does not tell.
    """

    id: str
    type: str
    name: str | None = None
    email: str | None = None

    @property
    def spoken(self) -> str:
        """What a person calls it."""
        return self.email or self.name or self.id


@dataclass(frozen=True, slots=True)
class Resource:
    """A room or piece of equipment.

    Attributes
    ----------
    room:
        As the function sees it. Aliases and delegates are there of a disabled one too, as far as WorkMail keeps them.
    delegates:
        Those of *room*, by id.
    enabled_date, disabled_date:
        When it was registered and deregistered last; None where WorkMail does not tell.
    """

    room: Room
    delegates: tuple[Delegate, ...] = ()
    enabled_date: datetime | None = None
    disabled_date: datetime | None = None


def in_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    """Return *resources* by name: WorkMail does not document the order in which it lists them."""
    return tuple(sorted(resources, key=lambda one: (one.room.name.casefold(), one.room.name, one.room.resource_id)))
