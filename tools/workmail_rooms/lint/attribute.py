"""An attribute that does not exist."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class Attribute(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds Fn::GetAtt, and ``${Room.Attribute}`` in Fn::Sub, of an attribute that the function does not return."""

    id = "E9512"
    shortdesc = "An attribute that Custom::WorkMailResource does not have"
    description = "Fn::GetAtt and Fn::Sub can ask for the attributes that the function returns, and for no others"
    source_url = _shared.CLOUDFORMATION
    tags = [*_shared.TAGS, "getatt"]

    def match(self, cfn: Any) -> list[Any]:
        """Return what is wrong in the whole template."""
        ours = _shared.ours(cfn)
        known = _shared.SCHEMA["definitions"]["Attributes"]["properties"]
        return [
            RuleMatch(
                path,
                f"{logical_id} has no attribute {attribute}{_shared.did_you_mean(attribute, 'attributes', known)}",
            )
            for path, logical_id, attribute in _asked(cfn)
            if logical_id in ours and attribute not in known
        ]


def _asked(cfn: Any) -> Iterator[tuple[list[Any], str, str]]:
    """Yield where which attribute of which resource is asked for."""
    for *path, argument in cfn.search_deep_keys("Fn::GetAtt"):
        parts = argument.split(".", 1) if isinstance(argument, str) else argument
        # With AWS::LanguageExtensions either part may be a function.
        if isinstance(parts, list) and len(parts) == 2 and all(isinstance(part, str) for part in parts):  # noqa: PLR2004 # resource and attribute
            yield path, parts[0], parts[1]
    for *path, argument in cfn.search_deep_keys("Fn::Sub"):
        for variable in _shared.sub_variables(argument):
            logical_id, dot, attribute = variable.partition(".")
            if dot:
                yield path, logical_id, attribute
