"""Which resource goes into which stack."""

import hashlib
from collections.abc import Mapping
from typing import Final

#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html: 500 resources, and 1 MB
#: for a template in S3, of which some is left for what stands around the resources.
MAX_RESOURCES: Final = 500
MAX_BYTES: Final = 1_000_000


def split(sizes: Mapping[str, int]) -> list[list[str]]:
    """Assign resources to as few stacks as hold them; return the ids in each, in the order of *sizes*.

    A resource that changes its stack is released by one and adopted by the other, so as few as possible should, when
    the inventory is made again after rooms were added or removed. Filling the stacks in the order of names would move
    resources at every such change. Instead each id scores every stack with a hash, and goes where its score is highest
    (rendezvous hashing). So nothing moves while the number of stacks stays; when there is one more, only those
    resources move that go into the new one. The price: stacks are unequally full, and near a multiple of 500 there may
    be one stack more than necessary. The id decides, not the name, which can change.

    Parameters
    ----------
    sizes:
        By ResourceId: the bytes that the resource takes in a template.
    """
    count = -(-len(sizes) // MAX_RESOURCES)
    while True:
        stacks: list[list[str]] = [[] for _ in range(count)]
        for resource_id in sizes:
            stacks[max(range(count), key=lambda stack: _score(resource_id, stack))].append(resource_id)
        if all(_fits(stack, sizes) for stack in stacks):
            # A handful of resources, each very long, can leave one of many stacks empty.
            return [stack for stack in stacks if stack]
        count += 1


def _fits(stack: list[str], sizes: Mapping[str, int]) -> bool:
    return len(stack) <= MAX_RESOURCES and sum(sizes[resource_id] for resource_id in stack) <= MAX_BYTES


def _score(resource_id: str, stack: int) -> bytes:
    return hashlib.sha256(f"{stack}/{resource_id}".encode()).digest()
