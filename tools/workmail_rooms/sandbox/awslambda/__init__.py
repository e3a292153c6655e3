"""AWS Lambda's asynchronous invocation on one machine, and the place where functions send their answers.

Each worker process is one execution environment: one event at a time, warm between events.
"""

from workmail_rooms.sandbox.awslambda.environment import ExecutionEnvironment, Outcome
from workmail_rooms.sandbox.awslambda.service import Invocation, LambdaService
from workmail_rooms.sandbox.awslambda.spec import FunctionSpec

__all__ = ["ExecutionEnvironment", "FunctionSpec", "Invocation", "LambdaService", "Outcome"]
