"""The operations whose every call is a cut point: what there is before each, its event, and what it ends in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.harness import DOMAIN, OTHER_DOMAIN, Answer, everything, room_properties
from tests.harness.account import Account
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER
from workmail_rooms.sandbox.services import Call

#: An id as CloudFormation invents it for a Create that it has cancelled.
INVENTED: Final = "rooms-Room-1ABCDEFGHIJKL"

_WHEN: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
#: When other owners have made theirs.
_BEFORE: Final = _WHEN - timedelta(minutes=1)

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One event of CloudFormation's.

    Attributes
    ----------
    properties:
        What it declares.
    old:
        What the stack has declared before, if it has: the resource was created so.
    found:
        Makes what the organizations hold besides, which is nobody's or another owner's.
    taken_over:
        Whether another logical ID has taken the resource over since. An Update takes it back from there.
    """

    request_type: str
    properties: Mapping[str, Any]
    old: Mapping[str, Any] | None = None
    found: Callable[[Account], object] = lambda _stage: None
    taken_over: bool = False

    @property
    def replaces(self) -> bool:
        """Whether it makes the resource anew."""
        return self.old is not None and self.old["OrganizationId"] != self.properties["OrganizationId"]


def _existing_room(stage: Account) -> None:
    """Make the room that is adopted: different from what is declared in every respect."""
    room = stage.create_room("boardroom", Description="as people know it", Email=f"old-boardroom@{DOMAIN}")
    within = {"OrganizationId": EXAMPLE}
    stage.workmail.invoke("CreateAlias", {**within, "EntityId": room, "Alias": f"board-room@{DOMAIN}"})
    stage.workmail.invoke("CreateAlias", {**within, "EntityId": room, "Alias": f"upstairs@{DOMAIN}"})
    for delegate in ("alice", "bob"):
        stage.workmail.invoke("AssociateDelegateToResource", {**within, "ResourceId": room, "EntityId": delegate})


def _of_another_logical_id(stage: Account, logical_id: str = "Old") -> None:
    """Let another logical resource make the room."""
    _succeeds(stage, stage.event("Create", properties=_FORMER, logical_id=logical_id, signed_at=_BEFORE))


def _of_another_stack(stage: Account) -> None:
    """Let another stack make the room, and vanish."""
    own, stage.stack_id = stage.stack_id, f"{stage.stack_id[:-4]}0000"
    _of_another_logical_id(stage, "Room")
    stage.stack_id = own


def _succeeds(stage: Account, event: Mapping[str, Any]) -> str:
    answer = stage.deliver(event)
    assert answer.succeeded, answer.reason
    return answer.physical_id


_ADOPT: Final = {"ExistingResource": "ADOPT"}
_CHANGED: Final = room_properties(
    Type="EQUIPMENT",
    Description="a projector with a secret lamp",
    Aliases=[f"sitzungssaal@{DOMAIN}", f"projector@{DOMAIN}"],
    Delegates=["bob"],
)
_MOVED: Final = everything(
    OrganizationId=OTHER, Email=f"boardroom@{OTHER_DOMAIN}", Aliases=[f"board-room@{OTHER_DOMAIN}"], Delegates=["dave"]
)

#: The room before it passes to another owner, and after.
_FORMER: Final = everything(Email=f"old-boardroom@{DOMAIN}")
_RENAMED: Final = room_properties(
    Description="a room with another secret", Aliases=[f"sitzungssaal@{DOMAIN}"], Delegates=["bob"], **_ADOPT
)

#: By name, as the issues list them.
OPERATIONS: Final[Mapping[str, Operation]] = {
    "create": Operation("Create", room_properties()),
    "create with everything": Operation("Create", everything()),
    "update in place": Operation("Update", _CHANGED, everything()),
    "rename": Operation("Update", room_properties(Name="den"), room_properties()),
    "change of Email": Operation("Update", room_properties(Email=f"den@{DOMAIN}"), room_properties()),
    "disable": Operation("Update", room_properties(Email=None), room_properties()),
    "replacement": Operation("Update", _MOVED, everything()),
    "delete": Operation("Delete", everything(), everything()),
    "adopt": Operation("Create", everything(**_ADOPT), found=_existing_room),
    "hand over": Operation("Create", _RENAMED, found=_of_another_logical_id),
    "hand back": Operation("Delete", _RENAMED, _RENAMED, found=_of_another_logical_id),
    "take back": Operation("Update", _CHANGED, _FORMER, taken_over=True),
    "clean up what was handed over": Operation("Delete", _FORMER, _FORMER, taken_over=True),
    "take over from a stack that has gone": Operation("Create", _RENAMED, found=_of_another_stack),
}


