"""``python -m tests.simulation``: play stories, and tell what was found (``make simulate``)."""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from .shrink import shrink, tell, violated
from .stories import write, write_upgraded
from .tally import Tally, explore
from .world import Story

_CHUNK = 250


def show(story: Story, check: str | None, *, whole: bool, briefly: bool) -> int:
    """Play one story, shrink it if it fails, and print it."""
    checks, _ = violated(story)
    wanted = next((name for name in sorted(checks) if check is None or name.startswith(check)), None)
    if wanted is not None and not whole:
        story = shrink(story, wanted)
    for line in tell(story, briefly=briefly):
        print(line)
    return 1 if checks else 0


def search(seeds: range, jobs: int, author: Callable[[int], Story]) -> int:
    """Play many stories, and print what they come to."""
    started = time.perf_counter()
    print(f"seeds {seeds.start} to {seeds.stop - 1}")
    tally = Tally()
    chunks = [seeds[at : at + _CHUNK] for at in range(0, len(seeds), _CHUNK)]
    if jobs == 1:
        for chunk in chunks:
            tally.merge(explore(chunk, author))
    else:
        with ProcessPoolExecutor(jobs) as pool:
            for part in pool.map(partial(explore, author=author), chunks):
                tally.merge(part)
    seconds = time.perf_counter() - started
    again = "make simulate UPGRADED=1" if author is write_upgraded else "make simulate"
    print(*tally.lines(), *(f"{again} SEED={found[0]}" for found in tally.first.values()), sep="\n")
    print(f"{seconds:.1f} seconds, {tally.stories / seconds:.0f} stories a second")
    return 1 if tally.bad else 0


def main() -> int:
    """Read the command line, and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this story; if it fails, shrink it; print it")
    parser.add_argument("--check", help="shrink for the check whose name begins so")
    parser.add_argument("--whole", action="store_true", help="do not shrink")
    parser.add_argument("--brief", action="store_true", help="leave out calls that only read")
    parser.add_argument("--seeds", type=int, default=1000, help="play so many stories (%(default)s)")
    parser.add_argument("--from", type=int, default=0, dest="first", help="from this seed on")
    parser.add_argument("--upgraded", action="store_true", help="begin with what version 1.0.0 has made")
    parser.add_argument("--jobs", type=int, default=1, help="processes (%(default)s)")
    options = parser.parse_args()
    author = write_upgraded if options.upgraded else write
    if options.seed is not None:
        return show(author(options.seed), options.check, whole=options.whole, briefly=options.brief)
    return search(range(options.first, options.first + options.seeds), options.jobs, author)


if __name__ == "__main__":
    sys.exit(main())
