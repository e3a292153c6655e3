import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.workmail_resource.scripted import BEGUN, MADE, OWNER, READY, SIBLING
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
    FUNCTION_FAILED,
    NOT_CREATED,
    ROLLBACK_WINDOW,
    Entry,
    Lease,
    Record,
    StackView,
    create_failed_id,
    declared_digest,
    describe_owner,
    event_id,
    failed_event,
    function_failed_id,
    is_owner_mark,
    is_resource_id,
    is_same_event,
    may_be_meant,
    owner,
    owner_mark,
    removal,
    stack_of,
)
from workmail_resource.workmail.properties import parse

INVENTED = "rooms-BoardRoom-1ABCDEFGHIJKL"
PLAIN: dict[str, Any] = {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM"}
RECORD = Record(OWNER)
SOON = READY.ready_at + 60.0
LATER = READY.ready_at + ROLLBACK_WINDOW + 1.0


# ------------------------------------------------------------------------------------------------- ids, marks, digests


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


@pytest.mark.parametrize("request_id", ["request-1", "x" * 5000, "é" * 100, "\ud800"])
@pytest.mark.parametrize("marker", [create_failed_id, function_failed_id])
def test_the_id_of_a_failed_create_names_its_event(request_id: str, marker: Any) -> None:
    """The id of a Create that failed is one that CloudFormation takes, and says which Create it was (contract 4)."""
    create = event(request_id=request_id, signed_at=100)
    physical_id = marker(create)
    assert 0 < len(physical_id.encode(errors="replace")) <= 1024
    assert failed_event(physical_id) == event_id(create)
    assert not is_resource_id(physical_id)


@pytest.mark.parametrize("physical_id", [NOT_CREATED, CREATE_FAILED, FUNCTION_FAILED, INVENTED, RESOURCE, ""])
def test_other_ids_name_no_event(physical_id: str) -> None:
    """Neither version 1.0.0's markers nor anybody's inventions say which Create they are of (contract 44)."""
    assert failed_event(physical_id) == ""


def test_an_event_is_known_by_its_request_and_its_date() -> None:
    """A RequestId that is used again is another event's; a second delivery is the same event (contract 17)."""
    ids = [event_id(event(request_id="request-1", signed_at=date)) for date in (100, 101, None)]
    assert len(set(ids)) == 3
    assert event_id(event(request_id="request-1", signed_at=100)) == ids[0]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("request-1@100", "request-1@100", True),
        ("request-1@100", "request-1@101", False),
        # Version 1.0.0 has written no dates.
        ("request-1@100", "request-1@", True),
        ("request-1@", "request-1@100", True),
        ("request-1@", "request-2@100", False),
        ("request-1@", "request-2@", False),
    ],
)
def test_is_same_event(one: str, other: str, *, same: bool) -> None:
    """Where one of two dates is not known, the RequestId alone tells (contract 44)."""
    assert is_same_event(one, other) is same


def test_an_owner_mark_is_one_event_s_of_one_resource() -> None:
    """What one event has made is not taken for what another one has made, even of the same logical resource."""
    marks = {owner_mark(one, by) for one in (OWNER, SIBLING) for by in ("a@1", "a@2", "b@1")}
    assert len(marks) == 6


def test_an_owner_mark_of_the_first_version_is_known() -> None:
    """The mark that version 1.0.0 has left is the same for all events of a logical resource (contract 44)."""
    assert owner_mark(OWNER, "a@") == owner_mark(OWNER, "b@") != owner_mark(SIBLING, "a@")


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1, max_size=255))
def test_owner_mark_is_a_description_that_workmail_takes(stack_id: str, request_id: str) -> None:
    """Whatever the ids are, the mark has at most 64 printable characters, and is known as one."""
    one = event(stack_id=stack_id, request_id=request_id)
    mark = owner_mark(owner(one), event_id(one))
    assert 0 < len(mark) <= 64
    assert set(mark) <= set(string.printable)
    assert is_owner_mark(mark)


