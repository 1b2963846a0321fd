"""The releases matrix: one row a release, one column a server, laid out for any width and any number of servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from core.records import ABSENT, FAILED, KEPT, LIVE, PRUNED, UNKNOWN, FleetRelease, standing
from core.text import size
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import age, range_name, short_tag, without_record
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, cell_len, fit, line, one_line, right

NAMED, DENSE, COUNTED = "named", "dense", "counted"
"""How the servers' cells are drawn: a column with a name each; one cell each; only how many of each kind."""

LEAD = "   "
"""What comes before the columns: a mark and the sign of the release as a whole."""

COUNTED_CELLS = 16
AGE_CELLS = 6
WHAT = "what"
LEAST_WHAT = 8

WORDS = {
    LIVE: "live",
    KEPT: "kept",
    FAILED: "failed",
    PRUNED: "pruned",
    ABSENT: "never there",
    UNKNOWN: "not known",
}
"""By what a release is on a server (core.records.standing): the word for it."""

_ROLES = {LIVE: "ok", KEPT: "", FAILED: "bad", PRUNED: "dim", ABSENT: "dim", UNKNOWN: "dim"}


@dataclass(frozen=True)
class Column:
    """A column of the matrix and its width in cells."""

    name: str
    cells: int
    title: str = ""
    to_right: bool = False


@dataclass(frozen=True)
class Layout:
    """How a matrix is laid out in a given width."""

    cells: int
    columns: tuple[Column, ...]
    mode: str
    servers: tuple[str, ...]
    server_cells: tuple[int, ...]
    """The width of each server's column in NAMED; of the whole block otherwise."""
    full_tags: bool


def plan_layout(fleet: FleetView, cells: int, *, table: bool = False) -> Layout:
    """The layout for a width: what matters least goes first when it is narrow.

    table   for a terminal's scrollback: tags are whole, for people copy them; no column is wider than what is in it
    """
    names = fleet.names
    tags = [row.tag for row in (fleet.rows if table else fleet.rows[:200])]
    full_cells = max([len(tag) for tag in tags] + [7])
    full_cells = full_cells if table else min(full_cells, 34)
    short_cells = full_cells if table else min(max([len(short_tag(tag)) for tag in tags] + [7]), 24)
    mode, server_cells = _server_block(names, cells)
    room = cells - (0 if table else len(LEAD)) - sum(server_cells) - 2 - (short_cells + 2) - (AGE_CELLS + 2)
    state_cells = max(8, len(f"live {len(names)}/{len(names)}") if len(names) > 1 else 0)
    extra: list[str] = []
    for name, wide, least in (
        ("state", state_cells + 2, 18),
        ("size", 9, 20),
        ("by", 10, 24),
        ("full", full_cells - short_cells, 30),
    ):
        if room - wide >= least:
            extra.append(name)
            room -= wide
    aged = room >= LEAST_WHAT
    room += 0 if aged else AGE_CELLS + 2
    full_tags = table or "full" in extra
    if table:
        room = min(room, max([cell_len(what(row, "", True)) for row in fleet.rows], default=0))
    tag_cells = full_cells if full_tags else short_cells
    columns = [Column("release", tag_cells, "release")]
    if "state" in extra:
        columns.append(Column("state", state_cells, "state"))
    columns.append(Column(WHAT, max(room, 4), WHAT))
    if "by" in extra:
        columns.append(Column("by", 8, "by"))
    if aged:
        columns.append(Column("age", AGE_CELLS, "age", True))
    if "size" in extra:
        columns.append(Column("size", 7, "size", True))
    return Layout(cells, tuple(columns), mode, names, server_cells, full_tags)


def _server_block(names: Sequence[str], cells: int) -> tuple[str, tuple[int, ...]]:
    named = tuple(max(len(name), 3) + 1 for name in names)
    if cells >= 70 and sum(named) <= cells * 0.34 and len(names) <= 16:
        return NAMED, named
    dense = max(len(names), len(range_name(names)) if names else 0)
    if dense <= max(cells * 0.3, 8):
        return DENSE, (dense + 1,)
    return COUNTED, (COUNTED_CELLS,)


