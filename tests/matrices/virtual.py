"""The stage in virtual time: the same as ``tests.harness.Stage`` for a test, with the simulation's Lambda behind it."""

import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final, Protocol
from uuid import UUID

from boto3.dynamodb.types import TypeDeserializer
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.harness import Answer, Interventions, room_properties
from tests.harness.account import Account
from tests.harness.shown import Shown
from tests.simulation.awslambda import LEDGER_TABLE, Delivery, Worker
from tests.simulation.checks import Checks
from tests.simulation.cloudformation import CloudFormation
from tests.simulation.dynamodb import DynamoDBError
from tests.simulation.world import Story, World
from workmail_rooms.sandbox.account import ACCOUNT_ID, REGION
from workmail_rooms.sandbox.awslambda.responses import Received
from workmail_rooms.sandbox.awslambda.sink import Request
from workmail_rooms.sandbox.cloudformation import StackStore
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.ports import ResponsePut
from workmail_rooms.sandbox.cloudformation.protocol import request_event
from workmail_rooms.sandbox.seed import seed
from workmail_rooms.sandbox.services import Answer as Served
from workmail_rooms.sandbox.services import Call
from workmail_rooms.sandbox.workmail import WorkMailBackend
from workmail_rooms.sandbox.workmail.exceptions import WorkMailError

_STACK: Final = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/rooms/"
_TOKEN: Final = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:workmail-resource"
_ACCEPTED: Final = 200
#: Later than any event of the operations is signed.
_BEGINNING: Final = datetime(2026, 6, 1, 12, 30, tzinfo=UTC).timestamp()


class Mortal(Protocol):
    """Who makes calls, and may be killed in the middle of one."""

    dead: bool

    def die(self) -> None:
        """End."""


def client_error(operation: str, code: str, message: str, status: int, **more: Any) -> ClientError:
    """Return what botocore makes of an error."""
    metadata = {"HTTPStatusCode": status, "RequestId": "made-up"}
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata, **more}
    return ClientError(answer, operation)


