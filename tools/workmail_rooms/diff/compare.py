"""Each declared room against WorkMail. Pure.

The function's own plan decides: a room is the same exactly when the function, asked to bring it to what is declared,
would make no call.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import BOOKING_KEYS
from workmail_resource.workmail.room import Room, Wanted
from workmail_rooms.diff.templates import Declared
from workmail_rooms.inventory.resources import Resource


@dataclass(frozen=True, slots=True)
class Change:
    """A property that is not as it is declared.

    Attributes
    ----------
    declared, actual:
        None where there is none.
    """

    property: str
    declared: Any
    actual: Any


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one declared room.

    Attributes
    ----------
    status:
        ``same``, ``different``, ``missing``, or ``impossible``, where *problem* says why it cannot be compared.
    room:
        As WorkMail has it; None where it is missing.
    operations:
        The calls that an update of the resource would make.
    """

    declared: Declared
    status: str
    room: Room | None = None
    changes: tuple[Change, ...] = ()
    operations: tuple[str, ...] = ()
    problem: str = ""


class Organization:
    """What was read of one organization.

    Parameters
    ----------
    delegates:
        The ids of the users and groups that are declared as delegates, by how they are declared; None for one that is
        not there.
    """

    def __init__(self, resources: Sequence[Resource], delegates: Mapping[str, str | None]) -> None:
        self.resources: Final = resources
        self._delegates = delegates
        self._by_id = {one.room.resource_id: one.room for one in resources}
        self._by_name = {one.room.name.casefold(): one.room for one in resources}
        self._by_email = {one.room.email.casefold(): one.room for one in resources if one.room.email}

    def find(self, declared: Declared) -> Room | None:
        """Return the room that is meant: by its id, else its name, else its address, which stays when it is renamed."""
        if declared.resource_id in self._by_id:
            return self._by_id[declared.resource_id]
        declaration = declared.declaration
        if declaration is None or declared.resource_id:
            return None
        by_email = self._by_email.get((declaration.email or "").casefold())
        return self._by_name.get(declaration.name.casefold(), by_email)

    def compare(self, declared: Declared) -> Result:
        """Compare one declared room."""
        declaration = declared.declaration
        if declaration is None:
            return Result(declared, "impossible", problem=declared.problem)
        room = self.find(declared)
        if room is None:
            return Result(declared, "missing")
        # One who is not there any more is missing among the room's, under the name that is declared.
        wanted = Wanted.declared(
            declaration, frozenset(self._delegates.get(one) or one for one in declaration.delegates)
        )
        # The function reads no lists of a resource that is disabled and shall be.
        if not room.enabled and wanted.email is None:
            room = room._replace(aliases=frozenset(), delegates=frozenset())
        steps = plan(room, wanted)
        if not steps:
            return Result(declared, "same", room)
        return Result(
            declared, "different", room, tuple(_changes(room, wanted)), tuple(step.operation for step in steps)
        )


def _changes(room: Room, wanted: Wanted) -> Iterator[Change]:
    pairs: list[tuple[str, Any, Any]] = [
        ("State", "ENABLED" if wanted.email is not None else "DISABLED", room.state),
        ("Email", wanted.email, room.email if room.enabled else None),
        ("Name", wanted.name, room.name),
        ("Type", wanted.type, room.type),
        ("Description", wanted.description, room.description),
        ("HiddenFromGlobalAddressList", wanted.hidden, room.hidden),
        *(
            (f"BookingOptions.{key}", declared, actual)
            for key, declared, actual in zip(BOOKING_KEYS, wanted.booking, room.booking, strict=True)
        ),
        ("Aliases", sorted(wanted.aliases), sorted(room.aliases or ())),
        ("Delegates", sorted(wanted.delegates), sorted(room.delegates or ())),
    ]
    for name, declared, actual in pairs:
        if _comparable(name, declared) != _comparable(name, actual):
            yield Change(name, declared, actual)


def _comparable(name: str, value: Any) -> Any:
    """Return what counts of a value: upper and lower case do not, of names and addresses."""
    match value:
        case str() if name in {"Email", "Name"}:
            return value.casefold()
        case list() if name == "Aliases":
            return sorted(alias.casefold() for alias in value)
        case _:
            return value


def undeclared(organization: Organization, results: Sequence[Result]) -> list[Room]:
    """Return the rooms that no template declares."""
    declared = {result.room.resource_id for result in results if result.room is not None}
    return [one.room for one in organization.resources if one.room.resource_id not in declared]
