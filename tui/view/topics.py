"""Which section of the runbook has more about an error (pure)."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import (
    CheckFailed,
    ConnectError,
    FleetError,
    HookFailed,
    HostKeyRefused,
    HostKeyUnknown,
    LockedError,
    LockLost,
    NeedsPerson,
    SourceError,
    TurnoutError,
)
from tui.view.pages import Section, topic_of

BY_KIND: tuple[tuple[type[TurnoutError], str], ...] = (
    (HostKeyUnknown, "host-keys"),
    (HostKeyRefused, "host-keys"),
    (ConnectError, "connecting"),
    (LockedError, "locked-by-another"),
    (LockLost, "locked-by-another"),
    (HookFailed, "until-the-barrier-upload-stage-hooks"),
    (CheckFailed, "the-switch-and-after-it"),
    (NeedsPerson, "after-a-crash"),
    (SourceError, "before-any-server-is-touched"),
)
"""The sections for errors that no row quotes; of host keys the rows say "see below"."""


def topic(error: TurnoutError, known: Sequence[Section]) -> str:
    """The section of the runbook for an error: the one that quotes it, else that of its kind; "" for none.

    known   the sections of the runbook
    """
    errors = [error, *(error.errors.values() if isinstance(error, FleetError) else ())]
    # What a task or a command of `turnout run` prints says itself what is wrong.
    of_kind = [name for each in errors for kind, name in BY_KIND if isinstance(each, kind) and each.phase != "run"]
    if "host-keys" in of_kind:
        return "host-keys"
    quoted = (topic_of(title, known) for title in dict.fromkeys(each.title for each in errors))
    return next(filter(None, (*quoted, *of_kind)), "")


def more(name: str) -> str:
    """What prints a section of the runbook."""
    return f"turnout help {name}"
