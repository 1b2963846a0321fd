"""Where the tables, keys and items of a TOML text are, with the comments that belong to them.

Comment lines directly above a table, key or item (no blank line between) belong to it, and so does the one on its line.
Comments directly below the last key of a table belong to that table, unless they are directly above the next one. All
others belong to nobody: no change takes them away. All texts here are valid TOML; offsets are of characters.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from core.config.table import Place


class Span(Struct, frozen=True):
    """The text from `start` to before `end`."""

    start: int
    end: int


class Key(Struct, frozen=True):
    """A key: `whole` is its lines with the comments that belong to it, `value` its value alone."""

    place: Place
    whole: Span
    value: Span


class Table(Struct, frozen=True):
    """A header and its keys, with the comments that belong to them; place () is for what is above the first header.

    `new_key` is where the line of one more key begins.
    """

    place: Place
    whole: Span
    keys: tuple[Key, ...]
    new_key: int


_KEY = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|[^="'\n])+=[ \t]*""")
_HEADER = re.compile(r"""\s*(\[\[?)((?:"(?:\\.|[^"\\])*"|'[^']*'|[^\]"'\n])+)\]""")
_TOKEN = re.compile(
    r'''"""(?:\\[\s\S]|[^\\])*?""""{0,2}|\'\'\'[\s\S]*?\'\'\'\'{0,2}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|\n|[^\s"'#]'''
)


