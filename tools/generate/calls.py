"""The page of the calls that each operation makes, measured by running them."""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from tests.harness import Stage
from tests.harness.calls import Calls, measure

_BEFORE = """<!-- Written by make generate, which runs each operation. -->

# Calls per operation

Which calls to WorkMail and DynamoDB each operation makes. For whoever looks at rates and costs, or changes the function.

Exactly these calls are made, in this order, when nothing lags and nothing fails; a number in brackets says how often in a row. They are the same with 10 and with 5,000 resources in the organization, even if all of their names begin alike. Each read that is left is there for a reason: the first ones tell which calls are missing, and the last one is the proof of success. "Everything" is every property of the [reference](custom-workmailresource.md), with two aliases and with two delegates that are looked up by name and by address.
"""  # noqa: E501 # a paragraph of Markdown is one line
_AFTER = """
Each delegate given by name or address costs one call more (two for a group) in Create and Update, each alias or delegate that comes or goes one. A delegate given by its id costs no look-up. The Delete of what was replaced also asks CloudFormation once whether its stack has taken the replacement; the others do not ask.
"""  # noqa: E501 # as above


def render() -> str:
    """Run every operation, and return the page."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), logs=Path(folder) / "logs") as stage:
        stage.reset()
        measured = measure(stage)
    rows = (_row(operation, calls) for operation, calls in measured.items())
    head = ("| Operation | WorkMail | Its calls | DynamoDB | Its calls |", "|---|---|---|---|---|")
    return "\n".join((_BEFORE, *head, *rows, _AFTER))


def _row(operation: str, calls: Calls) -> str:
    cells = (f"{len(made)} | {', '.join(_named(made))}" for made in calls)
    return f"| {operation} | {' | '.join(cells)} |"


def _named(calls: Sequence[str]) -> Iterator[str]:
    """Yield each call, with how often it is made in a row."""
    for name, same in groupby(calls):
        times = len(tuple(same))
        yield f"`{name}`{f' ({times})' if times > 1 else ''}"
