"""``make generate``: writes every file that follows from the code and its tests.

With ``--check`` it writes nothing, names the files that are not current, and fails if there are any. The page of calls
and the pictures are left out then, because they take a run of what they show; tests hold them current.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from generate import contracts, provider, reference, schema

ROOT = Path(__file__).parents[2]
SCHEMA = "tools/workmail_rooms/schema/custom-workmailresource.json"
REFERENCE = "docs/custom-workmailresource.md"
CONTRACTS = "docs/contracts.md"
CALLS = "docs/calls.md"
PROVIDER = "template.yaml"


def texts(root: Path) -> Mapping[str, str]:
    """Return the text of each file but the page of calls, by its path."""
    page = (root / REFERENCE).read_text(encoding="utf-8")
    template = (root / PROVIDER).read_text(encoding="utf-8")
    return {
        SCHEMA: schema.render(),
        REFERENCE: reference.fill(page),
        CONTRACTS: contracts.render(root),
        PROVIDER: provider.fill(template),
    }


def outdated(root: Path) -> list[str]:
    """Return the paths of those files that are not as they would be written."""
    return [
        path
        for path, text in texts(root).items()
        if not (root / path).exists() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path = ROOT) -> None:
    """Write those files."""
    for path, text in texts(root).items():
        (root / path).write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Write the files, or check them; return the exit status."""
    if arguments == ["--check"]:
        old = outdated(ROOT)
        sys.stdout.writelines(f"{path} is not current: run make generate\n" for path in old)
        return bool(old)
    # Only here: it needs what the tests need.
    from generate import calls, pictures  # noqa: PLC0415

    write()
    pictures.write(ROOT)
    (ROOT / CALLS).write_text(calls.render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
