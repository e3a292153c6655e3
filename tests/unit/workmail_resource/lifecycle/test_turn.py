from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import BEGUN, OWNER, SIBLING, make_turn
from tests.unit.workmail_resource.support import FakeClock, Log, caller, event
from workmail_resource.lifecycle.turn import Turn
from workmail_resource.ownership.errors import CancelledError, ClaimedError, OvertakenError
from workmail_resource.ownership.ledger import Ledger
from workmail_resource.ownership.rules import LEASE, Record
from workmail_resource.protocol.errors import OutOfTimeError

EARLIER = event(request_id="request-1", signed_at=100)
LATER = event("Update", request_id="request-2", signed_at=200)
DELETE = event("Delete", request_id="request-3", signed_at=300)


def busy(ledger: Ledger, clock: FakeClock, of: Any = EARLIER, *, worker: str = "first") -> Turn:
    """Return the turn of an event that is at work."""
    turn = make_turn(of, ledger, clock, worker=worker)
    turn.take(turn.read().put(BEGUN))
    return turn


@pytest.mark.parametrize("of", [DELETE, LATER])
def test_a_delete_and_a_second_delivery_are_not_stopped(ledger: Ledger, clock: FakeClock, of: Any) -> None:
    """A Delete at work, or the same event, is waited for without a word: nothing is gained by stopping it."""
    turn = busy(ledger, clock, of)
    make_turn(LATER, ledger, clock, worker="second").wait()
    assert ledger.read(OWNER) == turn.record


def test_waiting_ends_with_the_time(ledger: Ledger, clock: FakeClock) -> None:
    """Whoever has not the time to wait says so while there is time to answer (contract 11)."""
    busy(ledger, clock)
    with pytest.raises(OutOfTimeError):
        make_turn(LATER, ledger, clock, worker="second", seconds=10).wait()
    assert sum(clock.slept) < 10


@pytest.mark.parametrize("write", [lambda turn: turn.write(turn.record), lambda turn: turn.end()])
def test_a_late_worker_writes_nothing(ledger: Ledger, clock: FakeClock, write: Callable[[Turn], None]) -> None:
    """Who wakes up after another one has had the turn finds it lost, and leaves that one alone (contract 62)."""
    slow = busy(ledger, clock)
    clock.now += LEASE + 1
    fast = busy(ledger, clock, LATER, worker="fast")
    for _ in range(2):
        with pytest.raises(CancelledError):
            write(slow)
    assert not slow.held
    slow.release()
    assert ledger.read(OWNER) == fast.record


def test_two_slow_deliveries_of_one_event_do_not_stop_each_other(ledger: Ledger, clock: FakeClock) -> None:
    """Who has lost the turn to another delivery of its event begins anew, when that one has had twice its time (62)."""
    slow = busy(ledger, clock)
    clock.now += LEASE + 1
    busy(ledger, clock, worker="copy")
    taken_at = int(clock.now)
    with pytest.raises(OvertakenError, match="another delivery"):
        slow.guard()
    slow.wait()
    assert clock.now >= taken_at + 2 * LEASE


def test_a_slow_delivery_begins_anew_after_another_has_ended(ledger: Ledger, clock: FakeClock) -> None:
    """Who has lost the turn to another delivery of its event, which has ended since, finds out what that has done."""
    slow = busy(ledger, clock)
    clock.now += LEASE + 1
    copy = busy(ledger, clock, worker="copy")
    copy.end(copy.record.following(EARLIER))
    with pytest.raises(OvertakenError, match="another delivery"):
        slow.end()
    assert not slow.held


def test_another_owner_s_record_that_has_changed_stops_nobody(ledger: Ledger, clock: FakeClock) -> None:
    """Where only the other record has changed, the event still has its turn, and may look again (contract 56)."""
    turn = busy(ledger, clock)
    stale = Record(SIBLING)._replace(written_by="they")
    ledger.write(stale)
    with pytest.raises(OvertakenError) as raised:
        turn.write(turn.record, also=[stale])
    assert not isinstance(raised.value, ClaimedError)
    assert turn.held


def test_no_call_begins_when_the_ledger_is_slower_than_the_lease(
    ledger: Ledger, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A renewal that takes as long as the lease itself is not relied on, and not tried for ever (contract 58)."""
    turn = busy(ledger, clock)
    write, writes = ledger.write, []

    def slowly(*arguments: Any, **options: Any) -> Record:
        writes.append(arguments)
        clock.now += LEASE
        return write(*arguments, **options)

    monkeypatch.setattr(ledger, "write", slowly)
    clock.now += LEASE
    with pytest.raises(CancelledError, match="too slow"):
        turn.guard()
    assert len(writes) == 5


def test_another_one_s_turn_is_not_released(ledger: Ledger, clock: FakeClock) -> None:
    """Who comes too late to end his lease leaves the next one's alone (contract 62)."""
    slow = busy(ledger, clock)
    clock.now += LEASE + 1
    fast = busy(ledger, clock, LATER, worker="fast")
    slow.release()
    assert ledger.read(OWNER) == fast.record


def test_a_release_that_fails_is_only_logged(dynamodb: Any, ledger: Ledger, clock: FakeClock) -> None:
    """A ledger that cannot be used any more does not hide the event's own end: the lease ends by itself."""
    log = Log()
    turn = make_turn(EARLIER, ledger, clock, closing=Ledger(caller(dynamodb, clock), "elsewhere", clock), log=log)
    turn.take(turn.read())
    turn.release()
    ((message, keys),) = log.records
    assert message == "the lease could not be ended; it ends by itself"
    assert "elsewhere" in str(keys["error"])
    assert ledger.read(OWNER) == turn.record
