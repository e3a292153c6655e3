"""A parameter's value that the property cannot have."""

from pathlib import Path

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class ParameterValue(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds a property that a Default or AllowedValues make wrong; the message is that of another rule."""

    id = "W9511"
    shortdesc = "A parameter's value that the property cannot have"
    description = (
        "A Default or one of AllowedValues that would fail the deployment; a deployment can give another value"
    )
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]
