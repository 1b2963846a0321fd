"""Everything that is known of one release or one server, for the Details tab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from core.errors import ConnectError, FleetError, HostKeyChanged, HostKeyUnknown
from core.records import UNKNOWN, FleetRelease, Pin, ServerState, Told, standing
from core.text import count, size
from tui.view.conditions import DOWN
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import ago, listing, short_tags
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, line, one_line, wrap
from tui.view.locks import fields as lock_fields
from tui.view.locks import looked_ago
from tui.view.release_state import WORDS, cell_state, row_state
from tui.view.topics import more

LABEL = 11


def _field(label: str, text: str, cells: int, role: str = "") -> list[Line]:
    if not text:
        return []
    parts = wrap(text, cells - LABEL)
    return [
        line((f"{label:<{LABEL}}", "dim"), (parts[0], role)),
        *(line(" " * LABEL, (part, role)) for part in parts[1:]),
    ]


def _moment(seconds: float, now: float) -> str:
    """`2026-11-21 19:30:00 +00:00, 2 h ago`: by the operator's own clock."""
    if not seconds:
        return ""
    local = datetime.fromtimestamp(seconds).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S %z}, {ago(now - seconds)}"


def release_lines(row: FleetRelease, fleet: FleetView, cells: int, glyphs: Glyphs, now: float) -> list[Line]:
    """One release: its record, its fate, and where it is."""
    record = row.record
    glyph, role, word = row_state(row, fleet, glyphs)
    out: list[Line] = [line((f"{glyph} ", role), (row.tag, "strong"), ("  " + word, role))]
    if record is None and row.unread:
        out.append(line(("Its record cannot be read, so its revision and author are unknown.", "dim")))
    elif record is None:
        told = row.told or Told()
        out += _field("Made by", one_line(told.tool) or "another tool: Turnout has no record of it", cells)
        out += _field("Revision", one_line(told.revision) or "unknown", cells)
        out += _field("What", one_line(told.subject), cells, "strong")
        out += _field("Asked as", one_line(told.ref), cells)
        out += _field("Written by", one_line(told.author), cells)
        out += _field("Sent by", one_line(told.who), cells)
        out += _field("Its fate", one_line(row.bad), cells, "warn")
    else:
        out += _field("What", one_line(record.subject), cells, "strong")
        out += _field("Revision", one_line(record.revision), cells)
        out += _field("Asked as", one_line(record.ref) if record.ref != record.revision else "", cells)
        out += _field("Written by", one_line(record.author), cells)
        out += _field("Sent by", one_line(record.by), cells)
        out += _field("Size", f"{size(record.bytes)} in {count(record.files, 'file')}" if record.files else "", cells)
        out += _field("Manifest", one_line(record.digest)[:32], cells)
    out += _field("Made", _moment(row.created, now), cells)
    if row.failed:
        out += _field("Failed", short_tags(one_line(row.failed)), cells, "bad")
    if record is not None and record.left:
        out += _field("Left", "a rollback switched away from it", cells, "warn")
    if record is not None and record.reason:
        out += _field("Why", one_line(record.reason), cells)
    if row.pinned:
        out += _field("Pinned", f"never pruned{_pin(row.pin)}", cells)
    if row.block:
        out += _field("Blocked", f"undo skips it; {one_line(row.block.describe())}", cells, "warn")
    out += _whereabouts(row, fleet, cells, glyphs)
    return out


def _pin(pin: Pin | None) -> str:
    """Who pinned it and why, as far as that is known."""
    said = [f"by {one_line(pin.by)}" if pin.by else "", one_line(pin.why)] if pin else []
    said = [part for part in said if part]
    return f" ({': '.join(said)})" if said else ""


def _whereabouts(row: FleetRelease, fleet: FleetView, cells: int, glyphs: Glyphs) -> list[Line]:
    """On which servers it is live, kept, pruned or was never."""
    groups: dict[tuple[str, str], list[str]] = {}
    for server in fleet.servers:
        glyph, role, here = cell_state(row, server, glyphs)
        word = f"{glyph} {WORDS[here]}"
        if here == UNKNOWN and server.state is not None:
            word += f", was {WORDS[standing(row, server.state)]}"
        groups.setdefault((word, role), []).append(server.name)
    out: list[Line] = []
    for (word, role), names in groups.items():
        head = f"{word:<{LABEL - 2}}  "
        first, *rest = wrap(listing(names, 12), cells - len(head))
        out += [line((head, role), first), *(line(" " * len(head), part) for part in rest)]
    if not row.present_on and row.record is not None:
        out += _field(
            "Roll back", "its files were pruned; a rollback makes them again from the revision and sends them", cells
        )
    return out


