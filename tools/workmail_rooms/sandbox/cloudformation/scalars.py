"""CloudFormation hands every scalar to a custom resource as a string."""

from typing import Any


def as_text(value: Any) -> str:
    """Return a template's scalar as CloudFormation writes it: ``true``, ``1``, ``1.5``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def stringify(value: Any) -> Any:
    """Return *value* with every scalar as a string; lists and maps keep their form."""
    if isinstance(value, dict):
        return {str(key): stringify(item) for key, item in value.items()}
    if isinstance(value, list):
        return [stringify(item) for item in value]
    return as_text(value)
