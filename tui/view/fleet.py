"""What the dashboard knows of each server and of the fleet, and how the servers pane and the header say it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.errors import AuthenticationFailed, HostKeyChanged, HostKeyRevoked, HostKeyUnknown, LockedError, TurnoutError
from core.records import FleetRelease, Record, Release, ServerState, fleet_releases, live_of, previous_of
from core.text import count
from tui.view.formats import age, range_name, short_tag
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, fit, line, one_line, right, short
from tui.view.locks import row_words


@dataclass(frozen=True)
class ServerView:
    """One server as the dashboard sees it.

    state     of the last inspection that worked, kept when a later one fails; error   of the last one that failed
    checking  an inspection is under way; since when: `asked`
    at        when the state or the error came (seconds since the epoch); 0 for never
    """

    name: str
    state: ServerState | None = None
    error: TurnoutError | None = None
    checking: bool = False
    asked: float = 0.0
    at: float = 0.0

    @property
    def known(self) -> bool:
        return self.state is not None


@dataclass(frozen=True)
class FleetView:
    """All servers of the environment, and what follows from their states."""

    project: str
    environment: str
    servers: tuple[ServerView, ...] = ()
    protected: bool = False
    rows: tuple[FleetRelease, ...] = ()
    live: str = ""
    previous: str = ""
    places: Mapping[str, int] = field(default_factory=dict)
    """By tag: its place among the rows; 0 is the newest."""

    @classmethod
    def of(cls, project: str, environment: str, servers: Sequence[ServerView], *, protected: bool = False) -> FleetView:
        """The fleet of these servers: its releases, newest first, the live one and the one before it."""
        states = [server.state for server in servers if server.state is not None]
        rows = tuple(fleet_releases(states))
        live = live_of(rows)
        places = {row.tag: index for index, row in enumerate(rows)}
        return cls(project, environment, tuple(servers), protected, rows, live, previous_of(states, rows).tag, places)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(server.name for server in self.servers)

    @property
    def known(self) -> tuple[ServerState, ...]:
        return tuple(server.state for server in self.servers if server.state is not None)

    @property
    def checked_at(self) -> float:
        """When the server that was looked at longest ago was looked at; 0 while one never was."""
        return min((server.at for server in self.servers), default=0.0)

    def server(self, name: str) -> ServerView | None:
        """The server of that name."""
        return next((server for server in self.servers if server.name == name), None)

    def row(self, tag: str) -> FleetRelease | None:
        """The release of that tag."""
        return self.rows[self.places[tag]] if tag in self.places else None

    def drift(self, current: str) -> str:
        """A release compared with the live one: `behind`, `ahead`, or "" for the live one itself."""
        if current == self.live or not self.live:
            return ""
        return "behind" if self.places.get(current, len(self.rows)) > self.places[self.live] else "ahead"


def after_switch(state: ServerState, tag: str, record: Record | None = None) -> ServerState:
    """The state of a server on which `current` was just led to `tag`: what is shown until it is inspected again."""
    releases: dict[str, Release] = {}
    for name, release in state.releases.items():
        releases[name] = replace(release, live=False) if release.live else release
    before = releases.get(tag)
    releases[tag] = Release(tag=tag, record=before.record if before else record, present=True, live=True)
    return replace(state, current=tag, current_kind="link", exists=True, releases=releases)


@dataclass(frozen=True)
class Activity:
    """What an operation does on a server right now, in a few words."""

    text: str
    role: str = "busy"
    glyph: str = ""


def server_line(
    server: ServerView,
    cells: int,
    glyphs: Glyphs,
    now: float,
    fleet: FleetView,
    activity: Activity | None = None,
    name_cells: int = 0,
) -> Line:
    """A server's row: `● web1  3f2c1ab     2 ms`."""
    name = fit(server.name, min(name_cells or len(server.name), max(cells // 2, 6)), glyphs.more)
    room = cells - 2 - len(name) - 2
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
    if server.error is not None:
        return glyphs.alert, "bad", error_words(server.error).removeprefix(f"{server.name} "), ""
    if server.state is None:
        if server.checking:
            waited = now - server.asked
            return glyphs.busy, "busy", "connecting" if waited < 3 else f"connecting, {age(waited)}", ""
        return glyphs.wait, "dim", "not checked yet", ""
    state = server.state
    note = f"{state.rtt * 1000:.0f} ms" if state.rtt else ""
    if server.checking and now - server.asked > 3:
        return glyphs.busy, "busy", f"no answer for {age(now - server.asked)}", ""
    if state.lock is not None:
        return *row_words(state.lock, room, glyphs), ""
    if state.current_kind in ("folder", "file"):
        return glyphs.alert, "warn", f"current is a {state.current_kind}", note
    if state.current_kind == "dangling":
        return glyphs.alert, "bad", "current dangles", note
    if state.current_kind == "elsewhere":
        return glyphs.alert, "warn", "current points elsewhere", note
    if not state.current:
        return glyphs.kept, "dim", "nothing live", note
    drift = fleet.drift(state.current)
    if drift:
        return glyphs.kept, "warn", f"{short_tag(state.current)} {drift}", note
    return glyphs.live, "ok", short_tag(state.current), note


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
    return one_line(error.title)


def headline(fleet: FleetView, now: float) -> tuple[str, str]:
    """What is true of the whole fleet in one sentence, and its role."""
    total = len(fleet.servers)
    failed = [server for server in fleet.servers if server.error is not None]
    states = fleet.known
    if not states:
        if failed and len(failed) == total:
            return f"none of {count(total, 'server')} can be reached", "bad"
        return f"connecting to {count(total, 'server')}", "busy"
    parts = []
    on_live = sum(1 for state in states if fleet.live and state.current == fleet.live)
    if fleet.live:
        parts.append(f"{count(on_live, 'server')} live on {short_tag(fleet.live)}")
        if len(states) > on_live:
            parts.append(f"{len(states) - on_live} {drift_word(fleet, states)}")
    else:
        parts.append("no release is live yet")
    if failed:
        parts.append(f"{len(failed)} in trouble")
    waiting = total - len(states) - sum(1 for server in failed if server.state is None)
    if waiting:
        parts.append(f"{waiting} not checked yet")
    role = "bad" if failed else "warn" if fleet.live and len(states) > on_live else "ok" if fleet.live else "dim"
    return ", ".join(parts), role


def drift_word(fleet: FleetView, states: Sequence[ServerState]) -> str:
    """`behind` or `ahead` where all servers off the live release are so, else `elsewhere`."""
    words = {fleet.drift(state.current) for state in states if state.current != fleet.live}
    return words.pop() if len(words) == 1 else "elsewhere"


def checked(fleet: FleetView, now: float) -> str:
    """`checked 3 s ago`, `checking 2 of 5`."""
    slow = [server for server in fleet.servers if server.checking and now - server.asked > 1.0]
    if slow:
        return f"checking {len(slow)} of {len(fleet.servers)}" if len(slow) > 1 else f"checking {slow[0].name}"
    if not fleet.checked_at:
        return ""
    since = age(now - fleet.checked_at)
    return "checked now" if since == "now" else f"checked {since} ago"


def header_line(fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> Line:
    """The first line of the screen: project and environment, the fleet in one sentence, the age of what is shown."""
    lock = " protected" if fleet.protected else ""
    left = f" {fleet.project} {glyphs.dot} {fleet.environment}"
    sentence, role = headline(fleet, now)
    note = checked(fleet, now)
    room = cells - len(left) - len(lock) - len(note) - 4
    if room < len(sentence):
        lock, room = "", cells - len(left) - len(note) - 4
    if room < len(sentence):
        note, room = "", cells - len(left) - 3
    sentence = short(sentence, max(room, 0), glyphs.more)
    gap = cells - len(left) - len(lock) - len(sentence) - len(note) - 1
    before = max(gap // 2, 2) if note else 2
    whole = line(
        Span(f" {fleet.project}", "strong"),
        Span(f" {glyphs.dot} ", "dim"),
        Span(fleet.environment, "accent"),
        Span(lock, "dim"),
        Span(" " * before),
        Span(sentence, role),
        Span(" " * max(gap - before, 0)),
        Span(note + " ", "dim"),
    )
    return crop(whole, cells, glyphs.more)


def servers_title(fleet: FleetView, glyphs: Glyphs, cells: int) -> str:
    """The servers pane in one line, where it is collapsed: `web1-5 ●●●●!`."""
    signs = []
    for server in fleet.servers:
        signs.append(_server_words(server, glyphs, server.asked, fleet)[0])
    text = "".join(signs)
    label = range_name(fleet.names) if fleet.servers else ""
    return short(f"{label} {text}", cells, glyphs.more)
