"""The differences as text and as JSON. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.text import Text

from workmail_resource.workmail.room import Room
from workmail_rooms.diff.compare import Change, Result

_NOUNS = {"same": "same", "different": "different", "missing": "not in WorkMail", "impossible": "not comparable"}


def as_text(results: Sequence[Result], undeclared: Mapping[str, Sequence[Room]]) -> list[Text]:
    """Return lines: what is declared with a minus sign in red, what WorkMail has with a plus sign in green.

    Parameters
    ----------
    undeclared:
        By organization.
    """
    lines: list[Text] = []
    for result in results:
        if result.status != "same":
            lines += [*_heading(result), *(line for change in result.changes for line in _change(change))]
    for organization_id, rooms in undeclared.items():
        if rooms:
            lines.append(Text(f"Not declared, in {organization_id}:", style="bold"))
            lines += [Text(f"    {room.name}  {room.type}  {room.resource_id}") for room in rooms]
    return lines


def summary(results: Sequence[Result]) -> str:
    """Return how many rooms came out how."""
    counts = {status: sum(result.status == status for result in results) for status in _NOUNS}
    return ", ".join(f"{number:,} {_NOUNS[status]}" for status, number in counts.items() if number or status == "same")


def _heading(result: Result) -> list[Text]:
    declared, room = result.declared, result.room
    at = f"{declared.source}: {declared.logical_id}"
    match result.status:
        case "missing":
            known = f" ({declared.resource_id})" if declared.resource_id else ""
            return [Text(f"{at} {declared.name}{known} is not in WorkMail", style="bold red")]
        case "impossible":
            return [Text(f"{at} cannot be compared: {result.problem}", style="bold yellow")]
        case _:
            shown = f" {room.name} ({room.resource_id})" if room else ""
            return [Text(f"{at}{shown}", style="bold")]


def _change(change: Change) -> list[Text]:
    declared, actual = _values(change.declared), _values(change.actual)
    both = set(declared) & set(actual)
    return [
        Text(f"    {change.property}"),
        *(Text(f"    - {value}", style="red") for value in declared if value not in both),
        *(Text(f"    + {value}", style="green") for value in actual if value not in both),
    ]


def _values(value: Any) -> list[str]:
    match value:
        case None:
            return []
        case list():
            return [_printable(str(one)) for one in value]
        case bool():
            return [str(value).lower()]
        case _:
            return [_printable(str(value))]


def _printable(text: str) -> str:
    """Return *text* without what a terminal would obey."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)


def as_json(results: Sequence[Result], undeclared: Mapping[str, Sequence[Room]]) -> str:
    """Return one JSON object."""
    document = {
        "Resources": [_object(result) for result in results],
        "Undeclared": [
            {"OrganizationId": organization_id, "ResourceId": room.resource_id, "Name": room.name, "Type": room.type}
            for organization_id, rooms in undeclared.items()
            for room in rooms
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def _object(result: Result) -> dict[str, Any]:
    return {
        "Template": result.declared.source,
        "LogicalId": result.declared.logical_id,
        "Name": result.declared.name,
        "ResourceId": result.room.resource_id if result.room else result.declared.resource_id or None,
        "Status": result.status,
        "Problem": result.problem or None,
        "Differences": [
            {"Property": change.property, "Declared": change.declared, "Actual": change.actual}
            for change in result.changes
        ],
        "Calls": list(result.operations),
    }
