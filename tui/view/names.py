"""Names in little room: servers by the part in which they differ (pure)."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

from core.names import short_tag
from core.names import short_tags_of as short_tags_of
from core.text import in_runs, ranges, run_name
from tui.view.glyphs import Glyphs

_RUN = 3
"""Names that count up are joined from so many on: there is little room."""


def called(tags: Iterable[str]) -> Callable[[str], str]:
    """How a person says releases: each of these tags different from the others, any other tag by itself."""
    names = short_tags_of(tag for tag in tags if tag)
    return lambda tag: names.get(tag) or short_tag(tag)


def shortened(names: Sequence[str], cells: int, more: str = "…") -> Mapping[str, str]:
    """Each name in at most so many cells; different names stay different as long as the room allows it.

    A beginning that all have in common goes first, then the middle; where that makes two alike, the first letters of
    their parts tell them apart, or else their places in the list.
    """
    return _shortened(tuple(names), cells, more)


def column(names: Sequence[str], most: int, more: str = "…") -> int:
    """The cells that a column of these names needs, of so many at most: short ones leave the room to what is beside.

    In that many they are shortened as in the most, which may be more than the longest has: a cut goes by the room.
    """
    texts = shortened(names, most, more)
    widest = max(map(len, texts.values()), default=0)
    return next((cells for cells in range(widest, most) if shortened(names, cells, more) == texts), max(widest, most))


@lru_cache(maxsize=64)
def _shortened(names: tuple[str, ...], cells: int, more: str) -> Mapping[str, str]:
    if all(len(name) <= cells for name in names):
        return {name: name for name in names}
    if cells <= len(more):
        return {name: more[: max(cells, 0)] for name in names}
    prefix = _common_start(names)
    bare = {name: more + name[len(prefix) :] if len(prefix) > len(more) else name for name in names}
    heads = sorted(range(cells - len(more)), key=lambda head: abs(head - cells // 3))
    ways = ({name: _cut(bare[name], cells, head, more) for name in names} for head in heads)
    best = max(ways, key=lambda way: len(set(way.values())))
    if len(set(best.values())) < len(names) and (initials := _initials(names, cells)):
        return initials
    return _numbered(best, cells, more)


def _initials(names: Sequence[str], cells: int) -> Mapping[str, str]:
    """The beginnings of the parts in which names differ: `fw01` of `shop-frankfurt-web-01`; empty where that does not
    tell them apart in so many cells."""
    parts = [re.split("[-_.]", name) for name in names]
    if len({len(each) for each in parts}) > 1:
        return {}
    columns = [column for column in zip(*parts, strict=True) if len(set(column)) > 1]
    for zeros in (True, False):
        texts = ["".join(each) for each in zip(*(_least(column, zeros=zeros) for column in columns), strict=True)]
        if len(set(texts)) == len(names) and max(map(len, texts)) <= cells:
            return dict(zip(names, texts, strict=True))
    return {}


def _least(values: Sequence[str], *, zeros: bool) -> Sequence[str]:
    """As few letters of each as tell them apart; numbers whole, without zeros in front if those are not wanted."""
    if all(value.isdigit() for value in values):
        return values if zeros else [str(int(value)) for value in values]
    different = set(values)
    for letters in range(1, max(map(len, values))):
        if len({value[:letters] for value in different}) == len(different):
            return [value[:letters] for value in values]
    return values


def _common_start(names: Sequence[str]) -> str:
    """What all names begin with; it ends where a part of a name ends, so that no word or number is cut."""
    first, last = min(names), max(names)
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False)))
    start = first[:same] if first != last else ""
    return start[: max((start.rfind(sign) for sign in "-_."), default=-1) + 1]


def _cut(name: str, cells: int, head: int, more: str) -> str:
    """The name without its middle: so many characters of its beginning, and as many of its end as fit."""
    if len(name) <= cells:
        return name
    tail = cells - len(more) - head
    start = name[:head].removesuffix(more)
    return start + more + (name[-tail:] if tail else "")


def _numbered(way: Mapping[str, str], cells: int, more: str) -> Mapping[str, str]:
    """The same, with its place in the list (from 1) at the end of each name that looks like another one."""
    counts = Counter(way.values())
    taken = {text for text, number in counts.items() if number == 1}
    out = {}
    for place, (name, text) in enumerate(way.items(), 1):
        sign = f"{more}{place}"
        if counts[text] > 1:
            with_sign = (name[:keep] + sign for keep in range(cells - len(sign), -1, -1))
            text = next((other for other in with_sign if other not in taken), text)
            taken.add(text)
        out[name] = text
    return out


def listed(names: Sequence[str], cells: int) -> str:
    """As many names as fit into so many cells: `web1, web2 … and 7 more`; "" where not even one fits.

    Where not all fit, those that count up are one: `web1-9, web12`.
    """
    whole = ", ".join(names)
    if len(whole) <= cells:
        return whole
    parts = in_runs(names)
    said = [run_name(part, _RUN) for part in parts]
    if len(text := ", ".join(said)) <= cells:
        return text
    for shown in range(len(parts) - 1, 0, -1):
        text = f"{', '.join(said[:shown])} … and {sum(map(len, parts[shown:]))} more"
        if len(text) <= cells:
            return text
    text = f"{names[0]} … and {len(names) - 1} more"
    return text if len(text) <= cells else ""


def least_listed(names: Sequence[str]) -> str:
    """The fewest words of `listed` that name a server."""
    runs = ranges(names, _RUN)
    return min(runs, f"{names[0]} … and {len(names) - 1} more", key=len) if len(names) > 1 else runs


def direction(source: str, target: str, cells: int, glyphs: Glyphs) -> str:
    """`staging → production`: from which environment to which, in so many cells."""
    arrow = f" {glyphs.arrow} "
    room = cells - len(arrow)
    if len(source) + len(target) > room:
        spared = max(room // 2 - min(len(source), len(target)), 0)  # by a short name, for the other one
        names = shortened((source, target), room // 2 + spared, glyphs.more)
        source, target = names[source], names[target]
    return f"{source}{arrow}{target}"
