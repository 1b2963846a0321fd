"""README.md is true: its first deploy works as written, its tests and pictures exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests import REPOSITORY
from tests.engine.commands import installed_in
from tests.projects import write_files
from tests.servers import Destination
from tests.terminal import Terminal
from tests.tui.test_terminal import Tmux

PAGE = (REPOSITORY / "README.md").read_text("utf-8")


def steps(heading: str) -> list[str]:
    """The commands of a section, without what is said of them."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [line.partition("#")[0].strip() for line in section.splitlines() if line.startswith("    ")]


def test_every_test_and_picture_and_page_that_is_named_exists() -> None:
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", PAGE)
    assert len(named) > 10
    for path, name in named:
        assert f"def {name}(" in (REPOSITORY / path).read_text("utf-8"), name
    rows = [
        line for line in PAGE.partition("## Beside other tools")[2].partition("## Where")[0].splitlines() if "|" in line
    ]
    told = [row for row in rows if not row.startswith(("|---", "| on the servers of", "| what |"))]
    assert all("::test_" in row for row in told), "what no test shows is not said"
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert len(links) > 15 and "screenshots/tour.svg" in links
    for link in links:
        assert (REPOSITORY / link).exists(), link


@pytest.mark.parametrize("kind", ["clean", "hostile"])
def test_from_the_readme_to_a_first_deploy_to_ones_own_server(
    kind: str, sshd: Destination, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a home with a key and nothing else. `pipx install .` is what tests/engine/test_packages.py does.

    hostile   there is no home that can be written to, so the files are named; a terminal that can do nothing
    """
    for file in (home / ".ssh").iterdir():
        file.unlink()
    shutil.copy(sshd.key, home / ".ssh/id_ed25519")
    looks = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
    if kind == "hostile":
        (tmp_path / "ssh_config").write_text(f"IdentityFile {sshd.key}\nUserKnownHostsFile {tmp_path}/known_hosts\n")
        monkeypatch.setenv("TURNOUT_SSH_CONFIG", str(tmp_path / "ssh_config"))
        monkeypatch.setenv("HOME", "/proc/none")
        looks = {"TERM": "dumb", "LANG": "C", "LC_ALL": "C"}
    application = tmp_path / "your-application"
    write_files(application, {"index.html": "hello\n"})
    monkeypatch.setenv("PATH", installed_in(tmp_path / "programs"))
    server = f"{sshd.user}@127.0.0.1:{sshd.port}"
    asked = {
        "turnout init": [
            ("Name of the project", ""),
            ("Deploy from", ""),
            ("Directory to deploy", ""),
            ("Name of the environment", ""),
            ("SSH destination of the first server", server),
            ("Its folder", sshd.root),
            ("Its name", "web1"),
            ("SSH destination of one more server", ""),
            ("Releases to keep", ""),
        ],
        "turnout trust production": [("Record this key permanently?", "yes")],
        "turnout doctor production": [],
        "turnout deploy production": [("[y/N]", "y")],
    }
    written = steps("Your first deploy")
    assert written == ["cd your-application", *asked, "turnout"], "a step was added or changed: script it here"
    mask = "umask 077; " if kind == "hostile" else ""
    for step, answers in asked.items():
        with Terminal(["sh", "-c", f"{mask}exec {step}"], application, **looks) as terminal:
            for question, answer in answers:
                terminal.expect(question)
                terminal.type(answer)
            assert terminal.end() == 0, f"{step}\n{terminal.text}"
    page = sshd.files / "current/index.html"
    assert page.read_text() == "hello\n" and page.stat().st_mode & 0o777 == 0o644
    named = ("HOME", "PATH", "TURNOUT_CACHE_DIR", "TURNOUT_SSH_CONFIG")
    environ = {name: os.environ[name] for name in named if name in os.environ}
    environ |= {name: value for name, value in looks.items() if name != "TERM"}  # tmux is one that can do something
    dashboard = Tmux(tmp_path, application, "turnout", **environ)
    try:
        dashboard.shows("LIVE")
        dashboard.press("q")
        assert dashboard.ended() == 0
    finally:
        dashboard.close()
