"""Resources are assigned to stacks that CloudFormation takes, and stay where they are."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workmail_rooms.inventory.stacks import MAX_BYTES, MAX_RESOURCES, assign

IDS = [f"r-{hashlib.md5(str(number).encode()).hexdigest()}" for number in range(1600)]  # noqa: S324 - only made up


def sizes(count: int, size: int = 400) -> dict[str, int]:
    """Return the sizes of so many resources."""
    return dict.fromkeys(IDS[:count], size)


def places(stacks: dict[int, list[str]]) -> dict[str, int]:
    """Return the stack of each resource."""
    return {resource_id: number for number, stack in stacks.items() for resource_id in stack}


@pytest.mark.parametrize(("count", "stacks"), [(0, 0), (1, 1), (500, 1), (501, 2), (1200, 3)])
def test_as_few_stacks_as_hold_them(count: int, stacks: int) -> None:
    """Five hundred resources are one stack, and 1,200 are three."""
    found = assign(sizes(count), {})
    assert list(found) == list(range(1, stacks + 1))
    assert all(0 < len(stack) <= MAX_RESOURCES for stack in found.values())


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(IDS), st.integers(100, 40_000), max_size=600))
def test_each_resource_is_in_one_stack_within_the_limits(given_sizes: dict[str, int]) -> None:
    """Nothing is lost or twice there, and no stack exceeds the number or the bytes."""
    found = assign(given_sizes, {}).values()
    assert sorted(one for stack in found for one in stack) == sorted(given_sizes)
    assert all(len(stack) <= MAX_RESOURCES for stack in found)
    assert all(sum(given_sizes[one] for one in stack) <= MAX_BYTES for stack in found)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(IDS), unique=True, max_size=200),
    st.lists(st.sets(st.sampled_from(IDS), max_size=40), min_size=2, max_size=4),
)
def test_contract_61_no_resource_changes_its_stack(order: list[str], lives: list[set[str]]) -> None:
    """Whatever comes and goes between two inventories, a resource that stays is in the stack that it was in."""
    stacks: dict[int, list[str]] = {}
    for life in lives:
        present = dict.fromkeys([one for one in order if one in life] + sorted(life - set(order)), MAX_BYTES // 7)
        kept = {number: still for number, ids in stacks.items() if (still := [one for one in ids if one in present])}
        before, stacks = places(kept), assign(present, kept)
        assert before.items() <= places(stacks).items()
        assert sorted(places(stacks)) == sorted(present)


def test_contract_61_from_500_to_1600_one_by_one() -> None:
    """No resource moves when others come, also where one more stack is needed."""
    counts: list[dict[int, list[str]]] = [{}]
    for count in range(480, 1601, 20):
        counts.append(assign(sizes(count), counts[-1]))
    assert all(places(earlier).items() <= places(later).items() for earlier, later in pairwise(counts))
    assert [len(stack) for stack in counts[-1].values()] == [500, 500, 500, 100]


def test_a_new_resource_fills_the_first_gap() -> None:
    """Where resources have gone, new ones come; numbers that are not used any more are left alone."""
    found = assign(sizes(7), {2: IDS[:3], 5: IDS[3:6]})
    assert found == {2: [*IDS[:3], IDS[6]], 5: IDS[3:6]}
    full = {2: IDS[:500], 5: IDS[500:1000]}
    assert assign(sizes(1001), full) == {**full, 6: [IDS[1000]]}


def test_large_resources_need_more_stacks() -> None:
    """Resources with many aliases are split by the size of the template, and one that has grown stays."""
    assert len(assign(sizes(100, 25_000), {})) > 2
    assert list(assign(sizes(40, 30_000), {1: IDS[:40]})) == [1]
