"""What has to hold, each with the contract it comes from; and what is known about whose each room truly is.

Nothing here reads the ledger, the marks or the function's own opinion: the truth is who has made a room, what
CloudFormation counts among its resources, and what it has let go.
"""

import json
import re
from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from workmail_rooms.sandbox.workmail.organization import Resource as Room

from .events import PEOPLE, Event, Owner, declares_adopt, owner_of, spoken
from .obstacles import OF_ADDRESSES, declared_picture, obstacle, taken
from .workmail import picture

if TYPE_CHECKING:
    from .awslambda import Try, Worker
    from .cloudformation import Answer, Request, Resource, Stack
    from .world import World

#: Seconds of virtual time for which a dead worker may hold up whatever comes next, its own work included (contract 52).
LONGEST_WAIT: Final = 60.0
#: Seconds after which an event has to look into the ledger again before it writes in WorkMail (contract 62).
LONGEST_TURN: Final = 36.0
#: Calls of one event that were not throttled (contract 58).
MOST_CALLS: Final = 500
#: Calls of one try that end without an answer, or with an error of the service's own, after which it may fail.
MOST_FAILED_CALLS: Final = 8
#: Deaths after which the function of last resort answers.
ALL_TRIES: Final = 3

_ROOM_ID: Final = re.compile(r"r-[0-9a-f]{32}")
_NOT_A_CAUSE: Final = ("OvertakenError", "no message", "KeyError", "AssertionError", "TypeError")


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that must never happen.

    Attributes
    ----------
    check:
        Which check has found it.
    text:
        What it is, for a person.
    at:
        Seconds since the epoch.
    """

    check: str
    text: str
    at: float


@dataclass(slots=True)
class Known:
    """What is true of one room.

    Attributes
    ----------
    maker:
        The logical resource of the event that has made it, or PEOPLE.
    made_by:
        The ResponseURL of that event: its RequestId may be used again (aws-cdk #35957).
    adopters:
        The logical resources that had the right to take it over.
    let_go:
        Whether CloudFormation has let it go, and nobody has taken it over since.
    touched:
        When people last changed it, in seconds since the epoch.
    untouched:
        What people saw of it before any stack took it over.
    settled:
        Whether CloudFormation was ever told of its success.
    former:
        The logical resources whose room it was until a replacement.
    released:
        The logical resources whose room it was until CloudFormation let it go.
    left_behind:
        Whether CloudFormation has let it go since its Delete has failed.
    let_go_at:
        When a logical resource was last let go with it, in seconds since the epoch.
    answered_by:
        The logical resources of which an event that CloudFormation had given up has answered with it.
    told:
        The logical resources whose success with it CloudFormation has taken: their Delete names it.
    """

    organization_id: str
    maker: Owner
    made_by: str = ""
    adopters: set[Owner] = field(default_factory=set)
    let_go: bool = False
    touched: float = -1.0
    untouched: dict[str, Any] | None = None
    settled: bool = False
    former: set[Owner] = field(default_factory=set)
    released: set[Owner] = field(default_factory=set)
    left_behind: bool = False
    let_go_at: float = -1.0
    answered_by: set[Owner] = field(default_factory=set)
    told: set[Owner] = field(default_factory=set)

    @property
    def of_people(self) -> bool:
        """Whether people have made it."""
        return self.maker == PEOPLE


#: The checks that do not hold after a restored table, and where CloudFormation could not be asked.
_WITHOUT_LEDGER: Final = frozenset({"15", "25", "50", "54", "62"})
_WITHOUT_CLOUDFORMATION: Final = frozenset({"19", "24", "46"})


class Checks:
    """Watches a world."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.violations: list[Violation] = []
        self.known: dict[str, Known] = {}
        self.waits: list[float] = []
        self.last_success: dict[Owner, Request] = {}
        self._order: dict[str, int] = {}
        self._latest: dict[Owner, str] = {}
        self._previous: dict[Owner, str] = {}
        #: The latest one that is no reversed Update.
        self._forwards: dict[Owner, str] = {}
        self._given_up: set[str] = set()
        self._declared_before: dict[Owner, list[Mapping[str, Any]]] = {}
        #: Whether anything is missing in the ledger, and whether it says again what was true once.
        self.ledger_lost = self.ledger_restored = False
        self.unasked = False
        self.people_at = -1.0
        self.owners_let_go: set[Owner] = set()
        #: Whose clean-up has failed, as CloudFormation has told, or was disturbed so much that it may not have written
        #: what it had done: what they have in the ledger stays for its repair.
        self.owners_left_behind: set[Owner] = set()
        #: Who has given a name up last, and when, by the organization and the name.
        self.given_up_names: dict[tuple[str, str], tuple[Owner, float]] = {}
        #: The ids of the rooms whose latest Update has failed.
        self._half_changed: set[str] = set()
        #: What of a room a rollback could not bring back, by whose it is and the room's id.
        self.exempt: dict[tuple[Owner, str], set[str]] = {}
        #: When the event was sent that has last brought a room to what is declared, by the same.
        self.brought: dict[tuple[Owner, str], float] = {}

    def found(self, check: str, text: str) -> None:
        """Note a violation, unless what has happened to the world excuses it.

        A restored table knows neither claims nor tombstones of what came after it. Where an item was deleted, too
        little is known, but nothing wrong: no room is deleted that is not provably its own. Where CloudFormation could
        not be asked, a room stays that it might not count.
        """
        number = check.partition(" ")[0]
        if self.ledger_lost and number in _WITHOUT_LEDGER and (self.ledger_restored or "deleted" not in check):
            return
        if self.unasked and number in _WITHOUT_CLOUDFORMATION:
            return
        self.violations.append(Violation(check, text, self._world.scheduler.now))
        self._world.trace("CHECK", f"{check}: {text}")

    # ------------------------------------------------------------------------------------------ what happens

    def sent(self, request: "Request") -> None:
        """Note that CloudFormation has sent an event."""
        self._order[request.event["ResponseURL"]] = len(self._order)
        owner, old = owner_of(request.event), request.event.get("OldResourceProperties")
        last = self._latest.get(owner)
        stack = self._world.cloudformation.find(owner[0])
        ends = stack is not None and stack.status == "DELETE_IN_PROGRESS"
        if request.event["RequestType"] == "Delete" and last and self._was_update_in_vain(last, untold=ends):
            # No reversed Update comes, and the Delete names the former room only: nothing tells that from the clean-up
            # of a replacement which has succeeded, or from the end of a stack that has gone back and retains that.
            self._given_up.add(last)
        if last and declares_adopt(request.event) and self._was_create_in_vain(last):
            # ADOPT may find what that has made, and takes it for a room that CloudFormation has let go.
            self._given_up.add(last)
        self._previous[owner], self._latest[owner] = last or "", request.event["ResponseURL"]
        if request.kind != "reverse":
            self._forwards[owner] = request.event["ResponseURL"]
        if old is not None:
            before = self._declared_before.setdefault(owner, [])
            before.append(_state(old))
            request.goes_back = _state(request.event["ResourceProperties"]) in before

    def _was_create_in_vain(self, url: str) -> bool:
        request = self._world.cloudformation.request(url)
        deaths = sum(one.ended == "died" for one in self._tries(request))
        return request.kind == "create" and not request.open and deaths >= ALL_TRIES

    def _was_update_in_vain(self, url: str, *, untold: bool = False) -> bool:
        """Tell whether CloudFormation has not taken the answer of an Update, or no try of it could note that either."""
        request = self._world.cloudformation.request(url)
        if request.kind not in {"update", "reverse"} or request.open:
            return False
        deaths = sum(one.ended == "died" for one in self._tries(request))
        return deaths >= ALL_TRIES or (request.answered_at is None and not untold)

    def _has_no_try_left(self, url: str) -> bool:
        """Tell whether every try of an event has died or failed, so that nobody comes for what is left to do."""
        tries = self._tries(self._world.cloudformation.request(url))
        return sum(one.ended in {"died", "failed"} for one in tries) >= ALL_TRIES

    def _could_not_clear_up(self, url: str) -> bool:
        """Tell whether an Update has failed that was disturbed so much that it may have left what it had made."""
        request = self._world.cloudformation.request(url)
        answer = request.settled.value
        return request.kind == "update" and answer is not None and not answer.succeeded and self._disturbed(request)

    def _has_failed_to_go_back(self, owner: Owner) -> bool:
        """Tell whether a rollback has failed in an outage, or of an Update whose answer CloudFormation never took."""
        request = self._world.cloudformation.request(self._latest[owner])
        answer = request.settled.value
        if request.kind != "reverse" or answer is None or answer.succeeded:
            return False
        return self._world.had_outage or self._was_update_in_vain(self._forwards[owner])

    def duplicated(self, event: Event, identity: str) -> None:
        """Note that a delivery comes late, or twice."""
        del event
        self._world.faults += 1
        self._world.met.append(identity)

    def made_by_people(self, organization_id: str, room_id: str) -> None:
        """Note that people have made a room."""
        self.known[room_id] = Known(organization_id, PEOPLE, touched=self._world.scheduler.now)

    def touched_by_people(self, room_id: str) -> None:
        """Note that people have changed a room."""
        if room_id in self.known:
            self.known[room_id].touched = self._world.scheduler.now
            self.known[room_id].untouched = None

    def let_go(self, stack: "Stack", resource: "Resource", physical_id: str) -> None:
        """Note that CloudFormation has let a room go (DeletionPolicy or UpdateReplacePolicy Retain)."""
        if resource.counts and resource.physical_id == physical_id:
            # It was replaced, and an Update has gone back to it since: it is the stack's still.
            return
        owner = (stack.stack_id, resource.logical_id)
        known = self.known.get(physical_id)
        if known is not None:
            known.let_go_at = self._world.scheduler.now
            others = self._others(owner, physical_id)
            # One counts it still whose room was taken over in an update that failed, or who has taken it over: with
            # ADOPT that one may leave it, as what any other stack has retained.
            known.released |= others
            known.let_go = not others
            known.adopters.discard(owner)
            known.released.add(owner)
            if resource.physical_id != physical_id:
                known.former.add(owner)
        else:
            # Its creation was cancelled or failed, and whatever comes of it is retained.
            self.owners_let_go.add(owner)
        last = self._latest.get(owner)
        in_vain = last is not None and (self._was_update_in_vain(last) or self._could_not_clear_up(last))
        if last is not None and (in_vain or self._has_failed_to_go_back(owner) or self._has_no_try_left(last)):
            # What a replacement has made that was given up, or its rollback, nobody is told of.
            self._given_up |= {last, self._previous[owner], self._forwards[owner]}
            if self._world.had_outage:
                self._given_up |= {one.made_by for one in self.known.values() if one.maker == owner and not one.settled}

    def _others(self, owner: Owner, room_id: str) -> set[Owner]:
        """Return whose room it is, too, by what CloudFormation shows, or whose Delete of it is on the way."""
        holders = self._world.cloudformation.holders(room_id)
        deletes = {
            owner_of(request.event)
            for request in self._world.cloudformation.requests.values()
            if request.open
            and request.event["RequestType"] == "Delete"
            and request.event["PhysicalResourceId"] == room_id
        }
        return ({(stack.stack_id, resource.logical_id) for stack, resource in holders} | deletes) - {owner}

    def left_behind(self, stack: "Stack", resource: "Resource", physical_id: str) -> None:
        """Note that the Delete of a clean-up has failed, after which CloudFormation forgets the id."""
        known, owner = self.known.get(physical_id), (stack.stack_id, resource.logical_id)
        self.owners_left_behind.add(owner)
        self._world.trace(f"stack {stack.name}", f"{resource.logical_id} {physical_id} is left behind")
        if known is not None:
            known.let_go = known.left_behind = True
            known.released.add(owner)
            if self._world.had_outage:
                # What else its Delete would have cleared away.
                self._given_up |= {one.made_by for one in self.known.values() if one.maker == owner}
        else:
            # Its Create may still arrive: the one that was answered with this id, or else the last one.
            creates = [
                request
                for request in self._world.cloudformation.requests.values()
                if request.kind == "create" and owner_of(request.event) == owner
            ]
            told = [one for one in creates if getattr(one.settled.value, "physical_id", "") == physical_id]
            self._given_up |= {one.event["ResponseURL"] for one in told or creates[-1:]}

    def stack(self, stack: "Stack") -> None:
        """Note what a stack has become."""

    def timed_out(self, request: "Request") -> None:
        """Contract 1: every event is answered in time.

        Two tries that use up the function's time, with Lambda's minute between them, take longer than ServiceTimeout.
        So do two that died, with Lambda's three minutes, and one that waits for a sibling's name, or to adopt its room.
        """
        tries = self._tries(request)
        deaths = sum(one.ended == "died" for one in tries)
        if deaths and any(one.failed_calls >= MOST_FAILED_CALLS for one in tries):
            return
        if deaths > 1 and (declares_adopt(request.event) or any(one.refused_by for one in tries)):
            return
        self.found("1 an answer", f"{request.name} was not answered within its ServiceTimeout")

    # ---------------------------------------------------------------------------------------------- writes

    def before_write(self, worker: "Worker", operation: str, parameters: Mapping[str, Any]) -> Room | None:
        """Judge a write in WorkMail just before it takes effect; return the room it is about."""
        reference = parameters.get("ResourceId") or parameters.get("EntityId")
        if operation == "CreateResource" or not isinstance(reference, str):
            return None
        room = self._world.workmail.room(parameters["OrganizationId"], reference)
        known = self.known.get(room.id) if room is not None else None
        if room is None or known is None:
            return None
        event = worker.event
        if operation == "DeleteResource" or parameters.get("Name", room.name).casefold() != room.name.casefold():
            name = (parameters["OrganizationId"], room.name.casefold())
            self.given_up_names[name] = (owner_of(event), self._world.scheduler.now)
        named = event.get("PhysicalResourceId", "")
        of_owner = owner_of(event) in known.released
        if known.let_go and known.left_behind and (of_owner or named == room.id or not _ROOM_ID.fullmatch(named)):
            # A call of the Delete that has failed may be on its way still, and the next event clears up after it.
            return room
        if operation == "DeleteResource":
            if room.state == "DISABLED" and not room.refused_deletes:
                self._check_deletion(worker, room, known)
        else:
            self._check_change(worker, operation, room, known)
        self._check_outdated(worker, operation, room, known)
        return room

    def wrote(
        self,
        worker: "Worker",
        operation: str,
        parameters: Mapping[str, Any],
        room: Room | None,
        answer: Mapping[str, Any],
    ) -> None:
        """Note a write in WorkMail that has taken effect."""
        del room
        if operation == "CreateResource":
            event = worker.event
            self.known[answer["ResourceId"]] = Known(
                parameters["OrganizationId"], owner_of(event), made_by=event["ResponseURL"]
            )

    def _check_deletion(self, worker: "Worker", room: Room, known: Known) -> None:
        event = worker.event
        owner = owner_of(event)
        holders = self._holders(room, known)
        who = f"{worker.name} deletes {room.id} ({room.name})"
        names = event["RequestType"] == "Delete" and event.get("PhysicalResourceId") == room.id
        for other in holders:
            # Whoever deletes a claim by hand lets the room go: then another stack may have adopted it.
            if other != owner and not (self.ledger_lost and names and owner in known.adopters):
                self.found("50 a room of another owner is deleted", f"{who}, which {spoken(other)} has")
                return
        # What a failed Create has left is deleted by the next one, too, before CloudFormation sends its Delete.
        if owner in holders and (known.settled or holders[owner].physical_id == room.id):
            self.found("49 a room that counts is deleted", f"{who}, which CloudFormation counts as {spoken(owner)}")
        elif names and known.maker == owner and (self.ledger_restored or self._began_before_loss(worker)):
            # A late copy of a clean-up that had left it, since somebody had deleted its claim, which is back; or one
            # beside it, which had read the claim before.
            return
        elif self.ledger_restored and owner in known.former:
            # The table has the replacement as the latest event, not that it was taken, and has been retained since.
            return
        elif known.let_go and (known.settled or known.maker != owner):
            # What a failed Create has left was never ready: it may go, even where CloudFormation retains it.
            self.found("49 a room that was let go is deleted", f"{who}, which CloudFormation has let go")
        elif known.maker == PEOPLE and not (names and owner in known.adopters and not declares_adopt(event)):
            self.found("31 a room of people is deleted", f"{who}, which people have made")
        elif known.maker != owner and declares_adopt(event) and known.maker[0] != owner[0]:
            self.found("47 an adopted room is deleted", f"{who}, which {spoken(known.maker)} has made")
        elif known.maker != owner and owner not in known.adopters:
            self.found("50 a room of another owner is deleted", f"{who}, which {spoken(known.maker)} has made")

    def _holders(self, room: Room, known: Known) -> "dict[Owner, Resource]":
        """Return the resources that have a room, or go back to it.

        None does so where an Update has gone back over the room to an older one. A restored table does not know that.
        """
        held = self._world.cloudformation.holders(room.id)
        holders = {(stack.stack_id, resource.logical_id): resource for stack, resource in held}
        if self.ledger_restored and known.maker in holders and self._is_older(holders[known.maker].physical_id, known):
            del holders[known.maker]
        return holders

    def _is_older(self, room_id: str, known: Known) -> bool:
        other = self.known.get(room_id)
        return other is not None and self._order.get(other.made_by, 0) < self._order.get(known.made_by, 0)

    def _began_before_loss(self, worker: "Worker") -> bool:
        """Tell whether a try has begun before the answer that another one gave without the ledger."""
        answered_at = self._world.cloudformation.request(worker.event["ResponseURL"]).answered_at
        return self.ledger_lost and answered_at is not None and worker.record.began_at < answered_at

    def _check_change(self, worker: "Worker", operation: str, room: Room, known: Known) -> None:
        event = worker.event
        owner = owner_of(event)
        # People may have renamed it since this try has found it.
        adopts = _adopts(event, room) or (declares_adopt(event) and known.touched >= worker.record.began_at)
        who = f"{worker.name} makes {operation} on {room.id} ({room.name})"
        holders = [
            (stack.stack_id, resource.logical_id) for stack, resource in self._world.cloudformation.holders(room.id)
        ]
        for stack, resource in self._world.cloudformation.holders(room.id):
            other = (stack.stack_id, resource.logical_id)
            # What a replacement has left behind, CloudFormation does not show: it may be adopted (contract 57).
            allowed = other[0] == owner[0] or resource.physical_id != room.id
            if self._goes_back_to(event, stack, resource, room.id):
                continue
            if other != owner and not (allowed and (adopts or owner in known.adopters)):
                known.adopters |= {owner} if adopts and self.ledger_lost else set()
                self.found("50 a room of another owner is changed", f"{who}, which {spoken(other)} has")
                return
        if owner in holders or owner in known.adopters:
            return
        if known.maker == owner and (not known.let_go or (known.made_by == event["ResponseURL"] and not known.settled)):
            # What CloudFormation retains of a Create that it has given up, it tells nobody.
            return
        if event["RequestType"] == "Update" and owner in known.former:
            # A resource comes back to the organization where its former room was retained, which nothing tells from the
            # reversed Update of a replacement.
            return
        if known.let_go and owner in {known.maker, *known.released} and not self._is_followed(event):
            # CloudFormation has let it go since, and tells nobody.
            return
        if adopts:
            known.adopters.add(owner)
            if known.untouched is None:
                known.untouched = deepcopy(picture(room))
            return
        whose = "which CloudFormation has let go" if known.let_go else f"which {spoken(known.maker)} made"
        self.found("50 a room of another owner is changed", f"{who}, {whose}")

    def not_carried_out(self, worker: "Worker", parameters: Mapping[str, Any]) -> None:
        """Note who adopts a room, if even the first change of it fails: then it is given back all the same."""
        room_id = parameters.get("ResourceId") or parameters.get("EntityId") or ""
        known, owner = self.known.get(room_id), owner_of(worker.event)
        if known is None or known.maker == owner or self._world.cloudformation.holders(room_id):
            return
        room = self._world.workmail.room(known.organization_id, room_id)
        if room is not None and _adopts(worker.event, room):
            known.adopters.add(owner)

    def _goes_back_to(self, event: Event, stack: "Stack", taker: "Resource", room_id: str) -> bool:
        """Contract 56: tell whether a rollback brings back what a sibling has taken over in the same operation.

        The reversed Update takes it where it goes back further than to what the other one has found; the clean-up
        Delete of the other one comes later.
        """
        before, taken = stack.before.get(event["LogicalResourceId"]), stack.before.get(taker.logical_id)
        return (
            self._world.cloudformation.request(event["ResponseURL"]).kind == "reverse"
            and stack.stack_id == event["StackId"]
            and (taken is None or taken.physical_id != room_id)
            and before is not None
            and before.physical_id == room_id
        )

    def _is_followed(self, event: Event) -> bool:
        """Tell whether an event must have found that a later one of its logical resource has followed it.

        It finds that at its next write in the ledger, at the latest when its turn ends.
        """
        mine = self._order[event["ResponseURL"]]
        update = event["RequestType"] == "Update"
        return any(
            owner_of(one.event) == owner_of(event)
            # The Delete of a Create that has failed before disturbs nobody else (contract 51).
            and not (update and one.event.get("PhysicalResourceId", "").startswith("Custom::"))
            and self._order[one.event["ResponseURL"]] > mine
            and one.began_at + LONGEST_TURN < self._world.scheduler.now
            and not any(fault.identity.endswith("outage") for fault in one.happened)
            for one in self._world.tries
        )

    def _check_outdated(self, worker: "Worker", operation: str, room: Room, known: Known) -> None:
        """Contract 62: an event older than one that has succeeded writes nothing but to remove its own."""
        event = worker.event
        last = self.last_success.get(owner_of(event))
        mine = self._order[event["ResponseURL"]]
        if last is None or mine >= self._order[last.event["ResponseURL"]]:
            return
        if self._world.cloudformation.request(event["ResponseURL"]).open or self._asks_for_the_same(event, last.event):
            return
        held = any(resource.physical_id == room.id for _, resource in self._world.cloudformation.holders(room.id))
        if not held and (known.made_by == event["ResponseURL"] or self._is_rest(known, owner_of(event))):
            return
        self.found(
            "62 an outdated event writes",
            f"{worker.name} makes {operation} on {room.id} after {last.name} has succeeded",
        )

    def _asks_for_the_same(self, one: Event, other: Event) -> bool:
        """Tell whether two events bring a resource to the same state: then it does not matter which comes last."""
        mine, its = one["ResourceProperties"], other["ResourceProperties"]
        if "Delete" in {one["RequestType"], other["RequestType"]} or mine["OrganizationId"] != its["OrganizationId"]:
            return False
        return declared_picture(self._world, mine) == declared_picture(self._world, its)

    def _is_rest(self, known: Known, owner: Owner) -> bool:
        """Tell whether a room is what an event of *owner* has left that was given up: any event may clear it away."""
        made_in_vain = known.maker == owner and not known.settled and not known.adopters
        return made_in_vain and not self._world.cloudformation.request(known.made_by).open

    # --------------------------------------------------------------------------------------------- answers

    def answered(self, request: "Request", answer: "Answer", worker: "Worker", *, awaited: bool) -> None:
        """Judge an answer when it is sent."""
        self._check_words(request, answer, worker)
        if not awaited:
            if answer.succeeded and answer.physical_id in self.known and request.event["RequestType"] != "Delete":
                self._note_untold(request, self.known[answer.physical_id])
            return
        self._check_id(request, answer)
        if answer.succeeded:
            owner = owner_of(request.event)
            if not self._is_of_another(request):
                self.last_success[owner] = request
            if request.event["RequestType"] == "Delete":
                if self._disturbed(request):
                    # It may not have been able to note that the room is gone, and nobody comes again under Retain.
                    self.owners_left_behind.add(owner)
                self._check_deleted(request)
            else:
                self._half_changed.discard(answer.physical_id)
                self._check_true(request, answer)
        else:
            self._half_changed.add(request.event.get("PhysicalResourceId", ""))
            self._check_reason(request, answer)
        self._measure_wait(request)

    def _note_untold(self, request: "Request", known: Known) -> None:
        """Note a success that CloudFormation does not take."""
        owner = owner_of(request.event)
        known.answered_by.add(owner)
        if declares_adopt(request.event):
            known.adopters.add(owner)
            if known.made_by != request.event["ResponseURL"]:
                # ADOPT has found what an event before it has made.
                known.released.add(owner)

    def _is_of_another(self, request: "Request") -> bool:
        """Tell whether a Delete clears away something else than what its logical resource has, or is about to have."""
        if request.event.get("PhysicalResourceId", "").startswith("Custom::"):
            return True
        stack = self._world.cloudformation.find(request.event["StackId"])
        resource = stack.resources.get(request.event["LogicalResourceId"]) if stack is not None else None
        deletes = request.event["RequestType"] == "Delete"
        return (
            deletes
            and resource is not None
            and resource.counts
            and resource.physical_id != request.event["PhysicalResourceId"]
        )

    def _check_words(self, request: "Request", answer: "Answer", worker: "Worker") -> None:
        """Contract 5: a Reason tells a person the cause."""
        if answer.succeeded or worker.last_resort:
            return
        for word in _NOT_A_CAUSE:
            if word in answer.reason and not self._disturbed(request):
                self.found("5 a Reason without a cause", f"{request.name} is answered: {answer.reason}")
                return

    def _check_id(self, request: "Request", answer: "Answer") -> None:
        """Contracts 4, 11, 22, 33: the physical id of an answer."""
        event = request.event
        if not answer.physical_id:
            self.found("4 an empty physical id", f"{request.name}: {answer.reason}")
        if event["RequestType"] == "Delete" and answer.physical_id != event["PhysicalResourceId"]:
            self.found("33 Delete changes the id", f"{request.name}: {answer.physical_id}")

    def _check_true(self, request: "Request", answer: "Answer") -> None:
        """Contract 21: SUCCESS only when WorkMail has what is declared."""
        properties = request.event["ResourceProperties"]
        owner = owner_of(request.event)
        # What somebody else has by now cannot be put back (contract 53).
        exempt: set[str] = set()
        if request.kind == "reverse" or (request.goes_back and self.unasked):
            exempt = taken(self._world, properties, answer.physical_id)
            exempt = exempt.union(*(one.kept_from for one in self._tries(request)))
        self.exempt[owner, answer.physical_id] = exempt
        self.brought[owner, answer.physical_id] = request.sent_at
        wrong = self.differences(properties, answer.physical_id, since=request.sent_at, exempt=exempt)
        known = self.known.get(answer.physical_id)
        # Without its claim, nobody can know that another one adopts it at this moment, or a sibling gives something up.
        adopted = known is not None and bool(known.adopters - {owner})
        unclaimed = self.ledger_lost and (adopted or request.kind == "reverse")
        if wrong and not unclaimed and not self._is_to_be_handed_back(request, answer.physical_id):
            self.found("21 a SUCCESS that is not true", f"{request.name}, {answer.physical_id}: {'; '.join(wrong)}")
        if known is not None:
            known.told.add(owner)
            adopted = declares_adopt(request.event) and known.made_by != request.event["ResponseURL"]
            if known.maker != owner or adopted:
                known.adopters.add(owner)
            replaces = request.event.get("PhysicalResourceId", "") not in {"", answer.physical_id}
            found_again = replaces or not known.settled or known.let_go
            renamed = bool(known.adopters & known.released)
            if (found_again or renamed) and adopted:
                # An earlier event has made it, of whose success CloudFormation was never told, or which was replaced or
                # let go since: ADOPT has found it. What a sibling has found so, it takes over as that.
                known.released.add(owner)
            known.let_go, known.settled = False, True

    def _is_to_be_handed_back(self, request: "Request", room_id: str) -> bool:
        """Tell whether what a rollback reverses is a sibling's now, whose clean-up gives it back as it was."""
        stack = self._world.cloudformation.find(request.event["StackId"])
        known = self.known.get(room_id)
        if request.kind != "reverse" or stack is None or known is None:
            return False
        siblings = {(stack.stack_id, logical_id) for logical_id in stack.resources} - {owner_of(request.event)}
        return bool(known.adopters & siblings)

    def differences(
        self, properties: Mapping[str, Any], room_id: str, *, since: float, exempt: Collection[str] = ()
    ) -> list[str]:
        """Return how a room differs from what is declared, unless people have changed anything *since*."""
        organization_id = properties["OrganizationId"]
        room = self._world.workmail.room(organization_id, room_id)
        known = self.known.get(room_id)
        if self.people_at >= since or (known is not None and known.touched >= since):
            return []
        if room is None or room.id != room_id:
            return ["it does not exist"]
        seen, expected = picture(room), declared_picture(self._world, properties)
        return [
            f"{key} is {seen[key]}, not {expected[key]}"
            for key in expected
            if seen[key] != expected[key] and key not in exempt
        ]

    def _check_deleted(self, request: "Request") -> None:
        """Contract 34: SUCCESS of a Delete only when the room is gone, or was let go for a reason."""
        event = request.event
        room_id, owner = event["PhysicalResourceId"], owner_of(event)
        known = self.known.get(room_id)
        if known is None:
            # Of an invented id: whatever the cancelled Create had adopted is given back.
            for other in self.known.values():
                if owner not in other.told and owner not in self.owners_left_behind:
                    other.adopters.discard(owner)
            return
        known.told.discard(owner)
        if self._world.workmail.room(known.organization_id, room_id) is None:
            return
        held = any(
            (stack.stack_id, resource.logical_id) != owner and resource.physical_id == room_id
            for stack in self._world.cloudformation.stacks.values()
            for resource in stack.resources.values()
        )
        if self._counts(owner, room_id):
            # The clean-up names what the stack has gone back to meanwhile: contract 49 is above this one.
            return
        stacks = {one.stack_id: one for one in self._world.cloudformation.stacks.values()}
        at_work = {owner_of(one.event) for one in self._world.cloudformation.requests.values() if one.open}
        adopters = {
            one
            for one in known.adopters - {owner}
            if one in at_work or (one[0] in stacks and one[1] in stacks[one[0]].resources)
        }
        if held or known.let_go or adopters or self._others(owner, room_id):
            # Another has it, or has taken it over before CloudFormation knows; if not, it will be found as an orphan.
            known.adopters.discard(owner)
            return
        former = owner in known.released or known.made_by in self._given_up
        if declares_adopt(event) and (known.maker != owner or former):
            # What CloudFormation has let go, and ADOPT has taken again, is adopted, whoever has made it.
            self._release(known, owner)
            return
        if self.ledger_lost or self._is_retained_unknown(known) or self._may_be_unmarked(known):
            known.let_go = True
            return
        self.found("34 a Delete that is not true", f"{request.name} succeeds, and {room_id} is still there")

    def _is_retained_unknown(self, known: Known) -> bool:
        """Tell whether a room is what came of a Create that CloudFormation has given up, and retains."""
        return bool((known.adopters | known.answered_by | {known.maker}) & self.owners_let_go)

    def _may_be_unmarked(self, known: Known) -> bool:
        """Tell whether people may have taken the mark off a room before the ledger knew it: then it stays."""
        return known.touched >= 0 and not known.settled

    def _counts(self, owner: Owner, room_id: str) -> bool:
        """Tell whether CloudFormation counts a room as that of *owner*."""
        return any(
            (stack.stack_id, resource.logical_id) == owner and resource.counts and resource.physical_id == room_id
            for stack, resource in self._world.cloudformation.holders(room_id)
        )

    def _release(self, known: Known, owner: Owner) -> None:
        known.adopters.discard(owner)
        known.let_go = True

    # ------------------------------------------------------------------------------------- failed answers

    def _tries(self, request: "Request") -> list["Try"]:
        return [
            one
            for one in self._world.tries
            if one.event is request.event and (request.answered_at is None or one.began_at <= self._world.scheduler.now)
        ]

    def _disturbed(self, request: "Request") -> bool:
        """Tell whether what has happened to an event allows it to fail."""
        tries = self._tries(request)
        deaths = sum(one.ended == "died" for one in tries)
        kinds = [fault.kind for one in tries for fault in one.happened]
        heavy = {"throttling storm", "freeze", "unreachable", "denied"}
        if request.kind in {"create", "update"}:
            heavy.add("slow")
        failed_calls = max((one.failed_calls for one in tries), default=0)
        troubled = failed_calls >= MOST_FAILED_CALLS or len(kinds) > ALL_TRIES
        return deaths >= ALL_TRIES or bool(heavy & set(kinds)) or troubled

    def _tries_of_siblings(self, request: "Request", kind: str) -> list["Try"]:
        """Return the tries of what is under way in the same stack, of one kind."""
        return [
            one
            for other in self._world.cloudformation.requests.values()
            if other.open and other.kind == kind and other.event["StackId"] == request.event["StackId"]
            for one in self._tries(other)
        ]

    def _is_held_up(self, request: "Request", answer: "Answer") -> bool:
        """Tell whether an event has waited in vain, as long as it may, for a sibling that is held up itself."""
        code = answer.reason.partition(":")[0]
        if code == "NotOwned" and "was taken over by" in answer.reason:
            return any(one.happened for one in self._tries_of_siblings(request, "create"))
        if code == "AdoptionRefused" and "is being changed by" in answer.reason:
            # Another one keeps it from giving the name up, or Lambda delivers it again too late.
            tries = self._tries_of_siblings(request, "update")
            return any(one.refused_by is not None for one in tries) or sum(one.ended == "died" for one in tries) > 1
        return False

    def _check_reason(self, request: "Request", answer: "Answer") -> None:
        """Judge a failure: there has to be a reason outside the provider."""
        code = answer.reason.partition(":")[0]
        if self._disturbed(request) or (code == "TimedOut" and self._world.had_outage):
            return
        if code in {"NameAvailabilityException", "EmailAddressInUseException"}:
            if self._is_its_own(request):
                self.found("15 an event fails over what it has made itself", f"{request.name}: {answer.reason}")
            if self._gives_it_up(request):
                where = "in a rollback" if request.kind == "reverse" else "forwards"
                self.found(f"54 an event does not wait for its sibling {where}", f"{request.name}: {answer.reason}")
            return
        if request.kind in {"delete", "clean up"}:
            check = "9 a Delete fails without a reason"
        elif request.kind == "reverse":
            check = "53 a rollback fails without a reason"
        else:
            check = {"AdoptionRefused": "57 a room that was let go is not taken over"}.get(
                code, "0 an event fails without a reason"
            )
        unasked = self.unasked and "could not be asked" in answer.reason
        if not unasked and not self._is_held_up(request, answer) and not obstacle(self._world, request):
            self.found(f"{check} ({code})", f"{request.name} is answered: {answer.reason}")

    def refused(self, worker: "Worker", parameters: Mapping[str, Any]) -> None:
        """Note who has what WorkMail refuses to give to an event, at that moment."""
        organization = self._world.workmail.organization(parameters["OrganizationId"])
        name, address = parameters.get("Name"), parameters.get("Email") or parameters.get("Alias")
        about = parameters.get("ResourceId") or parameters.get("EntityId")
        holder = organization.named(name) if name else organization.by_address(address or "")
        worker.record.refused_by = holder.id if holder is not None else ""
        stack_id = worker.event["StackId"]
        holders = self._world.cloudformation.holders(worker.record.refused_by)
        sibling = any(stack.stack_id == stack_id for stack, _ in holders)
        if not sibling or self._world.scheduler.now - worker.record.began_at > LONGEST_WAIT:
            worker.record.kept_from |= taken(self._world, worker.event["ResourceProperties"], str(about))
        if holder is None and any(fault.kind == "slow" for fault in worker.record.happened):
            # Whoever is slow looks too rarely for what WorkMail gives free only after some looks.
            worker.record.kept_from |= {"Name"} if name else OF_ADDRESSES

    def _is_its_own(self, request: "Request") -> bool:
        """Contract 15: tell whether what stands in an event's way is what an earlier try of it has made."""
        tries = self._tries(request)
        known = self.known.get(tries[-1].refused_by or "") if tries else None
        return (
            known is not None
            and known.maker == owner_of(request.event)
            and known.made_by == request.event["ResponseURL"]
            and not known.let_go
            and known.touched < 0
        )

    def _gives_it_up(self, request: "Request") -> bool:
        """Contract 54: tell whether what an event was refused is about to be given up by a sibling.

        An exact swap cannot work, and what waited for a minute has waited.
        """
        event, now = request.event, self._world.scheduler.now
        tries = self._tries(request)
        if not tries or now - request.sent_at > LONGEST_WAIT:
            return False
        holder, own_name = tries[-1].refused_by or "", self._present_name(event)
        organization = self._world.workmail.organization(event["ResourceProperties"]["OrganizationId"])
        named = organization.named(event["ResourceProperties"]["Name"])
        if named is not None and named.id not in {holder, event.get("PhysicalResourceId")}:
            # Somebody else has taken the name since the sibling gave it up.
            return False
        for stack, resource in self._world.cloudformation.holders(holder):
            if stack.stack_id != event["StackId"] or resource.logical_id == event["LogicalResourceId"]:
                continue
            aim = resource.declared.properties or {}
            if request.kind == "reverse":
                aim = stack.before[resource.logical_id].properties if resource.logical_id in stack.before else {}
            elif resource.logical_id not in stack.aim:
                return False
            if aim.get("OrganizationId") != event["ResourceProperties"]["OrganizationId"]:
                # What is replaced gives nothing up before its clean-up.
                return False
            wanted = {event["ResourceProperties"]["Name"], event["ResourceProperties"].get("Email")} - {None}
            return bool(aim) and not wanted & {aim.get("Name"), aim.get("Email")} and aim.get("Name") != own_name
        return False

    def _present_name(self, event: Event) -> str:
        known = self.known.get(event.get("PhysicalResourceId", ""))
        room = self._world.workmail.room(known.organization_id, event["PhysicalResourceId"]) if known else None
        return room.name if room is not None else ""

    def _measure_wait(self, request: "Request") -> None:
        """Contract 52: how long something waits for a worker that died."""
        tries = self._tries(request)
        # A Create or an Update may also have waited for a sibling.
        waits = request.kind in {"create", "update"}
        if waits or any(one.happened for one in tries) or len(tries) != 1 or self._world.had_outage:
            return
        owner = owner_of(request.event)
        (this,) = tries
        known = self.known.get(request.event.get("PhysicalResourceId", ""))
        if this.refused_by is not None or (known is not None and known.adopters - {owner}):
            # Or for a sibling that has taken its room over, and waits itself.
            return
        there = known is not None and known.organization_id == request.event["ResourceProperties"].get("OrganizationId")
        if declares_adopt(request.event) and not (there and self._present_name(request.event)):
            # A rollback that makes a room anew by ADOPT waits for a sibling's name without a refused call.
            return
        began, now = this.began_at, self._world.scheduler.now
        others = [one for one in self._world.tries if one is not this and owner_of(one.event) == owner]
        if any(one.happened and (one.ended_at is None or one.ended_at > began) for one in others):
            # Whoever is still at work, and is held up itself, may be waited for.
            return
        if not any(one.ended == "died" for one in others):
            return
        self.waits.append(now - began)
        if now - began > LONGEST_WAIT:
            self.found(
                "52 a dead worker holds up the next event", f"{request.name} took {now - began:.0f} seconds undisturbed"
            )

    # ---------------------------------------------------------------------------------------------- at rest

    def at_rest(self) -> None:
        """Judge the account when nothing is going on."""
        self._check_calls()
        self._check_drift()
        self._check_orphans(finally_=False)

    def in_the_end(self) -> None:
        """Judge the account when every stack has been deleted and nothing is going on."""
        self._check_calls()
        self._check_orphans(finally_=True)
        self._check_given_back()
        self._check_leftovers()

    def _check_calls(self) -> None:
        """Contract 58: nothing loops without a bound."""
        for one in self._world.tries:
            if one.calls > MOST_CALLS:
                self.found("58 too many calls", f"{one.name} has made {one.calls} calls")

    def _check_drift(self) -> None:
        """Contracts 21 and 25: the rooms of a stack that is complete are as it declares."""
        for stack in self._world.cloudformation.stacks.values():
            if not stack.status.endswith("_COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
                continue
            for resource in stack.resources.values():
                if resource.declared.properties is None or not resource.counts:
                    continue
                known = self.known.get(resource.physical_id)
                if known is not None and (known.let_go_at >= resource.settled_at or self._is_retained_unknown(known)):
                    # A new sibling has taken it over, and is retained in the rollback: that tells nobody (contract 56).
                    continue
                owner = (stack.stack_id, resource.logical_id)
                last = self.last_success.get(owner)
                if known is not None and known.touched >= 0 and last is not None and last.kind == "reverse":
                    # People had changed it before a sibling took it over, which has handed it back as it was.
                    continue
                siblings = {(stack.stack_id, one) for one in stack.resources} - {owner}
                takers = known.adopters & siblings if known is not None else set()
                if any(self._counts(taker, resource.physical_id) for taker in takers):
                    # ADOPT takes for renamed what the stack declares twice: nothing tells that before the clean-up.
                    continue
                if self._world.story.replacement_cleaned_up_only and resource.physical_id in self._half_changed:
                    # It was replaced after that, and a rollback has told nobody to go back to it.
                    continue
                wrong = self.differences(
                    resource.properties,
                    resource.physical_id,
                    # People may have changed it while the event was handled, after its last look.
                    since=self.brought.get((owner, resource.physical_id), resource.settled_at),
                    exempt=self.exempt.get((owner, resource.physical_id), ()),
                )
                if wrong:
                    where = f"{stack.name}.{resource.logical_id} ({resource.physical_id}) in {stack.status}"
                    self.found("25 a room is not as its stack declares", f"{where}: {'; '.join(wrong)}")

    def _check_orphans(self, *, finally_: bool) -> None:
        """Contract 19: no room is left that nobody counts and nobody has let go."""
        if self.ledger_lost:
            return
        unfinished = {
            stack.stack_id for stack in self._world.cloudformation.stacks.values() if "COMPLETE" not in stack.status
        }
        for room_id, (_, room) in self._world.workmail.rooms().items():
            known = self.known.get(room_id)
            if known is None or known.maker == PEOPLE or known.let_go or self._world.cloudformation.holders(room_id):
                continue
            if self._may_be_unmarked(known):
                continue
            stacks = {stack_id for stack_id, _ in known.adopters | {known.maker}}
            if self._is_retained_unknown(known) or (stacks & unfinished and not finally_):
                continue
            if known.made_by in self._given_up:
                known.let_go = True
                continue
            if self._world.had_outage and not finally_:
                # It may have outlasted every try to remove it: the next event or the end of the stack does.
                continue
            known.let_go = True
            self.found("19 an orphan", f"{room_id} ({room.name}) made by {spoken(known.maker)} is left")

    def _check_given_back(self) -> None:
        """Contract 46: what an adoption that failed has changed is as it was."""
        if self._world.had_outage or self.ledger_lost or self.people_at >= 0:
            return
        for room_id, known in self.known.items():
            room = self._world.workmail.room(known.organization_id, room_id)
            if room is None or known.untouched is None or known.settled or known.maker != PEOPLE:
                continue
            if self._is_retained_unknown(known) or known.adopters & self.owners_left_behind:
                # What CloudFormation retains of a Create that it has given up, or leaves behind, it tells nobody.
                continue
            seen = picture(room)
            was = {key: known.untouched[key] for key in ("Name", "Email", "Aliases")}
            others = taken(self._world, was | {"OrganizationId": known.organization_id}, room_id)
            wrong = [
                f"{key} is {seen[key]}, was {known.untouched[key]}"
                for key in seen
                # WorkMail may show a name in another case than it was given; and what another has by now, it keeps.
                if str(seen[key]).casefold() != str(known.untouched[key]).casefold() and key not in others
            ]
            if wrong:
                known.untouched = None
                self.found("46 a failed adoption is not taken back", f"{room_id}: {'; '.join(wrong)}")

    def _check_leftovers(self) -> None:
        """Nothing stays in the ledger for ever of what is gone (entries with a date of expiry go by themselves)."""
        if self.ledger_lost or self._world.had_outage:
            return
        untold = self.owners_let_go | self.owners_left_behind
        for key, item in sorted(self._world.table.items.items()):
            if "ExpiresAt" in item:
                continue
            text = json.dumps(item)
            rooms = [self.known[room_id] for room_id in _ROOM_ID.findall(text) if room_id in self.known]
            retained = any(
                known.let_go
                or known.made_by in self._given_up
                or any("|".join(owner) == key[0] for owner in known.released)
                for known in rooms
            )
            # Of what a stack retains nobody tells the function, so it stays until somebody adopts it.
            if retained or any("|".join(owner) in text for owner in untold):
                continue
            empty = item.get("Entries") == {"S": "[]"}
            what = "24 a tombstone never expires" if empty else "24 something is left in the ledger"
            self.found(what, f"{key[0].rpartition(':')[2]} {key[1]}: {text}")


def _adopts(event: Event, room: Room) -> bool:
    """Tell whether an event may find a room by ADOPT, and take it over."""
    return (
        (event["RequestType"] != "Delete" or event["PhysicalResourceId"] != room.id)
        and declares_adopt(event)
        and str(event["ResourceProperties"].get("Name", "")).casefold() == room.name.casefold()
    )


def _state(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {**properties, "ExistingResource": None}
