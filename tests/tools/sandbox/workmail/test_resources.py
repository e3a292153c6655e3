"""Rooms and equipment from creation to deletion."""

from datetime import UTC, datetime

import pytest

from .conftest import DOMAIN, Service, refusal


def test_a_new_resource_is_disabled_and_shows_only_what_it_has(service: Service) -> None:
    """GIVEN a room without Description WHEN it is described THEN Email, Description and the dates are absent."""
    room = service.room()

    assert service.describe(room) == {
        "ResourceId": room,
        "Name": "boardroom",
        "Type": "ROOM",
        "State": "DISABLED",
        "HiddenFromGlobalAddressList": False,
        "BookingOptions": {
            "AutoAcceptRequests": True,
            "AutoDeclineRecurringRequests": False,
            "AutoDeclineConflictingRequests": True,
        },
    }


def test_a_resource_goes_from_creation_to_deletion(service: Service) -> None:
    """A room is created, enabled, disabled and deleted; dates are those of the clock, to the fraction of a second."""
    room = service.room(Description="ten seats", HiddenFromGlobalAddressList=True)
    service.register(room, f"boardroom@{DOMAIN}")
    enabled = service.describe(room)
    service.clock.time += 60
    service.deregister(room)
    disabled = service.describe(room)
    service.delete(room)

    assert (enabled["State"], enabled["Email"]) == ("ENABLED", f"boardroom@{DOMAIN}")
    assert enabled["EnabledDate"] == datetime.fromtimestamp(1_800_000_000.25, tz=UTC)
    assert (enabled["Description"], enabled["HiddenFromGlobalAddressList"]) == ("ten seats", True)
    assert (disabled["State"], disabled["DisabledDate"].timestamp()) == ("DISABLED", 1_800_000_060.25)
    assert service.describe(room)["State"] == "DELETED"


@pytest.mark.parametrize(
    "reference", ["{id}", "boardroom", "BoardRoom", f"boardroom@{DOMAIN}", "BOARDROOM@example.com"]
)
def test_a_resource_is_found_by_id_name_and_address(service: Service, reference: str) -> None:
    """DescribeResource takes the three forms of the API reference, names and addresses in any case."""
    room = service.enabled_room()

    assert service.describe(reference.format(id=room))["ResourceId"] == room


def test_a_resource_is_not_found_as_something_else(service: Service) -> None:
    """DescribeResource finds no user, DescribeUser no resource."""
    room = service.room()

    assert refusal(service.describe, "alice") == "EntityNotFoundException"
    assert refusal(service.client.describe_user, **service.org, UserId=room) == "EntityNotFoundException"


def test_registration_takes_no_address_as_identifier(service: Service) -> None:
    """RegisterToWorkMail takes an id or a name, not an e-mail."""
    service.enabled_room()
    service.deregister("boardroom")

    assert refusal(service.register, f"boardroom@{DOMAIN}", f"other@{DOMAIN}") == "EntityNotFoundException"


def test_an_update_changes_what_it_names_and_nothing_else(service: Service) -> None:
    """UpdateResource changes name, type, visibility, description and booking options in place."""
    room = service.enabled_room(Description="ten seats")
    before = service.describe(room)

    service.update(room, Name="atrium")
    renamed = service.describe(room)
    service.update(
        room,
        Type="EQUIPMENT",
        HiddenFromGlobalAddressList=True,
        Description="",
        BookingOptions={"AutoDeclineRecurringRequests": True},
    )
    after = service.describe(room)

    assert renamed == before | {"Name": "atrium"}
    assert "Description" not in after
    assert (after["Type"], after["HiddenFromGlobalAddressList"]) == ("EQUIPMENT", True)
    assert after["BookingOptions"] == before["BookingOptions"] | {"AutoDeclineRecurringRequests": True}
    assert refusal(service.describe, "boardroom") == "EntityNotFoundException"


def test_a_refused_update_changes_nothing(service: Service) -> None:
    """GIVEN an update whose Name is taken WHEN it is refused THEN its other changes have not been made either."""
    room = service.enabled_room()
    before = service.describe(room)

    assert refusal(service.update, room, Name="alice", Type="EQUIPMENT") == "NameAvailabilityException"
    assert service.describe(room) == before


def test_automatic_replies_need_a_delegate_to_be_switched_off(service: Service) -> None:
    """AutoAcceptRequests can be false only while the resource has a delegate."""
    room = service.enabled_room()
    manual = {"AutoAcceptRequests": False}

    assert refusal(service.update, room, BookingOptions=manual) == "InvalidConfigurationException"
    service.associate(room)
    service.update(room, BookingOptions=manual)
    assert service.describe(room)["BookingOptions"]["AutoAcceptRequests"] is False


@pytest.mark.parametrize("taken", ["alice", "ALICE", "team", "Boardroom"])
def test_users_groups_and_resources_share_one_name_space(service: Service, taken: str) -> None:
    """A name is taken by whatever has it, in any case, for creating and for renaming."""
    service.room()
    other = service.room("other")

    assert refusal(service.room, taken) == "NameAvailabilityException"
    assert refusal(service.update, other, Name=taken) == "NameAvailabilityException"


def test_a_resource_may_keep_its_name_in_another_case(service: Service) -> None:
    """UpdateResource with the resource's own name is no clash."""
    room = service.room()
    service.update(room, Name="BoardRoom")
    assert service.describe("boardroom")["Name"] == "BoardRoom"


def test_the_name_of_a_deleted_resource_is_free(service: Service) -> None:
    """GIVEN a ghost and a live room of one name WHEN the name is described THEN the live one is shown."""
    ghost = service.room()
    service.delete(ghost)
    room = service.room()

    assert room != ghost
    assert service.describe("boardroom")["ResourceId"] == room


@pytest.mark.parametrize("name", ["Administrator", "guest", "krbtgt"])
def test_reserved_names_are_refused_on_creation_only(service: Service, name: str) -> None:
    """ReservedNameException is modelled by the create operations alone."""
    room = service.room()

    assert refusal(service.room, name) == "ReservedNameException"
    assert refusal(service.update, room, Name=name) == "OK"


def test_deleting_frees_addresses_and_delegates(service: Service) -> None:
    """A deleted room has no address, and a deleted user is nobody's delegate."""
    room, other = service.enabled_room(), service.room("other")
    service.alias(room, f"alias@{DOMAIN}")
    service.associate(room, "alice")
    service.deregister("alice")
    service.client.delete_user(**service.org, UserId="alice")
    assert service.delegates(room) == []

    service.deregister(room)
    service.delete(room)
    service.register(other, f"boardroom@{DOMAIN}")
    service.alias(other, f"alias@{DOMAIN}")
    assert "Email" not in service.describe(room)


def test_deletion_takes_no_address(service: Service) -> None:
    """DeleteResource takes an id or a name; an e-mail is refused rather than taken for something unknown."""
    service.enabled_room()
    service.deregister("boardroom")

    assert refusal(service.delete, f"boardroom@{DOMAIN}") == "InvalidParameterException"
    assert refusal(service.delete, "boardroom") == "OK"
