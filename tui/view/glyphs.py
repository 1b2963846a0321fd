"""The signs that the dashboard draws with: one set for every terminal font, one of plain ASCII."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct


class Glyphs(Struct, frozen=True):
    """One set of signs, each one cell wide but for `never`. There is a word beside each wherever there is room.

    live, kept, failed, pruned, absent, unknown   cells of the releases matrix
    other   a release that is live on some servers, beside the one that is live on most
    busy, alert, wait    a server that is busy, in trouble, not inspected yet
    done, skipped, now, todo, cross   phases
    dash, left, right    a row of phases, and the barrier in it     back   the way back
    sparks               amounts over time, the smallest first
    full, empty, parts   a bar; `parts` are the fractions of a cell, smallest first
    curve_steps   heights of a curve, lowest first
    """

    live: str
    other: str
    kept: str
    failed: str
    pruned: str
    absent: str
    unknown: str
    busy: str
    alert: str
    wait: str
    done: str
    skipped: str
    now: str
    todo: str
    cross: str
    full: str
    empty: str
    parts: str
    marked: str
    cursor: str
    more: str
    dot: str
    rule: str
    arrow: str
    frames: str
    rail: str
    minus: str
    branch: str
    curve: str
    curve_steps: str
    edge: str
    never: str
    open: str
    least: str
    dash: str
    left: str
    right: str
    sparks: str
    back: str


UNICODE = Glyphs(
    live="●",
    other="◆",
    kept="○",
    failed="✗",
    pruned="◌",
    absent="·",
    unknown="?",
    busy="◐",
    alert="!",
    wait="…",
    done="✓",
    skipped="-",
    now="▸",
    todo="·",
    cross="✗",
    full="█",
    empty="░",
    parts="▏▎▍▌▋▊▉",
    marked="▪",
    cursor="▌",
    more="…",
    dot="·",
    rule="│",
    arrow="→",
    frames="◐◓◑◒",
    rail="━",
    minus="−",
    branch="┳",
    curve="┗",
    curve_steps="▁▂▃▄▅▆▇█",
    edge="▎",
    never="—",
    open="▾",
    least="╸",
    dash="─",
    left="┤",
    right="├",
    sparks="▁▂▃▄▅▆▇█",
    back="↶",
)

ASCII = Glyphs(
    live="*",
    other="%",
    kept="o",
    failed="x",
    pruned="_",
    absent=".",
    unknown="?",
    busy="@",
    alert="!",
    wait="~",
    done="+",
    skipped="-",
    now=">",
    todo=".",
    cross="x",
    full="#",
    empty=".",
    parts="",
    marked="#",
    cursor=">",
    more="~",
    dot="-",
    rule="|",
    arrow=">",
    frames="|/-\\",
    rail="=",
    minus="-",
    branch="+",
    curve="+",
    curve_steps="_.-=+*#",
    edge="|",
    never="--",
    open="v",
    least="",
    dash="-",
    left="[",
    right="]",
    sparks="_.-=*#",
    back="<",
)


INSTEAD = str.maketrans(
    {
        "…": "~",
        "🔎": "> ",
        **dict.fromkeys("▁▂▃▅▆▇", " "),
        **dict.fromkeys("─━═▔▀▄", "-"),
        **dict.fromkeys("│┃║▌▐▏▎▍▋▊▉▕", "|"),
        **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯╔╗╚╝", "+"),
        **dict.fromkeys("“”„", '"'),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("–—−", "-"),
        "█": "#",
        "·": ".",
        "→": ">",
        "▸": ">",
    }
)
"""In ASCII, signs of Textual's own widgets and of texts that are written for every terminal; each as wide as before."""


def choose(environ: Mapping[str, str]) -> Glyphs:
    """The set for a terminal: ASCII on the Linux console, a dumb terminal, or where TURNOUT_ASCII is set."""
    if environ.get("TURNOUT_ASCII") or environ.get("TERM", "") in ("linux", "dumb", "vt100", "vt220"):
        return ASCII
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return ASCII if locale in ("C", "POSIX") and environ.get("PYTHONUTF8") != "1" else UNICODE


def bar(fraction: float, cells: int, glyphs: Glyphs) -> tuple[str, str]:
    """The done and the open part of a bar of so many cells."""
    fraction = min(max(fraction, 0.0), 1.0)
    steps = len(glyphs.parts) + 1
    eighths = int(fraction * cells * steps)
    whole, rest = divmod(eighths, steps)
    done = glyphs.full * whole + (glyphs.parts[rest - 1] if rest else "")
    return done, glyphs.empty * (cells - len(done))


def sparkline(values: Sequence[float], glyphs: Glyphs) -> str:
    """One sign a value, as high as its share of the largest; "" where there is nothing to compare."""
    highest = max(values, default=0)
    if highest <= 0 or len(values) < 2:
        return ""
    top = len(glyphs.sparks) - 1
    return "".join(glyphs.sparks[min(int(max(value, 0) / highest * top + 0.5), top)] for value in values)
