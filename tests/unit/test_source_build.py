"""Build commands: run where they should with what they need, heard line by line, stopped with all their children."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import Cancelled, SourceError
from core.events import Event, HookFinished, HookOutput, HookStarted
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FOLDER
from core.settings import Settings
from core.source import make_tree, tree_of_record
from tests.projects import Files, SampleProject
from tests.trees import content, record_of, tree_of
from tests.unit.conftest import GitProject
from tests.waiting import until

BuiltProject = Callable[..., SampleProject]


@pytest.fixture
def built_project(git_project: GitProject) -> BuiltProject:
    """Makes a project with these build commands and a git source; `source` are more keys of `[source]`."""

    def make(build: list[str], files: Files | None = None, extra: str = "", **source: object) -> SampleProject:
        options = {"build": build, **source} if build else source
        return git_project(files or {"a": "one\n"}, source_options=options, extra=extra)

    return make


def output(events: list[Event]) -> list[str]:
    return [event.line for event in events if isinstance(event, HookOutput)]


def test_what_the_commands_make_is_the_tree(built_project: BuiltProject) -> None:
    project = built_project(["mkdir -p out/empty && cp a out/b", "chmod +x out/b; ln -s b out/link"])
    tree = tree_of(project)
    assert {path: entry.kind for path, entry in tree.manifest.entries.items()} == {
        b"a": "f",
        b"out": FOLDER,
        b"out/empty": FOLDER,
        b"out/b": EXECUTABLE,
        b"out/link": "l",
    }
    assert content(tree, b"out/b") == b"one\n"
    assert sorted(os.listdir(project.tree)) == [".git", "a"], "the work tree is not touched"


def test_only_the_published_part_is_kept(built_project: BuiltProject) -> None:
    command = "mkdir -p dist node_modules; cp a dist/a; touch node_modules/x dist/a.map"
    project = built_project([command], publish="dist", exclude=["*.map"])
    tree = tree_of(project)
    assert set(tree.manifest.entries) == {b"a"}
    assert not (tree.folder / "node_modules").exists()
    until(lambda: not list((Settings().cache / "exports").glob("*/.*")), "the rest of the build is removed")


def test_a_published_folder_that_was_not_built_is_explained(built_project: BuiltProject) -> None:
    with pytest.raises(SourceError, match="no folder dist"):
        tree_of(built_project(["true"], publish="dist"))


def test_commands_know_revision_ref_and_project(built_project: BuiltProject) -> None:
    project = built_project(['echo "$TURNOUT_PROJECT $TURNOUT_REVISION $TURNOUT_REF" > told'])
    tree = tree_of(project, "main")
    assert content(tree, b"told").decode() == f"shop {tree.revision} main\n"


def test_commands_see_no_repository_of_a_hook(built_project: BuiltProject, monkeypatch: pytest.MonkeyPatch) -> None:
    project = built_project(['echo "$${GIT_DIR-none}" > told'])
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert content(tree_of(project), b"told") == b"none\n"


def test_output_comes_line_by_line_between_start_and_end(built_project: BuiltProject) -> None:
    project = built_project(["echo one; echo two >&2; printf 'last without end'", "printf 'a\\n\\nb\\n'"])
    events: list[Event] = []
    tree_of(project, events=events)
    assert [type(event) for event in events] == [
        HookStarted,
        *[HookOutput] * 3,
        HookFinished,
        HookStarted,
        *[HookOutput] * 3,
        HookFinished,
    ]
    assert output(events) == ["one", "two", "last without end", "a", "", "b"]
    assert {getattr(event, "on", "") for event in events} == {"build"}
    assert [event.status for event in events if isinstance(event, HookFinished)] == [0, 0]


def test_output_is_heard_while_the_command_runs(built_project: BuiltProject, tmp_path: Path) -> None:
    go = tmp_path / "go"
    project = built_project([f"echo waiting; while ! test -e {go}; do sleep 0.02; done; echo went"])
    heard = []

    def emit(event: Event) -> None:
        if isinstance(event, HookOutput):
            heard.append(event.line)
            go.touch()

    make_tree(project.load(), None, emit, Cancel())
    assert heard == ["waiting", "went"]


def test_output_is_harmless_and_bounded(built_project: BuiltProject) -> None:
    long_line = r"head -c 50000 /dev/zero | tr '\0' x; echo"
    project = built_project([r"printf '\033[31mred\033[0m\n10%%\r50%%\r100%%\n\377\n'", long_line])
    events: list[Event] = []
    tree_of(project, events=events)
    red, percent, odd, *long = output(events)
    assert (red, percent, odd) == ("red", "100%", "�")
    assert len(long) > 3 and max(map(len, long)) < 5000


def test_secrets_are_masked_in_all_that_is_said(built_project: BuiltProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPM_TOKEN", "s3cr3t-token")
    project = built_project(["echo using ${NPM_TOKEN}; exit 3"])
    events: list[Event] = []
    with pytest.raises(SourceError) as caught:
        tree_of(project, events=events)
    assert output(events) == ["using ***"]
    assert "s3cr3t" not in str(caught.value) + str([event.to_json() for event in events])


def test_a_failing_command_ends_the_build_with_its_last_lines(built_project: BuiltProject) -> None:
    project = built_project(["seq 1 100; echo broken >&2; exit 7", "touch never"])
    events: list[Event] = []
    with pytest.raises(SourceError, match="status 7") as caught:
        tree_of(project, events=events)
    assert caught.value.detail.splitlines()[-2:] == ["100", "broken"]
    assert len(caught.value.detail.splitlines()) == 20
    assert [event.status for event in events if isinstance(event, HookFinished)] == [7]
    assert not list((Settings().cache / "exports").glob("*/[!.]*"))


def test_build_hooks_run_after_the_commands_and_within_their_timeout(built_project: BuiltProject) -> None:
    hooks = '[[hooks]]\non = "build"\nrun = "echo hook >> log"\n[[hooks]]\non = "prepare"\nrun = "echo never >> log"\n'
    assert content(tree_of(built_project(["echo command >> log"], extra=hooks)), b"log") == b"command\nhook\n"


def test_a_hook_that_takes_too_long_is_ended(built_project: BuiltProject) -> None:
    project = built_project([], extra='[[hooks]]\non = "build"\nrun = "echo begun; sleep 600"\ntimeout = "0.3s"\n')
    events: list[Event] = []
    with pytest.raises(SourceError, match=r"longer than 0\.3 s"):
        tree_of(project, events=events)
    assert output(events) == ["begun"]
    assert [event.status for event in events if isinstance(event, HookFinished)] == [None]


def running(folder: Path) -> bool:
    """Whether the process that wrote its number into `pid` is still there."""
    try:
        os.kill(int((folder / "pid").read_text()), 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{int((folder / 'pid').read_text())}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_a_cancel_ends_the_command_and_its_children(
    built_project: BuiltProject, tmp_path: Path, stubborn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.process.GRACE", 0.3)
    project = built_project([f"sh -c '{stubborn}echo $$ > {tmp_path}/pid; while :; do sleep 0.05; done' & wait"])
    cancel = Cancel()

    def when_it_runs() -> None:
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "the child runs")
        cancel.request()

    watcher = threading.Thread(target=when_it_runs)
    watcher.start()
    with pytest.raises(Cancelled):
        make_tree(project.load(), None, [].append, cancel)
    watcher.join()
    until(lambda: not running(tmp_path), "the child is gone")
    assert not list((Settings().cache / "exports").glob("*/[!.]*"))


def test_a_finished_build_is_used_again_and_a_changed_one_is_not(built_project: BuiltProject, tmp_path: Path) -> None:
    count = tmp_path / "count"
    project = built_project([f"echo x >> {count}; cp {count} built"])
    first = tree_of(project, "main")
    assert tree_of(project, "main").manifest.digest == first.manifest.digest
    assert count.read_text() == "x\n"
    tree_of(project, "HEAD")
    assert count.read_text() == "x\n" * 2, "the command is told another ref"
    project.config.write_text(project.config.read_text().replace("cp ", "cp -f "))
    tree_of(project, "main")
    assert count.read_text() == "x\n" * 3, "another command"
    project.commit({"a": "two\n"})
    tree_of(project, "main")
    assert count.read_text() == "x\n" * 4, "another revision"


def test_a_build_never_writes_into_an_export(built_project: BuiltProject) -> None:
    project = built_project([], {"a": "one\n", "b": "one\n"})
    plain = tree_of(project)
    config = project.config.read_text()
    project.config.write_text(config.replace('git = "app"', 'git = "app"\nbuild = ["echo two >> a"]'))
    built = tree_of(project)
    assert content(plain, b"a") == b"one\n"
    assert content(built, b"a") == b"one\ntwo\n"
    project.commit({"b": "two\n"})
    assert content(tree_of(project), b"a") == b"one\ntwo\n"


def test_a_built_release_is_made_again_from_its_record(built_project: BuiltProject, tmp_path: Path) -> None:
    project = built_project(["tr a-z A-Z < a > b"])
    tree = tree_of(project, "main")
    record = record_of(tree)
    os.environ["TURNOUT_CACHE_DIR"] = str(tmp_path / "empty")
    assert content(tree_of_record(project.load(), record, [].append, Cancel()), b"b") == b"ONE\n"


def test_what_a_build_makes_must_be_sendable(built_project: BuiltProject) -> None:
    with pytest.raises(SourceError) as caught:
        tree_of(built_project(["mkfifo pipe"]))
    assert "pipe is a FIFO" in caught.value.detail
