"""A ServiceTimeout that CloudFormation does not take."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class ServiceTimeout(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds a ServiceTimeout that is out of range."""

    id = "E9509"
    shortdesc = "A ServiceTimeout that is out of range"
    description = "CloudFormation waits for a custom resource for 1 to 3600 seconds"
    source_url = _shared.CLOUDFORMATION
    tags = [*_shared.TAGS]

    def check(self, _: Any, longest: int, instance: Any, __: Any) -> Iterator[Any]:
        """Yield what is wrong with the seconds; cfn-lint's E3012 tells what is no number."""
        text = _shared.as_text(instance)
        if text.removeprefix("-").isdecimal() and not 1 <= int(text) <= longest:
            yield ValidationError(f"ServiceTimeout is {text}; it must be from 1 to {longest} seconds", rule=self)
