"""Each value of each switch changes what it says it changes."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from botocore.exceptions import ClientError

from workmail_rooms.sandbox.workmail import Behaviour, ExportJobs, Fault, RateLimit
from workmail_rooms.sandbox.workmail.behaviour import counts, switches

from .conftest import DOMAIN, Service, refusal


def gone(service: Service) -> str:
    """Return the id of a deleted room."""
    room = service.room("gone")
    service.delete(room)
    return room


def listed(service: Service) -> list[str]:
    """Return the names ListResources shows."""
    return [resource["Name"] for resource in service.client.list_resources(**service.org)["Resources"]]


def states(service: Service, room: str, count: int) -> list[str]:
    """Return the states that so many reads show."""
    return [service.describe(room)["State"] for _ in range(count)]


def ghost_describe_deleted(service: Service) -> None:
    """Check: The ghost shows State DELETED, by id and by name, without its address."""
    room = gone(service)
    assert service.describe(room)["State"] == service.describe("gone")["State"] == "DELETED"
    assert refusal(service.update, room, Type="ROOM") == "EntityStateException"


def ghost_describe_not_found(service: Service) -> None:
    """Check: The ghost is not found."""
    room = gone(service)
    assert refusal(service.describe, room) == refusal(service.describe, "gone") == "EntityNotFoundException"
    assert refusal(service.update, room, Type="ROOM") == "EntityNotFoundException"


def ghost_list_shown(service: Service) -> None:
    """Check: The list has the ghost."""
    gone(service)
    assert listed(service) == ["gone"]


def ghost_list_hidden(service: Service) -> None:
    """Check: The list does not have the ghost."""
    gone(service)
    assert listed(service) == []


def redelete(outcome: str) -> Callable[[Service], None]:
    """Check: Deleting again ends so, by id and by name."""

    def check(service: Service) -> None:
        service.seen.asked_for.add(outcome)
        room = gone(service)
        assert refusal(service.delete, room) == refusal(service.delete, "gone") == outcome

    return check


def delete_unknown_id(outcome: str) -> Callable[[Service], None]:
    """Check: Deleting what never was ends so, as does deleting a user as a resource."""

    def check(service: Service) -> None:
        assert refusal(service.delete, "r-" + "0" * 32) == outcome
        assert refusal(service.delete, service.member("alice")) == outcome

    return check


def name_release(service: Service) -> None:
    """Check: The name of a deleted room is refused so many times for creating and renaming, then it is free."""
    gone(service)
    room = service.room()
    assert refusal(service.update, room, Name="gone") == "NameAvailabilityException"
    assert refusal(service.room, "GONE") == "NameAvailabilityException"
    assert refusal(service.room, "gone") == "OK"


def visible_after(service: Service) -> None:
    """Check: So many reads do not see the new room, whatever kind of read they are."""
    room = service.room()
    assert refusal(service.room) == "NameAvailabilityException", "the name is taken all the same"
    assert listed(service) == []
    assert refusal(service.register, room, f"room@{DOMAIN}") == "EntityNotFoundException"
    assert refusal(service.describe, room) == "OK"


def enabled_after(service: Service) -> None:
    """Check: So many reads show DISABLED, and what needs ENABLED is refused until it shows."""
    room = service.enabled_room()
    assert refusal(service.associate, room) == "EntityStateException"
    assert states(service, room, 3) == ["DISABLED", "DISABLED", "ENABLED"]
    assert refusal(service.associate, room) == "OK"
    assert refusal(service.delete, room) == "EntityStateException"


def enabled_flaps(service: Service) -> None:
    """Check: ENABLED shows once, then DISABLED once, then it stays."""
    room = service.enabled_room()
    assert states(service, room, 4) == ["ENABLED", "DISABLED", "ENABLED", "ENABLED"]


def enabled_does_not_flap(service: Service) -> None:
    """Check: ENABLED stays."""
    room = service.enabled_room()
    assert states(service, room, 3) == ["ENABLED"] * 3


def disabled_after(service: Service) -> None:
    """Check: So many reads still show ENABLED."""
    room = service.enabled_room()
    service.deregister(room)
    assert states(service, room, 4) == ["ENABLED", "ENABLED", "DISABLED", "DISABLED"]


def deletable_after(service: Service) -> None:
    """Check: So many deletes are refused after deregistering."""
    room = service.enabled_room()
    service.deregister(room)
    assert [refusal(service.delete, room) for _ in range(3)] == ["EntityStateException"] * 2 + ["OK"]


def register_again_same(outcome: str) -> Callable[[Service], None]:
    """Check: Registering again under the same address, in any case, ends so and changes nothing."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        before = service.describe(room)
        assert refusal(service.register, room, f"BOARDROOM@{DOMAIN}") == outcome
        assert service.describe(room) == before

    return check


