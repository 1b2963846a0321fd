"""The line of state above a viewer's lines (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from core.text import count
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, line, short, width
from tui.view.search import Search

NOTHING = Search()


class ViewerState(Struct, frozen=True):
    """What a viewer shows of what it has.

    follow   whether it goes along with new lines     below   lines that came since it does not
    servers  how many there are lines of              server  whose lines are shown alone, or ""
    shown, kept, dropped   lines that are shown; that could be; that came before and are not kept any more
    place    which of the matches is marked, from 1; 0 for none     matches   how many lines match
    only     whether only those are shown
    """

    follow: bool
    below: int = 0
    servers: int = 0
    server: str = ""
    shown: int = 0
    kept: int = 0
    dropped: int = 0
    search: Search = NOTHING
    place: int = 0
    matches: int = 0
    only: bool = False


def state_line(state: ViewerState, keys: Mapping[str, str], cells: int, glyphs: Glyphs) -> Line:
    """What is shown, the most important first; what does not fit is left out, last things first.

    keys   by id, as people write them
    """
    parts = [_following(state, keys, glyphs)]
    if state.search.text:
        parts.append(_found(state, keys))
    server = line((f"{keys['log-server']} ", "key"), (state.server, "accent") if state.server else "all servers")
    amount = [_amount(state)] if state.kept or state.dropped else []
    parts += [server, *amount] if state.server else [*amount, server] if state.servers > 1 else amount
    parts += [line((f"{keys['log-search']} ", "key"), ("search", "dim"))] if not state.search.text else []
    parts.append(
        line((f"{keys['log-wrap']} ", "key"), ("wrap ", "dim"), (f"{keys['log-times']} ", "key"), ("times", "dim"))
    )
    out = parts[0]
    between = line((f"  {glyphs.dot}  ", "dim"))
    for part in parts[1:]:
        if width(out) + width(between) + width(part) <= cells:
            out = (*out, *between, *part)
    return out


def _following(state: ViewerState, keys: Mapping[str, str], glyphs: Glyphs) -> Line:
    key = Span(f"{keys['log-follow']} ", "key")
    if state.follow:
        return line(key, ("following", "ok"))
    new = f", {count(state.below, 'new line')} below" if state.below else ""
    return line(key, (f"not following{new}", "warn"))


def _found(state: ViewerState, keys: Mapping[str, str]) -> Line:
    """What is searched for, how often it is there, and whether only that is shown."""
    where = f"{state.place:,} of {count(state.matches, 'line')}" if state.place else count(state.matches, "line")
    steps = f"{keys['log-next']} {keys['log-previous']} " if state.matches else ""
    only = f"only {where}" if state.only else where
    spans = line((f"/{state.search.text}", "accent"), " ", (f"{steps}", "key"), only if state.matches else "in no line")
    return (*spans, *line((f" (plain text: {state.search.fault})", "warn"))) if state.search.fault else spans


def _amount(state: ViewerState) -> Line:
    kept = count(state.kept, "line")
    text = kept if state.shown == state.kept else f"{state.shown:,} of {kept}"
    dropped = f", {state.dropped:,} older dropped" if state.dropped else ""
    return line((text + dropped, "dim"))


def search_line(state: ViewerState, cells: int) -> Line:
    """While a search is typed: what it finds."""
    if not state.search.text:
        return line(("search: ", "strong"), ("text or a regular expression; Enter keeps it, Esc leaves", "dim"))
    found = f"in {count(state.matches, 'line')}" if state.matches else "in no line"
    spans = line(("search: ", "strong"), (found, "" if state.matches else "warn"))
    if state.search.fault:
        return (*spans, *line((f", as plain text: {state.search.fault}", "warn")))
    return (*spans, *line(("; Enter keeps it, Esc leaves", "dim")))


def file_path(text: str) -> Path:
    """The absolute path of a file whose name a person types; what cannot be made out stays as it is typed."""
    path = Path(text)
    with suppress(RuntimeError):  # ~ of a user who has no home here
        path = path.expanduser()
    with suppress(OSError):  # the current folder has been removed
        path = path.absolute()
    return path


def why_not_saved(error: OSError | ValueError) -> str:
    """Why a file could not be written, in a few words."""
    if isinstance(error, FileExistsError):
        return "there is a file or folder of that name already"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "its folder does not exist"
    return str(getattr(error, "strerror", "") or error)


def save_line(value: str, lines: int, problem: str, cells: int, more: str) -> Line:
    """While the name of a file is typed: what goes where (the end of its path is seen), or why nothing was written."""
    if problem:
        begin = line(("not saved: ", "bad"))
        return (*begin, *line(short(problem, cells - width(begin), more)))
    begin = line((f"save {count(lines, 'line')} ", "strong"))
    if not value.strip():
        return (*begin, *line("type a file's name ", ("Enter writes it, Esc leaves", "dim")))
    path = str(file_path(value))
    room = max(cells - width(begin) - 3, 10)
    return (*begin, *line(f"to {path if len(path) <= room else more + path[1 - room :]}"))
