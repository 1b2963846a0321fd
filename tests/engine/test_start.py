"""The start of a short command: what it loads, counted, because each module costs a part of a millisecond."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

MOST = 560
"""Modules of a rollback with everything that it does; 519 with Python 3.11."""
NEVER = {
    "textual",
    "rich",
    "asyncio",
    "asyncssh",
    "unittest",
    "ssl",
    "http",
    "logging.config",
    "platformdirs",
    "email",
    "yaml",
    "zipfile",
}
REPORT = (
    "import json, sys\n"
    "from tui.cli import main\n"
    "code = main(sys.argv[1:])\n"
    "print(json.dumps(['modules', code, sorted(sys.modules)]))\n"
)


def test_a_rollback_loads_few_modules(sshd, project_factory, engine):
    project = project_factory([sshd])
    first = engine(project)
    first.deploy(tag="r1")
    project.commit({"index.html": "two\n"})
    first.deploy(tag="r2")
    done = subprocess.run(
        [sys.executable, "-c", REPORT, "rollback", "production", "--yes", "--json"],
        cwd=project.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    _, code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0, done.stdout
    assert {name for name in modules if name in NEVER or name.partition(".")[0] in NEVER} == set()
    assert {name for name in modules if name.startswith("core.source.git")} == set(), "nothing is sent"
    assert len(modules) <= MOST


def test_a_profile_says_what_the_operation_cost_here_and_there(sshd, project_factory):
    project = project_factory([sshd], {f"{number}.txt": f"{number}\n" for number in range(1500)})
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli", "deploy", "production", "--yes"],
        cwd=project.folder,
        env={**os.environ, "TURNOUT_PROFILE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    first, head, *rows = done.stderr[done.stderr.index("profile: ") :].splitlines()
    assert re.search(r"; processor \d+\.\d\d s, .*, on the servers 0\.\d\d s; ", first)
    assert head.split() == ["from", "to", "took", "here", "there", "web"]
    cells = {row.split()[0]: row.split()[1:] for row in rows}
    assert {"start", "load", "tree", "login", "begin", "upload", "stage", "switch"} <= set(cells)
    assert len(cells["stage"]) == 6 and float(cells["stage"][4]) > 0, "1,500 files are copied there"