def register_again_other(outcome: str) -> Callable[[Service], None]:
    """Check: Registering again under another address ends so and changes nothing."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        before = service.describe(room)
        assert refusal(service.register, room, f"other@{DOMAIN}") == outcome
        assert service.describe(room) == before

    return check


def update_on_disabled(outcome: str) -> Callable[[Service], None]:
    """Check: Updating a DISABLED room ends so; an ENABLED one can be updated."""

    def check(service: Service) -> None:
        room = service.room()
        assert refusal(service.update, room, Type="EQUIPMENT") == outcome
        service.register(room, f"room@{DOMAIN}")
        assert refusal(service.update, room, Type="EQUIPMENT") == "OK"

    return check


def booking_missing_key(*, accept: bool, conflicting: bool) -> Callable[[Service], None]:
    """Check: A key that is not sent becomes so."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        service.associate(room)
        service.update(room, BookingOptions={"AutoDeclineRecurringRequests": True})
        assert service.describe(room)["BookingOptions"] == {
            "AutoAcceptRequests": accept,
            "AutoDeclineRecurringRequests": True,
            "AutoDeclineConflictingRequests": conflicting,
        }

    return check


def rename_leaves_email(service: Service) -> None:
    """Check: The address stays when the name changes."""
    room = service.enabled_room()
    service.update(room, Name="atrium")
    assert service.describe(room)["Email"] == f"boardroom@{DOMAIN}"
    assert service.aliases(room) == [f"boardroom@{DOMAIN}"]


def rename_moves_email(service: Service) -> None:
    """Check: The address follows the name, and the old one becomes an alias."""
    room = service.enabled_room()
    service.update(room, Name="atrium")
    assert service.describe(room)["Email"] == f"atrium@{DOMAIN}"
    assert service.aliases(room) == [f"atrium@{DOMAIN}", f"boardroom@{DOMAIN}"]


def email_kept(service: Service) -> None:
    """Check: A deregistered room keeps its address, which stays taken."""
    room, other = service.enabled_room(), service.room("other")
    service.deregister(room)
    assert service.describe(room)["Email"] == f"boardroom@{DOMAIN}"
    assert refusal(service.register, other, f"boardroom@{DOMAIN}") == "EmailAddressInUseException"


def email_cleared(service: Service) -> None:
    """Check: A deregistered room has no address, which is free."""
    room, other = service.enabled_room(), service.room("other")
    service.deregister(room)
    assert "Email" not in service.describe(room)
    assert refusal(service.register, other, f"boardroom@{DOMAIN}") == "OK"


def aliases_after_deregister(expected: list[str]) -> Callable[[Service], None]:
    """Check: A deregistered room has these aliases."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        service.alias(room, f"alias@{DOMAIN}")
        service.deregister(room)
        assert service.aliases(room) == [*expected, f"boardroom@{DOMAIN}"]

    return check


def delegates_after_deregister(count: int) -> Callable[[Service], None]:
    """Check: A deregistered room has so many delegates."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        service.associate(room)
        service.deregister(room)
        assert len(service.delegates(room)) == count

    return check


