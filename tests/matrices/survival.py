"""Trying many cut points in one test, and counting the survivors."""

from collections.abc import Callable, Mapping

from workmail_rooms.sandbox.services import Call

#: pytest's fixture ``record_property``.
Record = Callable[[str, object], None]


def survive(cut_points: Mapping[int, Call], interrupt: Callable[[int], None], record_property: Record) -> None:
    """Try every cut point, also after one was not survived; the counts go into the summary at the end of the run.

    Parameters
    ----------
    cut_points:
        Calls by their number.
    interrupt:
        Tries the cut point of this number.

    Raises
    ------
    AssertionError
        Some were not survived; the text says which, and why.
    """
    deaths = []
    for number, call in cut_points.items():
        try:
            interrupt(number)
        except AssertionError as failure:
            deaths.append(f"at call {number}, {call.operation}: {failure}")
    record_property("cut points", len(cut_points))
    record_property("survivors", len(cut_points) - len(deaths))
    assert cut_points, "the operation made no call at which this can happen"
    assert not deaths, "\n".join(deaths)