@pytest.mark.parametrize("description", [None, "", "where the board meets", "owner", "custom::workmailresource owner "])
def test_other_descriptions_are_no_marks(description: str | None) -> None:
    """A person's Description is not taken for a mark."""
    assert not is_owner_mark(description)


def test_owners_are_kept_apart() -> None:
    """Two pairs of ids never give the same owner, and an owner tells its stack and its logical ID."""
    one, other = event(stack_id="a|b", logical_resource_id="c"), event(stack_id="a", logical_resource_id="bc")
    assert owner(one) != owner(other)
    assert (stack_of(owner(one)), stack_of(owner(other))) == ("a|b", "a")
    assert describe_owner(OWNER) == f"BoardRoom of stack {STACK}"


def test_a_digest_tells_declared_states_apart() -> None:
    """Two declarations have one digest if, and only if, they ask for the same state in WorkMail."""
    plain = declared_digest(parse(PLAIN))
    assert declared_digest(parse({**PLAIN, "ExistingResource": "ADOPT", "ServiceTimeout": 60})) == plain
    assert declared_digest(parse({**PLAIN, "HiddenFromGlobalAddressList": "true"})) != plain


# --------------------------------------------------------------------------------------------------------------- record


def test_a_record_finds_its_entries() -> None:
    """An entry is found by the resource it is of, and by the event that made it where; nothing else is found."""
    elsewhere = BEGUN._replace(organization_id=OTHER_ORGANIZATION)
    record = RECORD.put(READY).put(elsewhere)
    assert record.with_id(RESOURCE) is READY
    assert record.with_id(OTHER_RESOURCE) is record.with_id(None) is None
    assert record.made_by("request-0@50", OTHER_ORGANIZATION) is elsewhere
    assert record.made_by("request-0@51", OTHER_ORGANIZATION) is None


def test_what_may_have_been_finished_counts_as_ready() -> None:
    """What has an id, and was not begun by the event itself, may have been finished without the ledger's knowing."""
    elsewhere = BEGUN._replace(organization_id=OTHER_ORGANIZATION)
    record = RECORD.put(MADE).put(elsewhere)
    assert record.finished(but_for="another@60").entries == (MADE._replace(ready=True), elsewhere)
    assert record.finished(but_for=MADE.made_by) == record


def test_an_entry_that_gets_its_id_is_still_one() -> None:
    """An entry takes the place of what it was before, also when its key changes, and leaves nothing when it goes."""
    other = READY._replace(resource_id=OTHER_RESOURCE)
    record = RECORD.put(other).put(BEGUN).put(MADE, BEGUN).put(READY, MADE)
    assert record.entries == (other, READY)
    assert record.drop(READY).entries == (other,)
    assert RECORD.put(BEGUN).put(BEGUN).entries == (BEGUN,)


@pytest.mark.parametrize(("made_by", "made_at"), [("request-1@100", 100), ("request-1@", 0), ("0123456789abcdef", 0)])
def test_an_entry_tells_when_it_was_begun(made_by: str, made_at: int) -> None:
    """The date of an entry is its event's, as far as that is known."""
    assert BEGUN._replace(made_by=made_by).made_at == made_at


@pytest.mark.parametrize(
    ("lease", "held"),
    [
        (None, False),
        (Lease("worker-2", "b@2", 1001), True),
        (Lease("worker-2", "b@2", 1000), False),
        (Lease("worker-1", "b@2", 1001), False),
    ],
)
def test_a_record_is_held_until_the_lease_ends(lease: Lease | None, *, held: bool) -> None:
    """Somebody else is at work for as long as their lease says, and nobody holds up himself (contract 52)."""
    assert RECORD.leased(lease).is_held(worker="worker-1", now=1000.0) is held


def test_a_record_is_empty_when_only_the_tombstone_is_left() -> None:
    """What is remembered only of events, or a lease, does not keep a record from expiring; an entry does."""
    assert RECORD.voiding_creates(100).leased(Lease("worker", "a@1", 1)).is_empty
    assert not RECORD.put(BEGUN).is_empty


