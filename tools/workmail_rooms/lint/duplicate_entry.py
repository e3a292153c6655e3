"""An entry that is there twice."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class DuplicateEntry(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds entries that are there twice, or that are the Email, upper and lower case being the same."""

    id = "E9506"
    shortdesc = "An address or a delegate that is listed twice"
    description = (
        "No entry of Aliases or Delegates may be there twice, and none of Aliases may be the Email; case does not count"
    )
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(
        self,
        properties: Mapping[str, Any],
        written: Mapping[str, Any],
        _: Callable[[Any], Iterator[Any]],
    ) -> Iterator[Any]:
        """Yield the entries that are there twice; *written* are the properties before conditions decided."""
        for name in _shared.LISTS:
            entries = properties.get(name)
            if not isinstance(entries, list):
                continue
            known = {_shared.comparable(properties["Email"])} if name == "Aliases" and "Email" in properties else set()
            email = set(known)
            for entry in entries:
                same = _shared.comparable(entry)
                if same in known:
                    shown = _shared.as_text(entry) if _shared.is_scalar(entry) else same
                    what = f"{shown}, which is the Email itself; leave it out" if same in email else f"{shown} twice"
                    yield ValidationError(f"{name} lists {what}", path=[name, *_place(written[name], entry)], rule=self)
                known.add(same)


def _place(written: Any, entry: Any) -> list[int]:
    """Return where in the list *entry* stands, if it stands there by itself."""
    places = [index for index, item in enumerate(written) if item is entry] if isinstance(written, list) else []
    return places[-1:]
