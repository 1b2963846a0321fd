"""What every kind of source promises. The same tests run for each kind that turnout.toml can name."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from core.config import KINDS, Source
from core.errors import Cancelled, SourceError, UsageError
from core.events import Event, HookFinished, HookOutput
from core.jobs import Cancel
from core.manifest import EXECUTABLE, FILE, FOLDER, LINK
from core.records import is_tag, make_tag
from core.settings import Settings
from core.source import known, make_tree, source_of, tree_of_record
from tests.projects import Files, Link, Nowhere, SampleProject, Script, make_project
from tests.strategies import AWKWARD_NAMES
from tests.trees import content, contents, record_of, tree_of

MakeProject = Callable[..., SampleProject]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of source, by its key in turnout.toml."""
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def project_of(tmp_path: Path, kind: str) -> MakeProject:
    """Makes a project whose source is of this kind and holds the given files."""

    def make(files: Files, **options: object) -> SampleProject:
        return make_project(tmp_path / "project", [Nowhere()], files, source=kind, source_options=options)

    return make


def test_a_tree_is_what_the_source_holds(project_of: MakeProject, kind: str) -> None:
    files = {"read": "one\n", "run": Script("#!/bin/sh\n"), "none": "", "d/e/file": "x", "d/link": Link("../read")}
    tree = tree_of(project_of(files))
    assert {path: entry.kind for path, entry in tree.manifest.entries.items()} == {
        b"read": FILE,
        b"run": EXECUTABLE,
        b"none": FILE,
        b"d": FOLDER,
        b"d/e": FOLDER,
        b"d/e/file": FILE,
        b"d/link": LINK,
    }
    assert contents(tree) == {b"read": b"one\n", b"run": b"#!/bin/sh\n", b"none": b"", b"d/e/file": b"x"}
    assert tree.manifest.entries[b"read"].content == hashlib.sha256(b"one\n").hexdigest()
    assert tree.source == kind
    assert known(Settings().cache, tree.manifest.digest) == tree.manifest


def test_names_of_any_bytes_come_byte_for_byte(project_of: MakeProject, kind: str) -> None:
    files = {name + b"/" + name: name for name in AWKWARD_NAMES} | {
        b"top " + name[:200]: b"x" for name in AWKWARD_NAMES
    }
    if kind == "archive":  # it refuses some: tests/unit/test_source_archive.py
        files = {name: text for name, text in files.items() if name.decode("utf-8", "replace").isprintable()}
        files = {name: text for name, text in files.items() if "\ufffd" not in name.decode("utf-8", "replace")}
    assert contents(tree_of(project_of(files))) == files


def test_links_are_kept_as_they_are_and_never_followed(project_of: MakeProject, kind: str) -> None:
    targets = {b"relative": b"a", b"absolute": b"/etc/hostname", b"dangling": b"no such\n file \xff", b"folder": b"."}
    if kind == "archive":
        del targets[b"absolute"]
    tree = tree_of(project_of({b"a": b"x", **{name: Link(target) for name, target in targets.items()}}))
    assert {path: entry.target for path, entry in tree.manifest.entries.items() if entry.kind == LINK} == targets
    with pytest.raises(SourceError, match="relative"):
        tree.open(b"relative")


def test_large_and_many_files_are_hashed_whole(project_of: MakeProject) -> None:
    files = {f"d{number % 5}/f{number}".encode(): os.urandom(number * 700) for number in range(60)}
    files[b"big"] = os.urandom((5 << 20) + 1)
    tree = tree_of(project_of(files))
    hashed = {path: entry.content for path, entry in tree.manifest.entries.items() if entry.is_file}
    assert hashed == {path: hashlib.sha256(text).hexdigest() for path, text in files.items()}
    assert contents(tree) == files


def test_only_what_publish_and_exclude_choose_is_deployed(project_of: MakeProject) -> None:
    files = {"dist/a": "1", "dist/a.map": "1", "dist/docs/x": "1", "other": "1"}
    project = project_of(files, publish="dist", exclude=["*.map", "/docs"])
    assert contents(tree_of(project)) == {b"a": b"1"}


def test_a_publish_that_is_not_a_folder_of_the_tree_is_refused(project_of: MakeProject) -> None:
    project = project_of({"dist/a": "1", "link": Link("dist"), "file": "x"}, publish="dits")
    with pytest.raises(SourceError) as refused:
        tree_of(project)
    assert "did you mean dist?" in refused.value.hint
    for name in ("link", "file"):
        project.set(publish=name)
        with pytest.raises(SourceError, match=f"{name} is not a folder"):
            tree_of(project)


def test_what_the_build_commands_make_is_deployed(project_of: MakeProject) -> None:
    project = project_of(
        {"src/a": "one\n"},
        build=["mkdir dist; tr a-z A-Z < src/a > dist/a", "echo built for $TURNOUT_PROJECT"],
        publish="dist",
    )
    events: list[Event] = []
    tree = tree_of(project, events=events)
    assert contents(tree) == {b"a": b"ONE\n"}
    assert [event.line for event in events if isinstance(event, HookOutput)] == ["built for shop"]


def test_a_build_command_that_fails_leaves_no_tree(project_of: MakeProject) -> None:
    events: list[Event] = []
    with pytest.raises(SourceError, match="status 3") as failed:
        tree_of(project_of({"a": "1"}, build=["echo broken; exit 3", "touch never"]), events=events)
    assert failed.value.detail == "broken"
    assert [event.status for event in events if isinstance(event, HookFinished)] == [3]


