"""What CloudFormation shows of the resources that a test plays: by its engine, or by events sent by hand."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from workmail_rooms.sandbox.awslambda.responses import Received
from workmail_rooms.sandbox.cloudformation import (
    Stack,
    StackEvent,
    StackResourceDetail,
    StackStore,
    describe_stack_resource,
)
from workmail_rooms.sandbox.cloudformation.describe import no_such_resource, no_such_stack

_ACCEPTED = 200
_PRESENT = {"Create": "CREATE", "Update": "UPDATE", "Delete": "DELETE"}


@dataclass(frozen=True)
class _Sent:
    """An event that was sent by hand, and how many answers had arrived by then."""

    event: Mapping[str, Any]
    received: int


@dataclass
class Shown:
    """Answers DescribeStackResource.

    A stack of the engine is shown as the engine has it. Of a resource whose events a test has sent by hand, what
    CloudFormation would show after them: the id of its last Create or Update that was answered in time, the id that a
    cancelled Create's Delete bears, and no resource at all before the first event. ``show``, ``hide`` and ``lose`` say
    otherwise.

    Parameters
    ----------
    engine:
        Returns the engine's stacks.
    received:
        Returns every request that arrived at ResponseURLs.

    Attributes
    ----------
    status:
        Of the stacks whose events are sent by hand: by default one in which nothing is under way, after a rollback.
    began:
        When they were last begun to be created or updated.
    """

    engine: Callable[[], StackStore]
    received: Callable[[], Sequence[Received]]
    status: str = "UPDATE_ROLLBACK_COMPLETE"
    began: datetime = datetime(2020, 1, 1, tzinfo=UTC)
    _history: list[_Sent] = field(default_factory=list)
    _said: dict[tuple[str, str], StackResourceDetail | None] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)

    def show(self, stack_id: str, logical_id: str, physical_id: str = "", status: str = "CREATE_COMPLETE") -> None:
        """Show a resource so from now on, whatever was sent."""
        self._said[stack_id, logical_id] = _detail(stack_id, logical_id, physical_id, status)

    def hide(self, stack_id: str, logical_id: str) -> None:
        """Show a stack without this resource."""
        self._said[stack_id, logical_id] = None

    def lose(self, stack_id: str) -> None:
        """Say that there is no such stack, as CloudFormation does 90 days after its deletion."""
        self._lost.add(stack_id)

    def sent(self, event: Mapping[str, Any]) -> None:
        """Note an event that is sent by hand."""
        if all(one.event.get("ResponseURL") != event.get("ResponseURL") for one in self._history):
            self._history.append(_Sent(event, len(self.received())))

    def played(self, stack_id: str) -> Stack | None:
        """Return a stack whose events are sent by hand; None when there is none of this id."""
        known = {one.event.get("StackId") for one in self._history} - self._lost
        if stack_id not in known:
            return None
        name = stack_id.split("/")[1]
        began = StackEvent(
            "1", self.began, stack_id, name, name, stack_id, "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", ""
        )
        return Stack(stack_id, name, self.status, events=[began])

    def __call__(self, stack_name: str, logical_id: str) -> StackResourceDetail:
        """Describe a resource.

        Raises
        ------
        ValidationError
            There is no such stack or resource.
        """
        if stack_name in self._lost:
            raise no_such_stack(stack_name)
        if (stack_name, logical_id) in self._said:
            said = self._said[stack_name, logical_id]
        elif self.engine().described(stack_name) is not None:
            return describe_stack_resource(self.engine(), stack_name, logical_id)
        else:
            said = self._played(stack_name, logical_id)
        if said is None:
            raise no_such_resource(logical_id, stack_name)
        return said

    def _played(self, stack_id: str, logical_id: str) -> StackResourceDetail | None:
        """Work out what the events that were sent by hand have led to."""
        sent = [one for one in self._history if one.event.get("StackId") == stack_id]
        if not sent:
            raise no_such_stack(stack_id)
        received = self.received()
        shown: StackResourceDetail | None = None
        failed: set[str] = set()
        own = [one for one in sent if one.event.get("LogicalResourceId") == logical_id]
        for number, one in enumerate(own):
            kind, named = str(one.event.get("RequestType")), one.event.get("PhysicalResourceId", "")
            before = shown or _detail(stack_id, logical_id, "", "")
            if kind == "Delete" and before.physical_id and named != before.physical_id:
                continue  # the Delete of a clean-up: of what was replaced, or of what failed before
            if kind == "Delete" and named in failed and not before.physical_id:
                continue  # likewise, while the retried Create is under way
            answer = _answer(one, received, _superseded_at(own[number + 1 :], failed))
            shown = _after(before, kind, str(named), answer)
            if shown.status == "CREATE_FAILED":
                failed.add(shown.physical_id)
        return shown


def _superseded_at(later: Sequence[_Sent], failed: set[str]) -> int | None:
    """Return how many answers had arrived when the next event made the answer to the one before irrelevant."""
    return next((one.received for one in later if one.event.get("PhysicalResourceId") not in failed), None)


def _answer(one: _Sent, received: Sequence[Received], until: int | None) -> dict[str, Any] | None:
    return next(_answers(one, received[one.received : until]), None)


def _answers(one: _Sent, received: Sequence[Received]) -> Iterator[dict[str, Any]]:
    url = str(one.event.get("ResponseURL"))
    for put in received:
        if put.status == _ACCEPTED and url.endswith(put.request.target):
            yield json.loads(put.request.body)


def _after(before: StackResourceDetail, kind: str, named: str, answer: Mapping[str, Any] | None) -> StackResourceDetail:
    verb = _PRESENT[kind]
    if kind == "Delete":
        before = replace(before, physical_id=named)
    elif kind == "Create":
        before = replace(before, physical_id="")
    if answer is None:
        return replace(before, status=f"{verb}_IN_PROGRESS")
    succeeded = answer.get("Status") == "SUCCESS"
    if kind == "Create" or (succeeded and kind == "Update"):
        before = replace(before, physical_id=str(answer.get("PhysicalResourceId", "")))
    return replace(before, status=f"{verb}_{'COMPLETE' if succeeded else 'FAILED'}")


def _detail(stack_id: str, logical_id: str, physical_id: str, status: str) -> StackResourceDetail:
    parts = stack_id.split("/")
    return StackResourceDetail(
        stack_id=stack_id,
        stack_name=parts[1] if len(parts) > 1 else stack_id,
        logical_id=logical_id,
        physical_id=physical_id,
        type="Custom::WorkMailResource",
        status=status,
        status_reason="",
        updated=datetime.now(UTC),
    )
