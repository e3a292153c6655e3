"""One event of CloudFormation's, read once and checked.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, get_args
from urllib.parse import parse_qsl

from .errors import MalformedEventError

RequestType = Literal["Create", "Update", "Delete"]

#: CloudFormation signs a ResponseURL in the older form for so long; only ``Expires`` is in the URL then.
OLD_SIGNATURE_LIFETIME: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Event:
    """A Create, Update or Delete event.

    Attributes
    ----------
    physical_resource_id:
        Empty on Create.
    old_properties:
        Only on Update, and in whatever form an older template had.
    signed_at:
        When CloudFormation issued the event, in whole seconds since the epoch, as its ResponseURL says; None when it
        does not say. It is the only clock in an event: it tells a Create that a Delete has overtaken from a later one.
    """

    request_type: RequestType
    stack_id: str
    request_id: str
    logical_resource_id: str
    resource_type: str
    physical_resource_id: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)
    old_properties: Mapping[str, Any] = field(default_factory=dict)
    signed_at: int | None = None


def read(event: Mapping[str, Any]) -> Event:
    """Check an event and return what matters of it.

    Raises
    ------
    MalformedEventError
        Naming every field that is missing or not what CloudFormation sends.
    """
    problems = [
        f"{key} is missing or not a non-empty string"
        for key in ("StackId", "RequestId", "LogicalResourceId")
        if not (isinstance(event.get(key), str) and event[key])
    ]
    request_type = event.get("RequestType")
    if request_type not in get_args(RequestType):
        problems.append(f"RequestType is {request_type!r}, not Create, Update or Delete")
    physical_id = event.get("PhysicalResourceId", "")
    if not isinstance(physical_id, str) or (request_type == "Update" and not physical_id):
        problems.append("PhysicalResourceId is missing or not a string")
    properties = event.get("ResourceProperties", {} if request_type == "Delete" else None)
    # Delete must work whatever the properties have become (contract 35).
    if not isinstance(properties, Mapping):
        properties = {}
        if request_type != "Delete":
            problems.append("ResourceProperties is missing or not an object")
    old_properties = event.get("OldResourceProperties")
    if problems:
        raise MalformedEventError("; ".join(problems))
    return Event(
        request_type=request_type,  # type: ignore[arg-type] # checked against the Literal above
        stack_id=event["StackId"],
        request_id=event["RequestId"],
        logical_resource_id=event["LogicalResourceId"],
        resource_type=str(event.get("ResourceType", "")),
        physical_resource_id=str(physical_id),
        properties=properties,
        old_properties=old_properties if isinstance(old_properties, Mapping) else {},
        signed_at=signed_at(event.get("ResponseURL")),
    )


def secrets(event: Mapping[str, Any]) -> list[str]:
    """Return what no log line and no Reason may hold, whoever worded it: the ResponseURL and its parts."""
    found: list[str] = []
    url = event.get("ResponseURL")
    if isinstance(url, str):
        query = url.partition("?")[2]
        as_they_stand = re.split("[&=#]", query)
        decoded = [value for _, value in parse_qsl(query.partition("#")[0])]
        found += [url, query, *(value for value in as_they_stand + decoded if len(value) > _SHORT)]
    return [secret for secret in found if secret]


def confidential(event: Mapping[str, Any], names: Collection[str]) -> list[str]:
    """Return the values of these properties, new and old, which no message of somebody else may carry out.

    What another property says too is no secret, and stays readable.
    """
    said, told = set[str](), set[str]()
    for key in ("ResourceProperties", "OldResourceProperties"):
        properties = event.get(key)
        for name, value in properties.items() if isinstance(properties, Mapping) else ():
            (said if name in names else told).update(_texts(value))
    return sorted(said - told)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


_SHORT: Final = 16
_DATES: Final = re.compile(r"[?&](X-Amz-Date|Expires)=([^&#]*)")


def signed_at(url: object) -> int | None:
    """Return when CloudFormation signed a ResponseURL, in seconds since the epoch; None when the URL does not say."""
    query = dict(_DATES.findall(url)) if isinstance(url, str) else {}
    try:
        if "X-Amz-Date" in query:
            # Not strptime: its first use takes as long as importing a fair part of this package.
            return int(datetime.fromisoformat(query["X-Amz-Date"]).replace(tzinfo=UTC).timestamp())
        if "Expires" in query:
            return int(query["Expires"]) - int(OLD_SIGNATURE_LIFETIME.total_seconds())
    except ValueError:
        pass
    return None
