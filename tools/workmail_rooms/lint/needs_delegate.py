"""Nobody to answer booking requests."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cfnlint.helpers import import_filename  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.jsonschema import ValidationError  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.rules import CloudFormationLintRule  # type: ignore[import-untyped] # cfn-lint ships no types

_shared = import_filename("_shared", str(Path(__file__).parent))


class NeedsDelegate(CloudFormationLintRule):  # type: ignore[misc] # cfn-lint ships no types
    """Finds a resource that does not accept requests and has no delegate who would answer them."""

    id = "E9508"
    shortdesc = "AutoAcceptRequests is false without Delegates"
    description = "With AutoAcceptRequests false somebody must answer the requests"
    source_url = _shared.WORKMAIL
    tags = [*_shared.TAGS]

    def check(
        self,
        properties: Mapping[str, Any],
        written: Mapping[str, Any],
        each: Callable[[Any], Iterator[Any]],
    ) -> Iterator[Any]:
        """Yield a booking option that needs a delegate."""
        if properties.get("Delegates", []) != []:
            return
        for options in each(properties.get("BookingOptions")):
            accepts = options.get("AutoAcceptRequests") if isinstance(options, Mapping) else None
            if _shared.is_scalar(accepts) and _shared.as_text(accepts).lower() == "false":
                inner = written["BookingOptions"]
                key = "AutoAcceptRequests"
                yield ValidationError(
                    f"BookingOptions.{key} is false, so somebody must answer the requests; "
                    "declare at least one of Delegates",
                    path=["BookingOptions", *(name for name in inner if name == key)],
                    rule=self,
                )
