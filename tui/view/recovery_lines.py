"""An interrupted operation: the banner over the panes, and what the recover dialog says (pure)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.recovery import Interruption
from core.text import count
from tui.view.fleet import FleetView
from tui.view.formats import ago, listing, range_name
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, Span, crop, fit, line, one_line, short, width, wrap
from tui.view.names import called, column, shortened

GROUPED_FROM = 9
"""Servers from which those with the same fate share a line."""


def interruption_lines(interruption: Interruption, cells: int, now: float, glyphs: Glyphs) -> list[Line]:
    """What was interrupted, in one sentence, and where; tags are whole."""
    places = _places(interruption, cells - 2, glyphs, one_line)
    return [line(one_line(interruption.describe(now))), *((Span("  "), *place) for place in places)]


def complete(fleet: FleetView) -> bool:
    """Whether every server was looked at, and none is being looked at just now."""
    return bool(fleet.servers) and all(
        server.state is not None and server.error is None and not server.checking for server in fleet.servers
    )


def banner_line(interruption: Interruption, cells: int, now: float, glyphs: Glyphs, key: str) -> Line:
    """`! interrupted deploy 4 min ago by ana@ci: web1, web2 switched; web3 not    R Recover`."""
    end = line((f"  {key}", "key"), " Recover ")
    said = _fitting(interruption, now, cells - width(end) - 3)
    said = short(said, max(cells - width(end) - 3, 8), glyphs.more)
    start = line((f" {glyphs.alert} ", "bad"), (said, "warn"))
    gap = max(cells - width(start) - width(end), 0)
    return crop((*start, Span(" " * gap), *end), cells, glyphs.more)


def _fitting(interruption: Interruption, now: float, room: int) -> str:
    """The engine's sentence, or numbers of servers where their names do not fit."""
    said = one_line(interruption.describe(now))
    kind = one_line(interruption.kind)
    counted = f"{count(len(interruption.switched), 'server')} switched"
    counted += f", {len(interruption.waiting)} not" if interruption.waiting else ""
    head = f"interrupted {kind} {ago(now - interruption.time)} by {one_line(interruption.who)}"
    texts = (said, f"{head}: {counted}", f"interrupted {kind}: {counted}")
    return next((text for text in texts if len(text) <= room), f"{kind}: {counted}")


def recover_lines(
    interruption: Interruption, cells: int, now: float, glyphs: Glyphs, keys: Mapping[str, str]
) -> list[Line]:
    """What happened where, and the two ways out; `keys` has those of finish and take-back."""
    befores = (before.tag for before in interruption.switched.values())
    tag = called(map(one_line, (interruption.tag, *interruption.tags.values(), *befores)))
    what = one_line(interruption.kind) + (f" of {_new(interruption, tag)}" if interruption.tag else "")
    who, begun = one_line(interruption.who), ago(now - interruption.time)
    phase = f" in {one_line(interruption.phase)}" if interruption.phase else ""
    said = f"A {what} by {who}, started {begun}, was interrupted{phase}. It was neither finished nor undone."
    out = [line(part) for part in wrap(said, cells)]
    out += [(), *_places(interruption, cells, glyphs, tag), ()]
    out += _ways(interruption, cells, keys, tag)
    return [*out, (), line(("Each shows its plan first. Nothing changes until you confirm it.", "dim"))]


def _places(interruption: Interruption, cells: int, glyphs: Glyphs, shown: Callable[[str], str]) -> list[Line]:
    """Server by server: switched or not; many of the same fate in one line. `shown` is how a tag is written."""
    fates: dict[tuple[str, str, str], list[str]] = {}
    for name, before in interruption.switched.items():
        new, was = shown(one_line(interruption.tag_on(name))), shown(one_line(before.tag)) or "nothing"
        more = "; drained" if name in interruption.drained else ""
        fates.setdefault((glyphs.live, "warn", f"switched: {new} is live; before it, {was}{more}"), []).append(name)
    for name in interruption.waiting:
        drained = name in interruption.drained
        to = f" to {shown(one_line(interruption.tag_on(name)))}" if interruption.tags else ""
        fate = (glyphs.kept, "warn" if drained else "", f"{'drained, ' if drained else ''}not switched{to}")
        fates.setdefault(fate, []).append(name)
    for name in interruption.left_out:
        fates.setdefault((glyphs.kept, "dim", "left out"), []).append(name)
    rows: list[tuple[tuple[str, str, str], str]] = []
    for fate, names in fates.items():
        grouped = len(interruption.switched) + len(interruption.waiting) >= GROUPED_FROM
        rows += [(fate, range_name(names))] if grouped else [(fate, name) for name in names]
    out, every = [], [name for _, name in rows]
    room = column(every, max(cells // 3, 8), glyphs.more)
    shown_names = shortened(every, room, glyphs.more)
    for (sign, role, text), name in rows:
        named = (fit(one_line(shown_names[name]), room) + "  ", "strong")
        out.append(crop(line((f"{sign} ", role), named, (text, role)), cells, glyphs.more))
    return out


def _new(interruption: Interruption, shown: Callable[[str], str]) -> str:
    """What was to become live: of several releases the one of most servers first."""
    tags = dict.fromkeys([interruption.tag, *interruption.tags.values()])
    return listing([shown(one_line(tag)) for tag in tags], 3)


def _ways(interruption: Interruption, cells: int, keys: Mapping[str, str], shown: Callable[[str], str]) -> list[Line]:
    waiting, switched = len(interruption.waiting), len(interruption.switched)
    to = {interruption.tag_on(name) for name in interruption.waiting}
    finish = f"run the checks of {_new(interruption, shown)}, which is live everywhere"
    if interruption.tags:
        finish = f"run the checks everywhere: {_new(interruption, shown)} are live, each on its servers"
    if waiting:
        remaining = "the remaining server" if waiting == 1 else f"the remaining {count(waiting, 'server')}"
        new = "its release" if waiting == 1 else "their releases"
        new = shown(one_line(to.pop())) if len(to) == 1 else new
        finish = f"switch {remaining} to {new}, then run the checks everywhere"
    undo = "mark the operation as closed"
    if switched:
        undo = f"switch {count(switched, 'server')} back to the release {'it' if switched == 1 else 'they'} had"
    ways = [(keys["finish"], "Finish", finish)] if interruption.tag else []
    out: list[Line] = []
    for key, word, text in [*ways, (keys["take-back"], "Undo", undo)]:
        first, *rest = wrap(text, cells - 11)
        out.append(line((f"{key} ", "key"), (f"{word:<9}", "strong"), first))
        out += [line(" " * 11, part) for part in rest]
    return out
