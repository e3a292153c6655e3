"""State as JSON, there and back."""

import json
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workmail_rooms.sandbox.workmail import Behaviour, Fault, RateLimit, WorkMailBackend, WorkMailError

from .conftest import DOMAIN, REGION, Clock, Service, refusal

ACCOUNT = "123456789012"


def fresh_backend() -> WorkMailBackend:
    """Return a backend of its own, with a still clock and repeatable ids."""
    backend = WorkMailBackend(REGION, ACCOUNT)
    backend.clock = Clock()
    backend.random = Random(1)  # noqa: S311 - repeatable on purpose
    return backend


def carried_over(backend: WorkMailBackend) -> WorkMailBackend:
    """Return another backend with the state of *backend*, which went through JSON."""
    other = fresh_backend()
    other.import_state(json.loads(json.dumps(backend.export_state())))
    return other


def test_everything_survives_a_round_trip(service: Service) -> None:
    """Entities, ghosts, lags, held names, tokens, switches and counters are there again, and behave as before."""
    service.behave(
        visible_after=1,
        enabled_after=3,
        name_release=2,
        rate_limit=RateLimit(per_second=1, burst=50),
        faults=(Fault(action="throttle", operation="ListUsers", nth=(2,)),),
    )
    service.client.create_organization(Alias="other", ClientToken="token")
    room = service.room(Description="ten seats")
    assert refusal(service.describe, room) == "EntityNotFoundException"
    service.register(room, f"boardroom@{DOMAIN}")
    service.delete(service.room("gone"))
    service.client.list_users(**service.org)
    service.backend.refuse_directory("d-0123456789")
    state = json.loads(json.dumps(service.backend.export_state()))

    service.backend.import_state(state)

    assert service.backend.export_state() == state
    assert refusal(service.client.list_users, **service.org) == "ThrottlingException"
    assert refusal(service.room, "gone") == "NameAvailabilityException"
    assert [service.describe(room)["State"] for _ in range(4)] == ["DISABLED"] * 3 + ["ENABLED"]
    assert service.describe(f"boardroom@{DOMAIN}")["Description"] == "ten seats"
    again = service.client.create_organization(Alias="other", ClientToken="token")["OrganizationId"]
    assert again in {organization["id"] for organization in state["organizations"]}
    assert service.backend.calls[-1].sequence > state["next_call"]


def test_an_exported_state_is_not_touched_by_later_calls() -> None:
    """The export is a copy, and so is what an import takes."""
    backend = fresh_backend()
    organization = backend.seed("acme", verified_domains=[DOMAIN], users=["alice"]).id
    backend.behaviour = Behaviour(enabled_after=1)
    for name in ("room", "settling"):
        backend.invoke("CreateResource", {"OrganizationId": organization, "Name": name, "Type": "ROOM"})
    settling = {"OrganizationId": organization, "EntityId": "settling", "Email": f"settling@{DOMAIN}"}
    backend.invoke("RegisterToWorkMail", settling)
    state = backend.export_state()
    before = json.dumps(state)
    other = fresh_backend()
    other.import_state(state)
    for each in (backend, other):
        each.invoke("RegisterToWorkMail", {"OrganizationId": organization, "EntityId": "room", "Email": f"r@{DOMAIN}"})
        for name in ("room", "settling"):
            each.invoke("DescribeResource", {"OrganizationId": organization, "ResourceId": name})
        each.invoke(
            "AssociateDelegateToResource", {"OrganizationId": organization, "ResourceId": "room", "EntityId": "alice"}
        )
        each.invoke("RegisterMailDomain", {"OrganizationId": organization, "DomainName": "new.example"})

    assert json.dumps(state) == before


def test_the_rate_limit_goes_on_after_an_import(service: Service) -> None:
    """GIVEN a used-up burst WHEN the state is imported THEN the next request is still throttled."""
    service.behave(rate_limit=RateLimit(per_second=1, burst=1))
    first = refusal(service.client.list_users, **service.org)
    service.backend.import_state(json.loads(json.dumps(service.backend.export_state())))

    assert (first, refusal(service.client.list_users, **service.org)) == ("OK", "ThrottlingException")


def test_a_state_of_another_version_is_refused() -> None:
    """A state that this sandbox cannot read leaves everything as it is."""
    backend = fresh_backend()
    backend.seed("acme")
    before = backend.export_state()
    with pytest.raises(ValueError, match="version 99"):
        backend.import_state(before | {"version": 99})
    with pytest.raises(KeyError):
        backend.import_state({key: value for key, value in before.items() if key != "next_call"})

    assert backend.export_state() == before


