"""Hooks that send a message: JSON by POST, from the operator's machine."""

from __future__ import annotations

import http.client
import json
import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from core.config import values
from core.config.body import filled
from core.config.hooks import LONGEST_WEBHOOK
from core.errors import HookFailed
from core.events import HookFinished, HookStarted
from core.pending import whole
from core.site import OperatorSite

if TYPE_CHECKING:
    from core.config import Hook
    from core.site import Site

TIMEOUT = LONGEST_WEBHOOK
"""Seconds that a webhook may take at most."""
_LOOK = 0.1
"""Seconds between two looks at the cancel request while a webhook is not answered."""


def describe(hook: Hook) -> str:
    """That there is one: its address is a secret."""
    return "webhook"


def run(site: Site, hook: Hook, folder: str, variables: Mapping[str, str]) -> None:
    """POST JSON: the hook's `body`, or a `text` (what chat services take) and the variables. HookFailed, without the
    address; Cancelled.

    The status of the answer is its end: whatever else is sent, and however long the connection stays open, is not
    waited for. All of it has TIMEOUT, however slowly the other side drips.
    """
    assert isinstance(site, OperatorSite) and hook.webhook is not None
    address, body = _address(hook.webhook), _body(hook, variables, site.value)
    began = time.monotonic()
    site.emit(HookStarted(on=hook.on, run="webhook"))
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


def _address(written: str) -> str:
    """The address; HookFailed where what was filled in makes none."""
    try:
        return values.url(whole(written))
    except ValueError as error:
        raise HookFailed("the webhook failed", detail=f"its address {error}") from None


def _body(hook: Hook, variables: Mapping[str, str], value: Callable[[str], str]) -> str:
    """The JSON that is sent: the hook's own `body`, or a `text` with all variables."""
    text = f"{variables['TURNOUT_PROJECT']}: {hook.on} {variables['TURNOUT_TAG']}"
    ours = "TURNOUT_"
    named = {name.removeprefix(ours).lower(): value for name, value in variables.items() if name.startswith(ours)}
    if not hook.body:
        return json.dumps({"text": text, **named})
    try:
        return filled(hook.body, {**named, "text": text, "on": hook.on}, value)
    except LookupError as error:
        raise HookFailed("the webhook failed", detail=str(error.args[0])) from None


def _post(address: str, body: str, seconds: float) -> str:
    """Why a message was not taken, without the address; "" where it was."""
    headers = {"Content-Type": "application/json", "User-Agent": "turnout"}
    request = urllib.request.Request(address, data=body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=seconds):
            return ""
    except (OSError, ValueError, http.client.HTTPException) as error:
        return str(getattr(error, "reason", "") or error).replace(address, "the webhook") or type(error).__name__
