"""A dynamic reference to a secure value."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))

_SECURE: Final = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure):")


class SecureReference(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds references to Secrets Manager, and to secure strings of Systems Manager, anywhere in the properties."""

    id = "E9515"
    shortdesc = "A dynamic reference to a secure value"
    description = "CloudFormation does not resolve secretsmanager and ssm-secure references in custom resources"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html"
    tags = [*_shared.TAGS, "dynamic reference"]

    def match(self, cfn: Any) -> list[Any]:
        """Return each secure reference."""
        return [
            RuleMatch(
                ["Resources", logical_id, "Properties", *path],
                f"{path[0]} refers to {service}, which AWS does not support in custom resources; "
                "write the value, or refer to a plain parameter with {{resolve:ssm:...}}",
            )
            for logical_id, resource in _shared.ours(cfn).items()
            for path, text in _texts(resource.get("Properties"), [])
            for service in _SECURE.findall(text)
        ]


def _texts(value: Any, path: list[Any]) -> Iterator[tuple[list[Any], str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, [*path, key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, [*path, index])
    elif isinstance(value, str):
        yield path, value
