"""A tree whose making begins before the operation does: git reads it while this process loads the SSH library."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from core.errors import TurnoutError
from core.events import Emit, Event
from core.jobs import Ahead, Cancel
from core.source.coming import Coming
from core.source.selection import Selection

if TYPE_CHECKING:
    from core.config import Project
    from core.source.tree import Tree


def coming_of(project: Project) -> Coming:
    """What will be told what comes of a project's source."""
    return Coming(Selection(project.source.publish, project.source.exclude).relative)


class EarlyTree:
    """A tree for the environment `target`, on a thread of its own. Where commands build it nothing is begun: they
    run only when the operation has been found to be possible.

    ref     the revision; None: the project's own `ref`
    coming  what comes of it, as it comes
    """

    def __init__(self, project: Project, ref: str | None, target: str) -> None:
        self.ref = ref
        self.coming = coming_of(project)
        self._project = project
        self._target = target
        self._cancel = Cancel()
        self._lock = threading.Lock()
        self._said: list[Event] = []
        self._emit: Emit = self._said.append
        self._made: Ahead[Tree | None] = Ahead(self._make)

    def take(self, emit: Emit, cancel: Cancel) -> Tree | None:
        """The tree; None where nothing was begun. Raises what `make_tree` raises. What it says goes to `emit`."""
        with self._lock:
            for event in self._said:
                emit(event)
            self._emit = emit
        unlink = cancel.on_request(self._cancel.request)
        try:
            return self._made.get()
        finally:
            unlink()

    def drop(self) -> None:
        """End it: nobody wants it any more."""
        self._cancel.request()
        with suppress(TurnoutError):
            self._made.get()

    def _make(self) -> Tree | None:
        from core.source import make_tree  # loaded on this thread, beside the SSH library
        from core.source.build import commands

        if commands(self._project):
            return None
        with self.coming.ending():
            return make_tree(self._project, self.ref, self._say, self._cancel, target=self._target, coming=self.coming)

    def _say(self, event: Event) -> None:
        with self._lock:
            self._emit(event)
