"""What can be wrong with a declaration, or with a resource in WorkMail."""

from collections.abc import Sequence

from workmail_resource.aws.advice import ADVICE
from workmail_resource.protocol.errors import Failure, ProviderError


class InvalidPropertiesError(ProviderError):
    """The declared properties are not ones that a resource can have.

    Attributes
    ----------
    problems:
        One sentence for each problem; each begins with the property's name.
    """

    code = "InvalidProperties"
    advice = "Correct the template; nothing was changed in WorkMail."

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)

    def failure(self) -> Failure:
        """Return the error in the form in which it is told: with the number of problems."""
        count = len(self.problems)
        cause = f"{count} problem{'s' if count != 1 else ''} in the properties: {'; '.join(self.problems)}"
        return Failure(self.code, cause, self.advice)


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


class AddressTakenError(ProviderError):
    """Somebody else has a declared address."""

    code = "EmailAddressInUseException"
    advice = ADVICE["EmailAddressInUseException"]

    def __init__(self, message: str, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class ResourceGoneError(ProviderError):
    """Somebody has deleted the resource in WorkMail, while the stack still has it."""

    code = "ResourceGone"
    advice = "Deploy again: the next update makes the resource anew, under a new physical ID."


class UnknownDelegateError(ProviderError):
    """A declared delegate does not exist."""

    code = "EntityNotFoundException"
    advice = "Declare the id, name or address of a user or group of this organization."


class DisabledDelegateError(ProviderError):
    """A declared delegate exists, but is disabled, so that WorkMail does not take it for a delegate."""

    code = "EntityStateException"
    advice = "Enable the user or group in WorkMail, then deploy again, or declare another delegate."


class NotConvergedError(ProviderError):
    """WorkMail took every call but does not show the declared state."""

    code = "StateNotReached"
    advice = "Deploy again; if it stays so, compare the resource with the template in the WorkMail console."
