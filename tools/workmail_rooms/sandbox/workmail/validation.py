"""The checks the service makes on a request by itself, without looking at any state.

botocore checks required members, types and minimum lengths only (observed with botocore 1.43), so maximum lengths,
patterns and enumerations are left to the service. They are read from botocore's service model.
"""

import math
import re
from collections.abc import Callable, KeysView, Sequence
from functools import cache
from typing import Any

from botocore.model import ListShape, Shape, StructureShape

from .exceptions import InvalidParameterError
from .service_model import input_shape

#: Returns a sentence for each breach in a value, given where the value stands.
Check = Callable[[object, str], Sequence[str]]

_TYPES: dict[str, type | tuple[type, ...]] = {"boolean": bool, "timestamp": (int, float)}


def checked(operation: str, body: Any) -> dict[str, Any]:
    """Return the request of *operation* without members that are null or that the model does not know.

    Raises
    ------
    InvalidParameterError
        The request breaks a constraint of the model; all breaches are named.
    """
    check, known = _of_request(operation)
    request = {name: value for name, value in body.items() if value is not None} if isinstance(body, dict) else body
    found = check(request, "")
    if found:
        raise InvalidParameterError(f"{len(found)} validation error(s) detected: {'; '.join(found)}")
    return request if request.keys() <= known else {name: request[name] for name in request if name in known}


@cache
def _of_request(operation: str) -> tuple[Check, KeysView[str]]:
    """Return the constraints and the members of a request."""
    shape = input_shape(operation)
    return _check(shape, strict=False), shape.members.keys()


def problems(shape: Shape, value: object, *, strict: bool = False) -> Sequence[str]:
    """Return a sentence for each breach of *shape* in *value*.

    Parameters
    ----------
    shape : botocore.model.Shape
        What *value* should be.
    value : object
        Data as `json.loads` gives it.
    strict : bool
        Whether members that the model does not know are breaches. A service ignores them in a request; an answer must
        have none.
    """
    return _check(shape, strict=strict)(value, "")


@cache
def _check(shape: Shape, *, strict: bool) -> Check:
    """Read the constraints of *shape* once for all values."""
    if isinstance(shape, StructureShape):
        return _structure(shape, strict=strict)
    if isinstance(shape, ListShape):
        return _list(shape, strict=strict)
    if shape.type_name == "string":
        return _string(shape)
    if shape.type_name == "integer":
        sized = _size(shape, "value")
        return lambda value, path: (
            sized(value, path) if isinstance(value, int) and not isinstance(value, bool) else _another_type(shape, path)
        )
    types = _TYPES.get(shape.type_name, ())
    return lambda value, path: () if isinstance(value, types) else _another_type(shape, path)


def _must(path: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: Member must" if path else "The body must"


def _another_type(shape: Shape, path: str) -> Sequence[str]:
    return [f"{_must(path)} be of type {shape.type_name}"]


def _structure(shape: StructureShape, *, strict: bool) -> Check:
    required = frozenset(shape.required_members)
    members = {name: _check(member, strict=strict) for name, member in shape.members.items()}

    def check(value: object, path: str) -> Sequence[str]:
        if not isinstance(value, dict):
            return _another_type(shape, path)
        prefix = f"{path}." if path else ""
        found = []
        if not required <= value.keys():
            found += [f"{_must(prefix + name)} not be null" for name in sorted(required - value.keys())]
        for name, member in value.items():
            if name in members:
                found += members[name](member, prefix + name)
            elif strict:
                found.append(f"{_must(prefix + name)} be known to the model")
        return found

    return check


def _list(shape: ListShape, *, strict: bool) -> Check:
    sized, member = _size(shape, "length"), _check(shape.member, strict=strict)

    def check(value: object, path: str) -> Sequence[str]:
        if not isinstance(value, list):
            return _another_type(shape, path)
        found = list(sized(len(value), path))
        for index, item in enumerate(value):
            found += member(item, f"{path}.{index + 1}")
        return found

    return check


def _string(shape: Shape) -> Check:
    sized, least, most = _size(shape, "length"), *_limits(shape)
    pattern, enum = shape.metadata.get("pattern"), shape.metadata.get("enum", ())
    # ASCII, because Java's \w, which the model's patterns are written for, knows no other letters.
    matches = re.compile(pattern, re.ASCII).fullmatch if pattern else None

    def check(value: object, path: str) -> Sequence[str]:
        if not isinstance(value, str):
            return _another_type(shape, path)
        found = () if least <= len(value) <= most else sized(len(value), path)
        if matches is not None and not matches(value):
            found = [*found, f"{_must(path)} satisfy regular expression pattern: {pattern}"]
        if enum and value not in enum:
            found = [*found, f"{_must(path)} satisfy enum value set: [{', '.join(enum)}]"]
        return found

    return check


def _limits(shape: Shape) -> tuple[float, float]:
    return shape.metadata.get("min", -math.inf), shape.metadata.get("max", math.inf)


def _size(shape: Shape, what: str) -> Callable[[int, str], Sequence[str]]:
    least, most = _limits(shape)

    def check(size: int, path: str) -> Sequence[str]:
        if size < least:
            return [f"{_must(path)} have {what} greater than or equal to {least}"]
        if size > most:
            return [f"{_must(path)} have {what} less than or equal to {most}"]
        return ()

    return check


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