ENTITIES = st.sampled_from(["room0", "room1", "room2", "alice", "team", f"room0@{DOMAIN}"])
ADDRESSES = st.sampled_from([f"room0@{DOMAIN}", f"Room1@{DOMAIN}", f"x@{DOMAIN}", "x@unverified.example"])
STEPS = st.one_of(
    st.tuples(st.just("CreateResource"), st.fixed_dictionaries({"Name": ENTITIES, "Type": st.just("ROOM")})),
    st.tuples(st.just("DeleteResource"), st.fixed_dictionaries({"ResourceId": ENTITIES})),
    st.tuples(st.just("DescribeResource"), st.fixed_dictionaries({"ResourceId": ENTITIES})),
    st.tuples(st.just("UpdateResource"), st.fixed_dictionaries({"ResourceId": ENTITIES, "Name": ENTITIES})),
    st.tuples(
        st.just("UpdateResource"),
        st.fixed_dictionaries(
            {"ResourceId": ENTITIES, "BookingOptions": st.fixed_dictionaries({"AutoAcceptRequests": st.booleans()})}
        ),
    ),
    st.tuples(st.just("RegisterToWorkMail"), st.fixed_dictionaries({"EntityId": ENTITIES, "Email": ADDRESSES})),
    st.tuples(st.just("DeregisterFromWorkMail"), st.fixed_dictionaries({"EntityId": ENTITIES})),
    st.tuples(st.just("UpdatePrimaryEmailAddress"), st.fixed_dictionaries({"EntityId": ENTITIES, "Email": ADDRESSES})),
    st.tuples(st.just("CreateAlias"), st.fixed_dictionaries({"EntityId": ENTITIES, "Alias": ADDRESSES})),
    st.tuples(st.just("DeleteAlias"), st.fixed_dictionaries({"EntityId": ENTITIES, "Alias": ADDRESSES})),
    st.tuples(
        st.sampled_from(["AssociateDelegateToResource", "DisassociateDelegateFromResource"]),
        st.fixed_dictionaries({"ResourceId": ENTITIES, "EntityId": ENTITIES}),
    ),
    st.tuples(st.just("DeleteUser"), st.fixed_dictionaries({"UserId": ENTITIES})),
    st.tuples(st.just("ListResources"), st.fixed_dictionaries({})),
)
BEHAVIOURS = st.builds(
    Behaviour,
    visible_after=st.integers(0, 1),
    enabled_after=st.integers(0, 1),
    deletable_after=st.integers(0, 1),
    name_release=st.integers(0, 1),
    enabled_flaps=st.sampled_from(["yes", "no"]),
    rename_changes_email=st.sampled_from(["yes", "no"]),
    email_after_deregister=st.sampled_from(["kept", "cleared"]),
    ghost_describe=st.sampled_from(["DELETED", "EntityNotFoundException"]),
)


def invoked(backend: WorkMailBackend, organization: str, operation: str, request: dict[str, Any]) -> object:
    """Return the output, or the error as text. Alias calls know ids only, so names become ids."""
    if "Alias" in request:
        entity = backend.organization(organization).by_name(request["EntityId"])
        request = request | {"EntityId": entity.id if entity else "r-" + "0" * 32}
    try:
        return backend.invoke(operation, {"OrganizationId": organization} | request)
    except WorkMailError as error:
        return str(error)


def check_invariants(backend: WorkMailBackend, organization_id: str) -> None:
    """Hold an organization against what must be true of it at any time."""
    organization = backend.organization(organization_id)
    live = [entity for entity in organization.entities.values() if entity.state != "DELETED"]
    names = [entity.name.casefold() for entity in live]
    addresses = [address.casefold() for entity in live for address in entity.addresses]
    assert len(set(names)) == len(names), "a name is taken twice"
    assert len(set(addresses)) == len(addresses), "an address is taken twice"
    for entity in live:
        assert organization.named(entity.name) is entity
        assert all(organization.by_address(address) is entity for address in entity.addresses)
        assert entity.state != "ENABLED" or entity.email is not None
        for delegate in getattr(entity, "delegates", []):
            assert organization.entities[delegate].state != "DELETED"
    ghosts = [entity for entity in organization.entities.values() if entity.state == "DELETED"]
    assert all(not ghost.addresses for ghost in ghosts)


@given(behaviour=BEHAVIOURS, before=st.lists(STEPS, max_size=30), after=st.lists(STEPS, max_size=10))
def test_whatever_happened_a_copy_goes_on_alike(
    behaviour: Behaviour, before: list[tuple[str, dict[str, Any]]], after: list[tuple[str, dict[str, Any]]]
) -> None:
    """After any calls under any switches the state is sound, exports exactly, and an import answers as the original."""
    original = fresh_backend()
    original.behaviour = behaviour
    seeded = original.seed(
        "acme", verified_domains=[DOMAIN], unverified_domains=["unverified.example"], users=["alice"]
    )
    for operation, request in before:
        invoked(original, seeded.id, operation, request)
        check_invariants(original, seeded.id)
    copy = carried_over(original)

    assert copy.export_state() == original.export_state()
    numbers: Callable[[], Any] = count(1).__next__
    for operation, request in after:
        seed = numbers()
        original.random, copy.random = Random(seed), Random(seed)  # noqa: S311 - the same ids in both
        assert invoked(copy, seeded.id, operation, request) == invoked(original, seeded.id, operation, request)
    assert copy.export_state() == original.export_state()
