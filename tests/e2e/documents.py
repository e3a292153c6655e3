"""Reads the project's documents: their code blocks, tables, headings and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[2]

#: Those that may have documents, beside the project's own folder.
_FOLDERS = ("docs", "examples", "function", "tools")

_PARSER = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Block:
    """A code block.

    Attributes
    ----------
    language:
        All that stands after the opening fence.
    line:
        Where it begins, from 1.
    """

    document: "Document"
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.document}:{self.line} {self.language}"


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its cells are Markdown.

    Attributes
    ----------
    heading:
        Of the section that it stands in.
    """

    heading: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        """The whole file."""
        return self.path.read_text(encoding="utf-8")

    def blocks(self) -> Iterator[Block]:
        """Yield the code blocks in their order; one that is only indented has no language."""
        for token in self._tokens():
            if token.type in {"fence", "code_block"} and token.map:
                yield Block(self, token.info.strip(), token.content, token.map[0] + 1)

    def headings(self) -> Iterator[tuple[int, str]]:
        """Yield the level and the text (Markdown) of each heading."""
        tokens = self._tokens()
        for opening, inline in pairwise(tokens):
            if opening.type == "heading_open":
                yield int(opening.tag[1:]), inline.content

    def anchors(self) -> set[str]:
        """Return the anchors that GitHub gives the headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for _, heading in self.headings():
            slug = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading)).lower().replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    def links(self) -> Iterator[str]:
        """Yield the targets of all links and pictures."""
        for token in self._tokens():
            if token.type == "html_block":
                yield from re.findall(r'\b(?:href|src|srcset)="([^"]*)"', token.content)
            for child in token.children or ():
                if child.type in {"link_open", "image"}:
                    yield str(child.attrs["href" if child.type == "link_open" else "src"])

    def section(self, heading: str) -> str:
        """Return the Markdown below a heading, up to the next one of any level.

        Raises
        ------
        LookupError
            There is no such heading.
        """
        match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", self.text, re.MULTILINE | re.DOTALL)
        if match is None:
            raise LookupError(f"{self} has no heading {heading!r}")
        return match[1]

    def table(self, heading: str, first_column: str) -> Table:
        """Return the table below a heading whose first column has this title.

        Raises
        ------
        LookupError
            There is none.
        """
        for table in self.tables():
            if (table.heading, table.columns[0]) == (heading, first_column):
                return table
        raise LookupError(f"{self} has no table with the first column {first_column!r} below {heading!r}")

    def tables(self) -> Iterator[Table]:
        """Yield the tables in their order."""
        heading = ""
        rows: list[list[str]] = []
        previous: Token | None = None
        for token in self._tokens():
            if token.type == "inline" and previous is not None and previous.type == "heading_open":
                heading = token.content
            elif token.type == "table_open":
                rows = []
            elif token.type == "tr_open":
                rows.append([])
            elif token.type == "inline" and previous is not None and previous.type in {"th_open", "td_open"}:
                rows[-1].append(token.content)
            elif token.type == "table_close":
                yield Table(heading, tuple(rows[0]), tuple(map(tuple, rows[1:])))
            previous = token

    def _tokens(self) -> list[Token]:
        return _tokens(self.text)


@cache
def _tokens(text: str) -> list[Token]:
    return _PARSER.parse(text)


def document(name: str) -> Document:
    """Return a document by its path in the project."""
    return Document(ROOT / name)


def documents() -> list[Document]:
    """Return every document of the project."""
    within = (path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md") if "node_modules" not in path.parts)
    return [Document(path) for path in sorted([*ROOT.glob("*.md"), *within])]


def code(text: str) -> list[str]:
    """Return what stands between backquotes."""
    return re.findall(r"`([^`]+)`", text)
