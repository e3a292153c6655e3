"""Every failure in one shape, and the one table of what to do about it.

Pure: :func:`explain` turns any exception into a :class:`Failure`, which becomes the Reason of a FAILED answer.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from .clock import OutOfTimeError
from .properties import InvalidPropertiesError


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, ready to be told.

    Attributes
    ----------
    code:
        The service's error code, or ours.
    cause:
        What the service said, and about what.
    advice:
        One sentence: what a person can do.
    request_id:
        The id of the failed call, if the service gave one.
    """

    code: str
    cause: str
    advice: str
    request_id: str | None = None


class ProviderError(Exception):
    """A failure that this provider finds itself; the class attributes are its code and advice.

    Attributes
    ----------
    code, advice, request_id:
        As in :class:`Failure`.
    """

    request_id: str | None = None
    code = "InternalFailure"
    advice = "Look into the function's log stream, which has the whole story."


class MalformedEventError(ProviderError):
    """The event is not one that CloudFormation sends."""

    code = "MalformedEvent"
    advice = "This function answers CloudFormation's custom resource events of type Create, Update and Delete only."


class CancelledError(ProviderError):
    """CloudFormation has already asked to delete what this event would make."""

    code = "Cancelled"
    advice = "Nothing is left of it; deploy again if the resource is wanted."


class NameTakenError(ProviderError):
    """Somebody else has the declared name."""

    def __init__(self, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id

    code = "NameAvailabilityException"
    advice = (
        "Choose another Name, or, to bring an existing room or piece of equipment under this stack, "
        "declare ExistingResource: ADOPT."
    )


class AdoptionRefusedError(ProviderError):
    """The resource of this name is not one that can be adopted."""

    code = "AdoptionRefused"
    advice = "ADOPT takes a live resource of the same Name and Type that no other stack owns; nothing was changed."


class ResourceGoneError(ProviderError):
    """The resource was deleted behind CloudFormation's back."""

    code = "ResourceGone"
    advice = "Deploy again: the next update makes the resource anew, under a new physical ID."


class NotOwnedError(ProviderError):
    """The resource exists, but nothing proves that it is this stack's."""

    code = "NotOwned"
    advice = (
        "It is never changed without such an entry; if it belongs to this stack, declare ExistingResource: ADOPT, "
        "which takes it over as it is."
    )


class UnknownDelegateError(ProviderError):
    """A declared delegate does not exist."""

    code = "EntityNotFoundException"
    advice = "Declare the id, name or address of a user or group of this organization."


class ForeignPhysicalIdError(ProviderError):
    """An Update names a physical ID that is not a WorkMail resource."""

    code = "UnknownPhysicalId"
    advice = "Remove the resource from the template, deploy, and declare it again."


class NotConvergedError(ProviderError):
    """WorkMail took every call but does not show the declared state."""

    code = "StateNotReached"
    advice = "Deploy again; if it stays so, compare the resource with the template in the WorkMail console."


class BadEnvironmentError(ProviderError):
    """The function's own settings are unusable."""

    code = "BadEnvironment"
    advice = "Deploy the provider stack again from its template, which sets the function's environment."


class ServiceError(Exception):
    """A call that a service refused, or that did not come through.

    Attributes
    ----------
    service:
        ``workmail`` or ``dynamodb``.
    operation:
        The API's name of the call.
    code, message:
        The service's own; for a call without a reply, botocore's name of the failure and its text.
    status:
        The HTTP status, 0 without a reply.
    request_id:
        The service's, if it gave one.
    subject:
        What the call was about, such as ``Name boardroom``.
    attempts:
        How often it was tried.
    """

    def __init__(
        self,
        *,
        service: str,
        operation: str,
        code: str,
        message: str,
        status: int = 0,
        request_id: str | None = None,
        subject: str = "",
        attempts: int = 1,
    ) -> None:
        super().__init__(f"{code} on {operation}: {message}")
        self.service = service
        self.operation = operation
        self.code = code
        self.message = message
        self.status = status
        self.request_id = request_id
        self.subject = subject
        self.attempts = attempts


class LedgerUnavailableError(Exception):
    """The ledger could not be read or written.

    Attributes
    ----------
    table:
        The DynamoDB table's name.
    error:
        What DynamoDB answered.
    """

    def __init__(self, table: str, error: ServiceError) -> None:
        super().__init__(f"{table}: {error}")
        self.table = table
        self.error = error


THROTTLING_CODES: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "SlowDown",
    }
)

