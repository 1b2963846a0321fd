"""`turnout init --from`: what another tool says of itself becomes a file that is right; the rest is named."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.adoption.settings import ASKED
from core.config import load
from core.errors import UsageError
from core.settings import Settings
from tests.foreign import DATA
from tui.cli.init import add_arguments, write

DEPLOYER = {
    "web1": {
        "hostname": "web1.example.com",
        "remote_user": "deploy",
        "port": 2222,
        "deploy_path": "/srv/shop",
        "current_path": "/srv/shop/live",
        "keep_releases": 7,
        "shared_files": [".env"],
        "shared_dirs": ["storage"],
        "writable_dirs": ["cache"],
        "branch": "main",
        "labels": {"stage": "production"},
    },
    "old": {"hostname": "old.example.com", "deploy_path": "/srv/old", "labels": {"stage": "staging"}},
}
ANSISTRANO = {
    "_meta": {
        "hostvars": {
            "web1": {"ansible_host": "10.0.0.1", "ansible_user": "deploy", "ansistrano_deploy_to": "/srv/shop"},
            "db": {"ansistrano_deploy_to": "/srv/db"},
        }
    },
    "production": {"hosts": ["web1"]},
    "all": {"children": ["production"]},
}
MINA = (
    '====\n:deploy_to => "/srv/shop"\n:domain => "web1.example.com"\n:user => "deploy"\n:port => 22\n'
    ':shared_dirs => ["log"]\n:shared_files => [".env"]\n:keep_releases => 5\n:branch => "main"\n:rvm_use_path => "x"\n'
)
SHIPIT = {
    "default": {"deployTo": "/srv/shop", "keepReleases": 4, "ignores": [".git"], "branch": "main"},
    "production": {"servers": ["deploy@web1.example.com:2222", {"host": "web2", "user": "ana"}]},
}
ANSWERS = {
    "capistrano": (DATA / "capistrano-doctor.txt").read_text(),
    "deployer": json.dumps(DEPLOYER),
    "ansistrano": json.dumps(ANSISTRANO),
    "mina": MINA,
    "shipit": json.dumps(SHIPIT),
}


def made(folder: Path, tool: str, text: str, *words: str) -> tuple:
    (folder / "settings.txt").write_text(text)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["--from", tool, str(folder / "settings.txt"), "--git", ".", *words])
    write(folder / "turnout.toml", args, io.StringIO(), io.StringIO())
    project = load(folder / "turnout.toml", Settings(environ={}))
    return project, project.environment("production"), (folder / "turnout.toml").read_text()


def test_each_tools_answer_is_carried_over(tmp_path: Path):
    assert set(ANSWERS) == set(ASKED)
    for tool, text in ANSWERS.items():
        folder = tmp_path / tool
        folder.mkdir()
        project, environment, written = made(folder, tool, text)
        assert environment.servers[0].root == "/srv/shop", tool
        assert f"# Not carried over from {tool}" in written
        assert project.source.ref == ("HEAD" if tool == "ansistrano" else "main"), tool


def test_capistrano_as_it_printed_it(tmp_path: Path):
    project, environment, written = made(tmp_path, "capistrano", ANSWERS["capistrano"])
    assert [(server.host, server.port) for server in environment.servers] == [
        ("deploy@web1.example.com", 2222),
        ("web2.example.com", None),
    ]
    assert (project.deploy.keep, project.deploy.shared) == (3, (".env", "log/"))
    assert "roles: deploy@web1.example.com:2222 [:web, :app]" in written


def test_deployers_other_stages_stay_out_and_its_own_link_comes_along(tmp_path: Path):
    project, environment, written = made(tmp_path, "deployer", ANSWERS["deployer"])
    (server,) = environment.servers
    assert (server.host, server.port, environment.current) == ("deploy@web1.example.com", 2222, "/srv/shop/live")
    assert (project.deploy.keep, project.deploy.shared) == (7, (".env", "storage/"))
    assert 'writable_dirs: ["cache"]' in written


def test_shipits_servers_in_both_forms(tmp_path: Path):
    _, environment, written = made(tmp_path, "shipit", ANSWERS["shipit"])
    assert [server.host for server in environment.servers] == ["deploy@web1.example.com", "ana@web2"]
    assert 'ignores: [".git"]' in written


@pytest.mark.parametrize("tool", ASKED)
@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "{", '{"a": {"hostname": "x"}}', "\x1b[31m:deploy_to => {}", "[" * 5000]
)
def test_an_answer_that_says_nothing_is_an_error_and_leaves_no_file(tmp_path: Path, tool: str, text: str):
    with pytest.raises(UsageError):
        made(tmp_path, tool, text)
    assert not (tmp_path / "turnout.toml").exists()


def test_names_that_are_none_of_ours_are_refused_and_comments_are_one_line(tmp_path: Path):
    evil = {**DEPLOYER, "web1": {**DEPLOYER["web1"], "hostname": "-oProxyCommand=x"}}
    with pytest.raises(UsageError, match="cannot be carried over"):
        made(tmp_path, "deployer", json.dumps(evil))
    odd = {"web1": {**DEPLOYER["web1"], "writable_mode": "a\nprotected = true\n\x1b[31m", "labels": {}}}
    _, environment, written = made(tmp_path, "deployer", json.dumps(odd))
    assert not environment.protected and "\x1b" not in written


@given(
    st.sampled_from(sorted(ASKED)),
    st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)),
)
def test_whatever_is_printed_is_data_or_an_error(tool: str, value: object):
    with contextlib.suppress(ValueError):
        ASKED[tool].read(json.dumps(value), "production")


def test_a_tool_that_is_not_here_says_how_to_ask_it_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(UsageError) as raised:
        write(tmp_path / "turnout.toml", parser.parse_args(["--from", "deployer"]), io.StringIO(), io.StringIO())
    assert "dep config --format=json > settings.txt" in raised.value.hint


def test_a_tool_that_is_here_is_asked_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    program = tmp_path / "bin/dep"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n[ -e deploy.php ] || exit 7\ncat <<'EOT'\n{ANSWERS['deployer']}\nEOT\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    (tmp_path / "old").mkdir()
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["--from", "deployer", str(tmp_path / "old")])
    with pytest.raises(UsageError, match="ended with status 7"):
        write(tmp_path / "turnout.toml", args, io.StringIO(), io.StringIO())
    (tmp_path / "old/deploy.php").touch()
    assert write(tmp_path / "turnout.toml", args, io.StringIO(), io.StringIO()).servers[0].root == "/srv/shop"
