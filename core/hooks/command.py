"""Hooks that run a command, on a server or on the operator's machine."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.errors import HookFailed
from core.events import HookFinished, HookOutput, HookStarted, Note
from core.moments import called
from core.text import duration, first_line

if TYPE_CHECKING:
    from core.config import Hook
    from core.remote.command import Ended
    from core.site import Site

_LAST_LINES = 20


def describe(hook: Hook) -> str:
    """The command as it is written."""
    return hook.run or ""


def run(site: Site, hook: Hook, folder: str, variables: Mapping[str, str]) -> None:
    """Run the command in a folder. HookFailed where it fails or takes too long; Cancelled, ConnectError."""
    assert hook.run is not None
    run_command(site, hook.on, hook.run, folder, variables, hook.timeout, hook.account)


def run_command(
    site: Site, on: str, command: str, folder: str, variables: Mapping[str, str], seconds: float, user: str = ""
) -> None:
    """Run a command that events call `on`: a moment of hooks, or a name of its own.

    seconds  for which it may run; user: of a server, whom it runs as
    HookFailed with its exit status where it fails or takes too long; Cancelled, ConnectError.
    """
    output = _Output(site, on, command)
    ended = site.run(command, folder, variables, seconds, output.add, user)
    if ended.left:
        text = f"a process that {output.name} left running keeps its output open; it is not shown from here on"
        site.emit(Note(server=site.name, text=text))
    output.finish(ended.status)
    site.cancel.check()
    if ended.status != 0 or ended.late:
        raise output.failure(ended, seconds)


class _Output:
    """A command's output on its way into events; keeps the last lines for the error."""

    def __init__(self, site: Site, on: str, command: str) -> None:
        self.name = f"the {called(on)}"
        self._site = site
        self._on = on
        self._shown = site.mask.line(command, 500)
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._began = time.monotonic()
        site.emit(HookStarted(server=site.name, on=on, run=self._shown))

    def add(self, line: str) -> None:
        shown = self._site.mask.line(line)
        self._last.append(shown)
        self._site.emit(HookOutput(server=self._site.name, on=self._on, line=shown))

    def finish(self, status: int | None) -> None:
        seconds = time.monotonic() - self._began
        self._site.emit(
            HookFinished(server=self._site.name, on=self._on, run=self._shown, status=status, seconds=seconds)
        )

    def failure(self, ended: Ended, seconds: float) -> HookFailed:
        """`the prepare hook took longer than 5 min: make`, with the last lines that it printed."""
        if ended.late:
            how = f"took longer than {duration(seconds)}"
        elif ended.status is None:
            how = "was ended by a signal"
        else:
            how = f"failed with status {ended.status}"
        title = f"{self.name} {how}: {first_line(self._shown)}"
        return HookFailed(title, detail="\n".join(self._last) or "it printed nothing", status=ended.status)
