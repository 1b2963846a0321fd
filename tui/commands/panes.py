"""Commands that move between panes and tabs, show details, mark and filter."""

from __future__ import annotations

from functools import partial

from tui.commands.base import PANES, Command, Desk, everywhere
from tui.keymap import DETAILS, LOOK, MOVE
from tui.model.focus import Focus
from tui.model.workspace import Workspace


def in_history(focus: Focus) -> bool:
    """Whether the history has the focus: its list, or the log of one operation."""
    return focus.pane == "bottom" and focus.tab == "history"


def in_operations(focus: Focus) -> bool:
    """Whether the list of operations has the focus."""
    return in_history(focus) and any(key.id == DETAILS.id for key in focus.tab_keys)


def _not_markable(workspace: Workspace, focus: Focus) -> str:
    if in_operations(focus):
        return ""
    if focus.pane == "servers":
        return "" if focus.server or focus.folded else "no server under the cursor"
    row = focus.release
    if row is None:
        return "no release under the cursor"
    return "a live release is never pruned" if row.live_on else "" if row.present_on else "it has no files"


def _no_list(workspace: Workspace, focus: Focus) -> str:
    return "only in the servers and the releases" if focus.pane == "bottom" else ""


def _nothing_to_mark(workspace: Workspace, focus: Focus) -> str:
    return "" if in_operations(focus) else _no_list(workspace, focus) or _not_markable(workspace, focus)


def _no_more_servers(workspace: Workspace, focus: Focus) -> str:
    return "there is only one server" if len(workspace.fleet_view.servers) < 2 else ""


def _filter(desk: Desk) -> None:
    if desk.here.pane == "bottom":
        desk.search_log()
    else:
        desk.open_filter(desk.here.pane or "releases")


def _pane(name: str, desk: Desk) -> None:
    """A pane by its number; that of the bottom pane, pressed there, turns to the next tab."""
    if name == desk.here.pane == "bottom":
        desk.turn_tabs(1)
    else:
        desk.go_to_pane(name)


def _beside(step: int, desk: Desk) -> None:
    place = PANES.index(desk.here.pane) if desk.here.pane else 0
    desk.go_to_pane(PANES[(place + step) % len(PANES)])


def _name(focus: Focus) -> str:
    """The server or the tag under the cursor of the list that has the focus, or had it last."""
    if (focus.pane if focus.pane != "bottom" else focus.list) == "servers":
        return focus.server
    return focus.release.tag if focus.release else ""


def _copy_name(desk: Desk) -> None:
    name = _name(desk.here)
    desk.copy(name, name)


COMMANDS = (
    Command(
        id="mark", keys="space",
        help="mark a release, to prune it; a server: operations use marked ones only; or two operations, to compare",
        group=LOOK, label="Mark", rank=6, place=40,
        in_bar=lambda workspace, focus: focus.pane != "bottom" or in_operations(focus), belongs=in_operations,
        why_not=_nothing_to_mark, run=lambda desk: desk.mark("one"),
    ),
    Command(
        id="mark-all", keys="a", help="mark all rows that are shown, or take their marks away", group=LOOK,
        title="Mark all rows that are shown", why_not=_no_list, run=lambda desk: desk.mark("all"),
    ),
    Command(
        id="mark-range", keys="m", help="mark the rows from the last mark to the cursor", group=LOOK,
        why_not=_no_list, run=lambda desk: desk.mark("range"),
    ),
    Command(
        id="sort", keys="s", help="change the order of the servers or the releases", group=LOOK,
        title="Sort", why_not=_no_list, run=lambda desk: desk.sort(),
    ),
    Command(
        id="zoom", keys="z", help="give the pane the whole screen, or show all panes again", group=LOOK,
        title="Zoom the pane", label="Zoom", rank=9, place=52, in_bar=everywhere, run=lambda desk: desk.zoom(),
    ),
    Command(
        id="scroll-left", keys="less_than_sign,shift+left", help="the matrix: show the previous servers",
        group=MOVE, why_not=_no_more_servers, run=lambda desk: desk.scroll_matrix(-1),
    ),
    Command(
        id="scroll-right", keys="greater_than_sign,shift+right", help="the matrix: show the next servers",
        group=MOVE, why_not=_no_more_servers, run=lambda desk: desk.scroll_matrix(1),
    ),
    Command(
        id=DETAILS.id, keys=DETAILS.keys, help=DETAILS.help, group=DETAILS.group,
        title="Show details of the row", label=DETAILS.label, rank=DETAILS.rank, place=50,
        in_bar=lambda workspace, focus: focus.pane != "bottom",
        run=lambda desk: desk.open_row(),
    ),
    Command(
        id="copy-name", keys="ctrl+y", help="copy the name of the release or the server under the cursor", group=LOOK,
        title="Copy the name under the cursor",
        why_not=lambda workspace, focus: "" if _name(focus) else "nothing is under the cursor", run=_copy_name,
    ),
    Command(
        id="filter", keys="slash", help="filter the pane that has the focus; in the tabs, search the log", group=LOOK,
        title="Filter the pane", label="Filter", rank=5, place=51,
        in_bar=lambda workspace, focus: focus.pane != "bottom", run=_filter,
    ),
    Command(
        id="logs", keys="l", help="the application's logs, live from all servers", group=LOOK,
        title="Follow the application's logs", run=lambda desk: desk.show_tab("logs"),
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
