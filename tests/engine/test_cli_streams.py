"""The command without a standard stream, or with one that takes nothing: it does its work, and says nothing odd."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.driving import live
from tests.waiting import until


def shell(folder: Path, words: str, streams: str) -> tuple[int, str]:
    """The exit code of the command, with streams led elsewhere by a shell, and what it still says on stderr."""
    ended = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m tui.cli {words} {streams}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("streams", [">&-", ">/dev/full", "2>&-", "2>/dev/full", "<&- >&- 2>&-", ">/dev/full 2>&1"])
@pytest.mark.parametrize("words", ["", "--json"])
def test_a_deploy_is_carried_out_whatever_becomes_of_its_words(servers, project_factory, streams, words):
    web = servers(2)
    # A hook on this machine inherits nothing of it, and what it prints lands in no connection.
    hook = '[[hooks]]\non = "before-switch"\nwhere = "operator"\nrun = "echo hello; echo hello >&2"\n'
    project = project_factory(web, extra=hook)
    code, said = shell(project.folder, f"deploy production --yes --tag one {words}", streams)
    assert code == 0, said
    assert "Traceback" not in said and "Error" not in said
    assert [live(place) for place in web] == ["one", "one"]
    for place in web:
        until(lambda place=place: not (place.files / ".turnout/lock").exists(), "no lock is left")


@pytest.mark.parametrize("streams", [">&-", ">/dev/full", "2>&-", "2>/dev/full", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--version", 0),
        ("--help", 0),
        ("releases production", 0),
        ("releases production --json", 0),
        ("doctor nowhere", 2),
        ("deploy production", 2),
        ("nonsense", 2),
        ("init", 2),
        ("", 2),
    ],
)
def test_no_command_ends_in_a_traceback(sshd, project_factory, words, expected, streams):
    code, said = shell(project_factory([sshd]).folder, words, streams)
    assert "Traceback" not in said and "Exception" not in said
    assert code == expected, said
