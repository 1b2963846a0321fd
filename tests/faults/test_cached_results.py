"""What is kept on the operator's machine is used again only where all that it depends on is the same."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core.errors import SourceError
from core.jobs import Cancel
from core.source import make_tree
from core.source.inputs import environment
from tests.projects import Nowhere, make_project

STAGING = """
[environments.staging]
servers = [{ name = "stage", host = "stage", root = "/srv/shop" }]
"""


@pytest.fixture
def build_project(tmp_path):
    """A project with these build commands, for the environments production and staging."""

    def project(build, files=None, extra="", **source):
        options = {"build": [build], **source} if build else source
        return make_project(
            tmp_path / "project", [Nowhere()], files or {"a": "one\n"}, source_options=options, extra=STAGING + extra
        )

    return project


def tree_of(project, target="production", **options):
    return make_tree(project.load(), None, [].append, Cancel(), target=target, **options)


def built(project, target="production", path=b"out", **options):
    """The content of a file of the tree, and whether an earlier build was used again."""
    tree = tree_of(project, target, **options)
    with tree.open(path) as file:
        return file.read().decode(), bool(tree.reused)


def program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_build_for_one_environment_never_goes_to_another(build_project, monkeypatch):
    project = build_project('echo "$TURNOUT_ENVIRONMENT $VITE_API" > out', **{"build-env": ["VITE_API"]})
    monkeypatch.setenv("VITE_API", "a")
    assert built(project, "staging") == ("staging a\n", False)
    assert built(project, "production") == ("production a\n", False)
    monkeypatch.setenv("VITE_API", "b")
    assert built(project, "production") == ("production b\n", False)
    assert built(project, "production") == ("production b\n", True)
    monkeypatch.setenv("VITE_API", "a")
    assert built(project, "staging") == ("staging a\n", True)


def test_a_build_for_one_project_never_goes_to_another_of_the_same_repository(build_project):
    project = build_project('echo "$TURNOUT_PROJECT" > out')
    assert built(project) == ("shop\n", False)
    file = project.folder / "turnout.toml"
    file.write_text(file.read_text().replace('project = "shop"', 'project = "shop-blue"'))
    assert built(project) == ("shop-blue\n", False)
    assert built(project) == ("shop-blue\n", True)


@pytest.mark.parametrize(
    ("declared", "name"), [(["VITE_*"], "VITE_TITLE"), (["API", "VITE_TITLE"], "VITE_TITLE"), (["*_"], None)]
)
def test_a_declared_variable_may_be_one_of_many(build_project, monkeypatch, declared, name):
    if name is None:
        with pytest.raises(Exception, match="not the name of a variable"):
            build_project("true", **{"build-env": declared}).load()
        return
    project = build_project(f'echo "$${{{name}-none}}" > out', **{"build-env": declared})
    assert built(project) == ("none\n", False)
    monkeypatch.setenv(name, "")
    assert built(project) == ("\n", False), "empty is not absent"
    monkeypatch.setenv(name, "x")
    assert built(project) == ("x\n", False)
    monkeypatch.delenv(name)
    assert built(project) == ("none\n", True)


def test_a_value_that_is_filled_in_is_in_the_key(build_project, monkeypatch):
    monkeypatch.setenv("API", "https://a.example.com")
    project = build_project("echo ${API} > out")
    assert built(project) == ("https://a.example.com\n", False)
    monkeypatch.setenv("API", "https://b.example.com")
    assert built(project) == ("https://b.example.com\n", False)


def test_a_build_sees_the_stated_variables_and_nothing_else(build_project, monkeypatch):
    project = build_project("env | cut -d= -f1 | sort > out", **{"build-env": ["NODE_ENV", "GIT_*"]})
    for name in ("NODE_ENV", "AWS_SECRET_ACCESS_KEY", "MAKEFLAGS", "BASH_ENV", "GIT_DIR", "GIT_AUTHOR_NAME"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("LC_COLLATE", "C")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -v")
    seen, _ = built(project)
    names = set(seen.split())
    assert names >= {"PATH", "HOME", "LC_COLLATE", "https_proxy", "NODE_ENV", "GIT_SSH_COMMAND", "GIT_AUTHOR_NAME"}
    assert not names & {"AWS_SECRET_ACCESS_KEY", "MAKEFLAGS", "BASH_ENV", "GIT_DIR"}
    assert names - set(environment(project.load())) <= {
        "PWD", "OLDPWD", "SHLVL", "_",
        "TURNOUT_PROJECT", "TURNOUT_ENVIRONMENT", "TURNOUT_REVISION", "TURNOUT_REF",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["TZ", "LANG", "LC_ALL", "CI"])
def test_a_variable_that_decides_what_a_build_gives_is_in_its_key(build_project, monkeypatch, name):
    monkeypatch.delenv(name, raising=False)
    project = build_project(f'echo "$${{{name}-none}}" > out')
    assert built(project) == ("none\n", False)
    monkeypatch.setenv(name, "C")
    assert built(project) == ("C\n", False)
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/another-agent")
    assert built(project) == ("C\n", True), "by which agent it is fetched does not matter"


def test_a_program_of_another_version_builds_anew(build_project, tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    program(tools, "compile", "#!/bin/sh\necho one > out\n")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    project = build_project("test -e a && compile")
    assert built(project) == ("one\n", False)
    assert built(project) == ("one\n", True)
    program(tools, "compile", "#!/bin/sh\necho two > out\n")
    assert built(project) == ("two\n", False)
    program(tools, "compile", "#!/bin/sh\necho one > out\n")
    assert built(project) == ("one\n", True)


def test_the_interpreter_of_a_script_is_a_program_of_the_build(build_project, tmp_path, monkeypatch):
    tools = tmp_path / "tools"
    program(tools, "bundle-it", "#!/usr/bin/env engine\n")
    program(tools, "engine", "#!/bin/sh\necho engine one > out\n")
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    project = build_project("bundle-it")
    assert built(project) == ("engine one\n", False)
    program(tools, "engine", "#!/bin/sh\necho engine two > out\n")
    assert built(project) == ("engine two\n", False)


@pytest.mark.parametrize("folder", ["shims", ".cargo/bin", ".volta/bin", "tools"])
def test_what_only_its_version_tells_apart_is_asked_for_it(build_project, tmp_path, monkeypatch, folder):
    """The shim of a version manager is one file for all versions; elsewhere `build-tools` names what to ask."""
    chosen = tmp_path / "chosen"
    chosen.write_text("18\n")
    program(tmp_path / folder, "node", f"#!/bin/sh\n[ $1 = --version ] && exec cat {chosen}\ncat {chosen} > out\n")
    monkeypatch.setenv("PATH", f"{tmp_path / folder}:{os.environ['PATH']}")
    project = build_project("make -f rules", {"rules": "all:\n\tnode x\n"}, **{"build-tools": ["node"]})
    if folder != "tools":
        project = make_project(
            tmp_path / "other", [Nowhere()], {"a": "x"}, source_options={"build": ["node x"]}, extra=STAGING
        )
    assert built(project) == ("18\n", False)
    assert built(project) == ("18\n", True)
    chosen.write_text("20\n")
    assert built(project) == ("20\n", False)


def test_an_interpreter_that_a_version_manager_chooses_is_asked_for_its_version(build_project, tmp_path, monkeypatch):
    chosen = tmp_path / "chosen"
    chosen.write_text("18\n")
    program(tmp_path / "shims", "node", f"#!/bin/sh\n[ $1 = --version ] && exec cat {chosen}\ncat {chosen} > out\n")
    program(tmp_path / "tools", "bundle-it", "#!/usr/bin/env node\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:{tmp_path / 'shims'}:{os.environ['PATH']}")
    project = build_project("bundle-it")
    assert built(project) == ("18\n", False)
    assert built(project) == ("18\n", True)
    chosen.write_text("20\n")
    assert built(project) == ("20\n", False)


def test_a_rebuild_runs_the_commands_and_is_what_counts_from_then_on(build_project, tmp_path):
    count = tmp_path / "count"
    project = build_project(f"echo x >> {count}; wc -l < {count} | tr -d ' ' > out")
    assert built(project) == ("1\n", False)
    first = tree_of(project)
    assert built(project, rebuild=True) == ("2\n", False)
    assert built(project) == ("2\n", True)
    with first.open(b"out") as file:
        assert file.read() == b"1\n", "who still sends the earlier build is not disturbed"


def test_names_that_files_take_from_the_repository_are_those_of_now(build_project):
    files = {".gitattributes": "version export-subst\n", "version": "$Format:%D$\n"}
    project = build_project("", files)
    assert built(project, path=b"version")[0] == "HEAD -> main\n"
    project.git("tag", "v1.0")
    assert built(project, path=b"version")[0] == "HEAD -> main, tag: v1.0\n"
    project.git("tag", "-d", "v1.0")
    assert built(project, path=b"version")[0] == "HEAD -> main\n"


def test_what_a_filter_gives_is_not_kept_for_another_filter(build_project, tmp_path):
    project = build_project("", {".gitattributes": "secret filter=crypt\n", "secret": "sealed\n"})
    assert built(project, path=b"secret")[0] == "sealed\n"
    project.git("config", "filter.crypt.smudge", "sed s/sealed/open/")
    assert built(project, path=b"secret")[0] == "open\n", "unlocked"
    script = program(tmp_path / "tools", "smudge", "#!/bin/sh\nsed s/sealed/first/\n")
    project.git("config", "filter.crypt.smudge", str(script))
    assert built(project, path=b"secret")[0] == "first\n"
    program(tmp_path / "tools", "smudge", "#!/bin/sh\nsed s/sealed/second/\n")
    assert built(project, path=b"secret")[0] == "second\n"


def pointer_to(content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize {len(content)}\n"


def store(project, content: bytes) -> None:
    """Put content into the clone's store, as `git lfs fetch` does."""
    digest = hashlib.sha256(content).hexdigest()
    place = project.tree / ".git/lfs/objects" / digest[:2] / digest[2:4] / digest
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)


def test_a_large_file_that_was_missing_and_not_needed_is_looked_for_again(build_project):
    project = build_project("", {".gitattributes": "big filter=lfs\n", "big": pointer_to(b"large\n"), "a": "x"})
    project.set(exclude=["big"])
    assert built(project, path=b"a")[0] == "x"
    project.set(exclude=[])
    with pytest.raises(SourceError, match="lacks 1 Git LFS file"):
        built(project, path=b"big")
    store(project, b"large\n")
    assert built(project, path=b"big")[0] == "large\n"


def test_a_build_with_a_large_file_that_was_missing_is_made_again(build_project):
    files = {".gitattributes": "big filter=lfs\n", "big": pointer_to(b"large\n")}
    project = build_project("cp big out", files)
    project.set(exclude=["big"])
    assert built(project) == (pointer_to(b"large\n"), False)
    store(project, b"large\n")
    assert built(project) == ("large\n", False)
    assert built(project) == ("large\n", True)
