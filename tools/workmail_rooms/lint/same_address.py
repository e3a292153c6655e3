"""Two resources of one address."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule, RuleMatch  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class SameAddress(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds an address of one resource that another one of the organization has too, as Email or as alias."""

    id = "E9514"
    shortdesc = "Two resources of one organization with the same address"
    description = (
        "An address, be it the Email or an alias, belongs to one resource of the organization; case does not count"
    )
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def match(self, cfn: Any) -> list[Any]:
        """Return each address that a resource before has."""
        cases = _shared.Cases(cfn)
        return [
            RuleMatch(
                path,
                f"{path[3]} has {shown}, as {earlier} has; an address belongs to one resource, and case does not count",
            )
            for earlier, path, shown in _shared.clashes(cfn, cases, _addresses(cfn, cases))
        ]


def _addresses(cfn: Any, cases: Any) -> Iterator[tuple[str, dict[str, bool], tuple[Any, Any], list[Any]]]:
    for logical_id, values, conditions in _shared.declarations(cfn, cases, ("OrganizationId", "Email", "Aliases")):
        if "OrganizationId" not in values:
            continue
        organization = values["OrganizationId"]
        if "Email" in values:
            yield logical_id, conditions, (organization, values["Email"]), ["Email"]
        aliases = values.get("Aliases")
        written = cfn.template["Resources"][logical_id]["Properties"].get("Aliases")
        for alias in aliases if isinstance(aliases, list) else ():
            place = [index for index, item in enumerate(written) if item == alias] if isinstance(written, list) else []
            yield logical_id, conditions, (organization, alias), ["Aliases", *place[:1]]
