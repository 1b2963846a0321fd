"""What `turnout init` proposes is a valid file, and a deploy of it builds and publishes what it says."""

from __future__ import annotations

import io
import json
import os
import subprocess
from pathlib import Path

import pytest

from core.config import load
from core.jobs import Cancel
from core.settings import Settings
from core.source import make_tree
from tests.trees import contents
from tests.unit.test_init import arguments
from tui.cli.init import run
from tui.cli.proposals import proposal


def package(*packages: str, build: bool = True) -> str:
    return json.dumps({"scripts": {"build": "x"} if build else {}, "devDependencies": dict.fromkeys(packages, "1")})


PROJECTS = {
    "vite": ({"package.json": package("vite"), "package-lock.json": "{}"}, ["npm ci", "npm run build"], "dist", (), []),
    "yarn and react": (
        {"package.json": package("react-scripts"), "yarn.lock": ""},
        ["yarn install --frozen-lockfile", "yarn run build"],
        "build",
        (),
        [],
    ),
    "pnpm and next": (
        {"package.json": package("next", "vite"), "pnpm-lock.yaml": ""},
        ["pnpm install --frozen-lockfile", "pnpm run build"],
        "",
        (),
        [],
    ),
    "node without a build": ({"package.json": package(build=False)}, ["npm install"], "", (), []),
    "laravel": (
        {"composer.json": "{}", "artisan": "", "package.json": package("vite"), "package-lock.json": "{}"},
        ["npm ci", "npm run build"],
        "",
        ("storage/", ".env"),
        ["prepare"],
    ),
    "symfony": ({"composer.json": "{}", "bin/console": ""}, [], "", ("var/log/", ".env.local"), ["prepare"]),
    "python": ({"pyproject.toml": "[project]\n"}, [], "", (".env",), ["finalize"]),
    "requirements": ({"requirements.txt": ""}, [], "", (".env",), ["finalize"]),
    "rails": (
        {"Gemfile": "", "config/application.rb": ""},
        [],
        "",
        ("log/", "storage/", "tmp/pids/"),
        ["prepare"],
    ),
    "hugo": ({"hugo.toml": ""}, ["hugo --minify"], "public", (), []),
    "nothing": ({"index.html": "x"}, [], "", (), []),
    "broken files": ({"package.json": "{", "composer.json": "[]"}, [], "", (), []),
}


def written(folder: Path, files: dict[str, str]) -> str:
    """The turnout.toml that init writes in a new repository with these files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    subprocess.run("git init -q && git add -A && git commit -q -m one", shell=True, cwd=folder, check=True)
    assert run(arguments("--server", "web1=web1/srv/shop", "--yes"), io.StringIO(), io.StringIO(), folder=folder) == 0
    return (folder / "turnout.toml").read_text()


@pytest.mark.parametrize("what", PROJECTS)
def test_what_is_proposed_is_valid_and_says_why(tmp_path: Path, home: Path, what: str) -> None:
    files, build, publish, shared, moments = PROJECTS[what]
    text = written(tmp_path, files)
    project = load(tmp_path / "turnout.toml", Settings(environ={}))
    assert (list(project.source.build), project.source.publish) == (build, publish)
    assert (project.deploy.shared, [hook.on for hook in project.hooks]) == (shared, moments)
    lines = text.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("build =", "publish =", "shared =", "[[hooks]]")):
            assert lines[number - 1].startswith("# "), "a comment says why"


TOOL = """#!/bin/sh
case "$0 $*" in
*" ci"|*install*) mkdir -p node_modules; echo x > node_modules/x ;;
*build*|*minify*) mkdir -p dist build public; for each in dist build public; do echo "$*" > $each/index.html; done ;;
esac
"""


@pytest.mark.parametrize("what", ["vite", "yarn and react", "pnpm and next", "laravel", "hugo"])
def test_what_is_proposed_builds(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("npm", "yarn", "pnpm", "hugo"):
        (tools / name).write_text(TOOL)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    folder = tmp_path / "shop"
    folder.mkdir()
    written(folder, PROJECTS[what][0])
    tree = contents(make_tree(load(folder / "turnout.toml", Settings()), None, [].append, Cancel()))
    if PROJECTS[what][2]:
        assert list(tree) == [b"index.html"]
    else:
        assert b"package.json" in tree and b"dist/index.html" in tree
        assert (b"node_modules/x" in tree) == (what == "pnpm and next"), "what runs on the servers keeps its packages"


def test_a_venv_is_made_in_the_releases_own_folder(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (hook,) = proposal(tmp_path).hooks
    subprocess.run(["sh", "-ec", hook.run], cwd=tmp_path, check=True)
    assert (tmp_path / ".venv/bin/python").exists()


def test_a_folder_of_a_repository_says_that_it_is_a_part(tmp_path: Path, home: Path) -> None:
    (tmp_path / "services/shop").mkdir(parents=True)
    (tmp_path / "services/shop/index.html").write_text("x")
    subprocess.run("git init -q && git add -A && git commit -q -m one", shell=True, cwd=tmp_path, check=True)
    text = written_in(tmp_path / "services/shop")
    assert "# Only services/shop of the repository is deployed" in text


def written_in(folder: Path) -> str:
    assert run(arguments("--server", "web1=web1/srv/shop", "--yes"), io.StringIO(), io.StringIO(), folder=folder) == 0
    return (folder / "turnout.toml").read_text()
