"""The operations: what each does to an account's state, and what it answers.

Each takes a request that has passed `validation.checked`, returns the output as it goes over the wire, and raises a
`WorkMailError`. None reads a clock, knows of HTTP or takes a lock.
"""

from collections.abc import Callable, Mapping

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.organization import Organization

from . import addresses, delegates, exports, members, organizations, registration, resources

ACCOUNT_OPERATIONS: Mapping[str, Callable[[Account, Params], Output]] = {
    "CreateOrganization": organizations.create_organization,
    "DeleteOrganization": organizations.delete_organization,
    "ListOrganizations": organizations.list_organizations,
}

ORGANIZATION_OPERATIONS: Mapping[str, Callable[[Account, Organization, Params], Output]] = {
    "AssociateDelegateToResource": delegates.associate_delegate_to_resource,
    "CancelMailboxExportJob": exports.cancel_mailbox_export_job,
    "CreateAlias": addresses.create_alias,
    "CreateGroup": members.create_group,
    "CreateResource": resources.create_resource,
    "CreateUser": members.create_user,
    "DeleteAlias": addresses.delete_alias,
    "DeleteGroup": members.delete_group,
    "DeleteResource": resources.delete_resource,
    "DeleteUser": members.delete_user,
    "DeregisterFromWorkMail": registration.deregister_from_work_mail,
    "DescribeEntity": addresses.describe_entity,
    "DescribeGroup": members.describe_group,
    "DescribeMailboxExportJob": exports.describe_mailbox_export_job,
    "DescribeOrganization": organizations.describe_organization,
    "DescribeResource": resources.describe_resource,
    "DescribeUser": members.describe_user,
    "DisassociateDelegateFromResource": delegates.disassociate_delegate_from_resource,
    "GetMailDomain": organizations.get_mail_domain,
    "ListAliases": addresses.list_aliases,
    "ListGroups": members.list_groups,
    "ListMailDomains": organizations.list_mail_domains,
    "ListMailboxExportJobs": exports.list_mailbox_export_jobs,
    "ListResourceDelegates": delegates.list_resource_delegates,
    "ListResources": resources.list_resources,
    "ListUsers": members.list_users,
    "RegisterMailDomain": organizations.register_mail_domain,
    "RegisterToWorkMail": registration.register_to_work_mail,
    "StartMailboxExportJob": exports.start_mailbox_export_job,
    "UpdatePrimaryEmailAddress": addresses.update_primary_email_address,
    "UpdateResource": resources.update_resource,
}

OPERATIONS = frozenset(ACCOUNT_OPERATIONS) | frozenset(ORGANIZATION_OPERATIONS)
