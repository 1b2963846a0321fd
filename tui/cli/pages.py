"""Errors as a command says them, each with the section of the runbook that has more."""

from __future__ import annotations

from collections.abc import Callable

from core.errors import DETAIL, TurnoutError
from core.text import clean
from tui.model.pages import topic
from tui.view.topics import more


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
    return [*lines, f"  more: {more(name)}"]
