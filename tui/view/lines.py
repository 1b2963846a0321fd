"""A line of a screen as spans of text with a role each; roles get their colours in style.tcss."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby, zip_longest
from typing import NamedTuple

from core.text import clean
from tui.view.environment_colour import COLOURS

ENDLESS = 100_000
"""Cells of a line that may be as long as it is: of what is written to a file or a pipe."""

ROLES = (
    *("dim", "strong", "ok", "warn", "bad", "busy", "accent", "head", "key", "off", "rail", "env", "here"),
    *("match", "match-here"),
)
"""Every role that text may have, apart from "" for plain text."""

EDGES = tuple(f"edge-{colour}" for colour in COLOURS)
"""Roles of marks, which are no text, in the colours of environments."""


class Span(NamedTuple):
    """A piece of a line. `role` is one of ROLES, of EDGES, or ""."""

    text: str
    role: str = ""


Line = tuple[Span, ...]


def cell_len(text: str) -> int:
    """Cells that a text takes on a terminal."""
    if text.isascii() and text.isprintable():
        return len(text)  # without the tables of widths, which a command that writes no other text need not load
    from rich import cells

    return cells.cell_len(text)


def line(*parts: Span | str | tuple[str, str]) -> Line:
    """A line from texts, spans and (text, role) pairs; empty texts are left out."""
    spans = (Span(part) if isinstance(part, str) else Span(*part) for part in parts)
    return tuple(span for span in spans if span.text)


def plain(spans: Iterable[Span]) -> str:
    """The text of a line."""
    return "".join(span.text for span in spans)


def width(spans: Iterable[Span]) -> int:
    """Cells that a line takes."""
    return sum(cell_len(span.text) for span in spans)


_JOINED = re.compile(
    r"[\N{VARIATION SELECTOR-15}\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}\U0001f3fb-\U0001f3ff]"
    r"|(?<=[\u2190-\u2bff\U0001f000-\U0001faff\ufe0e\ufe0f\u20e3\u200d])\N{ZERO WIDTH JOINER}"
)
"""What makes one emoji of several characters. Terminals differ in how many cells that takes, and a line that takes
another number than was counted spoils the rest of its row; the characters by themselves are as wide everywhere."""


def unjoined(text: str) -> str:
    """The text with each emoji of several characters as these characters."""
    return text if text.isascii() else _JOINED.sub("", text)


def one_line(text: str, longest: int = 500) -> str:
    """Text from a server or a repository as one harmless line, of at most so many characters."""
    return " ".join(unjoined(clean(text, longest)).split())


def fit(text: str, cells: int, more: str = "…") -> str:
    """The text in exactly so many cells: padded with spaces, or cut and ended with `more`."""
    if cells <= 0:
        return ""
    taken = cell_len(text)
    if taken <= cells:
        return text + " " * (cells - taken)
    from rich.cells import set_cell_size

    room = cells - cell_len(more)
    return set_cell_size(set_cell_size(text, room).rstrip() + more, cells) if room > 0 else more[:cells]


def short(text: str, cells: int, more: str = "…") -> str:
    """The text in at most so many cells."""
    return text if cell_len(text) <= cells else fit(text, cells, more).rstrip()


def right(text: str, cells: int, more: str = "…") -> str:
    """The text in exactly so many cells, set to the right."""
    room = cells - cell_len(text)
    return " " * room + text if room >= 0 else fit(text, cells, more)


def crop(spans: Line, cells: int, more: str = "…") -> Line:
    """The line in at most so many cells."""
    if width(spans) <= cells:
        return spans
    out: list[Span] = []
    room = cells
    for span in spans:
        size = cell_len(span.text)
        if size >= room:
            out.append(Span(fit(span.text + " ", room, more), span.role))
            break
        out.append(span)
        room -= size
    return tuple(span for span in out if span.text)


def wrap(text: str, cells: int, indent: str = "") -> list[str]:
    """The text in lines of at most so many cells, broken between words where that is possible."""
    cells = max(cells, 8)
    out: list[str] = []
    for paragraph in text.splitlines() or [""]:
        lead = paragraph[: len(paragraph) - len(paragraph.lstrip())]
        current = lead
        for word in paragraph.split():
            candidate = f"{current} {word}" if current.strip() else current + word
            if cell_len(candidate) <= cells:
                current = candidate
                continue
            if current.strip():
                out.append(current)
            pieces = _chopped(indent + word, cells)
            out += pieces[:-1]
            current = pieces[-1]
        out.append(current)
    return out


def wrap_line(spans: Line, cells: int) -> list[Line]:
    """The line as lines of at most so many cells, broken between words; each word keeps its role."""
    if width(spans) <= cells:
        return [spans]
    roles = [span.role for span in spans for _ in span.text]
    text, at = plain(spans), 0
    out: list[Line] = []
    for piece in wrap(text, cells):
        at = max(text.find(piece, at), at)
        words = zip_longest(piece, roles[at : at + len(piece)], fillvalue="")
        out.append(
            line(*(("".join(sign for sign, _ in run), role) for role, run in groupby(words, lambda each: each[1])))
        )
        at += len(piece)
    return out


def _chopped(word: str, cells: int) -> list[str]:
    if cell_len(word) <= cells:
        return [word]
    from rich.cells import chop_cells

    return chop_cells(word, cells)
