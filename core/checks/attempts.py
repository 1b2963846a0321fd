"""A check is tried until it passes, often enough in a row."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from core.config.check_values import PORT
from core.errors import CheckFailed
from core.events import CheckAttempted
from core.text import count, duration

if TYPE_CHECKING:
    from core.checks.subject import Subject
    from core.config import Check
    from core.masking import Masking
    from core.site import ServerSite


class Kind(Protocol):
    """What the module of a kind offers."""

    def describe(self, check: Check) -> str:
        """What is checked, in a few words for a plan."""

    def attempt(self, site: ServerSite, check: Check, subject: Subject) -> str:
        """Try it once on a server, for the check's timeout at most. Why it does not pass, "" where it does.

        Raises Cancelled, ConnectError.
        """


def _kind(check: Check) -> Kind:
    return cast(Kind, import_module(f"core.checks.{check.kind}"))


def describe(check: Check, mask: Masking, port: str = "") -> str:
    """A check in one line. Loads what trying it takes, so that nothing has to be loaded later.

    port   what {port} stands for, where that is known
    """
    text = _kind(check).describe(check)
    return mask.line(text.replace(PORT, port) if port else text, 200)


def describe_whole(check: Check, mask: Masking, bake: float) -> str:
    """A check in one line for a plan: also when it is tried, and for how long it bakes."""
    parts = [describe(check, mask)]
    if check.account:
        parts.append(f"as {check.account}")
    if check.staged:
        parts.append("before the switch")
    if check.successes > 1:
        parts.append(f"{check.successes} times in a row")
    if bake:
        parts.append(f"then for {duration(bake)}")
    return ", ".join(parts)


def once(site: ServerSite, check: Check, subject: Subject) -> str:
    """Try a check once; see Kind.attempt."""
    return _without_port(check, subject) or _kind(check).attempt(site, check, subject)


def _without_port(check: Check, subject: Subject) -> str:
    """Why a check cannot be tried: its {port} stands for nothing; "" where it can."""
    if PORT not in (check.http or "") or subject.port:
        return ""
    tag = subject.variables.get("TURNOUT_TAG") or "what is live"
    return f"{tag} has no slot there, so {PORT} stands for nothing: deploy a new release, which gets a slot"


def pass_or_fail(site: ServerSite, check: Check, subject: Callable[[], Subject], *, quiet: bool = False) -> None:
    """Try a check on one server until it passes, `successes` times in a row. CheckFailed after its attempts;
    Cancelled, ConnectError.

    Every attempt is an event. The check's interval is the pause between two attempts.

    subject  what it is tried on, now
    quiet    an attempt that passes, after another that passed, is not an event
    """
    first = subject()
    kind, shown = _kind(check), describe(check, site.mask, first.port)
    if reason := _without_port(check, first):
        raise CheckFailed(f"the check cannot be tried: {shown}", detail=reason, server=site.name)
    reason, row = "", 0
    for attempt in range(1, check.attempts + 1):
        site.cancel.check()
        began = time.monotonic()
        reason = kind.attempt(site, check, subject())
        row = 0 if reason else row + 1
        if reason or attempt > 1 or not quiet:
            again = f"{row} of {check.successes} in a row" if row and check.successes > 1 else ""
            site.emit(
                CheckAttempted(
                    server=site.name,
                    check=shown,
                    attempt=attempt,
                    attempts=check.attempts,
                    passed=not reason,
                    detail=reason or again,
                    seconds=round(time.monotonic() - began, 3),
                )
            )
        if row and (quiet or row >= check.successes):
            return
        if attempt < check.attempts:
            site.cancel.wait(check.interval)
    site.cancel.check()
    if not reason:
        reason = f"it passed {count(row, 'time')} in a row at the end, not {check.successes}"
    raise CheckFailed(
        f"the check failed after {count(check.attempts, 'attempt')}: {shown}", detail=reason, server=site.name
    )
