"""A check is tried until it passes: attempts, and the pauses between them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from core.errors import CheckFailed
from core.events import CheckAttempted
from core.text import count

if TYPE_CHECKING:
    from core.config import Check
    from core.masking import Masking
    from core.site import ServerSite


class Kind(Protocol):
    """What the module of a kind offers."""

    def describe(self, check: Check) -> str:
        """What is checked, in a few words for a plan."""

    def attempt(self, site: ServerSite, check: Check, folder: str, variables: Mapping[str, str]) -> str:
        """Try it once on a server, for the check's timeout at most. Why it does not pass, "" where it does.

        folder      the release's, on the server
        variables   the TURNOUT_* variables by name
        Raises Cancelled, ConnectError.
        """


def _kind(check: Check) -> Kind:
    return cast(Kind, import_module(f"core.checks.{check.kind}"))


def describe(check: Check, mask: Masking) -> str:
    """A check in one line for a plan. Loads what trying it takes, so that nothing has to be loaded later."""
    return mask.line(_kind(check).describe(check), 200)


def pass_or_fail(site: ServerSite, check: Check, folder: str, variables: Mapping[str, str]) -> None:
    """Try a check on one server until it passes. CheckFailed after its attempts; Cancelled, ConnectError.

    Every attempt is an event. The check's interval is the pause between two attempts.
    """
    kind, shown = _kind(check), describe(check, site.mask)
    reason = ""
    for attempt in range(1, check.attempts + 1):
        site.cancel.check()
        began = time.monotonic()
        reason = kind.attempt(site, check, folder, variables)
        site.emit(
            CheckAttempted(
                server=site.name,
                check=shown,
                attempt=attempt,
                attempts=check.attempts,
                passed=not reason,
                detail=reason,
                seconds=round(time.monotonic() - began, 3),
            )
        )
        if not reason:
            return
        if attempt < check.attempts:
            site.cancel.wait(check.interval)
    site.cancel.check()
    raise CheckFailed(
        f"the check failed after {count(check.attempts, 'attempt')}: {shown}",
        detail=reason,
        server=site.name,
        phase="check",
    )
