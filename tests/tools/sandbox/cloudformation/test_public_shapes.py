"""Shapes that public templates have, rewritten for rooms, end here as they end in CloudFormation."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.tools.sandbox.cloudformation.world import TOKEN, Answer, Things, World, answer
from workmail_rooms.sandbox.cloudformation import CloudFormationError

FOLDER: Final = Path(__file__).parents[1] / "templates"
STORE: Final = {"/rooms/domain": "example.com", "/rooms/name": "board", "/rooms/names": "board,focus"}


class Rooms(Things):
    """A function that answers as the provider does, and refuses the name ``taken`` and an empty alias."""

    def handle(self, event: dict[str, Any]) -> Answer:
        """Serve one event."""
        properties = event["ResourceProperties"]
        if event["RequestType"] != "Delete" and "" in properties.get("Aliases", []):
            return answer(event, "never-made", Status="FAILED", Reason="InvalidProperties: Aliases[0] is empty.")
        answered = super().handle(event)
        if isinstance(answered, dict) and answered["Status"] == "SUCCESS" and event["RequestType"] != "Delete":
            answered["Data"] = {"Name": properties["Name"], "Email": properties.get("Email", "")}
        return answered

    def values(self, name: str) -> list[Any]:
        """Return one property of every room, by the rooms' names."""
        rooms = sorted(self.things.values(), key=lambda room: str(room["Name"]))
        return [room.get(name) for room in rooms]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a world whose function makes rooms, under the provider's export."""
    world = World(tmp_path, exports={"workmail-resource-ServiceToken": TOKEN}, parameter_store=STORE, max_parallel=16)
    world.cloud.things = Rooms()
    yield world
    world.close()


# File, parameters, the rooms' names afterwards, outputs.
COMPLETE: Final[list[tuple[str, dict[str, str], list[str], dict[str, str]]]] = [
    ("one-room.yaml", {}, ["boardroom"], {"Id": "thing-1", "Email": "boardroom@example.com"}),
    ("one-room.json", {}, ["boardroom"], {"Id": "thing-1"}),
    ("conditions.yaml", {}, ["boardroom"], {"Test": "true"}),
    ("conditions.yaml", {"Environment": "production"}, ["boardroom", "overflow"], {"Overflow": "..."}),
    ("mappings.yaml", {}, ["boardroom"], {"Email": "boardroom@example.com"}),
    ("for-each.yaml", {}, ["room-101", "room-102", "room-103"], {"Count": "3"}),
    ("for-each-nested.json", {}, ["first-a", "first-b", "second-c"], {}),
    ("rules.yaml", {}, ["boardroom"], {}),
    ("nested.yaml", {}, ["boardroom", "next-to-boardroom"], {"Beside": "thing-2"}),
    ("cdk.json", {}, ["boardroom"], {}),
    ("cdk-qualifier.json", {}, ["boardroom"], {}),
    ("ssm-parameters.yaml", {}, ["board"], {"Email": "board@example.com"}),
    ("ssm-dynamic.yaml", {}, ["board"], {"Email": "board@example.com"}),
    ("exports.yaml", {}, ["boardroom"], {"Id": "thing-1"}),
    ("depends-on.yaml", {}, ["first", "second", "third"], {}),
    ("custom-resource.yaml", {}, ["first"], {}),
    ("text-functions.yaml", {}, ["x-room"], {"All": "board,focus", "Coded": "cm9vbQ=="}),
    ("empty-list-guarded.yaml", {}, ["first"], {}),
    ("empty-list.yaml", {"Aliases": "a@example.com"}, ["first"], {}),
    ("no-rooms-yet.yaml", {}, [], {}),
    ("no-rooms-yet.yaml", {"Open": "yes"}, ["first"], {}),
]


