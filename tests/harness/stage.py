"""One account with the provider in it, kept running for many tests."""

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from boto3.dynamodb.types import TypeDeserializer

from tests.harness.account import Account
from tests.harness.answer import Answer
from tests.harness.interventions import Interceptor, Interventions
from tests.harness.properties import resources_template, room_properties
from tests.harness.records import actions, event_secrets
from tests.harness.shown import Shown
from workmail_rooms.sandbox.account import ACCOUNT_ID, REGION
from workmail_rooms.sandbox.awslambda import FunctionSpec, Invocation, LambdaService
from workmail_rooms.sandbox.awslambda.certificates import LocalCertificates
from workmail_rooms.sandbox.awslambda.responses import (
    IssuedUrl,
    Misbehaviour,
    Presign,
    Received,
    ResponseEndpoint,
    presigned_target,
)
from workmail_rooms.sandbox.backends import Backends
from workmail_rooms.sandbox.cloudformation import (
    Engine,
    Outcome,
    Stack,
    StackResourceDetail,
    StackStore,
    describe_stacks,
)
from workmail_rooms.sandbox.cloudformation.ports import ResponsePut, UnknownFunctionError
from workmail_rooms.sandbox.cloudformation.protocol import request_event
from workmail_rooms.sandbox.provider import read_provider
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE
from workmail_rooms.sandbox.seed import seed
from workmail_rooms.sandbox.services import Call, Services
from workmail_rooms.sandbox.workmail import WorkMailBackend

LEDGER_TABLE = "workmail-resource-LedgerTable"

_PATIENCE = 90.0
_POLL = 0.005
_GLANCE = 0.1


@dataclass(frozen=True)
class Function:
    """One configuration of the provider's function, with worker processes of its own.

    Attributes
    ----------
    arn:
        Its ServiceToken.
    """

    spec: FunctionSpec
    service: LambdaService

    @property
    def arn(self) -> str:
        """The ServiceToken."""
        return self.spec.arn


@dataclass(frozen=True)
class Sent:
    """An event that was handed to the function.

    Attributes
    ----------
    event:
        As it was sent.
    """

    event: Mapping[str, Any]
    _function: Function
    _copies: int
    _first: int
    _pending: IssuedUrl | None

    def ended(self) -> tuple[Invocation, ...]:
        """Return the tries that have ended so far."""
        same = json.loads(json.dumps(self.event))
        return tuple(one for one in self._function.service.invocations[self._first :] if one.event == same)

    def wait(self, timeout: float = _PATIENCE) -> tuple[Invocation, ...]:
        """Wait until the function has done all it will do about the event, Lambda's retries included.

        Raises
        ------
        AssertionError
            It takes longer than *timeout* seconds.
        """
        deadline = time.monotonic() + timeout
        idle = False
        while True:
            tries = self.ended()
            final = self._function.spec.maximum_retry_attempts + 1
            succeeded = sum(one.outcome.status == "success" for one in tries)
            lost = sum(one.outcome.status != "success" and one.attempt >= final for one in tries)
            if succeeded + min(lost, self._in_last_resort()) >= self._copies:
                return tries
            assert time.monotonic() < deadline, f"the function still works on the event after {timeout} seconds"
            if idle:
                time.sleep(_POLL)
            idle = self._function.service.wait_until_idle(_GLANCE)

    def _in_last_resort(self) -> float:
        """Return how often the function's on-failure destination has dealt with the event; without one, no matter."""
        if self._function.spec.on_failure is None:
            return math.inf
        request_ids = {one.request_id for one in self.ended()}
        return sum(
            one.function != self._function.spec.name
            and one.event.get("requestContext", {}).get("requestId") in request_ids
            for one in self._function.service.invocations[self._first :]
        )

    def puts(self) -> list[ResponsePut]:
        """Return the PUTs that have arrived since the last look, without waiting."""
        found: list[ResponsePut] = []
        while self._pending is not None and (put := self._pending.wait(0)) is not None:
            found.append(put)
        return found

    def answers(self, timeout: float = _PATIENCE) -> list[Answer]:
        """Wait for the end, and return every answer that came; each has to keep the protocol."""
        self.wait(timeout)
        return [Answer.of(put, self.event) for put in self.puts()]

    def answer(self, timeout: float = _PATIENCE) -> Answer:
        """Wait for the end, and return the one answer that came (contract 1).

        Raises
        ------
        AssertionError
            None came, or several, or one that breaks the protocol.
        """
        tries = self.wait(timeout)
        puts = self.puts()
        assert len(puts) == self._copies, (
            f"{len(puts)} answers arrived, not {self._copies}; the tries: "
            f"{[(one.attempt, one.outcome.status, one.outcome.payload) for one in tries]}"
        )
        return Answer.of(puts[0], self.event)


