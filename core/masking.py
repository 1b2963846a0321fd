"""Secrets in text: found in every form that programs print them in, replaced, and never cut in two (pure)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

from core.text import clean

SHORTEST_SECRET = 4
"""Shorter values are not masked: every `1` or `no` on the screen would become `***`, and they hide nothing."""

MASK = "***"


class Masking:
    """Replaces secrets of 4 characters or more, and each line of one that has several.

    A secret is found as it is, as URLs and forms write it, as JSON does, and as `clean` leaves it.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        parts = {part for secret in secrets for part in (secret, *(line.strip() for line in secret.splitlines()))}
        found = {form for part in parts if len(part) >= SHORTEST_SECRET for form in _forms(part)}
        forms = sorted(found, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, forms))) if forms else None
        self.longest = len(forms[0]) if forms else 0
        """Characters of the longest form; 0 without secrets."""

    def __call__(self, text: str) -> str:
        """The text with `***` for every secret."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def line(self, text: str, limit: int = 4000) -> str:
        """`clean` of the masked text: control characters in a secret do not hide it, and the cut comes last."""
        if self._pattern is None:
            return clean(text, limit)
        return clean(self(clean(text, len(text))), limit)

    def all(self, value: Any) -> Any:
        """The same value, with every text masked in the dicts, lists and tuples that it is made of."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, dict):
            return {key: self.all(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.all(each) for each in value]
        if isinstance(value, tuple):
            return tuple(self.all(each) for each in value)
        return value

    def cut(self, text: str, at: int) -> int:
        """The first place from `at` on where a cut leaves every secret of the text whole."""
        if self._pattern:
            for match in self._pattern.finditer(text):
                if match.start() >= at:
                    break
                if match.end() > at:
                    return match.end()
        return at


def _forms(part: str) -> Iterator[str]:
    """How programs print a text: bare, cleaned, in a URL, in a form, in JSON."""
    yield part
    for coded in (quote(part), quote(part, safe=""), quote_plus(part)):
        yield coded
        yield re.sub("%..", lambda code: code[0].lower(), coded)
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    cleaned = clean(part, len(part))
    if len(cleaned) >= SHORTEST_SECRET:
        yield cleaned
