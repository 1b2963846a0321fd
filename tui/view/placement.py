"""How many lines each pane of the dashboard gets, for a size of the terminal and what there is to show (pure)."""

from __future__ import annotations

from msgspec import Struct

SHORT = 20
"""Rows of the terminal below which only one pane of a column is open at a time."""

TALL = 30
"""Rows of the terminal from which what is live has a frame."""

NARROW = 72
"""Cells of the terminal below which there is no map of the fleet."""

WIDTHS = [(0, "-narrow"), (NARROW, "-wide")]
HEIGHTS = [(0, "-short"), (SHORT, "-high"), (TALL, "-tall")]
"""By cells and by rows from which it holds: a class of every screen, for style.tcss."""

LINES_AROUND = 2
"""Lines of the header and of the bar of keys."""

LEAST_RELEASES = 6
"""Lines that the releases have in any case, with their title; with few of them the rest is the tabs'."""

MAP_SERVERS = 17
"""Servers from which a map is worth its room."""

MAP_LINES = 7
"""Lines that a map wants at least, with its title."""

REST = "1fr"
"""The height of a pane that gets what the others leave."""

Height = int | str


class Wanted(Struct, frozen=True):
    """What the panes have to show, and which of them is open.

    servers, releases   lines that their rows and heads take      count   of servers
    zoomed   one pane has the whole screen      focused   the pane that has the focus
    folded   names of panes of which only the title is seen
    """

    servers: int
    releases: int
    count: int
    zoomed: bool = False
    focused: str = ""
    folded: frozenset[str] = frozenset()


class Placement(Struct, frozen=True):
    """Heights of the servers (and the map beside them) and of the releases; the tabs get the rest."""

    servers: Height
    releases: Height
    map: bool


def size_classes(wide: int, high: int) -> list[str]:
    """The classes of a screen of this size, one of WIDTHS and one of HEIGHTS."""
    return [[name for least, name in steps if size >= least][-1] for size, steps in ((wide, WIDTHS), (high, HEIGHTS))]


def place(wide: int, high: int, wanted: Wanted) -> Placement:
    """The servers and few releases get the lines that they want, as far as the tabs keep theirs."""
    folded = "servers" in wanted.folded
    with_map = wanted.count >= MAP_SERVERS and wide >= NARROW and not folded
    servers: Height = 1
    if not folded and (high < SHORT or wanted.zoomed):
        servers = REST
    elif not folded:
        framed = 2 if high >= TALL else 1
        most = high // (2 if wanted.focused == "servers" else 3) + 1
        servers = max(min(max(wanted.servers, MAP_LINES if with_map else 3) + framed, most), 5)
    rest = high - (servers if isinstance(servers, int) else 0) - LINES_AROUND
    lines = max(wanted.releases + 1, LEAST_RELEASES)
    few = not wanted.zoomed and high >= SHORT and lines < rest // 2
    releases: Height = 1 if "releases" in wanted.folded else lines if few else REST
    return Placement(servers, releases, with_map)
