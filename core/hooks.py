"""Hooks: people's own steps around the phases, on the servers or on the operator's machine, and webhooks."""

from __future__ import annotations

import http.client
import json
import os
import time
import urllib.request
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core import process
from core.errors import HookFailed
from core.events import HookFinished, HookOutput, HookStarted
from core.text import duration

if TYPE_CHECKING:
    from core.config import Hook
    from core.masking import Masking
    from core.operations.run import Run

_LAST_LINES = 20
WEBHOOK_TIMEOUT = 10.0
"""Seconds that a webhook may take at most."""


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
    output.finish(ended.status, ended.late)


def on_operator(run: Run, hook: Hook, told: Mapping[str, str]) -> None:
    """Run a hook's command in the project's folder on this machine. HookFailed, Cancelled."""
    assert hook.run is not None
    output = _Output(run, hook, "")
    environment = {**os.environ, **told}
    project = run.fleet.project
    ended = process.run(hook.run, project.folder, environment, hook.timeout, output.say, run.cancel, project.mask)
    output.finish(None if run.cancel.requested or ended.status < 0 else ended.status, ended.late)
    run.cancel.check()


def webhook(run: Run, hook: Hook, text: str, told: Mapping[str, str]) -> None:
    """POST JSON with a `text` (what chat services take) and the variables. HookFailed, without the address."""
    assert hook.webhook is not None
    began = time.monotonic()
    run.emit(HookStarted(on=hook.on, run="webhook"))
    body = json.dumps({"text": text, **{key.removeprefix("TURNOUT_").lower(): value for key, value in told.items()}})
    request = urllib.request.Request(
        hook.webhook, data=body.encode(), headers={"Content-Type": "application/json", "User-Agent": "turnout"}
    )
    status = 1
    try:
        with urllib.request.urlopen(request, timeout=min(hook.timeout, WEBHOOK_TIMEOUT)) as answer:
            answer.read(4096)
            status = 0
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", "") or error).replace(hook.webhook, "the webhook")
        raise HookFailed("the webhook failed", detail=run.fleet.project.mask.line(reason, 300)) from None
    finally:
        seconds = time.monotonic() - began
        run.emit(HookFinished(on=hook.on, run="webhook", status=status, seconds=seconds))


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
