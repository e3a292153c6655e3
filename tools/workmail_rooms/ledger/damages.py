"""What is wrong between the ledger, WorkMail and CloudFormation, and which writes repair it. Pure.

A repair never gives a room to anybody whom CloudFormation does not count it with, and never takes the entry from an
owner whom it does count it with (contracts 49, 50 and 59).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from workmail_resource.ownership.ledger import Claim
from workmail_resource.ownership.rules import Entry, Record, StackView, is_owner_mark, owner_mark
from workmail_rooms.ledger.contents import Contents, Key, account_and_region, is_old, told

#: Seconds after which nobody comes back to what was begun: CloudFormation waits for an event an hour at most
#: (ServiceTimeout), and WorkMail shows its changes within a minute.
ABANDONED: Final = 3600
#: Seconds after which a stack operation is over that has given a resource another physical ID.
AT_REST: Final = 24 * 3600


class Kind(StrEnum):
    """The damages that there can be."""

    ROOM_GONE = "RoomGone"
    ORGANIZATION_GONE = "OrganizationGone"
    ORGANIZATION_UNKNOWN = "OrganizationUnknown"
    MARK_WITHOUT_ENTRY = "MarkWithoutEntry"
    CLAIM_MISSING = "ClaimMissing"
    CLAIM_WITHOUT_ENTRY = "ClaimWithoutEntry"
    FOREIGN_CLAIM = "ForeignClaim"
    LET_GO = "LetGo"
    HANDED_OVER = "HandedOver"
    UNFINISHED = "Unfinished"
    LEASE_LEFT = "LeaseLeft"
    OLD_FORM = "OldForm"
    OTHER_ACCOUNT = "OtherAccount"
    UNREADABLE = "Unreadable"


@dataclass(frozen=True, slots=True)
class Fix:
    """One change of one owner's record.

    Attributes
    ----------
    drop:
        An entry that leaves the record.
    restore:
        An entry that counts as not handed over any more.
    unlease:
        Whether the lease ends.
    claim:
        What becomes of a claim together with it.
    """

    owner: str
    drop: Entry | None = None
    restore: Entry | None = None
    unlease: bool = False
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that is wrong.

    Attributes
    ----------
    owner:
        Whose record or claim it is in; empty when there is none.
    what:
        What is wrong, in a sentence.
    advice:
        What to do about it, or what the repair does.
    fix:
        The repair; None when none of the ledger alone can help, or it would be a guess.
    """

    kind: Kind
    what: str
    advice: str
    owner: str = ""
    organization_id: str = ""
    resource_id: str = ""
    name: str = ""
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What WorkMail's list shows of a live resource."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was looked at.

    Attributes
    ----------
    table_arn:
        The ledger's.
    rooms:
        The live resources of the organizations that are ``ACTIVE``.
    organizations:
        What became of each organization.
    views:
        What CloudFormation shows of each owner of the table's own account and Region.
    now:
        Seconds since the epoch.
    """

    table_arn: str
    contents: Contents
    rooms: Mapping[Key, Room]
    organizations: Mapping[str, Literal["ACTIVE", "DELETED", "UNKNOWN"]]
    views: Mapping[str, StackView]
    now: float

    def is_at_work(self, owner: str) -> bool:
        """Tell whether an event may be changing an owner's resource right now."""
        return self.contents.record(owner).is_held(worker="", now=self.now)

    def counts(self, owner: str, resource_id: str) -> bool:
        """Tell whether CloudFormation counts a resource with *owner*."""
        return owner in self.views and self.views[owner].counts(resource_id)

    def has_let_go(self, owner: str, resource_id: str) -> bool:
        """Tell whether it is certain that the stack of *owner* is done with a resource."""
        view = self.views.get(owner)
        if view is None or view.counts(resource_id):
            return False
        if view.status in {"", "DELETE_COMPLETE", "DELETE_SKIPPED"}:
            return True
        # An operation that is under way, or is rolled back yet, may still count another resource.
        finished = view.is_alive and not view.status.endswith("_IN_PROGRESS")
        return finished and self.now - last_change(self.contents.record(owner)) > AT_REST

    def age(self, record: Record) -> float:
        """Return the seconds since a record's latest event."""
        return self.now - last_change(record)


