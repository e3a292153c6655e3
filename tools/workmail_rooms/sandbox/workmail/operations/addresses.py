"""Addresses: CreateAlias, DeleteAlias, ListAliases, UpdatePrimaryEmailAddress, DescribeEntity."""

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import (
    EmailAddressInUseError,
    EntityNotFoundError,
    InvalidParameterError,
    LimitExceededError,
    MailDomainNotFoundError,
    MailDomainStateError,
    error,
)
from workmail_rooms.sandbox.workmail.organization import Entity, Organization
from workmail_rooms.sandbox.workmail.paging import page

from .entities import ID, find_live, require_enabled

# "Aliases per user: 100", a hard limit (administrator guide, workmail_limits).
ALIAS_LIMIT = 100


def check_address(organization: Organization, address: str, owner: Entity) -> None:
    """Refuse an *address* that *owner* cannot have.

    Raises
    ------
    MailDomainNotFoundError
        Its domain is not the organization's.
    MailDomainStateError
        Its domain is not verified.
    EmailAddressInUseError
        Another entity has it.
    """
    name = address.partition("@")[2].casefold()
    domain = organization.domains.get(name)
    if domain is None:
        raise MailDomainNotFoundError(f"Domain: {name}.")
    if not domain.verified:
        raise MailDomainStateError(f"Domain: {name}.")
    if domain.test and organization.domain_unready:
        organization.domain_unready -= 1
        raise MailDomainStateError(f"Domain: {name}.")
    holder = organization.by_address(address)
    if holder is not None and holder is not owner:
        raise EmailAddressInUseError(f"Email: {address}, {holder.kind.lower()} {holder.id}.")


def without(addresses: list[str], address: str | None) -> list[str]:
    """Return *addresses* without *address*, whatever its case."""
    return [other for other in addresses if address is None or other.casefold() != address.casefold()]


def promoted(entity: Entity, email: str | None) -> list[str]:
    """Return the aliases of *entity* once *email* is its primary e-mail: the one it had becomes an alias."""
    return without(entity.aliases + ([entity.email] if entity.email else []), email)


def create_alias(account: Account, organization: Organization, request: Params) -> Output:
    """Give an ENABLED entity one more address."""
    entity = find_live(account, organization, request["EntityId"], Entity, ID)
    require_enabled(entity)
    alias = request["Alias"]
    check_address(organization, alias, entity)
    if organization.by_address(alias) is entity:
        return {}
    if len(entity.aliases) >= ALIAS_LIMIT:
        raise LimitExceededError(f"Aliases of {entity.id}: {ALIAS_LIMIT}.")
    organization.set_addresses(entity, entity.email, [*entity.aliases, alias])
    return {}


def delete_alias(account: Account, organization: Organization, request: Params) -> Output:
    """Take an alias from an entity; the primary e-mail is none."""
    entity = find_live(account, organization, request["EntityId"], Entity, ID)
    alias = request["Alias"]
    if entity.email is not None and alias.casefold() == entity.email.casefold():
        raise InvalidParameterError(f"Alias: {alias} is the primary e-mail of {entity.id}.")
    aliases = without(entity.aliases, alias)
    if len(aliases) == len(entity.aliases) and account.behaviour.delete_missing_alias != "success":
        raise error(account.behaviour.delete_missing_alias, f"Alias: {alias} of {entity.id}.")
    organization.set_addresses(entity, entity.email, aliases)
    return {}


def list_aliases(account: Account, organization: Organization, request: Params) -> Output:
    """List an entity's addresses; whether the primary e-mail is among them is `Behaviour.list_aliases_primary`."""
    entity = find_live(account, organization, request["EntityId"], Entity, ID)
    addresses = entity.addresses if account.behaviour.list_aliases_primary == "yes" else entity.aliases
    return page(
        sorted(addresses, key=str.casefold),
        request,
        result_key="Aliases",
        key=str.casefold,
        view=str,
        page_size=account.behaviour.page_size,
    )


def update_primary_email_address(account: Account, organization: Organization, request: Params) -> Output:
    """Make an address the primary e-mail of an ENABLED entity; the one it had becomes an alias."""
    entity = find_live(account, organization, request["EntityId"], Entity)
    require_enabled(entity)
    check_address(organization, request["Email"], entity)
    organization.set_addresses(entity, request["Email"], promoted(entity, request["Email"]))
    return {}


def describe_entity(_account: Account, organization: Organization, request: Params) -> Output:
    """Tell whose an address is."""
    entity = organization.by_address(request["Email"])
    if entity is None or not entity.read():
        raise EntityNotFoundError(f"Email: {request['Email']}.")
    return {"EntityId": entity.id, "Name": entity.name, "Type": entity.kind}
