"""turnout.toml on this machine's disk: whether it still says what the dashboard uses."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from core.errors import ConfigError
from core.files import read_small
from core.jobs import Job
from tui.model.bridge import Bridge

if TYPE_CHECKING:
    from core.config import Project

Mark = tuple[int, int, int]


class ProjectFile:
    """The file of the project that is in use. `newer` is what it says now, where that is something else."""

    def __init__(self, project: Project, bridge: Bridge) -> None:
        self.newer: Project | None = None
        self._project = project
        self._bridge = bridge
        self._mark = self._marked()
        self._read_last = self._used = self._text()
        self._busy = False

    def saved(self, project: Project) -> None:
        """Take in what the dashboard itself has written."""
        self._mark, self._read_last, self.newer = self._marked(), self._text(), project

    def use(self) -> None:
        """What it says now is in use."""
        self._used, self.newer = self._read_last, None

    def look(self, on_news: Callable[[ConfigError | None], None]) -> None:
        """Read the file where it was written since. `on_news` hears of another project, or why the file is none; to be
        called every second.
        """
        mark = self._marked()
        if self._busy or mark is None or mark == self._mark:
            return
        self._busy, self._mark = True, mark
        job: Job[Project | None] = Job("turnout.toml", lambda emit, controls: self._changed())

        def ended(job: Job[Any]) -> None:
            self._busy = False
            self.newer = job.outcome
            fault = job.error if isinstance(job.error, ConfigError) else None
            if self.newer is not None or fault is not None:
                on_news(fault)

        self._bridge.follow(job, ended)
        job.start()

    def _changed(self) -> Project | None:
        """The project that the file describes now; None where its text is the one in use."""
        from core.config import load

        self._read_last = self._text()
        if self._read_last == self._used:
            return None
        return load(self._project.path, self._project.settings)

    def _text(self) -> bytes | None:
        try:
            return read_small(self._project.path)
        except OSError:
            return None

    def _marked(self) -> Mark | None:
        """What differs once the file was written; None where it is not there."""
        try:
            facts = os.stat(self._project.path)
        except OSError:
            return None
        return facts.st_mtime_ns, facts.st_size, facts.st_ino