DELETED = RECORD.voiding_creates(100).voiding_updates(99, "")
REVERSED = RECORD.voiding_creates(100).voiding_updates(100, "request-9@100")
FOLLOWED = RECORD.following(event(request_id="request-9", signed_at=100))


@pytest.mark.parametrize(
    ("record", "request_type", "signed_at", "outdated"),
    [
        # A Delete voids the Create of its second, and not the Update whose clean-up it may be.
        (DELETED, "Create", 99, True),
        (DELETED, "Create", 100, True),
        (DELETED, "Create", 101, False),
        (DELETED, "Update", 99, True),
        (DELETED, "Update", 100, False),
        # A reversed Update voids the one that it reverses, even of the same second.
        (REVERSED, "Create", 100, True),
        (REVERSED, "Update", 100, True),
        (REVERSED, "Update", 101, False),
        # What a later event has followed writes nothing any more, even if nobody has voided it.
        (FOLLOWED, "Create", 99, True),
        (FOLLOWED, "Create", 100, True),
        (FOLLOWED, "Create", 101, False),
        (FOLLOWED, "Update", 99, True),
        (FOLLOWED, "Update", 100, False),
        # Without a date nobody can tell by it.
        (DELETED, "Create", None, False),
        (REVERSED, "Update", None, False),
        (FOLLOWED, "Create", None, False),
        (RECORD, "Create", 1, False),
    ],
)
def test_has_outdated_by_date(record: Record, request_type: Any, signed_at: int | None, *, outdated: bool) -> None:
    """An event from before the last one, or before a Delete, is outdated, and a later one is not (contracts 32, 62)."""
    assert record.has_outdated(event(request_type, signed_at=signed_at)) is outdated


@pytest.mark.parametrize(("record", "request_type"), [(REVERSED, "Update"), (FOLLOWED, "Update"), (FOLLOWED, "Create")])
def test_an_event_does_not_outdate_itself(record: Record, request_type: Any) -> None:
    """The latest event goes on when it is delivered again (contracts 14 and 18)."""
    assert not record.has_outdated(event(request_type, request_id="request-9", signed_at=100))


@pytest.mark.parametrize("signed_at", [100, None])
def test_a_superseded_event_is_outdated_whatever_its_date(signed_at: int | None) -> None:
    """Of two events of one second, or without a date, the one that was followed is outdated (contract 62)."""
    earlier = event("Update", request_id="request-1", signed_at=signed_at)
    later = event("Update", request_id="request-2", signed_at=signed_at)
    record = RECORD.following(earlier).following(later)
    assert record.has_outdated(earlier)
    assert not record.has_outdated(later)


def test_a_create_that_has_failed_is_outdated() -> None:
    """A late copy of a Create that was answered FAILED makes nothing that nobody expects (contract 18)."""
    create = event(signed_at=100)
    assert RECORD._replace(failed=event_id(create)).has_outdated(create)


def test_following_remembers_no_more_than_it_needs() -> None:
    """Whoever comes again is not followed by himself, and what is remembered does not grow for ever."""
    record = RECORD
    for number in range(40):
        for _ in range(2):
            record = record.following(event("Update", request_id=f"request-{number}", signed_at=100 + number))
    assert (record.latest, record.latest_at) == ("request-39@139", 139)
    assert record.superseded[-2:] == ("request-37@137", "request-38@138")
    assert len(record.superseded) == 12
    assert record.following(event("Update", signed_at=7)).latest_at == 139


def test_what_is_void_stays_void() -> None:
    """A Delete that comes late takes nothing back of what a later one has voided."""
    assert DELETED.voiding_creates(50) == DELETED
    assert REVERSED.voiding_updates(99, "") == REVERSED


# ------------------------------------------------------------------------------------------------------------- removals


