"""``python -m release VERSION``: sets the version and dates the changelog; ``make release`` calls it.

With ``--check`` it writes nothing, and says what keeps the version from being released.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from generate.provider import fill
from release.version import ReleaseError, dated, raised

ROOT: Final = Path(__file__).resolve().parents[2]
SOURCE: Final = "function/workmail_resource/__init__.py"
CHANGELOG: Final = "CHANGELOG.md"
PROVIDER: Final = "template.yaml"
#: The form of the ledger between two releases; the fixture of the release takes its place.
UNRELEASED: Final = "tests/contracts/versions/unreleased.json"


def prepare(root: Path, version: str, date: str, *, write: bool) -> None:
    """Check that *version* can be released from the commit in *root*; with *write*, set it in the files.

    Raises
    ------
    ReleaseError
        Files are not committed, the version is not a higher one, or the changelog has nothing to release.
    """
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True)  # noqa: S607 - the user's git
    if changed.stdout:
        raise ReleaseError(f"Commit these files first, or remove them:\n{changed.stdout.rstrip()}")
    texts = {
        SOURCE: raised((root / SOURCE).read_text(encoding="utf-8"), version),
        PROVIDER: fill((root / PROVIDER).read_text(encoding="utf-8"), version),
        CHANGELOG: dated((root / CHANGELOG).read_text(encoding="utf-8"), version, date),
    }
    if write:
        for path, text in texts.items():
            (root / path).write_text(text, encoding="utf-8")
        (root / UNRELEASED).unlink(missing_ok=True)


def main(arguments: Sequence[str]) -> int:
    """Read the command line and prepare the release; return the exit status."""
    parser = argparse.ArgumentParser(prog="release")
    parser.add_argument("version", metavar="VERSION")
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args(arguments)
    try:
        prepare(ROOT, options.version, f"{datetime.now(UTC):%Y-%m-%d}", write=not options.check)
    except ReleaseError as error:
        sys.stderr.write(f"make release: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
