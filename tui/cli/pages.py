"""The pages of docs/ where Turnout is installed: in the wheel they are beside its modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import tui
from core.errors import (
    DETAIL,
    CannotRun,
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
from core.text import clean

CONFIGURATION, OPERATIONS = "configuration.md", "operations.md"


def error_lines(error: TurnoutError, *, mask: Callable[[str], str] = str, named: set[str] | None = None) -> list[str]:
    """An error as a command says it, and how to print the section of the runbook that has it.

    named   the sections that were named before, to which this one is added: once is enough, however many servers fail
    """
    lines = clean(mask(f"error: {error}"), DETAIL).splitlines()
    name = topic(error)
    if not name or (named is not None and name in named):
        return lines
    if named is not None:
        named.add(name)
    return [*lines, f"  more: turnout help {name}"]


_BY_KIND: tuple[tuple[type[TurnoutError], str], ...] = (
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


def topic(error: TurnoutError) -> str:
    """The section of the runbook for an error: the one that quotes it, else that of its kind; "" for none."""
    from tui.view.pages import sections, topic_of

    errors = [error, *(error.errors.values() if isinstance(error, FleetError) else ())]
    of_kind = [name for each in errors for kind, name in _BY_KIND if isinstance(each, kind)]
    if "host-keys" in of_kind:
        return "host-keys"
    try:
        known = sections(page(OPERATIONS))
    except CannotRun:
        return ""
    quoted = (topic_of(each.title, known) for each in errors)
    return next(filter(None, (*quoted, *of_kind)), "")


def page(name: str) -> str:
    """The Markdown of a page. CannotRun where the installation lacks it."""
    here = Path(tui.__path__[0])
    for folder in (here / "pages", here.parent / "docs"):
        try:
            return (folder / name).read_text("utf-8")
        except OSError:
            continue
    raise CannotRun(f"docs/{name} is not part of this installation", hint="install Turnout again")