def last_change(record: Record) -> int:
    """Return when the latest event of a record was issued or has settled something; 0 when not known."""
    return max([record.latest_at, *(max(one.ready_at, one.signed_at, one.made_at) for one in record.entries)])


def damages(evidence: Evidence) -> list[Damage]:
    """Return all that is wrong; owners that an event is at work on are left out."""
    return _Search(evidence).run()


def at_work(evidence: Evidence) -> list[str]:
    """Return the owners that were left out."""
    return [owner for owner in sorted(evidence.contents.records) if evidence.is_at_work(owner)]


@dataclass
class _Search:
    evidence: Evidence
    found: list[Damage] = field(default_factory=list)
    #: Claims that another damage accounts for.
    explained: set[Key] = field(default_factory=set)

    def run(self) -> list[Damage]:
        contents = self.evidence.contents
        for item in contents.unreadable:
            advice = (
                "Use the version of workmail-rooms that the provider stack has; nobody changes what cannot be read."
            )
            self.found.append(Damage(Kind.UNREADABLE, f"The item cannot be read: {item.problem}.", advice, item.owner))
        for owner in sorted(contents.records):
            if not self.evidence.is_at_work(owner):
                self._record(contents.records[owner])
        for key in sorted(contents.claims):
            self._claim(key, contents.claims[key])
        self._marks()
        return self.found

    def _add(
        self, kind: Kind, what: str, advice: str, owner: str, entry: Entry | Key, *, fix: Fix | None = None
    ) -> None:
        name = ""
        if isinstance(entry, Entry):
            organization_id, resource_id, name = entry.organization_id, entry.resource_id or "", entry.name
        else:
            organization_id, resource_id = entry
        room = self.evidence.rooms.get((organization_id, resource_id))
        self.found.append(
            Damage(kind, what, advice, owner, organization_id, resource_id, room.name if room else name, fix)
        )

    def _is_foreign(self, owner: str) -> bool:
        own = account_and_region(self.evidence.table_arn)
        return account_and_region(owner) != own or owner not in self.evidence.views

    # -------------------------------------------------------------------------------------------------------- records

    def _record(self, record: Record) -> None:
        if record.entries and self._is_foreign(record.owner):
            self._other_account(record.owner, record.entries[0])
            return
        for entry in record.entries:
            self._entry(record, entry)
        if record.lease is not None and self.evidence.now - record.lease.until > ABANDONED:
            what = f"The lease of event {record.lease.event} ended long ago, and nobody has ended it: a function died."
            fix = Fix(record.owner, unlease=True)
            self._add(Kind.LEASE_LEFT, what, "Repair ends it.", record.owner, ("", ""), fix=fix)
        if is_old(record):
            what = "It is in the form of version 1.0.0, which the next event of the resource replaces."
            self._add(Kind.OLD_FORM, what, "Repair replaces it now.", record.owner, ("", ""), fix=Fix(record.owner))

    def _other_account(self, owner: str, entry: Entry | Key) -> None:
        self._add(
            Kind.OTHER_ACCOUNT,
            "Its stack is of another account or Region than the ledger, so CloudFormation cannot be asked.",
            "A stack uses the provider of its own account and Region; if the stack is gone, release the room.",
            owner,
            entry,
        )

    def _entry(self, record: Record, entry: Entry) -> None:
        evidence, owner = self.evidence, record.owner
        state = evidence.organizations.get(entry.organization_id)
        if state != "ACTIVE":
            self._without_organization(owner, entry, deleted=state == "DELETED")
        elif entry.resource_id is None:
            self._begun(record, entry)
        elif (entry.organization_id, entry.resource_id) not in evidence.rooms:
            self._gone(record, entry)
        elif entry.handed_to:
            self._handed(record, entry)
        else:
            self._owned(record, entry)

    def _drop(self, owner: str, entry: Entry) -> Fix:
        """Return the repair that drops an entry, and its claim if the owner has it."""
        key = (entry.organization_id, entry.resource_id or "")
        held = self.evidence.contents.claims.get(key) == owner
        return Fix(owner, drop=entry, claim=Claim("LEAVE", *key) if held else None)

    def _without_organization(self, owner: str, entry: Entry, *, deleted: bool) -> None:
        if deleted:
            what = f"Organization {entry.organization_id} was deleted, and its rooms with it."
            advice = "Repair drops the entry; a Delete of the resource succeeds either way."
            self._add(Kind.ORGANIZATION_GONE, what, advice, owner, entry, fix=self._drop(owner, entry))
            return
        what = f"WorkMail has no organization {entry.organization_id} in this account and Region."
        advice = "Check --workmail-region; if the organization is gone for good, release the room."
        self._add(Kind.ORGANIZATION_UNKNOWN, what, advice, owner, entry)

    def _begun(self, record: Record, entry: Entry) -> None:
        if self.evidence.age(record) <= ABANDONED:
            return
        what = "A Create began it and never finished"
        mark = owner_mark(record.owner, entry.made_by)
        marked = next(
            (
                (key, room)
                for key, room in self.evidence.rooms.items()
                if key[0] == entry.organization_id and room.description == mark
            ),
            None,
        )
        if marked is None:
            what = f"{what}; no room has its mark."
            self._add(
                Kind.UNFINISHED,
                what,
                "Repair drops the entry.",
                record.owner,
                entry,
                fix=self._drop(record.owner, entry),
            )
            return
        (_, resource_id), room = marked
        what = f"{what}; {room.name} ({resource_id}) has its mark and cannot be used yet."
        advice = (
            "Deploy or delete the stack: the next event of the resource removes the room. If the stack is gone, delete "
            "the room in WorkMail, then repair."
        )
        self._add(Kind.UNFINISHED, what, advice, record.owner, entry._replace(resource_id=resource_id))

    def _gone(self, record: Record, entry: Entry) -> None:
        if self.evidence.age(record) <= ABANDONED:
            return
        what = "WorkMail shows no such room any more."
        if self.evidence.counts(record.owner, entry.resource_id or ""):
            advice = "Its stack still has it: deploy a change of the resource, twice; the second makes the room anew."
            self._add(Kind.ROOM_GONE, what, advice, record.owner, entry)
        else:
            fix = self._drop(record.owner, entry)
            self._add(Kind.ROOM_GONE, what, "Repair drops the entry and its claim.", record.owner, entry, fix=fix)

    def _owned(self, record: Record, entry: Entry) -> None:
        evidence, owner = self.evidence, record.owner
        key = (entry.organization_id, entry.resource_id or "")
        holder = evidence.contents.claims.get(key)
        if holder is None:
            self._unclaimed(owner, entry, key)
        elif holder != owner:
            what = f"The claim of the room is that of {told(holder)}."
            if evidence.counts(owner, key[1]):
                advice = (
                    f"CloudFormation counts it here, too: declare ExistingResource: ADOPT in one stack, and take it \
out of the other with DeletionPolicy: Retain. The room stays with {told(holder)} until then."
                )
                self._add(Kind.FOREIGN_CLAIM, what, advice, owner, entry)
            else:
                self._add(Kind.FOREIGN_CLAIM, what, "Repair drops the entry.", owner, entry, fix=Fix(owner, drop=entry))
        elif evidence.has_let_go(owner, key[1]):
            what = "Its stack is gone, or has let the room go, and keeps the claim."
            advice = "Repair releases the room. It stays in WorkMail, and any stack can take it over with ADOPT."
            fix = self._drop(owner, entry)
            if self._is_waited_for(owner, key):
                advice = "Repair drops the entry; the room goes back to the logical ID that it was taken over from."
                fix = Fix(owner, drop=entry)
            self._add(Kind.LET_GO, what, advice, owner, entry, fix=fix)
        elif (not entry.ready or entry.giving_back) and evidence.age(record) > ABANDONED:
            what = "It was being given back, and still is." if entry.giving_back else "It was never finished."
            self._add(Kind.UNFINISHED, what, "Deploy or delete the stack, which continues it.", owner, entry)

    def _is_waited_for(self, taker: str, key: Key) -> bool:
        """Tell whether the stack counts a room with the logical ID that has handed it over to *taker*."""
        return any(
            entry.handed_to == taker and self.evidence.counts(record.owner, key[1])
            for record, entry in self.evidence.contents.entries()
            if (entry.organization_id, entry.resource_id) == key
        )

    def _unclaimed(self, owner: str, entry: Entry, key: Key) -> None:
        contents, evidence = self.evidence.contents, self.evidence
        what = "Nobody claims the room."
        rivals = [
            one.owner
            for one, other in contents.entries()
            if one.owner != owner and (other.organization_id, other.resource_id) == key and not other.handed_to
        ]
        if evidence.has_let_go(owner, key[1]):
            fix = self._drop(owner, entry)
            self._add(
                Kind.CLAIM_MISSING, what, "Its stack has let it go: repair drops the entry.", owner, entry, fix=fix
            )
        elif evidence.counts(owner, key[1]) and not any(evidence.counts(one, key[1]) for one in rivals):
            fix = Fix(owner, claim=Claim("TAKE", *key))
            self._add(Kind.CLAIM_MISSING, what, "Repair claims it for its stack.", owner, entry, fix=fix)
        else:
            advice = "CloudFormation does not show one stack that has it: look again when no stack is being deployed."
            self._add(Kind.CLAIM_MISSING, what, advice, owner, entry)

    def _handed(self, record: Record, entry: Entry) -> None:
        evidence, owner, taker = self.evidence, record.owner, entry.handed_to
        key = (entry.organization_id, entry.resource_id or "")
        holder = evidence.contents.claims.get(key)
        if evidence.is_at_work(taker):
            return
        theirs = evidence.contents.record(taker).with_id(key[1])
        if theirs is not None:
            if theirs.ready and holder == taker and evidence.has_let_go(owner, key[1]):
                what = f"It was handed over to {told(taker)}, and the clean-up of the old one never came."
                fix = Fix(owner, drop=entry)
                self._add(Kind.HANDED_OVER, what, "Repair drops the old entry.", owner, entry, fix=fix)
            elif holder == taker and evidence.has_let_go(taker, key[1]) and evidence.counts(owner, key[1]):
                what = f"It was handed over to {told(taker)}, which was rolled back without a Delete (Retain)."
                fix = Fix(owner, restore=entry, claim=Claim("MOVE", *key, taker))
                advice = "Repair hands it back to the stack that has it."
                self._add(Kind.HANDED_OVER, what, advice, owner, entry, fix=fix)
            return
        what = f"It was handed over to {told(taker)}, which has no entry of it any more."
        if evidence.counts(owner, key[1]) and holder in {None, owner, taker}:
            self.explained.add(key)
            claim = Claim("MOVE", *key, holder) if holder == taker else Claim("TAKE", *key)
            fix = Fix(owner, restore=entry, claim=claim)
            self._add(Kind.HANDED_OVER, what, "Repair hands it back to the stack that has it.", owner, entry, fix=fix)
        elif evidence.has_let_go(owner, key[1]):
            fix = self._drop(owner, entry)
            self._add(Kind.HANDED_OVER, what, "Repair drops the entry.", owner, entry, fix=fix)
        else:
            advice = "Deploy the stack again, then look again."
            self._add(Kind.HANDED_OVER, what, advice, owner, entry)

    # --------------------------------------------------------------------------------------------------------- claims

    def _claim(self, key: Key, holder: str) -> None:
        evidence = self.evidence
        known = evidence.contents.record(holder).with_id(key[1]) is not None
        unreadable = any(item.owner == holder for item in evidence.contents.unreadable)
        if known or unreadable or key in self.explained or evidence.is_at_work(holder):
            return
        if self._is_foreign(holder):
            self._other_account(holder, key)
            return
        what = f"{told(holder)} claims the room without an entry of it."
        state = evidence.organizations.get(key[0])
        fix = Fix(holder, claim=Claim("LEAVE", *key))
        if evidence.counts(holder, key[1]):
            advice = "Its stack has it: declare ExistingResource: ADOPT there and deploy, which enters it again."
            self._add(Kind.CLAIM_WITHOUT_ENTRY, what, advice, holder, key)
        elif state == "DELETED" or evidence.has_let_go(holder, key[1]):
            advice = "Its stack does not have it: repair drops the claim."
            self._add(Kind.CLAIM_WITHOUT_ENTRY, what, advice, holder, key, fix=fix)
        else:
            advice = "Look again when its stack is not being deployed."
            self._add(Kind.CLAIM_WITHOUT_ENTRY, what, advice, holder, key)

    # ---------------------------------------------------------------------------------------------------------- marks

    def _marks(self) -> None:
        entries = self.evidence.contents.entries()
        known = {(entry.organization_id, entry.resource_id) for _, entry in entries}
        begun = {owner_mark(record.owner, entry.made_by) for record, entry in entries if entry.resource_id is None}
        for key, room in sorted(self.evidence.rooms.items()):
            if is_owner_mark(room.description) and key not in known and room.description not in begun:
                what = "It has the mark of a Create that nothing in the ledger knows."
                advice = (
                    "Wait until no stack is being deployed, and look again. If it stays, and no provider of another "
                    "Region makes it, delete it in WorkMail: nobody has ever used it."
                )
                self._add(Kind.MARK_WITHOUT_ENTRY, what, advice, "", key)


