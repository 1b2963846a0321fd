"""Commands that change servers: deploy, roll back, undo, prune, cancel. Each shows its plan first."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from msgspec.structs import replace

from core.events import IN_USE, Kept
from core.plan import Plan
from core.questions import REQUIRED
from tui.commands.base import RUNNING, Command, Desk, everywhere
from tui.dialogs.base import Ask
from tui.dialogs.pick import DeployDialog, PruneChoice, PruneDialog
from tui.dialogs.plan import PlanDialog
from tui.dialogs.reason import ReasonDialog
from tui.dialogs.stop import StopQuestion
from tui.keymap import CHANGE, LOOK
from tui.model.focus import Focus
from tui.model.newsreader import Newsreader
from tui.model.operation import Operation
from tui.model.workspace import Workspace
from tui.view.formats import short_tag, short_tags
from tui.view.lines import line, one_line, short, wrap
from tui.view.locks import reason
from tui.view.receipt_lines import receipt_text
from tui.view.way_back import way_back

if TYPE_CHECKING:
    from core import Request


def plan(desk: Desk, request: Request, title: str, servers: Collection[str] | None = None) -> None:
    """Have a plan made and shown; run it where a person agrees. While changes are frozen, ask for a reason first.

    servers   on which; None: on those that are marked, or on all of them where none is
    """
    workspace = desk.workspace
    if _frozen(workspace, request):
        _plan_despite_freeze(desk, request, title, servers)
        return
    if workspace.environment.reason == REQUIRED and not request.reason.strip():
        _plan_with_reason(desk, request, title, servers)
        return
    workspace.comparison.stop()
    fleet = workspace.chosen(desk.here.marked_servers if servers is None else servers)
    dialog = PlanDialog(
        fleet,
        request,
        title,
        bridge=workspace.bridge,
        keymap=desk.keymap,
        glyphs=desk.glyphs,
        now=desk.now,
        news=Newsreader(desk.workspaces, workspace, request, lambda: _frozen(workspace, request)).since,
        known=workspace.fleet_view.places.keys(),
    )

    def decided(agreed: Plan | None) -> None:
        if agreed is not None:
            workspace.run(dialog.request, agreed, fleet)

    desk.ask(dialog, decided)


def _frozen(workspace: Workspace, request: Request) -> str:
    """Why a freeze stops this: `production is frozen by ana@laptop …`; "" where none does."""
    from core.operations.operation import operation_of

    if request.despite_freeze or not workspace.frozen or not operation_of(request).stops_at_freeze:
        return ""
    return f"{workspace.environment.name} is frozen {workspace.frozen}"


def _plan_despite_freeze(desk: Desk, request: Request, title: str, servers: Collection[str] | None) -> None:
    """Whoever has a reason goes on; the history keeps it."""
    workspace = desk.workspace
    said = [_frozen(workspace, request), "You can go on all the same."]

    def given(reason: str | None) -> None:
        if reason:
            plan(desk, replace(request, reason=reason, despite_freeze=True), title, servers)

    desk.ask(ReasonDialog("Changes are frozen", said, needed=True), given)


def _plan_with_reason(desk: Desk, request: Request, title: str, servers: Collection[str] | None) -> None:
    """Every change of this environment needs a reason; the history keeps it."""
    said = [f"Every change of {desk.workspace.environment.name} needs a reason."]

    def given(reason: str | None) -> None:
        if reason:
            plan(desk, replace(request, reason=reason), title, servers)

    desk.ask(ReasonDialog(title, said, needed=True), given)


def locked(workspace: Workspace, focus: Focus) -> str:
    """Why nothing can be changed now: somebody else holds a lock, or our own operation runs."""
    locks = workspace.others.locks
    if locks:
        silent = all(lock.silent for lock in locks.values())
        what = ("break-lock", "breaks the lock") if silent else ("watch", "watches it")
        return f"{reason(locks)}; {{{what[0]}}} {what[1]}"
    return RUNNING if workspace.operation_runs else ""


def _no_way_back(workspace: Workspace, focus: Focus) -> str:
    if why := locked(workspace, focus):
        return why
    row = focus.release
    if row is None:
        return "no release under the cursor"
    fleet = workspace.fleet_view
    return "this release is live already" if len(fleet.live_on(row)) == len(fleet.servers) else ""


def _no_undo(workspace: Workspace, focus: Focus) -> str:
    return locked(workspace, focus) or ("" if workspace.fleet_view.previous else "there is no earlier release")


def _nothing_to_prune(workspace: Workspace, focus: Focus) -> str:
    return locked(workspace, focus) or ("" if workspace.fleet_view.rows else "there is no release yet")


def _nothing_to_cancel(workspace: Workspace, focus: Focus) -> str:
    if workspace.watches and workspace.operation:
        return f"{workspace.operation.progress.by} runs it and can cancel it there"
    return "" if workspace.operation_runs or workspace.comparison.tag else "nothing is running"


def _deploy(desk: Desk) -> None:
    from core import DeployRequest

    workspace = desk.workspace
    if not workspace.fleet.project.source.has_revisions:
        plan(desk, DeployRequest(), "Deploy")
        return
    live = workspace.fleet_view.row(workspace.fleet_view.live)
    revision = live.record.revision if live and live.record else ""
    dialog = DeployDialog(workspace.fleet.project, revision, bridge=workspace.bridge, glyphs=desk.glyphs, now=desk.now)

    def chosen(ref: str | None) -> None:
        if ref:
            plan(desk, DeployRequest(ref=ref), f"Deploy {short(short_tags(short_tag(ref)), 40, desk.glyphs.more)}")

    desk.ask(dialog, chosen)


def _roll_back(desk: Desk, tag: str) -> None:
    from core import RollbackRequest

    plan(desk, RollbackRequest(tag=tag), f"Roll back to {desk.workspace.fleet_view.short(tag)}")


def _undo(desk: Desk) -> None:
    """What was live before is decided in the plan, from the journals: what is shown here may be old."""
    from core import RollbackRequest

    plan(desk, RollbackRequest(), "Undo the last switch")


def _roll_back_here(desk: Desk) -> None:
    if desk.here.release is not None:
        _roll_back(desk, desk.here.release.tag)


def _prune(desk: Desk) -> None:
    from core import PruneRequest

    workspace, focus = desk.workspace, desk.here
    if focus.marked:
        order = workspace.fleet_view.places
        tags = tuple(sorted(focus.marked, key=lambda tag: order.get(tag, 0)))
        plan(desk, PruneRequest(tags=tags), "Prune the marked releases")
        return
    row = focus.release
    why = "is live" if row and row.live_on else "has no files any more" if row and not row.present_on else ""
    tag = row.tag if row else ""
    called = workspace.fleet_view.short(tag) if tag else ""
    dialog = PruneDialog(workspace.fleet.project.deploy.keep, tag, called, why, desk.keymap)

    def chosen(choice: PruneChoice | None) -> None:
        if choice is not None:
            tags = (choice.tag,) if choice.tag else ()
            plan(desk, PruneRequest(tags=tags, keep=choice.keep, cache=choice.cache, for_ever=True), "Prune")

    desk.ask(dialog, chosen)


def offer_force(desk: Desk, operation: Operation) -> None:
    """Ask what becomes of releases that a prune kept because a process works in them."""
    from core import PruneRequest

    if not isinstance(operation.request, PruneRequest) or operation.request.force:
        return
    planned = dict.fromkeys(tag for step in operation.plan.steps for tag in step.prune)
    notes = [note for note in operation.progress.notes if isinstance(note, Kept) and note.reason == IN_USE]
    kept = tuple(tag for tag in planned if any(note.tag == tag for note in notes))
    if not kept or not desk.is_free:
        return
    said = [f"{note.server}: {short_tags(one_line(note.text))}" for note in notes]
    said += ["", "Without its files such a process may fail, or write to files that no one can find. Restart it first, "
             "or prune all the same: the plan comes next."]  # fmt: skip
    lines = [line(part) for text in said for part in wrap(text, 76)]
    dialog = Ask("Kept: in use", lines, "Prune all the same …", "Keep", desk.keymap.shown("yes"))
    request = PruneRequest(tags=kept, force=True)
    again = [step.server for step in operation.plan.steps]
    desk.ask(dialog, lambda sure: plan(desk, request, "Prune what is in use", again) if sure else None)


def _cancel(desk: Desk) -> None:
    workspace = desk.workspace
    operation = workspace.operation
    if workspace.comparison.tag:
        workspace.comparison.stop()
        return
    if operation is None:
        return
    dialog = StopQuestion([operation], desk.keymap.shown("yes"), quits=False)
    desk.ask(dialog, lambda sure: workspace.cancel_operation() if sure else None)


def _no_receipt(workspace: Workspace, focus: Focus) -> str:
    return "" if workspace.operation else "no operation has run yet"


def _copy_receipt(desk: Desk) -> None:
    operation = desk.workspace.operation
    if operation is not None and operation.outcome:  # else it may be the yes to the plan, still held
        project = desk.workspace.project
        text = receipt_text(operation.progress, operation.error, project.project, project.settings.who)
        desk.copy(text, "the receipt")


COMMANDS = (
    Command(
        id="deploy", keys="D", help="deploy: choose a revision, see the plan", group=CHANGE,
        title="Deploy a revision", label="Deploy", rank=1, place=30, in_bar=everywhere,
        why_not=locked, run=_deploy,
    ),
    Command(
        id="rollback", keys="b", help="roll back to the release under the cursor: see the plan", group=CHANGE,
        title="Roll back to the release under the cursor", label="Roll back", rank=2, place=31, in_bar=everywhere,
        why_not=_no_way_back, run=_roll_back_here,
    ),
    Command(
        id="undo", keys="u", help="undo the last switch: see the plan", group=CHANGE,
        title="Undo: back to what was live before the last switch", label="Undo", rank=3, place=32, in_bar=everywhere,
        why_not=_no_undo, says_now=lambda workspace: way_back(workspace.fleet_view, workspace.now()), run=_undo,
    ),
    Command(
        id="prune", keys="P", help="remove marked or old releases, or the deploy-caches: see the plan", group=CHANGE,
        title="Prune releases or caches", label="Prune", rank=4, place=33, in_bar=everywhere,
        why_not=_nothing_to_prune, run=_prune,
    ),
    Command(
        id="cancel", keys="X", help="cancel the running operation; asks first", group=CHANGE,
        title="Cancel the running operation", label="Cancel", rank=0, place=0,
        in_bar=lambda workspace, focus: workspace.operation_runs,
        why_not=_nothing_to_cancel, run=_cancel,
    ),
    Command(
        id="copy-receipt", keys="y", help="copy how the operation ended, as text for a team's channel", group=LOOK,
        title="Copy the receipt of the operation", why_not=_no_receipt, run=_copy_receipt,
    ),
)  # fmt: skip
