"""Organizations and mail domains."""

import pytest

from .conftest import DOMAIN, REGION, Service, refusal


def test_a_new_organization_is_active_and_has_its_own_domain(service: Service) -> None:
    """CreateOrganization gives an Active organization with the verified domain ALIAS.awsapps.com."""
    created = service.client.create_organization(Alias="Fresh", Domains=[{"DomainName": "fresh.example"}])
    organization = {"OrganizationId": created["OrganizationId"]}
    found = service.client.describe_organization(**organization)
    domains = service.client.list_mail_domains(**organization)["MailDomains"]
    own = service.client.get_mail_domain(**organization, DomainName="fresh.awsapps.com")

    assert (found["State"], found["Alias"], found["DefaultMailDomain"]) == ("Active", "Fresh", "fresh.awsapps.com")
    assert found["ARN"] == f"arn:aws:workmail:{REGION}:123456789012:organization/{created['OrganizationId']}"
    assert domains == [
        {"DomainName": "fresh.awsapps.com", "DefaultDomain": True},
        {"DomainName": "fresh.example", "DefaultDomain": False},
    ]
    assert (own["IsTestDomain"], own["IsDefault"], own["OwnershipVerificationStatus"]) == (True, True, "VERIFIED")
    room = service.client.create_resource(**organization, Name="room", Type="ROOM")["ResourceId"]
    service.client.register_to_work_mail(**organization, EntityId=room, Email="room@fresh.awsapps.com")


def test_a_client_token_makes_one_organization(service: Service) -> None:
    """The same request with the same ClientToken is answered by the first one's answer; another request is refused."""
    first, second = (
        service.client.create_organization(Alias="fresh", ClientToken="token")["OrganizationId"] for _ in range(2)
    )

    assert first == second
    different = refusal(service.client.create_organization, Alias="other", ClientToken="token")
    assert different == "InvalidParameterException"


def test_organizations_are_listed_with_deleted_ones(service: Service) -> None:
    """A deleted organization stays in the list, and calls in it get the one message that is known."""
    gone = service.client.create_organization(Alias="gone")["OrganizationId"]
    deleted = service.client.delete_organization(OrganizationId=gone, DeleteDirectory=True)
    summaries = service.client.list_organizations()["OrganizationSummaries"]

    assert deleted["State"] == "Deleted"
    assert {summary["Alias"]: summary["State"] for summary in summaries} == {"acme": "Active", "gone": "Deleted"}
    with pytest.raises(service.client.exceptions.OrganizationStateException) as raised:
        service.client.list_resources(OrganizationId=gone)
    assert raised.value.response["Error"]["Message"] == f"Organization {gone} is not Active, state: Deleted"
    assert refusal(service.client.create_organization, Alias="gone") == "OK", "its alias is free"


def test_a_registered_domain_is_unverified_until_verified(service: Service) -> None:
    """RegisterMailDomain adds a domain that cannot be used before it is verified."""
    service.client.register_mail_domain(**service.org, DomainName="New.example", ClientToken="token")
    service.client.register_mail_domain(**service.org, DomainName="New.example", ClientToken="token")

    def status() -> str:
        domain = service.client.get_mail_domain(**service.org, DomainName="new.example")
        return str(domain["OwnershipVerificationStatus"])

    assert status() == "PENDING"
    service.backend.verify_domain(service.organization.id, "new.example")
    assert status() == "VERIFIED"


def test_synchronizing_organizations_let_operations_through(service: Service) -> None:
    """Older API references name Synchronizing beside Active."""
    service.organization.state = "Synchronizing"
    assert refusal(service.room) == "OK"


def test_interoperability_refuses_resources_and_nothing_else(service: Service) -> None:
    """In interoperability mode resources can neither be created nor enabled; users can."""
    room = service.room()
    service.organization.interoperability = True

    assert refusal(service.room, "other") == "UnsupportedOperationException"
    assert refusal(service.register, room, f"room@{DOMAIN}") == "UnsupportedOperationException"
    user = service.client.create_user(**service.org, Name="carol", DisplayName="Carol")["UserId"]
    assert refusal(service.register, user, f"carol@{DOMAIN}") == "OK"


def test_a_read_only_directory_refuses_writes_and_answers_reads(service: Service) -> None:
    """UnsupportedOperationException: "can't perform a write operation against a read-only directory"."""
    room = service.enabled_room()
    service.organization.directory = "read_only"

    assert refusal(service.update, room, Type="EQUIPMENT") == "UnsupportedOperationException"
    assert refusal(service.describe, room) == "OK"
    assert refusal(service.client.list_resources, **service.org) == "OK"
