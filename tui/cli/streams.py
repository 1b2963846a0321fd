"""Lines to stdout and stderr that survive a closed pipe, a lost terminal and an encoding without our glyphs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

from core.text import clean_whole


class Stream:
    """One of the process's own streams. What `said` is text for people: nothing in it reaches a terminal as a code.

    A reader that goes away (`| head`, a terminal that was closed) must not stop an operation in the middle:
    from then on lines are dropped, and `closed` is true.
    """

    def __init__(self, file: TextIO, *, said: bool = False) -> None:
        self._file = file
        self._said = said
        self.closed = False
        reconfigure = getattr(file, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads it on a screen that can do more than append lines."""
        return self.is_tty and os.environ.get("TERM", "") not in ("", "dumb", "unknown")

    @property
    def is_tty(self) -> bool:
        try:
            return self._file.isatty()
        except ValueError:
            return False

    @property
    def columns(self) -> int:
        """The terminal's width in cells; 0 where it is none and a line may be as long as it is."""
        if not self.is_tty:
            return 0
        try:
            return os.get_terminal_size(self._file.fileno()).columns
        except (OSError, ValueError):
            return 80

    def can_show(self, text: str) -> bool:
        """Whether the stream's encoding has all characters of `text`."""
        try:
            text.encode(self._file.encoding or "ascii")
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def write(self, lines: Iterable[str], end: str = "\n") -> None:
        """Write lines and hand them on at once."""
        text = "".join([f"{line}{end}" for line in lines])
        self._write(clean_whole(text) if self._said else text)

    def codes(self, text: str) -> None:
        """Write what means something to a terminal, and is not text."""
        self._write(text)

    def _write(self, text: str) -> None:
        if self.closed or not text:
            return
        try:
            self._file.write(text)
            self._file.flush()
        except (OSError, ValueError):
            self.closed = True
            self._drop_the_rest()

    def _drop_the_rest(self) -> None:
        """Lead the descriptor to /dev/null, so that the interpreter's own flush at exit finds no broken pipe."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._file.fileno())
            os.close(nowhere)
        except (OSError, ValueError):
            return


def open_missing() -> None:
    """Give the process the standard streams that it was started without (`>&-`): they go to /dev/null.

    A free descriptor 1 would else be the next file or connection that is opened, and hooks would print into it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: SIM115  # until the process ends


def stdout() -> Stream:
    return Stream(sys.stdout)


def stderr() -> Stream:
    return Stream(sys.stderr, said=True)
