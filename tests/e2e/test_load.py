"""A stack with many rooms gets through a limited rate of calls, and uses it well."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from benchmarks.load import CHANGE, Load, Phase
from benchmarks.waiting import measure
from workmail_rooms.sandbox.provider import read_provider
from workmail_rooms.sandbox.rooms import Room
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE, Sandbox
from workmail_rooms.sandbox.state import StateFolder
from workmail_rooms.sandbox.workmail.faults import RateLimit

#: The rate of `make bench`. Whether a busy machine ever reaches it does not matter here.
LIMIT: Final = RateLimit(per_second=25.0, burst=1)
ROOMS: Final = {"Floors": "01", "TopFloors": "02", "Rooms": "01,02"}
#: Another room for each worker, so that the processes have started when the clock does.
WARM_UP: Final = {"Floors": "90", "TopFloors": "91", "Rooms": "01"}

MOST_MEMORY = 128 * 1024 * 1024


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Make a sandbox whose WorkMail carries out so many calls a second."""
    with Sandbox(StateFolder(tmp_path / "state"), workers=2) as sandbox:
        yield Load(sandbox, LIMIT)


def names(rooms: tuple[Room, ...]) -> set[str]:
    """Return the names of *rooms*, of which no two are the same."""
    found = [room.Name for room in rooms]
    assert len(found) == len(set(found))
    return set(found)


def check(phase: Phase) -> None:
    """Hold a phase against what is promised of each."""
    assert phase.outcome.ok, phase.outcome.reason
    assert phase.memory <= MOST_MEMORY


def test_many_rooms_wait_in_lambda_s_queue() -> None:
    """Events that find no room come back until there is some; one that waited too long is answered, and counted."""
    provider = read_provider(PROVIDER_TEMPLATE, account_id="123456789012", region="us-east-1")
    spec = replace(provider.functions[0], throttle_delays=(1.0, 300.0))
    load = measure(spec, concurrency=3, rate=25.0, rooms=40)
    assert (load.status, load.tries, load.given_up) == ("CREATE_COMPLETE", 40, 0)
    assert load.throttled > 37
    assert load.refused > 0
    # WHEN Lambda keeps events for no longer than half of that
    hurried = measure(replace(spec, maximum_event_age=load.seconds / 2), concurrency=3, rate=25.0, rooms=40)
    # THEN some are given up, and the stack fails
    assert hurried.given_up > 0
    assert hurried.status.startswith("ROLLBACK")


@pytest.mark.long
def test_many_rooms_at_a_limited_rate(load: Load) -> None:
    """Four rooms are created, two of them changed and all deleted at 25 calls a second: each exactly once."""
    assert load.deploy("warm up", WARM_UP).outcome.ok
    # WHEN four rooms take the place of the first ones
    created = load.deploy("create", ROOMS)
    # THEN each is there, and was created exactly once
    check(created)
    expected = {f"room-0{floor}-{number:02}" for floor in range(1, 3) for number in range(1, 3)}
    assert names(created.rooms) == expected
    assert created.count("CreateResource") == 4
    assert all(room.State == "ENABLED" for room in created.rooms)
    # WHEN those of the top floor are described anew
    updated = load.deploy("update", {**ROOMS, **CHANGE})
    # THEN these are changed, and nothing else is touched
    check(updated)
    assert updated.handled == updated.count("UpdateResource") == 2
    assert {room.Name: room.Description for room in updated.rooms} == {
        name: CHANGE["TopFloorDescription"] if name.startswith("room-02") else "" for name in expected
    }
    # WHEN the stack is deleted
    deleted = load.delete()
    # THEN nothing is left
    check(deleted)
    assert deleted.rooms == ()
    assert deleted.count("DeleteResource") == 4
