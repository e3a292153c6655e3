"""Organizations and their mail domains."""

from collections.abc import Callable
from copy import deepcopy

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import (
    DirectoryInUseError,
    DirectoryUnavailableError,
    InvalidParameterError,
    LimitExceededError,
    MailDomainInUseError,
    MailDomainNotFoundError,
    NameAvailabilityError,
    OrganizationStateError,
)
from workmail_rooms.sandbox.workmail.organization import MailDomain, Organization
from workmail_rooms.sandbox.workmail.paging import page

from .entities import present

# "Organizations per account: 100", "Domains per organization: 1,000" (administrator guide, workmail_limits).
ORGANIZATION_LIMIT = 100
DOMAIN_LIMIT = 1000


def create_organization(account: Account, request: Params) -> Output:
    """Create an organization with the domain ``ALIAS.awsapps.com``."""

    def create() -> Output:
        _check_new_organization(account, request)
        organization_id = f"m-{account.new_hex()}"
        organization = new_organization(account, request["Alias"], organization_id, request.get("DirectoryId"))
        organization.interoperability |= request.get("EnableInteroperability", False)
        for domain in request.get("Domains", ()):
            name = domain["DomainName"].casefold()
            organization.domains.setdefault(name, MailDomain(name, verified=False))
        return {"OrganizationId": organization_id}

    return once(account, "CreateOrganization", request, create)


def new_organization(
    account: Account, alias: str, organization_id: str, directory_id: str | None = None
) -> Organization:
    """Add an organization as `Behaviour.new_organization` says and return it."""
    domain = f"{alias.casefold()}.awsapps.com"
    kind = account.behaviour.new_organization
    organization = Organization(
        id=organization_id,
        alias=alias,
        directory_id=directory_id or f"d-{account.new_hex()[:10]}",
        state="Active" if kind == "interoperability" else kind,
        interoperability=kind == "interoperability",
        default_domain=domain,
        domains={domain: MailDomain(domain, verified=True, test=True)},
        domain_unready=account.behaviour.domain_ready_after,
        completed_date=account.now(),
        _key=account.behaviour.key,
    )
    account.organizations[organization_id] = organization
    return organization


def _check_new_organization(account: Account, request: Params) -> None:
    live = [organization for organization in account.organizations.values() if organization.state != "Deleted"]
    alias, directory_id = request["Alias"], request.get("DirectoryId")
    if request.get("EnableInteroperability") and directory_id is None:
        raise InvalidParameterError("EnableInteroperability needs the DirectoryId of an AD Connector.")
    if any(organization.alias.casefold() == alias.casefold() for organization in live):
        raise NameAvailabilityError(f"Alias: {alias}.")
    if directory_id in account.unavailable_directories:
        raise DirectoryUnavailableError(f"Directory: {directory_id}.")
    if directory_id is not None and any(organization.directory_id == directory_id for organization in live):
        raise DirectoryInUseError(f"Directory: {directory_id}.")
    if len(live) >= ORGANIZATION_LIMIT:
        raise LimitExceededError(f"Organizations of account {account.account_id}: {ORGANIZATION_LIMIT}.")


def delete_organization(account: Account, request: Params) -> Output:
    """Delete an organization at once; it stays known, in state Deleted."""

    def delete() -> Output:
        organization = account.organization("DeleteOrganization", request)
        enabled = any(user.state == "ENABLED" for user in organization.listed("USER"))
        if enabled and not request.get("ForceDelete"):
            # "Deletes a WorkMail organization even if the organization has enabled users" (ForceDelete).
            raise OrganizationStateError(f"Organization: {organization.id} has enabled users. Set ForceDelete.")
        organization.state = "Deleted"
        return {"OrganizationId": organization.id, "State": organization.state}

    return once(account, "DeleteOrganization", request, delete)


def once(account: Account, operation: str, request: Params, carry_out: Callable[[], Output]) -> Output:
    """Carry out a request, or, when its ClientToken was used before, return the same answer again.

    Raises
    ------
    InvalidParameterError
        The token was used with other parameters.
    """
    token = request.get("ClientToken")
    if token is None:
        return carry_out()
    first = account.client_tokens.get(f"{operation}/{token}")
    if first is None:
        # Only what succeeded is remembered: a failed request may be repeated with the same token.
        first = {"request": deepcopy(dict(request)), "output": carry_out()}
        account.client_tokens[f"{operation}/{token}"] = first
    elif first["request"] != request:
        raise InvalidParameterError(f"ClientToken: {token} was used with other parameters.")
    return dict(first["output"])


def list_organizations(account: Account, request: Params) -> Output:
    """List the organizations by id, deleted ones included."""
    return page(
        sorted(account.organizations.values(), key=lambda organization: organization.id),
        request,
        result_key="OrganizationSummaries",
        key=lambda organization: organization.id,
        view=lambda organization: present(
            OrganizationId=organization.id,
            Alias=organization.alias,
            DefaultMailDomain=organization.default_domain,
            ErrorMessage=organization.error_message,
            State=organization.state,
        ),
        page_size=account.behaviour.page_size,
    )


def describe_organization(account: Account, organization: Organization, _request: Params) -> Output:
    """Show an organization, in whatever state."""
    return present(
        OrganizationId=organization.id,
        Alias=organization.alias,
        State=organization.state,
        DirectoryId=organization.directory_id,
        DirectoryType="VpcDirectory",
        DefaultMailDomain=organization.default_domain,
        CompletedDate=organization.completed_date,
        ErrorMessage=organization.error_message,
        ARN=f"arn:aws:workmail:{account.region}:{account.account_id}:organization/{organization.id}",
        InteroperabilityEnabled=organization.interoperability,
    )


def register_mail_domain(account: Account, organization: Organization, request: Params) -> Output:
    """Add a domain, not verified."""

    def register() -> Output:
        name = request["DomainName"].casefold()
        for other in account.organizations.values():
            if name in other.domains and other.state != "Deleted":
                raise MailDomainInUseError(f"Domain: {name}, organization: {other.id}.")
        if len(organization.domains) >= DOMAIN_LIMIT:
            raise LimitExceededError(f"Domains of organization {organization.id}: {DOMAIN_LIMIT}.")
        organization.domains[name] = MailDomain(name, verified=False)
        return {}

    return once(account, "RegisterMailDomain", request, register)


def get_mail_domain(_account: Account, organization: Organization, request: Params) -> Output:
    """Show a domain."""
    domain = organization.domains.get(request["DomainName"].casefold())
    if domain is None:
        raise MailDomainNotFoundError(f"Domain: {request['DomainName']}.")
    status = "VERIFIED" if domain.verified else "PENDING"
    return {
        "Records": [],
        "IsTestDomain": domain.test,
        "IsDefault": domain.name == organization.default_domain,
        "OwnershipVerificationStatus": status,
        "DkimVerificationStatus": status,
    }


def list_mail_domains(account: Account, organization: Organization, request: Params) -> Output:
    """List the domains by name."""
    return page(
        sorted(organization.domains),
        request,
        result_key="MailDomains",
        key=str,
        view=lambda name: {"DomainName": name, "DefaultDomain": name == organization.default_domain},
        page_size=account.behaviour.page_size,
    )
