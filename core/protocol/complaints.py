"""What a program on a server complained about, and the error that it means (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from core.errors import DiskFull, ServerError
from core.text import clean

FIRST = 3
"""Complaints about a full disk that are shown: cp and tar print one for every file."""
MOST = 20
"""Other lines that are shown, and the characters of all of them."""
MOST_CHARACTERS = 4000
LONGEST_SAID = 16 << 10
"""Characters of a line that are looked at; a path has 4,096 at most."""
LONGEST = 1000
"""Characters of a line; of a longer one the beginning, with the path, and the end, with the reason, are shown."""

_NUMBERS = re.compile(r"\d+ (?:kB )?of \d+ (?:kB|inodes) are free in .+")
"""What `room` in process.sh says."""
_FULL = ("no space left", "quota exceeded", "disk full")
_NOISE = re.compile(r".*time stamp .* in the future|.*Exiting with failure status due to previous errors")
"""What tar says of every file where clocks differ, and at its end: not why it failed."""


class Complaints:
    """Lines as they come; keeps those that an error shows, however many there are."""

    def __init__(self) -> None:
        self._numbers: list[str] = []
        self._full: list[str] = []
        self._others: list[str] = []
        self._count = 0
        self._room = MOST_CHARACTERS

    @property
    def text(self) -> str:
        """For people, in whole lines: the disk's numbers where it is full, the first complaints, how many more."""
        shown = self._full or self._others
        lines = [*self._numbers, *shown] if self._full else shown
        more = self._count - len(shown)
        return "\n".join([*lines, f"and {more:,} more"] if more else lines)

    def add(self, line: str) -> None:
        """One line; empty ones and noise are ignored."""
        line = clean(line, LONGEST_SAID).strip()
        if not line or _NOISE.fullmatch(line):
            return
        if len(line) > LONGEST:
            line = f"{line[: LONGEST * 2 // 3]} … {line[-LONGEST // 4 :]}"
        if _NUMBERS.fullmatch(line):
            self._numbers = [*self._numbers, line][-2:]
            return
        self._count += 1
        lowered = line.lower()
        if any(words in lowered for words in _FULL):
            if len(self._full) < FIRST:
                self._full.append(line)
        elif len(self._others) < MOST and len(line) <= self._room:
            self._others.append(line)
            self._room -= len(line)

    def error(self, title: str) -> ServerError:
        """The error that they are: a full disk gets its own."""
        if self._full:
            quota = all("quota exceeded" in line.lower() for line in self._full)
            return DiskFull(
                "the disk quota is used up" if quota else "the disk is full",
                detail=self.text,
                hint="free bytes or inodes there, or prune releases, then try again: what arrived is not sent again",
            )
        return ServerError(title, detail=self.text, hint=_hint(self.text.lower()))


def _hint(said: str) -> str:
    """What to do, as far as the server's own words show the cause."""
    if "read-only file system" in said:
        return "the file system is mounted read-only there; `turnout doctor` tries to write in every place"
    if "permission denied" in said or "operation not permitted" in said:
        return "the login user has no permission to change it; `turnout doctor` tries to write in every place"
    if "is to be writable, and the release does not have it" in said:
        return "make it in shared/, if it is there, or add it to the source, or leave it out of `writable`"
    if "is to be writable, and leads out" in said:
        return "`writable` in turnout.toml can name paths of the release and of shared/ only"
    return "`turnout doctor` looks for the cause"


def failure(title: str, lines: Iterable[str], otherwise: str) -> ServerError:
    """The error for what a program on the server said; `otherwise` where it said nothing."""
    complaints = Complaints()
    for line in lines:
        complaints.add(line)
    if not complaints.text:
        complaints.add(otherwise)
    return complaints.error(title)
