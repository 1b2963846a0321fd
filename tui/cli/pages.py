"""The pages of docs/ where Turnout is installed: in the wheel they are beside its modules."""

from __future__ import annotations

from pathlib import Path

import tui
from core.errors import CannotRun

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
