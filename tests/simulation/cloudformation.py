"""CloudFormation's side of custom resources, in virtual time: stacks, operations, rollbacks; and who has what.

It follows the rules of ``workmail_rooms.sandbox.cloudformation``, which says where each comes from.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from random import Random
from string import ascii_uppercase, digits
from time import gmtime, strftime
from typing import TYPE_CHECKING, Any, Final

from .awslambda import Delivery
from .scheduler import Signal

if TYPE_CHECKING:
    from .awslambda import Worker
    from .world import World

Properties = Mapping[str, Any]

_URL: Final = "https://cloudformation.example"
#: Seconds that CloudFormation waits for an answer, as the examples declare.
SERVICE_TIMEOUT: Final = 600.0
#: Seconds for which a ResponseURL takes answers.
URL_LIFETIME: Final = 7200.0

#: What the end of a task says that never began, because what it depends on is not there.
NOT_DONE: Final = False

_FORBIDDEN: Final = 403
_OK: Final = 200


@dataclass(frozen=True, slots=True)
class Declared:
    """One resource of a template.

    Attributes
    ----------
    properties:
        Of a room; None for a resource that is no room.
    takes, fails:
        Of a resource that is no room: the seconds it takes to be created or updated, and whether that fails.
    """

    properties: Properties | None = None
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    depends_on: tuple[str, ...] = ()
    takes: float = 0.0
    fails: bool = False


Template = Mapping[str, Declared]


@dataclass(frozen=True, slots=True)
class Answer:
    """What CloudFormation takes an event's answer for."""

    succeeded: bool
    physical_id: str
    reason: str = ""
    in_time: bool = True


@dataclass(slots=True, eq=False)
class Request:
    """One event, and whether its answer is still waited for.

    Attributes
    ----------
    kind:
        ``create``, ``update``, ``reverse``, ``delete``, or ``clean up``.
    open:
        Whether somebody waits for the answer.
    goes_back:
        Whether it is an Update to what was declared before.
    """

    event: dict[str, Any]
    kind: str
    name: str
    sent_at: float
    open: bool = True
    goes_back: bool = False
    settled: Signal = field(default_factory=Signal)
    answered_at: float | None = None


@dataclass(slots=True)
class Resource:
    """One logical resource of a stack.

    Attributes
    ----------
    physical_id:
        Empty while there is none.
    properties:
        Those of the last event that succeeded.
    superseded:
        Physical ids that wait for their Delete, with their properties.
    asked:
        Whether an event was ever sent for it.
    sent:
        During an update: the new properties, if they were sent.
    settled_at:
        When an event of it was last answered with success, in seconds since the epoch.
    """

    logical_id: str
    declared: Declared
    physical_id: str = ""
    properties: Properties = field(default_factory=dict)
    status: str = ""
    superseded: list[tuple[str, Properties]] = field(default_factory=list)
    asked: bool = False
    sent: Properties | None = None
    settled_at: float = 0.0

    @property
    def counts(self) -> bool:
        """Whether CloudFormation takes it for one that is there."""
        return bool(self.physical_id) and not self.status.startswith(("CREATE_FAILED", "DELETE", "CREATE_IN"))


@dataclass(slots=True, eq=False)
class Stack:
    """One stack."""

    name: str
    stack_id: str
    status: str = ""
    resources: dict[str, Resource] = field(default_factory=dict)
    template: Template = field(default_factory=dict)
    gone: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: During an update: what each resource was before it.
    before: dict[str, Resource] = field(default_factory=dict)
    template_before: Template = field(default_factory=dict)
    #: What the operation that is going on leads to.
    aim: Template = field(default_factory=dict)
    #: When it was last begun to be created or updated, in seconds since the epoch.
    began_at: float = 0.0


@dataclass(slots=True)
class _Run:
    """The part of an operation in which resources are made at the same time."""

    failed: list[str] = field(default_factory=list)
    requests: dict[str, Request] = field(default_factory=dict)


