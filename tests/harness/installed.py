"""The provider stack as people install it, lose it and upgrade it; its functions run in this process."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from unittest import mock

from tests.harness.inprocess import Environment
from tests.harness.stage import Stage
from workmail_rooms.sandbox.account import ACCOUNT_ID, REGION
from workmail_rooms.sandbox.awslambda import LambdaService, service
from workmail_rooms.sandbox.cloudformation import Engine, StackStore
from workmail_rooms.sandbox.cloudformation.ports import UnknownFunctionError
from workmail_rooms.sandbox.provider import Provider, read_provider
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE


class Installed:
    """An account in which the provider stack comes and goes, and CloudFormation, which calls its function.

    Implements ``sandbox.cloudformation.ports.Functions``.

    Parameters
    ----------
    stage:
        Its services and its endpoint for answers are used.
    logs:
        A folder; nothing is written there.
    store:
        The stacks that there are.

    Attributes
    ----------
    engine:
        CloudFormation.
    before:
        Called with each event before Lambda has it.
    """

    def __init__(self, stage: Stage, logs: Path, store: StackStore | None = None) -> None:
        self._stage = stage
        self._logs = logs
        self._lambda: LambdaService | None = None
        self._exports: dict[str, str] = {}
        self._patches = ExitStack()
        self._patches.enter_context(mock.patch.object(service, "ExecutionEnvironment", Environment))
        self._patches.enter_context(mock.patch.dict("os.environ", stage.trust))
        self.before: Callable[[Mapping[str, Any]], None] = lambda _event: None
        self.engine = Engine(
            store=store or StackStore(),
            functions=self,
            response_urls=stage.endpoint,
            region=REGION,
            account_id=ACCOUNT_ID,
            exports=self._exports,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.engine.close()
        self.uninstall()
        self._patches.close()

    def install(self, **parameters: str) -> Provider:
        """Install the provider stack with these parameters, or deploy it again; return what it holds."""
        variables = self._stage.services.variables
        provider = read_provider(
            PROVIDER_TEMPLATE, account_id=ACCOUNT_ID, region=REGION, parameters=parameters, variables=variables
        )
        for name, properties in provider.tables.items():
            if name not in self._stage.backends.dynamodb.tables:
                self._stage.backends.create_table(name, properties)
        self.uninstall()
        self._lambda = LambdaService(provider.functions, logs=self._logs)
        self._exports.update(provider.exports)
        return provider

    def uninstall(self) -> None:
        """Delete the provider stack. Its table is retained, as the template says."""
        if self._lambda is not None:
            self._lambda.close()
        self._lambda = None
        self._exports.clear()

    def invoke_async(self, function_arn: str, event: Mapping[str, Any]) -> None:
        """Hand an event to Lambda, if there is such a function."""
        if self._lambda is None:
            raise UnknownFunctionError(f"no function has the ARN {function_arn}")
        self.before(event)
        self._lambda.invoke_async(function_arn, event)
