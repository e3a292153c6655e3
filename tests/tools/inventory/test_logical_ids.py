"""Logical IDs are readable, CloudFormation takes them, and no two names share one."""

import re

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from workmail_rooms.inventory.logical_ids import logical_id

NAMES = st.from_regex(re.compile(r"[\w\-.]{1,20}", re.ASCII), fullmatch=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boardroom", "Boardroom"),
        ("board-room", "BoardRoom"),
        ("board.room", r"BoardRoomX[0-9a-f]{8}"),
        ("BoardRoom", r"BoardRoomX[0-9a-f]{8}"),
        ("room-01-02", r"Room0102X[0-9a-f]{8}"),
        ("room01", "Room01"),
        ("012", r"N012X[0-9a-f]{8}"),
        ("on", r"OnX[0-9a-f]{8}"),
        ("-.-", r"NX[0-9a-f]{8}"),
        ("x@example.com", r"XExampleComX[0-9a-f]{8}"),
    ],
)
def test_readable(name: str, expected: str) -> None:
    """The name can be read in the ID; digits follow only where the ID alone would not tell the name."""
    assert re.fullmatch(expected, logical_id(name))


@given(NAMES)
@example("0")
@example("1e5")
def test_taken_by_cloudformation_and_yaml(name: str) -> None:
    """An ID is alphanumeric and at most 255 long, and a plain string for every reader of YAML."""
    found = logical_id(name)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,254}", found)
    assert yaml.safe_load(found) == found
    assert found.lower() not in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


@given(st.sets(NAMES, min_size=2), st.data())
def test_unique(names: set[str], data: st.DataObject) -> None:
    """Different names have different IDs, also when they differ only in punctuation or case."""
    name = data.draw(st.sampled_from(sorted(names)))
    variants = {re.sub(r"[^A-Za-z0-9]", mark, name) for mark in "-_."} | {name.upper(), name.lower(), name.title()}
    assert len({logical_id(one) for one in names | variants}) == len(names | variants)


def test_no_name_has_the_id_of_another_form() -> None:
    """A plain name that ends like the digits of another ID does not get that ID."""
    other = logical_id("board.room")
    plain = f"board-room-{other[-9:].lower()}"
    assert logical_id(plain) != other
    assert logical_id(plain).startswith("BoardRoomX")
