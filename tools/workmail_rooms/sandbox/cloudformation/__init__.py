"""CloudFormation's custom-resource lifecycle on this machine.

Knows CloudFormation's side of custom resources and nothing of what they declare. The functions that serve them and
the endpoint that takes their answers come in through ``sandbox.cloudformation.ports``.
"""

from workmail_rooms.sandbox.cloudformation.describe import (
    Describe,
    DescribeStacks,
    StackResourceDetail,
    describe_stack_resource,
    describe_stacks,
)
from workmail_rooms.sandbox.cloudformation.engine import Engine, Outcome
from workmail_rooms.sandbox.cloudformation.errors import CloudFormationError, TemplateFileError, ValidationError
from workmail_rooms.sandbox.cloudformation.exchange import Delivery, Observation, ObservationKind
from workmail_rooms.sandbox.cloudformation.state import Stack, StackEvent, StackStore
from workmail_rooms.sandbox.cloudformation.update import FailedDelete, ReplacementRollback

__all__ = [
    "CloudFormationError",
    "Delivery",
    "Describe",
    "DescribeStacks",
    "Engine",
    "FailedDelete",
    "Observation",
    "ObservationKind",
    "Outcome",
    "ReplacementRollback",
    "Stack",
    "StackEvent",
    "StackResourceDetail",
    "StackStore",
    "TemplateFileError",
    "ValidationError",
    "describe_stack_resource",
    "describe_stacks",
]
