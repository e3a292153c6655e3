"""One writer at a time: an event's turn at the record of its logical resource (contract 62).

Whoever changes something in WorkMail has taken the record's lease in the ledger, together with the version of the
record that the change was planned on; so nobody else has changed anything in between. The lease is short, is looked
after before each call that changes something, and ends with the event, whatever its end. A later event that wants its
turn says so in the record; the earlier one finds that at its next write, and stops.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from workmail_resource.aws.calls import Log
from workmail_resource.aws.retries import delays
from workmail_resource.ownership.errors import CancelledError, OvertakenError
from workmail_resource.ownership.ledger import Claim, Ledger
from workmail_resource.ownership.rules import LEASE, LEASE_RESERVE, Lease, Record, date_of, event_id, owner
from workmail_resource.protocol.clock import Clock, Deadline
from workmail_resource.protocol.errors import ProviderError
from workmail_resource.protocol.event import Event

#: The longest wait, in seconds, between two looks at a record that somebody else has the lease of.
LONGEST_LOOK: Final = 2.0

_TRIES: Final = 3
#: How often a lease is renewed before one call: a write may have taken so long that the lease is too short again.
_RENEWALS: Final = 5
_NOT_RELEASED: Final = "the lease could not be ended; it ends by itself"


class Turn:
    """The turn of one event.

    Parameters
    ----------
    closing:
        The same ledger with the time that is left when the work's is used up.
    worker:
        Tells this invocation from every other.
    log:
        Takes a message and keys.

    Attributes
    ----------
    record:
        As it was last read or written.
    """

    def __init__(
        self,
        event: Event,
        ledger: Ledger,
        *,
        closing: Ledger,
        worker: str,
        clock: Clock,
        deadline: Deadline,
        rng: random.Random,
        log: Log,
    ) -> None:
        self._event = event
        self._ledger = ledger
        self._closing = closing
        self._worker = worker
        self._clock = clock
        self._deadline = deadline
        self._rng = rng
        self._log = log
        self._writes = 0
        self._patience = 0
        self.record = Record(owner(event))
        self.held = False

    def read(self) -> Record:
        """Read the record."""
        self.record = self._ledger.read(self.record.owner)
        return self.record

    def wait(
        self,
        *,
        needed: Callable[[Record], bool] = lambda _: True,
        overtake: Callable[[Record], Record] | None = None,
        dead: str = "",
    ) -> Record:
        """Wait until nobody else is at work, and return the record as it is then.

        Parameters
        ----------
        needed:
            Tells of a record whether the turn is needed; if not, nothing is waited for.
        overtake:
            Makes the record in which the one that is at work finds that it has to stop; by default that it was
            followed by this event.
        dead:
            The :func:`.event_id` of an event at which nobody works any more, whatever the lease says.

        Raises
        ------
        OutOfTimeError
            It took too long.
        """
        overtake = overtake or self._followed
        for wait in self.looks():
            record = self.read()
            lease = record.lease
            if (
                lease is None
                or not record.is_held(worker=self._worker, now=self._clock.time() - self._patience)
                or (dead and lease.event == dead)
                or not needed(record)
            ):
                return record
            # A late copy of an event does not stop what has come after it.
            is_later = self._event.signed_at is not None and date_of(lease.event) > self._event.signed_at
            # A Delete is waited for: nothing is gained by stopping it.
            stoppable = lease.event != event_id(self._event) and lease.request_type != "Delete" and not is_later
            if stoppable and (changed := overtake(record)) != record:
                try:
                    self._write(changed, changed.lease)
                except OvertakenError:
                    continue
            self._deadline.sleep(wait)
        raise AssertionError("the waits never end")

    def _followed(self, record: Record) -> Record:
        earlier = record.lease.event if record.lease is not None else ""
        return record.superseding(earlier, event_id(self._event))

    def looks(self) -> Iterator[float]:
        """Return the waits between looks at a record."""
        return delays(self._rng, longest=LONGEST_LOOK)

    def take(self, record: Record, *, claims: Sequence[Claim] = (), also: Sequence[Record] = ()) -> None:
        """Take the lease, and write *record* as it was planned on the version that was read.

        Raises
        ------
        OvertakenError, ClaimedError
            As :meth:`.ledger.Ledger.write`.
        """
        self._write(record, self._new_lease(), claims=claims, also=also)
        self.held = True

    def write(self, record: Record, *, claims: Sequence[Claim] = (), also: Sequence[Record] = ()) -> None:
        """Write *record* under the lease.

        Raises
        ------
        CancelledError
            A later event has followed this one, or this one has lost its turn.
        OvertakenError
            The record or one of those in *also* was changed for another logical resource, or another delivery of the
            event has the turn.
        ClaimedError
            As :meth:`.ledger.Ledger.write`.
        """
        lease = self._held_lease()
        try:
            self._write(record, lease, claims=claims, also=also)
        except OvertakenError as error:
            if type(error) is not OvertakenError:
                raise
            self._stop()

    def end(self, record: Record | None = None, *, claims: Sequence[Claim] = (), also: Sequence[Record] = ()) -> None:
        """Write *record*, by default the one there is, and end the lease with it.

        Raises
        ------
        CancelledError, OvertakenError, ClaimedError
            As :meth:`write`.
        """
        self._held_lease()
        try:
            self._write(record or self.record, None, claims=claims, also=also)
        except OvertakenError as error:
            if type(error) is not OvertakenError:
                raise
            self._stop()
        self.held = False

    def guard(self) -> None:
        """See to it that the lease lasts for a call that changes something.

        Raises
        ------
        CancelledError
            A later event has followed this one, or this one was too slow and has lost its turn.
        OvertakenError
            It has lost it to another delivery of the event, or the record was changed for another logical resource.
        """
        for _ in range(_RENEWALS):
            lease = self._held_lease()
            if lease.until - self._clock.time() >= LEASE_RESERVE:
                return
            self._renew()
        raise CancelledError("the ledger was too slow to keep its turn")

    def _held_lease(self) -> Lease:
        """Return this event's lease: the record may have been read since it was lost, and then has another's."""
        lease = self.record.lease
        if not self.held or lease is None:
            raise CancelledError("its turn has ended before it was done")
        return lease

    def _renew(self) -> None:
        """Write a new end of the lease, unless a late worker has already lost it."""
        try:
            self._write(self.record, self._new_lease())
        except OvertakenError:
            self._stop()

    def _stop(self) -> None:
        """Find out who has written, and stop; what is left to this event's lease stays for :meth:`release`."""
        version = self.record.version
        record = self.read()
        if record.version == version:
            raise OvertakenError("the record of another logical resource has changed meanwhile")
        self.held = record.lease is not None and record.lease.worker == self._worker
        lease = record.lease
        if not self.held and lease is not None and lease.event == event_id(self._event):
            # Whichever answers first, answers for both; two slow ones must not take the turn from each other for ever.
            self._patience = LEASE
            raise OvertakenError("another delivery of this event has its turn, because this one was slow")
        if lease is None and not record.has_outdated(self._event):
            raise OvertakenError("another delivery of this event has had its turn, because this one was slow")
        if self.held and not record.has_outdated(self._event):
            raise OvertakenError("another logical resource has changed the record, to which it hands something back")
        raise CancelledError("CloudFormation has sent a later event for this resource")

    def release(self) -> None:
        """End the lease if it is still this event's: at every exit, whatever the error."""
        self._ledger = self._closing
        try:
            for _ in range(_TRIES):
                lease = self.record.lease
                if not self.held or lease is None or lease.worker != self._worker:
                    return
                try:
                    self._write(self.record, None)
                    self.held = False
                except OvertakenError:
                    self.read()
        except ProviderError as error:
            self._log(_NOT_RELEASED, error=f"{type(error).__name__}: {error}")

    def _new_lease(self) -> Lease:
        until = int(self._clock.time()) + LEASE
        return Lease(self._worker, event_id(self._event), until, self._event.request_type)

    def _write(
        self, record: Record, lease: Lease | None, *, claims: Sequence[Claim] = (), also: Sequence[Record] = ()
    ) -> None:
        self._writes += 1
        name = f"{self._worker}.{self._writes}"
        others = [one._replace(written_by=name) for one in also]
        self.record = self._ledger.write(record._replace(lease=lease, written_by=name), claims=claims, also=others)
