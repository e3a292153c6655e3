"""The account that stacks are in: what the engine and every nested stack work with."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from random import Random

from workmail_rooms.sandbox.cloudformation.definition import CDK_METADATA, NESTED_STACK, WAIT_CONDITION_HANDLE
from workmail_rooms.sandbox.cloudformation.delete import delete_stack
from workmail_rooms.sandbox.cloudformation.errors import StackFailure
from workmail_rooms.sandbox.cloudformation.exchange import Exchange
from workmail_rooms.sandbox.cloudformation.journal import Journal
from workmail_rooms.sandbox.cloudformation.kinds import Kind, Placeholders
from workmail_rooms.sandbox.cloudformation.nested import Children, NestedStacks
from workmail_rooms.sandbox.cloudformation.operation import Operation
from workmail_rooms.sandbox.cloudformation.outputs import (
    evaluate_outputs,
    refuse_lost_exports,
    refuse_used_exports,
)
from workmail_rooms.sandbox.cloudformation.plan import Plan, Planner
from workmail_rooms.sandbox.cloudformation.schedule import Stop
from workmail_rooms.sandbox.cloudformation.state import Stack, StackEvent, StackStore
from workmail_rooms.sandbox.cloudformation.update import (
    FailedDelete,
    ReplacementRollback,
    StackUpdate,
    changes_nothing,
)


class Account:
    """One account and Region; see `Engine` for the parameters. Its methods may be called in several threads."""

    def __init__(
        self,
        *,
        store: StackStore,
        planner: Planner,
        exchange: Exchange,
        clock: Callable[[], datetime],
        uuid: Callable[[], object],
        random: Random,
        on_event: Callable[[StackEvent], None],
        max_parallel: int,
        replacement_rollback: ReplacementRollback,
    ) -> None:
        self.replacement_rollback = replacement_rollback
        self.failed_delete = FailedDelete.AFTER
        self.children = Children()
        self._store = store
        self._planner = planner
        self._exchange = exchange
        self._clock = clock
        self._uuid = uuid
        self._random = random
        self._on_event = on_event
        self._max_parallel = max_parallel
        self._lock = threading.RLock()

    def find(self, stack_id: str) -> Stack | None:
        """Return the stack with this id unless it is deleted."""
        return self._store.live(stack_id)

    def found(self, name: str, parent_id: str = "") -> Stack:
        """Make a stack; it is not in the store yet."""
        planner = self._planner
        return Stack(
            f"arn:{planner.partition}:cloudformation:{planner.region}:{planner.account_id}:stack/{name}/{self._uuid()}",
            name,
            parent_id=parent_id,
        )

    def add(self, stack: Stack) -> None:
        """Put a stack into the store."""
        with self._lock:
            self._store.add(stack)

    def plan(
        self, path: Path, stack: Stack, given: Mapping[str, str], previous: Mapping[str, str] | None = None
    ) -> Plan:
        """Read a template; see `Planner.plan`."""
        with self._lock:
            return self._planner.plan(path, stack, given, previous or {})

    def open(
        self,
        stack: Stack,
        path: Path | None = None,
        stop: Stop | None = None,
        skip: frozenset[str] = frozenset(),
    ) -> Operation:
        """Begin an operation."""
        journal = Journal(stack, clock=self._clock, uuid=self._uuid, on_event=self._on_event, lock=self._lock)
        placeholders = Placeholders(stack)
        kinds: dict[str, Kind] = {WAIT_CONDITION_HANDLE: placeholders, CDK_METADATA: placeholders}
        operation = Operation(
            stack, journal, self._exchange, self._random, self._max_parallel, kinds, stop or Stop(), skip
        )
        kinds[NESTED_STACK] = NestedStacks(operation, path, self, self.children)
        return operation

    def finish(self, stack: Stack, plan: Plan) -> None:
        """Take what *plan* leads to: template, parameters, outputs and exports.

        Raises
        ------
        StackFailure
            An output has no value, or an export is another stack's or is needed as it was.
        """
        with self._lock:
            outputs, exports = evaluate_outputs(plan.definition, plan.evaluator, stack, self._store)
            refuse_lost_exports(stack, exports, self._store)
            stack.outputs, stack.exports, stack.imports = outputs, exports, sorted(plan.definition.imports)
            stack.template, stack.parameters = plan.source, plan.parameters

    def is_current(self, operation: Operation, plan: Plan) -> bool:
        """Return whether *plan* changes nothing."""
        stack = operation.stack
        if not changes_nothing(operation, plan.definition, plan.evaluator):
            return False
        try:
            found = evaluate_outputs(plan.definition, plan.evaluator, stack, self._store)
        except StackFailure:
            return False
        return found == (stack.outputs, stack.exports)

    def update(self, operation: Operation, plan: Plan, *, preserve: bool = False) -> StackUpdate:
        """Make the update that leads to *plan*; *preserve* makes it one without rollback."""
        stack = operation.stack

        def take() -> None:
            stack.template, stack.parameters = plan.source, plan.parameters

        return StackUpdate(
            operation=operation,
            definition=plan.definition,
            evaluator=plan.evaluator,
            finish=lambda: self.finish(stack, plan),
            take=take,
            replacement_rollback=self.replacement_rollback,
            failed_delete=self.failed_delete,
            preserve=preserve,
        )

    def delete(self, operation: Operation) -> None:
        """Delete a stack, unless another one imports what it exports."""
        try:
            refuse_used_exports(operation.stack, self._store)
        except StackFailure as problem:
            # CloudFormation leaves the status as it is, and gives it this reason.
            operation.stack.status_reason = str(problem)
        else:
            delete_stack(operation)