@pytest.mark.parametrize(
    ("until", "by", "void"),
    [(0, "", False), (99, "", False), (100, "a@100", False), (100, "", True), (101, "b@101", True)],
)
def test_what_a_later_event_has_voided(until: int, by: str, *, void: bool) -> None:
    """What an Update has made is a rest of a rollback as long as no later event has voided that Update (49)."""
    record = Record(OWNER, updates_void_until=until, voided_by=by)
    assert record.has_voided(MADE._replace(made_by="a@100")) is void


@pytest.mark.parametrize(
    ("view", "counts", "is_alive"),
    [
        (StackView(), False, False),
        (StackView(RESOURCE, "CREATE_COMPLETE"), True, True),
        (StackView(RESOURCE, "UPDATE_COMPLETE"), True, True),
        (StackView(RESOURCE, "UPDATE_IN_PROGRESS"), True, True),
        (StackView(RESOURCE, "UPDATE_FAILED"), True, False),
        (StackView(RESOURCE, "CREATE_FAILED"), True, False),
        (StackView(RESOURCE, "DELETE_IN_PROGRESS"), True, False),
        (StackView(RESOURCE, "DELETE_FAILED"), True, False),
        (StackView(RESOURCE, "DELETE_COMPLETE"), False, False),
        (StackView(RESOURCE, "DELETE_SKIPPED"), False, False),
        (StackView(OTHER_RESOURCE, "CREATE_COMPLETE"), False, True),
        (StackView("", "CREATE_IN_PROGRESS"), False, True),
    ],
)
def test_what_cloudformation_shows(view: StackView, *, counts: bool, is_alive: bool) -> None:
    """A stack counts what it shows under this id and has not deleted or let go (contract 59)."""
    assert (view.counts(RESOURCE), view.is_alive) == (counts, is_alive)


@pytest.mark.parametrize(
    ("status", "awaited"),
    [
        ("CREATE_IN_PROGRESS", ["Create"]),
        ("UPDATE_IN_PROGRESS", ["Update"]),
        ("UPDATE_ROLLBACK_IN_PROGRESS", ["Update"]),
        ("UPDATE_COMPLETE", []),
        ("DELETE_IN_PROGRESS", ["Delete"]),
    ],
)
def test_what_cloudformation_waits_for(status: str, awaited: list[str]) -> None:
    """CloudFormation waits for the event that the state of the resource names (contract 59)."""
    view = StackView(RESOURCE, status)
    assert [one for one in ("Create", "Update", "Delete") if view.awaits(one)] == awaited


def delete(physical_id: str = INVENTED, **changes: Any) -> Any:
    """Return the Delete of what was issued with the board room's Create, a little later."""
    return event("Delete", **{"physical_resource_id": physical_id, "signed_at": 60, **changes})


FAILED_ID = f"{CREATE_FAILED}/request-0@50"
AS_DECLARED = READY._replace(digest=declared_digest(parse(PLAIN)))


@pytest.mark.parametrize(
    ("entry", "changes", "meant"),
    [
        (BEGUN, {}, True),
        (MADE, {}, True),
        (READY, {}, True),
        (AS_DECLARED, {}, True),
        (BEGUN, {"signed_at": None}, True),
        (BEGUN, {"signed_at": 50}, True),
        # Begun after the Delete was issued.
        (BEGUN, {"signed_at": 49}, False),
        # Another type, or another organization.
        (BEGUN, {"resource_type": "AWS::CloudFormation::CustomResource"}, False),
        (BEGUN, {"properties": {**PLAIN, "OrganizationId": OTHER_ORGANIZATION}}, False),
        (BEGUN, {"properties": {}}, True),
        # Declared otherwise, or nobody can tell: a ready one may be what CloudFormation has let go.
        (AS_DECLARED, {"properties": {**PLAIN, "Name": "den"}}, False),
        (AS_DECLARED, {"properties": {}}, False),
    ],
)
def test_what_an_invented_id_may_mean(entry: Entry, changes: dict[str, Any], *, meant: bool) -> None:
    """The Delete of a Create whose answer was never taken is about what that Create can have made (contract 49)."""
    assert may_be_meant(RECORD.put(entry), delete(**changes)) == ((entry,) if meant else ())


