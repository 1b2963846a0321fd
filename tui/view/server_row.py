"""A server in one line: its row in the servers pane, and its sign where there is room for no more (pure)."""

from __future__ import annotations

import re
from collections import Counter

from core.errors import (
    AuthenticationFailed,
    ConnectError,
    HostKeyChanged,
    HostKeyRevoked,
    HostKeyUnknown,
    LockedError,
    TurnoutError,
)
from core.records import ServerState
from tui.view import conditions
from tui.view.fleet import Activity, FleetView, ServerView
from tui.view.formats import age, range_name, short_tags, span
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, fit, line, one_line, right, short
from tui.view.locks import row_words


def server_line(
    server: ServerView,
    cells: int,
    glyphs: Glyphs,
    now: float,
    fleet: FleetView,
    activity: Activity | None = None,
    name: str = "",
) -> Line:
    """A server's row: `● web1  3f2c1ab     2 ms`; `name` is how its name is written, filled up with spaces."""
    name = name or server.name
    room = max(cells - 2 - len(name) - 2, 0)
    glyph, role, text, note = _server_words(server, glyphs, now, fleet, room)
    if activity:
        glyph, role, text, note = activity.glyph or glyphs.busy, activity.role, activity.text, ""
    note = note if len(note) + len(text) + 2 <= room else ""
    return line(
        Span(glyph + " ", role),
        Span(name + "  ", "strong"),
        Span(fit(text, max(room - len(note), 0), glyphs.more), role if role in ("bad", "warn", "busy") else ""),
        Span(right(note, len(note)), "dim"),
    )


def _server_words(
    server: ServerView, glyphs: Glyphs, now: float, fleet: FleetView, room: int = 80
) -> tuple[str, str, str, str]:
    """Glyph, role, what is said of a server in about so many cells, and the note at the right."""
    glyph, role = server_sign(server, fleet, glyphs)
    state = server.state
    if state is None:
        return glyph, role, _never_seen(server, now), ""
    if not server.answers:
        return glyph, role, _dark_words(server, state, fleet, now, room), ""
    note = f"{state.rtt * 1000:.0f} ms" if state.rtt else ""
    if state.lock is not None:
        return *row_words(state.lock, room, glyphs), ""
    found = fleet.condition(server)
    texts = {
        conditions.DOWN: (*(f"SITE DOWN: {why}" for why in fleet.down_words(server)), "SITE DOWN"),
        conditions.EMPTY: ("nothing live",),
        conditions.ODD: (
            "current points elsewhere" if state.current_kind == "elsewhere" else f"current is a {state.current_kind}",
        ),
    }.get(found, (f"{fleet.short(state.current)} {fleet.drift_words(state.current)}".rstrip(),))
    return glyph, role, next((text for text in texts if len(text) <= room), texts[-1]), note


def server_sign(server: ServerView, fleet: FleetView, glyphs: Glyphs) -> tuple[str, str]:
    """The sign of a server and its role."""
    found = fleet.condition(server)
    if found == conditions.WAITING:
        return (glyphs.busy, "busy") if server.checking else (glyphs.wait, "dim")
    if found == conditions.EMPTY and not fleet.live:
        return glyphs.kept, "dim"
    sign = {
        conditions.LIVE: glyphs.live,
        conditions.BEHIND: glyphs.kept,
        conditions.AHEAD: glyphs.kept,
        conditions.EMPTY: glyphs.kept,
    }
    return sign.get(found, glyphs.alert), conditions.ROLES[found]


def _never_seen(server: ServerView, now: float) -> str:
    if server.error is not None:
        return error_words(server.error).removeprefix(f"{server.name} ")
    if not server.checking:
        return "not checked yet"
    waited = now - server.asked
    return "connecting" if waited < 3 else f"connecting, {age(waited)}"


def _dark_words(server: ServerView, state: ServerState, fleet: FleetView, now: float, room: int) -> str:
    """Since when a server has not answered, and its last state: the longest words that fit into so many cells."""
    generic = server.error is None or type(server.error) is ConnectError
    why = "no answer" if generic or server.error is None else error_words(server.error)
    why = why.removeprefix(f"{server.name} ")
    since = span(max(now - server.seen_at, 0))
    was = f"was {fleet.short(state.current)}" if state.current else "was SITE DOWN"
    if not state.current and state.current_kind != "dangling":
        was = "had nothing live"
    texts = (f"{why} {since}, {was}", f"{why} {since}", f"{why}", f"dark {since}")
    return next((text for text in texts if len(text) <= room), texts[-1])


_ADDRESS = re.compile(r"^the name of \S+@\S+(?= )|^\S+@\S+ |( to| of) \S+@\S+$")
"""A server's own address in the title of an error: its row says which server it is, and Details which address."""


def error_words(error: TurnoutError) -> str:
    """An error in the few words of a server's row."""
    if isinstance(error, HostKeyUnknown):
        return "unknown host key"
    if isinstance(error, HostKeyChanged):
        return "key CHANGED"
    if isinstance(error, HostKeyRevoked):
        return "key REVOKED"
    if isinstance(error, AuthenticationFailed):
        return "login refused"
    if isinstance(error, LockedError):
        return "locked"
    return short_tags(
        _ADDRESS.sub(lambda found: "its name" if found[0].startswith("the") else "", one_line(error.title))
    )


def servers_title(fleet: FleetView, glyphs: Glyphs, cells: int) -> str:
    """The servers pane in one line, where it is collapsed: `web1-5 ●●●●! · LIVE 3f2c1ab`; many are counted."""
    signs = [server_sign(server, fleet, glyphs)[0] for server in fleet.servers]
    counted = " ".join(f"{sign}{number}" for sign, number in Counter(signs).most_common())
    label = range_name(fleet.names) if fleet.servers else ""
    row = fleet.row(fleet.live)
    live = f" {glyphs.dot} LIVE {fleet.short(fleet.live)}" if row is not None and fleet.live_on(row) else ""
    label = "" if label.endswith(" servers") else f"{label} "  # the title says so already
    texts = [f"{label}{text}" for text in ("".join(signs), counted)]
    text = next((text for text in texts if len(text) <= cells), texts[-1])
    return short(text + live if len(text + live) <= cells else text, cells, glyphs.more)
