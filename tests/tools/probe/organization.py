"""An organization of the embedded WorkMail that a boto3 client asks without a network, and that nobody waits for."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from random import Random
from typing import Any, Final, cast

import boto3
from botocore import UNSIGNED, xform_name
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from workmail_rooms.probe.calls import OPERATIONS, Caller
from workmail_rooms.probe.rooms import MARK
from workmail_rooms.probe.run import Probe, Report
from workmail_rooms.sandbox.workmail import Behaviour, Call, Fault, WorkMailBackend
from workmail_rooms.sandbox.workmail.wire import Failure, render

ID: Final = "m-d281d0a2fd824be5b6cd3d3ce909fd27"
DOMAIN: Final = "example.com"
DELEGATE: Final = "facilities"

#: Names that look like the probe's, without its mark, and with the mark, but not like the probe's.
_FOREIGN: Final = (("wmr-probe-AaBbCcDdEe", "Ours"), ("wmr-probe-x", MARK), ("boardroom", MARK), ("Projector", None))


class KilledError(BaseException):
    """The process has gone: no handler of the probe's may make one more call."""


class Body:
    """An answer's body, as botocore reads it."""

    def __init__(self, content: str) -> None:
        self._content = content.encode()

    def stream(self) -> Iterator[bytes]:
        """Yield it whole."""
        yield self._content


class Transport:
    """Takes the requests of a client to a backend.

    Attributes
    ----------
    serve : callable
        Takes an operation and the request's JSON; returns an answer for `render`, or None for none.
    """

    def __init__(self) -> None:
        self.serve: Callable[[str, Any], Any] = lambda _operation, _parameters: None
        self.behaviour: Callable[[], Behaviour] = Behaviour

    def __call__(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """Answer a request before it is sent.

        Raises
        ------
        ConnectionClosedError
            There is no answer.
        """
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        reply = self.serve(operation, json.loads(cast("bytes", request.body)))
        if reply.outcome is None:
            raise ConnectionClosedError(endpoint_url=request.url)
        status, headers, body = render(reply.outcome, reply.request_id, self.behaviour())
        return AWSResponse(request.url, status, headers, Body(body))  # type: ignore[arg-type] # what botocore reads of it


class DirectClient:
    """A client without botocore, which takes most of the time: for tests that make very many calls.

    Attributes
    ----------
    transport :
        As of the other client.
    """

    def __init__(self) -> None:
        self.transport = Transport()
        self.meta = self
        self.events = self
        self._keep: Callable[..., None] = lambda **_: None

    def unregister(self, _event: str, **_: object) -> None:
        """Forget nothing: the next handler takes the place of the one before."""

    def register(self, _event: str, handler: Callable[..., None], **_: object) -> None:
        """Show *handler* each answer as it comes."""
        self._keep = handler

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        """Return a method such as ``create_resource``."""
        operation = next(name for name in OPERATIONS if xform_name(name) == method)

        def call(**request: Any) -> dict[str, Any]:
            reply = self.transport.serve(operation, request)
            if reply.outcome is None:
                raise ConnectionClosedError(endpoint_url="https://workmail.us-east-1.amazonaws.com/")
            status, _, body = render(reply.outcome, reply.request_id, self.transport.behaviour())
            self._keep(response_dict={"body": body.encode()})
            if isinstance(reply.outcome, Failure):
                error: Any = {"Code": reply.outcome.code, "Message": reply.outcome.message}
                response: Any = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": status}}
                raise ClientError(response, operation)
            return dict(reply.outcome)

        return call


@cache
def _client() -> tuple[BaseClient, Transport]:
    # One for all tests: making one takes longer than asking it a hundred times.
    client = boto3.client(
        "workmail",
        region_name="us-east-1",
        config=Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED),
    )
    transport = Transport()
    client.meta.events.register("before-send.workmail", cast("Callable[..., None]", transport))
    return client, transport


def _direct_client() -> tuple[BaseClient, Transport]:
    client = DirectClient()
    return cast("BaseClient", client), client.transport


