"""What the borders of panes say (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from tui.view.glyphs import Glyphs


def list_title(
    name: str,
    filter_text: str,
    place: tuple[int, int] | None,
    marked: int,
    zoom_key: str,
    glyphs: Glyphs,
    unlisted: int = 0,
) -> str:
    """`2 Releases · / cart · 3 of 40 · 2 marked`.

    place      of the cursor, and the number of rows; None where all are seen
    zoom_key   that shows all panes again; "" where they are shown
    unlisted   how many there are besides, which are no rows
    """
    said = [name]
    said += [f"/ {filter_text}"] if filter_text else []
    said += [f"{place[0]} of {place[1]}"] if place else []
    said += [f"{unlisted:,} older not listed"] if unlisted else []
    said += [f"{marked} marked"] if marked else []
    said += [f"{zoom_key} shows all panes"] if zoom_key else []
    return f" {glyphs.dot} ".join(said)


def tab_names(names: Sequence[str], shown: str, cells: int, glyphs: Glyphs) -> list[tuple[str, str]]:
    """What is written of the tabs, in so many cells: texts, each with the name of the tab that a click on it shows,
    "" for none.

    Where there is no room for all names, those far from the one that is shown are left out, with a sign for them.
    """
    for between in (f" {glyphs.rule} ", glyphs.rule):
        if sum(map(len, names)) + len(between) * (len(names) - 1) <= cells:
            return _joined(names, between)
    at = names.index(shown)
    first, last = at, at + 1
    grown = True
    while grown:
        grown = False
        sides = [(first, last + 1), (first - 1, last)]
        for start, end in sides if last - at <= at - first + 1 else reversed(sides):
            if start >= 0 and end <= len(names) and _cells(names, start, end, glyphs) <= cells:
                first, last, grown = start, end, True
                break
    out = _joined(names[first:last], glyphs.rule)
    before = [(glyphs.more + glyphs.rule, names[first - 1])] if first else []
    after = [(glyphs.rule + glyphs.more, names[last])] if last < len(names) else []
    return [*before, *out, *after]


def _cells(names: Sequence[str], first: int, last: int, glyphs: Glyphs) -> int:
    """Cells of a part of the names, with the signs for those that are left out."""
    left_out = (first > 0) + (last < len(names))
    return sum(map(len, names[first:last])) + (last - first - 1) + left_out * (len(glyphs.more) + 1)


def _joined(names: Sequence[str], between: str) -> list[tuple[str, str]]:
    out: list[tuple[str, str]] = []
    for name in names:
        out += [(between, "")] if out else []
        out.append((name, name))
    return out
