"""A stack's outputs and exports."""

import re
from collections.abc import Callable, Mapping

from workmail_rooms.sandbox.cloudformation.definition import Definition
from workmail_rooms.sandbox.cloudformation.errors import StackFailure, ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.scalars import as_text
from workmail_rooms.sandbox.cloudformation.state import Stack, StackStore

_MASK = "****"
_MAX_EXPORT = 1024
_EXPORT_NAME = re.compile(r"[A-Za-z0-9:-]{1,255}")


def evaluate_outputs(
    definition: Definition, evaluator: Evaluator, stack: Stack, store: StackStore
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the outputs as they are shown, and the exports by name.

    Raises
    ------
    StackFailure
        A value does not exist, or an export's name belongs to another stack.
    """
    outputs: dict[str, str] = {}
    exports: dict[str, str] = {}
    for name, output in definition.outputs.items():
        try:
            value = evaluator.evaluate(output.value)
            export = None if output.export_name is None else as_text(evaluator.evaluate(output.export_name))
        except ValidationError as error:
            raise StackFailure(str(error)) from error
        if value is None or isinstance(value, dict | list):
            raise StackFailure(f"Template format error: The Value field of output {name} must evaluate to a string.")
        if export is not None:
            _check_export(name, export, as_text(value))
        outputs[name] = _MASK if _is_secret(evaluator.references(output.value), stack) else as_text(value)
        if export is not None:
            owner = next((other.name for other in _others(stack, store) if export in other.exports), None)
            if owner is not None:
                raise StackFailure(f"Export with name {export} is already exported by stack {owner}")
            if export in exports:
                raise StackFailure(f"Duplicate Export names: [{export}]")
            exports[export] = as_text(value)
    return outputs, exports


def _check_export(name: str, export: str, value: str) -> None:
    """Check an export as far as its value and name go.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html
    """
    if not _EXPORT_NAME.fullmatch(export):
        raise StackFailure(
            f"Template format error: Output {name} is malformed. The Name field of Export, {export!r}, must have 1 to "
            "255 letters, digits, colons or hyphens"
        )
    # The words are CloudFormation's: https://github.com/smoketurner/serverless-vpc-plugin/issues/704 and
    # https://github.com/awslabs/goformation/pull/299.
    if not value.strip():
        raise StackFailure(f"Cannot export output {name}. Exported values must not be empty or whitespace-only.")
    if len(value) > _MAX_EXPORT:
        raise StackFailure(
            f"Cannot export output {name} with length {len(value)}. Max length of {_MAX_EXPORT} exceeded."
        )


def refuse_lost_exports(stack: Stack, exports: Mapping[str, str], store: StackStore) -> None:
    """Check that every export another stack uses stays as it is.

    Raises
    ------
    StackFailure
        One would change or go.
    """
    for name, value in stack.exports.items():
        users = _users(name, stack, store)
        if users and exports.get(name) != value:
            verb = "updated" if name in exports else "deleted"
            raise StackFailure(f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


def refuse_used_exports(stack: Stack, store: StackStore) -> None:
    """Check that no other stack uses an export, so that the stack can be deleted.

    Raises
    ------
    StackFailure
        One is used.
    """
    used = [
        f"Cannot delete export {name} as it is in use by {', '.join(users)}."
        for name in stack.exports
        if (users := _users(name, stack, store))
    ]
    if used:
        raise StackFailure(f"Delete canceled. {' '.join(used)}")


def find_export(store: StackStore, outside: Mapping[str, str]) -> Callable[[str], str]:
    """Return the function that Fn::ImportValue asks.

    Parameters
    ----------
    outside:
        Exports of stacks that are not in *store*.
    """

    def find(name: str) -> str:
        for stack in list(store.stacks.values()):
            if name in stack.exports and stack.status != "DELETE_COMPLETE":
                return stack.exports[name]
        if name in outside:
            return outside[name]
        raise ValidationError(f"No export named {name} found.")

    return find


def _users(export: str, stack: Stack, store: StackStore) -> list[str]:
    return [other.name for other in _others(stack, store) if export in other.imports]


def _others(stack: Stack, store: StackStore) -> list[Stack]:
    return [other for other in list(store.stacks.values()) if other is not stack and other.status != "DELETE_COMPLETE"]


def _is_secret(references: set[str], stack: Stack) -> bool:
    return any(name in stack.resources and stack.resources[name].no_echo for name in references)
