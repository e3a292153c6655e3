"""The pictures in the documents: what the commands print in a terminal, as SVG, each in light and in dark."""

import contextlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

import cfnlint.api  # type: ignore[import-untyped] # cfn-lint ships no types
from cfnlint.config import ManualArgs  # type: ignore[import-untyped] # as above
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.syntax import Syntax
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, SVG_EXPORT_THEME
from rich.text import Text

from tests.harness.inprocess import run

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = "docs/pictures"
THEMES: Final = {"light": DEFAULT_TERMINAL_THEME, "dark": SVG_EXPORT_THEME}

#: rich's own, without the font that it would fetch from elsewhere: a picture needs nothing but itself.
_FORMAT: Final = (
    re.sub(r"\s*@font-face \{\{.*?\}\}|\s*<!--.*?-->", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    .replace("Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace")
    .replace("arial", "sans-serif")
)
_LINE: Final = re.compile(r'<text class="[^"]*-r\d+"[^>]* y="([\d.]+)"[^>]*>(.*?)</text>')
#: What differs from run to run: ids of rooms, and the time of day.
_VARYING: Final = re.compile(r"\br-[0-9a-f]{32}|^\d\d:\d\d:\d\d")
_WIDTH: Final = 126

DEPLOY: Final = "workmail-rooms sandbox deploy examples/meeting-rooms.yaml --stack-name meeting-rooms"
ROOMS: Final = "workmail-rooms sandbox rooms"
DIFF: Final = "workmail-rooms diff examples/meeting-rooms.yaml"
MISTAKEN: Final = """\
Resources:
  BoardRoom:
    Type: Custom::WorkMailResource
    Properties:
      ServiceToken: !ImportValue workmail-resource-ServiceToken
      ServiceTimeout: 600
      OrganizationId: m-d281d0a2fd824be5b6cd3d3ce909fd27
      Name: board room
      Type: ROOM
      Email: boardroom@example.com
      BookingOptions:
        AutoAcceptRequests: false
"""


class Shown(NamedTuple):
    """What a terminal shows; *width* in characters."""

    title: str
    content: tuple[RenderableType, ...]
    width: int


def render() -> Mapping[str, Mapping[str, str]]:
    """Run the commands, and return the pictures of each name by their paths."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        shutil.copytree(ROOT / "examples", "examples", ignore=shutil.ignore_patterns("node_modules"))
        return {name: {_path(name, theme): _svg(name, shown, theme) for theme in THEMES} for name, shown in _sessions()}


def write(root: Path) -> None:
    """Write the pictures that show something else than the commands print."""
    for pictures in render().values():
        for path, picture in pictures.items():
            if not (root / path).exists() or lines((root / path).read_text(encoding="utf-8")) != lines(picture):
                (root / path).parent.mkdir(exist_ok=True)
                (root / path).write_text(picture, encoding="utf-8")


def lines(picture: str) -> list[str]:
    """Return the lines of a picture without blanks, and without what differs from run to run, their order too."""
    found: dict[str, str] = {}
    for height, text in _LINE.findall(picture):
        found[height] = found.get(height, "") + unescape(text)
    return sorted(re.sub(r"\s", "", _VARYING.sub("", line)) for line in found.values())


def _sessions() -> Iterator[tuple[str, Shown]]:
    yield "demo", Shown("make demo", (_printed(DEPLOY), Text(), _printed(ROOMS)), _WIDTH)
    wide = 250
    table = _printed(ROOMS, wide)
    yield "rooms", Shown(ROOMS, (table,), max(map(len, table.plain.splitlines())))
    template = Path("examples/meeting-rooms.yaml")
    template.write_text(template.read_text(encoding="utf-8").replace("12 seats", "14 seats"), encoding="utf-8")
    yield "diff", Shown(DIFF, (_printed(f"workmail-rooms sandbox exec -- {DIFF}"),), 100)
    yield "lint", Shown("cfn-lint rooms.yaml", tuple(_findings()), 100)


def _printed(command: str, width: int = _WIDTH) -> Text:
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "50"}
    with mock.patch.dict(os.environ, terminal), contextlib.redirect_stderr(io.StringIO()):
        os.environ.pop("NO_COLOR", None)
        # A terminal writes over the bar of progress.
        return Text.from_ansi("\n".join(line for line in run(command) if "Reading " not in line).rstrip())


def _findings() -> Iterator[RenderableType]:
    """Yield the template, and under each line what cfn-lint finds there."""
    rules = str(ROOT / "tools/workmail_rooms/lint")
    matches = cfnlint.api.lint(MISTAKEN, config=ManualArgs(regions=["us-east-1"], append_rules=[rules]))
    number = 1
    for match in sorted(matches, key=lambda one: one.linenumber):
        if number <= match.linenumber:
            yield _template(number, match.linenumber)
            number = match.linenumber + 1
        yield Padding(Text(f"{match.rule.id} {match.message}", style="bold red"), (0, 0, 0, 7))
    yield _template(number, len(MISTAKEN.splitlines()))


def _template(first: int, last: int) -> Syntax:
    return Syntax(
        MISTAKEN, "yaml", line_numbers=True, line_range=(first, last), theme="ansi_light", background_color="default"
    )


def _path(name: str, theme: str) -> str:
    return f"{FOLDER}/{name}-{theme}.svg"


def _svg(name: str, shown: Shown, theme: str) -> str:
    console = Console(record=True, file=io.StringIO(), width=shown.width, force_terminal=True, color_system="truecolor")
    for part in shown.content:
        console.print(part)
    return console.export_svg(title=shown.title, theme=THEMES[theme], code_format=_FORMAT, unique_id=f"{name}-{theme}")
