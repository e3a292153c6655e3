from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.workmail_resource.scripted import BEGUN, MADE, OWNER, READY, SIBLING, make_turn
from tests.unit.workmail_resource.support import ORGANIZATION, RESOURCE, FakeClock, Log, caller, event
from workmail_resource.lifecycle.turn import LONGEST_LOOK, Turn
from workmail_resource.ownership.errors import CancelledError, ClaimedError, OvertakenError
from workmail_resource.ownership.ledger import Claim, Ledger
from workmail_resource.ownership.rules import LEASE, LEASE_RESERVE, Lease, Record, event_id
from workmail_resource.protocol.errors import OutOfTimeError

EARLIER = event(request_id="request-1", signed_at=100)
LATER = event("Update", request_id="request-2", signed_at=200)
DELETE = event("Delete", request_id="request-3", signed_at=300)


def busy(ledger: Ledger, clock: FakeClock, of: Any = EARLIER, *, worker: str = "first") -> Turn:
    """Return the turn of an event that is at work."""
    turn = make_turn(of, ledger, clock, worker=worker)
    turn.take(turn.read().put(BEGUN))
    return turn


class Meanwhile:
    """Lets something happen in the middle of a clock's next sleeps."""

    def __init__(self, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.then: list[Callable[[], object]] = []
        sleep = clock.sleep

        def interrupted(seconds: float) -> None:
            sleep(seconds)
            if self.then:
                self.then.pop(0)()

        monkeypatch.setattr(clock, "sleep", interrupted)


@pytest.fixture
def meanwhile(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Let something happen while an event waits."""
    return Meanwhile(clock, monkeypatch)


# ----------------------------------------------------------------------------------------------------------------- wait


def test_nobody_waits_for_nobody(ledger: Ledger, clock: FakeClock) -> None:
    """Where nobody is at work, an event has its turn at once, and has written nothing."""
    assert make_turn(EARLIER, ledger, clock).wait() == Record(OWNER)
    assert clock.slept == []
    assert ledger.read(OWNER).version == 0


def test_whoever_waits_says_so(ledger: Ledger, clock: FakeClock, meanwhile: Meanwhile) -> None:
    """The event at work finds at its next write that a later one waits, and stops (contract 62)."""
    # GIVEN an event at work, and a later one that begins to wait
    first = busy(ledger, clock)
    stopped: list[str] = []

    def go_on() -> None:
        with pytest.raises(CancelledError) as raised:
            first.write(first.record)
        stopped.append(str(raised.value))
        first.release()

    meanwhile.then.append(go_on)
    # WHEN the first one's next write is refused
    record = make_turn(LATER, ledger, clock, worker="second").wait()
    # THEN it stops, and the later one has its turn, long before the lease would have ended
    assert stopped == ["CloudFormation has sent a later event for this resource"]
    assert record.lease is None
    assert record.has_outdated(EARLIER)
    assert record.entries == (BEGUN,)
    assert sum(clock.slept) < LONGEST_LOOK


def test_a_dead_worker_is_outwaited(ledger: Ledger, clock: FakeClock) -> None:
    """A worker that died holds up the next event until its lease ends, and no longer than a minute (contract 52)."""
    busy(ledger, clock)
    begun = clock.now
    make_turn(LATER, ledger, clock, worker="second").wait()
    assert LEASE <= clock.now - begun <= LEASE + LONGEST_LOOK <= 60
    assert max(clock.slept) <= LONGEST_LOOK


def test_an_event_that_is_known_to_be_dead_is_not_waited_for(ledger: Ledger, clock: FakeClock) -> None:
    """The last-resort answer says that nobody is at work on that event any more (contract 52)."""
    busy(ledger, clock)
    make_turn(DELETE, ledger, clock, worker="second").wait(dead=event_id(EARLIER))
    assert clock.slept == []


def test_a_turn_that_is_not_needed_is_not_waited_for(ledger: Ledger, clock: FakeClock) -> None:
    """An event that has nothing to do with what is being done leaves it alone."""
    turn = busy(ledger, clock)
    make_turn(LATER, ledger, clock, worker="second").wait(needed=lambda _: False)
    assert clock.slept == []
    assert ledger.read(OWNER) == turn.record


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


def test_what_waits_is_written_as_it_is_asked_for(ledger: Ledger, clock: FakeClock, meanwhile: Meanwhile) -> None:
    """An event that voids others says so in the record while it waits, once."""
    first = busy(ledger, clock)
    meanwhile.then.append(lambda: None)
    meanwhile.then.append(first.release)
    record = make_turn(DELETE, ledger, clock, worker="second").wait(overtake=lambda record: record.voiding_creates(300))
    assert record.creates_void_until == 300
    # The first one's, the Delete's, and the first one's end of its lease.
    assert record.version == 3


# ----------------------------------------------------------------------------------------------- take, write, and end


def test_a_turn_is_taken_on_what_was_read(ledger: Ledger, clock: FakeClock) -> None:
    """Of two events that have read the same record, one takes the turn, and the other looks again (contract 62)."""
    one, two = (make_turn(EARLIER, ledger, clock, worker=worker) for worker in ("one", "two"))
    plans = [turn.wait() for turn in (one, two)]
    one.take(plans[0])
    with pytest.raises(OvertakenError):
        two.take(plans[1])
    assert (one.held, two.held) == (True, False)
    assert ledger.read(OWNER).lease == Lease("one", event_id(EARLIER), int(clock.now) + LEASE, "Create")


def test_a_turn_is_not_taken_without_the_claim(ledger: Ledger, clock: FakeClock) -> None:
    """Where another owner has the resource, the turn is not taken, and nothing is written (contract 50)."""
    claim = Claim("TAKE", ORGANIZATION, RESOURCE)
    ledger.write(Record(SIBLING)._replace(written_by="they"), claims=[claim])
    turn = make_turn(EARLIER, ledger, clock)
    with pytest.raises(ClaimedError):
        turn.take(turn.read(), claims=[claim])
    assert not turn.held
    assert ledger.read(OWNER).version == 0


def test_a_turn_is_kept_from_write_to_write_and_ends_with_the_last(ledger: Ledger, clock: FakeClock) -> None:
    """Between its first write and its last one a lease is in the record, and after that none (contract 62)."""
    turn = make_turn(EARLIER, ledger, clock)
    turn.take(turn.wait().put(BEGUN))
    turn.write(turn.record.put(MADE, BEGUN), claims=[Claim("TAKE", ORGANIZATION, RESOURCE)])
    assert ledger.read(OWNER) == turn.record
    assert turn.record.is_held(worker="another", now=clock.now)
    turn.end(turn.record.put(READY, MADE))
    assert not turn.held
    assert ledger.read(OWNER) == turn.record
    assert (turn.record.lease, turn.record.entries, turn.record.version) == (None, (READY,), 3)


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


def test_another_owner_s_record_that_has_changed_stops_nobody(ledger: Ledger, clock: FakeClock) -> None:
    """Where only the other record has changed, the event still has its turn, and may look again (contract 56)."""
    turn = busy(ledger, clock)
    stale = Record(SIBLING)._replace(written_by="they")
    ledger.write(stale)
    with pytest.raises(OvertakenError) as raised:
        turn.write(turn.record, also=[stale])
    assert not isinstance(raised.value, ClaimedError)
    assert turn.held


# ---------------------------------------------------------------------------------------------------------------- guard


@pytest.mark.parametrize("passed", [0, LEASE - LEASE_RESERVE])
def test_a_lease_that_lasts_is_not_renewed(ledger: Ledger, clock: FakeClock, passed: int) -> None:
    """A call costs no write to the ledger while the lease outlasts it."""
    turn = busy(ledger, clock)
    clock.now += passed
    turn.guard()
    assert ledger.read(OWNER).version == 1


@pytest.mark.parametrize("passed", [LEASE - LEASE_RESERVE + 1, LEASE + 100])
def test_a_lease_is_renewed_before_it_is_too_short(ledger: Ledger, clock: FakeClock, passed: int) -> None:
    """Before a call that the lease might not outlast it is renewed, also a late one that nobody has taken (62)."""
    turn = busy(ledger, clock)
    clock.now += passed
    turn.guard()
    lease = ledger.read(OWNER).lease
    assert lease is not None
    assert lease.until == int(clock.now) + LEASE


def test_no_call_begins_after_the_turn_was_lost(ledger: Ledger, clock: FakeClock) -> None:
    """Who finds at the renewal that another one has written makes no further call, nor does the next try (62)."""
    slow = busy(ledger, clock)
    clock.now += LEASE + 1
    busy(ledger, clock, LATER, worker="fast")
    for _ in range(2):
        with pytest.raises(CancelledError):
            slow.guard()


def test_no_call_begins_without_a_turn(ledger: Ledger, clock: FakeClock) -> None:
    """Neither before the turn was taken nor after its end is a call let through (contract 62)."""
    turn = make_turn(EARLIER, ledger, clock)
    with pytest.raises(CancelledError):
        turn.guard()
    turn.take(turn.wait())
    turn.guard()
    turn.end()
    with pytest.raises(CancelledError):
        turn.guard()


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


# -------------------------------------------------------------------------------------------------------------- release


def test_what_is_held_is_released(ledger: Ledger, clock: FakeClock) -> None:
    """At every exit the lease ends, and nothing else of the record changes (contract 62)."""
    turn = busy(ledger, clock)
    turn.release()
    assert ledger.read(OWNER) == turn.record
    assert (turn.record.lease, turn.record.entries, turn.held) == (None, (BEGUN,), False)
    turn.release()
    assert ledger.read(OWNER).version == 2


def test_what_was_overtaken_is_released_too(ledger: Ledger, clock: FakeClock) -> None:
    """Who was told by a waiting event to stop ends his lease over what that one has written, and keeps that."""
    turn = busy(ledger, clock)
    ledger.write(turn.record.voiding_creates(300)._replace(written_by="second"))
    turn.release()
    record = ledger.read(OWNER)
    assert (record.lease, record.creates_void_until) == (None, 300)


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
