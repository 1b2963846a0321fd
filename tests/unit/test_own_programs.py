"""Programs of ours that are started in the folder of an application: its packages are never taken for ours."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.projects import Nowhere, make_project
from tui.cli import main
from tui.demo import servers
from tui.web import serving

TRAP = "raise SystemExit('the package of the application was loaded')\n"


class Stopped(Exception):
    """Nothing is started."""


def application(folder: Path) -> Path:
    """The folder of an application with packages that are named as ours."""
    for name in ("core", "tui"):
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(TRAP)
    return folder


def start(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the module that a command names, without a word more."""
    module = [*words[: words.index("-m") + 2]]
    return subprocess.run(module, cwd=folder, capture_output=True, text=True, check=False)


def test_the_servers_of_the_demo_load_nothing_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[list[str]] = []

    def popen(words: list[str], **options: Any) -> None:
        started.append(words)
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(servers.subprocess, "Popen", popen)
        with pytest.raises(Stopped):
            servers.EmbeddedServers(1, tmp_path)
    ended = start(started[0], application(tmp_path / "shop"))
    assert "python -m tui.demo.sshd" in ended.stderr, ended


def test_the_dashboard_of_a_browser_loads_nothing_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path / "shop", [Nowhere()], {"index.html": "one\n"})
    started: list[Sequence[str]] = []
    monkeypatch.setattr(serving, "serve", lambda command, *rest, **more: started.append(command) or 0)
    monkeypatch.chdir(application(project.folder))
    assert main(["web"]) == 0
    ended = start(started[0], project.folder)
    assert "path, _, environment" in ended.stderr, ended
