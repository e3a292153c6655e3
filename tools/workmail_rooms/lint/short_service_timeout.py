"""A ServiceTimeout that ends before the function does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


#: The Timeout of ProviderFunction in template.yaml, in seconds.
FUNCTION_TIMEOUT: Final = 300


class ShortServiceTimeout(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds a ServiceTimeout that is not longer than the function's own timeout."""

    id = "W9510"
    shortdesc = "A ServiceTimeout that is shorter than the function's timeout"
    description = (
        "CloudFormation would give up on a room while the function, or Lambda's next try, is still at work on it"
    )
    source_url = _shared.CLOUDFORMATION
    tags = [*_shared.TAGS]

    def check(self, _: Any, __: Any, instance: Any, ___: Any) -> Iterator[Any]:
        """Yield a timeout that may be too short."""
        text = _shared.as_text(instance)
        if text.isdecimal() and 1 <= int(text) <= FUNCTION_TIMEOUT:
            yield ValidationError(
                f"ServiceTimeout is {text}, and the function may take {FUNCTION_TIMEOUT} seconds; 600 suits a room",
                rule=self,
            )
