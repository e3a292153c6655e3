"""Resources are split into stacks that CloudFormation takes, and stay where they are."""

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workmail_rooms.inventory.stacks import MAX_BYTES, MAX_RESOURCES, split

IDS = [f"r-{hashlib.md5(str(number).encode()).hexdigest()}" for number in range(1600)]  # noqa: S324 - only made up


def sizes(count: int, size: int = 400) -> dict[str, int]:
    """Return the sizes of so many resources."""
    return dict.fromkeys(IDS[:count], size)


def places(stacks: list[list[str]]) -> dict[str, int]:
    """Return the stack of each resource."""
    return {resource_id: number for number, stack in enumerate(stacks) for resource_id in stack}


@pytest.mark.parametrize(("count", "stacks"), [(0, 0), (1, 1), (500, 1), (501, 2), (1200, 3)])
def test_as_few_stacks_as_hold_them(count: int, stacks: int) -> None:
    """Five hundred resources are one stack, and 1,200 are three."""
    found = split(sizes(count))
    assert len(found) == stacks
    assert all(0 < len(stack) <= MAX_RESOURCES for stack in found)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(IDS), st.integers(100, 40_000), max_size=600))
def test_each_resource_is_in_one_stack_within_the_limits(given_sizes: dict[str, int]) -> None:
    """Nothing is lost or twice there, and no stack exceeds the number or the bytes."""
    found = split(given_sizes)
    assert sorted(one for stack in found for one in stack) == sorted(given_sizes)
    assert all(len(stack) <= MAX_RESOURCES for stack in found)
    assert all(sum(given_sizes[one] for one in stack) <= MAX_BYTES for stack in found)


def test_a_new_resource_moves_no_other() -> None:
    """From 1,100 to 1,300 resources, one by one, none changes its stack."""
    counts = [places(split(sizes(count))) for count in range(1100, 1301, 10)]
    assert all(earlier.items() <= later.items() for earlier, later in pairwise(counts))


def test_a_new_stack_takes_only_its_own() -> None:
    """When one more stack is needed, only the resources that go into it move."""
    earlier, later = places(split(sizes(1200))), places(split(sizes(1600)))
    assert max(later.values()) == max(earlier.values()) + 1
    moved = {later[one] for one in earlier if earlier[one] != later[one]}
    assert moved == {max(later.values())}


def test_large_resources_need_more_stacks() -> None:
    """Resources with many aliases are split by the size of the template."""
    assert len(split(sizes(100, 25_000))) > 2
