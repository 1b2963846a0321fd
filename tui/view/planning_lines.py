"""A plan that is being made: what is done, and which servers are waited for; or that it could not be made (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import ConnectError, FleetError, TurnoutError
from core.events import Note
from core.text import both, count
from tui.view.formats import clock
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, line, one_line
from tui.view.names import listed
from tui.view.operation_lines import state_words
from tui.view.progress import Progress
from tui.view.progress_lines import error_lines, fleet_line, labelled
from tui.view.server_list import FEW

SLOW = 2.0
"""Seconds after which servers that have not answered are named."""


def planning_lines(
    progress: Progress, waited_for: Sequence[str], servers: int, cells: int, now: float, glyphs: Glyphs
) -> list[Line]:
    """The work on a plan. waited_for: those of so many servers that have not answered yet."""
    seconds = progress.seconds(now)
    word = state_words(progress)[0] if progress.fleet.phase else _words(progress, waited_for, servers)
    frame = glyphs.frames[int(now * 8) % len(glyphs.frames)]
    said = (f" {glyphs.dot} {clock(seconds)}", "dim")
    out = [crop(line((f"{frame} ", "busy"), ("Making the plan: ", "strong"), word, said), cells, glyphs.more)]
    fleet = fleet_line(progress, cells, now, glyphs)
    out += [fleet] if fleet else []
    notes = [event.text for event in progress.said if isinstance(event, Note)]
    if said_last := progress.fleet.said or (notes[-1] if notes else ""):
        out.append(crop(line(("  " + one_line(said_last), "dim")), cells, glyphs.more))
    if waited_for and seconds >= SLOW:
        names = listed(waited_for, cells - 20) or count(len(waited_for), "server")
        out.append(line((f"  no answer yet from {names}", "warn")))
    return [*out, line(("Nothing changes until you confirm.", "dim"))]


def _words(progress: Progress, waited_for: Sequence[str], servers: int) -> str:
    """What is read just now: `1 of 3 servers answered, reading staging`."""
    there = servers - len(waited_for)
    words = [f"{there} of {count(servers, 'server')} answered"] if waited_for else []
    rest = [what for what in progress.reading if what != progress.environment]
    words += [f"reading {both(rest)}"] if rest else []
    return ", ".join(words) or "comparing"


def no_plan_lines(error: TurnoutError, chosen: Sequence[str], mark_key: str, cells: int, glyphs: Glyphs) -> list[Line]:
    """Why there is no plan, and what to do.

    chosen     the servers that it was to be on
    mark_key   marks servers, so that the operation is on these only; "" where this operation is on all
    """
    out = error_lines(error, cells, glyphs)
    out += [line(("  State   ", "dim"), "nothing was changed")]
    ways = [error.hint] if error.hint else []
    if mark_key and isinstance(error, FleetError):
        without = [name for name, fault in error.errors.items() if isinstance(fault, ConnectError)]
        if without and len(without) == len(error.errors) < len(chosen):
            others = "the other server" if len(chosen) == len(without) + 1 else "the other servers"
            names = listed(without, cells) or count(len(without), "server")
            fold = f": {mark_key} on the row that counts them marks all of them" if len(chosen) > FEW else ""
            ways.append(f"to go on without {names}, mark {others} with {mark_key}{fold}")
    for label, way in zip(("Next", ""), ways, strict=False):
        out += labelled(label, way, cells)
    return out
