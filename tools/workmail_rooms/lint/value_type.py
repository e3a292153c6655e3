"""A value of another type."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))

_WORDS = {"object": "an object", "array": "a list", "string": "a string", "null": "null"}


class ValueType(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds lists and objects where a scalar belongs, and the other way round."""

    id = "E9503"
    shortdesc = "A value of another type than the property's"
    description = "A list is needed for Aliases and Delegates, an object for BookingOptions, one value for the others"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(self, validator: Any, expected: Any, instance: Any, _: Any) -> Iterator[Any]:
        """Yield what is wrong with the type of *instance*."""
        # Whatever its type in the template, CloudFormation sends each scalar as a string.
        if isinstance(instance, Mapping):
            given = "object"
        elif isinstance(instance, list):
            given = "array"
        else:
            given = "string" if _shared.is_scalar(instance) else "null"
        if given != (expected if expected in ("object", "array") else "string"):
            yield self.refusal(_shared.name_of(validator), expected, given, [])

    def refusal(self, name: str, expected: Any, given: str, path: list[Any]) -> Any:
        """Return the finding that *name* is of another type than *expected*, which is a list for a boolean."""
        wanted = "true or false" if isinstance(expected, list) else _WORDS[expected]
        return ValidationError(f"{name} must be {wanted}, not {_WORDS[given]}", path=path, rule=self)
