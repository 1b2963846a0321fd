"""Commands that leave a word for everybody: pin, block, freeze; and the way to what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.commands.base import Command, Desk, nowhere
from tui.commands.operating import locked, plan
from tui.dialogs.reason import ReasonDialog
from tui.keymap import CHANGE, LOOK
from tui.model.focus import Focus
from tui.model.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable

    from core import Request


def _no_release(workspace: Workspace, focus: Focus) -> str:
    return locked(workspace, focus) or ("" if focus.release else "no release under the cursor")


def _not_now(workspace: Workspace, focus: Focus) -> str:
    return locked(workspace, focus) or ("" if workspace.fleet_view.known else "no server has answered yet")


def _with_reason(desk: Desk, title: str, said: str, request: Callable[[str], Request], *, needed: bool) -> None:
    """Ask for the reason, then show the plan."""

    def given(reason: str | None) -> None:
        if reason is not None:
            plan(desk, request(reason), title)

    desk.ask(ReasonDialog(title, [said], needed=needed), given)


def _pin(desk: Desk) -> None:
    from core import PinRequest

    row = desk.here.release
    if row is None:
        return
    name = desk.workspace.fleet_view.short(row.tag)
    if row.pinned:
        plan(desk, PinRequest(row.tag, pinned=False), f"Unpin {name}")
        return
    said = f"{name} is never pruned until somebody unpins it."
    _with_reason(desk, f"Pin {name}", said, lambda why: PinRequest(row.tag, reason=why), needed=False)


def _block(desk: Desk) -> None:
    from core import BlockRequest

    row = desk.here.release
    if row is None:
        return
    name = desk.workspace.fleet_view.short(row.tag)
    if row.block:
        plan(desk, BlockRequest(row.tag, blocked=False), f"Unblock {name}")
        return
    said = f"Until somebody unblocks {name}, undo skips it, and a rollback to it warns."
    _with_reason(desk, f"Block {name}", said, lambda why: BlockRequest(row.tag, reason=why), needed=True)


def _freeze(desk: Desk) -> None:
    from core import FreezeRequest

    workspace = desk.workspace
    name = workspace.environment.name
    if any(state.freeze for state in workspace.fleet_view.known):
        plan(desk, FreezeRequest(frozen=False), f"Thaw {name}")
        return
    said = f"Deploys, rollbacks and prunes on {name} are refused for everybody until somebody thaws it."
    _with_reason(desk, f"Freeze {name}", said, lambda why: FreezeRequest(reason=why), needed=True)


COMMANDS = (
    Command(
        id="pin", keys="K", help="pin the release under the cursor, so that it is never pruned, or unpin it",
        group=CHANGE, title="Pin or unpin the release under the cursor", in_bar=nowhere, why_not=_no_release, run=_pin,
    ),
    Command(
        id="block", keys="B", help="block the release under the cursor, so that undo skips it, or unblock it",
        group=CHANGE, title="Block or unblock the release under the cursor", in_bar=nowhere, why_not=_no_release,
        run=_block,
    ),
    Command(
        id="freeze", keys="F", help="freeze the environment, so that changes are refused, or thaw it", group=CHANGE,
        title="Freeze or thaw the environment", in_bar=nowhere, why_not=_not_now, run=_freeze,
    ),
    Command(
        id="history", keys="t", help="history: every operation, and its log with Enter", group=LOOK,
        title="Show the history", label="History", rank=6, place=52,
        in_bar=lambda workspace, focus: focus.tab != "history",
        run=lambda desk: desk.show_tab("history"),
    ),
)  # fmt: skip
