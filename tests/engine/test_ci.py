"""Turnout in a CI: the action, the component and the image are well-formed, and a server proves who it is."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser
from ruamel.yaml import YAML

from tests import REPOSITORY
from tests.conftest import ProjectFactory
from tests.engine.commands import installed_in
from tests.engine.test_connecting import fingerprint, forget
from tests.projects import SampleProject
from tests.servers import Destination, need

ACTION, COMPONENT = REPOSITORY / "action.yml", REPOSITORY / "templates/deploy.yml"
SCRIPT = (REPOSITORY / "packages/deploy.sh").read_text("utf-8").split("\n", 2)[2]
PAGE = (REPOSITORY / "docs/ci.md").read_text("utf-8")
BASH = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
"""As GitHub runs a step with `shell: bash`."""


def documents(text: str) -> list[Any]:
    return list(YAML(typ="safe").load_all(text))


def right(schema: str, *files: Path) -> None:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, *map(str, files)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_action_fits_its_schema_and_requires_fingerprints() -> None:
    right("vendor.github-actions", ACTION)
    (action,) = documents(ACTION.read_text("utf-8"))
    inputs = action["inputs"]
    assert [name for name, given in inputs.items() if given["required"]] == ["environment", "fingerprints", "ssh-key"]
    assert not any("default" in inputs[name] for name in ("environment", "fingerprints", "ssh-key"))
    deploy = action["runs"]["steps"][-1]
    assert deploy["run"] == SCRIPT
    for step in action["runs"]["steps"]:
        assert "${{" not in step["run"], "an input would be a part of the program"
    assert set(re.findall(r"inputs\.([\w-]+)", str(deploy["env"]))) == set(inputs)


def test_the_component_fits_its_schema_and_requires_fingerprints(tmp_path: Path) -> None:
    text = COMPONENT.read_text("utf-8")
    parts = [tmp_path / "spec.yml", tmp_path / "jobs.yml"]
    for part, content in zip(parts, text.split("---\n"), strict=True):
        part.write_text(content)
    right("vendor.gitlab-ci", *parts)
    spec, jobs = documents(text)
    inputs = spec["spec"]["inputs"]
    assert [name for name, given in inputs.items() if "default" not in given] == [
        "environment",
        "fingerprints",
        "image",
    ]
    ours, two = f"SHA256:{'a+/' * 14}A", f"SHA256:{'b' * 43}"
    for value, fits in ((ours, True), (f"{ours} {two}", True), ("", False), ("MD5:aa", False), (f"{ours} no", False)):
        assert bool(re.search(inputs["fingerprints"]["regex"], value)) is fits, value
    (job,) = jobs.values()
    assert job["script"] == [SCRIPT]
    assert set(re.findall(r"\$\[\[ inputs\.([\w-]+) \]\]", text)) == set(inputs)


def test_nothing_that_is_handed_out_turns_the_check_of_host_keys_off() -> None:
    handed_out = [ACTION, COMPONENT, *(REPOSITORY / "packages").iterdir(), REPOSITORY / "docs/ci.md"]
    for path in handed_out:
        if path.is_file():
            text = path.read_text("utf-8").lower()
            assert "stricthostkeychecking" not in text and "ssh-keyscan" not in text, path


@pytest.fixture
def runner(
    sshd: Destination, home: Path, tmp_path: Path, project_factory: ProjectFactory
) -> tuple[SampleProject, dict[str, str]]:
    """A job's checkout and variables: its home has no key and no known host; `turnout` is in PATH."""
    sample = project_factory([sshd])
    forget(home, sshd)
    config = home / ".ssh/config"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if "Identit" not in line) + "\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SSH_")}
    return sample, {
        **environ,
        "PATH": installed_in(tmp_path / "programs"),
        "DEPLOY_ENVIRONMENT": "production",
        "DEPLOY_KEY": sshd.key.read_text().replace("\n", "\r\n"),
        "DEPLOY_REF": sample.git("rev-parse", "HEAD"),
        "DEPLOY_ARGUMENTS": "--tag of-ci",
        "DEPLOY_FINGERPRINTS": f"SHA256:{'A' * 43}",
    }


