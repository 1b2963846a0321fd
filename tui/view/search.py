"""What is searched for in lines: a regular expression where the text is one, else the text itself (pure)."""

from __future__ import annotations

import re

from msgspec import Struct

_NESTED = re.compile(r"\([^()]*(?<!\\)[*+}][^()]*\)[*+{]")
"""A repeat inside a repeat, such as `(a+)+`: on a line that does not match it can take longer than anybody waits."""


class Search(Struct, frozen=True):
    """A text that a person typed, as it is looked for. Capital letters count only where the text has one.

    fault   why it is no regular expression and is searched as plain text; "" where it is one
    """

    text: str = ""
    fault: str = ""
    pattern: re.Pattern[str] | None = None

    @classmethod
    def of(cls, text: str) -> Search:
        """What is searched for when a person types this; nothing for nothing."""
        if not text:
            return cls()
        flags = re.NOFLAG if text != text.lower() else re.IGNORECASE
        fault = "it repeats a repeat, which could take for ever" if _NESTED.search(text) else ""
        if not fault:
            try:
                return cls(text, "", re.compile(text, flags))
            except re.error as error:
                fault = f"{error.msg} at {error.pos + 1}" if error.pos is not None else error.msg
            except (RecursionError, OverflowError):
                fault = "it is too large"
        return cls(text, fault, re.compile(re.escape(text), flags))

    def hits(self, text: str) -> bool:
        """Whether it is in a text; never where nothing is searched for."""
        return self.pattern is not None and self.pattern.search(text) is not None

    def places(self, text: str) -> list[tuple[int, int]]:
        """Where it is in a text: start and end of each, those that are empty left out."""
        if self.pattern is None:
            return []
        return [match.span() for match in self.pattern.finditer(text) if match.start() < match.end()]
