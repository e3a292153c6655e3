"""A small real custom resource and the two ports in memory."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random
from typing import Any

from workmail_rooms.sandbox.cloudformation import Engine, Outcome, StackEvent, StackStore
from workmail_rooms.sandbox.cloudformation.ports import ResponsePut, UnknownFunctionError

TOKEN = "arn:aws:lambda:us-east-1:123456789012:function:things"

Answer = Mapping[str, Any] | bytes | None
Script = Callable[[dict[str, Any]], Answer]


class ManualClock:
    """A clock that moves when somebody waits or when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass
class Pending:
    """A ResponseURL in memory.

    Attributes
    ----------
    silent:
        Set when the function ended without an answer.
    """

    url: str
    signed_at: datetime
    clock: ManualClock | None
    puts: "SimpleQueue[ResponsePut]" = field(default_factory=SimpleQueue)
    closed: bool = False
    silent: threading.Event = field(default_factory=threading.Event)

    def wait(self, timeout: float) -> ResponsePut | None:
        """Return the next PUT; a manual clock moves only while nothing can come."""
        with suppress(Empty):
            if timeout == 0 or (self.clock and self.silent.is_set()):
                return self.puts.get_nowait()
            return self.puts.get(timeout=timeout)
        if self.clock and self.silent.is_set():
            self.clock.sleep(timeout)
        return None

    def close(self) -> None:
        """Refuse what arrives from now on."""
        self.closed = True


class Things:
    """A service that keeps things: what a custom resource stands for.

    The function of ``Custom::Thing`` replaces a thing when its ``Kind`` changes, and refuses the Name ``taken``.
    """

    def __init__(self) -> None:
        self.things: dict[str, dict[str, Any]] = {}
        self._made = 0
        self._lock = threading.Lock()

    def handle(self, event: dict[str, Any]) -> Answer:
        """Serve one event."""
        properties = event["ResourceProperties"]
        wanted = {key: value for key, value in properties.items() if key not in {"ServiceToken", "ServiceTimeout"}}
        physical_id = event.get("PhysicalResourceId", "never-made")
        with self._lock:
            if event["RequestType"] == "Delete":
                self.things.pop(physical_id, None)
                return answer(event, physical_id)
            if wanted.get("Name") == "taken":
                return answer(event, physical_id, Status="FAILED", Reason="NameTaken: choose another name")
            old_kind = event.get("OldResourceProperties", {}).get("Kind")
            if event["RequestType"] == "Create" or old_kind != wanted.get("Kind"):
                self._made += 1
                physical_id = f"thing-{self._made}"
            self.things[physical_id] = wanted
            return answer(event, physical_id, Data={"Id": physical_id, "Name": wanted.get("Name", "")})

    def names(self) -> list[str]:
        """Return the names of all things."""
        return sorted(str(thing.get("Name")) for thing in self.things.values())


def answer(event: Mapping[str, Any], physical_id: str, **more: Any) -> dict[str, Any]:
    """Make a well-formed answer."""
    ids = {name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    return {"Status": "SUCCESS", "PhysicalResourceId": physical_id, **ids, **more}


class Cloud:
    """Both ports: runs the function in threads and takes its PUTs.

    Attributes
    ----------
    scripts:
        What to do instead of the usual for (RequestType, logical id).
    events:
        Every event delivered, in order.
    functions:
        The ARNs that name a function.
    """

    def __init__(self, clock: ManualClock | None) -> None:
        self.things = Things()
        self.events: list[dict[str, Any]] = []
        self.scripts: dict[tuple[str, str], Script] = {}
        self.pending: dict[str, Pending] = {}
        self.functions = {TOKEN}
        self.headers: dict[str, str] = {"content-type": ""}
        self._clock = clock
        self._threads = ThreadPoolExecutor(600)
        self._failures: list[BaseException] = []

    def issue(self, *, stack_id: str, logical_resource_id: str, request_id: str, signed_at: datetime) -> Pending:
        """Make a URL."""
        url = f"https://answers.example/{stack_id}|{logical_resource_id}|{request_id}?n={len(self.pending)}"
        self.pending[url] = Pending(url, signed_at, self._clock)
        return self.pending[url]

    def invoke_async(self, function_arn: str, event: Mapping[str, Any]) -> None:
        """Run the function."""
        if function_arn not in self.functions:
            raise UnknownFunctionError(function_arn)
        self.events.append(json.loads(json.dumps(event)))
        self._threads.submit(self._run, self.events[-1])

    def put(self, event: Mapping[str, Any], body: Answer) -> None:
        """Answer *event*."""
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.pending[event["ResponseURL"]].puts.put(ResponsePut(data, self.headers))

    def sent(self) -> list[tuple[str, str]]:
        """Return RequestType and logical id of every event, in order."""
        return [(event["RequestType"], event["LogicalResourceId"]) for event in self.events]

    def last(self, request_type: str, logical_id: str) -> dict[str, Any]:
        """Return the last such event."""
        return [e for e in self.events if (e["RequestType"], e["LogicalResourceId"]) == (request_type, logical_id)][-1]

    def close(self) -> None:
        """Wait for the functions, and fail if a script did."""
        self._threads.shutdown(wait=True)
        assert not self._failures, self._failures

    def _run(self, event: dict[str, Any]) -> None:
        try:
            script = self.scripts.get((event["RequestType"], event["LogicalResourceId"]), self.things.handle)
            body = script(event)
            self.put(event, body)
            if body is None:
                self.pending[event["ResponseURL"]].silent.set()
        except BaseException as error:  # noqa: BLE001 - close() reports it
            self._failures.append(error)


class World:
    """An engine over the cloud, with templates written where it can read them."""

    def __init__(self, folder: Path, clock: ManualClock | None = None, **options: Any) -> None:
        self.clock = clock
        self.cloud = Cloud(clock)
        self.seen: list[StackEvent] = []
        self._folder = folder
        if clock is not None:
            options |= {"clock": clock, "sleep": clock.sleep}
        self.engine = Engine(
            store=options.pop("store", StackStore()),
            functions=self.cloud,
            response_urls=self.cloud,
            random=Random(7),  # noqa: S311 - not for secrets
            on_event=options.pop("on_event", self.seen.append),
            **options,
        )

    @property
    def things(self) -> Things:
        """The service."""
        return self.cloud.things

    def write(self, template: Mapping[str, Any] | str, name: str = "template.yaml") -> Path:
        """Write a template file."""
        path = self._folder / name
        path.write_text(template if isinstance(template, str) else json.dumps(template), encoding="utf-8")
        return path

    def deploy(
        self, template: Mapping[str, Any] | str, parameters: Mapping[str, str] | None = None, stack: str = "demo"
    ) -> Outcome:
        """Deploy a template's text."""
        return self.engine.deploy(self.write(template), stack, parameters)

    def close(self) -> None:
        """Stop everything."""
        self.cloud.close()
        self.engine.close()
