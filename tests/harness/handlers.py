"""Other handlers in the place of the provider's own: see ``tests/contracts/functions``."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from tests.harness.stage import Function, Stage
from workmail_rooms.sandbox.awslambda import FunctionSpec

FUNCTIONS: Final = Path(__file__).resolve().parent.parent / "contracts" / "functions"


def plain_crhelper(spec: FunctionSpec) -> FunctionSpec:
    """Return *spec* with the handler that plain crhelper makes of the same lifecycle."""
    if spec.code == FUNCTIONS:
        return replace(spec, environment={**spec.environment, "PROVIDER_MODULE": "plain_crhelper"})
    environment = {**spec.environment, "PYTHONPATH": str(spec.code)}
    return replace(spec, code=FUNCTIONS, handler="plain_crhelper.handler", environment=environment)


def sabotaged(stage: Stage) -> Function:
    """Return the provider with a lifecycle that does what the property ``Sabotage`` says."""
    own = next(spec for spec in stage.provider.functions if spec.arn in stage.provider.exports.values())
    return stage.variant(
        "sabotaged",
        code=FUNCTIONS,
        handler="sabotage.handler",
        environment={"PYTHONPATH": str(own.code), "PROVIDER_MODULE": "workmail_resource.app"},
    )
