"""What a command prints on its way to people: decoded, cut into lines, and bounded, however much it is."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from core.masking import Masking
from core.text import count, cut_lines, size

LONGEST_LINE = 1 << 14
"""Characters after which a line without an end is handed on in pieces."""
MOST_LINES = 25_000
MOST_CHARACTERS = 2 << 20
"""What of one command is handed on as it comes; of what it prints beyond that only the last lines are, at its end."""
LAST_LINES = 20
"""Lines from the end that are handed on of what is left out."""
_TAIL = 1 << 16
"""Bytes from the end that are kept to find those lines in."""

QUIET = 1.0
"""Seconds without a word from what a command left running, after its end, until its output counts as complete."""
GRACE = 5.0
"""Seconds after a command's end in which its output is read at most."""


class Output:
    """A command's output: bytes in, lines out; memory and work do not grow with what a command prints.

    Where a long line is cut, `mask` still finds every secret in its pieces.
    """

    def __init__(self, on_line: Callable[[str], None], mask: Masking) -> None:
        self._on_line = on_line
        self._mask = mask
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._rest = ""
        self._lines = MOST_LINES
        self._characters = MOST_CHARACTERS
        self._left_out: _LeftOut | None = None

    def take(self, piece: bytes) -> None:
        """The next piece, cut anywhere."""
        if self._left_out is not None:
            self._left_out.add(piece)
            return
        lines, self._rest = self._cut(self._rest + self._decode(piece))
        for place, line in enumerate(lines):
            if self._lines <= 0 or self._characters <= 0:
                self._stop([*lines[place:], self._rest])
                return
            self._lines -= 1
            self._characters -= len(line) + 1
            self._say(line)

    def finish(self) -> None:
        """The end: hand on a line that has none, and the last lines of what was left out."""
        left_out, self._left_out = self._left_out, None
        if left_out is None:
            text, before = self._rest + self._decode(b"", final=True), ""
        else:
            text, before = left_out.end()
        self._rest = ""
        lines, rest = self._cut(text)
        if before:
            self._on_line(before)
        for line in [*lines, rest] if rest else lines:
            self._say(line)

    def _stop(self, lines: list[str]) -> None:
        """From here on nothing is handed on until the end."""
        self._on_line(f"[turnout: output limit reached; only the last {LAST_LINES} lines will be shown, at the end]")
        self._left_out = _LeftOut()
        self._left_out.add("\n".join(lines).encode("utf-8", "replace"))
        self._rest = ""

    def _cut(self, text: str) -> tuple[list[str], str]:
        return cut_lines(text, "\n", LONGEST_LINE, self._mask.cut, self._mask.longest)

    def _say(self, line: str) -> None:
        # Of a progress display that overwrites its line, only its last state.
        self._on_line(line.rstrip("\r").rpartition("\r")[2])


class _LeftOut:
    """Output that is counted and forgotten, but for its end."""

    def __init__(self) -> None:
        self._bytes = 0
        self._newlines = 0
        self._tail = b""

    def add(self, piece: bytes) -> None:
        self._bytes += len(piece)
        self._newlines += piece.count(b"\n")
        self._tail += piece
        if len(self._tail) > 4 * _TAIL:
            self._tail = self._tail[-_TAIL:]

    def end(self) -> tuple[str, str]:
        """The last lines, and what is to be said before them: how much was left out."""
        tail = self._tail
        if len(tail) < self._bytes:
            # It begins in the middle of a line, maybe of a secret.
            tail = tail.partition(b"\n")[2]
        lines = tail.splitlines(keepends=True)[-LAST_LINES:]
        shown = b"".join(lines)
        bytes_left, lines_left = self._bytes - len(shown), self._newlines - shown.count(b"\n")
        said = f"[turnout: {count(lines_left, 'line')} left out, {size(bytes_left)}]" if bytes_left > 0 else ""
        return shown.decode("utf-8", "replace"), said
