import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.support import (
    ORGANIZATION,
    OTHER_ORGANIZATION,
    OTHER_RESOURCE,
    RESOURCE,
    STACK,
    event,
)
from workmail_resource.ownership.rules import (
    CREATE_FAILED,
    NOT_CREATED,
    RESTORE_WINDOW,
    ROLLBACK_WINDOW,
    Cancellation,
    Entry,
    Record,
    is_being_changed,
    is_outdated,
    is_owner_mark,
    is_resource_id,
    owner,
    owner_mark,
    removal,
)

SETTLED_AT = 1_700_000_000
SOON = SETTLED_AT + 60.0
DELETED_AT = SETTLED_AT + 50
LATER = SETTLED_AT + RESTORE_WINDOW + 1.0
INVENTED = "rooms-BoardRoom-1ABCDEFGHIJKL"


def entry(**changes: Any) -> Entry:
    """Return an entry of a resource that was created and settled, with *changes*."""
    fields: dict[str, Any] = {
        "owner": f"{STACK}|BoardRoom",
        "organization_id": ORGANIZATION,
        "resource_type": "Custom::WorkMailResource",
        "request_id": "request-1",
        "name": "boardroom",
        "resource_id": RESOURCE,
        "settled": True,
        "settled_at": SETTLED_AT,
    }
    return Entry(**{**fields, **changes})


UNSETTLED: dict[str, Any] = {"settled": False, "settled_at": 0}
ADOPTED: dict[str, Any] = {"origin": "ADOPTED", "before": {}}


@pytest.mark.parametrize(
    ("physical_id", "is_one"),
    [
        (RESOURCE, True),
        (RESOURCE.upper(), False),
        (f"{RESOURCE}\n", False),
        (f"x{RESOURCE}", False),
        (RESOURCE[:-1], False),
        ("", False),
        (NOT_CREATED, False),
        (CREATE_FAILED, False),
        (INVENTED, False),
        (ORGANIZATION, False),
        ("2026/11/22/[$LATEST]0123456789abcdef0123456789abcdef", False),
    ],
)
def test_is_resource_id(physical_id: str, *, is_one: bool) -> None:
    """Only WorkMail's own ids are taken for a resource's; markers and inventions are not (contract 31)."""
    assert is_resource_id(physical_id) is is_one


@pytest.mark.parametrize("marker", [NOT_CREATED, CREATE_FAILED])
def test_markers_are_valid_physical_ids(marker: str) -> None:
    """A marker is a physical ID that CloudFormation takes (contract 4)."""
    assert 0 < len(marker.encode()) <= 1024


def test_owner_mark_is_the_same_for_every_event_of_a_resource() -> None:
    """A repeated, updated or deleted resource is known by the mark that its Create left (contracts 14 and 15)."""
    marks = {
        owner_mark(event(request_type, request_id=request_id, properties={}))
        for request_type in ("Create", "Update", "Delete")
        for request_id in ("request-1", "request-2")
    }
    assert len(marks) == 1


def test_owner_mark_differs_between_resources() -> None:
    """Another stack's, or another logical resource's, mark is another."""
    marks = {
        owner_mark(event(stack_id=stack_id, logical_resource_id=logical_id))
        for stack_id in (STACK, f"{STACK}2")
        for logical_id in ("BoardRoom", "Den")
    }
    assert len(marks) == 4


def test_owner_of_ids_that_could_run_together() -> None:
    """Two pairs of ids never give the same owner: a logical ID has no other characters than letters and digits."""
    one, other = event(stack_id="a|b", logical_resource_id="c"), event(stack_id="a", logical_resource_id="bc")
    assert owner(one) != owner(other)
    assert owner_mark(one) != owner_mark(other)


@settings(deadline=None)
@given(st.text(st.characters(), min_size=1), st.text(st.characters(), min_size=1, max_size=255))
def test_owner_mark_is_a_description_that_workmail_takes(stack_id: str, logical_id: str) -> None:
    """Whatever the ids are, the mark has at most 64 printable characters, and is known as one."""
    mark = owner_mark(event(stack_id=stack_id, logical_resource_id=logical_id))
    assert 0 < len(mark) <= 64
    assert set(mark) <= set(string.printable)
    assert is_owner_mark(mark)


@pytest.mark.parametrize("description", [None, "", "where the board meets", "owner", "custom::workmailresource owner "])
def test_other_descriptions_are_no_marks(description: str | None) -> None:
    """A person's Description is not taken for a mark."""
    assert not is_owner_mark(description)


def test_record_finds_entries_by_organization_and_by_resource() -> None:
    """An entry is found by where it is and by what it is of, and nothing else is found."""
    one, other = entry(), entry(organization_id=OTHER_ORGANIZATION, resource_id=None)
    record = Record((one, other))
    assert record.entry(ORGANIZATION) is one
    assert record.entry(OTHER_ORGANIZATION) is other
    assert record.with_id(RESOURCE) is one
    assert record.with_id(OTHER_RESOURCE) is None
    assert Record().entry(ORGANIZATION) is None


