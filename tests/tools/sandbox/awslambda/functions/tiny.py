"""Handlers of the tests: standard library only, one for each thing that can happen to an invocation."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

_seen: list[str] = []
_ticks: list[float] = []


def echo(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the event and what the context and the environment say."""
    _seen.append(context.aws_request_id)
    sys.stdout.write("echo handles an event\n")
    return {
        "event": event,
        "pid": os.getpid(),
        "request_id": context.aws_request_id,
        "seen": len(_seen),
        "remaining": context.get_remaining_time_in_millis(),
        "function_name": context.function_name,
        "function_version": context.function_version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit_in_mb": context.memory_limit_in_mb,
        "log_group_name": context.log_group_name,
        "log_stream_name": context.log_stream_name,
        "environment": dict(os.environ),
        "path": sys.path[0],
    }


def record(event: dict[str, Any], context: Any) -> None:
    """Append a line to the file that the event names, then do what the event says for this try."""
    path = Path(event["file"])
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"request_id": context.aws_request_id, "pid": os.getpid(), "event": event}) + "\n")
    tries = len(path.read_text(encoding="utf-8").splitlines())
    plan = event.get("plan", [])
    step = plan[tries - 1] if tries <= len(plan) else "ok"
    if step == "raise":
        raise ValueError("not today")
    if step == "exit":
        sys.exit(3)
    if step == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if step == "sleep":
        time.sleep(60)


def slow(event: dict[str, Any], _context: Any) -> float:
    """Sleep as long as the event says."""
    time.sleep(event["seconds"])
    return float(event["seconds"])


def thread(_event: dict[str, Any], _context: Any) -> int:
    """Return how often the thread has run that the first event left behind."""
    if not _ticks:
        _ticks.append(time.time())
        threading.Thread(target=_tick, daemon=True).start()
    return len(_ticks)


def _tick() -> None:
    while True:
        time.sleep(0.02)
        _ticks.append(time.time())


def hungry(_event: dict[str, Any], _context: Any) -> int:
    """Hold 64 MB for a moment."""
    return len(bytearray(os.urandom(64 * 2**20)))


def unmarshallable(_event: dict[str, Any], _context: Any) -> object:
    """Return what is no JSON."""
    return object()
