"""Misspelt words and places of a turnout.toml in words for people (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was most likely meant; "" where none is near."""
    import difflib  # only where a word is wrong

    close = difflib.get_close_matches(word.lower(), list(known), n=1)
    return close[0] if close else ""


def suggestion(word: str, known: Sequence[str], noun: str) -> str:
    """`did you mean "keep"?`, or the known ones where none is near."""
    return meant(word, known) or f"known {noun}: {', '.join(known)}"


def meant(word: str, known: Iterable[str]) -> str:
    """`did you mean "keep"?`; "" where none is near."""
    close = nearest(word, known)
    return f'did you mean "{close}"?' if close else ""


def key_text(place: Sequence[str | int]) -> str:
    """The way to a value as it is written: `environments.production.servers[1].root`, counted from 0."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else json.dumps(part, ensure_ascii=False)
            text += f".{key}" if text else key
    return text
