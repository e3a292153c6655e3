"""The provider with a lifecycle that misbehaves as the property ``Sabotage`` of the event says.

What the response layer makes of it does not depend on WorkMail, so nothing is called.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from crhelper import CfnResource

from workmail_resource.lifecycle import create, delete, update
from workmail_resource.lifecycle.work import Result, Work

ROOM = "r-" + "5" * 32


def _do(sabotage: str) -> Any:
    match sabotage:
        case "exit":
            sys.exit("as the test asked")
        case "silent":
            raise RuntimeError
        case "long":
            raise RuntimeError("the cause stands here. " + "and so on, 字 " * 2000)
        case "huge data":
            return Result(ROOM, {"Name": "n" * 6000})
        case "data that is not JSON":
            return Result(ROOM, {"Name": b"bytes"})  # type: ignore[dict-item] # that is the sabotage
        case "a new id":
            return "some-other-id"
        case _:
            return Result(ROOM, {"Name": "boardroom"})


def _sabotaged(original: Callable[..., Any]) -> Callable[..., Any]:
    def run(work: Work, **options: Any) -> Any:
        sabotage = work.event.properties.get("Sabotage")
        return original(work, **options) if sabotage is None else _do(sabotage)

    return run


def _secretive(original: Callable[..., Any]) -> Callable[..., Any]:
    """Set NoEcho as a handler would, where crhelper prepares itself for an event."""

    def run(self: CfnResource, event: dict[str, Any], context: object) -> Any:
        if event["ResourceProperties"].get("Sabotage") == "no echo":
            self.NoEcho = True
        return original(self, event, context)

    return run


# Before either handler is imported, which takes the functions by name.
create.create = _sabotaged(create.create)
update.update = _sabotaged(update.update)
delete.delete = _sabotaged(delete.delete)
CfnResource._crhelper_init = _secretive(  # type: ignore[attr-defined] # noqa: SLF001 - what both handlers pass
    CfnResource._crhelper_init  # type: ignore[attr-defined] # noqa: SLF001 - not in crhelper's stub file
)

handler = importlib.import_module(os.environ["PROVIDER_MODULE"]).handler
