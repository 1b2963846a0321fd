"""The difference of two texts in lines, with some lines around each change, as `diff -u` has it (pure)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

SAME, PLUS, MINUS, HUNK, NOTE = " ", "+", "-", "@", "\\"
"""Kinds of lines: in both texts, only in the new one, only in the old one, the head of a part, a remark."""

AROUND = 3
"""Lines before and after each change."""

MOST_LINES = 4000
"""Lines of each text, without those that both begin and end with, that are compared one by one."""


class DiffLine(NamedTuple):
    """One line of a difference, harmless on a terminal. `old` and `new` are its numbers there, 0 where it has none."""

    kind: str
    text: str
    old: int = 0
    new: int = 0


def split(text: str) -> tuple[list[str], bool]:
    """The lines of a text, and whether the last one has its newline. Only `\\n` ends a line."""
    lines = text.split("\n")
    whole = not lines[-1]
    if whole:
        lines.pop()
    return lines, whole


def difference(old: str, new: str, around: int = AROUND) -> list[DiffLine]:
    """What differs, in parts that each begin with a HUNK; nothing where the texts are the same."""
    before, whole_before = split(old)
    after, whole_after = split(new)
    out: list[DiffLine] = []
    for group in _groups(before, after, around):
        out.append(_head(group))
        for tag, old_from, old_to, new_from, new_to in group:
            if tag == "equal":
                pairs = zip(range(old_from, old_to), range(new_from, new_to), strict=True)
                out += [DiffLine(SAME, shown(before[i]), i + 1, j + 1) for i, j in pairs]
                continue
            out += [DiffLine(MINUS, shown(before[i]), old=i + 1) for i in range(old_from, old_to)]
            out += [DiffLine(PLUS, shown(after[j]), new=j + 1) for j in range(new_from, new_to)]
    if old and new and whole_before != whole_after:
        out.append(DiffLine(NOTE, f"the {'new' if whole_before else 'old'} file has no newline at its end"))
    return out


def content(text: str) -> list[DiffLine]:
    """The lines of one text, numbered."""
    return [DiffLine(SAME, shown(item), new=number) for number, item in enumerate(split(text)[0], 1)]


def counts(lines: Sequence[DiffLine]) -> tuple[int, int]:
    """How many lines were added, and how many removed."""
    return sum(item.kind == PLUS for item in lines), sum(item.kind == MINUS for item in lines)


def shown(text: str) -> str:
    """A line for a person: tabs as spaces to the next stop of 8 cells, what is not printable as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text.expandtabs(8))


Opcode = tuple[str, int, int, int, int]


def _groups(before: Sequence[str], after: Sequence[str], around: int) -> Iterator[list[Opcode]]:
    """difflib's grouped opcodes. What both texts begin and end with is taken off first: it is most of them."""
    start = 0
    limit = min(len(before), len(after))
    while start < limit and before[start] == after[start]:
        start += 1
    end = 0
    while end < limit - start and before[-1 - end] == after[-1 - end]:
        end += 1
    if start == len(before) == len(after):
        return
    lead, tail = min(start, around), min(end, around)
    first, old_last, new_last = start - lead, len(before) - end + tail, len(after) - end + tail
    middle = before[first:old_last], after[first:new_last]
    if max(map(len, middle)) > MOST_LINES:
        codes: list[Opcode] = [("equal", first, start, first, start)] if lead else []
        codes.append(("replace", start, len(before) - end, start, len(after) - end))
        codes += [("equal", len(before) - end, old_last, len(after) - end, new_last)] if tail else []
        yield codes
        return
    for group in difflib.SequenceMatcher(None, *middle, autojunk=len(middle[0]) > 500).get_grouped_opcodes(around):
        yield [(tag, i + first, j + first, k + first, m + first) for tag, i, j, k, m in group]


def _head(group: Sequence[Opcode]) -> DiffLine:
    (_, old_from, _, new_from, _), (_, _, old_to, _, new_to) = group[0], group[-1]
    return DiffLine(HUNK, f"{_range('-', old_from, old_to)} {_range('+', new_from, new_to)}")


def _range(sign: str, start: int, end: int) -> str:
    length = end - start
    place = f"{sign}{start + 1 if length else start}"
    return place if length == 1 else f"{place},{length}"
