"""CreateResource, DescribeResource, UpdateResource, DeleteResource, ListResources."""

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import (
    EntityStateError,
    InvalidConfigurationError,
    UnsupportedOperationError,
)
from workmail_rooms.sandbox.workmail.organization import Organization, Resource

from .addresses import check_address, promoted
from .entities import (
    claim_name,
    claim_new_name,
    dates_and_state,
    delete,
    find_described,
    find_live,
    list_entities,
    present,
)


def create_resource(account: Account, organization: Organization, request: Params) -> Output:
    """Create a resource, DISABLED, as it is until RegisterToWorkMail (DescribeResource, State)."""
    refuse_interoperability(organization)
    claim_new_name(account, organization, request["Name"])
    resource = Resource(
        id=f"r-{account.new_hex()}",
        name=request["Name"],
        sequence=organization.next_sequence,
        hidden=request.get("HiddenFromGlobalAddressList", False),
        type=request["Type"],
        description=account.behaviour.kept(request.get("Description")),
        unseen_reads=account.behaviour.visible_after,
    )
    organization.add(resource)
    return {"ResourceId": resource.id}


def describe_resource(account: Account, organization: Organization, request: Params) -> Output:
    """Show a resource; Email is absent while it was never registered, Description when unset."""
    resource = find_described(account, organization, request["ResourceId"], Resource)
    return (
        {"ResourceId": resource.id, "Name": account.behaviour.shown(resource.name), "Type": resource.type}
        | dates_and_state(resource)
        | present(Description=resource.description)
        | {"BookingOptions": dict(resource.booking), "HiddenFromGlobalAddressList": resource.hidden}
    )


def update_resource(account: Account, organization: Organization, request: Params) -> Output:
    """Change what the request names, all or nothing."""
    resource = find_live(account, organization, request["ResourceId"], Resource)
    behaviour = account.behaviour
    if behaviour.update_on_disabled == EntityStateError.code and resource.shown_state != "ENABLED":
        raise EntityStateError(f"Identifier: {resource.id}, state: {resource.shown_state}.")
    booking = resource.booking
    if "BookingOptions" in request:
        missing = booking if behaviour.booking_missing_key == "unchanged" else dict.fromkeys(booking, False)
        booking = missing | {name: value for name, value in request["BookingOptions"].items() if value is not None}
        if not booking["AutoAcceptRequests"] and not resource.delegates:
            raise InvalidConfigurationError(f"Resource: {resource.id}.")
    name = request.get("Name", resource.name)
    claim_name(account, organization, name, owner=resource)
    email = _email_after_rename(account, organization, resource, name)

    organization.rename(resource, name)
    if email != resource.email:
        organization.set_addresses(resource, email, promoted(resource, email))
    resource.booking = booking
    resource.type = request.get("Type", resource.type)
    resource.hidden = request.get("HiddenFromGlobalAddressList", resource.hidden)
    # "" clears: the description may have no characters here, unlike in CreateResource.
    resource.description = behaviour.kept(request.get("Description", resource.description))
    return {}


def _email_after_rename(account: Account, organization: Organization, resource: Resource, name: str) -> str | None:
    if account.behaviour.rename_changes_email == "no" or name == resource.name or resource.email is None:
        return resource.email
    email = name if "@" in name else f"{name}@{resource.email.partition('@')[2]}"
    check_address(organization, email, resource)
    return email


def delete_resource(account: Account, organization: Organization, request: Params) -> Output:
    """Delete a DISABLED resource."""
    return delete(account, organization, request["ResourceId"], Resource)


def list_resources(account: Account, organization: Organization, request: Params) -> Output:
    """List the resources, oldest first."""

    def summary(resource: Resource) -> Output:
        return (
            {"Id": resource.id, "Name": account.behaviour.shown(resource.name), "Type": resource.type}
            | dates_and_state(resource)
            | present(Description=resource.description)
        )

    return list_entities(
        account,
        organization,
        request,
        kind="RESOURCE",
        result_key="Resources",
        summary=summary,
        prefixes={"NamePrefix": lambda resource: resource.name, "PrimaryEmailPrefix": lambda resource: resource.email},
    )


def refuse_interoperability(organization: Organization) -> None:
    """Refuse to create or enable a resource in interoperability mode.

    The limit is documented (administrator guide, interoperability with Microsoft Exchange), the error is inferred.

    Raises
    ------
    UnsupportedOperationError
        The organization is in that mode.
    """
    if organization.interoperability:
        raise UnsupportedOperationError(
            f"Organization: {organization.id}. Resources can't be created or enabled in Amazon WorkMail while in "
            "interoperability mode."
        )
