"""Which resources a template can declare exactly as they are, and how.

Pure. The function itself is asked: :func:`workmail_resource.workmail.properties.parse` whether it takes the
properties, and :func:`workmail_resource.workmail.plan.plan` whether it would make any call. So what is declared here
changes nothing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from workmail_resource.ownership.rules import is_owner_mark
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.plan import differences, plan
from workmail_resource.workmail.properties import BookingOptions, parse
from workmail_resource.workmail.room import Room, Wanted
from workmail_rooms.inventory.logical_ids import logical_id
from workmail_rooms.inventory.resources import Delegate, Resource

#: CloudFormation replaces such a text, wherever it stands
#: (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html).
_DYNAMIC_REFERENCE: Final = "{{resolve:"


#: No room goes with its stack until it is taken out together with ``ADOPT``, and a failed first deployment releases the
#: rooms through the provider. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-deletionpolicy.html
POLICY: Final = "RetainExceptOnCreate"


@dataclass(frozen=True, slots=True)
class Declared:
    """A resource of a template.

    Attributes
    ----------
    properties:
        All but ``ServiceToken`` and ``ServiceTimeout``.
    delegates:
        The same as in *properties*, with their names.
    note:
        What the reader should know of it; empty mostly.
    deletion_policy:
        None declares none.
    """

    logical_id: str
    resource_id: str
    properties: Mapping[str, Any]
    delegates: tuple[Delegate, ...] = ()
    note: str = ""
    deletion_policy: str | None = POLICY


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A resource that no template can declare as it is.

    Attributes
    ----------
    reasons:
        One or more; each is the end of a sentence about the resource, or a sentence of its own.
    """

    room: Room
    reasons: tuple[str, ...]


def declare(organization_id: str, resources: Sequence[Resource]) -> tuple[list[Declared], list[LeftOut]]:
    """Declare each resource as it is; those that cannot be are returned apart, with the reasons.

    Parameters
    ----------
    resources:
        All live resources of the organization.
    """
    # ADOPT goes by the name, which WorkMail may compare without regard to case.
    names = Counter(resource.room.name.casefold() for resource in resources)
    declared: list[Declared] = []
    left_out: list[LeftOut] = []
    for resource in resources:
        room = resource.room
        properties = _properties(organization_id, room)
        reasons = tuple(_obstacles(room, properties, shared=names[room.name.casefold()] > 1))
        if reasons:
            left_out.append(LeftOut(room, reasons))
            continue
        delegates = resource.delegates if room.enabled else ()
        declared.append(Declared(logical_id(room.name), room.resource_id, properties, delegates, _note(resource)))
    return declared, left_out


def _properties(organization_id: str, room: Room) -> dict[str, Any]:
    properties: dict[str, Any] = {"OrganizationId": organization_id, "Name": room.name, "Type": room.type}
    # The function takes no blanks at the ends, and does not miss them in what WorkMail shows.
    if description := (room.description or "").strip():
        properties["Description"] = description
    if room.hidden:
        properties["HiddenFromGlobalAddressList"] = True
    if room.enabled and room.email is not None:
        properties["Email"] = room.email
        if room.aliases:
            properties["Aliases"] = sorted(room.aliases, key=lambda alias: (alias.casefold(), alias))
    if room.booking != BookingOptions():
        properties["BookingOptions"] = room.booking.by_key()
    if room.enabled and room.delegates:
        properties["Delegates"] = sorted(room.delegates)
    properties["ExistingResource"] = "ADOPT"
    return properties


def _obstacles(room: Room, properties: Mapping[str, Any], *, shared: bool) -> Iterable[str]:
    if shared:
        yield "another resource has the same name but for upper and lower case, and ADOPT goes by the name"
    if is_owner_mark(room.description):
        yield "a stack is creating it at this moment, or has begun to"
    if _DYNAMIC_REFERENCE in (room.description or ""):
        yield f"its Description has {_DYNAMIC_REFERENCE}...}}}} in it, which CloudFormation would replace"
    if room.enabled and room.email is None:
        yield "it is enabled, and WorkMail shows no address of it"
    elif not room.enabled and not room.booking.auto_accept_requests:
        yield (
            "it is disabled and does not accept requests automatically, and only an enabled resource with a delegate "
            "can declare that"
        )
    else:
        yield from _refusals(room, properties)


def _refusals(room: Room, properties: Mapping[str, Any]) -> Iterable[str]:
    """Yield what the function would refuse, or else what it would change."""
    try:
        declaration = parse(properties)
    except InvalidPropertiesError as error:
        return error.problems
    wanted = Wanted.declared(declaration, frozenset(properties.get("Delegates", ())))
    return differences(room, wanted) if plan(room, wanted) else ()


def _note(resource: Resource) -> str:
    room = resource.room
    kept = [*sorted(room.aliases or ()), *(delegate.spoken for delegate in resource.delegates)]
    if room.enabled or not kept:
        return ""
    return (
        f"is disabled, so it is declared without Email, and cannot declare the aliases and delegates that WorkMail "
        f"still keeps ({', '.join(kept)}); declare them together with Email when you enable it, or they go"
    )