def head_line(layout: Layout, glyphs: Glyphs, selected: str = "") -> Line:
    """The titles of the columns; the server chosen in the servers pane is highlighted."""
    spans = [Span(LEAD, "head")]
    for column in layout.columns:
        title = right(column.title, column.cells) if column.to_right else fit(column.title, column.cells, glyphs.more)
        spans.append(Span(title + "  ", "head"))
    if layout.mode == NAMED:
        for name, cells in zip(layout.servers, layout.server_cells, strict=True):
            spans.append(
                Span(
                    fit(name, cells - 1, glyphs.more).center(cells - 1) + " ", "accent" if name == selected else "head"
                )
            )
    else:
        label = range_name(layout.servers) if layout.servers else ""
        spans.append(Span(fit(label, sum(layout.server_cells), glyphs.more), "head"))
    return tuple(spans)


def row_line(
    row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs, now: float, marked: bool = False
) -> Line:
    """One row of the matrix."""
    glyph, role, word = row_state(row, fleet, glyphs)
    plain_role = "dim" if word == "pruned" else ""
    spans = [Span(glyphs.marked if marked else " ", "accent"), Span(glyph + " ", role)]
    for column in layout.columns:
        text, text_role = _cell(column.name, row, layout, now, word, role)
        text = right(text, column.cells, glyphs.more) if column.to_right else fit(text, column.cells, glyphs.more)
        spans.append(Span(text + "  ", text_role or plain_role))
    spans += server_cells(row, fleet, layout, glyphs)
    return tuple(spans)


