"""A release compared with its manifest: one sentence for the status line, every path for Details (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.drift import Drift, Verification, verdict
from core.errors import TurnoutError
from core.text import show_path
from tui.view.fleet import FleetView
from tui.view.formats import ago, clock, short_tag
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, fit, line, one_line, short, width, wrap

PATHS_SHOWN = 500
"""Paths of one server that Details lists."""

SIGNS = {"changed": ("~", "warn"), "added": ("+", "ok"), "removed": ("-", "bad")}


def kinds(drift: Drift) -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    """The paths by what became of them."""
    return ("changed", drift.changed), ("added", drift.added), ("removed", drift.removed)


def without(verification: Verification, fleet: FleetView) -> list[str]:
    """The servers that were asked and do not have the release's files."""
    return [name for name in fleet.names if name not in verification.drifts and name not in verification.errors]


def summary(verification: Verification, fleet: FleetView) -> tuple[str, str]:
    """The state of the release on the whole fleet, and its role."""
    absent = without(verification, fleet)
    drifted = not all(drift.none for drift in verification.drifts.values())
    bad = drifted or bool(verification.errors or verification.astray)
    return f"{fleet.short(verification.tag)}: {verdict(verification, len(absent))}", "warn" if bad else "ok"


def drift_lines(
    verification: Verification, fleet: FleetView, cells: int, glyphs: Glyphs, at: float, now: float
) -> list[Line]:
    """All of a comparison, for Details: server by server as deployed, or every path that is not."""
    _, role = summary(verification, fleet)
    out = [line(("Compared with its manifest ", "head"), (ago(now - at), "dim"))]
    out += server_lines(verification, without(verification, fleet), cells, glyphs, PATHS_SHOWN)
    for name, error in verification.errors.items():
        out += _error(name, error, cells, glyphs)
    if role == "warn" and verification.drifts:
        hint = "Turnout does not repair this release. Deploy again or roll back to replace it."
        out += [line((part, "dim")) for part in wrap(hint, cells)]
    return out


def server_lines(
    verification: Verification, absent: Sequence[str], cells: int, glyphs: Glyphs, most: int
) -> list[Line]:
    """The servers that were compared, with at most `most` paths each; those that lack it; those gone astray.

    absent   servers that do not have the release's files
    """
    room = max((width(line(one_line(name))) for name in (*verification.drifts, *absent)), default=0)
    out: list[Line] = []
    for name, drift in verification.drifts.items():
        sign, role = (glyphs.done, "ok") if drift.none else (glyphs.alert, "warn")
        out.append(line((f"{sign} ", role), (fit(one_line(name), room) + "  ", "strong"), (drift.describe(), role)))
        out += _paths(drift, cells, glyphs, most)
    for name in absent:
        named = (fit(one_line(name), room) + "  ", "strong")
        out.append(line((f"{glyphs.absent} ", "dim"), named, ("does not have its files", "dim")))
    for name, text in verification.astray.items():
        spans = line((f"{glyphs.alert} {one_line(name)}  ", "warn"), (one_line(text), "warn"))
        out.append(crop(spans, cells, glyphs.more))
    return out


def _paths(drift: Drift, cells: int, glyphs: Glyphs, most: int) -> list[Line]:
    paths = [(word, path) for word, of_kind in kinds(drift) for path in of_kind]
    out = [
        crop(line((f"    {SIGNS[word][0]} {word:<8} ", SIGNS[word][1]), show_path(path)), cells, glyphs.more)
        for word, path in paths[:most]
    ]
    if len(paths) > most:
        out.append(line((f"    and {len(paths) - most:,} more; `turnout verify --json` lists all", "dim")))
    return out


def _error(name: str, error: TurnoutError, cells: int, glyphs: Glyphs) -> list[Line]:
    first, *rest = wrap(one_line(error.title).removeprefix(f"{name} "), cells - len(name) - 4)
    return [
        line((f"{glyphs.cross} ", "bad"), (f"{name}  ", "strong"), (first, "bad")),
        *(line(" " * (len(name) + 4), (part, "bad")) for part in rest),
    ]


def running_line(tag: str, cells: int, seconds: float, glyphs: Glyphs, stop: str = "") -> Line:
    """`◐ Comparing 3f2c1ab with its manifest · 4 s   X stops it`."""
    frame = glyphs.frames[int(seconds * 4) % len(glyphs.frames)]
    said = line((f" {frame} ", "busy"), "Comparing ", (short_tag(tag), "strong"), " with its manifest on every server")
    end = line((f"  {stop}", "key"), (" stops it", "dim")) if stop else ()
    return crop((*said, *line((f" {glyphs.dot} {clock(seconds)}", "dim")), *end), cells, glyphs.more)


def said_line(verification: Verification, fleet: FleetView, cells: int, glyphs: Glyphs, close: str) -> Line:
    """`✓ 3f2c1ab: all 3 servers as deployed   Esc hides this`."""
    said, role = summary(verification, fleet)
    return _status(glyphs.done if role == "ok" else glyphs.alert, role, said, cells, glyphs, close)


def error_line(tag: str, error: TurnoutError | None, cells: int, glyphs: Glyphs, close: str = "") -> Line:
    """Why a release could not be compared."""
    title = one_line(error.title) if error else "no answer"
    return _status(glyphs.cross, "bad", f"{short_tag(tag)} was not compared: {title}", cells, glyphs, close)


def _status(sign: str, role: str, said: str, cells: int, glyphs: Glyphs, close: str) -> Line:
    end = line((f"   {close}", "key"), (" hides this", "dim")) if close else ()
    said = short(said, max(cells - width(end) - 4, 8), glyphs.more)
    return crop((*line((f" {sign} ", role), said), *end), cells, glyphs.more)
