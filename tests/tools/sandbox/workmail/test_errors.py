"""Each error of each operation is provoked, and nothing else is ever answered."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore import xform_name

from workmail_rooms.sandbox.workmail import Fault
from workmail_rooms.sandbox.workmail.operations import OPERATIONS
from workmail_rooms.sandbox.workmail.service_model import documented_text, modelled_errors

from .conftest import BOTH, DOMAIN, Service, refusal

UNKNOWN = "m-" + "0" * 32
NOBODY = "r-" + "0" * 32
ROOM, OFF, GHOST = "room", "off", "ghost"


def prepare(service: Service) -> dict[str, dict[str, Any]]:
    """Make a room, a disabled room and a deleted room; return a request of each operation that would succeed."""

    def make(operation: str, **parameters: Any) -> dict[str, Any]:
        return service.backend.invoke(operation, service.org | parameters)

    room, off, ghost = (
        str(make("CreateResource", Name=name, Type="ROOM")["ResourceId"]) for name in (ROOM, OFF, GHOST)
    )
    make("RegisterToWorkMail", EntityId=room, Email=f"{ROOM}@{DOMAIN}")
    make("DeleteResource", ResourceId=ghost)
    make("DeregisterFromWorkMail", EntityId="bob")
    make("CreateGroup", Name="idle")
    address = {"EntityId": room, "Alias": f"alias@{DOMAIN}"}
    delegate = {"ResourceId": room, "EntityId": "alice"}
    requests: dict[str, dict[str, Any]] = {
        "AssociateDelegateToResource": delegate,
        "CreateAlias": address,
        "CreateGroup": {"Name": "fresh"},
        "CreateOrganization": {"Alias": "fresh"},
        "CreateResource": {"Name": "fresh", "Type": "ROOM"},
        "CreateUser": {"Name": "fresh", "DisplayName": "Fresh", "Password": "correct horse"},
        "DeleteAlias": address,
        "DeleteGroup": {"GroupId": "idle"},
        "DeleteOrganization": {"DeleteDirectory": True, "ForceDelete": True},
        "DeleteResource": {"ResourceId": off},
        "DeleteUser": {"UserId": "bob"},
        "DeregisterFromWorkMail": {"EntityId": room},
        "DescribeEntity": {"Email": f"alice@{DOMAIN}"},
        "DescribeGroup": {"GroupId": "team"},
        "DescribeOrganization": {},
        "DescribeResource": {"ResourceId": room},
        "DescribeUser": {"UserId": "alice"},
        "DisassociateDelegateFromResource": delegate,
        "GetMailDomain": {"DomainName": DOMAIN},
        "ListAliases": {"EntityId": room},
        "ListGroups": {},
        "ListMailDomains": {},
        "ListOrganizations": {},
        "ListResourceDelegates": {"ResourceId": room},
        "ListResources": {},
        "ListUsers": {},
        "RegisterMailDomain": {"DomainName": "fresh.example"},
        "RegisterToWorkMail": {"EntityId": off, "Email": f"off@{DOMAIN}"},
        "UpdatePrimaryEmailAddress": {"EntityId": room, "Email": f"other@{DOMAIN}"},
        "UpdateResource": {"ResourceId": room, "Name": "renamed"},
    }
    outside = {"CreateOrganization", "ListOrganizations"}
    return {
        operation: request if operation in outside else service.org | request for operation, request in requests.items()
    }


def call(service: Service, operation: str, request: dict[str, Any]) -> str:
    """Call an operation and return the error code, ``OK`` if none."""
    return refusal(getattr(service.client, xform_name(operation)), **request)


Arrange = Callable[[Service, dict[str, Any]], object]


def _with(**members: Any) -> Arrange:
    return lambda _service, request: request.update(members)


def _organization(**attributes: Any) -> Arrange:
    def arrange(service: Service, _request: dict[str, Any]) -> None:
        for name, value in attributes.items():
            setattr(service.organization, name, value)

    return arrange


def _behave(**switches: Any) -> Arrange:
    return lambda service, _request: service.behave(**switches)


def _both(*arranges: Arrange) -> Arrange:
    def arrange(service: Service, request: dict[str, Any]) -> None:
        for each in arranges:
            each(service, request)

    return arrange


def _ghost_reference(member: str) -> Arrange:
    def arrange(service: Service, request: dict[str, Any]) -> None:
        ghost = service.organization.by_name(GHOST)
        assert ghost is not None
        request[member] = ghost.id

    return arrange


def _hundred_aliases(service: Service, request: dict[str, Any]) -> None:
    entity = service.organization.entities[request["EntityId"]]
    service.organization.set_addresses(entity, entity.email, [f"alias{n}@{DOMAIN}" for n in range(100)])


def _domains(service: Service, _request: dict[str, Any]) -> None:
    (domain,) = [domain for domain in service.organization.domains.values() if domain.test]
    service.organization.domains |= {f"d{n}.example": domain for n in range(1000)}


def _directory_of_another(service: Service, request: dict[str, Any]) -> None:
    request["DirectoryId"] = service.organization.directory_id


def _refused_directory(service: Service, request: dict[str, Any]) -> None:
    service.backend.refuse_directory("d-0123456789")
    request["DirectoryId"] = "d-0123456789"


def _hundred_organizations(service: Service, _request: dict[str, Any]) -> None:
    for number in range(99):
        service.backend.seed(f"org{number}")


def _associated(service: Service, request: dict[str, Any]) -> None:
    service.associate(request["ResourceId"], request["EntityId"])


# What provokes an error in whatever operation models it.
GENERIC: dict[str, Arrange] = {
    "OrganizationNotFoundException": _with(OrganizationId=UNKNOWN),
    "OrganizationStateException": _organization(state="Creating"),
    "InvalidParameterException": _with(OrganizationId="m-" + "X" * 32),
    "DirectoryUnavailableException": _organization(directory="unavailable"),
    "DirectoryServiceAuthenticationFailedException": _organization(directory="authentication_failed"),
    "UnsupportedOperationException": _organization(directory="unsupported"),
    "NameAvailabilityException": _with(Name="alice"),
    "ReservedNameException": _with(Name="Administrator"),
}
MAIL = {
    "EmailAddressInUseException": f"alice@{DOMAIN}",
    "MailDomainNotFoundException": "room@nowhere.example",
    "MailDomainStateException": "room@unverified.example",
}

SPECIFIC: dict[tuple[str, str], Arrange] = {
    **{("RegisterToWorkMail", code): _with(Email=address) for code, address in MAIL.items()},
    **{("UpdatePrimaryEmailAddress", code): _with(Email=address) for code, address in MAIL.items()},
    **{("CreateAlias", code): _with(Alias=address) for code, address in MAIL.items()},
    ("UpdateResource", "EmailAddressInUseException"): _both(
        _behave(rename_changes_email="yes"),
        lambda service, _: service.alias(service.member("alice"), f"renamed@{DOMAIN}"),
    ),
    ("UpdateResource", "MailDomainNotFoundException"): _both(
        _behave(rename_changes_email="yes"), _with(Name="a@no.example")
    ),
    ("UpdateResource", "MailDomainStateException"): _both(
        _behave(rename_changes_email="yes", domain_ready_after=1),
        lambda service, request: request.update(service.org, Name="a@acme.awsapps.com"),
        _organization(domain_unready=1),
    ),
    ("UpdateResource", "InvalidConfigurationException"): _with(BookingOptions={"AutoAcceptRequests": False}),
    ("GetMailDomain", "MailDomainNotFoundException"): _with(DomainName="nowhere.example"),
    ("RegisterMailDomain", "MailDomainInUseException"): _with(DomainName=DOMAIN),
    ("RegisterMailDomain", "LimitExceededException"): _domains,
    ("RegisterToWorkMail", "EntityAlreadyRegisteredException"): _with(EntityId=ROOM),
    ("CreateAlias", "LimitExceededException"): _hundred_aliases,
    ("CreateUser", "InvalidPasswordException"): _with(Password="short"),
    ("CreateOrganization", "InvalidParameterException"): _with(EnableInteroperability=True),
    ("CreateOrganization", "NameAvailabilityException"): _with(Alias="ACME"),
    ("CreateOrganization", "DirectoryInUseException"): _directory_of_another,
    ("CreateOrganization", "DirectoryUnavailableException"): _refused_directory,
    ("CreateOrganization", "LimitExceededException"): _hundred_organizations,
    ("ListOrganizations", "InvalidParameterException"): _with(NextToken="none of ours"),
    ("DeleteOrganization", "OrganizationStateException"): _with(ForceDelete=False),
    # Deleting what is ENABLED; everything else that models the error gets a deleted entity.
    ("DeleteResource", "EntityStateException"): _with(ResourceId=ROOM),
    ("DeleteUser", "EntityStateException"): _with(UserId="alice"),
    ("DeleteGroup", "EntityStateException"): _with(GroupId="team"),
    **{
        (operation, "EntityStateException"): _ghost_reference(member)
        for member, operations in {
            "EntityId": [
                "CreateAlias",
                "DeleteAlias",
                "DeregisterFromWorkMail",
                "ListAliases",
                "RegisterToWorkMail",
                "UpdatePrimaryEmailAddress",
            ],
            "ResourceId": [
                "AssociateDelegateToResource",
                "DisassociateDelegateFromResource",
                "ListResourceDelegates",
                "UpdateResource",
            ],
        }.items()
        for operation in operations
    },
    **{
        (operation, "EntityNotFoundException"): _with(**{member: NOBODY})
        for member, operations in {
            "EntityId": [
                "AssociateDelegateToResource",
                "CreateAlias",
                "DeleteAlias",
                "DeregisterFromWorkMail",
                "DisassociateDelegateFromResource",
                "ListAliases",
                "RegisterToWorkMail",
                "UpdatePrimaryEmailAddress",
            ],
            "ResourceId": ["DescribeResource", "ListResourceDelegates", "UpdateResource"],
            "UserId": ["DescribeUser"],
            "GroupId": ["DescribeGroup"],
        }.items()
        for operation in operations
    },
    ("DescribeEntity", "EntityNotFoundException"): _with(Email=f"nobody@{DOMAIN}"),
    # Nothing is known that makes ListGroups answer this: it comes on demand only.
    ("ListGroups", "EntityNotFoundException"): lambda service, _: service.backend.add_fault(
        Fault(action="error", operation="ListGroups", code="EntityNotFoundException")
    ),
}

#: Those of mailbox exports are provoked in test_exports.py.
HERE = sorted(operation for operation in OPERATIONS if "MailboxExportJob" not in operation)

EVERY_ERROR = [(operation, code) for operation in HERE for code in sorted(modelled_errors(operation))]


@BOTH
@pytest.mark.parametrize("operation", HERE)
def test_each_operation_succeeds(service: Service, operation: str) -> None:
    """Each request that the errors below are provoked with succeeds by itself."""
    assert call(service, operation, prepare(service)[operation]) == "OK"


@pytest.mark.parametrize(("operation", "code"), EVERY_ERROR)
def test_each_modelled_error_can_be_provoked(service: Service, operation: str, code: str) -> None:
    """Each error that the service model lists for an operation is answered when its cause is there."""
    request = prepare(service)[operation]
    arrange = SPECIFIC.get((operation, code)) or GENERIC[code]
    arrange(service, request)

    assert call(service, operation, request) == code


def test_errors_name_the_thing(service: Service) -> None:
    """A message is AWS's documented text and the thing it is about."""
    with pytest.raises(service.client.exceptions.NameAvailabilityException) as raised:
        service.room("alice")

    message = raised.value.response["Error"]["Message"]
    assert message.startswith(documented_text("NameAvailabilityException"))
    assert message.endswith(f"Name: alice, user {service.member('alice')}.")
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
