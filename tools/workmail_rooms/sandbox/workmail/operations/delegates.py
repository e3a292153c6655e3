"""AssociateDelegateToResource, DisassociateDelegateFromResource, ListResourceDelegates."""

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import error
from workmail_rooms.sandbox.workmail.organization import Member, Organization, Resource
from workmail_rooms.sandbox.workmail.paging import page

from .entities import find_live, require_enabled


def _resource(account: Account, organization: Organization, request: Params) -> Resource:
    return find_live(account, organization, request["ResourceId"], Resource)


def associate_delegate_to_resource(account: Account, organization: Organization, request: Params) -> Output:
    """Make a user or group a delegate of a resource. Both must be ENABLED: inferred from EntityStateException."""
    resource = _resource(account, organization, request)
    delegate = find_live(account, organization, request["EntityId"], Member)
    require_enabled(resource)
    require_enabled(delegate)
    if delegate.id in resource.delegates:
        if account.behaviour.associate_twice != "success":
            raise error(account.behaviour.associate_twice, f"Resource: {resource.id}, delegate: {delegate.id}.")
        return {}
    organization.set_delegates(resource, [*resource.delegates, delegate.id])
    return {}


def disassociate_delegate_from_resource(account: Account, organization: Organization, request: Params) -> Output:
    """Take a delegate from a resource."""
    resource = _resource(account, organization, request)
    delegate = find_live(account, organization, request["EntityId"], Member)
    behaviour = account.behaviour
    about = f"Resource: {resource.id}, delegate: {delegate.id}."
    if delegate.id not in resource.delegates:
        if behaviour.disassociate_missing != "success":
            raise error(behaviour.disassociate_missing, about)
        return {}
    left = [other for other in resource.delegates if other != delegate.id]
    if not left and not resource.booking["AutoAcceptRequests"] and behaviour.last_delegate_removed != "allowed":
        raise error(behaviour.last_delegate_removed, about)
    organization.set_delegates(resource, left)
    return {}


def list_resource_delegates(account: Account, organization: Organization, request: Params) -> Output:
    """List the delegates of a resource by id and kind."""
    return page(
        _resource(account, organization, request).delegates,
        request,
        result_key="Delegates",
        key=str,
        view=lambda delegate: {"Id": delegate, "Type": organization.entities[delegate].kind},
        page_size=account.behaviour.page_size,
    )
