"""What can stand between an event and a resource: another owner, a later event, a ledger that cannot be used."""

from collections.abc import Sequence

from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.errors import Failure, ProviderError


def let_it_ask(then: str) -> str:
    """Return what to do where CloudFormation could not be asked, before *then* is tried again."""
    return f"Allow the provider's role cloudformation:DescribeStackResource, then {then} again."


class OvertakenError(ProviderError):
    """A condition of a write did not hold: somebody else was faster. Nothing was written."""

    code = "Overtaken"
    advice = "Deploy again."

    def __init__(self, message: str = "another event has changed the ledger's entry meanwhile") -> None:
        super().__init__(message)


class ClaimedError(OvertakenError):
    """Another owner claims the resource, or nobody does. Nothing was written."""

    def __init__(self, message: str = "the claim of the resource is not this one's") -> None:
        super().__init__(message)


class CancelledError(ProviderError):
    """CloudFormation has given the event up, or asked for something else of the resource since."""

    code = "Cancelled"
    advice = "Nothing is left of it; deploy again if the resource is wanted."


class RepeatedFailureError(ProviderError):
    """An earlier delivery of this event has failed; it is answered the same again, and nothing is done.

    Parameters
    ----------
    failure:
        The code, the cause and the advice of that.
    """

    def __init__(self, failure: Sequence[str]) -> None:
        code, cause, advice = failure
        super().__init__(cause)
        self.code = code
        self.advice = advice


class AdoptionRefusedError(ProviderError):
    """The resource of this name is not one that can be adopted."""

    code = "AdoptionRefused"
    advice = "ADOPT takes a live resource of the same Name and Type that no other stack owns; nothing was changed."

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice or self.advice


class NotOwnedError(ProviderError):
    """The resource exists, but nothing proves that it is this stack's."""

    code = "NotOwned"
    advice = (
        "It is never changed without such an entry; if it belongs to this stack, declare ExistingResource: ADOPT, "
        "which takes it over as it is."
    )

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.advice = advice or self.advice


class ForeignPhysicalIdError(ProviderError):
    """An Update names a physical ID that is not a WorkMail resource."""

    code = "UnknownPhysicalId"
    advice = "Remove the resource from the template, deploy, and declare it again."


class LedgerUnavailableError(ProviderError):
    """The ledger could not be read or written.

    Attributes
    ----------
    table:
        The DynamoDB table's name.
    error:
        What DynamoDB answered.
    """

    advice = "Check that the table exists and that the provider's role may use it, then try again."

    def __init__(self, table: str, error: ServiceError) -> None:
        super().__init__(f"{table}: {error}")
        self.table = table
        self.error = error

    def failure(self) -> Failure:
        """Return the error in the form in which it is told: by DynamoDB's code."""
        inner = self.error.failure()
        cause = f"the ledger, DynamoDB table {self.table}, could not be used: {inner.cause}"
        return Failure(inner.code, cause, self.advice, inner.request_id)
