"""The pictures in the documents show what the commands print."""

import re

import pytest

from generate.pictures import FOLDER, ROOT, THEMES, lines, render
from tests.e2e.documents import documents


def test_the_pictures_show_what_the_commands_print() -> None:
    """Each picture has the lines that its commands print today, but for ids and times; none is left over."""
    pictures = {path: picture for named in render().values() for path, picture in named.items()}
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / FOLDER).iterdir()} == pictures.keys()
    for path, picture in pictures.items():
        assert lines((ROOT / path).read_text(encoding="utf-8")) == lines(picture), f"{path}: run make generate"


@pytest.mark.parametrize("path", sorted((ROOT / FOLDER).iterdir()), ids=lambda path: path.name)
def test_a_picture_needs_nothing_but_itself(path: str) -> None:
    """Nothing is fetched to show a picture: it names no address but that of its language."""
    text = (ROOT / path).read_text(encoding="utf-8")
    assert set(re.findall(r"\w+://[^\"\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert len(lines(text)) > 3


def test_every_picture_is_shown_in_light_and_dark() -> None:
    """A document that shows a picture has both, the dark one for those who prefer it, and says what it shows."""
    form = re.compile(
        r'<picture>\s*<source media="\(prefers-color-scheme: dark\)" srcset="([^"]*)-dark\.svg">\s*'
        r'<img src="([^"]*)-light\.svg" alt="([^"]+)">\s*</picture>'
    )
    shown = [match for page in documents() for match in form.findall(page.text)]
    assert all(dark == light for dark, light, _ in shown)
    names = {path.name.rpartition("-")[0] for path in (ROOT / FOLDER).iterdir()}
    assert {light.rpartition("/")[2] for _, light, _ in shown} == names
    assert sum(page.text.count(".svg") for page in documents()) == len(THEMES) * len(shown)
