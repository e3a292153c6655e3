"""AWS Lambda's asynchronous invocation on one machine, and the place where functions send their answers.

Each worker process is one execution environment: one event at a time, warm between events.
"""

from sandbox.awslambda.environment import ExecutionEnvironment, Outcome
from sandbox.awslambda.service import Invocation, LambdaService
from sandbox.awslambda.spec import FunctionSpec

__all__ = ["ExecutionEnvironment", "FunctionSpec", "Invocation", "LambdaService", "Outcome"]