class CloudFormation:
    """All stacks of an account."""

    service_timeout = SERVICE_TIMEOUT

    def __init__(self, world: "World") -> None:
        self._world = world
        self.stacks: dict[str, Stack] = {}
        self.deleted: list[Stack] = []
        self.requests: dict[str, Request] = {}
        self._signed: dict[tuple[str, str], int] = {}
        self._request_ids: dict[str, str] = {}
        self._names: set[str] = set()
        self._number = 0
        self.step = "0"
        self._dice = Random(f"{world.story.seed}|cloudformation")

    # ------------------------------------------------------------------------------------------- events

    def _new_id(self) -> str:
        self._number += 1
        return f"{self._number:08x}-0000-4000-8000-{self._world.story.seed & 0xFFFFFFFFFFFF:012x}"

    def _send(self, kind: str, stack: Stack, logical_id: str, event: dict[str, Any]) -> Request:
        world = self._world
        key = (stack.stack_id, logical_id)
        signed = max(int(world.scheduler.now), self._signed.get(key, 0) + 1)
        self._signed[key] = signed
        request_id = self._new_id()
        if world.story.reuse_request_ids and kind in {"create", "update"}:
            # A deployment that has failed is made again as it was (aws-cdk #35957).
            again = f"{stack.name}/{logical_id}/{kind}/{json.dumps(event['ResourceProperties'], sort_keys=True)}"
            request_id = self._request_ids.setdefault(again, request_id)
        token = self._new_id()
        date = strftime("%Y%m%dT%H%M%SZ", gmtime(signed))
        url = f"{_URL}/{token}?X-Amz-Date={date}&X-Amz-Signature={token[:8]}"
        event = {
            "ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:provider",
            "StackId": stack.stack_id,
            "LogicalResourceId": logical_id,
            "ResourceType": "Custom::WorkMailResource",
            "RequestId": request_id,
            "ResponseURL": url,
            **event,
        }
        name = f"{self.step} {stack.name}.{logical_id} {kind}"
        while name in self._names:
            name += "'"
        self._names.add(name)
        request = Request(event, kind, name, world.scheduler.now)
        self.requests[token] = request
        world.trace(
            name, f"CloudFormation sends {event['RequestType']} of {event.get('PhysicalResourceId', 'nothing')}"
        )
        if world.tracing:
            world.trace(name, f"  signed {date[9:15]}, declares {json.dumps(event['ResourceProperties'])}")
        world.checks.sent(request)
        world.invoke(event, name)
        return request

    def request(self, url: str) -> Request:
        """Return the request that a ResponseURL belongs to."""
        return self.requests[url.partition("?")[0].rpartition("/")[2]]

    def put(self, url: str, body: bytes, worker: "Worker") -> int:
        """Take an answer, and return the HTTP status."""
        world = self._world
        request = self.request(url)
        if world.scheduler.now - request.sent_at > URL_LIFETIME:
            return _FORBIDDEN
        said = json.loads(body)
        answer = Answer(said["Status"] == "SUCCESS", said["PhysicalResourceId"], said["Reason"])
        awaited = request.open and not request.settled.happened
        world.trace(
            worker.name,
            f"ANSWERS {said['Status']} {answer.physical_id} {answer.reason}{'' if awaited else ' (to nobody)'}",
        )
        world.checks.answered(request, answer, worker, awaited=awaited)
        if awaited:
            request.answered_at = world.scheduler.now
            world.scheduler.happen(request.settled, answer)
        return _OK

    def _exchange(
        self, kind: str, stack: Stack, logical_id: str, event: dict[str, Any], run: _Run | None = None
    ) -> Answer | None:
        """Send an event, and return its answer; None when it was cancelled."""
        world = self._world
        request = self._send(kind, stack, logical_id, event)
        if run is not None:
            run.requests[logical_id] = request
        if not world.scheduler.wait(request.settled, self.service_timeout):
            request.open = False
            world.trace(request.name, "CloudFormation has waited in vain")
            reason = "CloudFormation did not receive a response from your Custom Resource."
            answer = Answer(succeeded=False, physical_id="", reason=reason, in_time=False)
            world.checks.timed_out(request)
            return answer
        request.open = False
        answer = request.settled.value
        return answer if isinstance(answer, Answer) else None

    # ------------------------------------------------------------------------------------- what it knows

    def holders(self, room: str) -> list[tuple[Stack, Resource]]:
        """Return the resources of which *room* is the physical id, or was until its replacement."""
        return [
            (stack, resource)
            for stack in self.stacks.values()
            for resource in stack.resources.values()
            if (resource.physical_id == room and resource.counts)
            or (resource.superseded and any(physical_id == room for physical_id, _ in resource.superseded))
        ]

    def is_deleting(self, room: str) -> bool:
        """Tell whether a Delete of *room* is under way."""
        return any(
            resource.physical_id == room and resource.status == "DELETE_IN_PROGRESS"
            for stack in self.stacks.values()
            for resource in stack.resources.values()
        )

    def find(self, stack_id: str) -> Stack | None:
        """Return a stack, also one that was deleted."""
        for stack in (*self.stacks.values(), *self.deleted):
            if stack_id in {stack.stack_id, stack.name}:
                return stack
        return None

    def describe(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answer DescribeStackResource; None when there is no such stack or resource.

        A deleted stack is described for 90 days:
        https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStackResource.html
        """
        stack = self.find(request["StackName"])
        if stack is None:
            return None
        logical_id = request["LogicalResourceId"]
        resource = stack.resources.get(logical_id)
        if resource is not None:
            physical_id, status = resource.physical_id, resource.status
        elif logical_id in stack.gone and (stack in self.deleted or self._world.story.describes_removed):
            physical_id, status = stack.gone[logical_id]
        else:
            return None
        detail = {
            "StackName": stack.name,
            "StackId": stack.stack_id,
            "LogicalResourceId": logical_id,
            "ResourceType": "Custom::WorkMailResource",
            "ResourceStatus": status,
            "LastUpdatedTimestamp": datetime.fromtimestamp(self._world.scheduler.now, UTC),
        }
        return {"StackResourceDetail": detail | ({"PhysicalResourceId": physical_id} if physical_id else {})}

    def describe_stacks(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Answer DescribeStacks for one stack; None when there is none."""
        stack = self.find(request["StackName"])
        if stack is None:
            return None
        began = {"CreationTime": datetime.fromtimestamp(stack.began_at, UTC)}
        return {"Stacks": [{"StackName": stack.name, "StackStatus": stack.status, **began}]}

    # ---------------------------------------------------------------------------------------- operations

    def _pause(self, longest: float = 1.0) -> None:
        self._world.scheduler.sleep(0.05 + longest * self._dice.random())

    def _status(self, stack: Stack, status: str) -> None:
        stack.status = status
        self._world.trace(f"stack {stack.name}", status)
        self._world.checks.stack(stack)

    def invent(self, stack: Stack, logical_id: str) -> str:
        """Return an id like those that CloudFormation gives to what never told its own (aws-cdk #26139)."""
        return f"{stack.name}-{logical_id}-{''.join(self._dice.choices(ascii_uppercase + digits, k=12))}"

    def deploy(self, name: str, template: Template, *, rollback: bool = True) -> None:
        """Create or update a stack, as ``aws cloudformation deploy`` does."""
        if not template:
            return
        stack = self.stacks.get(name)
        if stack is not None and stack.status in {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED"}:
            self.delete(name)
            stack = self.stacks.get(name)
            if stack is not None:
                return
            self._pause(3.0)
        if stack is not None and stack.status == "UPDATE_ROLLBACK_FAILED":
            self.continue_rollback(name)
            if stack.status == "UPDATE_ROLLBACK_FAILED":
                return
            self._pause(3.0)
        self._world.scheduler.sleep(2.0)
        if stack is None:
            self._create(name, template, rollback=rollback)
        else:
            self._update(stack, template, rollback=rollback)

    def _create(self, name: str, template: Template, *, rollback: bool) -> None:
        stack_id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/{self._new_id()}"
        stack = Stack(name, stack_id, template=template, began_at=self._world.scheduler.now)
        self.stacks[name] = stack
        self._status(stack, "CREATE_IN_PROGRESS")
        failed = self._make(stack, template, [], list(template), rollback=rollback)
        if not failed:
            self._status(stack, "CREATE_COMPLETE")
        elif not rollback:
            self._status(stack, "CREATE_FAILED")
        else:
            self._status(stack, "ROLLBACK_IN_PROGRESS")
            self._pause()
            stuck = self._delete_all(stack, list(stack.resources.values()), rolled_back=True)
            self._status(stack, "ROLLBACK_FAILED" if stuck else "ROLLBACK_COMPLETE")

    def _make(
        self, stack: Stack, template: Template, updated: Sequence[str], created: Sequence[str], *, rollback: bool
    ) -> list[str]:
        """Update and create resources at the same time; return those that failed."""
        run = _Run()
        stack.aim = template
        tasks: dict[str, Callable[[], bool]] = {}
        for logical_id in updated:
            tasks[logical_id] = partial(self._update_one, stack, stack.resources[logical_id], template[logical_id], run)
        for logical_id in created:
            tasks[logical_id] = partial(self._create_one, stack, logical_id, template[logical_id], run)
        order = {logical_id: set(template[logical_id].depends_on) & set(tasks) for logical_id in tasks}
        self._run(stack, tasks, order, run, cancels=rollback)
        return run.failed

    def _run(
        self,
        stack: Stack,
        tasks: Mapping[str, Callable[[], bool]],
        order: Mapping[str, set[str]],
        run: _Run,
        *,
        cancels: bool,
    ) -> None:
        """Run *tasks* at the same time, each when those that it waits for have ended well."""
        scheduler = self._world.scheduler
        ended: dict[str, Signal] = {key: Signal() for key in tasks}

        def one(key: str) -> None:
            for other in sorted(order.get(key, ())):
                scheduler.wait(ended[other])
                if not ended[other].value:
                    scheduler.happen(ended[key], NOT_DONE)
                    return
            good = True
            if not (run.failed and cancels):
                self._pause(0.4)
                good = tasks[key]()
            if not good:
                run.failed.append(key)
                if cancels and len(run.failed) == 1:
                    self._pause(1.5)
                    self._cancel(run)
            scheduler.happen(ended[key], good)

        for key in tasks:
            scheduler.spawn(f"stack {stack.name} {key}", partial(one, key))
        for signal in ended.values():
            scheduler.wait(signal)

    def _cancel(self, run: _Run) -> None:
        """Give up what is still waited for, because something else has failed."""
        for request in run.requests.values():
            if request.open and not request.settled.happened:
                request.open = False
                self._world.trace(request.name, "is cancelled by CloudFormation")
                self._world.scheduler.happen(request.settled, "cancelled")

    def _stand_in(self, declared: Declared, run: _Run) -> bool:
        """Make or update what is no room."""
        passed = 0.0
        while passed < declared.takes:
            if run.failed:
                return True
            self._world.scheduler.sleep(min(1.0, declared.takes - passed))
            passed += 1.0
        return not declared.fails

    def _create_one(self, stack: Stack, logical_id: str, declared: Declared, run: _Run) -> bool:
        resource = Resource(logical_id, declared, status="CREATE_IN_PROGRESS")
        stack.resources[logical_id] = resource
        stack.gone.pop(logical_id, None)
        if declared.properties is None:
            good = self._stand_in(declared, run)
            resource.status = "CREATE_COMPLETE" if good else "CREATE_FAILED"
            return good
        resource.properties = declared.properties
        resource.asked = True
        event = {"RequestType": "Create", "ResourceProperties": dict(declared.properties)}
        answer = self._exchange("create", stack, logical_id, event, run)
        if answer is None or not answer.succeeded:
            resource.physical_id = (answer.physical_id if answer else "") or self.invent(stack, logical_id)
            resource.status = "CREATE_FAILED"
            return answer is None
        resource.physical_id, resource.status = answer.physical_id, "CREATE_COMPLETE"
        resource.settled_at = self._world.scheduler.now
        return True

    def _update_one(self, stack: Stack, resource: Resource, declared: Declared, run: _Run) -> bool:
        resource.sent = None
        if declared.properties is None or resource.declared.properties is None:
            resource.declared = declared
            return self._stand_in(declared, run)
        changed = dict(declared.properties) != dict(resource.properties)
        resource.declared = declared
        if not changed and resource.status != "UPDATE_FAILED":
            return True
        resource.status, resource.sent = "UPDATE_IN_PROGRESS", declared.properties
        event = {
            "RequestType": "Update",
            "PhysicalResourceId": resource.physical_id,
            "ResourceProperties": dict(declared.properties),
            "OldResourceProperties": dict(resource.properties),
        }
        answer = self._exchange("update", stack, resource.logical_id, event, run)
        if answer is None or not answer.succeeded:
            if answer is not None and answer.physical_id and answer.physical_id != resource.physical_id:
                resource.superseded.append((resource.physical_id, resource.properties))
                resource.physical_id, resource.properties = answer.physical_id, declared.properties
            resource.status = "UPDATE_FAILED"
            return answer is None
        if answer.physical_id != resource.physical_id:
            resource.superseded.append((resource.physical_id, resource.properties))
            resource.physical_id = answer.physical_id
        resource.properties, resource.status = declared.properties, "UPDATE_COMPLETE"
        resource.settled_at = self._world.scheduler.now
        return True

    def _update(self, stack: Stack, template: Template, *, rollback: bool) -> None:
        failed_before = [
            resource for resource in stack.resources.values() if resource.status == "CREATE_FAILED" and resource.asked
        ]
        if not stack.status.endswith("_FAILED"):
            stack.before = {
                key: replace(resource, superseded=list(resource.superseded))
                for key, resource in stack.resources.items()
            }
            stack.template_before = stack.template
        stack.began_at = self._world.scheduler.now
        self._status(stack, "UPDATE_IN_PROGRESS")
        # A deployment that did not roll back is retried: what had failed is created anew, and its id is deleted, before
        # or after (the order is not documented).
        early = self._dice.random() < 0.5
        for resource in list(stack.resources.values()):
            if resource.status == "CREATE_FAILED" and not resource.asked:
                del stack.resources[resource.logical_id]
        if failed_before and early:
            self._delete_failed(stack, failed_before)
        left = [] if early else failed_before
        for resource in failed_before:
            stack.resources.pop(resource.logical_id, None)
        updated = [key for key in template if key in stack.resources]
        created = [key for key in template if key not in stack.resources]
        failed = self._make(stack, template, updated, created, rollback=rollback)
        if failed and not rollback:
            self._keep(stack, left)
            self._status(stack, "UPDATE_FAILED" if stack.before else "CREATE_FAILED")
            return
        if failed:
            self._keep(stack, left)
            self._roll_back(stack)
            return
        stack.template = template
        self._status(stack, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._pause()
        self._clean_up_failed(stack, left)
        removed = [resource for key, resource in stack.resources.items() if key not in template]
        self._clean_up(stack, removed, lambda resource: resource.declared.deletion_policy != "Delete")
        stack.before = {}
        self._status(stack, "UPDATE_COMPLETE")

    def _keep(self, stack: Stack, left: Sequence[Resource]) -> None:
        for resource in left:
            again = stack.resources.setdefault(resource.logical_id, resource)
            if again is not resource:
                again.superseded += [(resource.physical_id, resource.properties), *resource.superseded]

    def _roll_back(self, stack: Stack) -> None:
        self._status(stack, "UPDATE_ROLLBACK_IN_PROGRESS")
        self._pause()
        run = _Run()
        tasks = {key: partial(self._reverse_one, stack, key) for key in stack.before if key in stack.resources}
        order = {key: set(stack.before[key].declared.depends_on) & set(tasks) for key in tasks}
        self._run(stack, tasks, order, run, cancels=False)
        if run.failed:
            self._status(stack, "UPDATE_ROLLBACK_FAILED")
            return
        self._status(stack, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
        self._pause()
        stack.template = stack.template_before
        created = [resource for key, resource in stack.resources.items() if key not in stack.before]
        self._clean_up(stack, created, lambda resource: resource.declared.deletion_policy == "Retain")
        stack.before = {}
        self._status(stack, "UPDATE_ROLLBACK_COMPLETE")

    def _reverse_one(self, stack: Stack, logical_id: str) -> bool:
        resource, before = stack.resources[logical_id], stack.before[logical_id]
        if resource.sent is None and dict(resource.properties) == dict(before.properties):
            resource.declared = before.declared
            return True
        old = resource.properties if resource.sent is None else resource.sent
        if resource.physical_id != before.physical_id and self._world.story.replacement_cleaned_up_only:
            left = next((one for one in resource.superseded if one[0] == before.physical_id), None)
            self._restore(resource, before, before.physical_id)
            if left is None or dict(left[1]) == dict(before.properties):
                return True
            old = left[1]
        resource.status = "UPDATE_IN_PROGRESS"
        event = {
            "RequestType": "Update",
            "PhysicalResourceId": resource.physical_id,
            "ResourceProperties": dict(before.properties),
            "OldResourceProperties": dict(old),
        }
        answer = self._exchange("reverse", stack, logical_id, event)
        if answer is None or not answer.succeeded:
            known = {resource.physical_id, *(physical_id for physical_id, _ in resource.superseded)}
            if answer is not None and answer.physical_id and answer.physical_id not in known:
                resource.superseded.append((answer.physical_id, before.properties))
            resource.status = "UPDATE_FAILED"
            return False
        self._restore(resource, before, answer.physical_id)
        resource.settled_at = self._world.scheduler.now
        return True

    def _restore(self, resource: Resource, before: Resource, physical_id: str) -> None:
        ids = {before.physical_id: before.properties, resource.physical_id: resource.properties}
        gone = {*ids, physical_id}
        kept = [(other, properties) for other, properties in resource.superseded if other not in gone]
        resource.superseded = kept + [(other, properties) for other, properties in ids.items() if other != physical_id]
        resource.physical_id, resource.properties = physical_id, before.properties
        resource.declared, resource.status, resource.sent = before.declared, "UPDATE_COMPLETE", None
        resource.settled_at = before.settled_at

    def continue_rollback(self, name: str, skipped: Sequence[str] = ()) -> None:
        """Try again to roll back an update."""
        stack = self.stacks[name]
        if stack.status != "UPDATE_ROLLBACK_FAILED":
            return
        for logical_id in skipped:
            resource, before = stack.resources[logical_id], stack.before[logical_id]
            if resource.status == "UPDATE_FAILED":
                self._restore(resource, before, before.physical_id)
                resource.superseded = []
        self._roll_back(stack)

    # --------------------------------------------------------------------------------------------- deletes

    def delete(self, name: str) -> None:
        """Delete a stack."""
        stack = self.stacks[name]
        self._status(stack, "DELETE_IN_PROGRESS")
        for resource in stack.resources.values():
            if not resource.physical_id and resource.asked:
                resource.physical_id = self.invent(stack, resource.logical_id)
        stuck = self._delete_all(stack, list(stack.resources.values()), rolled_back=False)
        if stuck:
            self._status(stack, "DELETE_FAILED")
            return
        del self.stacks[name]
        self.deleted.append(stack)
        self._status(stack, "DELETE_COMPLETE")

    def _retained(self, stack: Stack, resource: Resource) -> None:
        resource.status = "DELETE_SKIPPED"
        self._world.trace(f"stack {stack.name}", f"{resource.logical_id} is retained: DELETE_SKIPPED")
        self._world.checks.let_go(stack, resource, resource.physical_id)

    def _forget(self, stack: Stack, resource: Resource, status: str) -> None:
        stack.gone[resource.logical_id] = (resource.physical_id, status)
        stack.resources.pop(resource.logical_id, None)

    def _delete_all(self, stack: Stack, resources: Sequence[Resource], *, rolled_back: bool) -> list[str]:
        """Delete resources, each after those that depend on it; return those that stay."""
        run = _Run()

        def task(resource: Resource) -> bool:
            declared = resource.declared
            retained = declared.deletion_policy == "Retain" or (
                declared.deletion_policy == "RetainExceptOnCreate" and not rolled_back
            )
            if resource.superseded:
                olds, resource.superseded = resource.superseded, []
                resource.superseded = [
                    old for old in olds if not self._delete_id(stack, resource.logical_id, *old, "delete")
                ]
            if declared.properties is None or not resource.asked:
                self._forget(stack, resource, "DELETE_COMPLETE")
                return True
            if retained:
                self._retained(stack, resource)
                self._forget(stack, resource, "DELETE_SKIPPED")
                return not resource.superseded
            resource.status = "DELETE_IN_PROGRESS"
            if not self._delete_id(stack, resource.logical_id, resource.physical_id, resource.properties, "delete"):
                resource.status = "DELETE_FAILED"
                return False
            self._forget(stack, resource, "DELETE_COMPLETE")
            return True

        tasks = {resource.logical_id: partial(task, resource) for resource in resources}
        order: dict[str, set[str]] = {key: set() for key in tasks}
        for resource in resources:
            for needed in resource.declared.depends_on:
                if needed in order:
                    order[needed].add(resource.logical_id)
        self._run(stack, tasks, order, run, cancels=False)
        return run.failed

    def _delete_failed(self, stack: Stack, resources: Sequence[Resource]) -> None:
        """Delete what has failed before it is created anew; what cannot be deleted is forgotten."""
        stuck = self._delete_all(stack, resources, rolled_back=True)
        for resource in resources:
            kept = [physical_id for physical_id, _ in resource.superseded]
            for physical_id in [*kept, resource.physical_id] if resource.logical_id in stuck else kept:
                self._world.checks.left_behind(stack, resource, physical_id)

    def _clean_up_failed(self, stack: Stack, resources: Sequence[Resource]) -> None:
        """Delete the same after it was created anew."""
        for resource in resources:
            for physical_id, properties in ((resource.physical_id, resource.properties), *resource.superseded):
                if not self._delete_id(stack, resource.logical_id, physical_id, properties, "clean up"):
                    self._world.checks.left_behind(stack, resource, physical_id)

    def _delete_id(self, stack: Stack, logical_id: str, physical_id: str, properties: Properties, kind: str) -> bool:
        event = {"RequestType": "Delete", "PhysicalResourceId": physical_id, "ResourceProperties": dict(properties)}
        answer = self._exchange(kind, stack, logical_id, event)
        return answer is not None and answer.succeeded

    def _clean_up(self, stack: Stack, unwanted: Sequence[Resource], retains: Callable[[Resource], bool]) -> None:
        """Delete resources and superseded ids; what cannot be deleted is forgotten."""
        tasks: dict[str, Callable[[], bool]] = {}
        for resource in stack.resources.values():
            for physical_id, properties in resource.superseded:
                if resource in unwanted and retains(resource) and physical_id == resource.physical_id:
                    # An Update has gone back to it, and it is retained.
                    continue
                key = f"{resource.logical_id} {physical_id}"
                tasks[key] = partial(self._clean_up_superseded, stack, resource, physical_id, properties)
        for resource in unwanted:
            tasks[resource.logical_id] = partial(self._clean_up_removed, stack, resource, retained=retains(resource))
        self._run(stack, tasks, {}, _Run(), cancels=False)

    def _clean_up_superseded(self, stack: Stack, resource: Resource, physical_id: str, properties: Properties) -> bool:
        resource.superseded.remove((physical_id, properties))
        if resource.declared.update_replace_policy == "Retain" and "UPDATE_COMPLETE" in stack.status:
            self._world.checks.let_go(stack, resource, physical_id)
        elif not self._delete_id(stack, resource.logical_id, physical_id, properties, "clean up"):
            self._world.checks.left_behind(stack, resource, physical_id)
        return True

    def _clean_up_removed(self, stack: Stack, resource: Resource, *, retained: bool) -> bool:
        if resource.declared.properties is None or not resource.asked:
            self._forget(stack, resource, "DELETE_COMPLETE")
        elif retained:
            self._retained(stack, resource)
            self._forget(stack, resource, "DELETE_SKIPPED")
        else:
            resource.status = "DELETE_IN_PROGRESS"
            if not self._delete_id(stack, resource.logical_id, resource.physical_id, resource.properties, "clean up"):
                self._world.checks.left_behind(stack, resource, resource.physical_id)
            self._forget(stack, resource, "DELETE_COMPLETE")
        return True


__all__ = ["Answer", "CloudFormation", "Declared", "Delivery", "Request", "Resource", "Stack", "Template"]
