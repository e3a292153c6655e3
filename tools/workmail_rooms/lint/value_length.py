"""A value that is too long or empty."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class ValueLength(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds texts that are empty or too long, and lists with too many entries."""

    id = "E9505"
    shortdesc = "A value that is empty or too long"
    description = "WorkMail's limits of a text, and the number of aliases"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(self, validator: Any, longest: Any, instance: Any, schema: Any) -> Iterator[Any]:
        """Yield what is wrong with the length of *instance*."""
        name = _shared.name_of(validator)
        if isinstance(instance, list):
            if "maxItems" in schema and len(instance) > longest:
                yield ValidationError(f"{name} has {len(instance)} entries; at most {longest} are allowed", rule=self)
        elif _shared.is_scalar(instance) and "maxLength" in schema:
            text = _shared.as_text(instance)
            if not text:
                yield ValidationError(f"{name} is empty; give it a value, or leave it out (AWS::NoValue)", rule=self)
            elif len(text) > longest:
                yield ValidationError(f"{name} has {len(text)} characters; at most {longest} are allowed", rule=self)
