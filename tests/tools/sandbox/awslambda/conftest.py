"""Lambda with the tests' tiny functions."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workmail_rooms.sandbox.awslambda import FunctionSpec, LambdaService

CODE = Path(__file__).with_name("functions")
ARN = "arn:aws:lambda:us-east-1:123456789012:function:tiny"

SpecFactory = Callable[..., FunctionSpec]
ServiceFactory = Callable[..., LambdaService]


@pytest.fixture
def spec() -> SpecFactory:
    """Make a specification of one of the tiny functions."""

    def make(handler: str, **options: Any) -> FunctionSpec:
        options = {"arn": ARN, "code": CODE, "timeout": 20.0, "retry_delays": (0.01, 0.02), **options}
        return FunctionSpec(handler=handler, **options)

    return make


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceFactory]:
    """Make services that are closed when the test ends."""
    services: list[LambdaService] = []

    def make(*specs: FunctionSpec, **options: Any) -> LambdaService:
        services.append(LambdaService(specs, logs=tmp_path / "logs", **options))
        return services[-1]

    yield make
    for one in services:
        one.close()
