"""The pages of the documentation as a terminal shows them: sections, keys, wrapped lines (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from core.names import nearest
from tui.view.lines import ENDLESS, wrap

WIDEST = 100
"""Cells of the longest line: longer ones are hard to read."""
KEYS = ("key", "type", "default", "meaning", "example")
"""The columns of a table of keys in docs/configuration.md."""
SHORTEST_QUOTATION = 12
"""Letters that a quotation of the runbook must have beside what varies, to say what an error is."""
_VARIES = re.compile(r"…|\d[\d,.]*|['\"]|\b(?:[A-Z]{2,}|[A-Zxy]|web\d)\b")
_ITEM = re.compile(r"(?:-|\d+\.) ")


class Section(Struct, frozen=True):
    """A part of a page, with its heading and its lines of Markdown; `level` 2 for `##`."""

    title: str
    level: int
    lines: tuple[str, ...]

    @property
    def word(self) -> str:
        """What a person types for it: `host-keys`; `environments` of `[environments.NAME]`."""
        title = self.title.removesuffix(".NAME]").strip("[]")
        return "-".join(re.findall(r"[a-z0-9]+", title.lower()))

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The rows of its table of keys by key: the cells of KEYS."""
        rows = (_cells(line) for line in self.lines if line.startswith("| `"))
        return {cells[0].strip("`"): cells for cells in rows if len(cells) == len(KEYS)}


def sections(page: str) -> tuple[Section, ...]:
    """The parts of a page; what comes before the first `##` is one with the page's own title."""
    found: list[Section] = []
    title, level, fenced = "", 1, False
    lines: list[str] = []
    for line in page.splitlines():
        fenced ^= line.startswith("```")
        heading = None if fenced else re.fullmatch(r"(#+) (.+)", line)
        if heading:
            found.append(Section(title, level, tuple(lines)))
            title, level, lines = heading[2], len(heading[1]), []
        elif not (line.startswith("<!--") and line.endswith("-->")):
            lines.append(line)
    found.append(Section(title, level, tuple(lines)))
    return tuple(section for section in found if section.title)


def matching(word: str, known: Sequence[Section]) -> list[Section]:
    """The sections that a word may mean: of that name; else that begin so; else with it in their names."""
    wanted = "-".join(re.findall(r"[a-z0-9]+", word.lower()))
    if not wanted:
        return []
    exact = [section for section in known if section.word == wanted]
    begun = [section for section in known if section.word.startswith(wanted)]
    return exact or begun or [section for section in known if wanted in section.word]


def keys_of(path: str, known: Sequence[Section]) -> list[tuple[Section, tuple[str, ...]]]:
    """The rows for a key as it is written: `keep`, `deploy.keep`, `environments.production.servers[1].root`."""
    parts = [part.strip("[]") for part in re.sub(r"\[\d+\]", "", path).split(".")]
    *above, key = parts
    tables = [section for section in known if section.keys]
    named = next((section for part in reversed(above) for section in tables if section.word == part), None)
    return [(section, section.keys[key]) for section in tables if key in section.keys and named in (None, section)]


def topic_of(text: str, known: Sequence[Section]) -> str:
    """The name of the section with the row that quotes this text in its first column; "" where there is none.

    A quotation has … for what differs from case to case, numbers and names in capitals; of several that fit the longest
    one counts.
    """
    fitting = ((letters, name) for letters, parts, name in _quotations(tuple(known)) if _in_order(parts, text))
    return max(fitting, default=(0, ""), key=lambda found: found[0])[1]


@lru_cache(maxsize=1)
def _quotations(known: tuple[Section, ...]) -> list[tuple[int, list[str], str]]:
    """What the first columns of tables quote: how many letters do not vary, the parts with them, and the section."""
    found = []
    for section in known:
        for line in section.lines:
            if not line.startswith("| "):
                continue
            for quotation in re.findall(r"`([^`]+)`", line.split(" | ")[0]):
                parts = [part for part in map(str.strip, _VARIES.split(quotation)) if part]
                if (letters := sum(map(len, parts))) >= SHORTEST_QUOTATION:
                    found.append((letters, parts, section.word))
    return found


def _in_order(parts: Sequence[str], text: str) -> bool:
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def meant(word: str, known: Sequence[Section]) -> str:
    """The name of a section or key that was probably meant; "" where none is near."""
    last = word.rpartition(".")[2]
    return nearest(last, [name for section in known for name in (section.word, *section.keys)])


def key_lines(section: Section, row: Sequence[str], cells: int) -> list[str]:
    """A key with its type, its default, what it means and an example."""
    key, kind, default, text, example = map(_plain, row)
    default = {"required": "required", "–": "not set by default"}.get(default, f"default: {default}")
    head = f"{key.strip('`')} ({section.title}): {kind}, {default}"
    return [*wrap(head, _width(cells), "    "), *_hanging(text, cells, "    "), f"    {example.strip('`')}"]


def section_lines(section: Section, cells: int) -> list[str]:
    """A section, without Markdown's signs, wrapped."""
    lines = [section.title, "-" * len(section.title)]
    for block in _blocks(section.lines):
        lines += ["", *_block_lines(section, block, cells)]
    return lines


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Lines that belong together: a paragraph, an item of a list, a table, code."""
    block: list[str] = []
    fenced = False
    for line in lines:
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and (not line.strip() or (_is_item(line) and block)):
            if block:
                yield block
            block = [line] if line.strip() else []
            continue
        block.append(line)
    if block:
        yield block


def _block_lines(section: Section, block: Sequence[str], cells: int) -> list[str]:
    first = block[0]
    if first.startswith("```"):
        return [f"    {line}" for line in block[1:] if not line.startswith("```")]
    if first.startswith("    "):
        return list(block)
    if first.startswith("|"):
        return _table_lines(section, [_cells(line) for line in block], cells)
    text = _plain(" ".join(line.strip() for line in block))
    sign = _ITEM.match(first)
    if sign is None:
        return wrap(text, _width(cells))
    head, *more = wrap(text.removeprefix(sign[0]), _width(cells) - len(sign[0]))
    return [sign[0] + head, *(" " * len(sign[0]) + line for line in more)]


def _table_lines(section: Section, rows: Sequence[tuple[str, ...]], cells: int) -> list[str]:
    """A table as a list: the first cell of each row, below it the others with the names of their columns."""
    names, lines = rows[0], list[str]()
    for row in rows[2:]:
        if names == KEYS:
            lines += key_lines(section, row, cells)
            continue
        lines += wrap(_plain(row[0]), _width(cells))
        for name, cell in zip(names[1:], row[1:], strict=False):
            if cell:
                lines += _hanging(f"{name}: {_plain(cell)}" if len(names) > 2 else _plain(cell), cells, "    ")
    return lines


def _hanging(text: str, cells: int, indent: str) -> list[str]:
    return [indent + line for line in wrap(text, _width(cells) - len(indent))]


def _is_item(line: str) -> bool:
    return _ITEM.match(line) is not None


def _width(cells: int) -> int:
    return WIDEST if cells == ENDLESS else min(cells, WIDEST)


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip().strip("|")))


def _plain(text: str) -> str:
    """Text without links and bold; backquotes stay: they say what is to be typed."""
    text = re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", text)
    return re.sub(r"\*\*(\w[^*]*)\*\*", r"\1", text)
