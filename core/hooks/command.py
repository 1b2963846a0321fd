"""Hooks that run a command, on a server or on the operator's machine."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.errors import HookFailed
from core.events import HookFinished, HookOutput, HookStarted, Note
from core.text import duration

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
    output = _Output(site, hook)
    ended = site.run(hook.run, folder, variables, hook.timeout, output.add)
    if ended.left:
        text = f"a process that the {hook.on} hook left running keeps its output open; it is not shown from here on"
        site.emit(Note(server=site.name, text=text))
    output.finish(ended.status)
    site.cancel.check()
    if ended.status != 0 or ended.late:
        raise output.failure(ended)


class _Output:
    """A hook's output on its way into events; keeps the last lines for the error."""

    def __init__(self, site: Site, hook: Hook) -> None:
        self._site = site
        self._hook = hook
        self._shown = site.mask.line(hook.run or "", 500)
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._began = time.monotonic()
        site.emit(HookStarted(server=site.name, on=hook.on, run=self._shown))

    def add(self, line: str) -> None:
        shown = self._site.mask.line(line)
        self._last.append(shown)
        self._site.emit(HookOutput(server=self._site.name, on=self._hook.on, line=shown))

    def finish(self, status: int | None) -> None:
        seconds = time.monotonic() - self._began
        self._site.emit(
            HookFinished(server=self._site.name, on=self._hook.on, run=self._shown, status=status, seconds=seconds)
        )

    def failure(self, ended: Ended) -> HookFailed:
        """Why it failed, with the last lines that it printed."""
        if ended.late:
            title = f"the {self._hook.on} hook took longer than {duration(self._hook.timeout)}: {self._shown}"
        elif ended.status is None:
            title = f"the {self._hook.on} hook was ended by a signal: {self._shown}"
        else:
            title = f"the {self._hook.on} hook failed with status {ended.status}: {self._shown}"
        return HookFailed(title, detail="\n".join(self._last) or "it printed nothing")
