"""The body of a webhook: JSON with `{name}` in its texts, valid JSON whatever is filled in (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from core.config.fault_text import meant

NAMES = (
    *("text", "on", "project", "environment", "operation", "who", "reason"),
    *("tag", "previous", "revision", "ref", "servers"),
)
"""What can be filled in: `text` is the sentence that Turnout itself would send, `on` the hook's moment."""

_PLACE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\{([a-z]+)\}")


def check(value: str) -> str:
    """The body as it is written. ValueError for what is not JSON, and for names that are not known."""
    try:
        template = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"must be JSON: {error}") from None
    for text in _texts(template):
        for match in _PLACE.finditer(text):
            if match[2] and match[2] not in NAMES:
                hint = meant(match[2], NAMES) or f"known: {', '.join(NAMES)}"
                raise ValueError(f"{match[0]} is not known; {hint}")
    return value


def secrets_in(value: str) -> tuple[str, ...]:
    """The names of `${NAME}` in it."""
    return tuple(match[1] for match in _PLACE.finditer(value) if match[1])


def filled(value: str, said: Mapping[str, str], secret: Callable[[str], str]) -> str:
    """The JSON to send: each `{name}` and `${NAME}` in its texts replaced, once, whatever they hold."""

    def one(match: re.Match[str]) -> str:
        if match[1]:
            return secret(match[1])
        return said[match[2]] if match[2] in NAMES else match[0] if match[2] else "${"

    def all_of(part: Any) -> Any:
        if isinstance(part, str):
            return _PLACE.sub(one, part)
        if isinstance(part, dict):
            return {key: all_of(item) for key, item in part.items()}
        return [all_of(item) for item in part] if isinstance(part, list) else part

    return json.dumps(all_of(json.loads(value)))


def _texts(part: Any) -> list[str]:
    if isinstance(part, str):
        return [part]
    items = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [text for item in items for text in _texts(item)]