def test_a_change_gives_another_tree_and_the_same_files_the_same(project_of: MakeProject) -> None:
    project = project_of({"a": "one\n", "b": "x"})
    first = tree_of(project)
    assert tree_of(project).manifest.digest == first.manifest.digest
    project.put({"a": "two\n"})
    second = tree_of(project)
    assert contents(second) == {b"a": b"two\n", b"b": b"x"}
    assert (second.revision, second.manifest.digest) != (first.revision, first.manifest.digest)
    project.put({"a": "one\n"})
    assert tree_of(project).manifest.digest == first.manifest.digest


def test_the_revision_of_a_tree_names_a_release(project_of: MakeProject) -> None:
    tag = make_tag(datetime(2026, 11, 21, tzinfo=UTC), tree_of(project_of({"a": "1"})).revision)
    assert is_tag(tag) and len(tag) == len("20261121T000000Z-0123456")


def test_a_file_is_never_sent_as_another_than_was_hashed(project_of: MakeProject) -> None:
    """What is stable does not change; of the rest, a file that changed is not taken for the one that was hashed."""
    project = project_of({"a": "one\n"})
    tree = tree_of(project)
    project.put({"a": "two\n"})
    with tree.open(b"a") as file:
        unchanged = file.read() == b"one\n"
        assert unchanged if tree.stable else not tree.is_hashed(b"a", os.fstat(file.fileno()))


def test_a_release_is_made_again_from_its_record_or_not_at_all(project_of: MakeProject) -> None:
    project = project_of({"a": "one\n"})
    record = record_of(tree_of(project))
    again = tree_of_record(project.load(), record, [].append, Cancel())
    assert (again.manifest.digest, content(again, b"a")) == (record.digest, b"one\n")
    project.put({"a": "two\n"})
    if project.load().source.has_revisions:
        again = tree_of_record(project.load(), record, [].append, Cancel())
        assert (again.manifest.digest, content(again, b"a")) == (record.digest, b"one\n")
    else:
        with pytest.raises(SourceError, match="the content of first is gone"):
            tree_of_record(project.load(), record, [].append, Cancel())


def test_a_record_that_other_settings_made_is_not_made_again(project_of: MakeProject) -> None:
    project = project_of({"a": "one\n", "b": "x"})
    record = record_of(tree_of(project))
    project.set(exclude=["b"])
    with pytest.raises(SourceError):
        tree_of_record(project.load(), record, [].append, Cancel())


def test_a_record_of_another_kind_of_source_is_not_made_again(project_of: MakeProject, kind: str) -> None:
    project = project_of({"a": "one\n"})
    record = record_of(tree_of(project))
    for other in {*KINDS} - {kind} | {"svn", ""}:
        with pytest.raises(SourceError, match=f"turnout.toml has a {kind} source now"):
            tree_of_record(project.load(), replace(record, source=other), [].append, Cancel())


def test_a_revision_is_asked_for_only_where_there_are_revisions(project_of: MakeProject) -> None:
    project = project_of({"a": "1"})
    source = source_of(project.load())
    source.check(None)
    if project.load().source.has_revisions:
        (newest, *_) = source.choices().commits
        assert tree_of(project, newest.revision).revision == newest.revision
        assert source.meaning(newest.revision) == ("a git commit", newest.revision)
        refused = "there is no revision 'nonesuch'"
    else:
        choices = source.choices()
        assert not choices.commits and not choices.branches and not choices.tags
        refused = "has no revisions"
    for ask in (lambda: source.check("nonesuch"), lambda: tree_of(project, "nonesuch")):
        with pytest.raises(UsageError, match=refused):
            ask()
    assert source.meaning("nonesuch") == ("", "")


def test_a_source_that_is_not_there_is_named_with_its_key(project_of: MakeProject, kind: str) -> None:
    project = project_of({"a": "1"})
    project.set(**{kind: "gone"})
    with pytest.raises(SourceError, match=rf"source\.{kind}: .*gone"):
        tree_of(project)
    project.set(**{kind: "~nobody-of-this-name/app"})
    with pytest.raises(SourceError, match="no home folder is known"):
        tree_of(project)


def test_a_source_in_the_home_folder_is_found(project_of: MakeProject, kind: str, home: Path) -> None:
    project = project_of({"a": "1"})
    (home / "app").symlink_to(project.folder / project.load().source.place)
    project.set(**{kind: "~/app"})
    assert contents(tree_of(project)) == {b"a": b"1"}


def test_a_cancel_stops_before_anything_is_made(project_of: MakeProject) -> None:
    cancel = Cancel()
    cancel.request()
    with pytest.raises(Cancelled):
        make_tree(project_of({"a": "1"}).load(), None, [].append, cancel)


def test_what_this_machine_refuses_is_an_error_of_the_source(project_of: MakeProject) -> None:
    project = project_of({"a": "1"})
    tree_of(project)
    project.put({"a": "2"})
    loaded = project.load()
    lowest_free = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest_free)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        with pytest.raises(SourceError, match="Too many open files"):
            make_tree(loaded, None, [].append, Cancel())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_time_of_a_tree_is_in_the_past(project_of: MakeProject) -> None:
    tree = tree_of(project_of({"a": "1"}))
    assert 0 < tree.committed <= time.time()
    assert tree.mtime is None or 0 < tree.mtime <= time.time()


def test_every_kind_is_a_key_of_the_source_table_and_none_is_missing() -> None:
    keys = [field.name for field in Source.fields() if type(None) in get_args(field.kind)]
    assert keys == list(KINDS)
