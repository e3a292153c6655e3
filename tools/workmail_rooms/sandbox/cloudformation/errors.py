"""What CloudFormation refuses, and why."""

from pathlib import Path


class CloudFormationError(Exception):
    """A request that CloudFormation refuses before any resource is touched."""


class TemplateFileError(CloudFormationError):
    """The template file cannot be read or decoded.

    Attributes
    ----------
    path:
        The file.
    line, column:
        Where the problem is, counted from 1.
    problem:
        What is wrong there, in the decoder's words.
    """

    def __init__(self, path: Path, line: int, column: int, problem: str) -> None:
        super().__init__(f"{path}:{line}:{column}: {problem}")
        self.path = path
        self.line = line
        self.column = column
        self.problem = problem


class ValidationError(CloudFormationError):
    """A template, parameter or request that CloudFormation answers with ValidationError."""


class StackFailure(Exception):  # noqa: N818 - it ends an operation, the caller's request was fine
    """The operation on one resource or on the stack cannot go on; the text becomes its status reason."""
