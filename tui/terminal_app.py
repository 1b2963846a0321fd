"""The app as a program in a terminal: it hears signals, is suspended, hands on copied text, and ends.

Only what the first paint needs is loaded with this module.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from textual import events
from textual.app import App
from textual.driver import Driver

from tui.model.keystrokes import ALONE, MANY
from tui.settings import UserSettings
from tui.widgets.cells import SentCells
from tui.widgets.guard import Telling
from tui.widgets.key_order import KeysInOrder
from tui.widgets.terminal import lasting
from tui.widgets.timers import SureTimers
from tui.widgets.toasts import FewToasts

if TYPE_CHECKING:
    from core.jobs import Job
    from tui.keymap import Keymap
    from tui.model.announcer import Announcer
    from tui.model.bridge import Bridge
    from tui.model.operation import Followed
    from tui.model.workspaces import Workspaces


class TerminalApp(Telling, KeysInOrder, FewToasts, SureTimers, SentCells, App[str]):
    """What Turnout does as a program; while an operation of ours runs it cannot be suspended, and quitting cancels."""

    keymap: Keymap
    bridge: Bridge
    settings: UserSettings
    environ: Mapping[str, str]
    """The variables, with what the person's settings say where no variable says it."""
    workspaces: Workspaces | None = None
    """Everything of every environment; None without a project."""
    announcer: Announcer | None = None
    _code = 0
    _stop: Any = None

    def get_driver_class(self) -> type[Driver]:
        return lasting(super().get_driver_class())

    def hear_signals(self) -> None:
        """A closed terminal or a plain kill is a wish to quit: what runs is cancelled and put back first.

        So is SIGINT: ctrl+c on the keyboard is a key here and sends none.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # not on the main thread
                loop.add_signal_handler(number, self._told_to_go, number)

        if self._driver is not None and self._driver.can_suspend:
            with suppress(ValueError):
                self._stop = signal.signal(signal.SIGTSTP, self._told_to_stop)

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        """SIGTSTP came: stop, unless an operation of ours runs; then say why not."""
        if self.our_operations:
            asyncio.get_running_loop().call_soon_threadsafe(self.action_suspend_process)
        elif callable(self._stop):
            self._stop(number, frame)

    def action_suspend_process(self) -> None:
        """Stop as a job of the shell; not while an operation runs, whose heartbeats would stop, too."""
        if not self.our_operations:
            super().action_suspend_process()
            return
        text = "not now: a suspended Turnout sends no heartbeats, so the servers would end the operation"
        self.notice(text, title="An operation is running", severity="warning", seconds=8)

    def terminal_gone(self) -> None:
        """As the signal for it says, which does not always come."""
        if not self._code:
            self._told_to_go(signal.SIGHUP)

    def _told_to_go(self, number: int) -> None:
        """As a signal asks: with the exit code that a shell gives to it."""
        self._code = 128 + number
        if number == signal.SIGHUP and self._driver is not None and hasattr(self._driver, "exit_event"):
            self._driver.exit_event.set()  # nothing can be read any more
        self._leave_if(True)

    def copy_to_clipboard(self, text: str, what: str = "") -> None:
        """Hand a copied text to the terminal, or to a file where the terminal would not take it, and say so.

        what   names it for the person; "" for a part of the screen that was selected
        """
        from tui.view import copies

        why = copies.why_to_file(text, self.environ)
        if not why:
            super().copy_to_clipboard(text)
            self.notice(copies.said_when_sent(text, self.environ, what))
            return
        import tempfile

        try:
            with tempfile.NamedTemporaryFile(
                "w", prefix="turnout-copy-", suffix=".txt", delete=False, encoding="utf-8", errors="replace"
            ) as file:
                file.write(text)
        except OSError as error:
            self.notice(f"not copied ({why}), and no file could be written: {error}", severity="error")
            return
        self.notice(f"{what or copies.amount(text)} written to {file.name}: {why}", seconds=12)

    def announce(self, workspaces: Workspaces) -> None:
        """Let the terminal itself tell of their operations, where there is one."""
        if self.is_headless or self.is_web or self._driver is None:
            return
        from tui.model.announcer import Announcer
        from tui.view.announcements import terminal

        if self.announcer is None:
            self.announcer = Announcer(self._driver.write, terminal(self.environ, self.settings.notify))
            self.app_suspend_signal.subscribe(self, lambda _: self.stop_announcing())
            self.bridge.on_tick(self._announce_running)
        announcer = self.announcer

        def ended(operation: Followed) -> None:
            finished = operation.progress.finished
            announcer.ended(
                operation.title, operation.outcome, operation.summary, finished.seconds if finished is not None else 0.0
            )

        workspaces.on_end.append(ended)

    def _announce_running(self) -> None:
        if self.announcer is not None:
            self.announcer.running([operation.progress for operation in self.our_operations])

    def stop_announcing(self, write: Callable[[str], object] | None = None) -> None:
        """Give the terminal back the title that it had, and take its progress away."""
        if self.announcer is not None:
            self.announcer.leave(write)

    def action_help_quit(self) -> None:
        """ctrl+c where nothing is selected: says how to leave, and never does."""
        text = f"{self.keymap.shown('quit')} quits; ctrl+c copies selected text"
        if self.our_operations:
            text = f"{self.keymap.shown('cancel')} cancels the operation; {text}"
        self.notice(text, seconds=4)

    def action_press_shown(self, shown: str) -> None:
        """A click on the name of a key: press it. The end of a drag that selects text is no click."""
        key = self.keymap.by_shown.get(shown)
        if key is not None and not self.screen.selections:
            self.post_message(events.Key(key, key if len(key) == 1 else None))

    async def action_quit(self) -> None:
        """Quit; ask first while an operation runs, and then cancel it cleanly."""
        from tui.dialogs.stop import StopQuestion

        operations = self.our_operations
        if not operations:
            self._leave_unless_pasted()
        elif not isinstance(self.screen, StopQuestion):
            self.push_screen(StopQuestion(operations, self.keymap.shown("yes"), quits=True), self._leave_if)

    def _leave_unless_pasted(self) -> None:
        """Quit, unless many keys come at once: a text that begins with this one does not end the program."""
        presses = self.keystrokes.presses

        def leave_if_alone() -> None:
            if self.keystrokes.presses - presses < MANY - 1:
                self.leave()

        self.set_timer(ALONE, leave_if_alone)

    @property
    def our_operations(self) -> list[Followed]:
        """The operations of ours that run, in whatever environment."""
        running = self.workspaces.running if self.workspaces is not None else []
        return [workspace.operation for workspace in running if workspace.operation is not None]

    def _leave_if(self, sure: bool | None) -> None:
        if not sure:
            return
        operations = self.our_operations
        if not operations or self.workspaces is None:
            self.leave()
            return
        for workspace in self.workspaces.running:
            workspace.cancel_operation()
        self.notice("cancelling; Turnout quits when the servers are back as they were", seconds=30)

        def ended(job: Job[Any]) -> None:
            if all(operation.job.finished for operation in operations):
                self.leave()

        for operation in operations:
            self.bridge.follow(operation.job, ended)

    def leave(self) -> None:
        """End the program: nothing runs any more."""
        if self.workspaces is not None:
            self.workspaces.close()
        self.exit(return_code=self._code)
