"""The lines of doctor.sh's `examine` beyond the state, as facts (pure). None of them is trusted to be well-formed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress

from core import layout
from core.text import clean, decode_path, show_path

WORDS = ("user", "tar", "switch")
PATHS = ("in-the-way", "closed-to-us", "closed", "rehearsal")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@-]*\$?")
_REHEARSAL = re.compile(re.escape(layout.PROBE) + r"\.[0-9]{1,12}")
LONGEST = 1000
"""Characters of what a program there said."""


class Facts:
    """What a server said beyond its state.

    user, tar, switch   in its own words, "" where it said nothing
    lacks        programs that it does not have
    in_the_way   what is not a folder on the way to the deploy root; closed_to_us: a folder that we may not enter
    closed       the first folder on the way to the deploy root that other users cannot enter
    rehearsal    the folder for a rehearsal, "" where it could not be made
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lacks: set[str] = set()
        words: dict[str, str] = {}
        self._tried: dict[str, list[str]] = {}
        for line in lines:
            word, _, rest = line.partition(" ")
            with suppress(ValueError):
                if word == "lacks":
                    self.lacks.add(clean(rest, 50))
                elif word == "tried":
                    what, _, problem = rest.partition(" ")
                    said = clean(decode_path(problem).decode("utf-8", "replace"), LONGEST)
                    self._tried.setdefault(what, []).append(said)
                elif word in WORDS:
                    words[word] = clean(rest, 200)
                elif word == "rehearsal":
                    words[word] = decode_path(rest).decode("utf-8", "surrogateescape")
                elif word in PATHS:
                    words[word] = show_path(decode_path(rest))
        # It is part of commands that a person may copy.
        self.user = words.get("user", "") if _USER.fullmatch(words.get("user", "")) else ""
        self.tar = words.get("tar", "")
        self.switch = words.get("switch", "")
        self.in_the_way = words.get("in-the-way", "")
        self.closed_to_us = words.get("closed-to-us", "")
        self.closed = words.get("closed", "")
        self.rehearsal = words.get("rehearsal", "")

    def problems(self, what: str) -> list[str]:
        """The problems that tries of a kind ended with: root, folder, odd, sticky, program …"""
        return [problem for problem in self._tried.get(what, []) if problem]

    def worked(self, what: str) -> bool:
        """Whether it was tried, and went well."""
        return what in self._tried and not self.problems(what)


def is_rehearsal(folder: str, root: str) -> bool:
    """Whether a folder is one that `examine` makes: in the deploy root, or beside what is missing of it."""
    place, _, name = folder.rpartition("/")
    return bool(_REHEARSAL.fullmatch(name)) and (root == place or root.startswith(f"{place}/"))


def reason(problem: str) -> str:
    """Why, of what a program said: `mkdir: cannot create directory 'x': Permission denied` says it last."""
    return problem.rpartition(": ")[2].strip() or problem
