"""Which resource goes into which stack."""

from collections.abc import Collection, Mapping
from typing import Final

#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html: 500 resources, and 1 MB
#: for a template in S3, of which some is left for what stands around the resources, and for what they gain later.
MAX_RESOURCES: Final = 500
MAX_BYTES: Final = 900_000


def assign(sizes: Mapping[str, int], kept: Mapping[int, Collection[str]]) -> dict[int, list[str]]:
    """Assign resources to stacks: each stays where it is, and a new one goes where there is room.

    A resource never leaves its stack, even if the stack has become too large: where its ``ADOPT`` has been taken out,
    the stack that loses the declaration deletes the room (contract 61).

    Parameters
    ----------
    sizes:
        By ResourceId: the bytes that the resource takes in a template. New resources are taken in this order.
    kept:
        By the number of a stack: the resources that it declares already. Numbers need not follow each other.

    Returns
    -------
    The ids in each stack, by its number and in the order of *sizes*; stacks without any are left out.
    """
    stack_of = {resource_id: number for number, ids in kept.items() for resource_id in ids}
    counts, used = dict.fromkeys(kept, 0), dict.fromkeys(kept, 0)

    def put(resource_id: str, number: int) -> None:
        stack_of[resource_id] = number
        counts[number] = counts.get(number, 0) + 1
        used[number] = used.get(number, 0) + sizes[resource_id]

    for resource_id in sizes.keys() & stack_of.keys():
        put(resource_id, stack_of[resource_id])
    for resource_id in [one for one in sizes if one not in stack_of]:
        with_room = (
            number
            for number in sorted(counts)
            if counts[number] < MAX_RESOURCES and used[number] + sizes[resource_id] <= MAX_BYTES
        )
        put(resource_id, next(with_room, max(counts, default=0) + 1))
    stacks: dict[int, list[str]] = {}
    for resource_id in sizes:
        stacks.setdefault(stack_of[resource_id], []).append(resource_id)
    return dict(sorted(stacks.items()))
