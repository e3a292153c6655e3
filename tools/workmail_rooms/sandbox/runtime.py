"""Puts the pieces together: one account on this machine, with the provider deployed in it."""

import contextlib
import secrets
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import workmail_resource
from workmail_rooms.sandbox.account import ACCOUNT_ID, REGION, endpoint_variables
from workmail_rooms.sandbox.awslambda import LambdaService
from workmail_rooms.sandbox.awslambda.certificates import LocalCertificates
from workmail_rooms.sandbox.awslambda.responses import ResponseEndpoint
from workmail_rooms.sandbox.cloudformation import (
    Engine,
    Stack,
    StackEvent,
    StackStore,
    describe_stack_resource,
    describe_stacks,
)
from workmail_rooms.sandbox.state import StateError, StateFolder

if TYPE_CHECKING:
    from workmail_rooms.sandbox.backends import Backends
    from workmail_rooms.sandbox.provider import Provider
    from workmail_rooms.sandbox.services import Services
    from workmail_rooms.sandbox.workmail import Behaviour

_INSTALLED = Path(__file__).resolve().with_name("template.yaml")
#: The provider's own template: this project's, or, of an installed package, the one that is installed with it.
PROVIDER_TEMPLATE = _INSTALLED if _INSTALLED.is_file() else Path(__file__).resolve().parents[3] / "template.yaml"

# What CloudFormation cancelled goes on in Lambda for a while; in AWS nobody would end it either.
_GRACE = 60.0


def load_stacks(state: StateFolder) -> StackStore:
    """Read the stacks of a state folder, and nothing else.

    Raises
    ------
    StateError
        The state cannot be read.
    """
    document = state.load() or {}
    with _damaged(state):
        return StackStore.import_state(document.get("stacks", {}))


def load_parameters(state: StateFolder) -> dict[str, str]:
    """Read the parameters of Systems Manager in a state folder.

    Raises
    ------
    StateError
        The state cannot be read.
    """
    document = state.load() or {}
    return {str(name): str(value) for name, value in document.get("parameters", {}).items()}


def load_backends(
    state: StateFolder, provider: "Provider | None" = None, behaviour: "Behaviour | None" = None
) -> "Backends":
    """Read what the services hold; the made-up organizations when there is no state yet.

    Parameters
    ----------
    provider:
        Its tables are created; without it there are none.
    behaviour:
        How WorkMail behaves from now on; None leaves it as the state has it.

    Raises
    ------
    StateError
        The state cannot be read.
    """
    # moto takes most of a second to import; commands that only read stacks need not pay for it.
    from workmail_rooms.sandbox.backends import Backends  # noqa: PLC0415
    from workmail_rooms.sandbox.seed import seed  # noqa: PLC0415

    document = state.load()
    backends = Backends()
    for name, properties in provider.tables.items() if provider else ():
        backends.create_table(name, properties)
    if document is None:
        backends.workmail.behaviour = behaviour or backends.workmail.behaviour
        seed(backends.workmail)
        return backends
    with _damaged(state):
        backends.import_state(document["services"])
    if behaviour is not None:
        backends.workmail.behaviour = behaviour
    return backends


def name_what_was_interrupted(stack: Stack) -> None:
    """Give each resource whose Create was cut off an id, as CloudFormation gives one to a cancelled Create.

    Without one, the stack's deletion would send no Delete, and what the function made would be left behind.
    """
    for resource in stack.resources.values():
        if resource.asked and not resource.physical_id and not resource.superseded:
            resource.physical_id = f"{stack.name}-{resource.logical_id}-{secrets.token_hex(6).upper()}"


def load_provider(template: Path, variables: Mapping[str, str], code: Path | None = None) -> "Provider":
    """Read the provider's own template for this account.

    Parameters
    ----------
    variables:
        Environment variables for every function, besides those that the template sets.
    code:
        A built package to run instead of the template's ``CodeUri``.

    Raises
    ------
    CloudFormationError
        The template cannot be used.
    """
    # cfn-lint takes two seconds to import.
    from workmail_rooms.sandbox.provider import read_provider  # noqa: PLC0415

    if code is None and template == _INSTALLED:
        # The function is installed beside this package, and not in a folder beside its template.
        code = Path(workmail_resource.__file__).parents[1]

    return read_provider(template, account_id=ACCOUNT_ID, region=REGION, variables=variables, code=code)