def table_lines(fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> list[Line]:
    """The matrix for a terminal's scrollback: its head and all its rows, each beginning with the release's tag."""
    if not fleet.rows:
        return []
    layout = plan_layout(fleet, cells, table=True)
    # Without the spans of LEAD: one of the head, two of each row.
    rows = [row_line(row, fleet, layout, glyphs, now)[2:] for row in fleet.rows]
    return [head_line(layout, glyphs)[1:], *rows]


def _cell(name: str, row: FleetRelease, layout: Layout, now: float, word: str, role: str) -> tuple[str, str]:
    record = row.record
    if name == "release":
        tag = row.tag if layout.full_tags else short_tag(row.tag)
        return tag, "strong" if word.startswith("live") else ""
    if name == "state":
        return word, role
    if name == WHAT:
        return what(row, word, any(column.name == "state" for column in layout.columns)), ""
    if name == "by":
        return one_line(record.by).partition("@")[0] if record else "", "dim"
    if name == "age":
        return age(max(now - row.created, 0)) if row.created else "", "dim"
    return size(record.bytes) if record and record.bytes else "", "dim"


def what(row: FleetRelease, word: str, state_shown: bool) -> str:
    """The subject of a release, with its fate in front where that is not said elsewhere."""
    record = row.record
    subject = one_line(record.subject) if record else without_record(row)
    if row.pinned:
        why = one_line(row.pin.why) if row.pin else ""
        subject = f"pinned ({why}): {subject}" if why else f"pinned: {subject}"
    if row.failed:
        return f"{one_line(row.failed)} ({subject})" if subject else one_line(row.failed)
    if word in ("kept", "") or state_shown:
        return subject
    return f"{word.partition(' ')[0]}: {subject}"


def row_state(row: FleetRelease, fleet: FleetView, glyphs: Glyphs) -> tuple[str, str, str]:
    """Glyph, role and word for the release as a whole."""
    known = len(fleet.known)
    live, present = len(row.live_on), len(row.present_on)
    if row.failed:
        return glyphs.failed, "bad", "failed" if not live else "live bad"
    if live == known and live:
        return glyphs.live, "ok", "live"
    if live:
        return glyphs.live, "ok" if row.tag == fleet.live else "warn", f"live {live}/{known}"
    if not present:
        return glyphs.pruned, "dim", "pruned"
    if not row.returnable:
        return glyphs.kept, "", "left"
    return glyphs.kept, "", "kept" if present == known else f"on {present}/{known}"


def signs(glyphs: Glyphs) -> Mapping[str, str]:
    """By what a release is on a server (core.records.standing): its sign."""
    return {
        LIVE: glyphs.live,
        KEPT: glyphs.kept,
        FAILED: glyphs.failed,
        PRUNED: glyphs.pruned,
        ABSENT: glyphs.absent,
        UNKNOWN: glyphs.unknown,
    }


def cell_state(row: FleetRelease, server: ServerView, glyphs: Glyphs) -> tuple[str, str]:
    """The sign and role of one release on one server."""
    here = standing(row, server.state)
    role = "bad" if here == LIVE and row.failed else _ROLES[here]
    return signs(glyphs)[here], role


def server_cells(row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs) -> list[Span]:
    """The cells of a row: one a server, or counts where there is no room for that."""
    signs = [cell_state(row, server, glyphs) for server in fleet.servers]
    if layout.mode == NAMED:
        return [
            Span(sign.center(cells - 1) + " ", role)
            for (sign, role), cells in zip(signs, layout.server_cells, strict=True)
        ]
    if layout.mode == DENSE:
        return [*_runs(signs), Span(" " * (layout.server_cells[0] - len(signs)))]
    counts = Counter(signs)
    spans = [Span(f"{sign}{number} ", role) for (sign, role), number in counts.most_common(3)]
    room = COUNTED_CELLS - sum(len(span.text) for span in spans)
    return [*spans, Span(" " * room)]


def _runs(signs: Sequence[tuple[str, str]]) -> list[Span]:
    spans: list[Span] = []
    for sign, role in signs:
        if spans and spans[-1].role == role:
            spans[-1] = Span(spans[-1].text + sign, role)
        else:
            spans.append(Span(sign, role))
    return spans


def legend(glyphs: Glyphs, standings: Collection[str] = WORDS.keys()) -> Line:
    """What the signs mean, as one line; only of these, if some are named (core.records.standing)."""
    drawn = signs(glyphs)
    parts: list[Span] = []
    for standing_word in (word for word in WORDS if word in standings):
        text = "pruned, can be sent again" if standing_word == PRUNED else WORDS[standing_word]
        parts += [Span("   ")] if parts else []
        parts += [Span(drawn[standing_word], _ROLES[standing_word]), Span(f" {text}")]
    return tuple(parts)


def matching(rows: Sequence[FleetRelease], text: str) -> tuple[FleetRelease, ...]:
    """The rows that hold every word of a filter in tag, subject, author, revision or state."""
    words = text.casefold().split()
    if not words:
        return tuple(rows)
    return tuple(row for row in rows if all(word in _haystack(row) for word in words))


def _haystack(row: FleetRelease) -> str:
    record = row.record
    parts = [row.tag, "live" if row.live_on else "", "failed" if row.failed else ""]
    parts += ["" if row.present_on else "pruned", "pinned" if row.pinned else ""]
    if record:
        parts += [record.subject, record.author, record.by, record.revision, record.ref]
    return " ".join(parts).casefold()


def placeholder(fleet: FleetView, filter_text: str, glyphs: Glyphs, keys: Mapping[str, str]) -> list[Line]:
    """What the releases pane shows instead of rows: each case names its next step.

    keys  of `deploy`, `refresh-all`, `filter` as the user has them
    """
    if filter_text and fleet.rows:
        return [
            line((f"{len(fleet.rows)} releases, none matches ", ""), (f"“{one_line(filter_text)}”", "accent")),
            line(("Escape", "key"), " shows them all again"),
        ]
    failed = [server for server in fleet.servers if server.error is not None]
    if not fleet.known and failed and len(failed) == len(fleet.servers):
        out = [line((f"{glyphs.alert} no server can be reached", "bad"))]
        out += [
            line(
                (f"  {server.name}  ", "strong"),
                one_line(server.error.title if server.error else "").removeprefix(f"{server.name} "),
            )
            for server in failed[:6]
        ]
        return [
            *out,
            (),
            line((keys["refresh-all"], "key"), " reconnects, ", ("Enter", "key"), " on a server shows details"),
        ]
    if not fleet.known:
        return [
            line((f"{glyphs.busy} connecting to {range_name(fleet.names)}", "busy")),
            line(("Releases appear as each server answers; a slow one does not delay the others.", "dim")),
        ]
    if not fleet.rows:
        return [
            line((f"{glyphs.kept} no release on {fleet.environment} yet", "strong")),
            line((keys["deploy"], "key"), " deploys the first"),
        ]
    return []
