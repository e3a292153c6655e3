"""crhelper, corrected: exactly one well-formed answer to every event.

crhelper 2.0.12 dispatches the events and guards the timeout. What it does wrong by itself is corrected here at the
seams it has; each override says which of its defects it is for. Nothing in this module knows WorkMail.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from crhelper import FAILED, CfnResource

from .errors import OutOfTimeError
from .response import Answer, is_physical_id, render
from .response import Status as AnswerStatus

#: Seconds before Lambda's deadline at which the answer to an unfinished event is sent: enough for a PUT and its
#: repetition.
ANSWER_RESERVE: Final = 10.0
#: The share of a short invocation that is kept for the answer instead.
ANSWER_SHARE: Final = 0.25

_FIELDS: Final = ("RequestType", "StackId", "RequestId", "LogicalResourceId", "PhysicalResourceId", "ResponseURL")

_root_logger: Final = logging.getLogger()
_crhelper_logger: Final = logging.getLogger("crhelper")

Send = Callable[[str, bytes, AnswerStatus], None]
Explain = Callable[[BaseException], tuple[str, str]]


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used."""

    aws_request_id: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""


def answer_reserve(remaining: float) -> float:
    """Return how many of *remaining* seconds belong to the answer."""
    return min(ANSWER_RESERVE, remaining * ANSWER_SHARE)


Handler = Callable[[dict[str, Any], LambdaContext], None]


class Timer(Protocol):
    """A timer that was started; a ``threading.Timer`` is one."""

    def cancel(self) -> None:
        """Do not call any more."""

    def join(self) -> None:
        """Wait until a call that has begun has ended."""


StartTimer = Callable[[float, Callable[[], None]], Timer]


def start_timer(seconds: float, call: Callable[[], None]) -> Timer:
    """Call *call* in *seconds* seconds, in a thread of its own."""
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