@pytest.mark.parametrize(
    ("by", "request_type", "signed_at", "cancelled"),
    [
        # A Delete cancels the Create of its second, and not the Update whose clean-up it may be.
        ("Delete", "Create", 99, True),
        ("Delete", "Create", 100, True),
        ("Delete", "Create", 101, False),
        ("Delete", "Update", 99, True),
        ("Delete", "Update", 100, False),
        ("Delete", "Update", 101, False),
        # A reversed Update cancels the one that it reverses, even of the same second.
        ("Update", "Create", 99, True),
        ("Update", "Update", 99, True),
        ("Update", "Update", 100, True),
        ("Update", "Update", 101, False),
    ],
)
def test_a_later_event_cancels_what_was_issued_before_it(
    by: str,
    request_type: str,
    signed_at: int,
    *,
    cancelled: bool,
) -> None:
    """An event from before a Delete or a reversed Update is cancelled, a later one is not (contract 32)."""
    record = Record(cancellation=Cancellation.of(event(by, request_id="request-9", signed_at=100)))
    assert record.has_cancelled(event(request_type, signed_at=signed_at)) is cancelled


def test_an_event_does_not_cancel_itself() -> None:
    """A reversed Update that is delivered again goes on (contract 18)."""
    update = event("Update", request_id="request-9", signed_at=100)
    assert not Record(cancellation=Cancellation.of(update)).has_cancelled(update)


def test_nothing_is_cancelled_without_a_date() -> None:
    """Where a date is missing, nothing counts as overtaken (contract 32)."""
    assert Cancellation.of(event("Delete", signed_at=None)) is None
    assert not Record().has_cancelled(event(signed_at=1))
    assert not Cancellation(100, 100, "request-9").covers(event(signed_at=None))


@pytest.mark.parametrize(("signed_at", "outdated"), [(99, True), (100, False), (101, False), (None, False)])
def test_is_outdated(signed_at: int | None, *, outdated: bool) -> None:
    """An event is outdated once a later one has changed the resource; without a date nobody can tell."""
    assert is_outdated(event(signed_at=signed_at), entry(signed_at=100)) is outdated


NOW = 1000.0
BUSY: dict[str, Any] = {"worker": "request-1", "working_until": 1060}


@pytest.mark.parametrize(
    ("ours", "request_type", "physical_id", "awaited"),
    [
        # A Create that has not told its resource's id yet may make one at any moment.
        (entry(**UNSETTLED, **BUSY, resource_id=None), "Delete", INVENTED, True),
        (entry(**UNSETTLED, **BUSY, resource_id=None), "Delete", "", True),
        # Where CloudFormation has the id of a resource, it has the answer of what made it.
        (entry(**UNSETTLED, **BUSY, resource_id=None), "Delete", RESOURCE, False),
        # Once the id is known, the Delete removes the resource under the Create's hands.
        (entry(**UNSETTLED, **BUSY), "Delete", INVENTED, False),
        # An adoption has to end before it can be put back.
        (entry(**ADOPTED, **UNSETTLED, **BUSY), "Delete", INVENTED, True),
        (entry(**ADOPTED, **BUSY), "Delete", RESOURCE, False),
        # A reversed Update waits for the one that it reverses.
        (entry(**BUSY), "Update", RESOURCE, True),
        (entry(**UNSETTLED, **BUSY, resource_id=None), "Update", RESOURCE, True),
        # Nobody is at work, or not any more, or it is the event itself.
        (entry(), "Update", RESOURCE, False),
        (entry(worker="request-1", working_until=1000), "Update", RESOURCE, False),
        (entry(worker="request-9", working_until=1060), "Update", RESOURCE, False),
        (entry(**UNSETTLED, resource_id=None), "Delete", INVENTED, False),
    ],
)
def test_is_being_changed(ours: Entry, request_type: str, physical_id: str, *, awaited: bool) -> None:
    """An event waits for another one where, and only where, it could not clear up behind it (contract 32)."""
    later = event(request_type, request_id="request-9", physical_resource_id=physical_id)
    assert is_being_changed(ours, later, NOW) is awaited


