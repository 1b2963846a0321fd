"""Completion: what is offered at each place, in each shell, without the network and whatever turnout.toml holds."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.last_known import remember, tags
from tests import REPOSITORY
from tests.engine.commands import installed_in
from tui.cli import main
from tui.cli.completing import WORDS, Names, complete, run
from tui.cli.completion_words import words as words_of_the_parser

KNOWN = json.loads(WORDS.read_text("utf-8"))
TEXT = """
project = "shop"
source.git = "."
[environments.staging]
servers = [{ name = "s1", host = "s1", root = "/srv/shop" }]
[environments.production]
servers = [
  { name = "web1", host = "web1", root = "/srv/shop", roles = ["web"] },
  { name = "web2", host = "web2", root = "/srv/shop", roles = ["web", "worker"] },
]
[[tasks]]
name = "restart"
run = "true"
[[tasks]]
name = "migrate"
run = "true"
environments = ["production"]
[[logs]]
name = "access"
file = "log"
"""
OLD, NEW = "20261121T193000Z-3f2c1ab", "20261122T193000Z-aaaaaaa"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "turnout.toml").write_text(TEXT)
    for server, known in {"web1": [OLD, NEW], "web2": [NEW]}.items():
        remember(tmp_path / "cache", tmp_path / "turnout.toml", "production", server, known)
    return tmp_path


def offered(folder: Path, *words: str) -> list[str]:
    names = Names({"TURNOUT_CACHE_DIR": str(folder / "cache")}, folder)
    *before, current = words
    return [word for word, _ in complete(KNOWN, before, current, names)]


def test_the_words_are_those_of_the_parser() -> None:
    assert words_of_the_parser() == KNOWN, "make words"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("roll", ["rollback"]),
        ("rollback ", ["staging", "production"]),
        ("rollback p", ["production"]),
        ("rollback production ", [NEW, OLD]),
        ("rollback production 20261122", [NEW]),
        ("rollback staging ", []),
        ("rollback production x ", []),
        ("prune production x ", [NEW, OLD]),
        ("promote staging ", ["staging", "production"]),
        ("deploy production --server ", ["web1", "web2"]),
        ("deploy staging --server ", ["s1"]),
        ("deploy --server ", ["s1", "web1", "web2"]),
        ("deploy production --server = w", ["web1", "web2"]),
        ("deploy production --server =", ["web1", "web2"]),
        ("deploy production --server=w", ["--server=web1", "--server=web2"]),
        ("deploy production --ref ", []),
        ("deploy --dry", ["--dry-run"]),
        ("deploy --dry-run ", ["staging", "production"]),
        ("deploy --wait 5m ", ["staging", "production"]),
        ("--environment ", ["staging", "production"]),
        ("--read-only deploy ", ["staging", "production"]),
        ("task production ", ["restart", "migrate"]),
        ("task staging ", ["restart"]),
        ("logs production access ", ["access"]),
        ("logs production --role w", ["web", "worker"]),
        ("config s", ["show"]),
        ("config show p", ["production"]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("--config ", [":files"]),
        ("init --archive ", [":files"]),
        ("run production -- l", [":files"]),
        ("help canc", ["cancelling"]),
        ("help thaw", ["thaw"]),
        ("config docs kee", ["keep"]),
        ("demo --r", ["--read-only"]),
        ("nothing ", []),
        ("demo ", []),
    ],
)
def test_what_is_offered(project: Path, typed: str, found: list[str]) -> None:
    assert offered(project, *typed.split(" ")) == found


def test_a_task_may_stand_where_the_only_environment_is_left_out(project: Path) -> None:
    file = project / "turnout.toml"
    assert offered(project, "task", "") == ["staging", "production"]
    file.write_text(file.read_text().replace("[environments.production]", "[others.production]"))
    assert offered(project, "task", "") == ["staging", "restart"]


def test_the_file_that_is_named_counts(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    assert offered(other, "deploy", "") == []
    assert offered(other, "--config", str(project / "turnout.toml"), "deploy", "p") == ["production"]
    assert offered(other, f"--config={project}/turnout.toml", "task", "staging", "") == ["restart"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "project = ",
        "environments = 3",
        "environments.p.servers = 3",
        "environments.p.servers = [3]",
        "[environments]\np = 1",
        "[environments.'$(touch x)'.x]\n[environments.'a b'.x]",
    ],
)
def test_a_file_with_faults_offers_nothing_and_no_word_is_more_than_a_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "turnout.toml").write_text(text)
    found = [offered(tmp_path, "deploy", ""), offered(tmp_path, "deploy", "--server", "")]
    assert found in ([[], []], [["p"], []])
    assert offered(tmp_path, "depl") == ["deploy"]


def test_tags_are_kept_for_each_file_environment_and_server(tmp_path: Path) -> None:
    file = tmp_path / "turnout.toml"
    remember(tmp_path, file, "production", "web1", ["a", "b"])
    remember(tmp_path, file, "production", "web1", ["b", "c"])
    remember(tmp_path, file, "staging", "web1", ["d"])
    remember(tmp_path, tmp_path / "other.toml", "production", "web1", ["e"])
    assert tags(tmp_path, file, "production") == ["c", "b"]
    (tmp_path / "no").write_text("a file")
    remember(tmp_path / "no", file, "production", "web1", ["a"])
    assert tags(tmp_path / "no", file, "production") == []


def test_the_helper_loads_almost_nothing(project: Path) -> None:
    program = (
        "import sys; from tui.cli import main; main(['__complete', 'rollback', 'production', '']); "
        "print(*sys.modules, file=sys.stderr)"
    )
    environ = {**os.environ, "TURNOUT_CACHE_DIR": str(project / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=project, env=environ, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [NEW, OLD]
    loaded = set(done.stderr.split())
    assert "core.last_known" in loaded
    assert not loaded & {"argparse", "msgspec", "textual", "rich", "paramiko", "fabric", "core.config", "socket"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_takes_its_program(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    program = capsys.readouterr().out
    assert program == (REPOSITORY / f"tui/completion/turnout.{shell}").read_text("utf-8")
    if _has(shell):
        done = subprocess.run([shell, "-n", "/dev/stdin"], input=program, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def _has(shell: str) -> bool:
    import shutil

    return shutil.which(shell) is not None


@pytest.mark.parametrize("shell", ["bash", "fish"])
def test_a_shell_offers_what_the_helper_says(project: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not _has(shell):
        pytest.skip(f"{shell} is not installed")
    monkeypatch.setenv("PATH", installed_in(project))
    script = REPOSITORY / f"tui/completion/turnout.{shell}"
    asks = {
        "bash": f"source '{script}'; COMP_WORDS=(turnout deploy production --server ''); COMP_CWORD=4; _turnout; "
        'printf "%s\\n" "${COMPREPLY[@]}"',
        "fish": f"source '{script}'; complete -C 'turnout deploy production --server '",
    }
    quiet = [shell, "--no-config"] if shell == "fish" else [shell, "--norc"]
    done = subprocess.run([*quiet, "-c", asks[shell]], cwd=project, capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == (["web1", "web2"], "")


def test_what_is_wrong_is_not_said_to_a_person_who_types(tmp_path: Path) -> None:
    assert run([], {}, tmp_path)[0].startswith("deploy\t")
    assert run(["deploy", ""], {}, tmp_path) == []
