"""The backend: one account in one Region, as moto keeps it, and the way a call takes through it."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from random import Random, SystemRandom
from threading import RLock
from typing import Any, Literal

from moto.core.base_backend import BackendDict, BaseBackend

from .account import Account
from .behaviour import Behaviour
from .calls import Call, loggable
from .exceptions import WorkMailError
from .faults import Fault, Injector
from .operations import ACCOUNT_OPERATIONS, ORGANIZATION_OPERATIONS
from .operations.organizations import new_organization
from .organization import MailDomain, Organization
from .service_model import modelled_errors
from .validation import checked
from .wire import INTERNAL_FAILURE, SERVICE_UNAVAILABLE, THROTTLED, Failure, Reply, failure

Hook = Callable[[str, Literal["before", "after"], Mapping[str, Any]], None]

STATE_VERSION = 1
CALLS_KEPT = 100_000


class WorkMailBackend(BaseBackend):
    """WorkMail in one account and Region.

    Attributes
    ----------
    clock : callable
        Gives the time in seconds since 1970. May be replaced.
    sleep : callable
        Waits that many seconds, for the fault ``delay``. May be replaced.
    random : random.Random
        Where ids and the faults' probabilities come from. May be replaced.
    hooks : list
        Called with the operation, ``"before"`` or ``"after"`` and the request, in the thread that serves the call and
        with no lock held: before anything is decided, and when the answer is ready but not sent.
    """

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        # Reentrant, so that who holds it to look at several things at once can make calls too.
        self.lock = RLock()
        self.clock: Callable[[], float] = time.time
        self.sleep: Callable[[float], None] = time.sleep
        self.hooks: list[Hook] = []
        self._account = Account(region_name, account_id, self._now, SystemRandom())
        self._injector = Injector([])
        self._calls: deque[Call] = deque(maxlen=CALLS_KEPT)
        self._next_call = 1

    def _now(self) -> float:
        return self.clock()

    @property
    def random(self) -> Random:
        """Where ids and probabilities come from."""
        return self._account.random

    @random.setter
    def random(self, random: Random) -> None:
        self._account.random = random

    @property
    def behaviour(self) -> Behaviour:
        """How the service behaves where it is not publicly known. Setting it starts the counts of the faults anew."""
        return self._account.behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        with self.lock:
            self._injector = Injector([])
            self._account.behaviour = behaviour
            for organization in self._account.organizations.values():
                organization.index(behaviour.key)

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls received since the last `clear_calls`, oldest first; the last 100,000."""
        with self.lock:
            return tuple(self._calls)

    def clear_calls(self) -> None:
        """Forget the calls; their numbers go on."""
        with self.lock:
            self._calls.clear()

    def add_fault(self, fault: Fault) -> None:
        """Add a rule; the counts of the others go on."""
        with self.lock:
            injector = self._injector
            self.behaviour = Behaviour(**vars(self.behaviour) | {"faults": (*self.behaviour.faults, fault)})
            self._injector = injector

    def clear_faults(self) -> None:
        """Remove all rules."""
        self.behaviour = Behaviour(**vars(self.behaviour) | {"faults": ()})

    def serve(self, operation: str, parameters: Any, access_key_id: str) -> Reply:
        """Take a call as it came over the wire: hooks, faults, rate limit, the operation, the log.

        Parameters
        ----------
        operation : str
            The operation, one that is implemented.
        parameters : object
            The request's JSON.
        access_key_id : str
            Who signed the request.
        """
        self._run_hooks(operation, "before", parameters)
        with self.lock:
            hits = self._injector.hits(self.behaviour.faults, operation, self.random)
            limit = self.behaviour.rate_limit
            over = limit is not None and self._injector.over(limit, self.clock())
            request_id = self._account.new_uuid()
        for delay in (fault for fault in hits if fault.action == "delay"):
            self.sleep(delay.seconds)
        fault = next((fault for fault in hits if fault.action != "delay"), None)
        with self.lock:
            outcome, logged = self._outcome(operation, parameters, fault, over=over)
            call = Call(
                self._next_call, operation, loggable(parameters), logged, access_key_id, request_id, self.clock()
            )
            self._calls.append(call)
            self._next_call += 1
        self._run_hooks(operation, "after", parameters)
        return Reply(request_id, outcome)

    def _run_hooks(self, operation: str, phase: Literal["before", "after"], parameters: Any) -> None:
        for hook in tuple(self.hooks):
            hook(operation, phase, parameters)

    def _outcome(
        self, operation: str, parameters: Any, fault: Fault | None, *, over: bool
    ) -> tuple[dict[str, Any] | Failure | None, str]:
        if over:
            return THROTTLED, THROTTLED.code
        if fault is not None and fault.action == "drop":
            return None, "Dropped"
        if fault is not None and fault.action != "lose_reply":
            if fault.carried_out:
                self._carried_out(operation, parameters)
            failed = _failure_asked_for(fault)
            return failed, failed.code
        outcome = self._carried_out(operation, parameters)
        if fault is not None:
            return None, "ReplyLost"
        return outcome, outcome.code if isinstance(outcome, Failure) else "OK"

    def _carried_out(self, operation: str, parameters: Any) -> dict[str, Any] | Failure:
        try:
            return self.invoke(operation, parameters)
        except WorkMailError as error:
            return Failure(error.code, error.message, error.status)

    def invoke(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out an operation, without hooks, faults, rate limit and log: for tests that prepare something.

        Parameters
        ----------
        operation : str
            The operation, such as ``CreateResource``.
        parameters : mapping
            The request, as boto3 takes it.

        Raises
        ------
        WorkMailError
            The service refuses.
        """
        with self.lock:
            try:
                request = checked(operation, parameters)
                if operation in ACCOUNT_OPERATIONS:
                    return ACCOUNT_OPERATIONS[operation](self._account, request)
                organization = self._account.organization(operation, request)
                return ORGANIZATION_OPERATIONS[operation](self._account, organization, request)
            except WorkMailError as error:
                if error.code in modelled_errors(operation) or error.asked_for:
                    raise
                # The promise to clients: no operation answers an error that it does not model.
                raise RuntimeError(f"{operation} does not model {error.code}; the sandbox has a defect.") from error

    def organization(self, organization_id: str) -> Organization:
        """Return an organization, whose state, directory and interoperability may be set.

        Raises
        ------
        KeyError
            There is none with this id.
        """
        return self._account.organizations[organization_id]

    def seed(
        self,
        alias: str,
        *,
        organization_id: str | None = None,
        verified_domains: Iterable[str] = (),
        unverified_domains: Iterable[str] = (),
        users: Iterable[str] = (),
        groups: Iterable[str] = (),
    ) -> Organization:
        """Add an organization with people in it, in whatever state `Behaviour.new_organization` says.

        Parameters
        ----------
        alias : str
            Its alias; its first domain is ``ALIAS.awsapps.com``.
        organization_id : str or None
            Its id; by default a random one.
        verified_domains, unverified_domains : iterable of str
            Further domains. The first verified one becomes the default domain.
        users, groups : iterable of str
            Names of users and groups, which are registered as ``NAME@DEFAULT-DOMAIN``.

        Returns
        -------
        Organization
            The new organization.
        """
        with self.lock:
            organization = new_organization(self._account, alias, organization_id or f"m-{self._account.new_hex()}")
            unready, organization.domain_unready = organization.domain_unready, 0
            state, organization.state = organization.state, "Active"
            for domain in verified_domains:
                organization.domains[domain.casefold()] = MailDomain(domain.casefold(), verified=True)
            for domain in unverified_domains:
                organization.domains[domain.casefold()] = MailDomain(domain.casefold(), verified=False)
            verified = [domain for domain in organization.domains.values() if domain.verified and not domain.test]
            organization.default_domain = verified[0].name if verified else organization.default_domain
            for name in users:
                self._seed_member(organization, "CreateUser", {"Name": name, "DisplayName": name})
            for name in groups:
                self._seed_member(organization, "CreateGroup", {"Name": name})
            organization.state, organization.domain_unready = state, unready
            return organization

    def _seed_member(self, organization: Organization, operation: str, request: Mapping[str, Any]) -> None:
        within = {"OrganizationId": organization.id}
        (entity_id,) = self.invoke(operation, {**within, **request}).values()
        organization.entities[entity_id].unseen_reads = 0
        email = f"{request['Name']}@{organization.default_domain}"
        self.invoke("RegisterToWorkMail", within | {"EntityId": entity_id, "Email": email})
        organization.entities[entity_id].shown_states = []

    def verify_domain(self, organization_id: str, domain: str) -> None:
        """Make a mail domain verified, as its DNS records would.

        Raises
        ------
        KeyError
            There is no such organization or domain.
        """
        with self.lock:
            self._account.organizations[organization_id].domains[domain.casefold()].verified = True

    def refuse_directory(self, directory_id: str) -> None:
        """Let CreateOrganization answer DirectoryUnavailableException for a directory."""
        with self.lock:
            self._account.unavailable_directories.add(directory_id)

    def export_state(self) -> dict[str, Any]:
        """Return the state as JSON-serialisable data: all but clock, random numbers, hooks and call log."""
        with self.lock:
            return {
                "version": STATE_VERSION,
                "behaviour": self.behaviour.export(),
                "organizations": [organization.export() for organization in self._account.organizations.values()],
                "client_tokens": [
                    {"token": token, "request": dict(first["request"]), "output": dict(first["output"])}
                    for token, first in self._account.client_tokens.items()
                ],
                "unavailable_directories": sorted(self._account.unavailable_directories),
                "fault_counts": list(self._injector.counts),
                "rate_limit": {"tokens": self._injector.tokens, "at": self._injector.at},
                "next_call": self._next_call,
            }

    def import_state(self, state: Mapping[str, Any]) -> None:
        """Replace everything by what `export_state` gave; all or nothing.

        Raises
        ------
        ValueError
            The state is of another version.
        """
        if state.get("version") != STATE_VERSION:
            raise ValueError(f"The state has version {state.get('version')!r}; this sandbox reads {STATE_VERSION}.")
        behaviour = Behaviour.restore(state["behaviour"])
        organizations = [Organization.restore(data, behaviour.key) for data in state["organizations"]]
        tokens = {
            first["token"]: {"request": dict(first["request"]), "output": dict(first["output"])}
            for first in state["client_tokens"]
        }
        with self.lock:
            self._account.behaviour = behaviour
            self._account.organizations = {organization.id: organization for organization in organizations}
            self._account.client_tokens = tokens
            self._account.unavailable_directories = set(state["unavailable_directories"])
            self._injector = Injector(list(state["fault_counts"]), **state["rate_limit"])
            self._next_call = state["next_call"]


def _failure_asked_for(fault: Fault) -> Failure:
    match fault.action:
        case "throttle":
            return THROTTLED
        case "http_500":
            return INTERNAL_FAILURE
        case "http_503":
            return SERVICE_UNAVAILABLE
        case _:
            return failure(fault.code or "InternalFailure", fault.message, fault.status)


workmail_backends = BackendDict(WorkMailBackend, "workmail")
