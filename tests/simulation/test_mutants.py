from collections.abc import Callable
from typing import Any, Final

import pytest

from tests.simulation.stories import play, write
from workmail_resource.lifecycle import adopt, cleanup, create, delete, handover, turn
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.ownership.rules import Entry, Record, is_resource_id, removal
from workmail_resource.workmail import converge
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.properties import organization_id

#: Stories within which each has to be found.
ENOUGH: Final = 2000

Mutate = Callable[[pytest.MonkeyPatch], None]


def no_tombstone(patch: pytest.MonkeyPatch) -> None:
    """Do not remember which events CloudFormation has given up."""
    patch.setattr(Record, "voiding_creates", lambda record, _until: record)
    patch.setattr(Record, "voiding_updates", lambda record, _until, _by: record)


def no_owner_mark(patch: pytest.MonkeyPatch) -> None:
    """Give a new room its Description at once."""
    original = WorkMail.create
    patch.setattr(
        WorkMail, "create", lambda api, declared, _mark: original(api, declared, declared.description or "new")
    )


def no_claim(patch: pytest.MonkeyPatch) -> None:
    """Let two owners have the same room."""
    original = Ledger.write
    patch.setattr(Ledger, "write", lambda ledger, record, also=(), **_claims: original(ledger, record, also=also))
    patch.setattr(Ledger, "holder", lambda _ledger, _organization, _room: None)


def outdated_events_are_handled(patch: pytest.MonkeyPatch) -> None:
    """Handle every event that comes, however late."""
    patch.setattr(Record, "has_outdated", lambda _record, _event: False)


def a_marker_takes_a_settled_room(patch: pytest.MonkeyPatch) -> None:
    """Let a Delete without a resource's id remove whatever the logical resource has."""

    def careless(record: Record, entry: Any, event: Any, **keys: Any) -> Any:
        if not is_resource_id(event.physical_resource_id) and entry.origin == "CREATED":
            return "DELETE"
        return removal(record, entry, event, **keys)

    patch.setattr(delete, "removal", careless)
    patch.setattr(delete, "_concerns", lambda _work, _record: True)


def a_lease_never_ends(patch: pytest.MonkeyPatch) -> None:
    """Let a dead worker have its record for ever."""
    patch.setattr(turn, "LEASE", 10**6)


def create_without_looking(patch: pytest.MonkeyPatch) -> None:
    """Call CreateResource again after a lost reply, and take its refusal for final."""

    def careless(work: Any, workmail: Any, declaration: Any, *, tried_before: bool) -> Any:
        del tried_before
        return workmail.create(declaration, work.mark)

    patch.setattr(create, "_create_or_find", careless)


def no_read_back(patch: pytest.MonkeyPatch) -> None:
    """Take every call that was made for done."""
    patch.setattr(converge, "_read_until_shown", lambda _api, room, *_arguments, **_keys: (room, ()))


def nobody_waits_for_a_room(patch: pytest.MonkeyPatch) -> None:
    """Take a room that was taken over for one's own when the renaming is rolled back."""
    patch.setattr(handover, "waiting_owner", lambda _work, _entry, _owner: None)
    patch.setattr(cleanup, "_is_counted", lambda _work, _former, _entry: False)


def cloudformation_is_not_asked(patch: pytest.MonkeyPatch) -> None:
    """Take a room over from another stack, whether that has let it go or not."""
    patch.setattr(adopt, "_check_let_go", lambda _work, _holder, _entry, _room: None)


def an_id_is_proof_enough(patch: pytest.MonkeyPatch) -> None:
    """Delete what a Delete names although the ledger does not know it; people delete items of it in each story."""
    original: Callable[..., list[tuple[Entry, str]]] = vars(delete)["_removals"]

    def careless(work: Any, record: Record, view: Any) -> list[tuple[Entry, str]]:
        named, where = work.event.physical_resource_id, str(organization_id(work.event.properties))
        if record.entries or not is_resource_id(named):
            return original(work, record, view)
        return [(Entry(where, work.event.resource_type, work.id, "", resource_id=named, ready=True), "DELETE")]

    patch.setattr(delete, "_removals", careless)
    patch.setattr("tests.simulation.stories.DELETED_ITEMS", 1.0)


@pytest.mark.parametrize(
    ("mutate", "checks"),
    [
        (no_tombstone, ("19", "25", "62", "49")),
        (no_owner_mark, ("19", "15", "57", "24")),
        (no_claim, ("19", "34", "49", "50")),
        (outdated_events_are_handled, ("62", "19", "49", "25")),
        (a_marker_takes_a_settled_room, ("49",)),
        (a_lease_never_ends, ("52", "9", "53")),
        (create_without_looking, ("15", "19")),
        (no_read_back, ("21",)),
        (nobody_waits_for_a_room, ("50",)),
        (cloudformation_is_not_asked, ("50",)),
        (an_id_is_proof_enough, ("31", "47", "49", "50")),
    ],
)
def test_a_careless_function_is_found_out(
    monkeypatch: pytest.MonkeyPatch, mutate: Mutate, checks: tuple[str, ...], record_property: Callable[..., None]
) -> None:
    """A function without one of its safeguards violates something within 2,000 stories."""

    def violated(seed: int) -> set[str]:
        found = {violation.check for violation in play(write(seed)).violations}
        return {check for check in found if check.partition(" ")[0] in checks}

    for seed in range(ENOUGH):
        with monkeypatch.context() as patch:
            mutate(patch)
            found = violated(seed)
        if found and found - violated(seed):
            record_property("found by seed", seed)
            return
    pytest.fail(f"{mutate.__name__} was not found in {ENOUGH} stories")
