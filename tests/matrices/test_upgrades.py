"""An upgrade in the middle of an operation: an older version's worker has ended, and this version goes on."""

import gzip
import json
from typing import Any, Final

import pytest

from tests.matrices.at_work import FOLDER, RECORDED
from tests.matrices.operations import (
    INVENTED,
    OPERATIONS,
    Scene,
    check_nothing_left,
    finish,
    learn,
)
from tests.matrices.survival import Record
from tests.matrices.virtual import VirtualStage

VERSIONS: Final = sorted(path.name.removesuffix(".json.gz") for path in FOLDER.glob("*.json.gz"))


def state(left: dict[str, Any]) -> dict[str, Any]:
    """Return what a stage in virtual time imports."""
    ledger = {(item["Owner"]["S"], item["Entry"]["S"]): item for item in left["ledger"]}
    return {"workmail": left["workmail"], "ledger": ledger}


def scene_of(stage: VirtualStage, name: str, recorded: dict[str, Any]) -> Scene:
    """Return the scene of an operation as the older version has made it."""
    operation = OPERATIONS[name]
    stage.import_state(state(recorded["before"]))
    before = stage.state()
    own = recorded["physical_id"] if operation.old is not None else None
    others = {key: value for key, value in before.items() if key != own}
    backends = state(recorded["before"])
    return Scene(operation, recorded["physical_id"], before, others, [], recorded["stack_id"], backends)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", RECORDED)
def test_contract_44_an_upgrade_in_the_middle(
    stage: VirtualStage, record_property: Record, version: str, name: str
) -> None:
    """After any write of an older version, its event succeeds when it comes again, and can be taken back."""
    recorded = json.loads(gzip.decompress((FOLDER / f"{version}.json.gz").read_bytes()))[name]
    scene = scene_of(stage, name, recorded)
    learned = learn(stage, scene)

    def upgraded(cut: dict[str, Any]) -> dict[str, Any]:
        scene.set_up(stage)
        stage.import_state(state(cut))
        stage.world.scheduler.now = float(cut["now"])
        return {**scene.event(stage), "RequestId": cut["request_id"]}

    def comes_again(cut: dict[str, Any]) -> None:
        event = upgraded(cut)
        stage.world.scheduler.now += 60
        finish(stage, scene, stage.deliver(event), learned)

    def is_given_up(cut: dict[str, Any]) -> None:
        upgraded(cut)
        # CloudFormation has waited for its answer. An older version may have been at work for all of its 300 seconds.
        stage.world.scheduler.now += 600
        if scene.operation.request_type == "Update":
            answer = stage.deliver(scene.reversed_event(stage))
            assert answer.succeeded, answer.reason
            assert stage.state() == scene.before
            # Nothing may have been written, where nothing was to be done; the room can be deleted all the same.
            deleted = stage.deliver(scene.delete_event(stage, answer.physical_id, scene.operation.old))
            assert deleted.succeeded, deleted.reason
            check_nothing_left(stage, scene)
        else:
            answer = stage.deliver(scene.delete_event(stage, INVENTED))
            assert answer.succeeded, answer.reason
            check_nothing_left(stage, scene)

    deaths = []
    endings = (comes_again,) if scene.operation.request_type == "Delete" else (comes_again, is_given_up)
    for cut in recorded["cuts"]:
        for ending in endings:
            try:
                ending(cut)
            except AssertionError as failure:
                deaths.append(f"{ending.__name__} after {cut['call']}: {failure}")
    assert recorded["cuts"]
    record_property("cut points", len(recorded["cuts"]))
    record_property("survivors", len(recorded["cuts"]) - len(deaths))
    assert not deaths, "\n".join(deaths)