def test_a_ready_resource_of_an_earlier_create_is_not_meant() -> None:
    """What was ready before the latest Create is not that one's: CloudFormation has let it go (contract 49)."""
    record = RECORD.put(READY).following(event(request_id="request-7", signed_at=55))
    assert may_be_meant(record, delete()) == ()
    assert may_be_meant(record._replace(latest=READY.made_by), delete()) == (READY,)


@pytest.mark.parametrize("marker", [CREATE_FAILED, FUNCTION_FAILED])
def test_the_id_of_a_failed_create_means_what_that_one_has_made(marker: str) -> None:
    """Whatever was tried with success since, the Delete of a failed Create is about the failed one (contract 51)."""
    retried = READY._replace(made_by="request-1@55", resource_id=OTHER_RESOURCE)
    record = RECORD.put(MADE).put(retried)
    assert may_be_meant(record, delete(f"{marker}/request-0@50", signed_at=None)) == (MADE,)
    assert may_be_meant(record, delete(f"{marker}/request-0@51")) == ()


GONE, COUNTED = StackView(), StackView(RESOURCE, "CREATE_COMPLETE")
ADOPTED = READY._replace(origin="ADOPTED", before={})
ADOPT = {"properties": {**PLAIN, "ExistingResource": "ADOPT"}}


@pytest.mark.parametrize(
    ("entry", "physical_id", "changes", "view", "now", "action"),
    [
        # Named: the Delete of a resource's own id.
        (READY, RESOURCE, {}, None, LATER, "DELETE"),
        (READY, RESOURCE, ADOPT, None, SOON, "DELETE"),
        (MADE, RESOURCE, {}, None, SOON, "UNDO"),
        (READY, RESOURCE, {"signed_at": 49}, None, SOON, None),
        (READY, RESOURCE, {"signed_at": None}, None, SOON, "DELETE"),
        (ADOPTED, RESOURCE, ADOPT, None, SOON, "GIVE_BACK"),
        (ADOPTED, RESOURCE, ADOPT, None, LATER, "RELEASE"),
        (ADOPTED._replace(changed=True), RESOURCE, ADOPT, None, SOON, "RELEASE"),
        (ADOPTED, RESOURCE, {}, None, SOON, "DELETE"),
        (ADOPTED._replace(ready=False), RESOURCE, ADOPT, None, LATER, "UNDO"),
        (ADOPTED._replace(giving_back=True), RESOURCE, {}, None, LATER, "UNDO"),
        (READY._replace(taken_from=SIBLING), RESOURCE, ADOPT, None, LATER, "UNDO"),
        (READY._replace(taken_from=SIBLING, changed=True), RESOURCE, {}, None, SOON, "UNDO"),
        (READY._replace(handed_to=SIBLING), RESOURCE, {}, None, SOON, "RELEASE"),
        # The clean-up of a replacement, or of somebody else's resource: what is ready stays (contract 23).
        (READY, OTHER_RESOURCE, {}, GONE, SOON, None),
        (MADE, OTHER_RESOURCE, {}, GONE, SOON, None),
        # What bears the mark, and has no id noted, never became anybody's.
        (BEGUN, OTHER_RESOURCE, {}, None, SOON, "UNDO"),
        (BEGUN, OTHER_RESOURCE, {"signed_at": 49}, None, SOON, None),
        # A marker, or an invented id: what never got ready is taken away.
        (BEGUN, INVENTED, {}, None, SOON, "UNDO"),
        (MADE, "", {}, None, LATER, "UNDO"),
        (MADE, FAILED_ID, {}, None, SOON, "UNDO"),
        (MADE, INVENTED, {"signed_at": 49}, None, SOON, None),
        # What is ready only if CloudFormation shows that it does not count it (contracts 49 and 59).
        (READY, INVENTED, {}, GONE, SOON, "UNDO"),
        (READY, INVENTED, {}, GONE, LATER, "UNDO"),
        (READY, INVENTED, {}, COUNTED, SOON, None),
        (READY, INVENTED, {}, None, SOON, None),
        (READY, FAILED_ID, {}, GONE, SOON, "UNDO"),
        (READY, FAILED_ID, {}, COUNTED, SOON, None),
        (READY, f"{CREATE_FAILED}/request-7@50", {}, GONE, SOON, None),
        (ADOPTED, INVENTED, ADOPT, GONE, SOON, "UNDO"),
        (READY._replace(handed_to=SIBLING), INVENTED, {}, GONE, SOON, "RELEASE"),
    ],
)
def test_removal(
    entry: Entry, physical_id: str, changes: dict[str, Any], view: StackView | None, *, now: float, action: str | None
) -> None:
    """What a Delete does follows from whose resource it is and what it names (contracts 23, 31, and 46 to 51)."""
    assert removal(RECORD.put(entry), entry, delete(physical_id, **changes), view=view, now=now) == action


