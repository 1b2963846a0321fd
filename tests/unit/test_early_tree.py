"""Trees that are begun before their operation: the same tree, nothing that must not run yet, and nobody left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.errors import Cancelled, SourceError, UsageError
from core.events import Event, Note
from core.fleet import Fleet
from core.jobs import Cancel
from core.source.early import EarlyTree
from tests.projects import SampleProject
from tests.trees import contents, tree_of, warnings
from tests.unit.conftest import GitProject


def early(project: SampleProject, ref: str | None = None) -> EarlyTree:
    return EarlyTree(project.load(), ref, "production")


def test_it_is_the_tree_that_is_made_otherwise(git_project: GitProject) -> None:
    project = git_project({"a": "one\n", "b/c": "two\n"})
    tree = early(project).take([].append, Cancel())
    assert tree is not None
    same = tree_of(project)
    assert (tree.revision, tree.manifest, contents(tree)) == (same.revision, same.manifest, contents(same))


def test_what_it_says_is_heard_once_whoever_listens_later(git_project: GitProject) -> None:
    project = git_project({"a": "one\n"})
    project.git("tag", "twice")
    project.commit({"a": "two\n"})
    project.git("branch", "twice")
    begun = early(project, "twice")
    begun._made.wait()
    heard: list[Event] = []
    begun.take(heard.append, Cancel())
    events: list[Event] = []
    tree_of(project, "twice", events)
    assert warnings(heard) == warnings(events) != []


def test_no_command_runs_before_the_operation(git_project: GitProject, tmp_path: Path) -> None:
    project = git_project({"a": "one\n"}, source_options={"build": [f"touch {tmp_path}/ran"]})
    begun = early(project)
    assert begun.take([].append, Cancel()) is None
    assert not (tmp_path / "ran").exists()


def test_its_errors_come_where_it_is_taken(git_project: GitProject) -> None:
    begun = early(git_project(), "nowhere")
    with pytest.raises(UsageError, match="nowhere"):
        begun.take([].append, Cancel())


def test_a_cancel_of_the_operation_reaches_it(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()

    def endless(project: object, ref: object, emit: object, cancel: Cancel, **others: object) -> None:
        waiting.set()
        while not cancel.wait(5):
            raise AssertionError("nobody cancelled it")
        cancel.check()

    monkeypatch.setattr("core.source.make_tree", endless)
    begun, cancel = early(git_project()), Cancel()
    assert waiting.wait(10)
    threading.Timer(0.02, cancel.request).start()
    with pytest.raises(Cancelled):
        begun.take([].append, cancel)


def test_a_fleet_that_is_closed_ends_it(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()

    def endless(project: object, ref: object, emit: object, cancel: Cancel, **others: object) -> None:
        if cancel.wait(10):
            ended.set()
        raise SourceError("ended")

    monkeypatch.setattr("core.source.make_tree", endless)
    project = git_project().load()
    fleet = Fleet(project, project.environment("production"))
    fleet._early = EarlyTree(project, None, "production")
    assert fleet.early_tree("another") is None
    fleet.close()
    assert ended.is_set()


def test_what_is_said_after_it_was_taken_goes_on(git_project: GitProject, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = threading.Event()

    def slow(project: object, ref: object, emit: object, cancel: Cancel, **others: object) -> None:
        assert callable(emit)
        emit(Note(text="before"))
        assert taken.wait(10)
        emit(Note(text="after"))

    monkeypatch.setattr("core.source.make_tree", slow)
    begun = early(git_project())
    heard: list[Event] = []

    def hear(event: Event) -> None:
        heard.append(event)
        taken.set()

    begun.take(hear, Cancel())
    assert [event.text for event in heard if isinstance(event, Note)] == ["before", "after"]
