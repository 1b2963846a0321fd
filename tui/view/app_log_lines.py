"""What is said above the application's logs: the rate of errors around a switch, and what cannot be followed (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.logs.heard import NOT_READ
from core.text import duration
from tui.view.formats import listing, span
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, crop, line, width, wrap, wrap_line

if TYPE_CHECKING:
    from core.logs.heard import Standing
    from core.logs.rates import Rate

WORSE = 2.0
"""How many times as many errors as before a switch are worse, from NOTABLE a second on."""

NOTABLE = 0.05

MOST_ABOVE = 6
"""Lines at most of what cannot be followed: the log needs the room."""


def head_lines(
    names: Sequence[str], chosen: str, rate: Rate | None, standings: Mapping[tuple[str, str], Standing],
    cells: int, glyphs: Glyphs, key: str, silent: Mapping[str, float] | None = None,
) -> list[Line]:  # fmt: skip
    """The lines above: which log is shown and its rate of errors, then what cannot be followed.

    silent  by server that does not answer: for how many seconds; what it writes does not come

    names   of the logs     chosen   the one that is shown, "" for all     key   that chooses the next one
    """
    if not names:
        return [line((text, "dim")) for text in wrap(_NONE, cells)]
    choice = (
        [line((f"{key} ", "key"), (chosen or "all logs", "accent" if chosen else ""), "  ")] if len(names) > 1 else []
    )
    spans: Line = choice[0] if choice else ()
    if rate is not None:
        spans = (*spans, *rate_line(rate, cells - width(spans), glyphs))
    out = [crop(spans, cells, glyphs.more)] if spans else []
    rest = [*_silent_lines(silent or {}, standings, chosen, glyphs), *standing_lines(standings, chosen, glyphs)]
    wrapped = [part for spans in rest for part in wrap_line(spans, cells)]
    if len(wrapped) > MOST_ABOVE:
        wrapped[MOST_ABOVE - 1 :] = [line((f"{glyphs.more} and more", "dim"))]
    return out + wrapped


def _silent_lines(
    silent: Mapping[str, float], standings: Mapping[tuple[str, str], Standing], chosen: str, glyphs: Glyphs
) -> list[Line]:
    """Which servers' logs count as followed although nothing comes from there."""
    followed = {server for (server, name), standing in standings.items() if standing.state == "following"
                and (not chosen or name == chosen)}  # fmt: skip
    names = [name for name in silent if name in followed]
    if not names:
        return []
    since = span(max(silent[name] for name in names))
    return [
        line((f"{glyphs.alert} {listing(names)}: no answer for {since}; what is written there is missing here", "bad"))
    ]


_NONE = (
    "No log is described in turnout.toml for this environment. To follow one here: "
    '[[logs]] name = "app" and file = "storage/logs/*.log", or run = "journalctl -f -u shop"'
)


def rate_line(rate: Rate, cells: int, glyphs: Glyphs) -> Line:
    """`5xx 0.2/s before, 3.1/s since the switch 2 min ago`, with a curve where there is room."""
    since = _number(rate.since)
    if rate.ago is None:
        words = line(f"{rate.what} ", (f"{since}/s", "bad" if rate.since >= NOTABLE else "dim"))
    else:
        switch = f" since the switch {duration(rate.ago)} ago"
        worse = rate.since >= NOTABLE and rate.since > WORSE * (rate.before or 0.0)
        before = f"{_number(rate.before)}/s before, " if rate.before is not None else ""
        mark = f"{glyphs.alert} " if worse else ""
        words = line((mark, "bad"), f"{rate.what} {before}", (f"{since}/s", "bad" if worse else "ok"), switch)
    curve = (*line("  "), *_curve(rate, glyphs))
    return (*words, *curve) if width(words) + width(curve) <= cells else words


def _curve(rate: Rate, glyphs: Glyphs) -> Line:
    """One sign a slice, the highest rate as the highest sign; a rule is where the switch was."""
    most = max(rate.slices, default=0.0)
    steps = glyphs.curve_steps
    signs = (
        [steps[min(int(value / most * len(steps)), len(steps) - 1)] if value else " " for value in rate.slices]
        if most
        else [" "] * len(rate.slices)
    )
    if rate.mark < 0:
        return line(("".join(signs), "bad"))
    return line(
        ("".join(signs[: rate.mark]), "dim"), (glyphs.rule, "accent"), ("".join(signs[rate.mark :]), "bad"),
    )  # fmt: skip


def _number(value: float | None) -> str:
    """A rate in two or three signs: `0`, `0.02`, `3.1`, `120`."""
    if not value:
        return "0"
    return f"{value:.2f}" if value < 0.095 else f"{value:.1f}" if value < 99.5 else f"{value:,.0f}"


def standing_lines(standings: Mapping[tuple[str, str], Standing], chosen: str, glyphs: Glyphs) -> list[Line]:
    """What cannot be followed, each reason once with the servers that it is true of."""
    reasons: dict[tuple[str, str], list[str]] = {}
    connecting = []
    for (server, name), standing in standings.items():
        if chosen and name != chosen:
            continue
        if standing.state == "connecting":
            connecting.append(server)
        elif standing.state != "following":
            reasons.setdefault((standing.state, standing.text), []).append(server)
    out = []
    for (state, text), servers in reasons.items():
        role, sign = ("bad", glyphs.alert) if state in NOT_READ else ("dim", glyphs.wait)
        out.append(line((f"{sign} {listing(list(dict.fromkeys(servers)))}: ", role), (text, role)))
    if connecting:
        out.append(line((f"{glyphs.busy} connecting to {listing(list(dict.fromkeys(connecting)))}", "busy")))
    return out
