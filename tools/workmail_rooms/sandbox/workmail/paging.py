"""Pages of a listing.

A token names the last item of its page, so that what is deleted or added between two pages neither hides nor repeats
others.
"""

import base64
import binascii
import json
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from .exceptions import InvalidParameterError

T = TypeVar("T")


def page(
    items: Sequence[T],
    request: Mapping[str, Any],
    *,
    result_key: str,
    key: Callable[[T], Any],
    view: Callable[[T], Any],
    page_size: int,
) -> dict[str, Any]:
    """Return one page as a List operation answers it.

    As with AWS, a page with a NextToken may hold fewer than MaxResults items when a filter is used.

    Parameters
    ----------
    items : sequence
        All items, sorted by *key*.
    request : mapping
        The request, for its NextToken and MaxResults.
    result_key : str
        The output member that holds the items.
    key : callable
        Gives the sort key of an item, an int or a str.
    view : callable
        Gives what the answer shows of an item, None to leave it out.
    page_size : int
        Items on a page when the request has no MaxResults.

    Raises
    ------
    InvalidParameterError
        The NextToken is none that this listing gave.
    """
    index = 0
    if "NextToken" in request:
        last = _last(request["NextToken"], result_key)
        index = bisect_right(items, last, key=key) if items and type(last) is type(key(items[0])) else len(items)
    size = request.get("MaxResults", page_size)
    shown: list[Any] = []
    while index < len(items) and len(shown) < size:
        item = view(items[index])
        index += 1
        if item is not None:
            shown.append(item)
    output: dict[str, Any] = {result_key: shown}
    if index < len(items):
        output["NextToken"] = _token(key(items[index - 1]), result_key)
    return output


def _token(last: int | str, result_key: str) -> str:
    return base64.b64encode(json.dumps([result_key, last]).encode()).decode()


def _last(token: str, result_key: str) -> int | str:
    try:
        listing, last = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError, TypeError):
        listing, last = None, None
    if listing != result_key or not isinstance(last, int | str):
        raise InvalidParameterError("NextToken is none that this operation returned.")
    return last
