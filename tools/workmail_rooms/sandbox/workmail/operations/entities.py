"""What users, groups and resources have in common: their names, how they are found, listed and deleted."""

from collections.abc import Callable, Collection
from typing import Any, Literal, TypeVar

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import (
    EntityNotFoundError,
    EntityStateError,
    InvalidParameterError,
    NameAvailabilityError,
    ReservedNameError,
    error,
)
from workmail_rooms.sandbox.workmail.organization import Entity, Kind, Organization
from workmail_rooms.sandbox.workmail.paging import page
from workmail_rooms.sandbox.workmail.validation import check_single_filter

#: What may stand for an entity beside its id.
Form = Literal["name", "email"]
ID: tuple[Form, ...] = ()
ID_OR_NAME: tuple[Form, ...] = ("name",)
ANY_FORM: tuple[Form, ...] = ("name", "email")

EntityT = TypeVar("EntityT", bound=Entity)


def claim_name(account: Account, organization: Organization, name: str, *, owner: Entity | None = None) -> None:
    """Refuse *name* if another entity than *owner* has it: users, groups and resources share one name space.

    Raises
    ------
    NameAvailabilityError
        It is taken, or was until a moment ago.
    """
    key = account.behaviour.key(name)
    holder = organization.named(name)
    if holder is not None and holder is not owner:
        raise NameAvailabilityError(f"Name: {name}, {holder.kind.lower()} {holder.id}.")
    if holder is None and organization.held_names.get(key, 0) > 0:
        organization.held_names[key] -= 1
        raise NameAvailabilityError(f"Name: {name}.")


def claim_new_name(account: Account, organization: Organization, name: str) -> None:
    """Refuse *name* for a new entity.

    Raises
    ------
    ReservedNameError
        The directory keeps it for itself. Only the create operations model this error.
    NameAvailabilityError
        It is taken.
    """
    if name.casefold() in {reserved.casefold() for reserved in account.behaviour.reserved_names}:
        raise ReservedNameError(f"Name: {name}.")
    claim_name(account, organization, name)


def lookup(organization: Organization, reference: str, kind: type[EntityT], forms: Collection[Form]) -> EntityT | None:
    """Return the entity, or its ghost, that *reference* means; this is no read."""
    if isinstance(entity := organization.entities.get(reference), kind):
        return entity
    if "name" in forms and isinstance(entity := organization.by_name(reference), kind):
        return entity
    if "email" in forms and isinstance(entity := organization.by_address(reference), kind):
        return entity
    return None


def find_described(
    account: Account,
    organization: Organization,
    reference: str,
    kind: type[EntityT],
    forms: Collection[Form] = ANY_FORM,
) -> EntityT:
    """Return the entity, or its ghost, that *reference* means; this counts as a read.

    Raises
    ------
    EntityNotFoundError
        There is none, the read does not see it yet, or it is deleted and `Behaviour.ghost_describe` hides that.
    """
    entity = lookup(organization, reference, kind, forms)
    hidden = entity is not None and entity.state == "DELETED" and account.behaviour.ghost_describe != "DELETED"
    if entity is None or hidden or not entity.read():
        raise EntityNotFoundError(f"Identifier: {reference}.")
    return entity


def find_live(
    account: Account,
    organization: Organization,
    reference: str,
    kind: type[EntityT],
    forms: Collection[Form] = ANY_FORM,
) -> EntityT:
    """Return the entity that *reference* means, which is not deleted; this counts as a read.

    Raises
    ------
    EntityNotFoundError
        There is none.
    EntityStateError
        It is deleted.
    """
    entity = find_described(account, organization, reference, kind, forms)
    if entity.state == "DELETED":
        raise EntityStateError(f"Identifier: {reference}, state: DELETED.")
    return entity


def require_enabled(entity: Entity) -> None:
    """Refuse an entity that does not show as ENABLED.

    Raises
    ------
    EntityStateError
        It is DISABLED, or its registration has not settled.
    """
    if entity.shown_state != "ENABLED":
        raise EntityStateError(f"Identifier: {entity.id}, state: {entity.shown_state}.")


def delete(account: Account, organization: Organization, reference: str, kind: type[Entity]) -> Output:
    """Delete the entity of the *kind* with this id or name ("not e-mail": DeleteResource and its siblings).

    Raises
    ------
    InvalidParameterError
        *reference* is an address; or see `Behaviour.delete_unknown_id`.
    EntityStateError
        The entity is ENABLED or was until a moment ago; or see `Behaviour.redelete`.
    """
    entity = lookup(organization, reference, kind, ID_OR_NAME)
    behaviour = account.behaviour
    if entity is None:
        if "@" in reference:
            raise InvalidParameterError(f"Identifier: {reference}. Give the id or the name.")
        if behaviour.delete_unknown_id != "success":
            raise error(behaviour.delete_unknown_id, f"Identifier: {reference}.")
        return {}
    if entity.state == "DELETED":
        if behaviour.redelete != "success":
            raise error(behaviour.redelete, f"Identifier: {reference}, state: DELETED.", asked_for=True)
        return {}
    if entity.state == "ENABLED":
        raise EntityStateError(f"Identifier: {reference}, state: ENABLED. Deregister it from WorkMail first.")
    if entity.refused_deletes:
        entity.refused_deletes -= 1
        raise EntityStateError(f"Identifier: {reference}, state: DISABLED a moment ago.")
    organization.delete(entity)
    if behaviour.name_release:
        organization.held_names[behaviour.key(entity.name)] = behaviour.name_release
    return {}


def list_entities(
    account: Account,
    organization: Organization,
    request: Params,
    *,
    kind: Kind,
    result_key: str,
    summary: Callable[[Any], Output],
    prefixes: dict[str, Callable[[Any], str | None]],
) -> Output:
    """Return a page of the entities of a *kind*.

    An unfiltered page costs what it holds; a filter looks at the entities until its page is full.

    Parameters
    ----------
    account, organization, request
        As given to the operation.
    kind : {"USER", "GROUP", "RESOURCE"}
        What to list.
    result_key : str
        The output member that holds the summaries.
    summary : callable
        Gives the summary of an entity.
    prefixes : dict
        By filter name: gives what the filter's value must be a prefix of. ``State`` is known anyway.
    """
    check_single_filter(dict(request))
    filters = dict(request.get("Filters") or {})
    state = filters.pop("State", None)
    hide_ghosts = account.behaviour.ghost_list == "hidden"

    def view(entity: Entity) -> Output | None:
        for name, prefix in filters.items():
            if not (prefixes[name](entity) or "").casefold().startswith(prefix.casefold()):
                return None
        if (hide_ghosts and entity.state == "DELETED") or not entity.read():
            return None
        shown = summary(entity)
        return shown if state in {None, shown["State"]} else None

    return page(
        organization.listed(kind),
        request,
        result_key=result_key,
        key=lambda entity: entity.sequence,
        view=view,
        page_size=account.behaviour.page_size,
    )


def dates_and_state(entity: Entity) -> Output:
    """Return the members State, Email, EnabledDate and DisabledDate; this counts as a read of the state."""
    return present(
        State=entity.read_state(),
        Email=entity.email,
        EnabledDate=entity.enabled_date,
        DisabledDate=entity.disabled_date,
    )


def present(**members: Any) -> Output:
    """Return the *members* that have a value: WorkMail leaves the others out."""
    return {name: value for name, value in members.items() if value is not None}
