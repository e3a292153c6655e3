"""RegisterToWorkMail and DeregisterFromWorkMail."""

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import EntityAlreadyRegisteredError, EntityStateError
from workmail_rooms.sandbox.workmail.organization import Entity, Organization, Resource

from .addresses import check_address, without
from .entities import ID_OR_NAME, find_live
from .resources import refuse_interoperability


def register_to_work_mail(account: Account, organization: Organization, request: Params) -> Output:
    """Enable a DISABLED entity under an address."""
    entity = find_live(account, organization, request["EntityId"], Entity, ID_OR_NAME)
    if isinstance(entity, Resource):
        refuse_interoperability(organization)
    email = request["Email"]
    if entity.state == "ENABLED":
        return _register_again(account, entity, email)
    check_address(organization, email, entity)
    behaviour = account.behaviour
    organization.set_addresses(entity, email, without(entity.aliases, email))
    entity.state = "ENABLED"
    entity.enabled_date = account.now()
    entity.shown_states = ["DISABLED"] * behaviour.enabled_after
    if behaviour.enabled_flaps == "yes":
        entity.shown_states += ["ENABLED", "DISABLED"]
    return {}


def _register_again(account: Account, entity: Entity, email: str) -> Output:
    same = entity.email is not None and entity.email.casefold() == email.casefold()
    switch = account.behaviour.register_again_same if same else account.behaviour.register_again_other
    if switch == EntityAlreadyRegisteredError.code:
        raise EntityAlreadyRegisteredError(f"Identifier: {entity.id}, email: {entity.email}.")
    return {}


def deregister_from_work_mail(account: Account, organization: Organization, request: Params) -> Output:
    """Disable an ENABLED entity."""
    entity = find_live(account, organization, request["EntityId"], Entity)
    behaviour = account.behaviour
    if entity.state == "DISABLED":
        if behaviour.deregister_disabled == EntityStateError.code:
            raise EntityStateError(f"Identifier: {entity.id}, state: DISABLED.")
        return {}
    entity.state = "DISABLED"
    entity.disabled_date = account.now()
    entity.shown_states = ["ENABLED"] * behaviour.disabled_after
    entity.refused_deletes = behaviour.deletable_after
    organization.set_addresses(
        entity,
        entity.email if behaviour.email_after_deregister == "kept" else None,
        entity.aliases if behaviour.aliases_after_deregister == "kept" else [],
    )
    if isinstance(entity, Resource) and behaviour.delegates_after_deregister == "cleared":
        organization.set_delegates(entity, [])
    return {}