@pytest.mark.parametrize(("name", "parameters", "rooms", "outputs"), COMPLETE, ids=lambda value: str(value)[:40])
def test_shapes_that_succeed(
    world: World, name: str, parameters: dict[str, str], rooms: list[str], outputs: dict[str, str]
) -> None:
    """The stack is complete, changes nothing when it is deployed again, and leaves nothing when it is deleted."""
    outcome = world.engine.deploy(FOLDER / name, "shape", parameters)
    assert outcome.status == "CREATE_COMPLETE", outcome.events[-2:]
    assert world.things.names() == rooms
    assert outcome.outputs.keys() == outputs.keys()
    assert all(outcome.outputs[key] == value for key, value in outputs.items() if value != "...")
    assert world.engine.deploy(FOLDER / name, "shape", parameters).changed is False
    assert world.engine.delete("shape").ok
    assert world.things.things == {}


# File, parameters, what the message has.
REFUSED: Final[list[tuple[str, dict[str, str], str]]] = [
    ("for-each-without-transform.yaml", {}, "Fn::ForEach::Rooms needs the line 'Transform: AWS::LanguageExtensions'"),
    ("rules.yaml", {"Environment": "production"}, "production uses example.com"),
    ("conditions.yaml", {"Environment": "x"}, "Parameter 'Environment' must be one of AllowedValues"),
    ("cdk-nested.json", {}, "needs AWS. Here it is a path"),
    (
        "secrets-manager.yaml",
        {},
        "Secrets Manager reference is not supported in: [Custom::WorkMailResource/Properties/",
    ),
    ("imports.yaml", {}, "No export named shared-BoardRoom found."),
    ("anchors.yaml", {}, "YAML aliases are not allowed in CloudFormation templates"),
    ("serverless.yaml", {}, "Transforms [AWS::Serverless-2016-10-31] need AWS"),
    ("circle.yaml", {}, "Circular dependency between resources: [First, Second]"),
    ("other-types.yaml", {}, "Unrecognized resource types: [AWS::SNS::Topic]"),
    ("availability-zones.yaml", {}, "Fn::GetAZs needs AWS"),
]


@pytest.mark.parametrize(("name", "parameters", "message"), REFUSED, ids=lambda value: str(value)[:40])
def test_shapes_that_are_refused(world: World, name: str, parameters: dict[str, str], message: str) -> None:
    """The template is refused with a sentence, before anything is made."""
    with pytest.raises(CloudFormationError) as caught:
        world.engine.deploy(FOLDER / name, "shape", parameters)
    assert message in str(caught.value)
    assert world.cloud.events == []
    assert world.engine.store.stacks == {}


@pytest.mark.parametrize(
    ("name", "failed", "reason", "kept"),
    [
        ("empty-list.yaml", "First", "Aliases[0] is empty", []),
        ("deletion-policies.yaml", "Taken", "NameTaken", ["kept"]),
    ],
)
def test_shapes_that_are_rolled_back(world: World, name: str, failed: str, reason: str, kept: list[str]) -> None:
    """A resource fails with its reason, and the rollback leaves what its policies say."""
    outcome = world.engine.deploy(FOLDER / name, "shape")
    assert outcome.status == "ROLLBACK_COMPLETE"
    (event,) = (event for event in outcome.events if event.resource_status == "CREATE_FAILED")
    assert event.logical_resource_id == failed
    assert reason in event.resource_status_reason
    assert world.things.names() == kept


def test_an_import_from_another_stack(world: World) -> None:
    """What one template exports another one imports, and keeps from being deleted."""
    assert world.engine.deploy(FOLDER / "exports.yaml", "shared").ok
    assert world.engine.deploy(FOLDER / "imports.yaml", "importer").ok
    assert isinstance(world.things, Rooms)
    assert world.things.values("Description") == ["next to thing-1", None]
    assert not world.engine.delete("shared").ok
    assert world.engine.delete("importer").ok
    assert world.engine.delete("shared").ok


def test_every_template_is_used() -> None:
    """No template lies here that no test deploys, and there are more than twenty shapes."""
    used = {name for name, *_ in (*COMPLETE, *REFUSED)} | {"deletion-policies.yaml", "nested-floor.yaml"}
    assert used == {path.name for path in FOLDER.iterdir()}
    assert len(used) >= 20
