"""The engine: deploys and deletes stacks of custom resources as CloudFormation does."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from sandbox.cloudformation.create import create_stack
from sandbox.cloudformation.definition import Definition, define
from sandbox.cloudformation.delete import delete_stack
from sandbox.cloudformation.errors import StackFailure, ValidationError
from sandbox.cloudformation.exchange import Delivery, Exchange, Observation
from sandbox.cloudformation.intrinsics import Evaluator, Scope
from sandbox.cloudformation.journal import Journal
from sandbox.cloudformation.operation import Operation, StackResources
from sandbox.cloudformation.outputs import evaluate_outputs, find_export, refuse_lost_exports
from sandbox.cloudformation.parameters import resolve_parameters, typed_values
from sandbox.cloudformation.ports import Functions, ResponseUrls
from sandbox.cloudformation.scalars import as_text
from sandbox.cloudformation.state import Stack, StackEvent, StackStore
from sandbox.cloudformation.update import ReplacementRollback, changes_nothing, refuse_type_changes, update_stack

_STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
_UPDATABLE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"})
_SECTIONS = ("Parameters", "Mappings", "Conditions", "Resources", "Outputs")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an operation ended.

    Attributes
    ----------
    status, reason:
        The stack's, at the end.
    ok:
        Whether the stack is as was asked for.
    changed:
        False when there was nothing to do; ``reason`` says so.
    outputs:
        The stack's outputs.
    events:
        The stack events of this operation.
    """

    stack_name: str
    stack_id: str
    status: str
    reason: str
    ok: bool
    changed: bool
    outputs: Mapping[str, str]
    events: tuple[StackEvent, ...]


@dataclass(frozen=True, slots=True)
class _Plan:
    source: dict[str, Any]
    parameters: dict[str, str]
    definition: Definition
    evaluator: Evaluator


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _ignore_event(_: StackEvent) -> None:
    pass