@pytest.mark.parametrize(
    ("ours", "physical_id", "adopt", "now", "action"),
    [
        # A resource that this stack created: the Delete of its id deletes it, adopting or not (contract 47).
        (entry(), RESOURCE, False, SOON, "DELETE"),
        (entry(), RESOURCE, True, SOON, "DELETE"),
        (entry(**UNSETTLED), RESOURCE, False, SOON, "DELETE"),
        # A Create whose answer CloudFormation never took: its Delete brings a marker or invention (contracts 31, 32).
        (entry(), INVENTED, False, SOON, "DELETE"),
        (entry(), CREATE_FAILED, True, SOON, "DELETE"),
        (entry(**UNSETTLED), INVENTED, False, SOON, "DELETE"),
        (entry(**UNSETTLED, resource_id=None), INVENTED, False, SOON, "DELETE"),
        (entry(**UNSETTLED, resource_id=None), "", False, SOON, "DELETE"),
        # The clean-up Delete of a replacement leaves what came in its place (contract 23).
        (entry(), OTHER_RESOURCE, False, SOON, None),
        (entry(**ADOPTED), OTHER_RESOURCE, True, SOON, None),
        # What never settled is not what replaced it, but the rest of a failed attempt (contract 26).
        (entry(**UNSETTLED, resource_id=None), OTHER_RESOURCE, False, SOON, "DELETE"),
        # A resource of another resource type is not this one's to take away under an id that is not its own.
        (entry(resource_type="AWS::CloudFormation::CustomResource"), INVENTED, False, SOON, None),
        (entry(resource_type="AWS::CloudFormation::CustomResource"), RESOURCE, False, SOON, "DELETE"),
        # Nor one in another organization, or of long ago: it was let go (DeletionPolicy Retain, contract 37).
        (entry(organization_id=OTHER_ORGANIZATION), INVENTED, False, SOON, None),
        (entry(organization_id=OTHER_ORGANIZATION), RESOURCE, False, SOON, "DELETE"),
        (entry(organization_id=OTHER_ORGANIZATION, **UNSETTLED), INVENTED, False, SOON, "DELETE"),
        (entry(), INVENTED, False, SETTLED_AT + ROLLBACK_WINDOW + 1.0, None),
        (entry(), RESOURCE, False, SETTLED_AT + ROLLBACK_WINDOW + 1.0, "DELETE"),
        (entry(**UNSETTLED), INVENTED, False, SETTLED_AT + ROLLBACK_WINDOW + 1.0, "DELETE"),
        # What a later event has made is not an earlier Delete's to take away, however late Lambda delivers that (32).
        (entry(signed_at=DELETED_AT + 1), RESOURCE, False, SOON, None),
        (entry(signed_at=DELETED_AT + 1, **UNSETTLED), INVENTED, False, SOON, None),
        (entry(signed_at=DELETED_AT), INVENTED, False, SOON, "DELETE"),
        # An adoption that failed is taken back, whatever is declared by now (contract 46).
        (entry(**ADOPTED, **UNSETTLED), RESOURCE, True, SOON, "RESTORE"),
        (entry(**ADOPTED, **UNSETTLED), CREATE_FAILED, False, LATER, "RESTORE"),
        # An adopted resource is let go while ADOPT is declared, and put back when that is most likely a rollback (47).
        (entry(**ADOPTED), RESOURCE, True, SOON, "RESTORE"),
        (entry(**ADOPTED), RESOURCE, True, LATER, "RELEASE"),
        (entry(**ADOPTED), INVENTED, True, SOON, "RESTORE"),
        # Once ADOPT is dropped, it is the stack's like any other (contract 48), but only under its own id.
        (entry(**ADOPTED), RESOURCE, False, SOON, "DELETE"),
        (entry(**ADOPTED), RESOURCE, False, LATER, "DELETE"),
        (entry(**ADOPTED), INVENTED, False, LATER, "RELEASE"),
        (entry(**ADOPTED), CREATE_FAILED, False, SOON, "RELEASE"),
    ],
)
def test_removal(ours: Entry, physical_id: str, *, adopt: bool, now: float, action: str | None) -> None:
    """What a Delete does follows from whose resource it is and what it names (contracts 23, 26, 31, 46, 47, and 48)."""
    properties = {"OrganizationId": ORGANIZATION}
    delete = event("Delete", physical_resource_id=physical_id, properties=properties, signed_at=DELETED_AT)
    assert removal(ours, delete, adopt_declared=adopt, now=now) == action


@settings(deadline=None)
@given(
    origin=st.sampled_from(["CREATED", "ADOPTED"]),
    settled=st.booleans(),
    resource_id=st.sampled_from([None, RESOURCE, OTHER_RESOURCE]),
    resource_type=st.sampled_from(["Custom::WorkMailResource", "AWS::CloudFormation::CustomResource"]),
    physical_id=st.sampled_from([RESOURCE, INVENTED, "", NOT_CREATED, CREATE_FAILED]),
    now=st.floats(SETTLED_AT, SETTLED_AT + 10 * RESTORE_WINDOW),
)
def test_removal_never_deletes_an_adopted_resource_while_adopt_is_declared(
    origin: Any,
    *,
    settled: bool,
    resource_id: str | None,
    resource_type: str,
    physical_id: str,
    now: float,
) -> None:
    """Under no circumstances is an adopted resource deleted while ADOPT is declared (contract 47)."""
    ours = entry(origin=origin, settled=settled, resource_id=resource_id, resource_type=resource_type)
    action = removal(ours, event("Delete", physical_resource_id=physical_id), adopt_declared=True, now=now)
    assert origin == "CREATED" or action != "DELETE"
