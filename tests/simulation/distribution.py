"""How numbers are distributed, in a few words."""

from collections.abc import Iterable


def spread(numbers: Iterable[float]) -> str:
    """Return the median, two percentiles and the largest of *numbers*, of which there is at least one."""
    ordered = sorted(numbers)
    named = (("median", 0.5), ("90 %", 0.9), ("99 %", 0.99), ("longest", 1.0))
    return ", ".join(f"{name} {ordered[min(len(ordered) - 1, int(share * len(ordered)))]:.0f}" for name, share in named)
