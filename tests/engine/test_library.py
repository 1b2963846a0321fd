"""docs/library.md is true: its script runs as it stands there, and does what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from core import errors
from tests.engine.driving import at_rest, live, record
from tests.web_servers import Handler, serving

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/library.md").read_text("utf-8")
SCRIPT, WITH_A_CANCEL, WITH_A_WATCH = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def run_script(tmp_path):
    """Run the script of the page in a project's folder."""
    script = tmp_path / "deploy.py"

    def run(project, text=SCRIPT, *words):
        script.write_text(text)
        return subprocess.run(
            [sys.executable, "-W", "error", str(script), *words],
            cwd=project.folder,
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


def test_the_longer_script_deploys_watches_and_goes_back_if_the_site_is_not_well(servers, project_factory, run_script):
    class Answer(Handler):
        def do_GET(self):
            self.send_response(500)
            self.end_headers()

    places = servers(2)
    # Long enough for somebody else to see the operation.
    project = project_factory(places, extra='[[hooks]]\non = "before-switch"\nrun = "sleep 1"\n')
    assert run_script(project).returncode == 0
    first = live(places[0])
    project.commit({"index.html": "two\n"})
    with serving(Answer) as site:
        done = run_script(project, WITH_A_WATCH, f"http://127.0.0.1:{site.server_port}/", "0.2")
    assert done.stderr == "" and done.returncode == 1, done.stdout
    lines = done.stdout.splitlines()
    second = next(line.split()[-1] for line in lines if line.startswith("deploy: "))
    assert second != first
    assert [f"{who}: web{n} has {second}" in lines for who in ("deploy", "watch") for n in (1, 2)] == [True] * 4
    assert [f"rollback: web{n} has {first}" in lines for n in (1, 2)] == [True] * 2
    assert {live(place) for place in places} == {first}
    at_rest(places)
