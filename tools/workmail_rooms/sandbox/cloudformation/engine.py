"""The engine: deploys and deletes stacks of custom resources as CloudFormation does."""

import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random, SystemRandom
from types import TracebackType
from typing import Self
from uuid import uuid4

from workmail_rooms.sandbox.cloudformation.account import Account
from workmail_rooms.sandbox.cloudformation.create import create_stack
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.cloudformation.exchange import Delivery, Exchange, Observation
from workmail_rooms.sandbox.cloudformation.nested import UPDATABLE
from workmail_rooms.sandbox.cloudformation.outputs import find_export
from workmail_rooms.sandbox.cloudformation.plan import Plan, Planner
from workmail_rooms.sandbox.cloudformation.ports import Functions, ResponseUrls
from workmail_rooms.sandbox.cloudformation.state import Stack, StackEvent, StackStore
from workmail_rooms.sandbox.cloudformation.update import (
    RETRIABLE,
    FailedDelete,
    ReplacementRollback,
    clean_up,
    refuse_continuation,
    refuse_type_changes,
    roll_back,
    update_stack,
)

_STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
# How long an interrupted operation on a nested stack may take to end, in seconds.
_END = 5.0


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
    parameter_store:
        Systems Manager's parameters, by name, for parameters of a type ``AWS::SSM::Parameter::Value<...>``.
    on_event:
        Called with each stack event as it happens, one at a time; those of nested stacks come in threads of their own.
    max_parallel:
        How many resources of one stack are worked on at the same time, each by one thread.
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
        parameter_store: Mapping[str, str] | None = None,
        on_event: Callable[[StackEvent], None] = _ignore_event,
        max_parallel: int = 512,
        delivery: Delivery | None = None,
        replacement_rollback: ReplacementRollback = ReplacementRollback.REVERSED_UPDATE,
    ) -> None:
        self.store = store
        self._exchange = Exchange(
            functions=functions,
            response_urls=response_urls,
            clock=clock,
            uuid=uuid,
            store=store,
            max_parallel=max_parallel,
            delivery=delivery or Delivery(),
            sleep=sleep,
        )
        self._account = Account(
            store=store,
            planner=Planner(region, account_id, partition, find_export(store, exports or {}), parameter_store or {}),
            exchange=self._exchange,
            clock=clock,
            uuid=uuid,
            random=random or SystemRandom(),
            on_event=on_event,
            max_parallel=max_parallel,
            replacement_rollback=replacement_rollback,
        )

    @property
    def replacement_rollback(self) -> ReplacementRollback:
        """What a resource is sent when its replacement is rolled back."""
        return self._account.replacement_rollback

    @replacement_rollback.setter
    def replacement_rollback(self, rollback: ReplacementRollback) -> None:
        self._account.replacement_rollback = rollback

    @property
    def failed_delete(self) -> FailedDelete:
        """When a retried deployment deletes what a failed Create has left; may be changed between operations."""
        return self._account.failed_delete

    @failed_delete.setter
    def failed_delete(self, when: FailedDelete) -> None:
        self._account.failed_delete = when

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
        self,
        template_path: str | Path,
        stack_name: str,
        parameters: Mapping[str, str] | None = None,
        *,
        disable_rollback: bool = False,
    ) -> Outcome:
        """Create the stack, or update it when it exists.

        Parameters
        ----------
        parameters:
            Parameter values. Where one is missing, the stack's present value stays, else the default applies, as with
            ``aws cloudformation deploy``.
        disable_rollback:
            After a failure keep what has succeeded; deploying again retries the rest.

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
            stack = self._account.found(stack_name)
            plan = self._account.plan(Path(template_path), stack, parameters or {})
            return self._create(stack, plan, preserve=disable_rollback)
        _refuse_update(stack, disable_rollback=disable_rollback)
        plan = self._account.plan(Path(template_path), stack, parameters or {}, stack.parameters)
        return self._update(stack, plan, preserve=disable_rollback)

    def continue_rollback(self, stack_name: str, resources_to_skip: Iterable[str] = ()) -> Outcome:
        """Go on with the rollback of an update that failed.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html

        Parameters
        ----------
        resources_to_skip:
            Logical ids of what cannot be brought back, in nested stacks ``StackName.LogicalId``. They count as brought
            back, and nothing is done to them.

        Raises
        ------
        ValidationError
            There is no such stack, it is not in UPDATE_ROLLBACK_FAILED, or one of the resources is not in
            UPDATE_FAILED.
        """
        stack = self.store.live(stack_name)
        if stack is None:
            raise ValidationError(f"Stack [{stack_name}] does not exist")
        skip = frozenset(resources_to_skip)
        refuse_continuation(stack, skip, self.store)
        self._exchange.begin_operation()
        before, operation = len(stack.events), self._account.open(stack, skip=skip)
        if roll_back(operation, self.replacement_rollback):
            clean_up(operation)
        return self._outcome(stack, before, {"UPDATE_ROLLBACK_COMPLETE"})

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
        self._exchange.begin_operation()
        operation, before = self._account.open(stack), len(stack.events)
        self._account.delete(operation)
        return self._outcome(stack, before, {"DELETE_COMPLETE"})

    def settle(self, timeout: float) -> None:
        """Wait for answers that came too late for their operation, at most *timeout* seconds, and record them."""
        self._exchange.settle(timeout)

    def close(self) -> None:
        """Refuse all answers from now on."""
        self._account.children.interrupt()
        self._exchange.close()
        self._account.children.wait(_END)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _create(self, stack: Stack, plan: Plan, *, preserve: bool) -> Outcome:
        self._exchange.begin_operation()
        self._account.add(stack)
        stack.template, stack.parameters = plan.source, plan.parameters
        operation = self._account.open(stack, plan.path)
        create_stack(
            operation,
            plan.definition,
            plan.evaluator,
            lambda: self._account.finish(stack, plan),
            preserve=preserve,
        )
        return self._outcome(stack, 0, {"CREATE_COMPLETE"})

    def _update(self, stack: Stack, plan: Plan, *, preserve: bool) -> Outcome:
        refuse_type_changes(stack, plan.definition)
        before, operation = len(stack.events), self._account.open(stack, plan.path)
        if self._account.is_current(operation, plan):
            return replace(
                self._outcome(stack, before, UPDATABLE), changed=False, reason="No updates are to be performed."
            )
        self._exchange.begin_operation()
        update_stack(self._account.update(operation, plan, preserve=preserve))
        return self._outcome(stack, before, {"UPDATE_COMPLETE"})

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


def _refuse_update(stack: Stack, *, disable_rollback: bool) -> None:
    if stack.status in UPDATABLE or (stack.status in RETRIABLE and disable_rollback):
        return
    if stack.status in RETRIABLE:
        # CloudFormation's own words (ansible-collections/amazon.aws #1655), up to the last sentence.
        raise ValidationError(
            f"This stack is currently in a non-terminal [{stack.status}] state. To update the stack from this state, "
            "please use the disable-rollback parameter with update-stack API. "
            "Here: deploy again with --disable-rollback, or delete the stack."
        )
    advice = (
        f"Remove what keeps it from going back, then continue: continue-rollback --stack-name {stack.name}; "
        "add --resources-to-skip for what cannot go back. Then deploy again."
        if stack.status == "UPDATE_ROLLBACK_FAILED"
        else "Delete the stack, then deploy again."
    )
    raise ValidationError(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated. {advice}")
