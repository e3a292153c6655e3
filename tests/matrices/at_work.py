"""Writes down what a released version leaves at each write after which its worker can end, for upgrades in between.

``python -m tests.matrices.at_work FUNCTION NAME``, where *FUNCTION* is the folder ``function/`` of that version, and
*NAME* its number. It is run once for each version; the code of an old one is in Git.
"""

import gzip
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.harness.stage import LEDGER_TABLE, Stage
from tests.matrices.injuries import killed_after
from tests.matrices.operations import OPERATIONS, prepare

FOLDER: Final = Path(__file__).resolve().parent / "at_work"
_READS: Final = ("Describe", "Get", "List", "Query")
RECORDED: Final = ("create with everything", "adopt", "update in place", "rename", "delete")


def left(stage: Stage) -> dict[str, Any]:
    """Return what the services hold."""
    state = stage.backends.export_state()
    return {"workmail": state["workmail"], "ledger": state["dynamodb"][LEDGER_TABLE]}


def record(stage: Stage, name: str) -> dict[str, Any]:
    """Let the worker of an operation end after each of its writes, and return what it leaves."""
    scene = prepare(stage, OPERATIONS[name])
    scene.set_up(stage)
    before, mark = left(stage), stage.mark()
    stage.deliver(scene.event(stage))
    calls = [call.operation for call in stage.calls(mark)]
    cuts = []
    for number, operation in enumerate(calls, 1):
        if operation.startswith(_READS):
            continue
        scene.set_up(stage)
        event = scene.event(stage)
        killed_after(stage, event, number)
        (once,) = stage.send(event).wait()
        assert once.outcome.status == "crash", once.outcome
        stage.interventions.clear()
        cuts.append({"call": operation, "request_id": event["RequestId"], "now": int(time.time()), **left(stage)})
    return {"stack_id": stage.stack_id, "physical_id": scene.physical_id, "before": before, "cuts": cuts}


def main(function: str, name: str) -> None:
    """Write down what version *name* leaves, of which the code is in *function*."""

    def adapt(spec: Any) -> Any:
        return replace(spec, code=Path(function), maximum_retry_attempts=0, on_failure=None)

    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), logs=Path(folder) / "logs", adapt=adapt) as stage:
        recorded = {operation: record(stage, operation) for operation in RECORDED}
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(recorded, sort_keys=True)
    (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(*sys.argv[1:])
