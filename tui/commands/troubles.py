"""Commands for what is not as it should be: watch somebody else's operation, recover, break a lock."""

from __future__ import annotations

from core.recovery import untold
from tui.commands.base import Command, Desk
from tui.commands.operating import locked, plan
from tui.dialogs.recover import RecoverDialog
from tui.dialogs.unlock import BreakLockDialog
from tui.keymap import CHANGE, LOOK
from tui.model.focus import Focus
from tui.model.workspace import Workspace


def _nothing_to_watch(workspace: Workspace, focus: Focus) -> str:
    if workspace.operation_runs:
        return "your own operation is already shown"
    return "" if workspace.others.locks or workspace.watches else "nothing is running"


def _nothing_interrupted(workspace: Workspace, focus: Focus) -> str:
    if why := locked(workspace, focus):
        return why
    if workspace.others.interruption:
        return ""
    problem = untold(workspace.fleet_view.known)
    return problem.title if problem else "nothing was interrupted"


def _no_lock(workspace: Workspace, focus: Focus) -> str:
    if workspace.operation_runs:
        return "the operation is your own: {cancel} cancels it"
    return "" if workspace.others.locks else "no lock is held by a running process"


def _watch(desk: Desk) -> None:
    desk.workspace.others.watch()
    desk.show_tab("progress")


def recover(desk: Desk) -> None:
    """Show what was interrupted, and let a person choose the way out, of which the plan comes next."""
    others = desk.workspace.others
    interrupted = others.interruption
    if interrupted is None or not desk.is_free or desk.workspace.environment.read_only:
        return
    from core import RecoverRequest

    def still() -> bool:
        return others.interruption is not None and others.interruption.operation == interrupted.operation

    dialog = RecoverDialog(interrupted, desk.keymap, desk.glyphs, desk.now, still)
    desk.ask(dialog, lambda way: plan(desk, RecoverRequest(way), "Recover", ()) if way else None)


def _break_lock(desk: Desk) -> None:
    """Break the lock of an operation that will not end, once a person has typed the environment's name."""
    workspace = desk.workspace
    held = workspace.others.locks
    locks = {name: lock for name, lock in held.items() if lock.operation == next(iter(held.values())).operation}
    if locks:
        dialog = BreakLockDialog(workspace.fleet_watch, locks, desk.now)
        desk.ask(dialog, lambda sure: workspace.break_locks(locks) if sure else None)


COMMANDS = (
    Command(
        id="recover", keys="R", help="finish or undo an interrupted operation: see the plan", group=CHANGE,
        title="Recover: finish or undo an interrupted operation", label="Recover", rank=0, place=3,
        in_bar=lambda workspace, focus: bool(workspace.others.interruption and workspace.others.interruption.switched),
        why_not=_nothing_interrupted, run=recover,
    ),
    Command(
        id="break-lock", keys="L", help="break a stuck lock (asks you to type the environment's name)", group=CHANGE,
        title="Break lock", label="Break lock", rank=1, place=2,
        in_bar=lambda workspace, focus: any(lock.silent for lock in workspace.others.locks.values()),
        why_not=_no_lock, run=_break_lock,
    ),
    Command(
        id="watch", keys="w", help="watch another operator's operation", group=LOOK,
        title="Watch another operator's operation", label="Watch", rank=1, place=1,
        in_bar=lambda workspace, focus: bool(workspace.others.locks) and not workspace.watches,
        why_not=_nothing_to_watch, run=_watch,
    ),
)  # fmt: skip