class Sandbox:
    """WorkMail, DynamoDB, Lambda and CloudFormation, ready to deploy.

    Parameters
    ----------
    state:
        What is remembered. The caller holds its lock.
    template:
        The provider's own template.
    code:
        A built package to run instead of the template's ``CodeUri``.
    python:
        The interpreter that runs the functions.
    cold:
        Give every event a worker of its own.
    on_event:
        Called with each stack event as it happens.
    workers:
        How many workers to start before the first event.
    behaviour:
        How WorkMail behaves from now on; None leaves it as the state has it.
    parameters:
        Systems Manager's parameters, to be kept beside those that the state has.

    Raises
    ------
    StateError
        The state cannot be read.
    CloudFormationError
        The provider's template cannot be used.
    """

    def __init__(
        self,
        state: StateFolder,
        *,
        template: Path = PROVIDER_TEMPLATE,
        code: Path | None = None,
        python: str = sys.executable,
        cold: bool = False,
        on_event: Callable[[StackEvent], None] = lambda _event: None,
        workers: int = 1,
        behaviour: "Behaviour | None" = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self._state = state
        self._parameters = load_parameters(state) | dict(parameters or {})
        self.stacks = load_stacks(state)
        with contextlib.ExitStack() as undo:
            listener = undo.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
            certificates = LocalCertificates(state.certificates)
            # In this order, the workers import the function on one core while this process imports moto on another.
            host, port = listener.getsockname()
            variables = endpoint_variables(f"http://{host}:{port}") | certificates.client_variables()
            provider = load_provider(template, variables, code)
            self.provider = provider
            self.exports = dict(provider.exports)
            self.functions = undo.enter_context(
                LambdaService(provider.functions, logs=state.logs, python=python, cold=cold)
            )
            for arn in set(self.exports.values()) & {spec.arn for spec in provider.functions}:
                self.functions.warm(arn, workers)
            self.endpoint = undo.enter_context(ResponseEndpoint(certificates))

            self.backends = load_backends(state, provider, behaviour)
            self.services = undo.enter_context(serve_account(self.backends, provider, self.stacks, listener))
            self.engine = Engine(
                store=self.stacks,
                functions=self.functions,
                response_urls=self.endpoint,
                region=REGION,
                account_id=ACCOUNT_ID,
                exports=self.exports,
                parameter_store=self._parameters,
                on_event=on_event,
            )
            undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.functions.wait_until_idle(_GRACE)
        finally:
            self.close()

    def close(self) -> None:
        """Stop everything and save what is there.

        Raises
        ------
        StateError
            The state cannot be saved.
        """
        with contextlib.ExitStack() as last_first:
            last_first.callback(self.save)
            last_first.callback(self.services.close)
            last_first.callback(self.engine.close)
            last_first.callback(self.endpoint.close)
            last_first.callback(self.functions.close)

    def save(self) -> None:
        """Write the state; to be called when nothing is under way.

        Raises
        ------
        StateError
            It cannot be written.
        """
        for stack in self.stacks.stacks.values():
            name_what_was_interrupted(stack)
        self._state.save(
            {
                "stacks": self.stacks.export_state(),
                "services": self.backends.export_state(),
                "parameters": self._parameters,
            }
        )


def serve_account(
    backends: "Backends", provider: "Provider", stacks: StackStore, listener: socket.socket | None = None
) -> "Services":
    """Serve all that an account holds, until the services are closed."""
    from workmail_rooms.sandbox.services import Services  # noqa: PLC0415 - as in load_backends

    return Services(
        backends,
        listener=listener,
        describe=partial(describe_stack_resource, stacks),
        stacks=partial(describe_stacks, stacks, besides=[provider.stack]),
    )


@contextlib.contextmanager
def _damaged(state: StateFolder) -> Iterator[None]:
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"The state in {state.path} is damaged, or another version of the sandbox wrote it. "
            "Remove the folder to begin anew, or give another --state-dir."
        ) from error
