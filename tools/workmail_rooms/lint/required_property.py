"""A property that is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class RequiredProperty(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds properties that are required and missing, in each way in which conditions may decide."""

    id = "E9502"
    shortdesc = "A property of Custom::WorkMailResource that is missing"
    description = f"{', '.join(_shared.REQUIRED)} are required; a missing ServiceToken is told by cfn-lint's E3003"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(self, validator: Any, required: Any, instance: Any, _: Any) -> Iterator[Any]:
        """Yield the properties that *instance* lacks."""
        if isinstance(instance, dict):
            for name in required:
                if name not in instance:
                    yield ValidationError(f"{_shared.name_of(validator, name)} is required", rule=self)
