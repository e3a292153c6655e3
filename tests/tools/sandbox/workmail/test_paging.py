"""Listings: pages, tokens and filters."""

import pytest

from .conftest import DOMAIN, Service, refusal


def names(service: Service, **request: object) -> list[str]:
    """Return the names of all pages of ListResources."""
    pages = service.client.get_paginator("list_resources").paginate(**service.org, **request)
    return [resource["Name"] for page in pages for resource in page["Resources"]]


def rooms(service: Service, count: int) -> list[str]:
    """Create rooms and return their names."""
    created = [f"room{number:03}" for number in range(count)]
    for name in created:
        service.backend.invoke("CreateResource", service.org | {"Name": name, "Type": "ROOM"})
    return created


@pytest.mark.parametrize("size", [1, 7, 20, 21, 100])
def test_pages_hold_everything_once_and_in_order(service: Service, size: int) -> None:
    """Whatever the size of a page, the pages together are the list, and the last one has no token."""
    created = rooms(service, 20)

    assert names(service, PaginationConfig={"PageSize": size}) == created
    page = service.client.list_resources(**service.org, MaxResults=size)
    assert len(page["Resources"]) == min(size, 20)
    assert ("NextToken" in page) == (size < 20)


def test_a_page_without_max_results_is_as_long_as_the_switch_says(service: Service) -> None:
    """Code that reads the first page only does not see everything: 100 items by default, fewer on demand."""
    created = rooms(service, 130)

    assert len(service.client.list_resources(**service.org)["Resources"]) == 100
    service.behave(page_size=10)
    assert len(service.client.list_resources(**service.org)["Resources"]) == 10
    assert names(service) == created


def test_changes_between_pages_hide_and_repeat_nothing(service: Service) -> None:
    """GIVEN a page has been read WHEN resources on it are deleted and others made THEN the rest follows whole."""
    service.behave(ghost_list="hidden")
    created = rooms(service, 6)
    first = service.client.list_resources(**service.org, MaxResults=3)
    for name in created[:3]:
        service.delete(name)
    service.room("late")
    rest = service.client.list_resources(**service.org, NextToken=first["NextToken"])

    assert [resource["Name"] for resource in rest["Resources"]] == [*created[3:], "late"]


def test_filters_select(service: Service) -> None:
    """ListResources filters by the beginning of name or e-mail in any case, and by state, over all pages."""
    rooms(service, 5)
    service.enabled_room("atrium")
    service.delete("room000")
    paged = {"PaginationConfig": {"PageSize": 2}}

    assert names(service, Filters={"NamePrefix": "ATR"}, **paged) == ["atrium"]
    assert names(service, Filters={"PrimaryEmailPrefix": "Atrium@"}, **paged) == ["atrium"]
    assert names(service, Filters={"State": "ENABLED"}, **paged) == ["atrium"]
    assert names(service, Filters={"State": "DELETED"}, **paged) == ["room000"]
    assert names(service, Filters={"State": "DISABLED"}, **paged) == [f"room00{number}" for number in range(1, 5)]


def test_every_listing_has_pages(service: Service) -> None:
    """ListAliases, ListResourceDelegates, ListMailDomains, ListUsers and ListOrganizations page alike."""
    room = service.enabled_room()
    service.alias(room, f"alias@{DOMAIN}")
    service.associate(room, "alice")
    service.associate(room, "team")
    service.backend.seed("other")
    client, org = service.client, service.org
    for call, request, key, count in (
        (client.list_aliases, org | {"EntityId": room}, "Aliases", 2),
        (client.list_resource_delegates, org | {"ResourceId": room}, "Delegates", 2),
        (client.list_mail_domains, org, "MailDomains", 3),
        (client.list_users, org, "Users", 2),
        (client.list_organizations, {}, "OrganizationSummaries", 2),
    ):
        items: list[object] = []
        token: dict[str, str] = {}
        for page_number in range(count):
            page = call(**request, MaxResults=1, **token)
            items += page[key]
            token = {"NextToken": page["NextToken"]} if page_number < count - 1 else {}
        assert len(items) == count, key
        assert "NextToken" not in page, key


def test_a_token_is_good_for_its_listing_only(service: Service) -> None:
    """The token of another listing, or an invented one, is InvalidParameterException."""
    rooms(service, 2)
    token = service.client.list_resources(**service.org, MaxResults=1)["NextToken"]

    for wrong in (token, "invented", "W10=", "e30="):
        assert refusal(service.client.list_users, **service.org, NextToken=wrong) == "InvalidParameterException"