_RETRY = "It was retried until the time was used up; deploy again."
_PERMISSION = (
    "Give the provider's role this permission; the provider stack's template grants it for its OrganizationIds."
)
_REGION = (
    "WorkMail answers in us-east-1, us-west-2 and eu-west-1 only: check the provider stack's parameter WorkMailRegion. "
    "After the end of WorkMail, set its parameter AbandonOnDelete to true to delete stacks."
)
_CREDENTIALS = "Check the role of the provider's function; its stack template makes one."

#: What a person can do, by error code. Every error that the WorkMail calls used here model has its line
#: (https://docs.aws.amazon.com/workmail/latest/APIReference/API_CreateResource.html#API_CreateResource_Errors
#: and the same section of the other calls), and so has every failure without a reply.
ADVICE: Final[dict[str, str]] = {
    "DirectoryServiceAuthenticationFailedException": (
        "Correct the service account of the organization's directory (AD Connector) or authorize WorkMail there again, "
        "then deploy again."
    ),
    "DirectoryUnavailableException": (
        "Check in AWS Directory Service that the organization's directory exists and is Active, then deploy again."
    ),
    "EmailAddressInUseException": (
        "Another user, group or resource has this address, perhaps as an alias; choose another or free it first."
    ),
    "EntityAlreadyRegisteredException": (
        "The resource is registered with another address; deploy again, or correct its address in WorkMail."
    ),
    "EntityNotFoundException": (
        "Check that the user or group in Delegates, or the resource itself, exists in this organization."
    ),
    "EntityStateException": (
        "The user, group or resource is in a state that does not allow this; a delegate must be enabled in WorkMail. "
        "Correct its state, then deploy again."
    ),
    "InvalidConfigurationException": (
        "A resource that does not accept requests automatically needs a delegate; declare Delegates or "
        "AutoAcceptRequests: true."
    ),
    "InvalidParameterException": "Correct the property that WorkMail names; its limits are in the property reference.",
    "ValidationException": "Correct the property that WorkMail names; its limits are in the property reference.",
    "LimitExceededException": "A resource can have at most 100 aliases; declare fewer.",
    "MailDomainNotFoundException": (
        "Add the domain of this address to the WorkMail organization, or use one of its domains."
    ),
    "MailDomainStateException": (
        "Verify the domain of this address in the WorkMail organization (its DNS records), then deploy again."
    ),
    "NameAvailabilityException": NameTakenError.advice,
    "OrganizationNotFoundException": (
        "Check OrganizationId, and that the organization is in the account of the provider and in its WorkMailRegion."
    ),
    "OrganizationStateException": (
        "Wait until DescribeOrganization shows the organization as Active, then deploy again."
    ),
    "ReservedNameException": "WorkMail keeps this name for itself; choose another Name.",
    "UnsupportedOperationException": (
        "The organization's directory is read-only, or interoperability mode is on, in which WorkMail makes no "
        "resources; create the resource in the source directory, or switch interoperability off."
    ),
    "AccessDeniedException": _PERMISSION,
    "AccessDenied": _PERMISSION,
    "NotAuthorized": _PERMISSION,
    "UnrecognizedClientException": _CREDENTIALS,
    "InvalidClientTokenId": _CREDENTIALS,
    "InvalidSignatureException": _CREDENTIALS,
    "ExpiredTokenException": _CREDENTIALS,
    "NoCredentialsError": _CREDENTIALS,
    "PartialCredentialsError": _CREDENTIALS,
    "CredentialRetrievalError": _CREDENTIALS,
    "EndpointConnectionError": _REGION,
    "ConnectTimeoutError": _REGION,
    "NoRegionError": "Set the provider stack's parameter WorkMailRegion.",
    "SSLError": "Check the certificates that the function trusts (AWS_CA_BUNDLE), and any proxy between.",
    "ReadTimeoutError": _RETRY,
    "ConnectionClosedError": _RETRY,
    "HTTPClientError": _RETRY,
    "InternalFailure": _RETRY,
    "InternalServerError": _RETRY,
    "InternalServerException": _RETRY,
    "ServiceUnavailable": _RETRY,
    "ServiceUnavailableException": _RETRY,
    **dict.fromkeys(THROTTLING_CODES, "WorkMail limits the rate of calls; deploy again, with fewer changes at once."),
}

