"""What the checks of an environment say of its servers, and how that sums up (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.text import count
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, one_line, width

if TYPE_CHECKING:
    from core.checked import Checked


def check_lines(checked: Checked, glyphs: Glyphs) -> list[Line]:
    """A line for each check on each server; below one that failed, why."""
    names = [*checked.tried, *checked.idle]
    room = max((width(line(one_line(name))) for name in names), default=0)
    out: list[Line] = []
    for name, tried in checked.tried.items():
        for each in tried:
            sign, role = (glyphs.cross, "bad") if each.why else (glyphs.done, "ok")
            named = (fit(one_line(name), room) + "  ", "strong")
            seconds = (f"  {each.seconds:.2f} s", "dim")
            out.append(line((f"{sign} ", role), named, one_line(each.check), seconds))
            out += [line((" " * (room + 4) + text, role)) for text in each.why.splitlines()]
    for name in checked.idle:
        named = (fit(one_line(name), room) + "  ", "strong")
        out.append(line((f"{glyphs.absent} ", "dim"), named, ("nothing is live", "dim")))
    return out


def check_summary(checked: Checked, servers: Sequence[str]) -> str:
    """One sentence on all servers."""
    bad, away = checked.failed, len(checked.errors)
    passed = len(checked.tried) + len(checked.idle) - bad
    said = [f"checks failed on {count(bad, 'server')}"] if bad else []
    said += [f"{count(away, 'server')} could not be checked"] if away else []
    everywhere = "all " if passed == len(servers) > 1 else ""
    said += [f"all checks passed on {everywhere}{count(passed, 'server')}"] if passed else []
    return ", ".join(said)
