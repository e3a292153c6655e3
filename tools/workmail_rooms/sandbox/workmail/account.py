"""One account in one Region: its organizations, and what operations need from outside."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from uuid import UUID

from .behaviour import Behaviour
from .exceptions import (
    DirectoryServiceAuthenticationFailedError,
    DirectoryUnavailableError,
    OrganizationNotFoundError,
    OrganizationStateError,
    UnsupportedOperationError,
)
from .organization import Organization
from .service_model import modelled_errors

Params = Mapping[str, Any]
Output = dict[str, Any]


@dataclass
class Account:
    """What an operation works on.

    Attributes
    ----------
    region : str
        The Region.
    account_id : str
        Twelve digits.
    now : callable
        Gives the time in seconds since 1970.
    random : random.Random
        Where ids come from.
    behaviour : Behaviour
        How the service behaves where it is not publicly known.
    organizations : dict[str, Organization]
        By id, deleted ones included.
    client_tokens : dict[str, dict]
        By operation and ClientToken: the request, and the answer it got.
    unavailable_directories : set[str]
        Directory ids that CreateOrganization refuses with DirectoryUnavailableException.
    """

    region: str
    account_id: str
    now: Callable[[], float]
    random: Random
    behaviour: Behaviour = field(default_factory=Behaviour)
    organizations: dict[str, Organization] = field(default_factory=dict)
    client_tokens: dict[str, dict[str, Any]] = field(default_factory=dict)
    unavailable_directories: set[str] = field(default_factory=set)

    def new_hex(self) -> str:
        """Return 32 random hex digits."""
        return f"{self.random.getrandbits(128):032x}"

    def new_uuid(self) -> str:
        """Return a random UUID."""
        return str(UUID(int=self.random.getrandbits(128), version=4))

    def new_group_id(self) -> str:
        """Return a random group id, in the form the API reference shows."""
        return "S-1-1-11-" + "-".join(str(self.random.randrange(10**8, 10**9)) for _ in range(4))

    def organization(self, operation: str, request: Params) -> Organization:
        """Return the organization of the *request* if it lets the *operation* through.

        Raises
        ------
        OrganizationNotFoundError
            There is none with this id.
        OrganizationStateError
            It is not Active.
        DirectoryServiceAuthenticationFailedError, DirectoryUnavailableError, UnsupportedOperationError
            Its directory refuses.
        """
        organization_id = request["OrganizationId"]
        organization = self.organizations.get(organization_id)
        if organization is None:
            raise OrganizationNotFoundError(f"Organization: {organization_id}.")
        errors = modelled_errors(operation)
        if organization.state not in {"Active", "Synchronizing"} and "OrganizationStateException" in errors:
            if (
                organization.state == "Deleted"
                and self.behaviour.deleted_organization == OrganizationNotFoundError.code
            ):
                raise OrganizationNotFoundError(f"Organization: {organization_id}.")
            raise OrganizationStateError.not_active(organization_id, organization.state)
        if organization.directory != "ok":
            self._check_directory(organization, operation, errors)
        return organization

    @staticmethod
    def _check_directory(organization: Organization, operation: str, errors: frozenset[str]) -> None:
        at = f"Directory: {organization.directory_id} of organization {organization.id}."
        reads = operation.startswith(("Describe", "List", "Get"))
        match organization.directory:
            case "authentication_failed" if DirectoryServiceAuthenticationFailedError.code in errors:
                raise DirectoryServiceAuthenticationFailedError(at)
            case "unavailable" if DirectoryUnavailableError.code in errors:
                raise DirectoryUnavailableError(at)
            case "read_only" if UnsupportedOperationError.code in errors and not reads:
                raise UnsupportedOperationError(at)
            case "unsupported" if UnsupportedOperationError.code in errors:
                raise UnsupportedOperationError(at)
            case _:
                pass