def test_the_rest_of_a_failed_replacement_goes_with_the_resource() -> None:
    """Beside the resource that is named, what never got ready is taken away, and what is ready stays (contract 26)."""
    rest = MADE._replace(organization_id=OTHER_ORGANIZATION, resource_id=OTHER_RESOURCE)
    for ready, action in ((False, "UNDO"), (True, None)):
        other = rest._replace(ready=ready)
        record = RECORD.put(READY).put(other)
        assert removal(record, other, delete(RESOURCE), view=GONE, now=SOON) == action


ENTRIES = st.builds(
    READY._replace,
    organization_id=st.sampled_from([ORGANIZATION, OTHER_ORGANIZATION]),
    resource_type=st.sampled_from(["Custom::WorkMailResource", "AWS::CloudFormation::CustomResource"]),
    made_by=st.sampled_from(["request-0@50", "request-1@60", "request-0@"]),
    name=st.just("boardroom"),
    resource_id=st.sampled_from([RESOURCE, OTHER_RESOURCE]),
    origin=st.sampled_from(["CREATED", "ADOPTED"]),
    ready=st.booleans(),
    ready_at=st.just(READY.ready_at),
    signed_at=st.sampled_from([50, 70]),
    changed=st.booleans(),
    giving_back=st.booleans(),
    taken_from=st.sampled_from(["", SIBLING]),
    handed_to=st.sampled_from(["", SIBLING]),
)
DELETES = st.builds(
    delete,
    st.sampled_from([RESOURCE, INVENTED, "", CREATE_FAILED, FAILED_ID, f"{FUNCTION_FAILED}/request-1@60"]),
    signed_at=st.sampled_from([None, 40, 50, 60, 80]),
    properties=st.sampled_from([PLAIN, {}, ADOPT["properties"]]),
)
VIEWS = st.sampled_from([None, GONE, COUNTED, StackView(OTHER_RESOURCE, "UPDATE_COMPLETE"), StackView("", "X")])


@settings(deadline=None)
@given(ENTRIES, DELETES, VIEWS, st.floats(SOON, 2 * LATER))
def test_a_ready_resource_is_only_removed_by_its_own_delete(
    entry: Entry, event: Any, view: StackView | None, now: float
) -> None:
    """A ready resource is touched only if the Delete names it, or its stack is seen not to count it (contract 49)."""
    action = removal(RECORD.put(entry), entry, event, view=view, now=now)
    named = event.physical_resource_id == entry.resource_id
    disowned = view is not None and not view.counts(entry.resource_id)
    assert not entry.ready or action is None or named or disowned


@settings(deadline=None)
@given(ENTRIES, DELETES, VIEWS, st.floats(SOON, 2 * LATER))
def test_an_adopted_resource_is_never_deleted_while_adopt_is_declared(
    entry: Entry, event: Any, view: StackView | None, now: float
) -> None:
    """Under no circumstances is an adopted resource deleted while ADOPT is declared (contract 47)."""
    adopting = replace(event, properties=ADOPT["properties"])
    action = removal(RECORD.put(entry), entry, adopting, view=view, now=now)
    assert entry.origin == "CREATED" or action != "DELETE"
