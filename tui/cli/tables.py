"""Releases and findings as lines for people and as objects for programs (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.records import FleetRelease, ServerState, fleet_releases, live_tag
from core.text import count, size
from tui.view.formats import age, without_record
from tui.view.glyphs import Glyphs
from tui.view.lines import fit, one_line, short, width
from tui.view.lines import line as spans

if TYPE_CHECKING:
    from core.doctor import Finding

LIVE, KEPT, FAILED, PRUNED, ABSENT, UNKNOWN = "live", "kept", "failed", "pruned", "absent", "unknown"
"""What a release is on one server."""

WHAT_CELLS = 40
"""The widest that the column "what" gets; it is the one that gives way on a narrow terminal."""

LEAST_WHAT_CELLS = 12


def standing(row: FleetRelease, server: str, states: Mapping[str, ServerState]) -> str:
    """What a release is on a server: one of LIVE, KEPT, FAILED, PRUNED, ABSENT, UNKNOWN."""
    if server not in states:
        return UNKNOWN
    release = row.on.get(server)
    if release is None:
        return ABSENT
    if release.live:
        return LIVE
    if not release.present:
        return PRUNED
    return FAILED if row.failed else KEPT


def release_rows(states: Mapping[str, ServerState], servers: Sequence[str]) -> list[dict[str, Any]]:
    """One object a release, newest first; `created` in seconds since the epoch, `servers`: `standing` by name."""
    live = live_tag(states.values())
    rows = []
    for row in fleet_releases(states.values()):
        record = row.record
        rows.append(
            {
                "event": "release",
                "tag": row.tag,
                "live": row.tag == live,
                "created": row.created,
                "seq": record.seq if record else 0,
                "revision": record.revision if record else "",
                "ref": record.ref if record else "",
                "subject": record.subject if record else "",
                "author": record.author if record else "",
                "by": record.by if record else "",
                "bytes": record.bytes if record else None,
                "files": record.files if record else None,
                "failed": row.failed,
                "left": bool(record and record.left),
                "pinned": row.pinned,
                "pinned_why": row.pin.why if row.pin else "",
                "servers": {server: standing(row, server, states) for server in servers},
            }
        )
    return rows


def release_lines(
    states: Mapping[str, ServerState], servers: Sequence[str], glyphs: Glyphs, now: float, columns: int = 0
) -> list[str]:
    """The matrix: one line a release, one column a server.

    columns  of the terminal; 0 where a line may be as long as it is. Where the servers' names do not fit, their
             signs stand side by side in the servers' order.
    """
    signs = _signs(glyphs)
    rows = [
        (
            row.tag,
            _what(row),
            one_line(row.record.by if row.record else ""),
            age(max(now - row.created, 0)) if row.created else "",
            size(row.record.bytes) if row.record else "",
            [signs[standing(row, server, states)] for server in servers],
        )
        for row in fleet_releases(states.values())
    ]
    if not rows:
        return []
    names = [one_line(server) for server in servers]
    headings = ("release", "what", "by", "age", "size")
    cells = [max(len(heading), *(width(spans(str(row[at]))) for row in rows)) for at, heading in enumerate(headings)]
    cells[1] = min(cells[1], WHAT_CELLS)
    named = sum(len(name) + 2 for name in names)
    compact = bool(columns) and sum(cells) + 2 * len(cells) + named - cells[1] + LEAST_WHAT_CELLS > columns
    tail = [len(name) for name in names] if not compact else []
    if columns:
        others = sum(cells) - cells[1] + 2 * len(cells) + (len(names) if compact else named)
        cells[1] = max(min(cells[1], columns - others), LEAST_WHAT_CELLS)
    more = glyphs.more
    lines = ["  ".join([*map(fit, headings, cells), "servers" if compact else "  ".join(names)]).rstrip()]
    for *texts, marks in rows:
        left = [fit(str(text), room, more) for text, room in zip(texts, cells, strict=True)]
        right = "".join(marks) if compact else "  ".join(map(fit, marks, tail))
        lines.append("  ".join([*left, right]).rstrip())
    return lines


def release_legend(glyphs: Glyphs, rows: Sequence[Mapping[str, Any]]) -> str:
    """What the signs in these rows mean."""
    words = {
        LIVE: "live",
        KEPT: "kept, a switch away",
        FAILED: "kept, but marked as failed",
        PRUNED: "pruned, a rollback sends it again",
        ABSENT: "never there",
        UNKNOWN: "not known: no answer",
    }
    used = {standing for row in rows for standing in row["servers"].values()}
    signs = _signs(glyphs)
    return "   ".join(f"{signs[standing]} {word}" for standing, word in words.items() if standing in used)


def finding_rows(findings: Mapping[str, Sequence[Finding]]) -> list[dict[str, Any]]:
    """One object a finding."""
    return [
        {"event": "finding", "server": server, "topic": f.topic, "level": f.level, "text": f.text, "hint": f.hint}
        for server, of_server in findings.items()
        for f in of_server
    ]


def finding_lines(findings: Mapping[str, Sequence[Finding]], glyphs: Glyphs) -> list[str]:
    """The findings, server by server: sign, word, topic, text, and below it what to do."""
    signs = {"ok": glyphs.done, "warning": glyphs.alert, "error": glyphs.cross}
    topics = [width(spans(one_line(f.topic))) for of_server in findings.values() for f in of_server]
    room = max(topics, default=0)
    lines: list[str] = []
    for server, of_server in findings.items():
        lines += [""] if lines else []
        lines.append(one_line(server))
        for f in of_server:
            lead = f"  {signs.get(f.level, ' ')} {f.level:<7}  {fit(one_line(f.topic), room)}  "
            lines.append(f"{lead}{one_line(f.text)}")
            if f.hint:
                lines.append(f"{' ' * width(spans(lead))}-> {one_line(f.hint)}")
    return lines


def finding_summary(findings: Mapping[str, Sequence[Finding]]) -> str:
    """`3 servers checked: 1 error, 2 warnings`."""
    levels = [f.level for of_server in findings.values() for f in of_server]
    found = [count(levels.count(level), level) for level in ("error", "warning") if level in levels]
    return f"{count(len(findings), 'server')} checked: {', '.join(found) or 'nothing stands in the way'}"


def _signs(glyphs: Glyphs) -> dict[str, str]:
    return {
        LIVE: glyphs.live,
        KEPT: glyphs.kept,
        FAILED: glyphs.failed,
        PRUNED: glyphs.pruned,
        ABSENT: glyphs.absent,
        UNKNOWN: glyphs.unknown,
    }


def _what(row: FleetRelease) -> str:
    """What a release is, with what a person should know about it first."""
    record = row.record
    marks = []
    if row.failed:
        marks.append(f"failed: {short(one_line(row.failed), 60)}")
    if row.pinned:
        marks.append(f"pinned: {short(one_line(row.pin.why), 60)}" if row.pin and row.pin.why else "pinned")
    if record and record.left and not row.live_on:
        marks.append("left by a rollback")
    subject = one_line(record.subject or record.revision) if record else without_record(row)
    return f"[{', '.join(marks)}] {subject}" if marks else subject
