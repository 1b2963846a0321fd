"""Hooks: people's own steps around the phases, on the servers or on the operator's machine, and webhooks."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core import process
from core.errors import HookFailed
from core.events import HookFinished, HookOutput, HookStarted, Note
from core.text import duration

if TYPE_CHECKING:
    from core.config import Hook
    from core.masking import Masking
    from core.operations.run import Run

_LAST_LINES = 20
WEBHOOK_TIMEOUT = 10.0
"""Seconds that a webhook may take at most."""
_LOOK = 0.1
"""Seconds between two looks at the cancel request while a webhook is not answered."""


def describe(hook: Hook, mask: Masking) -> str:
    """A hook in one line for a plan; a webhook's address is a secret and is not shown."""
    where = "" if hook.where == "server" or hook.webhook else f" ({hook.where})"
    return mask.line(f"{hook.on}: {hook.run or 'webhook'}{where}", 200)


def on_server(run: Run, hook: Hook, server: str, folder: str, told: Mapping[str, str]) -> None:
    """Run a hook's command in a folder on a server. HookFailed where it fails or takes too long; Cancelled."""
    from core.remote.command import run as run_command

    assert hook.run is not None
    output = _Output(run, hook, server)
    ended = run_command(
        run.session(server),
        hook.run,
        folder,
        told,
        hook.timeout,
        output.say,
        run.cancel,
        run.fleet.project.mask,
        token=run.token_on(server),
    )
    if ended.left:
        text = f"what the {hook.on} hook left running keeps its output open; what it prints from now on is not shown"
        run.emit(Note(server=server, text=text))
    output.finish(ended.status, ended.late)


def on_operator(run: Run, hook: Hook, told: Mapping[str, str]) -> None:
    """Run a hook's command in the project's folder on this machine. HookFailed, Cancelled."""
    assert hook.run is not None
    output = _Output(run, hook, "")
    environment = {**run.fleet.project.settings.environ, **told}
    project = run.fleet.project
    ended = process.run(hook.run, project.folder, environment, hook.timeout, output.say, run.cancel, project.mask)
    output.finish(None if run.cancel.requested or ended.status < 0 else ended.status, ended.late)
    run.cancel.check()


def webhook(run: Run, hook: Hook, text: str, told: Mapping[str, str]) -> None:
    """POST JSON with a `text` (what chat services take) and the variables. HookFailed, without the address; Cancelled.

    The status of the answer is its end: whatever else is sent, and however long the connection stays open, is not
    waited for. All of it has WEBHOOK_TIMEOUT, however slowly the other side drips.
    """
    assert hook.webhook is not None
    address = hook.webhook
    began = time.monotonic()
    run.emit(HookStarted(on=hook.on, run="webhook"))
    body = json.dumps({"text": text, **{key.removeprefix("TURNOUT_").lower(): value for key, value in told.items()}})
    limit = min(hook.timeout, WEBHOOK_TIMEOUT)
    answered = queue.SimpleQueue[str]()
    threading.Thread(target=lambda: answered.put(_post(address, body, limit)), name="webhook", daemon=True).start()
    reason = None
    try:
        while reason is None:
            try:
                reason = answered.get(timeout=_LOOK)
            except queue.Empty:
                run.cancel.check()
                if time.monotonic() - began >= limit:
                    reason = f"timed out: no answer within {limit:g} s"
        if reason:
            raise HookFailed("the webhook failed", detail=run.fleet.project.mask.line(reason, 300))
    finally:
        seconds = time.monotonic() - began
        run.emit(HookFinished(on=hook.on, run="webhook", status=0 if reason == "" else 1, seconds=seconds))


def _post(address: str, body: str, seconds: float) -> str:
    """Why a message was not taken, without the address; "" where it was."""
    headers = {"Content-Type": "application/json", "User-Agent": "turnout"}
    request = urllib.request.Request(address, data=body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", "") or error).replace(address, "the webhook") or type(error).__name__


class _Output:
    """A hook's output on its way into events; keeps the last lines for the error."""

    def __init__(self, run: Run, hook: Hook, server: str) -> None:
        self._run = run
        self._hook = hook
        self._server = server
        self._mask = run.fleet.project.mask
        self._shown = self._mask.line(hook.run or "", 500)
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._began = time.monotonic()
        run.emit(HookStarted(server=server, on=hook.on, run=self._shown))

    def say(self, line: str) -> None:
        shown = self._mask.line(line)
        self._last.append(shown)
        self._run.emit(HookOutput(server=self._server, on=self._hook.on, line=shown))

    def finish(self, status: int | None, late: bool) -> None:
        seconds = time.monotonic() - self._began
        self._run.emit(
            HookFinished(server=self._server, on=self._hook.on, run=self._shown, status=status, seconds=seconds)
        )
        if status == 0 and not late:
            return
        if late:
            title = f"the {self._hook.on} hook took longer than {duration(self._hook.timeout)}: {self._shown}"
        elif status is None:
            title = f"the {self._hook.on} hook was ended by a signal: {self._shown}"
        else:
            title = f"the {self._hook.on} hook failed with status {status}: {self._shown}"
        if not self._run.cancel.requested:
            raise HookFailed(title, detail="\n".join(self._last) or "it printed nothing")
