"""What the stage's CloudFormation shows of events that are sent by hand is what CloudFormation would show."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.shown import Shown
from workmail_rooms.sandbox.awslambda.responses import Received
from workmail_rooms.sandbox.awslambda.sink import Request
from workmail_rooms.sandbox.cloudformation import StackStore, ValidationError

STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/rooms/1"


class Play:
    """Events and answers, one after the other."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.shown = Shown(StackStore, lambda: self.received)
        self._urls = 0

    def send(self, kind: str, physical_id: str = "") -> Callable[..., None]:
        """Send an event; return the function that answers it."""
        self._urls += 1
        target = f"/{self._urls}"
        event: dict[str, Any] = {
            "RequestType": kind,
            "StackId": STACK,
            "LogicalResourceId": "Room",
            "ResponseURL": f"https://localhost:1{target}",
        }
        self.shown.sent({**event, "PhysicalResourceId": physical_id} if physical_id else event)

        def answered(physical_id: str, status: str = "SUCCESS") -> None:
            body = json.dumps({"Status": status, "PhysicalResourceId": physical_id}).encode()
            self.received.append(Received(Request("PUT", target, {}, body), 200))

        return answered

    @property
    def now(self) -> tuple[str, str]:
        """The status and the physical id."""
        detail = self.shown(STACK, "Room")
        return detail.status, detail.physical_id


def test_a_life() -> None:
    """Create, a replacement, the clean-up and Delete, each before and after its answer."""
    play = Play()
    with pytest.raises(ValidationError, match="does not exist"):
        play.shown(STACK, "Room")
    create = play.send("Create")
    assert play.now == ("CREATE_IN_PROGRESS", "")
    create("r-1")
    assert play.now == ("CREATE_COMPLETE", "r-1")
    update = play.send("Update", "r-1")
    assert play.now == ("UPDATE_IN_PROGRESS", "r-1")
    update("r-2")
    clean_up = play.send("Delete", "r-1")
    assert play.now == ("UPDATE_COMPLETE", "r-2")
    clean_up("r-1")
    assert play.now == ("UPDATE_COMPLETE", "r-2")
    play.send("Update", "r-2")("r-2", "FAILED")
    assert play.now == ("UPDATE_FAILED", "r-2")
    delete = play.send("Delete", "r-2")
    assert play.now == ("DELETE_IN_PROGRESS", "r-2")
    delete("r-2")
    assert play.now == ("DELETE_COMPLETE", "r-2")


def test_a_cancelled_create() -> None:
    """The Delete of a cancelled Create bears an invented id, which counts; the late answer does not."""
    play = Play()
    create = play.send("Create")
    play.send("Delete", "invented")
    create("r-1")
    assert play.now == ("DELETE_IN_PROGRESS", "invented")


@pytest.mark.parametrize("when", ["before", "between", "after"])
def test_a_retried_create(when: str) -> None:
    """The Delete of what a failed Create has left takes nothing from the one that is retried."""
    play = Play()
    play.send("Create")("failed", "FAILED")
    assert play.now == ("CREATE_FAILED", "failed")
    if when == "before":
        play.send("Delete", "failed")("failed")
    create = play.send("Create")
    if when == "between":
        play.send("Delete", "failed")("failed")
    assert play.now == ("CREATE_IN_PROGRESS", "")
    create("r-1")
    if when == "after":
        play.send("Delete", "failed")("failed")
    assert play.now == ("CREATE_COMPLETE", "r-1")


def test_what_a_test_says() -> None:
    """A test can show anything else, nothing, or no stack at all."""
    play = Play()
    play.send("Create")("r-1")
    play.shown.show(STACK, "Room", "r-9", "UPDATE_COMPLETE")
    assert play.now == ("UPDATE_COMPLETE", "r-9")
    play.shown.hide(STACK, "Room")
    with pytest.raises(ValidationError, match="Resource Room does not exist for stack"):
        play.shown(STACK, "Room")
    play.shown.lose(STACK)
    with pytest.raises(ValidationError, match=r"Stack .* does not exist"):
        play.shown(STACK, "Room")
