"""docs/library.md is true: its script runs as it stands there, and does what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import errors
from tests.engine.driving import at_rest, live, record

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/library.md").read_text("utf-8")
SCRIPT, WITH_A_CANCEL = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def run_script(tmp_path):
    """Run the script of the page in a project's folder."""
    script = tmp_path / "deploy.py"
    script.write_text(SCRIPT)

    def run(project):
        return subprocess.run(
            [sys.executable, "-W", "error", str(script)],
            cwd=project.folder,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_script_deploys_and_says_what_it_does(servers, project_factory, run_script):
    places = servers(2)
    done = run_script(project_factory(places))
    assert done.returncode == 0, done.stderr
    assert {live(place) for place in places} == {record(places[0], live(places[0])).tag}
    assert record(places[0], live(places[0])).by == "nightly@build"
    *phases, summary = done.stdout.splitlines()
    assert {"everywhere: barrier", "web1: switch", "web2: switch"} <= set(phases)
    assert live(places[0]) in summary
    at_rest(places)


def test_a_failure_of_the_script_is_said_with_the_exit_code_of_the_command(servers, project_factory, run_script):
    places = servers(2)
    failing = '[[checks]]\nrun = "echo no; exit 3"\nattempts = 1\n'
    done = run_script(project_factory(places, extra=failing))
    assert done.returncode == errors.EXIT_FAILED
    assert "the check failed after 1 attempt" in done.stderr and "Traceback" not in done.stderr
    assert {live(place) for place in places} == {""}
    at_rest(places)


def test_the_job_of_the_page_is_stopped_by_its_cancel(sshd, project_factory, engine):
    names: dict[str, object] = {}
    exec(compile(WITH_A_CANCEL, "library.md", "exec"), names)
    waits = '[[hooks]]\non = "prepare"\nrun = "sleep 60"\n'
    fleet = engine(project_factory([sshd], extra=waits)).fleet
    job = names["deploy"](fleet)
    job.controls.cancel.request()
    with pytest.raises(errors.TurnoutError) as raised:
        job.result()
    assert isinstance(raised.value, errors.Cancelled) or raised.value.cancelled
    assert live(sshd) == ""
    at_rest([sshd])
