"""The commits by which the project's own revision is ahead of what is live: asked of git beside the interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from core.jobs import Job
from tui.model.bridge import Bridge
from tui.view.fleet import Ahead

if TYPE_CHECKING:
    from core.config import Project

Pair = tuple[str, str]
"""What an environment deploys (`ref`), and the revision that is live there."""

NAMED = 30
"""Commits that are kept: more than these no screen has room for."""

AGAIN = 30.0
"""Seconds after which git is asked again: somebody may have committed."""


class Commits:
    """By ref and revision: by which commits the ref is ahead of the revision, as far as that is known."""

    def __init__(
        self, project: Project, bridge: Bridge, now: Callable[[], float], on_change: Callable[[], None]
    ) -> None:
        self.found: dict[Pair, Ahead] = {}
        self._project = project
        self._bridge = bridge
        self._now = now
        self._on_change = on_change
        self._asked: frozenset[Pair] = frozenset()
        self._at = 0.0
        self._busy = False

    def look(self, pairs: Iterable[Pair]) -> None:
        """Ask about these pairs, where others are wanted than the last time or that was a while ago."""
        wanted = frozenset(pair for pair in pairs if pair[1])
        due = wanted != self._asked or self._now() - self._at >= AGAIN
        if not wanted or self._busy or not due or not self._project.source.has_revisions:
            return
        self._asked, self._at, self._busy = wanted, self._now(), True
        job: Job[dict[Pair, Ahead]] = Job("commits ahead", lambda emit, controls: counted(self._project, wanted))
        self._bridge.follow(job, self._came)
        job.start()

    def _came(self, job: Job[Any]) -> None:
        self._busy = False
        if job.outcome is not None and job.outcome != self.found:
            self.found = job.outcome
            self._on_change()


def counted(project: Project, pairs: Iterable[Pair]) -> dict[Pair, Ahead]:
    """By ref and revision: the commits that the ref is ahead; those that git does not know are left out."""
    from core.source import source_of

    source = source_of(project)
    history = source.history()
    if history is None:
        return {}
    pairs = list(pairs)
    tips = {ref: source.meaning(ref)[1] for ref, _ in dict.fromkeys(pairs)}
    found = {pair: history.commits(pair[1], tips[pair[0]]) for pair in pairs if tips[pair[0]]}
    return {
        pair: Ahead(*pair, commits.added_count, commits.added[:NAMED])
        for pair, commits in found.items()
        if not commits.unknown
    }
