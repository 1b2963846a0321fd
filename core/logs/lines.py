"""From bytes to lines of text: unfinished ones wait, endless ones are cut, nothing in them is an escape code (pure)."""

from __future__ import annotations

from typing import NamedTuple

from core.masking import Masking
from core.text import size

LONGEST = 16_000
"""Bytes of a line that are kept; of a longer one its size is known, too."""

SHOWN = 4_000
"""Characters of a line that are shown. It is cut after secrets were masked, so that none is cut in half."""


class Line(NamedTuple):
    """A line as it came, `size` bytes long, of which `text` is the beginning."""

    text: str
    size: int

    def shown(self, mask: Masking) -> str:
        """The line as it may be shown: without secrets and control characters, and not endless."""
        text = mask.line(self.text, SHOWN).replace("\n", " ")
        return f"{text} ({size(self.size)})" if self.size > LONGEST or len(text) > SHOWN else text


class LineReader:
    """Takes bytes as they come, and gives the lines that are whole now."""

    def __init__(self) -> None:
        self._rest = b""
        self._over = 0

    def take(self, data: bytes, *, cut: bool = False) -> list[Line]:
        """The lines that end in these bytes. `cut`: their first line lacks its beginning, and is left out."""
        if cut:
            self._rest, self._over = b"", 0
            data = data.partition(b"\n")[2]
        first, *others = data.split(b"\n")
        if not others:
            self._keep(first)
            return []
        self._keep(first)
        lines = [self._finished(), *(Line(_text(line), len(line)) for line in others[:-1])]
        self._keep(others[-1])
        return lines

    def _keep(self, part: bytes) -> None:
        room = LONGEST - len(self._rest)
        self._rest += part[:room]
        self._over += max(len(part) - room, 0)

    def _finished(self) -> Line:
        line, over = self._rest, self._over
        self._rest, self._over = b"", 0
        return Line(_text(line), len(line) + over)

    def finish(self) -> list[Line]:
        """The end: what is unfinished is a line, too."""
        return [self._finished()] if self._rest else []


def _text(line: bytes) -> str:
    return line[:LONGEST].decode("utf-8", "backslashreplace").rstrip("\r")
