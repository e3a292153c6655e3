"""What the function says of its work: JSON log lines and metrics, by AWS Lambda Powertools.

https://docs.aws.amazon.com/powertools/python/latest/core/logger/
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from .protocol.errors import redact

SERVICE: Final = "workmail-resource"
#: Of the metrics, where the provider stack's parameter MetricsNamespace sets no other.
NAMESPACE: Final = "WorkMailResource"

#: How far up the stack the line is that a log record names.
_CALLER: Final = 3


class Telemetry:
    """The log and the metrics of one event.

    Parameters
    ----------
    event:
        As it came; from it only the ids are logged.
    secrets:
        What no line may hold.
    """

    def __init__(self, event: Mapping[str, Any], *, lambda_request_id: str, secrets: Iterable[str]) -> None:
        self._secrets = tuple(secrets)
        self._operation = str(event.get("RequestType", ""))
        self._throttled = 0
        self._logger = Logger(service=SERVICE)
        # Powertools keeps keys with the logger's name, across events.
        self._logger.clear_state()
        self._logger.append_keys(
            stack_id=event.get("StackId"),
            logical_resource_id=event.get("LogicalResourceId"),
            request_id=event.get("RequestId"),
            request_type=event.get("RequestType"),
            lambda_request_id=lambda_request_id,
        )

    def info(self, message: str, **keys: object) -> None:
        """Log what happened, and count the calls that a service refused because of their rate."""
        self._throttled += keys.get("throttled") is True
        self._logger.info(self._clean(message), extra=self._keys(keys), stacklevel=_CALLER)

    def error(self, message: str, **keys: object) -> None:
        """Log what went wrong."""
        self._logger.error(self._clean(message), extra=self._keys(keys), stacklevel=_CALLER)

    def count(self, *, succeeded: bool, milliseconds: float) -> None:
        """Emit the metrics of the event: how it was answered, how long it took, and how often it was throttled."""
        metrics = self._metrics()
        metrics.add_dimension(name="RequestType", value=self._operation or "Unknown")
        metrics.add_metric(name="Succeeded" if succeeded else "Failed", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name="Duration", unit=MetricUnit.Milliseconds, value=milliseconds)
        metrics.add_metric(name="ThrottledCalls", unit=MetricUnit.Count, value=self._throttled)
        metrics.flush_metrics()

    def count_unanswered(self) -> None:
        """Emit the metric of answers that were refused for good; an alarm looks at it, whatever the request type."""
        metrics = self._metrics()
        metrics.add_metric(name="Unanswered", unit=MetricUnit.Count, value=1)
        metrics.flush_metrics()

    def _metrics(self) -> EphemeralMetrics:
        return EphemeralMetrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or NAMESPACE, service=SERVICE)

    def _keys(self, keys: Mapping[str, object]) -> dict[str, object]:
        return {"operation": self._operation, **{key: self._clean_deep(value) for key, value in keys.items()}}

    def _clean(self, text: str) -> str:
        return redact(text, self._secrets)

    def _clean_deep(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {self._clean(str(key)): self._clean_deep(inner) for key, inner in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._clean_deep(inner) for inner in value]
            case _:
                return self._clean(str(value))
