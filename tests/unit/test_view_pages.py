"""`turnout config docs` and `turnout help`: the pages at the terminal, whole and without Markdown's signs."""

import re
import tomllib
from pathlib import Path

import pytest

from core.config import Project
from core.errors import (
    CheckFailed,
    ConnectError,
    DiskFull,
    FleetError,
    HookFailed,
    HostKeyRefused,
    LockedError,
    ServerError,
    SourceError,
    TurnoutError,
    UsageError,
)
from tests import REPOSITORY
from tui.cli import main
from tui.cli.pages import error_lines
from tui.model.pages import CONFIGURATION, OPERATIONS, page, topic
from tui.view.lines import line
from tui.view.lines import width as width_of
from tui.view.pages import keys_of, matching, section_lines, sections
from tui.view.topics import BY_KIND

CONFIG, RUNBOOK = sections(page(CONFIGURATION)), sections(page(OPERATIONS))


@pytest.mark.parametrize("name", [CONFIGURATION, OPERATIONS])
@pytest.mark.parametrize("cells", [60, 80, 200])
def test_nothing_of_a_page_is_lost_and_every_line_fits(name: str, cells: int) -> None:
    text = page(name)
    shown = [line for section in sections(text) for line in section_lines(section, cells)]
    marks = r"\]\([^)]*\)|^<!--.*-->$|^```\w*$|^\|---.*$"
    words = set(re.findall(r"\w+", re.sub(marks, " ", text, flags=re.MULTILINE)))
    assert words - set(re.findall(r"\w+", "\n".join(shown))) <= {"key", "meaning", "example", "type", "moment"}
    assert not [text for text in shown if text.startswith(("|", "```")) or re.search(r"\*\*[A-Z]", text)]
    prose = [text for text in shown if not text.startswith("    ")]
    assert max(width_of(line(text)) for text in prose) <= cells


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("keep", ["[deploy]", "[environments.NAME]"]),
        ("deploy.keep", ["[deploy]"]),
        ("environments.production.keep", ["[environments.NAME]"]),
        ("environments.production.servers[1].root", ["servers"]),
        ("[[hooks]].on", ["[[hooks]]"]),
        ("minimum-version", ["Top level"]),
        ("nothing", []),
        ("", []),
    ],
)
def test_a_key_is_found_as_it_is_written_in_the_file_and_in_errors(path: str, found: list[str]) -> None:
    assert [section.title for section, _ in keys_of(path, CONFIG)] == found


@pytest.mark.parametrize("key", Project.keys())
def test_every_key_at_the_top_is_explained(key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "docs", key]) == 0
    assert f"{key} (Top level):" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "found"),
    [("host-keys", "Host keys"), ("Host keys", "Host keys"), ("lock", "Locked by another"), ("crash", "After a crash")],
)
def test_a_section_of_the_runbook_is_found_by_its_name_or_a_word_of_it(word: str, found: str) -> None:
    assert [section.title for section in matching(word, RUNBOOK)] == [found]


def test_every_section_of_the_runbook_has_a_name_of_its_own() -> None:
    words = [section.word for section in RUNBOOK]
    assert len(set(words)) == len(words) > 15


def test_a_command_has_its_help_and_an_unknown_word_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "rollback"]) == 0
    said = capsys.readouterr().out
    assert "usage: turnout rollback" in said and "turnout help rollback-and-prune" in said
    assert main(["help", "cancelin"]) == 2
    assert "turnout help cancelling" in capsys.readouterr().err
    assert main(["config", "docs", "deploy.kep"]) == 2
    assert "turnout config docs keep" in capsys.readouterr().err
    assert main(["config", "chek"]) == 2
    assert "turnout config check" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (UsageError("there is no turnout.toml in /x or a folder above"), "before-any-server-is-touched"),
        (ConnectError("root@web1:2277 ended the connection 8 times before the login"), "connecting"),
        (ConnectError("what no row quotes"), "connecting"),
        (HostKeyRefused("revoked", host="a", key_type="b", fingerprint="c"), "host-keys"),
        (LockedError("locked by ana@ci"), "locked-by-another"),
        (
            FleetError({"web1": ServerError("boom"), "web2": DiskFull("not enough space on a server")}),
            "until-the-barrier",
        ),
        (FleetError({"web1": CheckFailed("boom")}), "the-switch-and-after-it"),
        (SourceError("the build command failed with status 2: make"), "before-any-server-is-touched"),
        (HookFailed("the prepare hook failed with status 3: make").at(phase="stage"), "until-the-barrier"),
        (FleetError({"web1": HookFailed("the task t failed with status 3: make").at(phase="run")}), ""),
        (UsageError("what no row quotes"), ""),
    ],
)
def test_an_error_names_the_section_of_the_runbook_that_has_it(error: TurnoutError, name: str) -> None:
    found = topic(error)
    assert found.startswith(name) and bool(found) == bool(name)
    assert not found or matching(found, sections(page(OPERATIONS)))[0].word == found
    named: set[str] = set()
    said = error_lines(error, named=named)
    assert (said[-1] == f"  more: turnout help {found}") == bool(found)
    assert error_lines(error, named=named) == said[: len(said) - bool(found)], "once is enough"


def test_the_sections_for_kinds_of_errors_exist() -> None:
    known = {section.word for section in sections(page(OPERATIONS))}
    assert {name for _, name in BY_KIND} <= known


def test_the_wheel_has_the_pages_that_commands_print() -> None:
    built = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]
    included = built["targets"]["wheel"]["force-include"]
    assert {f"docs/{name}": f"tui/pages/{name}" for name in (CONFIGURATION, OPERATIONS)}.items() <= included.items()


def test_check_says_all_faults_and_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "turnout.toml"
    file.write_text('project = "a b"\nsource.git = "."\ndeploy.kep = 1\nenvironments = {}\n')
    assert main(["config", "check", "--config", str(file)]) == 2
    said = capsys.readouterr().err
    assert "3 faults" in said and "deploy.kep: unknown key" in said and "environments: needs" in said
    file.write_text(
        'project = "a"\nsource.git = "."\n[environments.p]\nservers = [{name="s",host="s",root="/srv/a"}]\n'
    )
    assert main(["config", "check", "--config", str(file)]) == 0
    assert "no faults: 1 environment, 1 server" in capsys.readouterr().out
    assert main(["config", "show", "--config", str(file), "--json"]) == 0
    assert '"key": "project", "value": "\\"a\\""' in capsys.readouterr().out
