"""The releases matrix: one row a release, one column a server, laid out for any width and any number of servers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from core.records import ABSENT, FAILED, KEPT, LIVE, PRUNED, UNKNOWN, FleetRelease, failed_on, standing
from core.text import count, size
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import ago, range_name, span, subject_of
from tui.view.glyphs import UNICODE, Glyphs
from tui.view.lines import Line, Span, cell_len, fit, line, one_line, right
from tui.view.names import shortened
from tui.view.terms import parse_terms

NAMED, DENSE, COUNTED = "named", "dense", "counted"
"""How the servers' cells are drawn: a column with a name each; one cell each; only how many of each kind."""

LEAD = "   "
"""What comes before the columns: a mark and the sign of the release as a whole."""

COUNTED_CELLS = 16
COUNTED_WIDE = 100
"""Cells of the pane from which each kind of cell is counted in a column of its own."""
AGE_CELLS = 10
LIVED_CELLS = 14
LIVED_BAR = 6
LEAST_NAME = 4
ALL = -1
"""In place of the first server whose column is shown: all of them are, in little room."""
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
    """The width of each server's column in NAMED, of each count's where they are counted apart; else of the block."""
    full_tags: bool
    longest: float = 0.0
    """Seconds for which the release was live that was live longest: its bar is full."""


def plan_layout(fleet: FleetView, cells: int, now: float = 0.0, *, table: bool = False, first: int = ALL) -> Layout:
    """The layout for a width: what matters least goes first when it is narrow.

    first   the place of the first server that gets a column with its name; ALL for an overview of all servers
    table   for a terminal's scrollback: tags are whole, for people copy them; no column is wider than what is in it
    """
    names = fleet.names
    rows = fleet.rows if table else fleet.rows[:200]
    full_cells = max([len(row.tag) for row in rows] + [7])
    full_cells = full_cells if table else min(full_cells, 34)
    short_cells = full_cells if table else min(max([len(fleet.short(row.tag)) for row in rows] + [7]), 24)
    mode, server_cells = _server_block(names, cells)
    if first != ALL:
        names, mode = names[first : first + _window(names, cells)], NAMED
        server_cells = (_name_cells(fleet.names) + 1,) * len(names)
    room = cells - (0 if table else len(LEAD)) - sum(server_cells) - 2 - (short_cells + 2)
    state_cells = max(8, len(f"live {len(names)}/{len(names)}") if len(names) > 1 else 0)
    taken: list[str] = []
    offers = [("deployed", AGE_CELLS + 2, LEAST_WHAT), ("lived", LIVED_CELLS + 2, 16), ("by", 10, 20)]
    if table:
        offers = [("deployed", AGE_CELLS + 2, LEAST_WHAT), ("state", state_cells + 2, 18), ("by", 10, 20)]
    for name, wide, least in [*offers, ("size", 9, 30), ("full", full_cells - short_cells, 56)]:
        if room - wide >= least:
            taken.append(name)
            room -= wide
    full_tags = table or "full" in taken
    if table:
        room = min(room, max([cell_len(what(row, "", True)) for row in fleet.rows], default=0))
    widths = {"state": state_cells, WHAT: max(room, 4), "deployed": AGE_CELLS, "lived": LIVED_CELLS, "by": 8, "size": 7}
    columns = [Column("release", full_cells if full_tags else short_cells, "release")]
    columns += [
        Column(name, widths[name], name, to_right=name in ("deployed", "size"))
        for name in ("state", WHAT, "deployed", "lived", "by", "size")
        if name == WHAT or name in taken
    ]
    longest = max((life.seconds(now) for life in fleet.lives.values()), default=0.0)
    return Layout(cells, tuple(columns), mode, names, server_cells, full_tags, longest)


def _name_cells(names: Sequence[str]) -> int:
    return min(max((len(name) for name in names), default=3), 12)


