"""Run a part of the tests with the oldest and with the newest dependencies that pyproject.toml lets in.

`python -m tests.bounds [oldest] [newest]`, both by default; each has a .venv of its own, .venv-oldest and .venv-newest.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = (
    "tests/unit/test_private_names.py",
    "tests/unit/test_config.py",
    "tests/unit/test_config_faults.py",
    "tests/unit/test_keymap.py",
    "tests/tui/test_operations.py",
    "tests/engine/test_connecting.py",
    "tests/engine/test_logins.py",
)
"""What touches most of the dependencies, and where an older or newer one would show first."""


def oldest() -> list[str]:
    """The least version of each dependency, as requirements: `paramiko==3.5`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["demo"]]
    bounds = [re.match(r"([\w.-]+)>=([\w.]+)", text) for text in wanted]
    return [f"{match[1]}=={match[2]}" for match in bounds if match]


def run(which: str) -> int:
    """Install and test; the tests' exit status."""
    venv = ROOT / f".venv-{which}"
    python = str(venv / "bin/python")
    if not Path(python).exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--upgrade", "--upgrade-strategy", "eager", "--editable", ".[dev]"], cwd=ROOT, check=True)
    if which == "oldest":
        subprocess.run([*pip, *oldest()], cwd=ROOT, check=True)
    freeze = [python, "-m", "pip", "freeze", "--exclude-editable"]
    shown = subprocess.run(freeze, capture_output=True, text=True, check=True)
    names = {requirement.partition("==")[0] for requirement in oldest()}
    lines = [line for line in shown.stdout.splitlines() if line.partition("==")[0].lower().replace("_", "-") in names]
    print(f"{which}: {', '.join(lines)}", flush=True)
    words = [python, "-m", "pytest", "-q", "--numprocesses=4", *TESTS]
    return subprocess.run(words, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(max([run(which) for which in sys.argv[1:] or ["oldest", "newest"]]))
