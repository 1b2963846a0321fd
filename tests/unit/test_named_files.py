"""Files that a person names, and the folder that a command starts in: whatever they are, it is said at once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.files import MOST_BYTES, let_go, read_small
from tests.projects import Nowhere, make_project
from tui.cli import main
from tui.cli.completing import run
from tui.settings import load, save_theme

WHAT = {
    "pipe": "it is a pipe, not a file",
    "/dev/zero": "it is a device, not a file",
    "folder": "Is a directory",
    "broken": "No such file or directory",
    "large": "it is larger than 4 MB",
    "latin": "not UTF-8",
    "locked": "Permission denied",
}
"""By name of a file: why it cannot be read."""


@pytest.fixture(params=WHAT)
def named(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A file that a person should not have named, and why."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin").write_bytes(b"theme = 1\n# \xff\n")
    (tmp_path / "locked").write_text("")
    (tmp_path / "broken").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "large", "wb") as file:
        file.truncate(100 * 1024 * 1024)
    if request.param == "locked":
        (tmp_path / "locked").chmod(0)
        if os.access(tmp_path / "locked", os.R_OK):  # root may read all: the system's answer, then
            refused = PermissionError(13, os.strerror(13))
            real = os.open

            def opened(path: str | Path, *words: int, **more: int) -> int:
                if str(path).endswith("/locked"):
                    raise refused
                return real(path, *words, **more)

            monkeypatch.setattr(os, "open", opened)
    return tmp_path / request.param, WHAT[request.param]


def test_a_turnout_toml_that_is_no_file_is_a_fault(
    named: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, why = named
    assert main(["--config", str(path), "config", "check"]) == 2
    said = capsys.readouterr().err
    assert str(path) in said and why in said
    assert run(["--config", str(path), "deploy", ""], {}, path.parent) == []


def test_settings_that_are_no_file_are_a_fault_and_stay(named: tuple[Path, str]) -> None:
    path, why = named
    (fault,) = load({"TURNOUT_SETTINGS": str(path)}).faults
    assert fault.startswith(f"{path}: ") and (why in fault or "there is no such file" in fault)
    if path.name not in ("broken", "locked"):
        with pytest.raises(Exception, match="not saved"):
            save_theme(path, "nord")


def test_an_empty_device_is_an_empty_file_and_a_large_file_may_be_allowed(tmp_path: Path) -> None:
    assert read_small("/dev/null") == b"" and load({"TURNOUT_SETTINGS": "/dev/null"}).faults == ()
    large = tmp_path / "known_hosts"
    large.write_bytes(b"x" * (MOST_BYTES + 1))
    assert len(read_small(large, 2 * MOST_BYTES)) == MOST_BYTES + 1


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[None]:
    """The current folder has been removed."""
    before = os.open(".", os.O_RDONLY)
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    yield
    os.fchdir(before)
    os.close(before)


@pytest.mark.parametrize(
    "words", ["releases", "web", "init --server web1", "config check", "config show", "--config ours.toml check"]
)
def test_a_removed_folder_is_said(words: str, nowhere: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    said = capsys.readouterr()
    assert "the current folder cannot be read: No such file or directory" in said.err and not said.out
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    "words", ["settings", "schema", "--version", "--help", "help", "config docs keep", "completion zsh"]
)
def test_what_needs_no_folder_works_without(
    words: str, nowhere: None, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 0
    assert capsys.readouterr().out


def test_a_shell_completes_commands_in_a_removed_folder(nowhere: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["__complete", "deplo"]) == 0
    assert capsys.readouterr().out.startswith("deploy\t")


ESCAPES = ("\x1b[31m", "\x1b]0;title\x07", "\x9b31m", "\u202e", "\r")


@pytest.mark.parametrize("sign", ESCAPES)
def test_nothing_in_a_fault_is_a_code_for_the_terminal(
    sign: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in sign)
    settings = tmp_path / f"a{sign}b.toml"
    text = 'theme = "X"\n"X" = 1\n[notify]\n"X" = true\n[keys]\n"X" = "D"\nundo = "X"\n'
    settings.write_text(text.replace("X", escaped))
    monkeypatch.setenv("TURNOUT_SETTINGS", str(settings))
    project = tmp_path / f"c{sign}d.toml"
    project.write_text(f'project = "{escaped}"\n"{escaped}" = 1\n[environments."{escaped}"]\nservers = "{escaped}"\n')
    for words in (["settings"], ["--config", str(project), "check"], [sign], ["check", f"--{sign}"]):
        assert main(words) == 2
        said = capsys.readouterr()
        assert sign not in said.err + said.out, words
        assert "Traceback" not in said.err


def test_a_name_that_is_not_utf_8_is_still_that_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--config", os.fsdecode(b"/nowhere/\xe9"), "check"]) == 2
    assert "/nowhere/\\udce9: cannot be read" in capsys.readouterr().err


def test_json_lines_say_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_project(tmp_path / "shop", [Nowhere()], {"index.html": "one\n"})
    project.config.write_text(project.config.read_text() + '"\\u001b[31m" = 1\n')
    assert main(["--config", str(project.config), "check", "--json"]) == 2
    assert "\x1b" not in capsys.readouterr().out


def test_a_file_that_nobody_needs_is_let_go_also_where_the_disk_is_full() -> None:
    file = open("/dev/full", "wb")  # noqa: SIM115  # closing it is what is tested
    file.write(b"what does not fit")
    let_go(file)
    assert file.closed
