"""Commands that compare: a release with its manifest on every server, and two releases with each other."""

from __future__ import annotations

from tui.commands.base import RUNNING, Command, Desk
from tui.commands.panes import in_history
from tui.keymap import LOOK
from tui.model.focus import Focus
from tui.model.release_changes import chosen_pair
from tui.model.workspace import Workspace
from tui.view.history_lines import names_of


def _not_verified(workspace: Workspace, focus: Focus) -> str:
    row = focus.release
    if row is None:
        return "no release under the cursor"
    if not row.present_on:
        return "it has no files"
    if row.record is None:
        return "it has no record, so nothing to compare it with"
    if workspace.operation_runs:
        return RUNNING
    return "a release is being compared" if workspace.comparison.tag else ""


def _verify(desk: Desk) -> None:
    row = desk.here.release
    if row is not None:
        desk.show_details_of("releases")
        desk.show_tab("details", focus=False)
        desk.workspace.comparison.start(desk.workspace.fleet, row.tag)


def _not_compared(workspace: Workspace, focus: Focus) -> str:
    pair = chosen_pair(workspace.fleet_view, focus)
    if pair:
        return ""
    if in_history(focus) and focus.pair:
        gone = [tag for tag in dict.fromkeys(focus.pair) if tag not in workspace.fleet_view.places]
        called = names_of((), (*focus.pair, *workspace.fleet_view.places))
        if gone:
            return f"no server has {' or '.join(map(called, gone))} any more"
        return f"{called(focus.pair[0])} was live all the time: there is nothing to compare"
    if in_history(focus):
        return "no two releases to compare here: mark two operations, or choose one that switched"
    return "there are no two releases to compare"


COMMANDS = (
    Command(
        id="changes", keys="c",
        help="what differs between two releases: marked ones, this and the live one, or those of operations",
        group=LOOK, title="Changes between two releases", label="Changes", rank=4, place=35,
        in_bar=lambda workspace, focus: (focus.pane in ("servers", "releases") or in_history(focus))
        and focus.tab != "changes",
        belongs=in_history,
        why_not=_not_compared, run=lambda desk: desk.show_tab("changes"),
    ),
    Command(
        id="verify", keys="v", help="compare the release under the cursor with its manifest", group=LOOK,
        title="Verify the release under the cursor", label="Verify", rank=6, place=41,
        in_bar=lambda workspace, focus: focus.pane == "releases",
        why_not=_not_verified, run=_verify,
    ),
)  # fmt: skip
