"""Environments side by side: a line for each, the troubles of one, and what runs in those that are not shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from core.records import FleetRelease, Lock
from core.text import count
from tui.view.conditions import DOWN
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import ago, clock, listing
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, fit, line, one_line, right, wrap
from tui.view.locks import doing, owner
from tui.view.names import shortened
from tui.view.operation_lines import heading, state_words
from tui.view.progress import Progress
from tui.view.recent import commits_ahead
from tui.view.server_row import error_words

NAME_CELLS, LIVE_CELLS, SINCE_CELLS, BY_CELLS, AHEAD_CELLS = 16, 9, 7, 9, 12
"""Cells of the columns, with the space behind them; a name takes no more than that."""

SIGNS = 12
"""Servers up to which each has a sign of its own; more are counted."""

AHEAD_ROWS = 12
"""Commits that are not deployed yet that are listed of one environment; with more, the last line counts the rest."""

WHAT_CELLS = 18
"""Cells that the subject needs; without them other columns give way."""


_OFFERED = (("since", SINCE_CELLS), ("by", BY_CELLS), ("ahead", AHEAD_CELLS))
"""The columns beside name, live, what and servers, the most wanted first."""


class EnvironmentView(Struct, frozen=True):
    """One environment as the list shows it.

    fleet     what is known of its servers
    progress  of the operation that runs there, ours or one that is watched; None where none does
    locks     what others hold there, by server
    frozen    why nothing may be changed there now, in words; "" where changes are allowed
    colour    of the environment, one of COLOURS; "" for none
    """

    fleet: FleetView
    progress: Progress | None = None
    locks: Mapping[str, Lock] = field(default_factory=dict)
    frozen: str = ""
    colour: str = ""

    @property
    def name(self) -> str:
        return self.fleet.environment

    @property
    def live(self) -> FleetRelease | None:
        return self.fleet.row(self.fleet.live) if self.fleet.live else None

    @property
    def dark(self) -> bool:
        """Whether it is not known what is live: no server answers that was seen with the live release."""
        return self.live is not None and not self.fleet.live_on(self.live)


def switched_by(fleet: FleetView) -> str:
    """Who switched to the live release last; without a journal, who made it: `ana@laptop`; "" where that is unknown."""
    row, lived = fleet.row(fleet.live), fleet.lives.get(fleet.live)
    if lived is not None and lived.by:
        return one_line(lived.by)
    return one_line(row.record.by) if row is not None and row.record is not None else ""


def names_width(views: Sequence[EnvironmentView]) -> int:
    """Cells of the column of names."""
    return min(max((len(view.name) for view in views), default=0), NAME_CELLS) + 1


def names_of(views: Sequence[EnvironmentView], more: str = "…") -> Mapping[str, str]:
    """Their names as they fit into that column: different ones stay different."""
    return shortened([view.name for view in views], names_width(views) - 1, more)


def head_line(project: str, names: int, cells: int, glyphs: Glyphs) -> Line:
    """The names of the columns."""
    shown = _columns(names, cells)
    spans = [Span(fit(f" {project}", names + 4, glyphs.more), "strong"), Span(fit("live", LIVE_CELLS), "dim")]
    spans.append(Span(fit("what", _what_cells(names, cells)), "dim"))
    if "since" in shown:
        spans.append(Span(right("since", SINCE_CELLS - 1) + " ", "dim"))
    if "by" in shown:
        spans.append(Span(fit(" by", BY_CELLS), "dim"))
    spans.append(Span(fit(" servers", SIGNS + 2), "dim"))
    if "ahead" in shown:
        spans.append(Span("ahead of it", "dim"))
    return crop(tuple(spans), cells, glyphs.more)


def environment_line(
    view: EnvironmentView, names: int, cells: int, now: float, glyphs: Glyphs, called: str = ""
) -> Line:
    """`production ▎P 3f2c1ab  Fix cart totals …   2 h  ana   ●●○   main +4`. called: its name in that column."""
    shown, row = _columns(names, cells), view.live
    what, role = _what(view, now, glyphs)
    edge = Span(glyphs.edge, f"edge-{view.colour}" if view.colour else "dim")
    live = view.fleet.short(view.fleet.live) if row else nothing_live(view.fleet)
    live = glyphs.unknown + live if view.dark else live
    lived = view.fleet.live_for(now)
    since = lived.short if lived and len(lived.short) < SINCE_CELLS else ""
    spans = [
        Span(" " + fit(called or view.name, names, glyphs.more), "strong"),
        edge,
        Span("P " if view.fleet.protected else "  ", "accent"),
        Span(fit(live, LIVE_CELLS - 1, glyphs.more) + " ", "dim" if row is None or view.dark else ""),
        Span(fit(what, _what_cells(names, cells) - 1, glyphs.more) + " ", role),
    ]
    if "since" in shown:
        spans.append(Span(right(since, SINCE_CELLS - 1) + " ", "dim"))
    if "by" in shown:
        who = switched_by(view.fleet).partition("@")[0]
        spans.append(Span(fit(f" {who}", BY_CELLS - 1, glyphs.more) + " ", "dim"))
    signs = _signs(view.fleet, glyphs)
    spans += [Span(" "), *signs, Span(" " * max(SIGNS + 1 - sum(len(span.text) for span in signs), 1))]
    if "ahead" in shown and (ahead := view.fleet.commits_since):
        spans.append(Span(f"{ahead.ref} +{ahead.commits:,}", "" if ahead.commits else "dim"))
    return crop(tuple(spans), cells, glyphs.more)


def _columns(names: int, cells: int) -> set[str]:
    """The columns beside name, live, what and servers for which there is room."""
    shown: set[str] = set()
    room = cells - names - 4 - LIVE_CELLS - SIGNS - 2 - WHAT_CELLS
    for column, width in _OFFERED:
        if room >= width:
            shown.add(column)
            room -= width
    return shown


def _what_cells(names: int, cells: int) -> int:
    shown = _columns(names, cells)
    others = names + 4 + LIVE_CELLS + SIGNS + 2
    others += sum(width for column, width in _OFFERED if column in shown)
    return max(cells - others, 4)


def _what(view: EnvironmentView, now: float, glyphs: Glyphs) -> tuple[str, str]:
    """What runs there, why nothing may run, or what the live release is; and its role."""
    if view.progress is not None:
        word, _ = state_words(view.progress)
        by = f" by {view.progress.by}" if view.progress.by else ""
        return f"{glyphs.busy} {word} {view.progress.short(view.progress.tag)}{by}".replace("  ", " "), "busy"
    if view.locks:
        lock = next(iter(view.locks.values()))
        return f"{glyphs.busy} {doing(lock)} by {owner(lock, short=True)}", "busy"
    if view.frozen:
        return f"frozen: {one_line(view.frozen)}", "warn"
    row = view.live
    if row is None:
        return "", "dim"
    if view.dark:
        seen = view.fleet.seen_live_at(row.tag)
        return f"no answer{f', last seen {ago(now - seen)}' if seen else ''}", "bad"
    return one_line(row.record.subject) if row.record and row.record.subject else view.fleet.short(row.tag), ""


def nothing_live(fleet: FleetView) -> str:
    """What is said in place of a live release."""
    if not fleet.known:
        failed = all(server.error is not None for server in fleet.servers)
        return "unknown" if failed else "looking"
    return "nothing"


def _signs(fleet: FleetView, glyphs: Glyphs) -> list[Span]:
    """A sign for each server, or of many how many are in which state."""
    found = [_sign(server, fleet, glyphs) for server in fleet.servers]
    if len(found) <= SIGNS:
        return [Span(sign, role) for sign, role in found]
    return [
        Span(f"{found.count(sign)}{sign[0]} ", sign[1])
        for sign in sorted(set(found), key=lambda sign: -found.count(sign))
    ]


def _sign(server: ServerView, fleet: FleetView, glyphs: Glyphs) -> tuple[str, str]:
    if server.silent:
        return glyphs.alert, "bad"
    if server.state is None:
        return glyphs.wait, "dim"
    if server.state.current_kind == "dangling":
        return glyphs.alert, "bad"
    if not server.state.current:
        return glyphs.kept, "dim"
    return (glyphs.live, "ok") if server.state.current == fleet.live else (glyphs.kept, "warn")


def trouble_lines(view: EnvironmentView, cells: int, now: float, glyphs: Glyphs) -> list[Line]:
    """What is to be known of one environment beside its line: what runs, what is not as it should be, by name."""
    fleet, out = view.fleet, []
    if fleet.protected:
        out.append(line(("P ", "accent"), ("protected: changes require typing its name", "dim")))
    if view.progress is not None:
        word, role = state_words(view.progress)
        by = f" by {view.progress.by}" if view.progress.by else ""
        out.append(line((f"{glyphs.busy} ", "busy"), (heading(view.progress) + by, "strong"), " ", (word, role)))
    for lock in {lock.operation: lock for lock in view.locks.values()}.values():
        out.append(line((f"{glyphs.busy} ", "busy"), f"{doing(lock)} by {owner(lock)}, on {listing(list(view.locks))}"))
    if view.frozen:
        out += [line((text, "warn")) for text in wrap(f"frozen: {one_line(view.frozen)}", cells)]
    for server in fleet.servers:
        if server.silent:
            was = f", was {fleet.short(server.state.current)}" if server.state and server.state.current else ""
            since = f", last seen {ago(now - server.seen_at)}" if server.seen_at else ""
            said = error_words(server.error) if server.error is not None else "no answer"
            text = f"{server.name}  {said}{since}{was}"
            out.append(crop(line((f"{glyphs.alert} {text}", "bad")), cells, glyphs.more))
        elif fleet.conditions[server.name] == DOWN:
            text = f"{glyphs.alert} {server.name}  {fleet.down_words(server)[0]}: SITE DOWN"
            out.append(crop(line((text, "bad")), cells, glyphs.more))
    off: dict[tuple[str, str], list[str]] = {}
    for state in fleet.answering.values():
        if state.current and (word := fleet.drift(state.current)):
            off.setdefault((fleet.short(state.current), word), []).append(state.server)
    for (tag, word), names in off.items():
        out.append(line((f"{glyphs.kept} ", "warn"), f"{listing(names)}  {tag} ", (word, "warn")))
    if len(fleet.answering) == len(fleet.servers) and all(s.current == fleet.live for s in fleet.answering.values()):
        they = "it" if len(fleet.servers) == 1 else "they"
        word = f"{count(len(fleet.servers), 'server')} as {they} should be" if fleet.live else "nothing is live yet"
        out.append(line((f"{glyphs.done} {word}", "ok" if fleet.live else "dim")))
    row = view.live
    if row is not None and row.record is not None:
        ref = row.record.ref if row.record.ref != row.record.revision else ""
        who = switched_by(fleet)
        facts = [f"by {who}" if who else "", ref and f"from {ref}"]
        if row.record.promoted_from:
            facts.append(f"promoted from {row.record.promoted_from}, built for {row.record.built_for}")
        out.append(crop(line((f"{row.tag}  {', '.join(one_line(fact) for fact in facts if fact)}", "dim")), cells))
    if ahead := fleet.commits_since:
        said = f"{one_line(ahead.ref)} is {count(ahead.commits, 'commit')} ahead of it"
        out += [(), line((said, "dim")), *commits_ahead(ahead, cells, AHEAD_ROWS, glyphs)] if ahead.commits else []
    return out


def elsewhere_line(running: Sequence[tuple[str, Progress]], cells: int, now: float, glyphs: Glyphs, key: str) -> Line:
    """`◐ Deploy 3f2c1ab to staging · uploading · 12 s   e shows it`, and how many more run.

    running   by environment: operations that run in environments that are not shown
    """
    name, progress = running[0]
    word, role = state_words(progress)
    by = f" {glyphs.dot} by {progress.by}" if progress.by else ""
    more = f", and {count(len(running) - 1, 'other operation')}" if len(running) > 1 else ""
    spans = line(
        (f" {glyphs.busy} ", "busy"),
        (heading(progress) or name, "strong"),
        (f"{by} {glyphs.dot} ", "dim"),
        (word, role),
        (f" {glyphs.dot} {clock(progress.seconds(now))}{more}   ", "dim"),
        Span(key, "key"),
        (" shows it", "dim"),
    )
    return crop(spans, cells, glyphs.more)