def end_of_line(text: str) -> str:
    """How the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def tables(text: str) -> list[Table]:
    """The tables of a text, in its order. The text ends with the end of a line."""
    out = [Table((), Span(0, 0), (), 0)]
    counts: dict[Place, int] = {}
    comments: int | None = None
    blank = False
    at = 0
    while at < len(text):
        end = text.index("\n", at) + 1
        found = text[at:end].strip()
        table = out[-1]
        if not found or found.startswith("#"):
            if not found and comments is not None and not blank:
                out[-1] = replace(table, whole=Span(table.whole.start, at))
            blank = blank or not found
            comments = (at if comments is None else comments) if found else None
        elif found.startswith("["):
            start = at if comments is None else comments
            out.append(Table(_place(text[at:end], counts), Span(start, end), (), end))
            comments, blank = None, False
        else:
            key = _key(text, at, at if comments is None else comments, table.place)
            end = key.whole.end
            out[-1] = Table(table.place, Span(table.whole.start, end), (*table.keys, key), end)
            comments, blank = None, False
        at = end
    if comments is not None and not blank:
        out[-1] = replace(out[-1], whole=Span(out[-1].whole.start, at))
    return out


def items(text: str, value: Span) -> list[Span]:
    """The items of a list, or the pairs of an inline table, without commas and comments."""
    out: list[Span] = []
    depth, start, end = 0, -1, -1
    for token, found in _tokens(text, value):
        closes = found in ("]", "}")
        depth -= closes
        if (depth == 1 and found == ",") or (not depth and closes):
            if start >= 0:
                out.append(Span(start, end))
            start = -1
        elif depth:
            start, end = token.start if start < 0 else start, token.end
        depth += found in ("[", "{")
    return out


def without_table(text: str, table: Table) -> str:
    """The text without a table; a blank line before or after it goes, too."""
    before, after = text[: table.whole.start], text[table.whole.end :]
    if not before or _ends_blank(before):
        after = re.sub(r"\A(?:[ \t]*\r?\n)+", "", after)
    return before + after if after.strip() else before.rstrip() + end_of_line(text)


def with_table(text: str, at: int, table: str) -> str:
    """The text with a new table from a place on: with one blank line before it, and one after it."""
    ending = end_of_line(text)
    before, after = text[:at], text[at:]
    gap = ending if before and not _ends_blank(before) else ""
    behind = ending if after and after.partition("\n")[0].strip() else ""
    return before + gap + table.replace("\n", ending) + behind + after


def without_item(text: str, value: Span, number: int) -> str:
    """The text without an item of a list or inline table, and without the comments that belong to it."""
    known = items(text, value)
    item, last = known[number], number == len(known) - 1
    after = _behind_comma(text, value, item)
    line, line_end = text.rfind("\n", 0, item.start) + 1, text.find("\n", after) + 1 or len(text)
    rest = text[after:line_end].strip()
    if line > value.start and not text[line : item.start].strip() and (not rest or rest.startswith("#")):
        while (above := text.rfind("\n", 0, line - 1) + 1) > value.start and text[above:line].lstrip().startswith("#"):
            line = above
        return text[:line] + text[line_end:]
    if rest.startswith("#"):
        return text[: item.start].rstrip(" \t") + text[after:].partition(rest)[2]
    if not last and "\n" not in text[item.end : known[number + 1].start]:
        return text[: item.start] + text[known[number + 1].start :]
    if last and number and "\n" not in text[known[number - 1].end : item.start]:
        before = known[number - 1].end
        return text[:before] + ("," if after > item.end else "") + text[after:]
    return text[: item.start] + text[after:].lstrip(" \t")


def with_item(text: str, value: Span, item: str) -> str:
    """The text with one more item at the end of a list or inline table: on a line of its own, where the others are."""
    known, ending = items(text, value), end_of_line(text)
    close, lines = value.end - 1, "\n" in text[value.start : value.end]
    line_of_close = text.rfind("\n", 0, close) + 1
    if not known:
        if not lines or text[line_of_close:close].strip():
            return text[: value.start + 1] + item + text[value.start + 1 :]
        return f"{text[:line_of_close]}  {item},{ending}{text[line_of_close:]}"
    last = known[-1]
    after = _behind_comma(text, value, last)
    starts = [text[text.rfind("\n", 0, span.start) + 1 : span.start] for span in reversed(known)]
    indent = next((start for start in starts if not start.strip()), None)
    if indent is None or not lines:
        return text[: last.end] + ", " + item + text[last.end :]
    line_end = text.find("\n", after) + 1
    if line_end and line_end <= close:
        comma = "" if after > last.end else ","
        return f"{text[: last.end]}{comma}{text[last.end : line_end]}{indent}{item},{ending}{text[line_end:]}"
    return f"{text[: last.end]},{ending}{indent}{item}{text[last.end :]}"


def _ends_blank(text: str) -> bool:
    return not text.splitlines()[-1].strip()


def _tokens(text: str, span: Span) -> Iterator[tuple[Span, str]]:
    """The tokens of a value that are not comments or ends of lines; a bare word is a token for each character."""
    for found in _TOKEN.finditer(text, span.start, span.end):
        if found[0] != "\n" and not found[0].startswith("#"):
            yield Span(found.start(), found.end()), found[0]


def _behind_comma(text: str, value: Span, item: Span) -> int:
    """Where the comma after an item ends, or the item if there is none."""
    token, found = next(_tokens(text, Span(item.end, value.end)))
    return token.end if found == "," else item.end


def parts_of(key: str) -> Sequence[str]:
    """The parts of a key as it is written: `a."b.c"` is a and b.c."""
    found: Any = tomllib.loads(f"{key} = 0")
    out: list[str] = []
    while found:
        ((part, found),) = found.items()
        out.append(part)
    return out


def pair_of(text: str, pair: Span) -> tuple[Sequence[str], Span]:
    """The parts of the key of an inline table's pair, and where its value is."""
    found = _KEY.match(text, pair.start)
    assert found is not None, text[pair.start : pair.end]
    return parts_of(found[0].strip().removesuffix("=").strip()), Span(found.end(), pair.end)


def _place(header: str, counts: dict[Place, int]) -> Place:
    """The place of a header; `counts` has the number of the last table of each list, and learns it."""
    found = _HEADER.match(header)
    assert found is not None, header
    place: Place = ()
    parts = parts_of(found[2].strip())
    for number, part in enumerate(parts, start=1):
        place = (*place, part)
        if number == len(parts) and found[1] == "[[":
            counts[place] = counts.get(place, -1) + 1
        if place in counts:
            place = (*place, counts[place])
    return place


def _key(text: str, at: int, start: int, table: Place) -> Key:
    """The key whose line begins at `at`, and whose comments begin at `start`."""
    found = _KEY.match(text, at)
    assert found is not None, text[at:]
    depth, end = 0, found.end()
    for token in _TOKEN.finditer(text, found.end()):
        if token[0] == "\n" and not depth:
            break
        depth += (token[0] in ("[", "{")) - (token[0] in ("]", "}"))
        if token[0] != "\n" and not token[0].startswith("#"):
            end = token.end()
    place = (*table, *parts_of(found[0].strip().removesuffix("=").strip()))
    return Key(place, Span(start, text.index("\n", end) + 1), Span(found.end(), end))
