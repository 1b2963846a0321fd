"""Hooks that send a message: JSON by POST, from the operator's machine."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
import urllib.request
from collections.abc import Mapping
from typing import TYPE_CHECKING

from core.errors import HookFailed
from core.events import HookFinished, HookStarted

if TYPE_CHECKING:
    from core.config import Hook
    from core.site import Site

TIMEOUT = 10.0
"""Seconds that a webhook may take at most."""
_LOOK = 0.1
"""Seconds between two looks at the cancel request while a webhook is not answered."""


def describe(hook: Hook) -> str:
    """That there is one: its address is a secret."""
    return "webhook"


def run(site: Site, hook: Hook, folder: str, variables: Mapping[str, str]) -> None:
    """POST JSON with a `text` (what chat services take) and the variables. HookFailed, without the address; Cancelled.

    The status of the answer is its end: whatever else is sent, and however long the connection stays open, is not
    waited for. All of it has TIMEOUT, however slowly the other side drips.
    """
    assert hook.webhook is not None
    address = hook.webhook
    began = time.monotonic()
    site.emit(HookStarted(on=hook.on, run="webhook"))
    text = f"{variables['TURNOUT_PROJECT']}: {hook.on} {variables['TURNOUT_TAG']}"
    ours = "TURNOUT_"
    named = {name.removeprefix(ours).lower(): value for name, value in variables.items() if name.startswith(ours)}
    body = json.dumps({"text": text, **named})
    limit = min(hook.timeout, TIMEOUT)
    answered = queue.SimpleQueue[str]()
    threading.Thread(target=lambda: answered.put(_post(address, body, limit)), name="webhook", daemon=True).start()
    reason = None
    try:
        while reason is None:
            try:
                reason = answered.get(timeout=_LOOK)
            except queue.Empty:
                site.cancel.check()
                if time.monotonic() - began >= limit:
                    reason = f"timed out: no answer within {limit:g} s"
        if reason:
            raise HookFailed("the webhook failed", detail=site.mask.line(reason, 300))
    finally:
        seconds = time.monotonic() - began
        site.emit(HookFinished(on=hook.on, run="webhook", status=0 if reason == "" else 1, seconds=seconds))


def _post(address: str, body: str, seconds: float) -> str:
    """Why a message was not taken, without the address; "" where it was."""
    headers = {"Content-Type": "application/json", "User-Agent": "turnout"}
    request = urllib.request.Request(address, data=body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", "") or error).replace(address, "the webhook") or type(error).__name__
