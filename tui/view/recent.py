"""What was done last in an environment, and what is not deployed yet: nobody is asked for it (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from core.history import Entry, merged, running_on
from core.text import count
from tui.view.change_lines import commit_lines
from tui.view.fleet import Ahead, FleetView
from tui.view.glyphs import Glyphs
from tui.view.history_lines import entry_line
from tui.view.lines import Line, line, one_line
from tui.view.rules import ruled

SERVERS = 8
"""Servers whose journals are read here: each has the end of its own, and most say the same."""

LEAST = 3
"""Lines, with the title, for which there must be room."""


def recent_entries(fleet: FleetView) -> tuple[Entry, ...]:
    """The operations that the ends of some journals tell of, newest first."""
    states = fleet.known[:SERVERS]
    found = merged({state.server: state.journal for state in states}, running=running_on(states))
    # Of a part of the servers only, which says nothing of the others.
    return tuple(replace(entry, gone=()) for entry in found.entries)


def recent_lines(
    entries: Sequence[Entry],
    fleet: FleetView,
    cells: int,
    rows: int,
    glyphs: Glyphs,
    now: float,
    key: str,
    name: Callable[[str], str],
) -> list[Line]:
    """The newest operations under a title, in at most so many rows.

    key    shows all of them
    name   how a release is called
    """
    if rows < LEAST or not entries:
        return []
    out = [ruled(line(("last operations", "strong"), "  ", (key, "key"), (" shows all", "dim")), cells, glyphs)]
    for entry in entries[: rows - 1]:
        row = fleet.row(entry.tag)
        subject = row.record.subject if row and row.record else ""
        out.append(entry_line(entry, cells, glyphs, now, subject, name=name))
    return out


def ahead_lines(fleet: FleetView, cells: int, rows: int, glyphs: Glyphs, key: str) -> list[Line]:
    """The commits that a deploy would bring, under a title, in at most so many rows; `key` deploys them."""
    ahead = fleet.commits_since
    if ahead is None or not ahead.named or rows < LEAST:
        return []
    said = f"{one_line(ahead.ref)} is {count(ahead.commits, 'commit')} ahead"
    title = line(("not deployed yet", "strong"), "  ", (said, "dim"), "  ", (key, "key"), (" deploys", "dim"))
    return [ruled(title, cells, glyphs), *commits_ahead(ahead, cells, rows - 1, glyphs)]


def commits_ahead(ahead: Ahead, cells: int, rows: int, glyphs: Glyphs) -> list[Line]:
    """The newest commits by which it is ahead, in at most so many rows."""
    return commit_lines(ahead.named, ahead.commits, "+", "ok", cells, rows, glyphs, indent="")