_UNKNOWN_ADVICE: Final = (
    "This error is not known to the provider; look it up in the WorkMail API reference, and the call in the log stream."
)
_DENIED_ACTION = re.compile(r"not authorized to perform:? ([\w-]+:\w+)")


def explain(error: BaseException) -> Failure:
    """Say of any exception what it was and what to do.

    Parameters
    ----------
    error:
        Whatever was raised, ``SystemExit`` included.
    """
    match error:
        case InvalidPropertiesError():
            count = len(error.problems)
            cause = f"{count} problem{'s' if count != 1 else ''} in the properties: {'; '.join(error.problems)}"
            return Failure("InvalidProperties", cause, "Correct the template; nothing was changed in WorkMail.")
        case LedgerUnavailableError():
            inner = _explain_service(error.error)
            return Failure(
                inner.code,
                f"the ledger, DynamoDB table {error.table}, could not be used: {inner.cause}",
                "Check that the table exists and that the provider's role may use it, then try again.",
                inner.request_id,
            )
        case ServiceError():
            return _explain_service(error)
        case ProviderError():
            return Failure(error.code, str(error) or "no details", error.advice, error.request_id)
        case OutOfTimeError():
            return Failure("TimedOut", "the function's time was used up before the work was done", _RETRY)
        case _:
            name = type(error).__name__
            return Failure(name, str(error) or "no message", ADVICE.get(name, ProviderError.advice))


def _explain_service(error: ServiceError) -> Failure:
    about = f"{error.operation}{f' of {error.subject}' if error.subject else ''}"
    tries = f", tried {error.attempts} times" if error.attempts > 1 else ""
    advice = ADVICE.get(error.code, _UNKNOWN_ADVICE)
    if advice is _PERMISSION and not _DENIED_ACTION.search(error.message):
        # AWS names the action in most of these messages, but not in all.
        advice = f"{advice[:-1]} (missing: {error.service}:{error.operation})."
    return Failure(error.code, f"{error.message or 'no message'} ({about}{tries})", advice, error.request_id)


def tell(failure: Failure, *, lambda_request_id: str, log_stream: str) -> tuple[str, str]:
    """Word a failure as the head and the tail of a Reason.

    Returns
    -------
    tuple[str, str]
        What may be shortened (code, cause, advice), and what must stay: the request id and the log stream.
    """
    request = f"request ID: {failure.request_id}" if failure.request_id else f"Lambda request ID: {lambda_request_id}"
    return f"{failure.code}: {_sentence(failure.cause)} {failure.advice}", f" ({request}; log stream: {log_stream})"


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace every secret in *text*, so that no message of a service or library can carry one out."""
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def from_boto(error: Exception, *, service: str, operation: str, subject: str, attempts: int) -> ServiceError:
    """Turn an exception of botocore's into a :class:`ServiceError`.

    Parameters
    ----------
    error:
        A ``ClientError``, or any ``BotoCoreError``.
    """
    response: dict[str, Any] = getattr(error, "response", None) or {}
    detail = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    return ServiceError(
        service=service,
        operation=operation,
        code=str(detail.get("Code") or type(error).__name__),
        message=str(detail.get("Message") or error),
        status=int(metadata.get("HTTPStatusCode", 0)),
        request_id=metadata.get("RequestId"),
        subject=subject,
        attempts=attempts,
    )
