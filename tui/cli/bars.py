"""Live progress on a terminal: below the narration one row a server with phase, bar, bytes, rate and time left."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text

from core.events import Event, OperationStarted, PhaseFinished, PhaseStarted, ServerFailed, UploadProgress
from core.text import duration, size
from tui.view.lines import one_line

REFRESHES_A_SECOND = 8


class _Upload(ProgressColumn):
    """Bytes of bytes, rate and time left, while a server gets files."""

    def render(self, task: Task) -> Text:
        if not task.fields["uploading"] or task.total is None:
            return Text()
        text = f"{size(int(task.completed))} of {size(int(task.total))}"
        if task.speed:
            text += f"  {size(int(task.speed))}/s"
        if task.time_remaining is not None and task.completed < task.total:
            text += f"  {duration(task.time_remaining)} left"
        return Text(text)


class Bars:
    """The rows of one operation, on stderr; gone again when it has ended.

    attach  is handed this object at the start and None at the end, so that narration goes above the rows meanwhile
    """

    def __init__(self, attach: Callable[[Bars | None], None]) -> None:
        self._attach = attach
        self._console = Console(stderr=True, markup=False, highlight=False, emoji=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            TextColumn("{task.fields[phase]}", markup=False),
            BarColumn(bar_width=24),
            _Upload(),
            console=self._console,
            transient=True,
            refresh_per_second=REFRESHES_A_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> None:
        self._progress.start()
        self._attach(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._attach(None)
        with suppress(OSError, ValueError):  # the terminal may be gone
            self._progress.stop()

    def say(self, lines: Iterable[str]) -> None:
        """Narration above the rows."""
        text = "\n".join(lines)
        if text:
            with suppress(OSError, ValueError):
                self._console.print(Text(text), soft_wrap=True)

    def event(self, event: Event) -> None:
        """Bring the row of the event's server up to date; what concerns all servers shows in all rows."""
        match event:
            case OperationStarted():
                for server in event.servers:
                    self._task(server)
            case PhaseStarted():
                for server in [event.server] if event.server else list(self._tasks):
                    self._show(server, event.phase, uploading=event.phase == "upload")
            case PhaseFinished(phase="upload"):
                self._show(event.server, "upload done", uploading=False)
            case ServerFailed():
                self._show(event.server, "FAILED", uploading=False)
            case UploadProgress():
                self._progress.update(
                    self._task(event.server),
                    completed=event.sent,
                    total=event.total,
                    phase="upload",
                    uploading=True,
                )

    def _show(self, server: str, phase: str, *, uploading: bool) -> None:
        if server:
            self._progress.update(self._task(server), phase=phase, uploading=uploading)

    def _task(self, server: str) -> TaskID:
        if server not in self._tasks:
            self._tasks[server] = self._progress.add_task(one_line(server), total=None, phase="", uploading=False)
        return self._tasks[server]