class _Router:
    """Finds the service that runs a function. Implements ``sandbox.cloudformation.ports.Functions``."""

    def __init__(self, functions: Mapping[str, Function]) -> None:
        self._functions = functions

    def invoke_async(self, function_arn: str, event: Mapping[str, Any]) -> None:
        """Queue *event* for the function."""
        function = self._functions.get(function_arn)
        if function is None:
            raise UnknownFunctionError(function_arn)
        function.service.invoke_async(function_arn, event)


class Stage(Account):
    """The provider in its account, and CloudFormation's part for a test to play.

    Worker processes live as long as the stage; everything else is fresh after ``reset``.

    Parameters
    ----------
    folder:
        For certificates and templates.
    logs:
        For the functions' log streams.
    adapt:
        Changes the specification of every function that is run, to put another handler in the provider's place.
    """

    def __init__(
        self, folder: Path, *, logs: Path, adapt: Callable[[FunctionSpec], FunctionSpec] = lambda spec: spec
    ) -> None:
        self._folder = folder
        self._logs = logs
        self._adapt = adapt
        self._stack = ExitStack()
        self._certificates = LocalCertificates(folder / "certificates")
        self._functions: dict[str, Function] = {}
        self._variants: dict[str, Function] = {}
        self._router = _Router(self._functions)
        self._secrets: set[str] = set()
        self._actions: set[str] = set()
        self.backends = Backends()
        self.services = self._stack.enter_context(
            Services(self.backends, describe=self._describe, stacks=self._describe_stacks)
        )
        self.provider = read_provider(
            PROVIDER_TEMPLATE,
            account_id=ACCOUNT_ID,
            region=REGION,
            variables={**self.services.variables, **self._certificates.client_variables()},
        )
        self.endpoint = self._stack.enter_context(ResponseEndpoint(self._certificates))
        self._misbehaved = False
        self._engine: Engine | None = None
        self._mark = 0
        self._seen = 0
        self._known: dict[str, int] = {}
        self._log_sizes: dict[Path, int] = {}
        self.reset()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers and stop all servers."""
        self.tidy()
        for function in self._variants.values():
            function.service.close()
        self._stack.close()

    def reset(self) -> None:
        """Begin anew: fresh organizations, an empty ledger, no stacks, no interventions; the workers stay warm."""
        self.tidy()
        if self._misbehaved:
            self.endpoint.close()
            self.endpoint = self._stack.enter_context(ResponseEndpoint(self._certificates))
            self._misbehaved = False
        self.backends = Backends()
        seed(self.backends.workmail)
        for name, properties in self.provider.tables.items():
            self.backends.create_table(name, properties)
        self.services.backends = self.backends
        self.interventions = Interventions()
        self.services.interceptor = Interceptor(self.interventions)
        self.stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT_ID}:stack/rooms/{uuid4()}"
        self._issued: dict[str, IssuedUrl] = {}
        self.services.cloudformation_denied = False
        self.cloudformation = Shown(lambda: self.engine.store, lambda: self.endpoint.received)
        self._now = datetime.now(UTC).replace(microsecond=0)
        self._mark = len(self.services.calls)
        self._log_sizes = {path: path.stat().st_size for path in self._log_files()}

    def tidy(self) -> None:
        """End what a test has left running, and remember what the checks at the end of the suite need."""
        self.services.interceptor = Interceptor(Interventions())
        if self._engine is not None:
            self._engine.close()
            self._engine = None
        for function in self._variants.values():
            deadline = time.monotonic() + _PATIENCE
            while not function.service.wait_until_idle(0.5):
                assert time.monotonic() < deadline, f"{function.spec.name} does not come to rest"
                function.service.kill(lambda _event: True)
            invocations = function.service.invocations
            for invocation in invocations[self._known.get(function.arn, 0) :]:
                self._secrets.update(event_secrets(invocation.event))
            self._known[function.arn] = len(invocations)
            function.service.cold, function.service.copies = False, lambda _event: 1
        self._actions.update(action for call in self.services.calls[self._seen :] for action in actions(call))
        self._seen = len(self.services.calls)

    # ----------------------------------------------------------------------------------------------- functions

    @property
    def function(self) -> Function:
        """The provider's function as the template configures it."""
        return self.variant("standard")

    def variant(self, name: str, *, environment: Mapping[str, str | None] | None = None, **changes: Any) -> Function:
        """Return a function with another configuration; its workers are kept, so one name means one configuration.

        Parameters
        ----------
        name:
            Becomes part of the ARN.
        environment:
            Variables to add or to replace; None takes one out.
        changes:
            Fields of ``FunctionSpec``.
        """
        if name not in self._variants:
            spec = next(one for one in self.provider.functions if one.arn in self.provider.exports.values())
            variables: dict[str, str | None] = {**spec.environment, **(environment or {})}
            spec = replace(
                spec,
                arn=spec.arn if name == "standard" else f"{spec.arn}-{name}",
                environment={key: value for key, value in variables.items() if value is not None},
                **changes,
            )
            spec = self._adapt(spec)
            siblings = [one for one in self.provider.functions if one.arn not in self.provider.exports.values()]
            function = Function(spec, LambdaService([spec, *siblings], logs=self._logs))
            self._variants[name] = self._functions[spec.arn] = function
        return self._variants[name]

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
        resource_type: str = "Custom::WorkMailResource",
        function: Function | None = None,
    ) -> dict[str, Any]:
        """Make an event with a ResponseURL of its own.

        Parameters
        ----------
        properties:
            By default those of a plain room; ServiceToken and ServiceTimeout are added.
        signed_at:
            By default a second later than that of the event made before.
        function:
            Whose ServiceToken it bears; by default the standard one.
        """
        token = (function or self.function).arn
        service = {"ServiceToken": token, "ServiceTimeout": "60"}
        declared = room_properties() if properties is None else properties
        stack_id = self.stack_id if stack_id is None else stack_id
        event = request_event(
            request_type,
            stack_id=stack_id,
            logical_id=logical_id,
            resource_type=resource_type,
            properties={**service, **declared},
            physical_id=physical_id,
            old_properties=None if old_properties is None else {**service, **old_properties},
        )
        event["RequestId"] = request_id or str(uuid4())
        return self.sign(event, signed_at)

    def sign(
        self, event: Mapping[str, Any], signed_at: datetime | None = None, presign: Presign = presigned_target
    ) -> dict[str, Any]:
        """Return *event* with a new ResponseURL, in another form if *presign* says so."""
        self._now += timedelta(seconds=1)
        issued = self.endpoint.issue(
            stack_id=self.stack_id,
            logical_resource_id=str(event.get("LogicalResourceId")),
            request_id=str(event.get("RequestId")),
            signed_at=signed_at or self._now,
            presign=presign,
        )
        self._issued[issued.url] = issued
        return {**event, "ResponseURL": issued.url}

    def send(self, event: Mapping[str, Any], *, function: Function | None = None, copies: int = 1) -> Sent:
        """Hand *event* to its function and return at once.

        Parameters
        ----------
        function:
            By default the one whose ARN the event bears.
        copies:
            How often it is delivered, all at once.
        """
        function = function or self._functions.get(str(event.get("ServiceToken"))) or self.function
        url = event.get("ResponseURL")
        self.cloudformation.sent(event)
        sent = Sent(
            event=event,
            _function=function,
            _copies=copies,
            _first=len(function.service.invocations),
            _pending=self._issued.get(url) if isinstance(url, str) else None,
        )
        for _ in range(copies):
            function.service.invoke_async(function.arn, event)
        return sent

    def deliver(
        self,
        event: Mapping[str, Any],
        *,
        function: Function | None = None,
        copies: int = 1,
        timeout: float = _PATIENCE,
    ) -> Answer:
        """Send *event*, wait until the function is done with it, and return its one answer (contract 1)."""
        return self.send(event, function=function, copies=copies).answer(timeout)

    def kill(self, event: Mapping[str, Any]) -> int:
        """End (``kill -9``) the workers that handle *event* at this moment; return how many."""
        return sum(
            function.service.kill(
                lambda busy: (
                    (busy.get("RequestId"), busy.get("RequestType"))
                    == (event.get("RequestId"), event.get("RequestType"))
                )
            )
            for function in tuple(self._variants.values())
        )

    def misbehave(self, *, times: int = 1, **misbehaviour: Any) -> None:
        """Let the response endpoint do something else (see ``Misbehaviour``) to the next *times* answers."""
        self._misbehaved = True
        self.endpoint.misbehave(Misbehaviour(**misbehaviour), times)

    @property
    def trust(self) -> Mapping[str, str]:
        """The environment variables that let a process trust the response endpoint."""
        return self._certificates.client_variables()

    @property
    def received(self) -> tuple[Received, ...]:
        """Every request that ever arrived at the present response endpoint."""
        return self.endpoint.received

    # -------------------------------------------------------------------------------------------------- stacks

    @cached_property
    def _templates(self) -> Path:
        folder = self._folder / "templates"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _describe(self, stack_name: str, logical_id: str) -> StackResourceDetail:
        return self.cloudformation(stack_name, logical_id)

    def _describe_stacks(self, stack_name: str) -> Sequence[Stack]:
        played = self.cloudformation.played(stack_name)
        return describe_stacks(self.engine.store, stack_name, besides=[] if played is None else [played])

    def deny_cloudformation(self) -> None:
        """Let the function's role lack the permission to ask CloudFormation."""
        self.services.cloudformation_denied = True

    @property
    def engine(self) -> Engine:
        """CloudFormation."""
        if self._engine is None:
            self._engine = Engine(
                store=StackStore(),
                functions=self._router,
                response_urls=self.endpoint,
                exports=self.provider.exports,
                max_parallel=32,
            )
        return self._engine

    def template(
        self, resources: Mapping[str, Mapping[str, Any]], *, function: Function | None = None, **sections: Any
    ) -> dict[str, Any]:
        """Return a template that declares *resources*: properties by logical id."""
        return resources_template((function or self.function).arn, resources, **sections)

    def deploy(
        self,
        template: Mapping[str, Any] | Path,
        stack_name: str = "rooms",
        parameters: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Create or update a stack."""
        if not isinstance(template, Path):
            path = self._templates / f"{stack_name}.json"
            path.write_text(json.dumps(template), encoding="utf-8")
            template = path
        return self.engine.deploy(template, stack_name, parameters)

    def delete(self, stack_name: str = "rooms") -> Outcome:
        """Delete a stack."""
        return self.engine.delete(stack_name)

    def stack(self, stack_name: str = "rooms") -> Stack:
        """Return what CloudFormation knows of a stack."""
        stack = self.engine.store.last(stack_name)
        assert stack is not None, f"there never was a stack {stack_name}"
        return stack

    # --------------------------------------------------------------------------------------------- what is there

    @property
    def workmail(self) -> WorkMailBackend:
        """WorkMail's backend: ``behaviour`` and ``hooks`` may be set, ``invoke`` makes a call off the record."""
        return self.backends.workmail

    def mark(self) -> int:
        """Return a mark for ``calls``: now."""
        return len(self.services.calls)

    def calls(self, since: int | None = None) -> tuple[Call, ...]:
        """Return the calls since a mark, by default since the reset."""
        return self.services.calls[self._mark if since is None else since :]

    def ledger(self) -> list[dict[str, Any]]:
        """Return the ledger's items as plain values."""
        plain = TypeDeserializer().deserialize
        with self.backends.dynamodb_lock:
            items = [item.to_json()["Attributes"] for item in self.backends.dynamodb.tables[LEDGER_TABLE].all_items()]
        return [{key: plain(value) for key, value in item.items()} for item in items]

    def export_state(self) -> Mapping[str, Any]:
        """Return what the services hold."""
        return self.backends.export_state()

    def import_state(self, state: Mapping[str, Any]) -> None:
        """Hold what ``export_state`` has returned."""
        self.backends.import_state(state)

    def lose_ledger(self) -> None:
        """Empty the ledger behind everybody's back."""
        with self.backends.dynamodb_lock:
            self.backends.dynamodb.tables[LEDGER_TABLE].items.clear()

    def back_up_ledger(self) -> Callable[[], None]:
        """Return what restores the ledger as it is now."""
        with self.backends.dynamodb_lock:
            table = self.backends.dynamodb.tables[LEDGER_TABLE]
            backup = [item.to_json()["Attributes"] for item in table.all_items()]

        def restore() -> None:
            self.lose_ledger()
            self.load_ledger(backup)

        return restore

    def load_ledger(self, items: Iterable[Mapping[str, Any]]) -> None:
        """Put items into the ledger, in DynamoDB's JSON."""
        with self.backends.dynamodb_lock:
            table = self.backends.dynamodb.tables[LEDGER_TABLE]
            for item in items:
                table.put_item(dict(item), overwrite=True)

    # ---------------------------------------------------------------------------------------------------- records

    def logs(self) -> str:
        """Return everything that the functions have logged since the reset."""
        return "".join(self._tail(path) for path in self._log_files())

    def log_records(self) -> list[dict[str, Any]]:
        """Return the JSON records among the log lines since the reset."""
        return [json.loads(line) for line in self.logs().splitlines() if line.startswith("{")]

    @property
    def secrets(self) -> Sequence[str]:
        """Every signature and Description that the functions were handed so far."""
        self.tidy()
        return sorted(self._secrets)

    @property
    def actions(self) -> Sequence[str]:
        """Every IAM action that the functions needed so far."""
        self.tidy()
        return sorted(self._actions)

    def _log_files(self) -> list[Path]:
        return sorted(self._logs.glob("**/*.log"))

    def _tail(self, path: Path) -> str:
        with path.open("rb") as file:
            file.seek(self._log_sizes.get(path, 0))
            return file.read().decode(errors="replace")
