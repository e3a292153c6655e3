"""Delegates of resources."""

import pytest

from .conftest import DOMAIN, Service, refusal


@pytest.mark.parametrize("form", ["{id}", "{name}", "{name}@" + DOMAIN])
@pytest.mark.parametrize(("name", "kind"), [("alice", "USER"), ("team", "GROUP")])
def test_users_and_groups_can_be_delegates(service: Service, form: str, name: str, kind: str) -> None:
    """A delegate is named by id, name or address; the list shows its id and kind, and it can be removed again."""
    room, member = service.enabled_room(), service.member(name)
    reference = form.format(id=member, name=name)

    service.associate(room, reference)
    assert service.delegates(room) == [{"Id": member, "Type": kind}]
    service.disassociate(room, reference)
    assert service.delegates(room) == []


def test_a_resource_cannot_be_a_delegate(service: Service) -> None:
    """Only users and groups are found as delegates."""
    room, other = service.enabled_room(), service.enabled_room("other")

    assert refusal(service.associate, room, other) == "EntityNotFoundException"
    assert refusal(service.associate, room, "nobody") == "EntityNotFoundException"


def test_both_sides_must_be_enabled(service: Service) -> None:
    """A DISABLED resource gets no delegate, and a DISABLED user becomes none."""
    room, disabled = service.enabled_room(), service.room("disabled")
    service.deregister("bob")

    assert refusal(service.associate, disabled, "alice") == "EntityStateException"
    assert refusal(service.associate, room, "bob") == "EntityStateException"
