"""Users and groups, as far as delegates need them."""

from .conftest import DOMAIN, Service, refusal


def test_a_user_goes_from_creation_to_deletion(service: Service) -> None:
    """A user is created DISABLED, described, listed and deleted."""
    user = service.client.create_user(
        **service.org, Name="carol", DisplayName="Carol C.", Password="correct horse", FirstName="Carol"
    )["UserId"]
    found = service.client.describe_user(**service.org, UserId="carol")
    summaries = service.client.list_users(**service.org, Filters={"DisplayNamePrefix": "carol"})["Users"]
    service.client.delete_user(**service.org, UserId=user)

    assert (found["UserId"], found["State"], found["UserRole"]) == (user, "DISABLED", "USER")
    assert (found["FirstName"], "LastName" in found) == ("Carol", False)
    assert summaries == [
        {"Id": user, "Name": "carol", "DisplayName": "Carol C.", "UserRole": "USER", "State": "DISABLED"}
    ]
    assert service.client.describe_user(**service.org, UserId=user)["State"] == "DELETED"


def test_a_group_goes_from_creation_to_deletion(service: Service) -> None:
    """A group is created, registered, described, listed, disabled and deleted."""
    group = service.client.create_group(**service.org, Name="facilities")["GroupId"]
    service.register(group, f"facilities@{DOMAIN}")
    found = service.client.describe_group(**service.org, GroupId=f"facilities@{DOMAIN}")
    (summary,) = service.client.list_groups(**service.org, Filters={"PrimaryEmailPrefix": "facil"})["Groups"]
    delete_while_enabled = refusal(service.client.delete_group, **service.org, GroupId=group)
    service.deregister(group)
    service.client.delete_group(**service.org, GroupId=group)

    assert (found["GroupId"], found["State"], found["HiddenFromGlobalAddressList"]) == (group, "ENABLED", False)
    assert (summary["Id"], summary["Email"]) == (group, f"facilities@{DOMAIN}")
    assert delete_while_enabled == "EntityStateException"
    assert service.client.describe_group(**service.org, GroupId=group)["State"] == "DELETED"


def test_a_password_is_in_no_log(service: Service) -> None:
    """The call log holds the parameters of CreateUser without the password."""
    service.client.create_user(**service.org, Name="carol", DisplayName="Carol", Password="correct horse")

    assert "correct horse" not in repr(service.backend.calls)
    assert service.backend.calls[-1].parameters["Name"] == "carol"
