"""Calls: one after the other, each with all that came back."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore import xform_name
from botocore.client import BaseClient
from botocore.exceptions import ClientError, HTTPClientError

from workmail_resource.aws.advice import THROTTLING_CODES
from workmail_rooms.common.command import FailedError
from workmail_rooms.common.failures import DENIED

#: The code of an answer that is no error; what the switches call it, too.
SUCCESS: Final = "success"

#: Every operation that the probe calls: the permissions it needs.
OPERATIONS: Final = (
    "AssociateDelegateToResource",
    "CreateAlias",
    "CreateResource",
    "DeleteAlias",
    "DeleteResource",
    "DeregisterFromWorkMail",
    "DescribeOrganization",
    "DescribeResource",
    "DisassociateDelegateFromResource",
    "GetMailDomain",
    "ListAliases",
    "ListResourceDelegates",
    "ListResources",
    "RegisterToWorkMail",
    "UpdateResource",
)

_READS: Final = ("Describe", "Get", "List")
#: Seconds between the tries of a call that was throttled, or of a read that failed.
_WAITS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
#: What says nothing about WorkMail: the caller has to sign in again.
_SIGN_IN: Final = frozenset(
    {"ExpiredTokenException", "InvalidClientTokenId", "InvalidSignatureException", "UnrecognizedClientException"}
)
_SERVER_ERROR: Final = 500
_EVENT: Final = "response-received.workmail"
_HANDLER: Final = "workmail-rooms-probe"


class ProbeError(FailedError):
    """The probe cannot go on. The message says why and what to do."""


class UnansweredError(ProbeError):
    """Nobody knows whether a call was carried out."""


class DeniedError(ProbeError):
    """A permission is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A call and what came back.

    Attributes
    ----------
    operation : str
        Such as ``CreateResource``.
    request : Mapping[str, Any]
        Its parameters, without the organization's id.
    code : str
        `SUCCESS` or the error code, without name space.
    message : str
        The error's.
    output : Mapping[str, Any]
        As boto3 returns it, without ResponseMetadata.
    error_type : str
        ``__type`` of an error as it was sent.
    body : str
        The body as it was sent.
    at : float
        When the answer was there, in seconds.
    """

    operation: str
    request: Mapping[str, Any]
    code: str
    message: str = ""
    output: Mapping[str, Any]
    error_type: str = ""
    body: str = ""
    at: float

    @property
    def ok(self) -> bool:
        """Whether the call succeeded."""
        return self.code == SUCCESS

    @property
    def throttled(self) -> bool:
        """Whether WorkMail refused the call because there were too many."""
        return self.code in THROTTLING_CODES


class Caller:
    """Calls WorkMail about one organization.

    An answer that is an error is returned like any other: errors are what is asked for here.

    Parameters
    ----------
    client :
        A boto3 client for ``workmail`` that tries each call once. Trying again is done here: whoever counts answers has
        to see each.
    organization_id : str
        Every call is about this organization.
    clock : callable
        Gives the time in seconds.
    sleep : callable
        Waits that many seconds.

    Attributes
    ----------
    answers : list[Answer]
        All answers so far.
    """

    def __init__(
        self,
        client: BaseClient,
        organization_id: str,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._organization_id = organization_id
        self._clock = clock
        self._sleep = sleep
        self._body = b""
        self.answers: list[Answer] = []
        # boto3 shows what came back before it was parsed in an event only; a client tells one caller.
        client.meta.events.unregister(_EVENT, unique_id=_HANDLER)
        client.meta.events.register(_EVENT, self._keep, unique_id=_HANDLER)

    def _keep(self, response_dict: Mapping[str, Any] | None = None, **_: object) -> None:
        self._body = response_dict["body"] if response_dict else b""

    def __call__(self, operation: str, **request: Any) -> Answer:
        """Call until there is an answer that WorkMail means.

        A throttled call was not carried out, and a read changes nothing: both are tried again.

        Raises
        ------
        UnansweredError
            A change may have been carried out or not, or WorkMail does not answer for a minute.
        DeniedError
            The permission is missing.
        ProbeError
            The caller's credentials are not valid (any more).
        botocore.exceptions.BotoCoreError
            The call cannot be made at all.
        """
        read = operation.startswith(_READS)
        for wait in (*_WAITS, None):
            answer = self.once(operation, **request)
            if answer is not None and not answer.throttled:
                return answer
            if wait is None or (answer is None and not read):
                break
            self._sleep(wait)
        if answer is not None:
            raise UnansweredError(f"WorkMail goes on throttling {operation} ({answer.code}). Try again later.")
        raise UnansweredError(
            f"{operation} got no answer that says whether it was carried out. Run the probe again; "
            "if this comes back, look at the network and at the AWS Health Dashboard."
        )

    def once(self, operation: str, **request: Any) -> Answer | None:
        """Call once; None when there is no telling what became of the call."""
        try:
            output = getattr(self._client, xform_name(operation))(OrganizationId=self._organization_id, **request)
        except HTTPClientError:
            return None
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            message = str(error.response.get("Error", {}).get("Message", ""))
            if code in DENIED:
                raise DeniedError(f"The permission workmail:{operation} is missing ({code}).") from error
            if code in _SIGN_IN:
                raise ProbeError(f"{code}: {message} Sign in again, then run the probe again.") from error
            if int(error.response["ResponseMetadata"].get("HTTPStatusCode", 0)) >= _SERVER_ERROR:
                return None
            return self._note(operation, request, code, message, {})
        return self._note(operation, request, SUCCESS, "", output)

    def _note(
        self, operation: str, request: Mapping[str, Any], code: str, message: str, output: Mapping[str, Any]
    ) -> Answer:
        body = self._body.decode("utf-8", "replace")
        answer = Answer(
            operation=operation,
            request=request,
            code=code,
            message=message,
            output={name: value for name, value in output.items() if name != "ResponseMetadata"},
            error_type="" if code == SUCCESS else _error_type(body),
            body=body,
            at=self._clock(),
        )
        self.answers.append(answer)
        return answer

    def listed(self, operation: str, **request: Any) -> Iterator[Answer]:
        """Call a List operation until its last page; yield each, and end with the first that is an error."""
        token: dict[str, str] = {}
        while True:
            answer = self(operation, MaxResults=100, **request, **token)
            yield answer
            following = answer.output.get("NextToken")
            if not following:
                return
            token = {"NextToken": following}


def _error_type(body: str) -> str:
    try:
        return str(json.loads(body).get("__type", ""))
    except (ValueError, AttributeError):
        return ""
