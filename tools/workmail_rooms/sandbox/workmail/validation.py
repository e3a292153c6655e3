"""The checks the service makes on a request by itself, without looking at any state.

botocore checks required members, types and minimum lengths only (observed with botocore 1.43), so maximum lengths,
patterns and enumerations are left to the service. They are read from botocore's service model.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from .exceptions import InvalidParameterError
from .service_model import input_shape


def checked(operation: str, body: Any) -> dict[str, Any]:
    """Return the request of *operation* without members that are null or that the model does not know.

    Raises
    ------
    InvalidParameterError
        The request breaks a constraint of the model; all breaches are named.
    """
    shape = input_shape(operation)
    request = {name: value for name, value in body.items() if value is not None} if isinstance(body, dict) else body
    found = list(problems(shape, request))
    if found:
        raise InvalidParameterError(f"{len(found)} validation error(s) detected: {'; '.join(found)}")
    return {name: value for name, value in request.items() if name in shape.members}


def problems(shape: Shape, value: object, path: str = "", *, strict: bool = False) -> Iterator[str]:
    """Yield a sentence for each breach of *shape* in *value*.

    Parameters
    ----------
    shape : botocore.model.Shape
        What *value* should be.
    value : object
        Data as `json.loads` gives it.
    path : str
        Where *value* stands, such as ``Filters.State``.
    strict : bool
        Whether members that the model does not know are breaches. A service ignores them in a request; an answer must
        have none.
    """
    at = f"Value at '{path}' failed to satisfy constraint: Member must" if path else "The body must"
    match shape.type_name, value:
        case "structure", dict() if isinstance(shape, StructureShape):
            yield from _member_problems(shape, value, path, strict=strict)
        case "list", list() if isinstance(shape, ListShape):
            yield from _size_problems(shape, len(value), at, "length")
            for index, item in enumerate(value):
                yield from problems(shape.member, item, f"{path}.{index + 1}", strict=strict)
        case "string", str():
            yield from _string_problems(shape, value, at)
        case ("boolean", bool()) | ("timestamp", int() | float()):
            pass
        case "integer", int() if not isinstance(value, bool):
            yield from _size_problems(shape, value, at, "value")
        case _:
            yield f"{at} be of type {shape.type_name}"


def _string_problems(shape: Shape, value: str, at: str) -> Iterator[str]:
    yield from _size_problems(shape, len(value), at, "length")
    pattern, enum = shape.metadata.get("pattern"), shape.metadata.get("enum")
    if pattern and not compiled(pattern).fullmatch(value):
        yield f"{at} satisfy regular expression pattern: {pattern}"
    if enum and value not in enum:
        yield f"{at} satisfy enum value set: [{', '.join(enum)}]"


def _member_problems(shape: StructureShape, value: dict[str, Any], path: str, *, strict: bool) -> Iterator[str]:
    prefix = f"{path}." if path else ""
    for name in shape.required_members:
        if name not in value:
            yield f"Value at '{prefix}{name}' failed to satisfy constraint: Member must not be null"
    for name, member in value.items():
        if name in shape.members:
            yield from problems(shape.members[name], member, prefix + name, strict=strict)
        elif strict:
            yield f"Value at '{prefix}{name}' failed to satisfy constraint: Member must be known to the model"


def _size_problems(shape: Shape, size: int, at: str, what: str) -> Iterator[str]:
    if size < shape.metadata.get("min", size):
        yield f"{at} have {what} greater than or equal to {shape.metadata['min']}"
    if size > shape.metadata.get("max", size):
        yield f"{at} have {what} less than or equal to {shape.metadata['max']}"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Return the model's *pattern*. ASCII, because Java's ``\w``, which it is written for, knows no other letters."""
    return re.compile(pattern, re.ASCII)


def check_single_filter(request: dict[str, Any]) -> None:
    """Refuse more than one filter ("You can only use one filter per request", ListResources).

    Raises
    ------
    InvalidParameterError
        There are several.
    """
    filters = request.get("Filters") or {}
    if len(filters) > 1:
        raise InvalidParameterError(f"You can only use one filter per request, not {', '.join(sorted(filters))}.")
