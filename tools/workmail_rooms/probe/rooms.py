"""The resources that the probe makes: their names, how they are told from all others, and how they are removed."""

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

from .calls import Answer, Caller, ProbeError, UnansweredError

#: In the Description of every resource that the probe makes.
MARK: Final = "Temporary, made by workmail-rooms probe"

#: What CreateResource gets: with blanks, to learn what becomes of them.
DESCRIPTION: Final = f" {MARK} "

#: Seconds between two looks at something that takes time.
INTERVAL: Final = 2.0
#: Seconds after which nothing is waited for any more.
PATIENCE: Final = 300.0
#: So many times the resources are listed before the probe believes that there is none of its own: a new one may not
#: be in the first list.
LOOKS: Final = 3
#: The same after a CreateResource that nobody knows the outcome of.
_LONG_LOOKS: Final = 20

_PREFIX: Final = "wmr-probe-"
_LETTERS: Final = 10
_NAME: Final = re.compile(rf"{_PREFIX}[a-z]{{{_LETTERS}}}", re.IGNORECASE | re.ASCII)
_GONE: Final = "EntityNotFoundException"


class LeftBehindError(ProbeError):
    """A resource of the probe could not be removed."""


def new_name(random: Random) -> str:
    """Return a name that nobody uses: ``wmr-probe-`` and ten random letters, large and small ones in turns."""
    letters = (random.choice(string.ascii_lowercase) for _ in range(_LETTERS))
    return _PREFIX + "".join(letter if place % 2 else letter.upper() for place, letter in enumerate(letters))


def is_own(resource: Mapping[str, Any]) -> bool:
    """Tell whether an item of ListResources is the probe's: by its name and by the mark, both."""
    return _has_name(resource) and str(resource.get("Description", "")).strip().startswith(MARK)


def _has_name(resource: Mapping[str, Any]) -> bool:
    return _NAME.fullmatch(str(resource.get("Name", ""))) is not None


@dataclass(kw_only=True)
class Room:
    """A resource that the probe makes, or tries to.

    Attributes
    ----------
    name : str
        The name that it has now.
    id : str
        Empty until CreateResource has answered.
    email : str
        The address that it is registered with.
    seen : bool
        Whether DescribeResource has shown it.
    removed : bool
        Whether it is known to be deleted.
    """

    name: str
    id: str = ""
    email: str = ""
    seen: bool = False
    removed: bool = False


@dataclass(frozen=True, kw_only=True)
class Leftovers:
    """What an organization has of the probe.

    Attributes
    ----------
    own : tuple[Mapping[str, Any], ...]
        The probe's live resources, as ListResources shows them.
    doubtful : tuple[Mapping[str, Any], ...]
        Those with such a name and without the mark. They are left alone.
    ghosts : tuple[Mapping[str, Any], ...]
        The probe's deleted resources that are shown still.
    """

    own: tuple[Mapping[str, Any], ...]
    doubtful: tuple[Mapping[str, Any], ...]
    ghosts: tuple[Mapping[str, Any], ...]


def find(call: Caller, sleep: Callable[[float], None], *, looks: int = LOOKS, enough: Iterable[str] = ()) -> Leftovers:
    """Look for what the probe has left, several times.

    No filter is used: whether NamePrefix minds the case, or lags, is not known.

    Parameters
    ----------
    looks :
        How often.
    enough :
        Names in lower case; when all are found, there is no further look.

    Raises
    ------
    ProbeError
        The resources cannot be listed.
    """
    found: dict[str, Mapping[str, Any]] = {}
    missing = set(enough)
    for look in range(looks):
        if look:
            sleep(INTERVAL)
        for page in call.listed("ListResources"):
            if not page.ok:
                raise ProbeError(f"The resources cannot be listed: {page.code}: {page.message}")
            found |= {item["Id"]: item for item in page.output["Resources"] if _has_name(item)}
        names = {str(item["Name"]).casefold() for item in found.values() if item.get("State") != "DELETED"}
        if missing and missing <= names:
            break
    live = [_described(call, item) for item in found.values() if item.get("State") != "DELETED"]
    return Leftovers(
        own=tuple(item for item in live if is_own(item)),
        doubtful=tuple(item for item in live if not is_own(item)),
        ghosts=tuple(item for item in found.values() if item.get("State") == "DELETED"),
    )


def _described(call: Caller, item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item of ListResources with the Description of DescribeResource, should the list show none."""
    if is_own(item):
        return item
    shown = call("DescribeResource", ResourceId=item["Id"])
    return {**item, "Description": shown.output.get("Description", "")}


def remove(
    call: Caller, clock: Callable[[], float], sleep: Callable[[float], None], room_id: str, *, seen: bool = True
) -> None:
    """Disable and delete a resource of the probe, and wait until it has gone. Its aliases and delegates go with it.

    Parameters
    ----------
    seen :
        Whether it was ever shown. "Not found" means "gone" only for what was; for another, it means "not yet".

    Raises
    ------
    LeftBehindError
        It is still there after five minutes.
    ProbeError
        A permission or credentials are missing.
    """
    deadline = clock() + PATIENCE
    last = "no answer"
    while clock() <= deadline:
        try:
            shown = call("DescribeResource", ResourceId=room_id)
            state = shown.output.get("State", "")
            seen = seen or shown.ok
            last = state or shown.code
            if state == "DELETED" or (shown.code == _GONE and seen):
                return
            if state == "ENABLED":
                call("DeregisterFromWorkMail", EntityId=room_id)
            if shown.ok:
                deleted = call("DeleteResource", ResourceId=room_id)
                last = f"{last}, DeleteResource answers {deleted.code}"
        except UnansweredError as error:
            # All three can be repeated, whatever became of them.
            last = str(error)
        sleep(INTERVAL)
    raise LeftBehindError(f"it is still there ({last})")


def remove_all(call: Caller, clock: Callable[[], float], sleep: Callable[[float], None], rooms: Sequence[Room]) -> None:
    """Remove what this run has made, also what it does not know the id of.

    Raises
    ------
    LeftBehindError
        Something could not be removed; all others are.
    """
    problems = []

    def try_to_remove(room_id: str, *, seen: bool) -> bool:
        try:
            remove(call, clock, sleep, room_id, seen=seen)
        except ProbeError as error:
            problems.append(f"{room_id}: {error}")
            return False
        return True

    for room in rooms:
        if room.id and not room.removed:
            room.removed = try_to_remove(room.id, seen=room.seen)
    unknown = {room.name.casefold() for room in rooms if not room.id}
    if unknown:
        try:
            left = find(call, sleep, looks=_LONG_LOOKS, enough=unknown).own
        except ProbeError as error:
            problems.append(f"{', '.join(sorted(unknown))}: {error}")
            left = ()
        for item in left:
            if str(item["Name"]).casefold() in unknown:
                try_to_remove(item["Id"], seen=True)
    if problems:
        raise LeftBehindError("; ".join(dict.fromkeys(problems)))


def last_state(answers: Sequence[Answer]) -> str:
    """Return the State in the last of some answers of DescribeResource; empty when it is an error."""
    return str(answers[-1].output.get("State", "")) if answers else ""