def last_delegate_removed(outcome: str) -> Callable[[Service], None]:
    """Check: Removing the last delegate ends so while automatic replies are off, and is allowed while they are on."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        service.associate(room)
        service.associate(room, "bob")
        service.update(room, BookingOptions={"AutoAcceptRequests": False})
        service.disassociate(room, "bob")
        assert refusal(service.disassociate, room) == outcome
        automatic = service.enabled_room("automatic")
        service.associate(automatic)
        assert refusal(service.disassociate, automatic) == "OK"

    return check


def associate_twice(outcome: str) -> Callable[[Service], None]:
    """Check: Associating a delegate again ends so; it stays one delegate."""

    def check(service: Service) -> None:
        room = service.enabled_room()
        service.associate(room)
        assert refusal(service.associate, room, f"alice@{DOMAIN}") == outcome
        assert len(service.delegates(room)) == 1

    return check


def disassociate_missing(outcome: str) -> Callable[[Service], None]:
    """Check: Removing an entity that is no delegate ends so."""

    def check(service: Service) -> None:
        assert refusal(service.disassociate, service.enabled_room()) == outcome

    return check


def delete_missing_alias(outcome: str) -> Callable[[Service], None]:
    """Check: Deleting an alias that is not there ends so."""

    def check(service: Service) -> None:
        alias = {"EntityId": service.enabled_room(), "Alias": f"missing@{DOMAIN}"}
        assert refusal(service.client.delete_alias, **service.org, **alias) == outcome

    return check


def list_aliases_primary(expected: list[str]) -> Callable[[Service], None]:
    """Check: ListAliases shows these for a room with a primary e-mail only."""

    def check(service: Service) -> None:
        assert service.aliases(service.enabled_room()) == expected

    return check


def new_organization(state: str, outcome: str) -> Callable[[Service], None]:
    """Check: A new organization has this state, and creating a resource in it ends so."""

    def check(service: Service) -> None:
        new = {"OrganizationId": service.client.create_organization(Alias="fresh")["OrganizationId"]}
        assert service.client.describe_organization(**new)["State"] == state
        assert refusal(service.client.create_resource, **new, Name="room", Type="ROOM") == outcome

    return check


def deleted_organization(outcome: str) -> Callable[[Service], None]:
    """Check: A call in a deleted organization ends so; one in an organization in another state does not change."""

    def check(service: Service) -> None:
        service.organization.state = "Deleted"
        assert refusal(service.room) == outcome
        service.organization.state = "Impaired"
        assert refusal(service.room) == "OrganizationStateException"

    return check


def domain_ready_after(service: Service) -> None:
    """Check: So many uses of a new organization's own domain are refused; other domains are not concerned."""
    new = {"OrganizationId": service.client.create_organization(Alias="fresh")["OrganizationId"]}
    room = service.client.create_resource(**new, Name="room", Type="ROOM")["ResourceId"]
    register = {"EntityId": room, "Email": "room@fresh.awsapps.com"}
    outcomes = [refusal(service.client.register_to_work_mail, **new, **register) for _ in range(3)]
    assert outcomes == ["MailDomainStateException", "MailDomainStateException", "OK"]


def error_type(expected: str) -> Callable[[Service], None]:
    """Check: The body's __type is this; boto3 sees the bare code."""

    def check(service: Service) -> None:
        assert refusal(service.describe, "nobody") == "EntityNotFoundException"
        assert f'"__type": "{expected}"'.encode() in service.seen.bodies[-1]

    return check


def empty_output(expected: bytes) -> Callable[[Service], None]:
    """Check: An output without members is this; boto3 takes it."""

    def check(service: Service) -> None:
        service.update(service.room(), Type="EQUIPMENT")
        assert service.seen.bodies[-1] == expected

    return check


def deregister_disabled(outcome: str) -> Callable[[Service], None]:
    """Check: Deregistering a DISABLED room ends so."""

    def check(service: Service) -> None:
        assert refusal(service.deregister, service.room()) == outcome

    return check


def name_case(outcome: str) -> Callable[[Service], None]:
    """Check: Creating a room whose name differs in case only ends so."""

    def check(service: Service) -> None:
        service.room()
        assert refusal(service.room, "BOARDROOM") == outcome

    return check


def name_shown(expected: str) -> Callable[[Service], None]:
    """Check: Describe and List show the name so; whichever way it is written, it is found."""

    def check(service: Service) -> None:
        room = service.room("Boardroom")
        assert service.describe(room)["Name"] == service.describe("boardroom")["Name"] == expected
        assert listed(service) == [expected]

    return check


def description_blanks(expected: str) -> Callable[[Service], None]:
    """Check: A description is shown so, whether it was created or changed, and one that is all blank is the same."""

    def check(service: Service) -> None:
        room = service.room(Description=" with a view ")
        assert service.describe(room)["Description"] == expected
        service.update(room, Description="")
        service.update(room, Description=" with a view ")
        assert service.describe(room)["Description"] == expected
        service.update(room, Description=" ")
        assert ("Description" in service.describe(room)) == (expected != expected.strip())

    return check


