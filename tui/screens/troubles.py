"""What the keys do where something is not as it should be: watch, recover, break a lock, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import Screen

from tui.dialogs.base import Ask
from tui.operation import Operation
from tui.view.lines import line, one_line, wrap
from tui.view.locks import SILENT, reason
from tui.view.words import short_tags
from tui.widgets.bottom import BottomPane
from tui.widgets.releases import ReleasesPane

if TYPE_CHECKING:
    from tui.app import TurnoutApp

IN_USE = "a running process has it as its working directory"
"""How the engine says why a release was not pruned."""

CHANGING = ("deploy", "rollback", "undo", "prune", "recover")
"""Keys that plan a change of servers."""


class Troubles(Screen[None]):
    """These actions of the dashboard, and why one does nothing now."""

    app: TurnoutApp
    releases: ReleasesPane
    bottom: BottomPane
    details_of: str

    def allowed(self, name: str) -> bool:
        raise NotImplementedError

    def show_details(self) -> None:
        raise NotImplementedError

    def trouble(self, name: str) -> str:
        """Why the key of this id does nothing now; "" where it does something, or is none of these."""
        locks = self.app.lookout.locks
        if name in CHANGING and locks:
            silent = all(lock.silence >= SILENT for lock in locks.values())
            key = self.app.keymap.shown("break-lock" if silent else "watch")
            return f"{reason(locks)}; {key} {'breaks the lock' if silent else 'watches it'}"
        match name:
            case "watch" if self.app.operation_runs:
                return "your own operation is shown already"
            case "watch" if not locks and not self.app.watches:
                return "nothing is running"
            case "recover" if self.app.lookout.interruption is None:
                return "nothing was interrupted"
            case "break-lock" if self.app.operation_runs:
                return f"the operation is your own: {self.app.keymap.shown('cancel')} cancels it"
            case "break-lock" if not locks:
                return "no lock is held by a process that lives"
            case "verify":
                return self._not_verified()
        return ""

    def _not_verified(self) -> str:
        row = self.releases.row
        if row is None:
            return "no release under the cursor"
        if not row.present_on:
            return "it has no files"
        if row.record is None:
            return "it has no record, so nothing to compare it with"
        if self.app.operation_runs:
            return "an operation is running"
        return "a release is being compared" if self.app.verifying.tag else ""

    def action_watch(self) -> None:
        if self.allowed("watch"):
            self.app.lookout.watch()

    def action_recover(self) -> None:
        if self.allowed("recover"):
            self.app.recover()

    def action_break_lock(self) -> None:
        if self.allowed("break-lock"):
            self.app.break_lock()

    def action_verify(self) -> None:
        if not self.allowed("verify"):
            return
        self.details_of = "releases"
        self.bottom.switch("details")
        self.app.verifying.start(self.app.fleet_watch.fleet, self.releases.key)
        self.show_details()

    def offer_force(self, operation: Operation) -> None:
        """Ask what becomes of releases that a prune kept because a process works in them."""
        from core.operations import PruneRequest

        if not isinstance(operation.request, PruneRequest) or operation.request.force:
            return
        planned = dict.fromkeys(tag for step in operation.plan.steps for tag in step.prune)
        notes = [note for note in operation.progress.notes if IN_USE in note.text]
        kept = tuple(tag for tag in planned if any(note.text.startswith(f"{tag} ") for note in notes))
        if not kept or self.app.screen is not self:
            return
        said = [f"{note.server}: {short_tags(one_line(note.text))}" for note in notes]
        said += ["", "Without its files such a process may fail, or write where nobody finds it. Restart it first, "
                 "or prune all the same: the plan comes next."]  # fmt: skip
        lines = [line(part) for text in said for part in wrap(text, 76)]
        dialog = Ask("Kept: in use", lines, "Prune all the same …", "Keep", self.app.keymap.shown("yes"))
        request = PruneRequest(tags=kept, force=True)
        self.app.push_screen(dialog, lambda sure: self.app.plan(request, "Prune what is in use") if sure else None)
