"""What an inspection found of other tools in a deploy root, and what a tool's module makes of it (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set

from msgspec import Struct, field

from core.records import TheirLock, Told

REVISION = re.compile(r"[0-9a-f]{7,64}")
"""What a commit looks like: other texts in a file called REVISION are something else, such as a release's name."""


class Traces(Struct, frozen=True, kw_only=True):
    """Facts from one root. Every text was cut and cleaned where it was read.

    tags       releases that have files and no record of ours
    signs      paths below the root that are there, of those that tell tools apart
    target     the text of `current`
    marks      by tag: names of the marks that lie in the release
    revisions  by tag: the commit in its REVISION
    logs       by path: the last lines of a tool's log
    locks      by path: since when it is there (0.0: unknown), and its first line
    """

    tags: Set[str] = frozenset()
    signs: Set[str] = frozenset()
    target: str = ""
    marks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    revisions: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, Sequence[str]] = field(default_factory=dict)
    locks: Mapping[str, tuple[float, str]] = field(default_factory=dict)

    def named(self, pattern: re.Pattern[str]) -> list[str]:
        """The tags that look so."""
        return [tag for tag in self.tags if pattern.fullmatch(tag)]


class History(Struct, frozen=True):
    """By tag what is told of a release; and the tags in the order in which they were live, the latest last."""

    releases: Mapping[str, Told] = field(default_factory=dict)
    lived: tuple[str, ...] = ()


def _no_locks(traces: Traces) -> tuple[TheirLock, ...]:
    return ()


class Tool(Struct, frozen=True):
    """A deploy tool.

    recognise  whether its signs are there
    history    what its files tell
    locks      its locks that are there
    """

    name: str
    recognise: Callable[[Traces], bool]
    history: Callable[[Traces], History]
    locks: Callable[[Traces], tuple[TheirLock, ...]] = _no_locks


STAMP = re.compile(r"20[0-9]{12}")
"""A release's name made from the time: `20261121193000`."""


def by_name(pattern: re.Pattern[str]) -> Callable[[Traces], History]:
    """A history that knows only which releases are the tool's: their names look so."""
    return lambda traces: History({tag: Told() for tag in traces.named(pattern)})