NAMED: dict[tuple[str, str], Callable[[Service], None]] = {
    ("ghost_describe", "DELETED"): ghost_describe_deleted,
    ("ghost_describe", "EntityNotFoundException"): ghost_describe_not_found,
    ("ghost_list", "shown"): ghost_list_shown,
    ("ghost_list", "hidden"): ghost_list_hidden,
    ("redelete", "success"): redelete("OK"),
    ("redelete", "EntityStateException"): redelete("EntityStateException"),
    ("redelete", "EntityNotFoundException"): redelete("EntityNotFoundException"),
    ("redelete", "ResourceNotFoundException"): redelete("ResourceNotFoundException"),
    ("delete_unknown_id", "success"): delete_unknown_id("OK"),
    ("delete_unknown_id", "EntityStateException"): delete_unknown_id("EntityStateException"),
    ("delete_unknown_id", "InvalidParameterException"): delete_unknown_id("InvalidParameterException"),
    ("enabled_flaps", "yes"): enabled_flaps,
    ("enabled_flaps", "no"): enabled_does_not_flap,
    ("register_again_same", "no-op"): register_again_same("OK"),
    ("register_again_same", "EntityAlreadyRegisteredException"): register_again_same(
        "EntityAlreadyRegisteredException"
    ),
    ("register_again_other", "ignored"): register_again_other("OK"),
    ("register_again_other", "EntityAlreadyRegisteredException"): register_again_other(
        "EntityAlreadyRegisteredException"
    ),
    ("update_on_disabled", "ok"): update_on_disabled("OK"),
    ("update_on_disabled", "EntityStateException"): update_on_disabled("EntityStateException"),
    ("booking_missing_key", "unchanged"): booking_missing_key(accept=True, conflicting=True),
    ("booking_missing_key", "false"): booking_missing_key(accept=False, conflicting=False),
    ("rename_changes_email", "no"): rename_leaves_email,
    ("rename_changes_email", "yes"): rename_moves_email,
    ("email_after_deregister", "kept"): email_kept,
    ("email_after_deregister", "cleared"): email_cleared,
    ("aliases_after_deregister", "kept"): aliases_after_deregister([f"alias@{DOMAIN}"]),
    ("aliases_after_deregister", "cleared"): aliases_after_deregister([]),
    ("delegates_after_deregister", "kept"): delegates_after_deregister(1),
    ("delegates_after_deregister", "cleared"): delegates_after_deregister(0),
    ("last_delegate_removed", "allowed"): last_delegate_removed("OK"),
    ("last_delegate_removed", "InvalidParameterException"): last_delegate_removed("InvalidParameterException"),
    ("last_delegate_removed", "EntityStateException"): last_delegate_removed("EntityStateException"),
    ("associate_twice", "success"): associate_twice("OK"),
    ("associate_twice", "EntityStateException"): associate_twice("EntityStateException"),
    ("associate_twice", "InvalidParameterException"): associate_twice("InvalidParameterException"),
    ("disassociate_missing", "success"): disassociate_missing("OK"),
    ("disassociate_missing", "EntityNotFoundException"): disassociate_missing("EntityNotFoundException"),
    ("disassociate_missing", "InvalidParameterException"): disassociate_missing("InvalidParameterException"),
    ("delete_missing_alias", "success"): delete_missing_alias("OK"),
    ("delete_missing_alias", "EntityNotFoundException"): delete_missing_alias("EntityNotFoundException"),
    ("delete_missing_alias", "InvalidParameterException"): delete_missing_alias("InvalidParameterException"),
    ("list_aliases_primary", "yes"): list_aliases_primary([f"boardroom@{DOMAIN}"]),
    ("list_aliases_primary", "no"): list_aliases_primary([]),
    ("new_organization", "Active"): new_organization("Active", "OK"),
    ("new_organization", "Creating"): new_organization("Creating", "OrganizationStateException"),
    ("new_organization", "Deleted"): new_organization("Deleted", "OrganizationStateException"),
    ("new_organization", "interoperability"): new_organization("Active", "UnsupportedOperationException"),
    ("deleted_organization", "OrganizationStateException"): deleted_organization("OrganizationStateException"),
    ("deleted_organization", "OrganizationNotFoundException"): deleted_organization("OrganizationNotFoundException"),
    ("error_type", "bare"): error_type("EntityNotFoundException"),
    ("error_type", "namespaced"): error_type("com.amazonaws.workmail#EntityNotFoundException"),
    ("empty_output", "braces"): empty_output(b"{}"),
    ("empty_output", "nothing"): empty_output(b""),
    ("deregister_disabled", "EntityStateException"): deregister_disabled("EntityStateException"),
    ("deregister_disabled", "success"): deregister_disabled("OK"),
    ("name_case", "insensitive"): name_case("NameAvailabilityException"),
    ("name_case", "sensitive"): name_case("OK"),
    ("name_shown", "as given"): name_shown("Boardroom"),
    ("name_shown", "upper case"): name_shown("BOARDROOM"),
    ("description_blanks", "kept"): description_blanks(" with a view "),
    ("description_blanks", "trimmed"): description_blanks("with a view"),
}

