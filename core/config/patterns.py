"""gitignore patterns of turnout.toml: which of them can never match, and which match everything (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from msgspec import Meta

from core.config import values
from core.config.placing import texts
from core.config.readers import Check
from core.config.table import Broken

_ALL = re.compile(r"/?(\*\*?/)*(\?\*|\*\??|\*\*)/?")


def pattern(value: str) -> str:
    """A pattern that can match a path. ValueError says why it never does."""
    bare = values.text(value).strip()
    path = bare.removeprefix("!")
    if bare.startswith("#"):
        raise ValueError(f"{values.shown(value)} is a comment to git: write \\{bare} for a name that begins with '#'")
    if not path.strip("/"):
        raise ValueError(f"{values.shown(value)} matches nothing: name files or folders, such as cache/ or *.map")
    for part in (".", ".."):
        if part in path.split("/"):
            raise ValueError(f"{values.shown(value)} matches nothing: patterns are of paths below, without '{part}'")
    return value


Pattern = Annotated[str, Check(pattern), Meta(min_length=1)]


def all_or_nothing(table: Mapping[str, Any], key: str, then: str) -> Iterator[Broken]:
    """The rules that patterns leave something, and that `!` has something to bring back. `then`: what happens if they
    match everything.
    """
    listed = list(texts(table.get(key)))
    for place, (index, text) in enumerate(listed):
        later = [other for _, other in listed[place + 1 :] if other.strip().startswith("!")]
        if _ALL.fullmatch(text.strip()) and not later:
            yield (key, index), f"{values.shown(text)} matches everything: {then}", "name files or folders"
    if listed and listed[0][1].strip().startswith("!"):
        index, text = listed[0]
        yield (key, index), f"{values.shown(text)} brings back what no pattern before it has matched", "leave it out"
