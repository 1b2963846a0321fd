"""Checks that run a command on the server: it passes with status 0."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.checks.subject import Subject
    from core.config import Check
    from core.site import ServerSite

_LAST_LINES = 5
"""Of what a command printed, for the reason."""


def describe(check: Check) -> str:
    """The command as it is written."""
    return check.run or ""


def attempt(site: ServerSite, check: Check, subject: Subject) -> str:
    """Why the command does not pass, or ""."""
    assert check.run is not None
    last: deque[str] = deque(maxlen=_LAST_LINES)
    ended = site.run(check.run, subject.folder, subject.variables, check.timeout, last.append, check.account)
    if ended.status == 0:
        return ""
    printed = site.mask.line("\n".join(last), 500)
    if ended.late:
        return f"did not end within {check.timeout:g} s\n{printed}".strip()
    return f"status {ended.status}\n{printed}".strip()
