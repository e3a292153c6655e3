"""Aliases or delegates without an address."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class NeedsEmail(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds Aliases and Delegates of a resource that is not registered with an address."""

    id = "E9507"
    shortdesc = "Aliases or Delegates without Email"
    description = "Only a resource that is registered with an address can have aliases and delegates"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(
        self,
        properties: Mapping[str, Any],
        written: Mapping[str, Any],
        _: Callable[[Any], Iterator[Any]],
    ) -> Iterator[Any]:
        """Yield the lists that need an Email."""
        if "Email" in properties:
            return
        for name in (name for name, needed in _shared.NEEDS.items() if needed == "Email"):
            entries = properties.get(name)
            # A reference to a list and a split text have one entry at least.
            some = (
                entries.keys() & {"Ref", "Fn::Split"}
                if isinstance(entries, Mapping)
                else isinstance(entries, list) and entries
            )
            if some:
                yield ValidationError(
                    f"{name} needs Email: only a resource that is registered with an address can have them; "
                    f"declare Email, or leave {name} out",
                    path=[next((key for key in written if key == name), name)],
                    rule=self,
                )
