"""The one table of what to do about a service's errors."""

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
