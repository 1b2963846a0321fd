"""What a release is on each server and as a whole: its sign, its role and the word for it (pure)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from core.records import ABSENT, FAILED, KEPT, LIVE, PRUNED, UNKNOWN, FleetRelease, failed_on, standing
from tui.view.fleet import FleetView, ServerView
from tui.view.formats import short_tags, subject_of
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, one_line

WORDS = {
    LIVE: "live",
    KEPT: "kept",
    FAILED: "failed",
    PRUNED: "pruned",
    ABSENT: "never there",
    UNKNOWN: "not known",
}
"""By what a release is on a server (core.records.standing): the word for it."""

ROLES = {LIVE: "ok", KEPT: "", FAILED: "bad", PRUNED: "dim", ABSENT: "dim", UNKNOWN: "dim"}


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
    return state_in(row, server, signs(glyphs))


def state_in(row: FleetRelease, server: ServerView, drawn: Mapping[str, str]) -> tuple[str, str, str]:
    here = standing(row, server.state if server.answers else None)
    role = "bad" if here == LIVE and failed_on(row, server.name) else ROLES[here]
    return drawn[here], role, here


def what(row: FleetRelease, word: str, state_shown: bool) -> str:
    """The subject of a release, with its fate in front where that is not said elsewhere; reasons come last, so that
    they are cut first.
    """
    subject = subject_of(row)
    marks = [mark for mark, there in (("blocked", row.block), ("pinned", row.pinned)) if there]
    whys = [one_line(said.why) for said in (row.block, row.pin) if said and said.why]
    if marks:
        subject = f"{', '.join(marks)}: {subject}"
    if whys:
        subject = f"{subject} ({'; '.join(whys)})"
    if row.failed:
        failed = short_tags(one_line(row.failed))
        return f"{failed} ({subject})" if subject else failed
    if word in ("kept", "") or state_shown:
        return subject
    return f"{word}: {subject}"


def legend(glyphs: Glyphs, standings: Collection[str] = WORDS.keys()) -> Line:
    """What the signs mean, as one line; only of these, if some are named (core.records.standing)."""
    drawn = signs(glyphs)
    parts: list[Span] = []
    for standing_word in (word for word in WORDS if word in standings):
        text = "pruned, can be sent again" if standing_word == PRUNED else WORDS[standing_word]
        parts += [Span("   ")] if parts else []
        parts += [Span(drawn[standing_word], ROLES[standing_word]), Span(f" {text}")]
    return tuple(parts)
