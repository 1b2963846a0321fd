"""pydantic's errors and misspelt words in words for people (pure)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from core.config.values import kind, shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_EXPECTED = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": 'a list, such as ["one", "two"]',
    "dict_type": "a table",
    "model_type": "a table",
}
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that was most likely meant; "" where none is near."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1)
    return close[0] if close else ""


def suggestion(word: str, known: Sequence[str], noun: str) -> str:
    """`did you mean "keep"?`, or the known ones where none is near."""
    close = nearest(word, known)
    return f'did you mean "{close}"?' if close else f"known {noun}: {', '.join(known)}"


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


def tell(item: ErrorDetails) -> tuple[str, str]:
    """A message and a hint for one of pydantic's errors."""
    given, facts = item["input"], item.get("ctx", {})
    match item["type"]:
        case "value_error":
            return str(facts["error"]), ""
        case "missing":
            return "is missing", ""
        case "literal_error":
            allowed = re.findall(r"'([^']*)'", facts["expected"])
            message = (
                f"must be one of {', '.join(allowed)}; {shown(given) if isinstance(given, str) else kind(given)} is not"
            )
            close = nearest(given, allowed) if isinstance(given, str) else ""
            return message, f'did you mean "{close}"?' if close else ""
        case "greater_than_equal":
            return f"must be {facts['ge']} or more, not {given}", ""
        case "less_than_equal":
            return f"must be {facts['le']} or less, not {given}", ""
        case "tuple_type" if isinstance(given, dict):
            return "must be a list of tables", f"[[{item['loc'][-1]}]]"
        case known if known in _EXPECTED:
            return f"must be {_EXPECTED[known]}, not {kind(given)}", ""
    return item["msg"], ""
