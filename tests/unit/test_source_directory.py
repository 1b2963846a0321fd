"""A directory as a source: taken as it is, where it is. What every kind of source promises is in test_source_kinds."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import SourceError
from core.manifest import FOLDER, LINK
from core.records import make_tag
from tests.projects import Link, Nowhere, SampleProject, make_project
from tests.trees import contents, tree_of

MakeProject = Callable[..., SampleProject]


@pytest.fixture
def directory_of(tmp_path: Path) -> MakeProject:
    """Makes a project whose source is a directory of the given files."""
    return lambda files, **options: make_project(
        tmp_path / "project", [Nowhere()], files, source="directory", source_options=options
    )


def test_a_directory_is_taken_where_it_is(directory_of: MakeProject) -> None:
    project = directory_of({"a": "one\n", "empty/": "", "d/gone": Link(b"\xff")})
    tree = tree_of(project)
    assert (tree.folder, tree.ref, tree.subject) == (project.tree, "", "")
    assert tree.manifest.entries[b"empty"].kind == FOLDER
    assert (tree.manifest.entries[b"d/gone"].kind, tree.manifest.entries[b"d/gone"].target) == (LINK, b"\xff")


def test_the_revision_is_the_content(directory_of: MakeProject) -> None:
    from datetime import UTC, datetime

    tree = tree_of(directory_of({"a": "1"}))
    assert tree.revision == f"content:{tree.manifest.digest[:12]}"
    assert make_tag(datetime(2026, 11, 21, tzinfo=UTC), tree.revision) == f"20261121T000000Z-{tree.manifest.digest[:7]}"


def test_the_repository_at_the_top_is_left_out_and_others_are_not(directory_of: MakeProject) -> None:
    tree = tree_of(directory_of({".git/config": "x", "vendor/.git": "gitdir: x", ".gitignore": "x"}))
    assert set(tree.manifest.entries) == {b"vendor", b"vendor/.git", b".gitignore"}


def test_the_published_folder_is_taken_where_it_is(directory_of: MakeProject) -> None:
    project = directory_of({"dist/a": "1", "other": "1"}, publish="dist")
    assert tree_of(project).folder == project.tree / "dist"


def test_excluded_folders_are_not_even_listed(directory_of: MakeProject) -> None:
    project = directory_of({"node_modules/x/y": "1", "a": "1"}, exclude=["node_modules/"])
    os.mkfifo(project.tree / "node_modules/pipe")
    assert contents(tree_of(project)) == {b"a": b"1"}


def test_a_directory_given_by_a_link_is_followed(directory_of: MakeProject, tmp_path: Path) -> None:
    project = directory_of({"a": "1"})
    project.tree.rename(tmp_path / "real")
    project.tree.symlink_to(tmp_path / "real")
    tree = tree_of(project)
    assert contents(tree) == {b"a": b"1"}
    assert tree.folder == tmp_path / "real"


def test_a_directory_that_is_a_file_is_refused(directory_of: MakeProject) -> None:
    project = directory_of({"a": "1"})
    project.set(directory="app/a")
    with pytest.raises(SourceError, match="is not a folder"):
        tree_of(project)


def test_a_directory_is_built_where_it_is_every_time(directory_of: MakeProject) -> None:
    project = directory_of({"a": "one\n"}, build=["cat a >> b"])
    assert contents(tree_of(project)) == {b"a": b"one\n", b"b": b"one\n"}
    assert contents(tree_of(project)) == {b"a": b"one\n", b"b": b"one\none\n"}
    assert (project.tree / "b").read_text() == "one\none\n"
