"""The pages of docs/recipes: their files and their commands, as they stand there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs/recipes"
HEADINGS = ("turnout.toml", "The steps", "A rollback", "If it fails")
"""What every page has, in this order; what it needs besides stands between them."""


@dataclass(frozen=True)
class Page:
    """One page.

    files      by the name that stands before each block; `turnout.toml` is one of them
    commands   by heading, the lines of its blocks of `sh`
    """

    name: str
    text: str
    files: Mapping[str, str]
    commands: Mapping[str, str]

    def __getitem__(self, file: str) -> str:
        return self.files[file]


def read(name: str) -> Page:
    """A page by its name, without `.md`."""
    text = (FOLDER / f"{name}.md").read_text("utf-8")
    files: dict[str, str] = {}
    commands: dict[str, str] = {}
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading = section.partition("\n")[0]
        for before, language, block in re.findall(
            r"([^\n]*)\n+^```(\w*)\n(.*?)^```", section, re.MULTILINE | re.DOTALL
        ):
            if language == "sh" and not before.startswith("`"):
                commands[heading] = commands.get(heading, "") + block
            else:
                files[_named(before) or heading] = block
    return Page(name, text, files, commands)


def _named(line: str) -> str:
    """The file that a line introduces: "`server.js`, which…:" """
    found = re.match(r"`([^`]+)`", line)
    return found[1] if found else ""


def names() -> list[str]:
    """All pages but the list of them."""
    return sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != "README")