def as_botocore(operation: str, serve: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return, or raise, what botocore makes of what a service in memory does."""
    try:
        return {"ResponseMetadata": {"HTTPStatusCode": 200, "RequestId": "made-up"}, **serve()}
    except WorkMailError as error:
        raise client_error(operation, error.code, error.message, error.status) from error
    except DynamoDBError as error:
        reasons = {"CancellationReasons": error.reasons} if error.reasons else {}
        raise client_error(operation, error.code, error.message, 400, **reasons) from error


class _Responses(CloudFormation):
    """Takes the answers, and shows the resources of the events that a test has sent."""

    stage: "VirtualStage"

    def put(self, url: str, body: bytes, worker: Worker) -> int:
        """Take an answer."""
        del worker
        headers = {"content-type": "", "content-length": str(len(body))}
        self.stage.puts.setdefault(url, []).append(ResponsePut(body, headers))
        target = url.removeprefix("https://cloudformation.example")
        self.stage.received.append(Received(Request("PUT", target, headers, body), _ACCEPTED))
        return _ACCEPTED

    def describe(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answer DescribeStackResource."""
        try:
            found = self.stage.cloudformation(request["StackName"], request["LogicalResourceId"])
        except ValidationError as error:
            raise DynamoDBError("ValidationError", str(error)) from error
        detail = {"PhysicalResourceId": found.physical_id} if found.physical_id else {}
        return {"StackResourceDetail": {"ResourceStatus": found.status, "StackId": found.stack_id, **detail}}

    def describe_stacks(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answer DescribeStacks of a stack whose events were sent."""
        stack = self.stage.cloudformation.played(request["StackName"])
        if stack is None:
            return None
        began = {"CreationTime": stack.events[0].timestamp}
        return {"Stacks": [{"StackName": stack.name, "StackStatus": stack.status, **began}]}


class _Unchecked(Checks):
    """The matrices' tests check for themselves."""

    def refused(self, worker: Worker, parameters: Mapping[str, Any]) -> None:
        """Note nothing."""


class _World(World):
    """Lambda and the services, with a test's interventions between them."""

    def __init__(self, stage: "VirtualStage") -> None:
        super().__init__(Story(0, ()))
        self.scheduler.now = _BEGINNING
        self._stage = stage
        self.checks = _Unchecked(self)
        self.cloudformation = responses = _Responses(self)
        responses.stage = stage

    def served(self, service: str, operation: str, parameters: Mapping[str, Any], worker: Worker) -> dict[str, Any]:
        """Carry out a call, and let the test do what it wants to before and after it."""
        return self._stage.serve(Call(service, operation, parameters), worker)


@dataclass
class Sent:
    """An event that was handed to the function."""

    event: Mapping[str, Any]
    _stage: "VirtualStage"
    _delivery: "_Delivery" = field(repr=False)

    def ended(self) -> bool:
        """Tell whether the function has done all it will do about the event."""
        return self._delivery.ended

    def answer(self) -> Answer:
        """Let time pass until nothing goes on any more, and return the one answer that came (contract 1)."""
        self._stage.rest()
        assert self.ended(), "the function still works on the event"
        puts = self._stage.puts.pop(str(self.event["ResponseURL"]), [])
        assert len(puts) == 1, f"{len(puts)} answers arrived"
        return Answer.of(puts[0], self.event)


class _Delivery(Delivery):
    """A delivery that knows whether it has ended."""

    ended = False

    def end(self, outcome: str) -> None:
        """Decide what follows the end of a try."""
        self.ended = outcome == "answered"
        super().end(outcome)


class VirtualStage(Account):
    """The provider in its account, in this process; time passes only while the function waits.

    Attributes
    ----------
    made:
        The function's calls.
    puts:
        The answers that nobody has read yet, by ResponseURL.
    received:
        Every answer.
    """

    def __init__(self) -> None:
        self._random = Random(0)  # noqa: S311 - ids, the same in every run
        self.reset()

    def reset(self) -> None:
        """Begin anew: fresh organizations, an empty ledger, no interventions."""
        self.made: list[Call] = []
        self.puts: dict[str, list[ResponsePut]] = {}
        self.received: list[Received] = []
        self.interventions = Interventions()
        self.cloudformation = Shown(StackStore, lambda: self.received)
        self.world = _World(self)
        self._workmail = WorkMailBackend(REGION, ACCOUNT_ID)
        self._workmail.clock = lambda: self.world.scheduler.now
        self._workmail.random = self._random
        seed(self._workmail)
        self.cloudformation_denied = False
        self.stack_id = f"{_STACK}{self._id()}"
        self._number = 0
        self._signed = datetime.fromtimestamp(_BEGINNING, UTC)

    def _id(self) -> str:
        return str(UUID(int=self._random.getrandbits(128), version=4))

    @property
    def workmail(self) -> WorkMailBackend:
        """WorkMail's backend."""
        return self._workmail

    def export_state(self) -> Mapping[str, Any]:
        """Return what the services hold."""
        return {"workmail": self._workmail.export_state(), "ledger": deepcopy(self.world.table.items)}

    def import_state(self, state: Mapping[str, Any]) -> None:
        """Hold what ``export_state`` has returned."""
        self._workmail.import_state(state["workmail"])
        self.world.table.items = deepcopy(state["ledger"])

    # -------------------------------------------------------------------------------------------------- events

    def event(
        self,
        request_type: str,
        *,
        properties: Mapping[str, Any] | None = None,
        old_properties: Mapping[str, Any] | None = None,
        logical_id: str = "Room",
        physical_id: str | None = None,
        request_id: str | None = None,
        signed_at: datetime | None = None,
        stack_id: str | None = None,
    ) -> dict[str, Any]:
        """Make an event with a ResponseURL of its own."""
        service = {"ServiceToken": _TOKEN, "ServiceTimeout": "60"}
        event = request_event(
            request_type,
            stack_id=stack_id or self.stack_id,
            logical_id=logical_id,
            resource_type="Custom::WorkMailResource",
            properties={**service, **(room_properties() if properties is None else properties)},
            physical_id=physical_id,
            old_properties=None if old_properties is None else {**service, **old_properties},
        )
        self._signed = max(self._signed + timedelta(seconds=1), self._now().replace(microsecond=0))
        date = (signed_at or self._signed).strftime("%Y%m%dT%H%M%SZ")
        token = self._id()
        url = f"https://cloudformation.example/{token}?X-Amz-Date={date}&X-Amz-Signature={token.replace('-', '')}"
        return {**event, "RequestId": request_id or self._id(), "ResponseURL": url}

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.world.scheduler.now, UTC)

    def send(self, event: Mapping[str, Any]) -> Sent:
        """Hand *event* to the function, also in the middle of another's call."""
        self.cloudformation.sent(event)
        self._number += 1
        self.world.deliveries += 1
        delivery = _Delivery(self.world, event, f"event {self._number}")
        self.world.scheduler.spawn(delivery.name, delivery.begin, 0.05)
        return Sent(event, self, delivery)

    def deliver(self, event: Mapping[str, Any]) -> Answer:
        """Send *event*, let time pass until nothing goes on any more, and return its one answer (contract 1)."""
        return self.send(event).answer()

    def rest(self) -> None:
        """Let time pass until nothing goes on any more."""
        self.world.scheduler.run(float("inf"))

    def wait(self, condition: Callable[[], object], seconds: float) -> None:
        """Wait in the middle of a call until *condition* holds, at most so many seconds."""
        scheduler = self.world.scheduler
        end = scheduler.now + seconds
        while scheduler.now < end and not condition():
            scheduler.sleep(0.02)

    def kill(self, event: Mapping[str, Any]) -> int:
        """End the workers that handle *event*: at once, or with the call that they are making."""
        same = [one for one in self.world.alive if one.event["RequestId"] == event["RequestId"]]
        for worker in same:
            worker.dead = True
            for task in worker.tasks:
                if task is not self.world.scheduler.current:
                    self.world.scheduler.kill(task)
        return len(same)

    def serve(self, call: Call, worker: Mortal) -> dict[str, Any]:
        """Carry out a call of *worker*, and let the test do what it wants to before and after it.

        Raises
        ------
        WorkMailError, DynamoDBError
            The service refuses.
        ClientError, ConnectionClosedError
            The test refuses.
        """
        self.made.append(call)
        instead = _given(call, worker, self.interventions.on_arrival(call))
        if instead is not None:
            return instead
        refusal: DynamoDBError | WorkMailError | None = None
        answer: dict[str, Any] = {}
        try:
            answer = self._carry_out(call)
        except (DynamoDBError, WorkMailError) as error:
            refusal = error
        _given(call, worker, self.interventions.on_departure(call))
        if refusal is not None:
            raise refusal
        return answer

    def _carry_out(self, call: Call) -> dict[str, Any]:
        world = self.world
        if call.service == "workmail":
            return self.workmail.invoke(call.operation, call.parameters)
        if call.service == "dynamodb":
            return world.table.serve(call.operation, call.parameters)
        if self.cloudformation_denied:
            raise client_error(call.operation, "AccessDenied", f"is not authorized to perform: {call.operation}", 403)
        stacks = call.operation == "DescribeStacks"
        described = (world.cloudformation.describe_stacks if stacks else world.cloudformation.describe)(call.parameters)
        if described is None:
            raise DynamoDBError("ValidationError", "Stack or resource does not exist")
        return described

    # --------------------------------------------------------------------------------------------- what is there

    def mark(self) -> int:
        """Return a mark for ``calls``: now."""
        return len(self.made)

    def calls(self, since: int | None = None) -> tuple[Call, ...]:
        """Return the calls since a mark, by default since the reset."""
        return tuple(self.made[since or 0 :])

    def ledger(self) -> list[dict[str, Any]]:
        """Return the ledger's items as plain values."""
        plain = TypeDeserializer().deserialize
        items = self.world.table.items.values()
        return [{key: plain(value) for key, value in item.items()} for item in items]

    def deny_cloudformation(self) -> None:
        """Let the function's role lack the permission to ask CloudFormation."""
        self.cloudformation_denied = True

    def lose_ledger(self) -> None:
        """Empty the ledger behind everybody's back."""
        self.world.table.items.clear()

    def back_up_ledger(self) -> Callable[[], None]:
        """Return what restores the ledger as it is now."""
        backup = deepcopy(self.world.table.items)

        def restore() -> None:
            self.world.table.items = backup

        return restore

    def load_ledger(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Put items into the ledger, in DynamoDB's JSON."""
        for item in items:
            self.world.table.serve("PutItem", {"TableName": LEDGER_TABLE, "Item": item})


def _given(call: Call, worker: Mortal, given: Served | None) -> dict[str, Any] | None:
    """Let the worker die if it was killed, or let it see the answer that was *given* instead."""
    if worker.dead:
        worker.die()
    if given is None:
        return None
    if given.status == _ACCEPTED:
        accepted: dict[str, Any] = json.loads(given.body)
        return accepted
    if given.status is None:
        raise ConnectionClosedError(endpoint_url="https://service")
    raise client_error(call.operation, given.code, given.message, given.status)
