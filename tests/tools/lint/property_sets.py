"""Generates the properties of resources: right ones, and ones with something odd somewhere."""

from collections.abc import Mapping
from typing import Any, Final

from hypothesis import strategies as st

ORGANIZATION: Final = "m-d281d0a2fd824be5b6cd3d3ce909fd27"

_WORD = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789"
_names = st.text(_WORD + "_-.", min_size=1, max_size=20)
_locals = st.text(_WORD + "._%+-", min_size=1, max_size=12)
_addresses = st.builds("{}@{}.example.com".format, _locals, st.text(_WORD, min_size=1, max_size=5))
_delegates = st.one_of(_addresses, _names)
#: Of every kind of character but control characters, without blanks at the ends.
descriptions = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=64).filter(
    lambda text: text == text.strip("\ufeff") == text.strip()
)
_booleans = st.sampled_from([True, False, "true", "false", "True", "FALSE", "tRUE"])
_same = str.casefold

RIGHT: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "OrganizationId": st.text("0123456789abcdef", min_size=32, max_size=32).map("m-{}".format),
    # CloudFormation makes a string of a number, too.
    "Name": st.one_of(
        _names, st.builds("{}@example.com".format, st.text(_WORD, min_size=1, max_size=8)), st.integers(0, 10**20 - 1)
    ),
    "Type": st.sampled_from(["ROOM", "EQUIPMENT"]),
    "Description": st.one_of(descriptions, st.integers(), st.floats(allow_nan=False), st.booleans()),
    "HiddenFromGlobalAddressList": _booleans,
    "Email": _addresses.map("primary.{}".format),
    "Aliases": st.lists(_addresses, max_size=4, unique_by=_same),
    "BookingOptions": st.fixed_dictionaries(
        {},
        optional={
            "AutoAcceptRequests": _booleans,
            "AutoDeclineRecurringRequests": _booleans,
            "AutoDeclineConflictingRequests": _booleans,
        },
    ),
    "Delegates": st.lists(_delegates, min_size=1, max_size=4, unique_by=_same),
    "ExistingResource": st.sampled_from(["FAIL", "ADOPT"]),
}
_REQUIRED = ("OrganizationId", "Name", "Type")


def _whole(properties: dict[str, Any]) -> dict[str, Any]:
    """Make what belongs together complete."""
    if "BookingOptions" in properties and "Delegates" not in properties:
        properties["BookingOptions"].pop("AutoAcceptRequests", None)
    if properties.keys() & {"Aliases", "Delegates"}:
        properties.setdefault("Email", "primary@example.com")
    return properties


right = st.fixed_dictionaries(
    {name: RIGHT[name] for name in _REQUIRED},
    optional={name: value for name, value in RIGHT.items() if name not in _REQUIRED},
).map(_whole)

_scalars = st.one_of(
    st.text(max_size=70),
    st.sampled_from(
        [
            "",
            " ",
            "two\nlines",
            "tab\tin",
            " before",
            "after\u00a0",
            "\ufeffmark",
            "\x85",
            "yes",
            "NO",
            "0",
            "rooM",
            "é",
            "ﬁ",
            "١٢",
            "room ",
            "room\n",
            "a@b",
            "a@b.cd",
            "A@B.CD",
            "\U0001f3e2",
        ]
    ),
    st.text(_WORD + "@.", min_size=15, max_size=30),
    st.integers(min_value=-(10**70), max_value=10**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.builds("{}@{}.de".format, st.text("x", min_size=60, max_size=68), st.just("d")),
    st.builds("a@{}.de".format, st.text("d", min_size=245, max_size=252)),
    st.text("d", min_size=250, max_size=260),
)
_keys = st.one_of(
    st.text(_WORD, max_size=8), st.sampled_from(["name", "Emails", "State", "ResourceId", "Änderung", "Alias"])
)
_odd = st.recursive(
    _scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_keys, inner, max_size=3)),
    max_leaves=6,
)
_few_addresses = st.sampled_from(["a@example.com", "A@example.com", "primary@example.com", "b@example.com"])
_odd_lists = st.one_of(
    st.lists(_few_addresses, max_size=4),
    st.lists(st.one_of(_few_addresses, _odd), max_size=4),
    st.integers(99, 102).map(lambda count: [f"alias{number}@example.com" for number in range(count)]),
)
_odd_booking = st.dictionaries(
    st.one_of(st.just("AutoAcceptRequests"), st.just("AutoDeclineRecurringRequests"), _keys),
    st.one_of(_booleans, _odd),
    max_size=3,
)


@st.composite
def mixed(draw: st.DrawFn) -> dict[str, Any]:
    """Draw properties of which up to four are odd, missing or not there."""
    properties: dict[str, Any] = draw(right)
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.one_of(st.sampled_from(sorted(RIGHT)), st.sampled_from(["Aliases", "Delegates", "Email"])))
        match draw(st.integers(0, 9)):
            case 0 | 1 | 2:
                properties.pop(name, None)
            case 3:
                properties[draw(_keys)] = draw(_odd)
            case 4 | 5:
                properties[draw(st.sampled_from(["Aliases", "Delegates"]))] = draw(_odd_lists)
            case 6:
                properties["BookingOptions"] = draw(_odd_booking)
            case 7:
                properties[name] = draw(RIGHT[name])
            case _:
                properties[name] = draw(_odd)
    return properties
