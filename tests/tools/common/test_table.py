"""CSV that every reader, and every spreadsheet, takes for what it is."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workmail_rooms.common.table import as_csv

COLUMNS = ("Name", "Description")


def written(description: str, *, bom: bool = False) -> bytes:
    """Return a table of three rows with a description in the middle one."""
    texts = ("first", description, "last")
    return as_csv(COLUMNS, [{"Name": "room", "Description": text} for text in texts], bom=bom)


def python_exact(content: bytes) -> list[list[str]]:
    """Read as Python does when it is told to leave line breaks alone."""
    return list(csv.reader(io.StringIO(content.decode(), newline="")))


def python_universal(content: bytes) -> list[list[str]]:
    """Read as Python does when it translates line breaks, as most programs that open a text do."""
    return list(csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")))


def by_lines(content: bytes) -> list[list[str]]:
    """Read with a reader that splits the text into lines by itself, as sloppy ones do."""
    return list(csv.reader(content.decode().splitlines(keepends=True)))


@given(st.text())
@example("a\rb")
@example("a\r\nb\n\x85c\u2028d")
@example('"quoted", with commas')
@example("\x00\x1c")
def test_every_reader_gets_the_same_rows(description: str) -> None:
    """Whatever a cell has in it, three readers agree about the rows, and each row has its columns."""
    content = written(description)
    rows = python_exact(content)
    assert rows == python_universal(content) == by_lines(content)
    assert [len(row) for row in rows] == [2, 2, 2, 2]
    assert (rows[0], rows[3]) == (list(COLUMNS), ["room", "last"])


@given(st.text())
@example("=1+1")
@example(" \t@SUM(A1)")
@example("\uff1dHYPERLINK()")
def test_no_cell_is_a_formula(description: str) -> None:
    """No cell begins with what a spreadsheet computes, blanks left aside."""
    cell = python_exact(written(description))[2][1]
    assert cell.lstrip()[:1] not in {*"=+-@", "\uff1d", "\uff0b", "\uff0d", "\uff20"}


@pytest.mark.parametrize("text", ["", "12 seats", "Café 🪑", "a=b", "a\nb", "'quoted'"])
def test_any_other_text_is_as_it_was(text: str) -> None:
    """What no reader could mistake is not touched."""
    assert python_exact(written(text))[2][1] == text


def test_a_byte_order_mark_can_be_asked_for() -> None:
    """With the mark the text is the same, and Excel knows that it is UTF-8."""
    plain, marked = written("é"), written("é", bom=True)
    assert marked == b"\xef\xbb\xbf" + plain
    assert marked.decode("utf-8-sig") == plain.decode()