@dataclass(frozen=True, slots=True)
class Scene:
    """An operation just before its event, which can be set up again and again.

    Attributes
    ----------
    physical_id:
        Of the resource, if there is one already.
    before:
        What the organizations hold.
    others:
        The same without the resource.
    kept:
        What the ledger has of the stack's other logical resources.
    """

    operation: Operation
    physical_id: str | None
    before: State
    others: State
    kept: list[State]
    _stack_id: str
    _backends: Mapping[str, Any] = field(repr=False)

    def with_foreign(self, entities: State) -> "Scene":
        """Return the same scene with further *entities* that are nobody's and have to stay as they are."""
        return replace(self, before={**self.before, **entities}, others={**self.others, **entities})

    def set_up(self, stage: Account) -> None:
        """Begin anew on *stage*."""
        stage.reset()
        stage.import_state(self._backends)
        stage.stack_id = self._stack_id
        if self.operation.taken_over and self.operation.request_type == "Update":
            # CloudFormation has let go who has taken it over.
            return
        for entry in (one for one in _of_stack(stage) if one["Entry"] == "entry"):
            logical_id = entry["Owner"].rpartition("|")[2]
            if logical_id != "Room":
                stage.cloudformation.show(self._stack_id, logical_id, entry["resource_id"])

    def event(self, stage: Account) -> dict[str, Any]:
        """Return the operation's event."""
        operation = self.operation
        return stage.event(
            operation.request_type,
            properties=operation.properties,
            old_properties=operation.old if operation.request_type == "Update" else None,
            physical_id=self.physical_id,
            signed_at=_WHEN + timedelta(minutes=1),
        )

    def reversed_event(self, stage: Account) -> dict[str, Any]:
        """Return the Update with which CloudFormation takes an Update back."""
        operation = self.operation
        assert operation.old is not None
        return stage.event(
            "Update",
            properties=operation.old,
            old_properties=operation.properties,
            physical_id=self.physical_id,
            signed_at=_WHEN + timedelta(minutes=2),
        )

    def delete_event(
        self, stage: Account, physical_id: str, properties: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return CloudFormation's Delete of *physical_id*, by default with the declared properties."""
        return stage.event(
            "Delete",
            properties=self.operation.properties if properties is None else properties,
            physical_id=physical_id,
            signed_at=_WHEN + timedelta(minutes=3),
        )


def prepare(stage: Account, operation: Operation) -> Scene:
    """Make what there is before *operation*: foreign rooms and people everywhere, and the resource if it exists."""
    stage.reset()
    for organization, domain in ((EXAMPLE, DOMAIN), (OTHER, OTHER_DOMAIN)):
        room = stage.create_room("neighbour", organization_id=organization, Email=f"neighbour@{domain}")
        member = "alice" if organization == EXAMPLE else "dave"
        entity = {"OrganizationId": organization, "ResourceId": room, "EntityId": member}
        stage.workmail.invoke("AssociateDelegateToResource", entity)
        stage.create_room("boardroom2", organization_id=organization, Type="EQUIPMENT", Description="not yours")
    operation.found(stage)
    others, kept, physical_id = stage.state(), _of_stack(stage), None
    if operation.old is not None:
        physical_id = _succeeds(stage, stage.event("Create", properties=operation.old, signed_at=_WHEN))
    if operation.taken_over:
        _succeeds(stage, stage.event("Create", properties=_RENAMED, logical_id="New", signed_at=_WHEN))
        if operation.request_type == "Delete":
            others = stage.state()
            kept = [one for one in _of_stack(stage) if _owner(one).endswith("|New")]
    return Scene(operation, physical_id, stage.state(), others, kept, stage.stack_id, stage.export_state())


def _of_stack(stage: Account) -> list[State]:
    """Return what the ledger has of this stack, in order."""
    own = [one for one in stage.entries() if _owner(one).startswith(stage.stack_id)]
    return sorted(own, key=lambda one: (one["Entry"], _owner(one)))


def _owner(entry: State) -> str:
    return str(entry.get("Holder", entry["Owner"]))


@dataclass(frozen=True, slots=True)
class Learned:
    """What an operation does and ends in when nothing goes wrong.

    Attributes
    ----------
    calls:
        Every call it makes to WorkMail and DynamoDB.
    resource:
        What WorkMail holds of its resource in the end; None after Delete.
    """

    calls: tuple[Call, ...]
    resource: State | None


def learn(stage: Account, scene: Scene) -> Learned:
    """Run the operation undisturbed, to its end and beyond, and return what it did."""
    scene.set_up(stage)
    mark = stage.mark()
    answer = stage.deliver(scene.event(stage))
    calls = stage.calls(mark)
    resource = None
    if scene.operation.request_type != "Delete":
        resource = _of_resource(stage.state(), answer.physical_id)
    finish(stage, scene, answer, Learned(calls, resource))
    return Learned(calls, resource)


def finish(stage: Account, scene: Scene, answer: Answer, learned: Learned) -> None:
    """Check what a successful operation has left, and send the Deletes that end its resource's life.

    Raises
    ------
    AssertionError
        Something is not as it has to be.
    """
    assert answer.succeeded, answer.reason
    operation = scene.operation
    if operation.request_type == "Delete":
        check_nothing_left(stage, scene)
        return
    if operation.replaces:
        assert answer.physical_id != scene.physical_id
        delete = scene.delete_event(stage, scene.physical_id or "", operation.old)
        cleaned_up = stage.deliver(delete)
        assert cleaned_up.succeeded, cleaned_up.reason
    elif scene.physical_id is not None:
        assert answer.physical_id == scene.physical_id
    state = stage.state()
    resource = _of_resource(state, answer.physical_id)
    assert resource == learned.resource, f"the resource is {resource}, declared was {learned.resource}"
    adopted = _ADOPT.items() <= operation.properties.items()
    others = {key: value for key, value in scene.others.items() if not adopted or key != answer.physical_id}
    assert state == {**others, answer.physical_id: state[answer.physical_id]}, "something foreign was touched"
    deleted = stage.deliver(scene.delete_event(stage, answer.physical_id))
    assert deleted.succeeded, deleted.reason
    check_nothing_left(stage, scene)


def check_as_before(stage: Account, scene: Scene) -> None:
    """Check that everything is as it was before the operation, and that the ledger holds the resource only."""
    state = stage.state()
    assert state == scene.before, f"left or lost: {_difference(scene.before, state)}"
    entries = stage.entries()
    assert sorted(entry["Entry"] for entry in entries) == ["claim", "entry"], f"the ledger holds {entries}"
    assert all(entry["ready"] for entry in entries if entry["Entry"] == "entry"), f"the ledger holds {entries}"
    assert stage.leases() == []


def check_nothing_left(stage: Account, scene: Scene) -> None:
    """Check that nothing of the resource is left, in WorkMail or in the ledger, and nothing foreign was touched."""
    state = stage.state()
    assert state == scene.others, f"left or lost: {_difference(scene.others, state)}"
    assert _of_stack(stage) == scene.kept
    assert stage.leases() == []


def _difference(expected: State, actual: State) -> list[Any]:
    keys = expected.keys() | actual.keys()
    return [(expected.get(key), actual.get(key)) for key in sorted(keys) if expected.get(key) != actual.get(key)]


def _of_resource(state: State, resource_id: str) -> State:
    assert resource_id in state, f"WorkMail holds no resource {resource_id}"
    # Which id it has, and when it was made, differs from run to run.
    return {key: value for key, value in state[resource_id].items() if key not in {"id", "sequence"}}
