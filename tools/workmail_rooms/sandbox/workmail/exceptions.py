"""The errors WorkMail answers."""

from typing import ClassVar, Self

from moto.core.exceptions import ServiceException

from .service_model import documented_text


class WorkMailError(ServiceException):
    """An error of the service: its code, AWS's documented text, and the thing it is about.

    Parameters
    ----------
    thing : str
        What the error is about, such as ``Resource: boardroom.``

    Attributes
    ----------
    status : int
        The HTTP status; 400 for every modelled error.
    asked_for : bool
        A switch asked for this error although the operation does not model it.
    """

    code: str
    status = 400
    by_code: ClassVar[dict[str, type["WorkMailError"]]] = {}

    def __init_subclass__(cls) -> None:
        cls.by_code[cls.code] = cls

    def __init__(self, thing: str = "", *, asked_for: bool = False) -> None:
        super().__init__(" ".join(part for part in (documented_text(self.code), thing) if part))
        self.asked_for = asked_for


def error(code: str, thing: str, *, asked_for: bool = False) -> WorkMailError:
    """Return the error with the *code*, as a switch names it, about the *thing*."""
    return WorkMailError.by_code[code](thing, asked_for=asked_for)


class DirectoryInUseError(WorkMailError):
    """The directory belongs to another organization."""

    code = "DirectoryInUseException"


class DirectoryServiceAuthenticationFailedError(WorkMailError):
    """The directory refuses WorkMail's credentials."""

    code = "DirectoryServiceAuthenticationFailedException"


class DirectoryUnavailableError(WorkMailError):
    """The directory does not answer."""

    code = "DirectoryUnavailableException"


class EmailAddressInUseError(WorkMailError):
    """Another entity has the address, as primary e-mail or alias."""

    code = "EmailAddressInUseException"


class EntityAlreadyRegisteredError(WorkMailError):
    """The entity is ENABLED already."""

    code = "EntityAlreadyRegisteredException"


class EntityNotFoundError(WorkMailError):
    """The organization has no such user, group or resource."""

    code = "EntityNotFoundException"


class EntityStateError(WorkMailError):
    """The entity is in a state in which this cannot be done."""

    code = "EntityStateException"


class InvalidConfigurationError(WorkMailError):
    """The resource would neither answer requests itself nor have a delegate who does."""

    code = "InvalidConfigurationException"


class InvalidParameterError(WorkMailError):
    """A parameter breaks the service's rules."""

    code = "InvalidParameterException"


class InvalidPasswordError(WorkMailError):
    """The password is too weak."""

    code = "InvalidPasswordException"


class LimitExceededError(WorkMailError):
    """A quota is used up."""

    code = "LimitExceededException"


class MailDomainInUseError(WorkMailError):
    """The domain belongs to an organization already."""

    code = "MailDomainInUseException"


class MailDomainNotFoundError(WorkMailError):
    """The organization does not have the domain."""

    code = "MailDomainNotFoundException"


class MailDomainStateError(WorkMailError):
    """The domain is not verified."""

    code = "MailDomainStateException"


class NameAvailabilityError(WorkMailError):
    """A user, group or resource has the name already."""

    code = "NameAvailabilityException"


class OrganizationNotFoundError(WorkMailError):
    """The account has no such organization in this Region."""

    code = "OrganizationNotFoundException"


class OrganizationStateError(WorkMailError):
    """The organization is in a state in which this cannot be done."""

    code = "OrganizationStateException"

    @classmethod
    def not_active(cls, organization_id: str, state: str) -> Self:
        """Return the error with the one real message that is known (terraform-provider-aws #47893)."""
        raised = cls()
        raised.message = f"Organization {organization_id} is not Active, state: {state}"
        return raised


class ReservedNameError(WorkMailError):
    """The directory keeps the name for itself."""

    code = "ReservedNameException"


class ResourceNotFoundError(WorkMailError):
    """The resource cannot be found."""

    code = "ResourceNotFoundException"


class UnsupportedOperationError(WorkMailError):
    """The directory is read-only, or the organization is in interoperability mode."""

    code = "UnsupportedOperationException"