def _window(names: Sequence[str], cells: int) -> int:
    """How many servers get a column with a name where only a part of them is shown."""
    return max(cells // 2 // (_name_cells(names) + 1), 1)


def next_window(layout: Layout, fleet: FleetView, cells: int, first: int, step: int) -> int:
    """The place of the first server with a column of its own after a step to the side; ALL for the overview."""
    if first == ALL and (step < 0 or (layout.mode == NAMED and layout.servers == fleet.names)):
        return ALL
    wide = _window(fleet.names, cells)
    place = 0 if first == ALL else first + step * wide
    return ALL if place < 0 else first if place >= len(fleet.names) else place


def _server_block(names: Sequence[str], cells: int) -> tuple[str, tuple[int, ...]]:
    """How the servers' cells are drawn, and how wide: named where each name fits, shortened where that helps."""
    if cells >= 60 and names and len(names) <= 16:
        longest = max(max(len(name) for name in names), 3)
        each = min(longest, int(cells * 0.34) // len(names) - 1)
        if each >= min(longest, LEAST_NAME):
            return NAMED, (max(each, 3) + 1,) * len(names)
    dense = max(len(names), len(range_name(names)) if names else 0)
    if dense <= max(cells * 0.3, 8):
        return DENSE, (dense + 1,)
    if cells >= COUNTED_WIDE:
        return COUNTED, tuple(len(title) + 1 for title in _count_titles(UNICODE))
    return COUNTED, (COUNTED_CELLS,)


def head_line(layout: Layout, glyphs: Glyphs, selected: str = "") -> Line:
    """The titles of the columns; the server chosen in the servers pane is highlighted."""
    spans = [Span(LEAD, "head")]
    for column in layout.columns:
        title = right(column.title, column.cells) if column.to_right else fit(column.title, column.cells, glyphs.more)
        spans.append(Span(title + "  ", "head"))
    if layout.mode == NAMED:
        shown = shortened(layout.servers, layout.server_cells[0] - 1, glyphs.more)
        for name, cells in zip(layout.servers, layout.server_cells, strict=True):
            spans.append(Span(shown[name].center(cells - 1) + " ", "accent" if name == selected else "head"))
    elif len(layout.server_cells) > 1:
        titles = zip(_count_titles(glyphs), layout.server_cells, strict=True)
        spans += [Span(fit(title, cells, glyphs.more), "head") for title, cells in titles]
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
        text, text_role = _cell(column.name, row, fleet, layout, glyphs, now, word, role)
        text = right(text, column.cells, glyphs.more) if column.to_right else fit(text, column.cells, glyphs.more)
        spans.append(Span(text + "  ", text_role or plain_role))
    spans += server_cells(row, fleet, layout, glyphs)
    return tuple(spans)


def times_of(row: FleetRelease, fleet: FleetView, now: float) -> str:
    """What of a row changes as time goes on: how long ago it was deployed, and how long it was live."""
    life = fleet.lives.get(row.tag)
    return f"{ago(max(now - row.created, 0))} {span(life.seconds(now)) if life else ''}"


def table_lines(fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> list[Line]:
    """The matrix for a terminal's scrollback: its head and all its rows, each beginning with the release's tag."""
    if not fleet.rows:
        return []
    layout = plan_layout(fleet, cells, now, table=True)
    # Without the spans of LEAD: one of the head, two of each row.
    rows = [row_line(row, fleet, layout, glyphs, now)[2:] for row in fleet.rows]
    return [head_line(layout, glyphs)[1:], *rows]


def _cell(
    name: str, row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs, now: float, word: str, role: str
) -> tuple[str, str]:
    record = row.record
    if name == "release":
        tag = row.tag if layout.full_tags else fleet.short(row.tag)
        return tag, "strong" if word.startswith("live") else ""
    if name == "state":
        return word, role
    if name == WHAT:
        said = any(column.name == "state" for column in layout.columns)
        lived = any(column.name == "lived" for column in layout.columns)
        return what(row, "" if word == "live" and lived else word, said), ""
    if name == "by":
        who = record.by if record else row.told.who if row.told else ""
        return one_line(who).partition("@")[0], "dim"
    if name == "deployed":
        return ago(max(now - row.created, 0)) if row.created else "", "dim"
    if name == "lived":
        return _lived(row, fleet, layout, glyphs, now), role if row.tag == fleet.live else "dim"
    return size(record.bytes) if record and record.bytes else "", "dim"


def _lived(row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs, now: float) -> str:
    """How long a release was live, with a bar beside the one that was live longest: `22 h   ━━`."""
    life = fleet.lives.get(row.tag)
    if life is None:
        return f"{glyphs.never} failed" if row.failed else glyphs.never
    seconds = life.seconds(now)
    part = round(LIVED_BAR * seconds / layout.longest) if layout.longest else 0
    bar = glyphs.rail * part or glyphs.least
    return f"{span(seconds):<{LIVED_CELLS - LIVED_BAR - 1}} {bar}"


def what(row: FleetRelease, word: str, state_shown: bool) -> str:
    """The subject of a release, with its fate in front where that is not said elsewhere."""
    subject = subject_of(row)
    if row.pinned:
        why = one_line(row.pin.why) if row.pin else ""
        subject = f"pinned ({why}): {subject}" if why else f"pinned: {subject}"
    if row.block:
        why = one_line(row.block.why)
        subject = f"blocked ({why}): {subject}" if why else f"blocked: {subject}"
    if row.failed:
        return f"{one_line(row.failed)} ({subject})" if subject else one_line(row.failed)
    if word in ("kept", "") or state_shown:
        return subject
    return f"{word}: {subject}"


def row_state(row: FleetRelease, fleet: FleetView, glyphs: Glyphs) -> tuple[str, str, str]:
    """Glyph, role and word for the release as a whole, from what is known now."""
    total = len(fleet.servers)
    live, present = len(fleet.live_on(row)), len(fleet.present_on(row))
    failed = [name for name in row.present_on if failed_on(row, name)]
    if row.failed:
        word = "live bad" if live else "failed"
        return (
            glyphs.failed,
            "bad",
            word if live or len(failed) in (0, len(row.present_on)) else f"failed {len(failed)}/{total}",
        )
    if live:
        sign, role = (glyphs.live, "ok") if row.tag == fleet.live else (glyphs.other, "warn")
        return sign, role, "live" if live == total else f"live {live}/{total}"
    if row.live_on:
        return glyphs.unknown, "bad", "was live"
    if not row.present_on:
        return glyphs.pruned, "dim", "pruned"
    if row.bad:
        return glyphs.kept, "warn", "bad"
    if row.never_live:
        return glyphs.kept, "", "staged"
    if any(release.record and release.record.left for release in row.on.values()):
        return glyphs.kept, "", "left"
    return glyphs.kept, "", "kept" if present == len(fleet.answering) else f"on {present}/{total}"


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


def cell_state(row: FleetRelease, server: ServerView, glyphs: Glyphs) -> tuple[str, str, str]:
    """The sign, the role and the standing (core.records.standing) of one release on one server, as is known now."""
    return _cell_state(row, server, signs(glyphs))


def _cell_state(row: FleetRelease, server: ServerView, drawn: Mapping[str, str]) -> tuple[str, str, str]:
    here = standing(row, server.state if server.answers else None)
    role = "bad" if here == LIVE and failed_on(row, server.name) else _ROLES[here]
    return drawn[here], role, here


def server_cells(row: FleetRelease, fleet: FleetView, layout: Layout, glyphs: Glyphs) -> list[Span]:
    """The cells of a row: one a server, or counts where there is no room for that."""
    drawn = signs(glyphs)
    cells = [_cell_state(row, server, drawn) for name in layout.servers if (server := fleet.server(name))]
    if layout.mode == NAMED:
        return [
            Span(sign.center(wide - 1) + " ", role)
            for (sign, role, _), wide in zip(cells, layout.server_cells, strict=True)
        ]
    if layout.mode == DENSE:
        return [*_runs(cells), Span(" " * (layout.server_cells[0] - len(cells)))]
    found = Counter(here for _, _, here in cells)
    if len(layout.server_cells) > 1:
        return _counts_apart(found, layout, glyphs)
    return _counts_together(found, glyphs)


_COUNTED_AS: Mapping[str, tuple[str, ...]] = {
    LIVE: (LIVE,),
    KEPT: (KEPT,),
    FAILED: (FAILED,),
    ABSENT: (ABSENT, PRUNED),
    UNKNOWN: (UNKNOWN,),
}
"""By column of counts: what is counted in it."""

_COUNT_WORDS = {LIVE: "live", KEPT: "kept", FAILED: "bad", ABSENT: "none", UNKNOWN: "dark"}


def _count_titles(glyphs: Glyphs) -> list[str]:
    drawn = signs(glyphs)
    return [drawn[column] + word for column, word in _COUNT_WORDS.items()]


def _counts_apart(found: Mapping[str, int], layout: Layout, glyphs: Glyphs) -> list[Span]:
    """How many there are of each kind, in columns."""
    out = []
    for column, cells in zip(_COUNTED_AS, layout.server_cells, strict=True):
        number = sum(found.get(kind, 0) for kind in _COUNTED_AS[column])
        text = right(str(number) if number else glyphs.dot, cells - 1)
        out.append(Span(text + " ", _ROLES[column] if number else "dim"))
    return out


def _counts_together(found: Mapping[str, int], glyphs: Glyphs) -> list[Span]:
    """How many there are of each kind, as many kinds as fit; the live ones are always among them, and come first."""
    spans: list[Span] = []
    room = COUNTED_CELLS
    for kind in (LIVE, UNKNOWN, FAILED, KEPT, ABSENT, PRUNED):
        text = f"{signs(glyphs)[kind]}{found.get(kind, 0)} "
        if found.get(kind) and len(text) <= room:
            spans.append(Span(text, _ROLES[kind]))
            room -= len(text)
    return [*spans, Span(" " * room)]


def _runs(cells: Sequence[tuple[str, str, str]]) -> list[Span]:
    spans: list[Span] = []
    for sign, role, _ in cells:
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
    """The rows that a filter asks for: each word is in tag, subject, people, revision or state, or in its field.

    `state:` live, failed, pruned, pinned, left; `release:` a tag or revision; `by:` who deployed or wrote it; `server:`
    on which it is live; `-` excludes.
    """
    terms = parse_terms(text, ("state", "release", "by", "server"))
    return tuple(
        row for row in rows if all((term.text in _haystack(row, term.field)) != term.without for term in terms)
    )


def _haystack(row: FleetRelease, field: str = "") -> str:
    record = row.record
    state = ["live" if row.live_on else "", "failed" if row.failed else "", "" if row.present_on else "pruned"]
    state += ["pinned" if row.pinned else "", "left" if record and record.left else "", "blocked" if row.block else ""]
    release = [row.tag, record.revision if record else ""]
    people = [record.author, record.by] if record else []
    fields = {"state": state, "release": release, "by": people, "server": list(row.live_on)}
    every = [*release, *state, *people, *([record.subject, record.ref] if record else [])]
    return " ".join(fields.get(field, every)).casefold()


NEWEST, BY_LIFE, BY_SIZE, BY_PERSON = "newest first", "longest lived", "largest", "person"
ORDERS = (NEWEST, BY_LIFE, BY_SIZE, BY_PERSON)
"""How the releases may be sorted."""


def in_order(rows: Sequence[FleetRelease], fleet: FleetView, order: str, now: float) -> tuple[FleetRelease, ...]:
    """The rows, which are newest first, in another order; what is alike stays newest first."""
    if order == BY_LIFE:
        return tuple(
            sorted(rows, key=lambda row: -(fleet.lives[row.tag].seconds(now) if row.tag in fleet.lives else -1))
        )
    if order == BY_SIZE:
        return tuple(sorted(rows, key=lambda row: -(row.record.bytes if row.record else -1)))
    if order == BY_PERSON:
        return tuple(sorted(rows, key=lambda row: row.record.by if row.record else "~"))
    return tuple(rows)


def placeholder(fleet: FleetView, filter_text: str, glyphs: Glyphs, keys: Mapping[str, str]) -> list[Line]:
    """What the releases pane shows instead of rows: each case names its next step.

    keys  of `deploy`, `refresh-all`, `filter` as the user has them
    """
    if filter_text and fleet.rows:
        return [
            line((f"{count(len(fleet.rows), 'release')}, none matches ", ""), (f"“{one_line(filter_text)}”", "accent")),
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