# Each with the value 2; with 0, the default, the other tests fail if anything lags.
COUNTED: dict[str, Callable[[Service], None]] = {
    "name_release": name_release,
    "visible_after": visible_after,
    "enabled_after": enabled_after,
    "disabled_after": disabled_after,
    "deletable_after": deletable_after,
    "domain_ready_after": domain_ready_after,
}


@pytest.mark.parametrize(("switch", "value"), list(NAMED))
def test_each_value_of_each_switch_does_what_it_says(service: Service, switch: str, value: str) -> None:
    """A switch set to a value shows in what boto3 gets; the promise is the docstring of the function in the table."""
    service.behave(**{switch: value})
    NAMED[switch, value](service)


@pytest.mark.parametrize("switch", list(COUNTED))
def test_each_counting_switch_counts_calls(service: Service, switch: str) -> None:
    """A lag of 2 lasts for two calls; the promise is the docstring of the function in the table."""
    service.behave(**{switch: 2})
    COUNTED[switch](service)


def test_every_switch_is_tested_with_every_value() -> None:
    """The tables name each value of each switch; the remaining switches have tests of their own."""
    assert set(NAMED) == {(name, value) for name, values in switches().items() for value in values}
    assert set(COUNTED) | {"page_size"} == set(counts())
    others = {field.name for field in fields(Behaviour)} - set(switches()) - set(counts())
    # test_faults, test_faults, test_exports, and below.
    assert others == {"faults", "rate_limit", "export_jobs", "reserved_names"}


def test_every_switch_is_documented() -> None:
    """The docstring of Behaviour describes each switch."""
    # Python 3.13 takes the indentation out of docstrings by itself.
    described = inspect.cleandoc(Behaviour.__doc__ or "")
    assert all(f"\n{field.name} : " in described for field in fields(Behaviour))


def test_reserved_names_can_be_set(service: Service) -> None:
    """No list is published, so tests choose their own."""
    service.behave(reserved_names=("boardroom",))
    assert refusal(service.room, "BoardRoom") == "ReservedNameException"
    assert refusal(service.room, "guest") == "OK"


@pytest.mark.parametrize(
    "wrong", [{"ghost_list": "maybe"}, {"visible_after": -1}, {"page_size": 0}, {"page_size": 101}, {"redelete": ["a"]}]
)
def test_a_value_that_is_no_setting_is_refused(wrong: dict[str, Any]) -> None:
    """A switch with a value it does not know is an error that names it."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Behaviour(**wrong)


def test_settings_survive_a_round_trip() -> None:
    """`restore` gives what `export` took, and refuses a switch it does not know."""
    behaviour = Behaviour(
        redelete="ResourceNotFoundException",
        visible_after=3,
        reserved_names=("a", "b"),
        faults=(Fault(action="error", code="EntityStateException", nth=(1, 3)),),
        rate_limit=RateLimit(2.5, 4),
        export_jobs=ExportJobs(seconds=1.5, failing=("a",)),
    )
    assert Behaviour.restore(behaviour.export()) == behaviour
    with pytest.raises(ValueError, match="no switch nonsense"):
        Behaviour.restore({"nonsense": "yes"})


def test_switches_hold_for_all_callers_at_once(service: Service) -> None:
    """GIVEN names that differ in case WHEN case stops to matter THEN both rooms can still be renamed and deleted."""
    service.behave(name_case="sensitive")
    lower, upper = service.room("room"), service.room("ROOM")
    service.behave(name_case="insensitive")

    service.update(lower, Name="lower")
    service.delete(upper)
    with pytest.raises(ClientError, match="EntityStateException"):
        service.update(upper, Name="upper")
    assert service.describe("LOWER")["ResourceId"] == lower
