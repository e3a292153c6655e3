"""What templates of an earlier run declare, so that every room stays in the file that declares it (contract 61). Pure.

A deployed stack deletes the rooms whose declarations leave its template, once ``ExistingResource: ADOPT`` and the
``DeletionPolicy`` have been taken out. So a declaration keeps its file and its logical ID for as long as the room is
there, and whether the stack adopts or owns the room.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workmail_rooms.inventory.declare import POLICY, Declared
from workmail_rooms.inventory.logical_ids import logical_id_beside

#: Under this key of its Metadata, a declaration names the room that it was made of: the name may change.
METADATA_KEY: Final = "WorkMailResourceId"


class UnreadableTemplateError(Exception):
    """A template cannot be read, so what it declares is not known. The message says why."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One resource that a template declares.

    Attributes
    ----------
    number:
        Of the template.
    resource_id, name, organization_id:
        None where the template does not say it in plain text.
    adopts:
        Whether ``ExistingResource: ADOPT`` is declared.
    deletion_policy:
        None where none is declared.
    """

    number: int
    logical_id: str
    resource_id: str | None
    name: str | None
    organization_id: str | None
    adopts: bool
    deletion_policy: str | None


def entries(number: int, text: str) -> list[Entry]:
    """Return all resources that a template declares, those that are no rooms too.

    Raises
    ------
    UnreadableTemplateError
        It is no YAML, or no map of resources.
    """
    try:
        template = YAML().load(text)
    except YAMLError as error:
        raise UnreadableTemplateError(" ".join(str(error).split())) from error
    resources = template.get("Resources") if isinstance(template, Mapping) else None
    if not isinstance(resources, Mapping):
        raise UnreadableTemplateError("it has no Resources")
    return [_entry(number, str(logical_id), body) for logical_id, body in resources.items()]


def _entry(number: int, logical_id: str, body: Any) -> Entry:
    body = body if isinstance(body, Mapping) else {}
    properties = body.get("Properties") if isinstance(body.get("Properties"), Mapping) else {}
    metadata = body.get("Metadata") if isinstance(body.get("Metadata"), Mapping) else {}
    return Entry(
        number=number,
        logical_id=logical_id,
        resource_id=_text(metadata.get(METADATA_KEY)),
        name=_text(properties.get("Name")),
        organization_id=_text(properties.get("OrganizationId")),
        adopts=properties.get("ExistingResource") == "ADOPT",
        deletion_policy=_text(body.get("DeletionPolicy")),
    )


def _text(value: Any) -> str | None:
    return str(value) if isinstance(value, str) else None


def match(
    organization_id: str, found: Iterable[Entry], names: Mapping[str, str]
) -> tuple[dict[str, Entry], list[Entry]]:
    """Tell which entry declares which resource.

    The ResourceId in the Metadata decides; the name does where there is none, or where that resource has gone and
    another has its name.

    Parameters
    ----------
    names:
        The names of the live resources, by ResourceId.

    Returns
    -------
    The entries by ResourceId, and those that declare no live resource, or one that another entry declares.
    """
    matched: dict[str, Entry] = {}
    unmatched: list[Entry] = []
    for entry in found:
        if entry.organization_id == organization_id and entry.resource_id in names.keys() - matched.keys():
            matched[str(entry.resource_id)] = entry
        else:
            unmatched.append(entry)
    by_name = {name.casefold(): resource_id for resource_id, name in names.items() if resource_id not in matched}
    lost: list[Entry] = []
    for entry in unmatched:
        resource_id = (
            by_name.pop((entry.name or "").casefold(), None) if entry.organization_id == organization_id else None
        )
        if resource_id is None:
            lost.append(entry)
        else:
            matched[resource_id] = entry
    return matched, lost


def as_before(declared: Iterable[Declared], kept: Mapping[str, Entry]) -> list[Declared]:
    """Return *declared* with what stays of their earlier declarations: the logical ID, and who owns the room.

    Parameters
    ----------
    kept:
        The earlier declarations, by ResourceId.
    """
    taken = {entry.logical_id for entry in kept.values()}
    result = []
    for one in declared:
        entry = kept.get(one.resource_id)
        if entry is None:
            result.append(replace(one, logical_id=logical_id_beside(one.logical_id, one.resource_id, taken)))
            continue
        properties = dict(one.properties)
        if not entry.adopts:
            del properties["ExistingResource"]
        policy = entry.deletion_policy or (POLICY if entry.adopts else None)
        result.append(replace(one, logical_id=entry.logical_id, properties=properties, deletion_policy=policy))
    return result