class CustomResource(CfnResource):
    """Answers one event, once.

    Parameters
    ----------
    send:
        Delivers a body to a URL, given the status too; raises what it cannot deliver.
    explain:
        Words an exception as the head and the tail of a Reason.
    failed_id:
        The physical ID of a FAILED answer to a Create that made nothing.
    check_url:
        Returns the ResponseURL or raises :class:`~.response.InvalidResponseUrlError`.
    on_timeout:
        Told that time is up, before the answer goes out: whoever still works has to stop.
    start_timer:
        Starts the timer that guards Lambda's deadline; by default one of this machine's time.
    """

    # crhelper's stub file leaves out what a subclass needs.
    Data: dict[str, str]
    PhysicalResourceId: str
    RequestType: str
    Status: str
    _context: LambdaContext
    _create_func: Handler
    _delete_func: Handler
    _event: dict[str, Any]
    _response_url: str
    _timer: Timer | None
    _update_func: Handler

    def __init__(
        self,
        *,
        send: Send,
        explain: Explain,
        failed_id: str,
        check_url: Callable[[object], str],
        on_timeout: Callable[[], None],
        start_timer: StartTimer = start_timer,
    ) -> None:
        # crhelper sets the root logger's level, which is not its business: it is given the level that is there.
        level: Any = _root_logger.level  # crhelper's stub wants a name, which not every level has
        super().__init__(log_level=level, boto_level="WARNING", sleep_on_delete=0)
        # It logs the event, and with it the ResponseURL, at DEBUG.
        _crhelper_logger.setLevel(logging.WARNING)
        self._deliver = send
        self._explain = explain
        self.failed_id = failed_id
        self._check_url = check_url
        self._on_timeout = on_timeout
        self._start_timer = start_timer
        self._error: BaseException | None = None
        self._undelivered: Exception | None = None
        self._answered = threading.Lock()

    def __call__(self, event: Mapping[str, Any], context: LambdaContext) -> None:
        """Handle *event* and send its answer.

        Raises
        ------
        InvalidResponseUrlError
            There is nowhere to send the answer to, and so none was sent.
        DeliveryError
            The answer did not get through; Lambda's retry of the event is the next chance.
        """
        self._check_url(event.get("ResponseURL"))
        # Every field that crhelper reads with [] gets a string, so that a malformed event still reaches its handler.
        strings = {key: value if isinstance(value := event.get(key), str) else "" for key in _FIELDS}
        # What crhelper's polling puts into an event would become this event's Data.
        own = {key: value for key, value in event.items() if not str(key).startswith("CrHelper")}
        super().__call__({**own, **strings}, context)
        # A timeout's answer may still be on its way in its own thread, which Lambda would freeze.
        if self._timer is not None:
            self._timer.join()
        if self._undelivered is not None:
            raise self._undelivered

    def fail(self, error: BaseException) -> None:
        """Make the answer FAILED, because of *error*."""
        self._error = error
        self.Status = FAILED

    @property
    def _sam_local(self) -> bool:
        """Whether crhelper runs on a developer's machine, where it makes no clients.

        It asks this attribute before it makes three boto3 clients for its polling (EventBridge rules), which is not
        used here, and for nothing else. So it is always true, whatever crhelper finds in the environment.
        """
        return True

    @_sam_local.setter
    def _sam_local(self, found: str | None) -> None:
        """Take what crhelper found in the environment, and leave it."""

    def _log_setup(self, event: Mapping[str, Any], context: LambdaContext) -> None:
        """Leave the root logger alone: crhelper sets its level and format on every event."""

    def _get_func(self) -> Handler:
        """Return the handler of the event; an unknown RequestType has one too, which refuses it."""
        handlers = {"Create": self._create_func, "Update": self._update_func, "Delete": self._delete_func}
        return handlers.get(self.RequestType) or self._create_func

    def _poll_enabled(self) -> None:
        """Return None: polling is not used, and crhelper would look it up by a RequestType that may be anything."""

    def _wrap_function(self, func: Handler) -> None:
        """Run the handler; ``SystemExit`` too ends in an answer, and an id that exists survives the error."""
        try:
            func(self._event, self._context)
        except BaseException as error:  # noqa: BLE001 - whatever ends the handler has to be answered
            self.fail(error)

    def generate_physical_id(self, event: Mapping[str, Any]) -> str:
        """Return the same marker for every delivery of a Create that made nothing; crhelper makes a random id."""
        known = event["PhysicalResourceId"]
        return known if is_physical_id(known) else self.failed_id

    def _cfn_response(self, event: Mapping[str, Any]) -> None:
        """Send the answer; the id is chosen in one place, for every path."""
        del event
        self._send()

    def _set_timeout(self) -> None:
        """Leave time for the PUT and its repetition; crhelper keeps half a second."""
        remaining = self._context.get_remaining_time_in_millis() / 1000
        self._timer = self._start_timer(max(0.0, remaining - answer_reserve(remaining)), self._timeout)

    def _timeout(self) -> None:
        self._on_timeout()
        self._answer(OutOfTimeError("the function's time was used up before the work was done"))

    def _send(self, status: str | None = None, reason: str = "", send_response: object = None) -> None:
        """Send the answer: every path of crhelper's leads here, its own failures included."""
        del send_response
        if status == FAILED and self._error is None:
            self._error = RuntimeError(reason)
        self._answer(self._error)

    def _answer(self, error: BaseException | None) -> None:
        # The first answer counts; a late result of the handler, or a late timeout, is not sent.
        if not self._answered.acquire(blocking=False):
            return
        status: AnswerStatus = "SUCCESS" if error is None else "FAILED"
        try:
            body = self._render(status, error, self.Data)
        except Exception as problem:  # noqa: BLE001 - whatever cannot be worded still has to be answered
            status = "FAILED"
            body = self._render(status, None, {}, reason=f"{type(problem).__name__}: the answer could not be worded.")
        try:
            self._deliver(self._response_url, body, status)
        except Exception as undelivered:  # noqa: BLE001 - crhelper would answer once more; __call__ raises it
            self._undelivered = undelivered

    def _render(
        self, status: AnswerStatus, error: BaseException | None, data: Mapping[str, str], *, reason: str = ""
    ) -> bytes:
        head, tail = (reason, "") if error is None else self._explain(error)
        # A Delete must not change the id, whatever its handler says.
        own_id = "" if self.RequestType == "Delete" else self.PhysicalResourceId
        return render(
            Answer(
                status=status,
                stack_id=self.StackId,
                request_id=self.RequestId,
                logical_resource_id=self.LogicalResourceId,
                physical_resource_id=own_id or self.generate_physical_id(self._event),
                reason_head=head,
                reason_tail=tail,
                data=data if status == "SUCCESS" else {},
                no_echo=self.NoEcho,
            )
        )
