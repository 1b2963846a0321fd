"""The pages of docs/ where Turnout is installed: in the wheel they are beside its modules."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import tui
from core.errors import CannotRun, TurnoutError
from tui.view.pages import Section, sections

CONFIGURATION, OPERATIONS = "configuration.md", "operations.md"


def page(name: str) -> str:
    """The Markdown of a page. CannotRun where the installation lacks it."""
    here = Path(tui.__path__[0])
    for folder in (here / "pages", here.parent / "docs"):
        try:
            return (folder / name).read_text("utf-8")
        except OSError:
            continue
    raise CannotRun(f"docs/{name} is not part of this installation", hint="install Turnout again")


def topic(error: TurnoutError) -> str:
    """The section of the runbook for an error; "" where there is none, or no runbook is installed."""
    from tui.view import topics

    return topics.topic(error, _runbook())


@cache
def _runbook() -> tuple[Section, ...]:
    try:
        return sections(page(OPERATIONS))
    except CannotRun:
        return ()
