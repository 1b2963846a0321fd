"""Versions in the names of tags, and which of them is the newest (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

TAG = "tag:"
"""What a ref begins with that means the newest tag of a pattern: `tag:v*`."""

_PIECE = re.compile(r"[0-9]+|[a-z]+")
_LONGEST = 300
"""Characters of a name that are read: more than a file system gives a tag."""
_LETTERS, _END, _NUMBER = range(3)

Version = tuple[tuple[int, int, str], ...]


def version(name: str) -> Version:
    """What two tags are compared by: their numbers as numbers, so that v1.10 is newer than v1.9.

    Letters after a number come before the number alone, as a pre-release does: v2.0-rc1, v2.0, v2.0.1. What follows a
    `+` says nothing of the order (semver.org, item 10).
    """
    plain = name.lower().partition("+")[0][:_LONGEST]
    pieces = _PIECE.findall(plain)
    return (*((_NUMBER, int(text), "") if text.isdigit() else (_LETTERS, 0, text) for text in pieces), (_END, 0, ""))


def newest(names: Iterable[str], pattern: str) -> str:
    """The tag with the highest version of those that match a pattern of the shell; "" where none does.

    `*` also matches a slash. Of two with one version the name decides, so that everybody gets the same.
    """
    matching = [name for name in names if fnmatchcase(name, pattern)]
    return max(matching, key=lambda name: (version(name), name), default="")
