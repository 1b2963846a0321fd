"""The command that compares a release with its manifest on every server."""

from __future__ import annotations

from tui.commands.base import RUNNING, Command, Desk
from tui.keymap import LOOK
from tui.model.focus import Focus
from tui.model.workspace import Workspace


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


COMMANDS = (
    Command(
        id="verify", keys="v", help="compare the release under the cursor with its manifest", group=LOOK,
        title="Verify the release under the cursor", label="Verify", rank=6, place=41,
        in_bar=lambda workspace, focus: focus.pane == "releases",
        why_not=_not_verified, run=_verify,
    ),
)  # fmt: skip
