"""The Lambda function's handler: reads the event, hands it to the lifecycle, and sends the answer."""

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from traceback import walk_tb
from typing import Any, Final

from . import __version__
from .aws.advice import advise
from .aws.calls import Caller
from .aws.clients import client
from .aws.errors import explain
from .aws.retries import delays
from .lifecycle.create import create
from .lifecycle.delete import delete
from .lifecycle.turn import Turn
from .lifecycle.update import update
from .lifecycle.work import Result, Work
from .ownership.errors import LedgerUnavailableError
from .ownership.ledger import Ledger
from .ownership.rules import CREATE_FAILED, NOT_CREATED, create_failed_id
from .ownership.stacks import Stacks
from .protocol.clock import Clock, Deadline, SystemClock
from .protocol.custom_resource import CustomResource, LambdaContext, StartTimer, answer_reserve, start_timer
from .protocol.errors import Failure, MalformedEventError, redact, redact_words, tell
from .protocol.event import Event, confidential, read, secrets
from .protocol.response import AnswerRefusedError, Put, check_url, deliver, put_over_https
from .settings import Settings
from .telemetry import Telemetry
from .workmail.api import WorkMail
from .workmail.errors import InvalidPropertiesError
from .workmail.table import PROPERTIES

#: The properties whose values no message of a service or library may carry on.
SENSITIVE: Final = frozenset(one.name for one in PROPERTIES if one.sensitive)
#: Seconds before Lambda's deadline at which even the answer is given up: an error that is logged says more than a kill.
LAST_MOMENT: Final = 0.5


def handler(event: object, context: LambdaContext) -> None:
    """Answer one CloudFormation event.

    Parameters
    ----------
    event:
        As in https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
    context:
        Lambda's.

    Raises
    ------
    InvalidResponseUrlError
        There is nowhere to send an answer to.
    DeliveryError
        The answer did not get through; Lambda delivers the event again. One that was refused for good is only logged
        and counted, since it would be refused again.
    """
    Invocation(event if isinstance(event, Mapping) else {}, context).run()


@dataclass(frozen=True, slots=True)
class Outside:
    """Whatever the handling of an event takes from outside, with the real things as defaults.

    A simulation gives others, and plays whole stories in one process, in its own time and without threads.

    Attributes
    ----------
    clock:
        Time and waiting.
    rng:
        For jitter, and for nothing that has to be secret.
    client:
        Returns the client of a service in a Region, for a call with a limit of seconds.
    put:
        Sends an answer.
    start_timer:
        Starts the timer that guards Lambda's deadline.
    environment:
        The function's environment variables.
    telemetry:
        Makes the event's log and metrics.
    """

    clock: Clock = field(default_factory=SystemClock)
    rng: random.Random = field(default_factory=random.Random)
    client: Callable[[str, str | None, float], Any] = client
    put: Put = put_over_https
    start_timer: StartTimer = start_timer
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    telemetry: Callable[..., Telemetry] = Telemetry


class UnfinishedError(Exception):
    """The event was answered, but something is left to do for which no other event will come."""


