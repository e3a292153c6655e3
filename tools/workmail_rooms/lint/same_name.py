"""Two resources of one name."""

from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class SameName(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds two resources of one organization that have the same name and can be there at the same time."""

    id = "E9513"
    shortdesc = "Two resources of one organization with the same name"
    description = "A name is unique in its organization; case does not count"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def match(self, cfn: Any) -> list[Any]:
        """Return each resource whose name one before it has."""
        cases = _shared.Cases(cfn)
        claims = (
            (logical_id, conditions, (values["OrganizationId"], values["Name"]), ["Name"])
            for logical_id, values, conditions in _shared.declarations(cfn, cases, ("OrganizationId", "Name"))
            if {"OrganizationId", "Name"} <= values.keys()
        )
        return [
            RuleMatch(
                path, f"Name is {shown}, as of {earlier}; a name is unique in the organization, and case does not count"
            )
            for earlier, path, shown in _shared.clashes(cfn, cases, claims)
        ]