def test_the_step_deploys_to_a_server_that_has_the_fingerprint_and_to_no_other(
    sshd: Destination, runner: tuple[SampleProject, dict[str, str]], home: Path
) -> None:
    sample, environ = runner
    need("ssh-agent")

    def step(**changes: str) -> subprocess.CompletedProcess[str]:
        variables = {**environ, **changes}
        return subprocess.run(
            [*BASH, SCRIPT], cwd=sample.folder, env=variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    for changes, code, said in (
        ({}, 3, "no --fingerprint is theirs"),
        ({"DEPLOY_FINGERPRINTS": ""}, 2, "fingerprints is empty"),
        ({"DEPLOY_FINGERPRINTS": " \n "}, 2, "fingerprints is empty"),
        ({"DEPLOY_ENVIRONMENT": "--help"}, 2, "begins with a dash"),
        ({"DEPLOY_FINGERPRINTS": "* --yes"}, 2, "is not a fingerprint"),
        ({"DEPLOY_KEY": ""}, 2, "ssh-key is empty"),
        ({"DEPLOY_KEY": "no key"}, 1, "Error loading key"),
    ):
        ended = step(**changes)
        assert ended.returncode == code and said in ended.stdout + ended.stderr, ended
        assert not (sshd.files / "releases").exists()
    ours = fingerprint(sshd.server.host_key)
    ended = step(DEPLOY_FINGERPRINTS=f"{environ['DEPLOY_FINGERPRINTS']}\n{ours}")
    assert ended.returncode == 0, ended
    assert os.readlink(sshd.files / "current") == "releases/of-ci"
    assert "PRIVATE KEY" not in "".join(path.read_text() for path in (home / ".ssh").iterdir() if path.is_file())
    # The secret may be a variable of the whole job: a hook that runs in the job sees neither that nor ours.
    seen = home / "seen"
    hook = f'[[hooks]]\non = "success"\nwhere = "operator"\nrun = "env > {seen}"\n'
    sample.config.write_text(f"{sample.config.read_text()}\n{hook}")
    known = {"DEPLOY_FINGERPRINTS": ours}
    again = step(SSH_PRIVATE_KEY=environ["DEPLOY_KEY"], KEPT="a key", DEPLOY_ARGUMENTS="--tag seen", **known)
    assert again.returncode == 0, again
    assert "PRIVATE KEY" not in seen.read_text() and "KEPT=a key" in seen.read_text()
    # A key as a file, as GitLab hands out variables of that kind; nothing else is said.
    again = step(DEPLOY_KEY=str(sshd.key), DEPLOY_ARGUMENTS="--dry-run", DEPLOY_REF="", **known)
    assert again.returncode == 0, again


def test_the_script_is_right_for_any_shell() -> None:
    for shell in ("dash", "bash", "busybox"):
        if shutil.which(shell):
            words = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
            subprocess.run(words, input=SCRIPT, text=True, check=True)


def instructions() -> list[dict[str, Any]]:
    folder = REPOSITORY / "packages"
    parsed: list[dict[str, Any]] = DockerfileParser(str(folder), fileobj=None).structure
    return [each for each in parsed if each["instruction"] != "COMMENT"]


def test_the_image_has_what_a_job_needs_and_runs_as_a_user_of_its_own() -> None:
    found = instructions()
    words = [(each["instruction"], each["value"]) for each in found]
    assert [value for name, value in words if name == "FROM"] == ["python:3.13-slim AS wheel", "python:3.13-slim"]
    assert {name for name, _ in words} <= {"FROM", "COPY", "RUN", "USER", "WORKDIR", "CMD"}, "no ADD, ENV, ENTRYPOINT"
    last = [name for name, _ in words]
    assert "RUN" not in last[last.index("USER") :], "nothing is done as root after that"
    assert [value for name, value in words if name == "USER"] == ["turnout"]
    runs = " ".join(value for name, value in words if name == "RUN")
    assert "--no-install-recommends git openssh-client" in runs and "rm -rf /var/lib/apt/lists/*" in runs
    assert "--uid 1000 turnout" in runs and "sudo" not in runs and "curl" not in runs
    copied = [value for name, value in words if name == "COPY" and "--from" not in value]
    assert copied == [". /source"]


def test_the_image_gets_the_sources_and_nothing_of_this_machine() -> None:
    ignored = (REPOSITORY / ".dockerignore").read_text().split()

    def left_out(path: str) -> bool:
        return any(fnmatch.fnmatch(path, name) or fnmatch.fnmatch(path.partition("/")[0], name) for name in ignored)

    for path in (".git", ".venv", ".venv-oldest", "dist", "tests", "core/__pycache__", "core/.mypy_cache"):
        assert left_out(path), path
    for path in ("core", "tui", "docs", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        assert not left_out(path), path


def blocks() -> Iterator[Any]:
    for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        yield from documents(text)


def test_the_page_gives_every_required_input_and_only_known_ones(tmp_path: Path) -> None:
    github, gitlab = blocks()
    (action,) = documents(ACTION.read_text("utf-8"))
    spec = documents(COMPONENT.read_text("utf-8"))[0]["spec"]
    given = github["jobs"]["deploy"]["steps"][-1]["with"]
    required = {name for name, value in action["inputs"].items() if value["required"]}
    assert required <= set(given) <= set(action["inputs"])
    wanted = {name for name, value in spec["inputs"].items() if "default" not in value}
    assert wanted <= set(gitlab["include"][0]["inputs"]) <= set(spec["inputs"])
    for name, content, schema in (("a", github, "vendor.github-workflows"), ("b", gitlab, "vendor.gitlab-ci")):
        file = tmp_path / f"{name}.yml"
        with file.open("w") as out:
            YAML(typ="safe").dump(content, out)
        right(schema, file)
