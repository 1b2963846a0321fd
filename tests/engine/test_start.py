"""The start of a short command: what it loads, counted, because each module costs a part of a millisecond."""

from __future__ import annotations

import json
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
