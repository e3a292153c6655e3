"""Users and groups, as far as delegates need them."""

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import InvalidParameterError, InvalidPasswordError
from workmail_rooms.sandbox.workmail.organization import Group, Organization, User

from .entities import claim_new_name, dates_and_state, delete, find_described, list_entities, present

# "Passwords must be 8 characters or more" (administrator guide, "Creating new users").
PASSWORD_LENGTH = 8


def create_user(account: Account, organization: Organization, request: Params) -> Output:
    """Create a user, DISABLED."""
    if request.get("Role") in {"RESOURCE", "SYSTEM_USER"}:
        raise InvalidParameterError(f"Role: {request['Role']}. Use USER or REMOTE_USER.")
    if len(request.get("Password", " " * PASSWORD_LENGTH)) < PASSWORD_LENGTH:
        raise InvalidPasswordError(f"User: {request['Name']}.")
    claim_new_name(account, organization, request["Name"])
    user = User(
        id=account.new_uuid(),
        name=request["Name"],
        sequence=organization.next_sequence,
        hidden=request.get("HiddenFromGlobalAddressList", False),
        display_name=request["DisplayName"],
        role=request.get("Role", "USER"),
        first_name=request.get("FirstName"),
        last_name=request.get("LastName"),
        unseen_reads=account.behaviour.visible_after,
    )
    organization.add(user)
    return {"UserId": user.id}


def create_group(account: Account, organization: Organization, request: Params) -> Output:
    """Create a group, DISABLED."""
    claim_new_name(account, organization, request["Name"])
    group = Group(
        id=account.new_group_id(),
        name=request["Name"],
        sequence=organization.next_sequence,
        hidden=request.get("HiddenFromGlobalAddressList", False),
        unseen_reads=account.behaviour.visible_after,
    )
    organization.add(group)
    return {"GroupId": group.id}


def describe_user(account: Account, organization: Organization, request: Params) -> Output:
    """Show a user."""
    user = find_described(account, organization, request["UserId"], User)
    return (
        {"UserId": user.id, "Name": user.name, "DisplayName": user.display_name, "UserRole": user.role}
        | dates_and_state(user)
        | present(FirstName=user.first_name, LastName=user.last_name)
        | {"HiddenFromGlobalAddressList": user.hidden}
    )


def describe_group(account: Account, organization: Organization, request: Params) -> Output:
    """Show a group."""
    group = find_described(account, organization, request["GroupId"], Group)
    return (
        {"GroupId": group.id, "Name": group.name}
        | dates_and_state(group)
        | {"HiddenFromGlobalAddressList": group.hidden}
    )


def delete_user(account: Account, organization: Organization, request: Params) -> Output:
    """Delete a DISABLED user."""
    return delete(account, organization, request["UserId"], User)


def delete_group(account: Account, organization: Organization, request: Params) -> Output:
    """Delete a DISABLED group."""
    return delete(account, organization, request["GroupId"], Group)


def list_users(account: Account, organization: Organization, request: Params) -> Output:
    """List the users, oldest first."""

    def summary(user: User) -> Output:
        return {
            "Id": user.id,
            "Name": user.name,
            "DisplayName": user.display_name,
            "UserRole": user.role,
        } | dates_and_state(user)

    return list_entities(
        account,
        organization,
        request,
        kind="USER",
        result_key="Users",
        summary=summary,
        prefixes={
            "UsernamePrefix": lambda user: user.name,
            "DisplayNamePrefix": lambda user: user.display_name,
            "PrimaryEmailPrefix": lambda user: user.email,
            "IdentityProviderUserIdPrefix": lambda _user: None,
        },
    )


def list_groups(account: Account, organization: Organization, request: Params) -> Output:
    """List the groups, oldest first."""

    def summary(group: Group) -> Output:
        return {"Id": group.id, "Name": group.name} | dates_and_state(group)

    return list_entities(
        account,
        organization,
        request,
        kind="GROUP",
        result_key="Groups",
        summary=summary,
        prefixes={"NamePrefix": lambda group: group.name, "PrimaryEmailPrefix": lambda group: group.email},
    )
