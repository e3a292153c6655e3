"""The examples do what they promise: each is deployed, deployed again, changed where it is about that, and deleted."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from tests.e2e.cdk import NODE, PYTHON, TEMPLATE, TYPESCRIPT, is_compiled, synthesize
from tests.e2e.documents import ROOT
from tests.harness import Stage
from tests.harness.once import Once
from workmail_rooms.diff.cli import main as diff
from workmail_rooms.sandbox.cloudformation import Outcome
from workmail_rooms.sandbox.rooms import Room

EXAMPLES = ROOT / "examples"

#: What is deployed only as a part of another example, or by a document's terminal session.
PARTS = {
    "nested/rooms.yaml",
    *(f"moving/{name}.yaml" for name in ("annex", "both-floors", "first-floor", "ground-floor")),
}
TOLD: set[str] = set()

Story = TypeVar("Story", bound=Callable[..., None])


def story_of(name: str) -> Callable[[Story], Story]:
    """Mark a test as the story of one file."""

    def mark(story: Story) -> Story:
        TOLD.add(name)
        return story

    return mark


@pytest.fixture
def stage(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Return the stage with the provider installed, whose function is what the examples import."""
    assert stage.function.arn == stage.provider.exports["workmail-resource-ServiceToken"]
    credentials = {"AWS_ACCESS_KEY_ID": "ASIAEXAMPLESANDBOX00", "AWS_SECRET_ACCESS_KEY": "sandbox"}
    for key, value in {**stage.services.variables, **credentials, "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(key, value)
    # The stage's CloudFormation has no ListExports.
    monkeypatch.setattr("workmail_rooms.diff.cli.Stacks.export", lambda _, export: stage.provider.exports[export])
    return stage


def deploy(stage: Stage, template: str | Path, parameters: Mapping[str, str] | None = None) -> Outcome:
    """Deploy an example, and deploy it again: nothing is left to do, and nothing is called; nor is anything different.

    That is what `workmail-rooms diff` says, which only reads.
    """
    outcome = stage.deploy(EXAMPLES / template, parameters=parameters)
    assert outcome.ok, [event.resource_status_reason for event in outcome.events]
    mark = stage.mark()
    again = stage.deploy(EXAMPLES / template)
    assert (again.ok, again.changed, again.reason) == (True, False, "No updates are to be performed.")
    assert stage.calls(mark) == ()
    words = ["--parameters", *(f"{key}={value}" for key, value in parameters.items())] if parameters else []
    assert diff([str(EXAMPLES / template), *words]) == 0
    assert stage.calls(mark)
    assert stage.writes(mark) == []
    return outcome


def delete(stage: Stage) -> None:
    """Delete the stack: nothing is left in WorkMail, and nothing in the ledger."""
    assert stage.delete().ok
    assert stage.rooms() == []
    assert stage.entries() == []


def room(stage: Stage, name: str) -> Room:
    """Return a room that is there."""
    found = stage.room(name)
    assert found is not None, f"there is no {name}"
    return found


def names(stage: Stage) -> list[str]:
    """Return the names of all rooms."""
    return [found.Name for found in stage.rooms()]


def test_every_example_has_a_story() -> None:
    """Each template and each app among the examples is deployed by a test here, or is a part of one that is."""
    files = [*EXAMPLES.rglob("*.yaml"), *EXAMPLES.glob("*/app.*")]
    made = {"cdk.out", "node_modules"}
    assert {path.relative_to(EXAMPLES).as_posix() for path in files if not made & set(path.parts)} == TOLD | PARTS


@story_of("one-room.yaml")
def test_one_room(stage: Stage) -> None:
    """One room: enabled, and whoever is first has it; a changed address is a change in place."""
    outcome = deploy(stage, "one-room.yaml")
    (found,) = stage.rooms()
    assert (found.Name, found.Type, found.State) == ("boardroom", "ROOM", "ENABLED")
    assert found.BookingOptions["AutoAcceptRequests"]
    assert outcome.outputs == {"RoomId": found.ResourceId, "RoomEmail": "boardroom@example.com"}
    changed = deploy(stage, "one-room.yaml", {"Email": "board@example.com"})
    assert changed.outputs == {"RoomId": found.ResourceId, "RoomEmail": "board@example.com"}
    delete(stage)


@story_of("floor.yaml")
def test_a_floor(stage: Stage) -> None:
    """A floor: a room for each number, described by the table or by its default; numbers come and go."""
    # WHEN the floor is deployed
    outcome = deploy(stage, "floor.yaml")
    # THEN each number is a room
    assert {found.Name: (found.Description, found.Email) for found in stage.rooms()} == {
        "room-201": ("12 seats, video", "room-201@example.com"),
        "room-202": ("6 seats", "room-202@example.com"),
        "room-203": ("2 seats, quiet", "room-203@example.com"),
        "room-204": ("6 seats", "room-204@example.com"),
    }
    assert outcome.outputs == {
        f"Room{number}Id": room(stage, f"room-{number}").ResourceId for number in range(201, 205)
    }
    # WHEN one is pulled down and one is built THEN the others are not touched
    mark = stage.mark()
    deploy(stage, "floor.yaml", {"Numbers": "201,203,204,205"})
    assert names(stage) == ["room-201", "room-203", "room-204", "room-205"]
    assert stage.writes(mark).count("CreateResource") == stage.writes(mark).count("DeleteResource") == 1
    delete(stage)


@story_of("many-rooms.yaml")
def test_many_rooms(stage: Stage) -> None:
    """Many rooms: each room of each floor, where those of the top floors have a description."""
    few = {"Floors": "01,02", "TopFloors": "03", "Rooms": "01,02", "TopFloorDescription": "with a view"}
    deploy(stage, "many-rooms.yaml", few)
    described = {found.Name: found.Description for found in stage.rooms()}
    assert described == {
        f"room-{floor}-{number}": "with a view" if floor == "03" else ""
        for floor in ("01", "02", "03")
        for number in ("01", "02")
    }
    delete(stage)


@story_of("meeting-rooms.yaml")
def test_meeting_rooms(stage: Stage) -> None:
    """Three meeting places: one with delegates, one not bookable yet, and a projector that the address list lacks."""
    deploy(stage, "meeting-rooms.yaml")
    assert room(stage, "boardroom").Delegates == ("alice", "facilities")
    assert room(stage, "focusroom").State == "DISABLED"
    assert room(stage, "projector").HiddenFromGlobalAddressList
    delete(stage)


@story_of("approval.yaml")
def test_approval(stage: Stage) -> None:
    """Approval by a person: nothing is accepted without a delegate, and who that is can be changed."""
    deploy(stage, "approval.yaml")
    before = room(stage, "diningroom")
    assert before.BookingOptions == {
        "AutoAcceptRequests": False,
        "AutoDeclineRecurringRequests": True,
        "AutoDeclineConflictingRequests": True,
    }
    assert before.Delegates == ("alice", "facilities")
    assert before.Aliases == ("dining-room@example.com",)
    deploy(stage, "approval.yaml", {"Approvers": "bob@example.com"})
    after = room(stage, "diningroom")
    assert (after.ResourceId, after.Delegates) == (before.ResourceId, ("bob",))
    assert not after.BookingOptions["AutoAcceptRequests"]
    delete(stage)


@story_of("equipment.yaml")
def test_equipment(stage: Stage) -> None:
    """Equipment: a projector that the address list does not show, and a van that is not booked for every week."""
    outcome = deploy(stage, "equipment.yaml")
    assert {found.Type for found in stage.rooms()} == {"EQUIPMENT"}
    projector, van = room(stage, "projector"), room(stage, "van")
    assert (projector.HiddenFromGlobalAddressList, van.HiddenFromGlobalAddressList) == (True, False)
    assert van.BookingOptions["AutoDeclineRecurringRequests"]
    assert outcome.outputs == {"ProjectorId": projector.ResourceId, "VanId": van.ResourceId}
    delete(stage)


@story_of("adopting.yaml")
def test_adopting(stage: Stage) -> None:
    """Adopting: the room keeps its id, becomes what is declared, and stays when the stack is deleted."""
    # GIVEN a room that somebody has made by hand
    there = stage.create_room("library", Email="library@example.com", Description="old")
    # WHEN it is adopted
    outcome = deploy(stage, "adopting.yaml")
    # THEN it is the same room, as declared
    assert outcome.outputs == {"RoomId": there}
    assert room(stage, "library").Description == "8 seats, silence please"
    # AND the deletion of the stack leaves it
    assert stage.delete().ok
    assert room(stage, "library").ResourceId == there
    assert stage.entries() == []


@story_of("adopting.yaml")
def test_adopting_for_good(stage: Stage) -> None:
    """A later deployment without ADOPT makes the room wholly the stack's, which deletes it then."""
    there = stage.create_room("library", Email="library@example.com")
    deploy(stage, "adopting.yaml")
    deploy(stage, "adopting.yaml", {"ExistingResource": "FAIL"})
    assert room(stage, "library").ResourceId == there
    delete(stage)


@story_of("nested/parent.yaml")
def test_nested_stacks(stage: Stage) -> None:
    """Nested stacks: both floors get the ServiceToken from their parent, and only the one that changes is updated."""
    # WHEN the parent is deployed
    outcome = deploy(stage, "nested/parent.yaml")
    # THEN each nested stack has its rooms, and the parent shows them
    assert names(stage) == ["ground-east", "ground-west", "upper-east", "upper-west"]
    for floor, output in (("ground", "GroundFloorRooms"), ("upper", "UpperFloorRooms")):
        ids = [room(stage, f"{floor}-{side}").ResourceId for side in ("east", "west")]
        assert outcome.outputs[output] == ",".join(ids)
    assert {room(stage, f"upper-{side}").Description for side in ("east", "west")} == {"with a view"}
    # WHEN something of one floor changes THEN only its rooms are touched
    changed = deploy(stage, "nested/parent.yaml", {"UpperFloorDescription": "with a terrace"})
    assert [
        event.logical_resource_id
        for event in changed.events
        if event.resource_status == "UPDATE_IN_PROGRESS" and event.logical_resource_id != "rooms"
    ] == ["UpperFloor"]
    assert room(stage, "upper-west").Description == "with a terrace"
    assert room(stage, "ground-west").Description == "6 seats"
    delete(stage)


def test_nested_stacks_roll_back_together(stage: Stage) -> None:
    """When a room of one nested stack cannot be made, those of the other are not left behind."""
    taken = stage.create_room("upper-east")
    outcome = stage.deploy(EXAMPLES / "nested" / "parent.yaml")
    assert outcome.status == "ROLLBACK_COMPLETE"
    nested = [stack for stack in stage.engine.store.stacks.values() if stack.parent_id == outcome.stack_id]
    reasons = [event.resource_status_reason for stack in nested for event in stack.events]
    assert len([reason for reason in reasons if "NameAvailabilityException" in reason]) == 1
    stage.engine.settle(60)
    assert stage.function.service.wait_until_idle(60)
    assert [found.ResourceId for found in stage.rooms()] == [taken]
    assert stage.entries() == []


@story_of(PYTHON)
@story_of(TYPESCRIPT)
@pytest.mark.skipif(NODE is None, reason="the AWS CDK needs node, and npm for its packages")
@pytest.mark.parametrize("app", [PYTHON, TYPESCRIPT])
def test_cdk(stage: Stage, once: Once, app: str) -> None:
    """A CDK app: what it synthesizes is deployed as it is, and what it retains stays when the stack is deleted."""
    if app == TYPESCRIPT and not is_compiled():
        pytest.skip("npm could not install the packages of the example")
    # GIVEN what `cdk synth` makes of the app
    template = once(Path(app).parent.name, partial(synthesize, app=app)) / TEMPLATE
    # WHEN it is deployed
    outcome = deploy(stage, template)
    # THEN the rooms are as the constructs say
    board_room, phone_booth = room(stage, "cdk-boardroom"), room(stage, "cdk-phonebooth")
    assert outcome.outputs == {"BoardRoomId": board_room.ResourceId, "BoardRoomState": "ENABLED"}
    assert (board_room.Delegates, board_room.BookingOptions["AutoAcceptRequests"]) == (("facilities",), False)
    assert phone_booth.BookingOptions["AutoDeclineRecurringRequests"]
    resources = stage.stack().resources.values()
    assert {resource.properties["ServiceTimeout"] for resource in resources if resource.type.startswith("Custom")} == {
        "600"
    }
    # AND the one with the removal policy RETAIN stays
    assert stage.delete().ok
    assert names(stage) == ["cdk-phonebooth"]