class Organization:
    """An organization with people and rooms in it.

    Parameters
    ----------
    behaviour :
        How WorkMail behaves.
    rooms :
        So many rooms of other people, besides some with odd names.
    seed :
        Of the random numbers.
    direct :
        Whether to leave botocore out.

    Attributes
    ----------
    workmail : WorkMailBackend
        The service.
    now : float
        Its time, and the probe's.
    random : random.Random
        The probe's.
    forget_descriptions : bool
        Whether ListResources shows none.
    interrupt : dict
        By the number of a call, from 1: what is raised before it, or after it has been carried out.
    """

    def __init__(
        self, behaviour: Behaviour | None = None, *, rooms: int = 3, seed: int = 1, direct: bool = False
    ) -> None:
        self.now = 1_790_000_000.0
        self._client, transport = _direct_client() if direct else _client()
        self.workmail = WorkMailBackend("us-east-1", "123456789012")
        self.workmail.clock = lambda: self.now
        self.workmail.random = Random(seed)  # noqa: S311 - the same names in every run
        self.random = Random(seed + 1)  # noqa: S311 - as above
        organization = self.workmail.seed(
            "example",
            organization_id=ID,
            verified_domains=[DOMAIN],
            unverified_domains=["unverified.example.net"],
            users=["alice"],
            groups=[DELEGATE],
        )
        others = [(f"room{number}", None) for number in range(rooms)]
        for name, description in (*_FOREIGN, *others):
            more = {"Description": description} if description else {}
            room = self._invoke("CreateResource", Name=name, Type="ROOM", **more)["ResourceId"]
            self._invoke("RegisterToWorkMail", EntityId=room, Email=f"{name}@{DOMAIN}")
        self._invoke("CreateAlias", EntityId=room, Alias=f"alias@{DOMAIN}")
        self._invoke("AssociateDelegateToResource", ResourceId=room, EntityId="alice")
        self.workmail.behaviour = behaviour or Behaviour()
        self._foreign = frozenset(organization.entities)
        self._killed = False
        self._calls = 0
        self.forget_descriptions = False
        self.interrupt: dict[tuple[int, str], type[BaseException]] = {}
        transport.serve = self._serve
        transport.behaviour = lambda: self.workmail.behaviour

    def _invoke(self, operation: str, **request: Any) -> dict[str, Any]:
        return self.workmail.invoke(operation, {"OrganizationId": ID, **request})

    def _serve(self, operation: str, parameters: Any) -> Any:
        if self._killed:
            raise KilledError
        self._calls += 1
        number = self._calls
        for moment in ("before", "after"):
            if moment == "after":
                reply = self.workmail.serve(operation, parameters, "test")
            error = self.interrupt.pop((number, moment), None)
            if error is not None:
                self._killed = error is KilledError
                raise error
        if self.forget_descriptions and operation == "ListResources":
            for item in cast("dict[str, Any]", reply.outcome)["Resources"]:
                item.pop("Description", None)
        return reply

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def restart(self) -> None:
        """Let a new process begin."""
        self._killed = False

    def client(self) -> BaseClient:
        """Return the client."""
        return self._client

    def caller(self) -> Caller:
        """Return what makes calls."""
        return Caller(self._client, ID, clock=lambda: self.now, sleep=self.sleep)

    def probe(self) -> Probe:
        """Return a probe in a process of its own."""
        self.restart()
        return Probe(self.caller(), clock=lambda: self.now, sleep=self.sleep, random=self.random)

    def run(self, *, measure_rate: bool = False) -> Report:
        """Probe the organization."""
        return self.probe().run(domain=DOMAIN, delegate=DELEGATE, measure_rate=measure_rate)

    def fail(self, action: Any, nth: int, **more: Any) -> None:
        """Let one call of all fail."""
        self.workmail.clear_faults()
        self.workmail.add_fault(Fault(action=action, nth=(nth,), **more))

    @property
    def calls(self) -> tuple[Call, ...]:
        """All calls so far."""
        return self.workmail.calls

    def picture(self) -> bytes:
        """Return all that the organization holds: what was there before, and what is alive.

        Left out are the resources that the probe has deleted, which stay as ghosts in every organization, and counters:
        of calls, of places in lists, and of names that cannot be used again yet.
        """
        whole = self.workmail.organization(ID).export()
        whole["entities"] = [
            entity for entity in whole["entities"] if entity["id"] in self._foreign or entity["state"] != "DELETED"
        ]
        del whole["next_sequence"], whole["held_names"]
        return json.dumps(whole, sort_keys=True).encode()


@contextmanager
def unchanged(organization: Organization) -> Iterator[None]:
    """Make sure that the organization is the same afterwards, byte for byte."""
    before = organization.picture()
    yield
    assert organization.picture() == before
