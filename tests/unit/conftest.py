"""Sample projects on this machine, for tests without a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.projects import Files, Nowhere, SampleProject, make_project

GitProject = Callable[..., SampleProject]


@pytest.fixture
def git_project(tmp_path: Path) -> GitProject:
    """Makes a project with a git source of the given files; options are those of `tests.projects.make_project`."""

    def make(files: Files | None = None, **options: Any) -> SampleProject:
        return make_project(tmp_path / "project", [Nowhere()], files or {"index.html": "one\n"}, **options)

    return make
