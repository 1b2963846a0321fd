"""Running the command in tests: as a process of its own, from a project's folder."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.forked import forker
from tests.projects import SampleProject, Script, write_files
from tests.servers import Destination
from tests.shapes import keeps_its_shape
from tests.waiting import until

COMMAND = [sys.executable, "-m", "tui.cli"]


def installed_in(folder: Path) -> str:
    """Put a program `turnout` into a folder; PATH with this folder first."""
    write_files(folder, {"turnout": Script(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')})
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def start(project: SampleProject, *words: str, **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *words],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def turnout(project: SampleProject, *words: str, first: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command to its end. `first` is Python that its process runs before."""
    with TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        status = forker().start(words, project.folder, out, err, first).wait()
        said = [file.read() for file in (out, err) if file.seek(0) == 0]
    return subprocess.CompletedProcess(["turnout", *words], status, *said)


def turnout_json(project: SampleProject, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and the JSON lines; asserts that nothing else is said, and that the result comes last."""
    ended = turnout(project, *words, "--json")
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.stderr == ""
    assert [line["event"] == "result" for line in lines] == [False] * (len(lines) - 1) + [True]
    assert lines[-1]["exit_code"] == ended.returncode
    for line in lines:
        keeps_its_shape(line)
    return ended.returncode, lines


def everything(places: Sequence[Destination], *, but: str = "") -> list[str]:
    """Every path below the roots, with what a link leads to and what a file holds, but for names that end so.

    What agents still remove after they have answered is waited for.
    """
    lines = []
    for place in places:
        until(lambda own=place.files / ".turnout": not list(own.glob("trash.*")), f"{place.alias} to be swept")
        for folder, folders, files in os.walk(place.files):
            for name in (name for name in folders + files if not but or not name.endswith(but)):
                path = Path(folder, name)
                what = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
                lines.append(f"{path}: {what!r}")
    return sorted(lines)


def held(path: Path) -> str:
    """A prepare hook that says on each server that it runs, and goes on when `path` is gone."""
    run = f"touch {path}.$TURNOUT_SERVER; while [ -e {path} ]; do sleep 0.05; done"
    return f'[[hooks]]\non = "prepare"\nrun = "{run}"\n'


def until_held(path: Path, fleet: Sequence[Destination]) -> None:
    """Wait until that hook runs on every server."""
    for place in fleet:
        until(Path(f"{path}.{place.alias}").exists, f"the hook runs on {place.alias}")
