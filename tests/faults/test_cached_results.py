"""What is kept on the operator's machine is used again only where all that it depends on is the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.jobs import Cancel
from core.manifest import EMPTY
from core.settings import Settings
from core.source import make_tree
from core.source.folder import Hashes, scan
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


def test_a_large_file_that_was_missing_is_looked_for_again(build_project, tmp_path):
    """As git-lfs does with GIT_LFS_SKIP_SMUDGE, or while its server is away."""
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 5\n"
    project = build_project("", {".gitattributes": "big filter=lfs\n", "big": pointer})
    store = tmp_path / "store"
    project.git("config", "filter.lfs.smudge", f"sh -c 'cat {store} 2>/dev/null || cat'")
    assert built(project, path=b"big")[0] == pointer
    store.write_text("large\n")
    assert built(project, path=b"big")[0] == "large\n"


def test_a_build_with_a_large_file_that_was_missing_is_made_again(build_project, tmp_path, monkeypatch):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 5\n"
    project = build_project("cp big out", {".gitattributes": "big filter=lfs\n", "big": pointer})
    store = tmp_path / "store"
    program(tmp_path / "tools", "git-lfs", f"#!/bin/sh\ncat {store} 2>/dev/null || cat\n")
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}:{os.environ['PATH']}")
    project.git("config", "filter.lfs.smudge", "git-lfs smudge -- %f")
    assert built(project) == (pointer, False)
    store.write_text("large\n")
    assert built(project) == ("large\n", False)
    assert built(project) == ("large\n", True)


@pytest.mark.parametrize("command", ['sed "s/sealed/$API/"', "sh tools/smudge", "sed -f {folder}/script"])
@pytest.mark.parametrize("build", ["", "cp secret out"])
def test_what_a_filter_reads_of_this_machine_is_read_each_time(build_project, tmp_path, monkeypatch, command, build):
    """A variable, a file of the work tree, a file elsewhere: nobody knows what else a filter depends on."""
    project = build_project(build, {".gitattributes": "secret filter=fill\n", "secret": "sealed\n"})
    project.git("config", "color.ui", "always")
    project.git("config", "filter.fill.smudge", command.format(folder=tmp_path))

    def fill(text):
        monkeypatch.setenv("API", text)
        program(project.tree / "tools", "smudge", f"#!/bin/sh\nsed s/sealed/{text}/\n")
        program(tmp_path, "script", f"s/sealed/{text}/\n")

    for text in ("staging", "production", "staging"):
        fill(text)
        assert built(project, path=b"out" if build else b"secret") == (f"{text}\n", False)


@pytest.mark.parametrize("attributes", ["[attr]sealed filter=fill\nsecret sealed\n", "* -text\n"])
def test_only_the_filters_of_the_revision_count(build_project, attributes):
    project = build_project("cp secret out", {".gitattributes": attributes, "secret": "sealed\n"})
    project.git("config", "filter.another.smudge", "sed s/sealed/another/")
    assert built(project) == ("sealed\n", False)
    assert built(project) == ("sealed\n", True)
    project.git("config", "filter.fill.smudge", "sed s/sealed/open/")
    assert built(project) == (("open\n", False) if "fill" in attributes else ("sealed\n", True))


def test_a_script_that_a_program_is_given_is_part_of_the_build(build_project, tmp_path):
    script = tmp_path / "build.sh"
    script.write_text("echo one > out\n")
    project = build_project(f"sh {script} > {tmp_path}/log")
    assert built(project) == ("one\n", False)
    assert built(project) == ("one\n", True), "what the build writes itself is none of its inputs"
    script.write_text("echo two > out\n")
    assert built(project) == ("two\n", False)


def test_a_name_that_is_checked_out_goes_into_files_as_it_is_now(build_project):
    project = build_project("", {".gitattributes": "version export-subst\n", "version": "$Format:%D %aN$\n"})
    project.git("branch", "dev")
    assert built(project, path=b"version")[0] == "HEAD -> main, dev Ana Test\n"
    project.git("checkout", "--quiet", "dev")
    assert built(project, path=b"version")[0] == "HEAD -> dev, main Ana Test\n"
    (project.tree / ".mailmap").write_text("Bea <ana@example.com>\n")
    assert built(project, path=b"version")[0] == "HEAD -> dev, main Bea\n"


def test_names_are_distinguished_by_case_whatever_the_machine_says(build_project):
    project = build_project("", {".gitattributes": "*.TXT export-ignore\n", "a.txt": "x", "b.TXT": "x"})
    project.git("config", "core.ignoreCase", "true")
    assert b"a.txt" in tree_of(project).manifest.entries


@pytest.mark.parametrize("spoil", [lambda text: b"", lambda text: text[: len(text) // 2], lambda text: b"\n"])
@pytest.mark.parametrize("file", ["manifest", "selected-*"])
def test_a_manifest_that_a_crash_emptied_is_not_an_empty_tree(build_project, file, spoil):
    options = {} if file == "manifest" else {"exclude": ["/a"]}
    project = build_project("", {f"{letter}/file": letter for letter in "abcdef"}, **options)
    whole = tree_of(project).manifest
    (path,) = (Settings().cache / "exports").glob(f"*/*/{file}")
    path.write_bytes(spoil(path.read_bytes()))
    again = tree_of(project).manifest
    assert again == whole and again != EMPTY


def test_a_hash_is_of_a_file_on_one_file_system(tmp_path):
    """Another disk mounted in the place of the first may have a file of the same number, size and times."""
    (tmp_path / "tree").mkdir()
    file = tmp_path / "tree/a"
    file.write_text("x")
    os.utime(file, (1, 1))
    kept = Hashes(tmp_path / "hashes")
    facts = os.stat(file)
    elsewhere = (facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev + 1)
    kept.by_path = {b"a": (elsewhere, "0" * 64)}
    assert scan(tmp_path / "tree", Cancel(), hashes=kept).entries[b"a"].content != "0" * 64
    kept.by_path = {b"a": ((*elsewhere[:4], facts.st_dev), "1" * 64)}
    assert scan(tmp_path / "tree", Cancel(), hashes=kept).entries[b"a"].content == "1" * 64