class Invocation:
    """The handling of one event; nothing of it outlives the event (:func:`.aws.clients.client` says what does).

    Parameters
    ----------
    outside:
        By default the real thing.
    """

    def __init__(self, event: Mapping[str, Any], context: LambdaContext, outside: Outside | None = None) -> None:
        self._event = event
        self._context = context
        self._outside = outside or Outside()
        self._clock = self._outside.clock
        self._rng = self._outside.rng
        self._secrets = secrets(event)
        self._telemetry = self._outside.telemetry(
            event, lambda_request_id=context.aws_request_id, secrets=self._secrets
        )
        self._started = self._clock.monotonic()
        remaining = context.get_remaining_time_in_millis() / 1000
        ends_at = self._clock.monotonic() + remaining
        self._deadline = Deadline(self._clock, ends_at - answer_reserve(remaining))
        self._answer_deadline = Deadline(self._clock, ends_at - min(LAST_MOMENT, answer_reserve(remaining) / 2))
        self._resource = CustomResource(
            send=self._send,
            explain=self._explain,
            failed_id=CREATE_FAILED,
            check_url=partial(check_url, allow_http=bool(self._outside.environment.get("AWS_SAM_LOCAL"))),
            on_timeout=self._deadline.stop,
            start_timer=self._outside.start_timer,
        )
        self._left = ""
        self._resource.create(self._handle)
        self._resource.update(self._handle)
        self._resource.delete(self._handle)

    def run(self) -> None:
        """Handle the event and send its answer, whatever happens."""
        self._telemetry.info("event", version=__version__)
        try:
            self._resource(self._event, self._context)
        except Exception as error:
            self._telemetry.error("the answer was not delivered", error=f"{type(error).__name__}: {error}")
            if not isinstance(error, AnswerRefusedError):
                raise
            # Lambda would handle the event twice more, and then the last-resort function, for the same refusal.
            self._telemetry.count_unanswered()
        if self._left:
            raise UnfinishedError(self._left)

    def _handle(self, event: Mapping[str, Any], _context: LambdaContext) -> None:
        try:
            request = read(event)
            self._resource.failed_id = create_failed_id(request)
            result = self._lifecycle(request)
        except (MalformedEventError, InvalidPropertiesError):
            # Nothing was called: whatever the Delete that follows finds out, it need not look for it.
            if event.get("RequestType") == "Create":
                self._resource.PhysicalResourceId = NOT_CREATED
            raise
        if result is not None:
            self._report_id(result.physical_id)
            self._resource.Data = result.data

    def _lifecycle(self, request: Event) -> Result | None:
        if request.request_type == "Delete" and request.physical_resource_id == NOT_CREATED:
            # Nothing can exist of it, so nothing needs to work for this answer.
            return None
        settings = Settings.of(self._outside.environment)
        work = self._work(request, settings)
        try:
            match request.request_type:
                case "Create":
                    return create(work)
                case "Update":
                    return update(work)
                case "Delete":
                    delete(work, abandon=settings.abandon_on_delete)
                    return None
        finally:
            work.turn.release()

    def _work(self, request: Event, settings: Settings) -> Work:
        ledger = self._ledger(settings, self._deadline)
        return Work(
            event=request,
            ledger=ledger,
            stacks=Stacks(self._caller("cloudformation", None, self._deadline), self._telemetry.info),
            organization=partial(self._workmail, settings.workmail_region),
            deadline=self._deadline,
            clock=self._clock,
            report_id=self._report_id,
            log=self._telemetry.info,
            turn=Turn(
                request,
                ledger,
                closing=self._ledger(settings, self._answer_deadline),
                worker=f"{self._rng.getrandbits(64):016x}",
                clock=self._clock,
                deadline=self._deadline,
                rng=self._rng,
                log=self._telemetry.info,
            ),
            come_again=self._come_again,
        )

    def _come_again(self, reason: str) -> None:
        self._left = reason

    def _ledger(self, settings: Settings, deadline: Deadline) -> Ledger:
        return Ledger(self._caller("dynamodb", None, deadline), settings.ledger_table, self._clock)

    def _workmail(self, region: str, organization_id: str) -> WorkMail:
        return WorkMail(self._caller("workmail", region, self._deadline), organization_id)

    def _caller(self, service: str, region: str | None, deadline: Deadline) -> Caller:
        clients = partial(self._outside.client, service, region)
        return Caller(clients, deadline=deadline, rng=self._rng, log=self._telemetry.info, clean=self._clean)

    def _report_id(self, physical_id: str) -> None:
        self._resource.PhysicalResourceId = physical_id

    @cached_property
    def _confidential(self) -> list[str]:
        return confidential(self._event, SENSITIVE)

    def _clean(self, text: str) -> str:
        return redact_words(text, self._confidential)

    def _explain(self, error: BaseException) -> tuple[str, str]:
        failure = explain(error, self._clean)
        advice = failure.advice
        if not isinstance(error, LedgerUnavailableError):
            # That one has DynamoDB's code, and its advice is the same for every event.
            advice = advise(failure.code, self._event.get("RequestType"), advice)
        failure = Failure(failure.code, redact(failure.cause, self._secrets), advice, failure.request_id)
        places = [(frame.f_code, line) for frame, line in walk_tb(error.__traceback__)]
        self._telemetry.error(
            "failed",
            error_code=failure.code,
            cause=failure.cause,
            call_id=failure.request_id,
            location=[f"{code.co_name} {code.co_filename.rpartition('/')[2]}:{line}" for code, line in places[-6:]],
        )
        return tell(failure, lambda_request_id=self._context.aws_request_id, log_stream=self._context.log_stream_name)

    def _send(self, url: str, body: bytes, status: str) -> None:
        deliver(
            url,
            body,
            remaining=self._answer_deadline.remaining,
            sleep=self._clock.sleep,
            waits=delays(self._rng),
            put=self._outside.put,
        )
        milliseconds = round((self._clock.monotonic() - self._started) * 1000)
        self._telemetry.info("answered", status=status, milliseconds=milliseconds)
        self._telemetry.count(succeeded=status == "SUCCESS", milliseconds=milliseconds)
