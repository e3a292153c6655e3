"""What the checks read of an event."""

from collections.abc import Mapping
from typing import Any, Final

Event = Mapping[str, Any]
#: A logical resource: its stack's id and its logical id.
Owner = tuple[str, str]

#: Whoever works in WorkMail beside the stacks.
PEOPLE: Final[Owner] = ("", "people")


def owner_of(event: Event) -> Owner:
    """Return the logical resource of an event."""
    return event["StackId"], event["LogicalResourceId"]


def declares_adopt(event: Event) -> bool:
    """Tell whether an event declares ``ExistingResource: ADOPT``."""
    return bool(event["ResourceProperties"].get("ExistingResource") == "ADOPT")


def spoken(owner: Owner) -> str:
    """Return an owner as a person says it."""
    return owner[1] if owner == PEOPLE else f"{owner[0].split('/')[1]}.{owner[1]}"
