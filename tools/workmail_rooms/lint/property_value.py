"""A value that the property cannot have."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class PropertyValue(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds values of another form, and values that are none of those allowed."""

    id = "E9504"
    shortdesc = "A value that the property cannot have"
    description = (
        "A value has the form that WorkMail takes, without blanks at its ends and without control characters, or is "
        "one of those allowed, as they are written"
    )
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(self, validator: Any, limit: Any, instance: Any, schema: Any) -> Iterator[Any]:
        """Yield what is wrong with the form of *instance*; *limit* is a list of values, or a pattern."""
        if not _shared.is_scalar(instance):
            return
        text = _shared.as_text(instance)
        if isinstance(limit, list):
            wrong, form = text not in limit, " or ".join(limit)
        else:
            # A text of a wrong length is E9505.
            fits = schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
            wrong, form = fits and not re.search(limit, text), schema["description"]
        if wrong:
            yield ValidationError(f"{_shared.name_of(validator)} is {text!r}; it must be {form}", rule=self)