class Engine:
    """CloudFormation for one account and Region. One operation at a time.

    Parameters
    ----------
    store:
        The stacks; it is changed as operations proceed.
    functions, response_urls:
        The ports.
    clock:
        Returns the time, with a time zone. ServiceTimeout is measured by it.
    uuid:
        Returns a new UUID.
    random:
        Makes the invented physical ids.
    sleep:
        Waits some seconds; only for ``Delivery.delay`` and `settle`.
    exports:
        Exports of stacks that are not in the store, for Fn::ImportValue.
    on_event:
        Called with each stack event as it happens, in the thread of the operation.
    max_parallel:
        How many resources are worked on at the same time, each by one thread.
    delivery:
        How events are delivered; may be changed between operations.
    replacement_rollback:
        What a resource is sent when its replacement is rolled back; may be changed between operations.
    """

    def __init__(
        self,
        *,
        store: StackStore,
        functions: Functions,
        response_urls: ResponseUrls,
        clock: Callable[[], datetime] = _utc_now,
        uuid: Callable[[], object] = uuid4,
        random: Random | None = None,
        sleep: Callable[[float], None] = time.sleep,
        region: str = "us-east-1",
        account_id: str = "123456789012",
        partition: str = "aws",
        exports: Mapping[str, str] | None = None,
        on_event: Callable[[StackEvent], None] = _ignore_event,
        max_parallel: int = 512,
        delivery: Delivery | None = None,
        replacement_rollback: ReplacementRollback = ReplacementRollback.REVERSED_UPDATE,
    ) -> None:
        self.store = store
        self.replacement_rollback = replacement_rollback
        self._clock = clock
        self._uuid = uuid
        self._random = random or SystemRandom()
        self._region = region
        self._account_id = account_id
        self._partition = partition
        self._exports = exports or {}
        self._on_event = on_event
        self._max_parallel = max_parallel
        self._exchange = Exchange(
            functions=functions,
            response_urls=response_urls,
            clock=clock,
            uuid=uuid,
            request_ids=store.request_ids,
            max_parallel=max_parallel,
            delivery=delivery or Delivery(),
            sleep=sleep,
        )

    @property
    def delivery(self) -> Delivery:
        """How events are delivered."""
        return self._exchange.delivery

    @delivery.setter
    def delivery(self, delivery: Delivery) -> None:
        self._exchange.delivery = delivery

    @property
    def observations(self) -> list[Observation]:
        """What was odd about the answers so far."""
        return self._exchange.observations

    def deploy(
        self, template_path: str | Path, stack_name: str, parameters: Mapping[str, str] | None = None
    ) -> Outcome:
        """Create the stack, or update it when it exists.

        Parameters
        ----------
        parameters:
            Parameter values. Where one is missing, the stack's present value stays, else the default applies, as with
            ``aws cloudformation deploy``.

        Raises
        ------
        TemplateFileError
            The template cannot be decoded.
        ValidationError
            CloudFormation would refuse the request; nothing has happened.
        """
        if not _STACK_NAME.fullmatch(stack_name):
            raise ValidationError(
                f"Value '{stack_name}' at 'stackName' failed to satisfy constraint: Member must satisfy regular "
                "expression pattern: [a-zA-Z][-a-zA-Z0-9]* and have at most 128 characters"
            )
        stack = self.store.live(stack_name)
        if stack is None:
            stack = Stack(
                f"arn:{self._partition}:cloudformation:{self._region}:{self._account_id}:stack/{stack_name}/{self._uuid()}",
                stack_name,
            )
            plan = self._plan(Path(template_path), stack, parameters or {})
            return self._create(stack, plan)
        if stack.status not in _UPDATABLE:
            raise ValidationError(
                f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated. "
                "Delete the stack, then deploy again."
            )
        plan = self._plan(Path(template_path), stack, parameters or {})
        return self._update(stack, plan)

    def delete(self, stack_name: str) -> Outcome:
        """Delete the stack. As in AWS, it is no error when there is none."""
        stack = self.store.live(stack_name)
        if stack is None:
            return Outcome(
                stack_name,
                "",
                "DELETE_COMPLETE",
                f"Stack with id {stack_name} does not exist",
                ok=True,
                changed=False,
                outputs={},
                events=(),
            )
        operation, before = self._operation(stack), len(stack.events)
        try:
            refuse_lost_exports(stack, {}, self.store)
        except StackFailure as problem:
            operation.journal.stack("DELETE_FAILED", str(problem))
        else:
            delete_stack(operation)
        return self._outcome(stack, before, {"DELETE_COMPLETE"})

    def settle(self, timeout: float) -> None:
        """Wait for answers that came too late for their operation, at most *timeout* seconds, and record them."""
        self._exchange.settle(timeout)

    def close(self) -> None:
        """Refuse all answers from now on."""
        self._exchange.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _plan(self, path: Path, stack: Stack, given: Mapping[str, str]) -> _Plan:
        # cfn-lint takes two seconds to import, which `delete` and the reading commands of the sandbox need not pay.
        from sandbox.cloudformation import template  # noqa: PLC0415

        document = template.read_template(path)
        for section in _SECTIONS:
            if not isinstance(document.get(section, {}), dict):
                raise ValidationError(f"Template format error: {section} section must be an object")
        source = template.plain(document)
        declared = source.get("Parameters", {})
        parameters = resolve_parameters(
            declared, {name: as_text(value) for name, value in given.items()}, stack.parameters
        )
        scope = Scope(
            values={**typed_values(declared, parameters), **self._pseudo_parameters(stack)},
            mappings=source.get("Mappings", {}),
            language_extensions=bool(template.transforms(document)),
            imports=find_export(self.store, self._exports),
        )
        processed = template.transform_template(document, scope, path, self._region)
        scope = replace(scope, mappings=processed.get("Mappings", {}), conditions=processed.get("Conditions", {}))
        definition = define(processed, scope)
        return _Plan(source, parameters, definition, Evaluator(replace(scope, resources=StackResources(stack))))

    def _create(self, stack: Stack, plan: _Plan) -> Outcome:
        self.store.stacks[stack.name] = stack
        stack.template, stack.parameters = plan.source, plan.parameters
        create_stack(self._operation(stack), plan.definition, plan.evaluator, lambda: self._take_outputs(stack, plan))
        return self._outcome(stack, 0, {"CREATE_COMPLETE"})

    def _update(self, stack: Stack, plan: _Plan) -> Outcome:
        refuse_type_changes(stack, plan.definition)
        before = len(stack.events)
        if changes_nothing(stack, plan.definition, plan.evaluator) and self._keeps_outputs(stack, plan):
            return replace(
                self._outcome(stack, before, _UPDATABLE), changed=False, reason="No updates are to be performed."
            )

        def finish() -> None:
            self._take_outputs(stack, plan)
            stack.template, stack.parameters = plan.source, plan.parameters

        update_stack(self._operation(stack), plan.definition, plan.evaluator, finish, self.replacement_rollback)
        return self._outcome(stack, before, {"UPDATE_COMPLETE"})

    def _keeps_outputs(self, stack: Stack, plan: _Plan) -> bool:
        try:
            return evaluate_outputs(plan.definition, plan.evaluator, stack, self.store) == (
                stack.outputs,
                stack.exports,
            )
        except StackFailure:
            return False

    def _take_outputs(self, stack: Stack, plan: _Plan) -> None:
        outputs, exports = evaluate_outputs(plan.definition, plan.evaluator, stack, self.store)
        refuse_lost_exports(stack, exports, self.store)
        stack.outputs, stack.exports, stack.imports = outputs, exports, sorted(plan.definition.imports)

    def _operation(self, stack: Stack) -> Operation:
        journal = Journal(stack, clock=self._clock, uuid=self._uuid, on_event=self._on_event)
        return Operation(stack, journal, self._exchange, self._random, self._max_parallel)

    def _outcome(self, stack: Stack, first_event: int, wanted: frozenset[str] | set[str]) -> Outcome:
        self._exchange.sweep()
        return Outcome(
            stack_name=stack.name,
            stack_id=stack.stack_id,
            status=stack.status,
            reason=stack.status_reason,
            ok=stack.status in wanted,
            changed=True,
            outputs=dict(stack.outputs),
            events=tuple(stack.events[first_event:]),
        )

    def _pseudo_parameters(self, stack: Stack) -> dict[str, Any]:
        return {
            "AWS::AccountId": self._account_id,
            "AWS::NotificationARNs": [],
            "AWS::Partition": self._partition,
            "AWS::Region": self._region,
            "AWS::StackId": stack.stack_id,
            "AWS::StackName": stack.name,
            "AWS::URLSuffix": "amazonaws.com.cn" if self._partition == "aws-cn" else "amazonaws.com",
        }
