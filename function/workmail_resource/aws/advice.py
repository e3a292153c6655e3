"""The one place of what to do about a service's errors: by code, and where it makes a difference by request type."""

from collections.abc import Mapping
from typing import Final

from workmail_resource.protocol.errors import OutOfTimeError

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

_RETRY = OutOfTimeError.advice
PERMISSION = (
    "Give the provider's role this permission; the provider stack's template grants it for its OrganizationIds."
)
_REGION = (
    "WorkMail answers in us-east-1, us-west-2 and eu-west-1 only: check the provider stack's parameter WorkMailRegion. "
    "After the end of WorkMail, set its parameter AbandonOnDelete to true to delete stacks."
)
_CREDENTIALS = "Check the role of the provider's function; its stack template makes one."

#: What a person can do about a failed Create or Update, by error code. Every error that the WorkMail calls used here
#: model has its line
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
    "LimitExceededException": "WorkMail takes no more aliases for this resource; declare fewer.",
    "MailDomainNotFoundException": (
        "Add the domain of this address to the WorkMail organization, or use one of its domains."
    ),
    "MailDomainStateException": (
        "Verify the domain of this address in the WorkMail organization (its DNS records), then deploy again."
    ),
    "NameAvailabilityException": (
        "Choose another Name, or, to bring an existing room or piece of equipment under this stack, "
        "declare ExistingResource: ADOPT."
    ),
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
    "AccessDeniedException": PERMISSION,
    "AccessDenied": PERMISSION,
    "NotAuthorized": PERMISSION,
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

UNKNOWN: Final = (
    "This error is not known to the provider; look it up in the WorkMail API reference, and the call in the log stream."
)

_GIVING_BACK = (
    "An adopted resource could not be put back as it was; correct in WorkMail what prevents it, then delete again."
)
_DELETE_AGAIN = "It was retried until the time was used up; delete again."

#: What is to be done instead, by request type and error code. The codes are a service's or our own. In an Update
#: ExistingResource counts only if the resource is replaced. A Delete goes by no property: it deletes the resource, or
#: puts back what an adoption has changed.
INSTEAD: Final[Mapping[str, Mapping[str, str]]] = {
    "Update": {
        "NameAvailabilityException": "Choose another Name, or first rename the user, group or resource that has it.",
    },
    "Delete": {
        "DirectoryServiceAuthenticationFailedException": (
            "Correct the service account of the organization's directory (AD Connector) or authorize WorkMail there "
            "again, then delete again."
        ),
        "DirectoryUnavailableException": (
            "Check in AWS Directory Service that the organization's directory exists and is Active, then delete again. "
            "If it is gone for good, set the provider stack's parameter AbandonOnDelete to true."
        ),
        "EntityStateException": (
            "WorkMail does not let go of the resource in its present state; disable it in the WorkMail console, then "
            "delete again."
        ),
        "OrganizationStateException": (
            "Wait until DescribeOrganization shows the organization as Active or Deleted, then delete again."
        ),
        "OrganizationNotFoundException": (
            "Check that the organization is in the account of the provider and in its WorkMailRegion, then delete "
            "again."
        ),
        "UnsupportedOperationException": (
            "The organization's directory is read-only, or interoperability mode is on; delete the resource in the "
            "source directory, then delete again here."
        ),
        "StateNotReached": "Delete again; if it stays so, delete the resource in the WorkMail console.",
        "Overtaken": "Delete again.",
        **dict.fromkeys(
            (
                "EmailAddressInUseException",
                "EntityAlreadyRegisteredException",
                "EntityNotFoundException",
                "InvalidConfigurationException",
                "InvalidParameterException",
                "LimitExceededException",
                "MailDomainNotFoundException",
                "MailDomainStateException",
                "NameAvailabilityException",
                "ReservedNameException",
                "ValidationException",
            ),
            _GIVING_BACK,
        ),
        **{code: _DELETE_AGAIN for code, advice in ADVICE.items() if advice is _RETRY},
        OutOfTimeError.code: _DELETE_AGAIN,
        **dict.fromkeys(
            THROTTLING_CODES, "WorkMail limits the rate of calls; delete again, with fewer changes at once."
        ),
    },
}


def advise(code: str, request_type: object, otherwise: str) -> str:
    """Return what a person can do about a failed event.

    Parameters
    ----------
    code:
        Of the failure.
    request_type:
        The event's, whatever that is.
    otherwise:
        What holds for this failure where the request type makes no difference.
    """
    return INSTEAD.get(str(request_type), {}).get(code, otherwise)