def server_lines(
    server: ServerView,
    fleet: FleetView,
    cells: int,
    glyphs: Glyphs,
    now: float,
    host: str,
    root: str,
    keys: Mapping[str, str],
    roles: Sequence[str] = (),
    topic: str = "",
) -> list[Line]:
    """One server: what is wrong and what to do, then what was found there.

    keys    by id, as people write them
    topic   the section of the runbook that has more about its error
    """
    out: list[Line] = [crop(line((server.name, "strong"), ("  " + host, "dim")), cells, glyphs.more)]
    if server.error is not None:
        out += server_error_lines(server, cells, glyphs, keys["accept"])
        if topic:
            out.append(crop(line((f"{glyphs.arrow} ", "accent"), ("More ", "strong"), more(topic)), cells, glyphs.more))
    state = server.state
    if state is None:
        if server.error is None:
            words = "connecting" if server.checking else "not checked yet"
            out.append(line((words, "busy")))
        return [*out, *_field("Root", root, cells), *_field("Roles", ", ".join(roles), cells)]
    if not server.answers:
        since = ago(now - server.seen_at)
        out.append(crop(line((f"Last known state, from {since}.", "dim")), cells, glyphs.more))
    out += _live_fields(server, state, fleet, cells)
    if state.lock is not None:
        for label, text, role in lock_fields(state.lock, keys, looked_ago(state, now)):
            out += _field(label, text, cells, role)
    out += _field("Root", state.root, cells) + _field("Roles", ", ".join(roles), cells)
    return [*out, *_release_fields(state, cells), *_machine_fields(state, cells)]


def _live_fields(server: ServerView, state: ServerState, fleet: FleetView, cells: int) -> list[Line]:
    """Which release is live, or was when the server last answered, and what is odd about `current`."""
    drift = fleet.drift_words(state.current) if state.current else ""
    live = f"{fleet.short(state.current)} {drift}".rstrip() if state.current else "nothing"
    if not server.answers:
        out = _field("Was live", live, cells, "dim")
    elif state.current_kind == "dangling":
        out = _field("Live", "SITE DOWN: `current` points to nothing", cells, "bad")
    elif fleet.condition(server) == DOWN:
        out = _field("Live", f"SITE DOWN: {fleet.down_words(server)[0]}", cells, "bad")
    else:
        out = _field("Live", live, cells, "warn" if drift else "ok" if state.current else "dim")
    if state.current_kind in ("link", "absent"):
        return out
    kinds = {
        "folder": "is a real folder, not a link: no operation can run; the plan of a deploy shows how to fix it",
        "file": "is a file, not a link",
        "dangling": f"points to {one_line(state.current_target)}, {state.why_dangling}",
        "elsewhere": f"points to {one_line(state.current_target)}, outside releases/",
    }
    return out + _field("current", kinds.get(state.current_kind, state.current_kind), cells, "warn")


def _release_fields(state: ServerState, cells: int) -> list[Line]:
    """How many releases there are, with and without files."""
    present = sum(1 for release in state.releases.values() if release.present)
    pruned = len(state.releases) - present + state.unlisted
    out = _field("Releases", f"{count(present, 'release')} with files, {pruned:,} pruned", cells)
    if state.unlisted:
        text = f"the {state.unlisted:,} oldest of those; `turnout rollback` finds each by its tag"
        out += _field("Not listed", text, cells)
    return out


def _machine_fields(state: ServerState, cells: int) -> list[Line]:
    """What is free, what the deploy-cache holds, the clock, how far away it is, what it can do, and what is faulty."""
    inodes = f", {state.free_inodes:,} inodes" if state.free_inodes >= 0 else ""
    out = _field("Free", f"{size(state.free_bytes)}{inodes}" if state.free_bytes >= 0 else "", cells)
    unknown = "empty" if state.cache_empty else "unknown: the next deploy compares it first"
    out += _field("Cache", f"holds {state.cache[:12]}" if state.cache else unknown, cells)
    if abs(state.clock_skew) >= 2:
        side = "ahead of" if state.clock_skew > 0 else "behind"
        out += _field("Clock", f"{abs(state.clock_skew):.0f} s {side} ours", cells, "warn")
    out += _field("Round trip", f"{state.rtt * 1000:.1f} ms" if state.rtt else "", cells)
    out += _field("Can do", ", ".join(sorted(state.features)), cells)
    for fault in state.faults[:6]:
        out += _field("Fault", one_line(fault), cells, "warn")
    if len(state.faults) > 6:
        out += _field("Fault", f"and {len(state.faults) - 6} more", cells, "warn")
    return out


def server_error_lines(server: ServerView, cells: int, glyphs: Glyphs, accept: str) -> list[Line]:
    """Why a server could not be looked at, and what to do about it."""
    error = server.error
    if error is None:
        return []
    out: list[Line] = []
    for error_one in error.errors.values() if isinstance(error, FleetError) else [error]:
        first, *rest = wrap(short_tags(one_line(error_one.title)), cells - 2)
        out.append(line((f"{glyphs.alert} {first}", "bad")))
        out += [line(("  " + part, "bad")) for part in rest]
        for text in error_one.detail.splitlines()[:12]:
            out += [line("  ", part) for part in wrap(short_tags(text), cells - 2)]
    if isinstance(error, HostKeyUnknown):
        hint = f"press {accept} to see the fingerprint and accept it"
    elif isinstance(error, HostKeyChanged):
        hint = error.hint or "find out why before you remove the old key from known_hosts"
    else:
        hint = error.hint or ("press r to try again" if isinstance(error, ConnectError) else "")
    if hint:
        parts = wrap(hint, cells - 6)
        out.append(line((f"{glyphs.arrow} ", "accent"), ("Next ", "strong"), parts[0]))
        out += [line("  ", part) for part in parts[1:]]
    return out
