"""The lines of a state about other tools, as facts for core.adoption (pure). Everything in them is bounded here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

from core import layout
from core.adoption.traces import REVISION, Traces
from core.protocol.values import number, tag_or_none
from core.records import one_line

MOST_LINES = 300
LONGEST_LINE = 1000
MOST_RELEASES = 5000
"""How much of a server's logs and marks is kept; the agent sends no more."""

_SIGNS = frozenset(
    {
        ".dep",
        ".env",
        "cache",
        layout.CACHE,
        "repo",
        "repo/.git",
        "repo/HEAD",
        "revisions.log",
        "scm",
        "shared/.shared-copy",
        "storage",
    }
)
_LOGS = frozenset({"revisions.log", ".dep/releases_log"})
_LOCKS = frozenset({"deploy.lock", ".dep/deploy.lock"})
_MARKS = frozenset({"BAD_RELEASE", "DIRTY_RELEASE", "DEPLOY_UNFINISHED"})


class TraceReader:
    """Takes the lines in, each with what follows its word."""

    def __init__(self) -> None:
        self._signs: set[str] = set()
        self._marks: dict[str, list[str]] = {}
        self._revisions: dict[str, str] = {}
        self._logs: dict[str, list[str]] = {}
        self._locks: dict[str, tuple[float, str]] = {}
        self.readers: Mapping[str, Callable[[str], None]] = {
            "sign": self._sign,
            "marked": self._marked,
            "revision": self._revision,
            "log": self._log,
            "their-lock": self._lock,
        }

    def found(self, tags: Set[str], target: str) -> Traces:
        """What was found. `tags`: releases with files and no record; `target`: the text of `current`."""
        return Traces(
            tags=tags,
            signs=self._signs,
            target=target,
            marks=self._marks,
            revisions=self._revisions,
            logs=self._logs,
            locks=self._locks,
        )

    def _sign(self, rest: str) -> None:
        self._signs |= _SIGNS & {rest}

    def _marked(self, rest: str) -> None:
        mark, _, name = rest.partition(" ")
        tag = tag_or_none(name)
        if mark in _MARKS and tag and len(self._marks) < MOST_RELEASES:
            self._marks.setdefault(tag, []).append(mark)

    def _revision(self, rest: str) -> None:
        """`releases/TAG/FILE:TEXT`: only what can be a commit is one."""
        path, _, text = rest.partition(":")
        tag = path.removeprefix(layout.release("")).rpartition("/")[0]
        text = text.strip()
        if tag_or_none(tag) and REVISION.fullmatch(text) and len(self._revisions) < MOST_RELEASES:
            self._revisions[tag] = text

    def _log(self, rest: str) -> None:
        path, _, text = rest.partition(" ")
        lines = self._logs.setdefault(path, []) if path in _LOGS else []
        if len(lines) < MOST_LINES:
            lines.append(one_line(text)[:LONGEST_LINE])

    def _lock(self, rest: str) -> None:
        path, _, rest = rest.partition(" ")
        since, _, who = rest.partition(" ")
        if path in _LOCKS:
            self._locks[path] = (number(since), one_line(who).strip()[:100])
