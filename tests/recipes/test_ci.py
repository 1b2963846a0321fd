"""docs/recipes/ci.md: both jobs run as their files say, in homes of their own, and a laptop answers them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests import REPOSITORY
from tests.engine.commands import installed_in
from tests.recipes.conftest import page
from tests.servers import need
from tests.waiting import PATIENCE, until
from tests.web_servers import Handler, serving


@pytest.fixture
def notified():
    """Texts that arrive at an address; gives it, and the list that they come to."""
    texts: list[str] = []

    class Receiver(Handler):
        def do_POST(self):
            texts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["message"])
            self.send_response(200)
            self.end_headers()

    with serving(Receiver) as server:
        yield f"json://127.0.0.1:{server.server_address[1]}/", texts


class Jobs:
    """A machine of CI that runs the shell lines of a job; each job has a home of its own."""

    def __init__(self, recipe, tmp_path: Path) -> None:
        self.recipe, self.folder = recipe, tmp_path
        self.path = installed_in(tmp_path / "programs")

    def start(self, name: str, lines: list[str], variables: dict[str, str]) -> subprocess.Popen[str]:
        home = self.folder / f"home-{name}"
        home.mkdir()
        (home / ".gitconfig").write_text("[safe]\n    directory = *\n")
        return subprocess.Popen(
            ["bash", "-ec", "\n".join(lines)],
            cwd=self.recipe.project.folder,
            env={"HOME": str(home), "PATH": self.path, "PYTHONPATH": str(REPOSITORY), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def github(text: str, values: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """The shell lines of the job, but for the one that installs Turnout, and the variables of its steps."""
    lines, variables = [], {}
    for step in YAML(typ="safe").load(text)["jobs"]["deploy"]["steps"]:
        variables |= step.get("env", {})
        if "run" in step and step["name"] != "Install Turnout":
            lines.append(step["run"])
    for name, value in variables.items():
        for key, known in values.items():
            value = value.replace(f"${{{{ {key} }}}}", known)
        assert "${{" not in value, value
        variables[name] = value
    return lines, variables


def gitlab(text: str) -> tuple[list[str], dict[str, str]]:
    """The same of GitLab's job."""
    job = YAML(typ="safe").load(text)["deploy"]
    lines = [line for line in (*job["before_script"], *job["script"]) if not line.startswith("pip install")]
    return lines, job["variables"]


@page("ci")
def test_ci_deploys_and_a_laptop_says_go(recipe, tmp_path, notified, monkeypatch):
    address, texts = notified
    need("ssh")
    need("sshd")  # which reads the key that is added below
    place, jobs = recipe.place, Jobs(recipe, tmp_path)
    recipe.names["ssh-keyscan web1.example.com"] = f"ssh-keyscan -p {place.port} {place.host} 2> /dev/null"
    monkeypatch.setenv("NOTIFY_URL", address)
    monkeypatch.setenv("TURNOUT_USER", "ana")
    recipe.begin({"index.html": "1\n", ".gitignore": "deploy_key*\nknown_hosts\n"})
    config = recipe.project.config.read_text()
    laptop = recipe.project.folder / "laptop.toml"
    laptop.write_text(config)
    where = f'host = "{place.user}@{place.host}", port = {place.port}'
    recipe.project.config.write_text(config.replace(f'host = "{place.alias}"', where))
    make_key, copy_key, scan = recipe.page.commands["A key for CI, once"].splitlines()
    recipe.run(make_key)
    assert copy_key == "ssh-copy-id -i deploy_key.pub deploy@web1.example.com"  # which asks a server with a password
    key, public = (recipe.project.folder / name for name in ("deploy_key", "deploy_key.pub"))
    with (place.server.folder / "authorized_keys").open("a") as file:
        file.write(public.read_text())
    recipe.run(scan)
    known_hosts = recipe.project.folder / "known_hosts"
    commit = recipe.project.git("rev-parse", "HEAD")

    def asked(job: subprocess.Popen[str]) -> None:
        """Wait until people have been told, and every inspection shows the question (within a second)."""
        shown = place.files / ".turnout/lock/question"
        until(lambda: (texts and shown.exists()) or job.poll() is not None, "the question")
        assert texts, job.communicate()[0]

    def answered(job: subprocess.Popen[str], by: str, *words: str) -> str:
        """Wait for the question, answer it, and give what the job said."""
        asked(job)
        assert by in texts.pop() and not recipe.live().endswith(commit[:7])
        recipe.turnout(*words, "--config", "laptop.toml")
        out, _ = job.communicate(timeout=PATIENCE)
        return out

    values = {
        "secrets.DEPLOY_KEY": key.read_text(),
        "vars.KNOWN_HOSTS": known_hosts.read_text(),
        "secrets.NOTIFY_URL": address,
        "github.event.head_commit.message": "Say one\n\nIt's `$(touch hacked)`",
    }
    lines, variables = github(recipe.page[".github/workflows/deploy.yml"], values)
    job = jobs.start("github", lines, {**variables, "GITHUB_SHA": commit, "GITHUB_ACTOR": "bo"})
    _, go = recipe.page.commands["The steps"].splitlines()
    out = answered(job, "bo@", *recipe.words(go))
    assert job.returncode == 0, out
    assert recipe.live().endswith(commit[:7]) and not list(recipe.project.folder.glob("hacked"))
    first = recipe.live()
    commit = recipe.project.commit({"index.html": "2\n"})
    lines, variables = gitlab(recipe.page[".gitlab-ci.yml"])
    files = {"DEPLOY_KEY": str(key), "KNOWN_HOSTS": str(known_hosts), "NOTIFY_URL": address}
    given = {"CI_COMMIT_SHA": commit, "CI_COMMIT_TITLE": "Say two", "GITLAB_USER_LOGIN": "bo"}
    job = jobs.start("gitlab", lines, {**variables, **files, **given})
    out = answered(job, "bo@", "answer", "production", "abort")
    assert job.returncode == 1, out
    assert recipe.live() == first, "nothing was switched"
    # Who started it cannot answer it.
    texts.clear()
    (tmp_path / "home-gitlab").rename(tmp_path / "home-before")
    job = jobs.start("gitlab", lines, {**variables, **files, **given})
    asked(job)
    with monkeypatch.context() as starter:
        starter.setenv("TURNOUT_USER", "bo")
        recipe.turnout(*recipe.words(go), "--config", "laptop.toml", code=2)
    out = answered(job, "bo@", *recipe.words(go))
    assert job.returncode == 0, out
    assert recipe.live().endswith(commit[:7])
    recipe.turnout("rollback", "production", "-m", "the checkout is broken", "--config", "laptop.toml")
    assert recipe.live() == first
