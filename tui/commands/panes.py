"""Commands that move between panes and tabs, show details, mark and filter."""

from __future__ import annotations

from functools import partial

from tui.commands.base import PANES, Command, Desk
from tui.keymap import DETAILS, LOOK, MOVE
from tui.model.focus import Focus
from tui.model.workspace import Workspace


def _not_markable(workspace: Workspace, focus: Focus) -> str:
    row = focus.release
    if row is None:
        return "no release under the cursor"
    return "a live release is never pruned" if row.live_on else "" if row.present_on else "it has no files"


def _mark(desk: Desk) -> None:
    if desk.here.pane == "releases":
        desk.toggle_mark()


def _filter(desk: Desk) -> None:
    pane = desk.here.pane or "releases"
    desk.open_filter("log" if pane == "bottom" else pane)


def _pane(name: str, desk: Desk) -> None:
    """A pane by its number; that of the bottom pane, pressed there, turns to the next tab."""
    if name == desk.here.pane == "bottom":
        desk.turn_tabs(1)
    else:
        desk.go_to_pane(name)


def _beside(step: int, desk: Desk) -> None:
    place = PANES.index(desk.here.pane) if desk.here.pane else 0
    desk.go_to_pane(PANES[(place + step) % len(PANES)])


COMMANDS = (
    Command(
        id="mark", keys="space", help="mark the release under the cursor, to prune it", group=LOOK,
        label="Mark", rank=6, place=40, in_bar=lambda workspace, focus: focus.pane == "releases",
        why_not=_not_markable, run=_mark,
    ),
    Command(
        id=DETAILS.id, keys=DETAILS.keys, help=DETAILS.help, group=DETAILS.group,
        title="Show details of the row", label=DETAILS.label, rank=DETAILS.rank, place=50,
        in_bar=lambda workspace, focus: focus.pane != "bottom",
        run=lambda desk: desk.show_tab("details"),
    ),
    Command(
        id="filter", keys="slash", help="filter the pane that has the focus", group=LOOK,
        title="Filter the pane", label="Filter", rank=5, place=51,
        in_bar=lambda workspace, focus: focus.pane != "bottom" or focus.tab == "log", run=_filter,
    ),
    Command(id="pane-1", keys="1", help="the servers", group=MOVE, run=partial(_pane, "servers")),
    Command(id="pane-2", keys="2", help="the releases", group=MOVE, run=partial(_pane, "releases")),
    Command(
        id="pane-3", keys="3", help="the tabs; press again for the next tab", group=MOVE,
        run=partial(_pane, "bottom"),
    ),
    Command(id="next-pane", keys="tab", help="the next pane", group=MOVE, run=partial(_beside, 1)),
    Command(id="previous-pane", keys="shift+tab", help="the previous pane", group=MOVE, run=partial(_beside, -1)),
    Command(
        id="next-tab", keys="right_square_bracket", help="the next tab", group=MOVE,
        run=lambda desk: desk.turn_tabs(1),
    ),
    Command(
        id="previous-tab", keys="left_square_bracket", help="the previous tab", group=MOVE,
        run=lambda desk: desk.turn_tabs(-1),
    ),
)  # fmt: skip
