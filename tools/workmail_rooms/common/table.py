"""CSV for people and their spreadsheets. Pure."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

#: What a spreadsheet takes for the beginning of a formula, full-width forms too
#: (https://owasp.org/www-community/attacks/CSV_Injection).
_FORMULA: Final = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")
_LINE_BREAKS: Final = re.compile(r"\r\n?|[\u0085\u2028\u2029]")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def as_csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]], *, bom: bool = False) -> bytes:
    """Return a line with the columns' names and one for each row, so that every reader gets the same rows.

    Every cell is quoted; a line break in a cell is a line feed, because readers disagree about the others; another
    control character becomes U+FFFD. A cell that a spreadsheet would take for a formula begins with an apostrophe.

    Parameters
    ----------
    bom:
        Whether the text begins with a byte order mark, by which Excel knows UTF-8.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows({column: _cell(value) for column, value in row.items()} for row in rows)
    # A lone surrogate, which no file can hold, comes out as an escape.
    return (codecs.BOM_UTF8 if bom else b"") + text.getvalue().encode("utf-8", "backslashreplace")


def _cell(text: str) -> str:
    if text.isalnum() or not text:
        return text
    text = _CONTROLS.sub("\ufffd", _LINE_BREAKS.sub("\n", text))
    return f"'{text}" if _FORMULA.match(text) else text
