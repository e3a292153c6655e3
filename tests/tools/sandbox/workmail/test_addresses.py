"""Primary e-mails and aliases."""

from .conftest import DOMAIN, Service, refusal


def test_an_address_belongs_to_one_entity(service: Service) -> None:
    """Primary e-mails and aliases are unique in the organization, in any case."""
    room = service.enabled_room()
    service.alias(room, f"alias@{DOMAIN}")
    other = service.room("other")

    for taken in (f"ALIAS@{DOMAIN}", f"Boardroom@{DOMAIN}", f"alice@{DOMAIN}"):
        assert refusal(service.register, other, taken) == "EmailAddressInUseException"
    service.register(other, f"other@{DOMAIN}")
    assert refusal(service.alias, other, f"ALIAS@{DOMAIN}") == "EmailAddressInUseException"
    new = {"EntityId": other, "Email": f"ALIAS@{DOMAIN}"}
    assert refusal(service.client.update_primary_email_address, **service.org, **new) == "EmailAddressInUseException"


def test_the_domain_of_an_address_must_be_known_and_verified(service: Service) -> None:
    """An unknown domain and an unverified one are refused differently; verifying helps."""
    room = service.room()

    assert refusal(service.register, room, "room@nowhere.example") == "MailDomainNotFoundException"
    assert refusal(service.register, room, "room@unverified.example") == "MailDomainStateException"
    service.backend.verify_domain(service.organization.id, "unverified.example")
    assert refusal(service.register, room, "room@Unverified.example") == "OK"


def test_a_new_primary_email_leaves_the_old_one_as_an_alias(service: Service) -> None:
    """UpdatePrimaryEmailAddress moves the old address to the aliases, and swaps when the new one is an alias."""
    room = service.enabled_room()
    old, new = f"boardroom@{DOMAIN}", f"atrium@{DOMAIN}"

    for email in (new, old):
        service.client.update_primary_email_address(**service.org, EntityId=room, Email=email)
        assert service.describe(room)["Email"] == email
        assert service.aliases(room) == [new, old]


def test_an_entity_has_at_most_100_aliases(service: Service) -> None:
    """The 101st alias is LimitExceededException, the primary e-mail not counted."""
    room = service.enabled_room()
    for number in range(100):
        service.backend.invoke("CreateAlias", service.org | {"EntityId": room, "Alias": f"alias{number}@{DOMAIN}"})

    assert refusal(service.alias, room, f"one-more@{DOMAIN}") == "LimitExceededException"
    assert refusal(service.alias, room, f"alias7@{DOMAIN}") == "OK", "it is there already"


def test_an_alias_can_be_deleted_and_the_primary_email_cannot(service: Service) -> None:
    """DeleteAlias takes an alias in any case, and refuses the primary e-mail."""
    room = service.enabled_room()
    service.alias(room, f"alias@{DOMAIN}")

    def delete(alias: str) -> str:
        return refusal(service.client.delete_alias, **service.org, EntityId=room, Alias=alias)

    assert delete(f"ALIAS@{DOMAIN}") == "OK"
    assert delete(f"boardroom@{DOMAIN}") == "InvalidParameterException"
    assert service.aliases(room) == [f"boardroom@{DOMAIN}"]


def test_aliases_need_an_enabled_entity_and_its_id(service: Service) -> None:
    """CreateAlias refuses DISABLED entities, and knows neither names nor addresses."""
    room = service.room("a-dozen-chars")

    assert refusal(service.alias, room, f"alias@{DOMAIN}") == "EntityStateException"
    assert refusal(service.alias, "a-dozen-chars", f"alias@{DOMAIN}") == "EntityNotFoundException"


def test_an_address_tells_whose_it_is(service: Service) -> None:
    """DescribeEntity finds users, groups and resources by primary e-mail and alias."""
    room = service.enabled_room()
    service.alias(room, f"alias@{DOMAIN}")

    def describe(email: str) -> dict[str, str]:
        found = service.client.describe_entity(**service.org, Email=email)
        return {name: found[name] for name in ("EntityId", "Name", "Type")}

    assert describe(f"Alias@{DOMAIN}") == {"EntityId": room, "Name": "boardroom", "Type": "RESOURCE"}
    assert describe(f"alice@{DOMAIN}")["Type"] == "USER"
    assert describe(f"team@{DOMAIN}")["Type"] == "GROUP"


def test_registering_again_under_an_old_alias_promotes_it(service: Service) -> None:
    """GIVEN a disabled room with an alias WHEN it is registered under it THEN it is no alias any more."""
    service.behave(list_aliases_primary="no")
    room = service.enabled_room()
    service.alias(room, f"alias@{DOMAIN}")
    service.deregister(room)
    service.register(room, f"alias@{DOMAIN}")

    assert service.aliases(room) == []
    assert service.describe(room)["Email"] == f"alias@{DOMAIN}"
