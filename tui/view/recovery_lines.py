"""An interrupted operation: the banner over the panes, and what the recover dialog says (pure)."""

from __future__ import annotations

from core.recovery import Interruption
from tui.view.fleet import FleetView
from tui.view.formats import ago, range_name, servers, short_tag
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, fit, line, one_line, short, width, wrap

GROUPED_FROM = 9
"""Servers from which those with the same fate share a line."""


def complete(fleet: FleetView) -> bool:
    """Whether every server was looked at, and none is being looked at just now."""
    return bool(fleet.servers) and all(
        server.state is not None and server.error is None and not server.checking for server in fleet.servers
    )


def banner_line(found: Interruption, cells: int, now: float, glyphs: Glyphs, key: str) -> Line:
    """`! interrupted deploy 4 min ago by ana@ci: web1, web2 switched; web3 not    R Recover`."""
    end = line((f"  {key}", "key"), " Recover ")
    said = _fitting(found, now, cells - width(end) - 3)
    said = short(said, max(cells - width(end) - 3, 8), glyphs.more)
    start = line((f" {glyphs.alert} ", "bad"), (said, "warn"))
    gap = max(cells - width(start) - width(end), 0)
    return crop((*start, Span(" " * gap), *end), cells, glyphs.more)


def _fitting(found: Interruption, now: float, room: int) -> str:
    """The engine's sentence, or numbers of servers where their names do not fit."""
    said = one_line(found.describe(now))
    if len(said) <= room:
        return said
    head = f"interrupted {one_line(found.kind)} {ago(now - found.time)} by {one_line(found.who)}"
    counted = f"{servers(len(found.switched))} switched"
    counted += f", {len(found.waiting)} not" if found.waiting else ""
    return next((text for text in (f"{head}: {counted}", f"interrupted {found.kind}: {counted}") if len(text) <= room),
                f"{found.kind}: {counted}")  # fmt: skip


def recover_lines(found: Interruption, cells: int, now: float, glyphs: Glyphs, keys: dict[str, str]) -> list[Line]:
    """What happened where, and the two ways out; `keys` has those of finish and take-back."""
    what = f"{one_line(found.kind)} of {short_tag(found.tag)}" if found.tag else one_line(found.kind)
    phase = f" in {one_line(found.phase)}" if found.phase else ""
    out = [line(part) for part in wrap(f"A {what} by {one_line(found.who)}, begun {ago(now - found.time)}, broke off"
                                       f"{phase} and nobody put it back.", cells)]  # fmt: skip
    out += [(), *_places(found, cells, glyphs), ()]
    out += _ways(found, cells, keys)
    return [*out, (), line(("Each shows its plan first. Nothing is changed before you say so there.", "dim"))]


def _places(found: Interruption, cells: int, glyphs: Glyphs) -> list[Line]:
    """Server by server: switched or not; many of the same fate in one line."""
    new = short_tag(found.tag)
    fates: dict[tuple[str, str, str], list[str]] = {}
    for name, before in found.switched.items():
        was = short_tag(one_line(before.tag)) or "nothing"
        fates.setdefault((glyphs.live, "warn", f"switched: {new} is live, before it {was}"), []).append(name)
    for name in found.waiting:
        fates.setdefault((glyphs.kept, "", "not switched"), []).append(name)
    rows: list[tuple[tuple[str, str, str], str]] = []
    for fate, names in fates.items():
        grouped = len(found.switched) + len(found.waiting) >= GROUPED_FROM
        rows += [(fate, range_name(names))] if grouped else [(fate, name) for name in names]
    room = min(max((len(name) for _, name in rows), default=0), max(cells // 3, 8))
    out = []
    for (sign, role, text), name in rows:
        named = (fit(one_line(name), room, glyphs.more) + "  ", "strong")
        out.append(crop(line((f"{sign} ", role), named, (text, role)), cells, glyphs.more))
    return out


def _ways(found: Interruption, cells: int, keys: dict[str, str]) -> list[Line]:
    new = short_tag(found.tag)
    finish = (
        f"all new: {servers(len(found.waiting))} more to {new}, then its checks on all"
        if found.waiting
        else f"{new} is live everywhere: run the checks and close"
    )
    undo = f"all old: {servers(len(found.switched))} back to where it was" if found.switched else "close the journals"
    if len(found.switched) > 1:
        undo = f"all old: {servers(len(found.switched))} back to where they were"
    ways = [(keys["finish"], "Finish", finish)] if found.tag else []
    out: list[Line] = []
    for key, word, text in [*ways, (keys["take-back"], "Undo", undo)]:
        first, *rest = wrap(text, cells - 11)
        out.append(line((f"{key} ", "key"), (f"{word:<9}", "strong"), first))
        out += [line(" " * 11, part) for part in rest]
    return out
