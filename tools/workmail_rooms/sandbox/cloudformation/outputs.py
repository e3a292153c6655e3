"""A stack's outputs and exports."""

from collections.abc import Callable, Mapping

from workmail_rooms.sandbox.cloudformation.definition import Definition
from workmail_rooms.sandbox.cloudformation.errors import StackFailure, ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator
from workmail_rooms.sandbox.cloudformation.scalars import as_text
from workmail_rooms.sandbox.cloudformation.state import Stack, StackStore

_MASK = "****"


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
        outputs[name] = _MASK if _is_secret(evaluator.references(output.value), stack) else as_text(value)
        if export is not None:
            owner = next((other.name for other in _others(stack, store) if export in other.exports), None)
            if owner is not None:
                raise StackFailure(f"Export with name {export} is already exported by stack {owner}")
            if export in exports:
                raise StackFailure(f"Duplicate Export names: [{export}]")
            exports[export] = as_text(value)
    return outputs, exports


def refuse_lost_exports(stack: Stack, exports: Mapping[str, str], store: StackStore) -> None:
    """Check that every export another stack uses stays as it is.

    Raises
    ------
    StackFailure
        One would change or go.
    """
    for name, value in stack.exports.items():
        users = [other.name for other in _others(stack, store) if name in other.imports]
        if users and exports.get(name) != value:
            verb = "updated" if name in exports else "deleted"
            raise StackFailure(f"Export {name} cannot be {verb} as it is in use by {', '.join(users)}")


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


def _others(stack: Stack, store: StackStore) -> list[Stack]:
    return [other for other in list(store.stacks.values()) if other is not stack and other.status != "DELETE_COMPLETE"]


def _is_secret(references: set[str], stack: Stack) -> bool:
    return any(name in stack.resources and stack.resources[name].no_echo for name in references)
