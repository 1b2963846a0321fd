"""What an HTTP answer has to be: its status, a text in it, a value of its JSON (pure)."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from msgspec import Struct

from core.config.check_values import Value


def status_fits(status: int, wanted: Sequence[str]) -> bool:
    """Whether a status is one of these: `204`, or `5xx` for all from 500 to 599."""
    return any(word == str(status) or (word[1:] == "xx" and word[0] == str(status)[0]) for word in wanted)


class Expected(Struct, frozen=True):
    """What is asked of the body of an answer.

    contains   a text that is in it
    path       the names that lead to a value of its JSON, a number for the place in a list; empty for no such demand
    equals     what that value has to be; None: it only has to be there, and not null
    """

    contains: str = ""
    path: tuple[str, ...] = ()
    equals: Value = None

    @property
    def whole(self) -> bool:
        """Whether the whole body is needed, however long the answer stays open."""
        return bool(self.path)

    def problem(self, body: bytes, mask: Callable[[str], str]) -> str:
        """Why a body is not right, "" where it is; `mask` hides secrets in a text."""
        if self.contains.encode() not in body:
            return f"the answer does not contain {mask(self.contains)!r}"
        return self._json_problem(body, mask) if self.path else ""

    def _json_problem(self, body: bytes, mask: Callable[[str], str]) -> str:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            return "the answer is not JSON"
        name = ".".join(self.path)
        for part in self.path:
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isascii() and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            else:
                return f"the answer's JSON has no {name}"
        if self.equals is None:
            return f"{name} of the answer's JSON is null" if value is None else ""
        if _same(value, self.equals):
            return ""
        return f"{name} of the answer's JSON is {_shown(value, mask)}, not {_shown(self.equals, mask)}"


def _same(value: object, wanted: Value) -> bool:
    """As JSON compares: true is not 1, 1.0 is 1, "1" is neither."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    return value == wanted


def _shown(value: object, mask: Callable[[str], str]) -> str:
    text = json.dumps(mask(value) if isinstance(value, str) else value, ensure_ascii=False)
    text = text if isinstance(value, str) else mask(text)
    return text if len(text) <= 80 else f"{text[:76]}…"