# ------------------------------------------------------------------------------------------------------------- repairs


@dataclass(frozen=True, slots=True)
class Write:
    """One conditional write.

    Attributes
    ----------
    record:
        The record as it shall be, of the version that was read.
    repairs:
        The damages that it repairs.
    """

    record: Record
    claims: tuple[Claim, ...]
    repairs: tuple[Damage, ...]


def writes(contents: Contents, found: Iterable[Damage]) -> list[Write]:
    """Return the writes that repair all that can be repaired: one for each owner."""
    by_owner: dict[str, list[Damage]] = {}
    for damage in found:
        if damage.fix is not None:
            by_owner.setdefault(damage.fix.owner, []).append(damage)
    return [_write(contents.record(owner), own) for owner, own in sorted(by_owner.items())]


def _write(record: Record, found: Sequence[Damage]) -> Write:
    claims: dict[Key, Claim] = {}
    for fix in (one.fix for one in found if one.fix is not None):
        if fix.drop is not None:
            record = record.drop(fix.drop)
        if fix.restore is not None:
            record = record.put(fix.restore._replace(handed_to=""), fix.restore)
        if fix.unlease:
            record = record.leased(None)
        if fix.claim is not None:
            claims[fix.claim.organization_id, fix.claim.resource_id] = fix.claim
    return Write(record, tuple(claims.values()), tuple(found))


def release(contents: Contents, key: Key) -> list[Write]:
    """Return the writes by which the ledger forgets a room, that of the owner with the claim first."""
    holder = contents.claims.get(key)
    result = []
    for owner in [*([] if holder is None else [holder]), *(one for one in sorted(contents.records) if one != holder)]:
        record = contents.record(owner)
        entry = record.with_id(key[1])
        if entry is not None and entry.organization_id != key[0]:
            entry = None
        if entry is None and owner != holder:
            continue
        claims = (Claim("LEAVE", *key),) if owner == holder else ()
        result.append(Write(record if entry is None else record.drop(entry), claims, ()))
    return result
