"""What is live, in two lines: the first thing that is seen of an environment (pure)."""

from __future__ import annotations

from core.records import FleetRelease, Record
from core.text import count, size
from tui.view import conditions
from tui.view.fleet import FleetView
from tui.view.formats import age, listing, subject_of
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, cell_len, crop, fit, line, one_line, short, width

LEAST_SUBJECT = 12
"""Cells that a subject has at least, before fewer words say where the release is live."""


def card_lines(fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> list[Line]:
    """The live release, its subject, where and since when; then who brought it, from what, and how large it is."""
    row = fleet.row(fleet.live)
    if row is None:
        return [_nothing_live(fleet, glyphs), ()]
    sign, role, word = _word(row, fleet, glyphs)
    since = _since(row, fleet, now)
    record = row.record
    subject = subject_of(row)
    start = line((f"{sign} ", role), (word, role), "  ", (fleet.short(row.tag), "strong"), "  ")
    for where in _where(row, fleet):
        end = line((where, role), (f" {glyphs.dot} {since}" if since else "", ""), " ")
        if width(start) + width(end) + LEAST_SUBJECT <= cells:
            break
    room = max(cells - width(start) - width(end) - 1, 0)
    first = line(*start, (fit(short(subject, room, glyphs.more), room), "strong"), " ", *end)
    return [crop(first, cells, glyphs.more), crop(_origin(row, record, fleet, cells, glyphs, now), cells, glyphs.more)]


def _nothing_live(fleet: FleetView, glyphs: Glyphs) -> Line:
    if fleet.answering:
        down = [name for name, found in fleet.conditions.items() if found == conditions.DOWN]
        if down:
            return line((f"{glyphs.alert} SITE DOWN", "bad"), ": `current` points to nothing")
        return line((f"{glyphs.kept} nothing is live yet", "strong"))
    if any(server.error is None for server in fleet.servers):
        return line((f"{glyphs.busy} connecting to {count(len(fleet.servers), 'server')}", "busy"))
    return line((f"{glyphs.alert} unknown what is live", "bad"), ": no server answers")


def _word(row: FleetRelease, fleet: FleetView, glyphs: Glyphs) -> tuple[str, str, str]:
    """Sign, role and the one word of the card."""
    live = fleet.live_on(row)
    if not live:
        return glyphs.unknown, "bad", "NOT KNOWN"
    if row.failed:
        return glyphs.failed, "bad", "LIVE, FAILED"
    return glyphs.live, "ok" if len(live) == len(fleet.servers) else "warn", "LIVE"


def _where(row: FleetRelease, fleet: FleetView) -> tuple[str, ...]:
    """On how many of the servers it is live, the most words first, the fewest last."""
    live, total = len(fleet.live_on(row)), len(fleet.servers)
    if not live:
        was = len(row.live_on)
        return f"was live on {was} of {total}", f"was {was}/{total}"
    if live < total:
        most = f"on {live} of {total} servers"
        out = [f"{most}, {listing(fleet.left_out, 3)} left out"] if fleet.left_out else []
        return (*out, most, f"{live}/{total}")
    return ("on the only server", "1/1") if total == 1 else (f"on all {total} servers", f"all {total}")


def _since(row: FleetRelease, fleet: FleetView, now: float) -> str:
    """For how long it has been live; of one of which that is not known now, when it was last seen so."""
    if not fleet.live_on(row):
        seen = fleet.seen_live_at(row.tag)
        return f"last seen {age(max(now - seen, 2))} ago" if seen else ""
    lived = fleet.live_for(now)
    return lived.now if lived else ""


def _origin(row: FleetRelease, record: Record | None, fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> Line:
    """`ana from laptop · main, 4 commits since · after 9ab01cd, which lived 22 h · 58 MB in 4,812 files`."""
    life = fleet.lives.get(row.tag)
    who, _, machine = one_line((life.by if life else "") or (record.by if record else "")).partition("@")
    parts: list[tuple[str, ...]] = [(f"{who} from {machine}" if machine else who,)]
    ref = one_line(record.ref) if record is not None and record.ref != record.revision else ""
    parts.append((_since_then(ref, fleet), ref))
    if life is not None and life.after and life.after in fleet.places:
        before = fleet.lived(life.after, now)
        lived = f", which lived {before.sentence}" if before and before.sentence else ""
        earlier = fleet.row(life.after)
        if earlier is not None and (still := fleet.live_on(earlier)):
            lived = f", still live on {count(len(still), 'server')}"
        after = f"after {fleet.short(life.after)}"
        parts.append((f"{after}{lived}", after))
    if record is not None and record.bytes:
        parts.append((f"{size(record.bytes)} in {count(record.files, 'file')}", size(record.bytes)))
    text = ""
    for ways in parts:
        longer = [f"{text} {glyphs.dot} {part}" if text else part for part in ways if part]
        # A part is told whole, in fewer words, or not at all.
        text = next((way for way in longer if not text or cell_len(way) <= cells - 2), text)
    return line("  ", (text, "dim"))


def _since_then(ref: str, fleet: FleetView) -> str:
    """`main, 4 commits since`; where another branch is deployed now, `v2, 4 commits on main since`."""
    if fleet.commits_since is None:
        return ref
    name, commits = fleet.commits_since.ref, fleet.commits_since.commits
    which = "" if name == ref else f" on {one_line(name)}"
    said = f"{count(commits, 'commit')}{which} since" if commits else f"nothing new{which}"
    return f"{ref}, {said}" if ref else said
