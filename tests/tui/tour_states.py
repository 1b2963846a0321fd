"""The states of a tour through one running app: what is pressed and recorded for each, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace
from textual.pilot import Pilot

from core.changes import Commit, PlanChanges
from core.errors import CheckFailed, ConnectError, FleetError
from core.events import Asked, Event, GoingBack, HookOutput, HookStarted, OperationFinished, PhaseStarted, Switched
from core.questions import hold, question_row
from core.records import Freeze
from tests.tui.recorded import NOW, WEB, tag
from tests.tui.recorded_operations import BEFORE_THE_SWITCH, FAILED, SWITCHING, UPLOADING, operating, phases
from tests.tui.recorded_shop import RecordedShop
from tests.tui.running import plan_made, settled, until
from tui.dialogs.answer import AnswerDialog
from tui.dialogs.edit import EditDialog, FormDialog, SaveDialog
from tui.dialogs.pick import DeployDialog
from tui.dialogs.promote import PromoteDialog
from tui.dialogs.reason import ReasonDialog
from tui.dialogs.stop import StopQuestion
from tui.screens.dashboard import Dashboard
from tui.screens.environments import Environments

IN_A_HOOK: list[Event] = [
    *UPLOADING,
    *(event for name in ("web1", "web2") for event in phases(name, "upload")),
    PhaseStarted(server="web1", phase="stage", time=NOW - 3),
    HookStarted(server="web1", on="prepare", run="composer install --no-dev", time=NOW - 3),
    *(
        HookOutput(server="web1", on="prepare", line=f"Installing package {number}", time=NOW)
        for number in range(1, 30)
    ),
    HookOutput(server="web1", on="prepare", line="Warning: [/x] is abandoned", time=NOW),
]
ON_THE_WAY_BACK: list[Event] = [
    *SWITCHING,
    GoingBack(text="putting back: /healthz answered 503", level="warning", why="/healthz answered 503", time=NOW),
    Switched(server="web1", tag=tag(1), previous=tag(0), back=True, time=NOW),
]
CANCELLED = [
    *FAILED[:-1],
    OperationFinished(
        kind="deploy", outcome="cancelled", exit_code=3, seconds=8.0, summary="all is as it was", time=NOW
    ),
]
UNDECIDED = [
    *SWITCHING,
    OperationFinished(
        kind="deploy", outcome="needs-person", exit_code=5, seconds=30.0, time=NOW,
        summary="web2 was switched, and could not be asked any more",
    ),
]  # fmt: skip


class Tour:
    """The states, one after the other; each leaves the app so that the next can begin."""

    def __init__(self, pilot: Pilot[Any], shop: RecordedShop) -> None:
        self.pilot = pilot
        self.app: Any = pilot.app
        named = tuple(
            Commit(record.revision, record.subject, record.author, record.created) for record in shop.records[-1:]
        )
        self.plan_changes = PlanChanges(
            old=tag(1),
            new=tag(0),
            added=1,
            added_named=named,
            added_by=("Ana Gomez",),
            files_changed=7,
            lines=(412, 88),
        )

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        await until(self.pilot, condition, what)

    async def dialog(self, key: str, kind: type[Any]) -> Any:
        await self.press(key)
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.is_here, kind.__name__)
        return self.app.screen

    async def escape(self) -> None:
        """Back to the dashboard, where nothing is open, chosen or said."""
        for _ in range(9):
            board = self.app.dashboard
            if self.app.screen is board and board.pane == "releases" and not board.zoomed and not board.releases.marked:
                break
            await self.press("escape")
            await self.pilot.pause()
        self.app.clear_notifications()

    async def operation(self, events: list[Event], error: FleetError | None = None) -> None:
        await operating(events, error)(self.pilot)

    # States that are looked at.

    async def main(self) -> None:
        """Nothing was pressed yet."""

    async def changes(self) -> None:
        await self.press("down", "c")
        changes = self.app.workspace.changes
        await self.until(lambda: changes.found and changes.found.changes, "the changes")

    async def file(self) -> None:
        await self.press("down", "enter")  # the first is made by the build, and only servers have it
        await self.until(lambda: self.app.workspace.changes.file, "the difference")

    async def history(self) -> None:
        await self.escape()
        await self.press("t")
        await self.until(lambda: self.app.workspace.past.history, "the history")

    async def log_of_an_operation(self) -> None:
        await self.press("enter")
        await self.until(lambda: self.app.workspace.past.events, "its events")

    async def preflight(self) -> None:
        await self.escape()
        preflight = self.app.workspace.preflight
        await self.press("i")
        await self.until(lambda: preflight.begun and not preflight.runs, "all checks")

    async def logs(self) -> None:
        await self.escape()
        await self.press("l")
        await self.until(lambda: len(list(self.app.dashboard.bottom.tabs["logs"].store.lines())) >= 40, "the lines")

    async def search(self) -> None:
        await self.press("slash", *"stock", "enter")

    async def marked(self) -> None:
        await self.escape()
        await self.press("2", "end", "space", "up", "space")

    async def zoomed(self) -> None:
        await self.press("z")

    async def message(self) -> None:
        await self.escape()
        text = "nothing has run since then, and [/x] is not markup"
        self.app.notify(text, title="A title", severity="warning", timeout=600.0, markup=False)

    async def revisions(self) -> None:
        await self.escape()
        dialog = await self.dialog("D", DeployDialog)
        await self.until(lambda: dialog.choices.keys, "the commits")

    async def plan_with_changes(self) -> None:
        await self.escape()
        await self.press("2", "home", "down", "b")
        await plan_made(self.pilot)

    async def reason(self) -> None:
        await self.escape()
        await self.dialog("F", ReasonDialog)

    async def promote(self) -> None:
        await self.escape()
        await self.dialog("p", PromoteDialog)
        await self.until(
            lambda: all(self.app.workspaces.of(name).fleet_view.known for name in ("staging", "qa")), "both"
        )

    async def form(self) -> None:
        await self.escape()
        await self.dialog("E", EditDialog)

    async def form_of_a_server(self) -> None:
        await self.press("down")
        form = await self.dialog("enter", FormDialog)
        await self.until(lambda: form._explained, "what the fields mean")

    async def form_of_a_hook(self) -> None:
        await self.press("escape")
        await self.form_of("hook hooks/1")
        await self.press("tab")

    async def form_of(self, row: str) -> None:
        """The form of the table in this row of the list."""
        await self.until(lambda: isinstance(self.app.screen, EditDialog) and self.app.screen.is_here, "the list")
        self.app.screen.choices.go_to(row)
        form = await self.dialog("enter", FormDialog)
        await self.until(lambda: form._explained, "what the fields mean")

    async def form_with_faults(self) -> None:
        """An environment that lacks all that it needs."""
        await self.press("escape")
        await self.form_of("new environment environments")
        await self.press("enter")

    async def save(self) -> None:
        await self.press("escape")
        await self.form_of("server environments/production/servers/1")
        await self.press("tab", *"-new", "enter")
        await self.until(lambda: isinstance(self.app.screen, EditDialog) and self.app.screen.is_here, "the list")
        await self.until(lambda: self.app.screen.is_read, "it was read")
        save = await self.dialog("y", SaveDialog)
        await self.until(lambda: save.can_agree, "the trial")

    async def palette(self) -> None:
        await self.press("escape")
        await self.escape()
        await self.press("colon")
        await self.until(lambda: not isinstance(self.app.screen, Dashboard), "the palette")
        await self.press(*"fre")
        await self.pilot.pause(0.1)

    async def environments(self) -> None:
        await self.escape()
        await self.dialog("e", Environments)

    async def in_a_hook(self) -> None:
        await self.escape()
        await self.operation(IN_A_HOOK)
        self.app.workspace.operation.progress.changes = self.plan_changes
        self.app.dashboard.show_operation()

    async def cancel(self) -> None:
        await self.dialog("X", StopQuestion)

    async def question(self) -> None:
        """The operation is held at the barrier."""
        await self.escape()
        asked = replace(hold(WEB, tag(0), NOW + 600, 3600.0), id="0a0a0a0a", asker="ana@desk")
        await self.operation([*BEFORE_THE_SWITCH, Asked(question=dict(question_row(asked)), time=NOW)])

    async def answer(self) -> None:
        await self.dialog("Y", AnswerDialog)

    async def on_the_way_back(self) -> None:
        await self.escape()
        await self.operation(ON_THE_WAY_BACK)

    async def failed(self) -> None:
        check = CheckFailed("/healthz answered 503", hint="look at the application's own log")
        await self.operation(FAILED, FleetError({"web2": check}, phase="check"))
        self.app.workspace.operation.progress.changes = self.plan_changes
        self.app.dashboard.show_operation()

    async def log(self) -> None:
        self.app.dashboard.show_tab("log")

    async def cancelled(self) -> None:
        await self.operation(CANCELLED)

    async def undecided(self) -> None:
        await self.operation(UNDECIDED)

    async def trouble(self) -> None:
        """One server is dark, one serves nothing, a release is pinned, one is blocked, and changes are frozen."""
        fleet = self.app.workspace.fleet_watch.fleet
        frozen = Freeze(by="ana@desk", at=NOW - 3600, why="audit until Friday")
        state = fleet.states["web2"]
        releases = {name: replace(release, live=False) for name, release in state.releases.items()}
        fleet.states["web2"] = replace(state, current="", current_kind="dangling", releases=releases, freeze=frozen)
        fleet.errors["web3"] = ConnectError("web3 does not answer", detail="port 22: timed out")
        await self.escape()
        await self.press("1")
        self.app.workspace.fleet_watch.check()
        await settled(self.pilot)


STATES = (
    "main", "changes", "file", "history", "log_of_an_operation", "preflight", "logs", "search", "marked", "zoomed",
    "message", "revisions", "plan_with_changes", "reason", "promote", "form", "form_of_a_server", "form_of_a_hook",
    "form_with_faults", "save", "palette", "environments", "in_a_hook", "cancel", "question", "answer",
    "on_the_way_back", "failed", "log", "cancelled", "undecided", "trouble",
)  # fmt: skip
"""Methods of Tour, in their order."""

ALIKE = {"search", "marked", "message", "reason", "cancel", "log", "cancelled", "undecided"}
"""States that look in a large terminal as others do there."""

TELLING = ("changes", "plan_with_changes", "in_a_hook", "failed", "trouble")
"""States that have all signs and colours among them."""
