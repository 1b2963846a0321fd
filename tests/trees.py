"""Trees of sample projects, made on this machine; no server is there."""

from __future__ import annotations

from core.events import Event, Note
from core.jobs import Cancel
from core.records import Record
from core.source import Tree, make_tree
from core.source.git.contents import GitContents
from tests.projects import SampleProject


def tree_of(project: SampleProject, ref: str | None = None, events: list[Event] | None = None) -> Tree:
    """The tree of a revision; what is said meanwhile goes to `events`."""
    return make_tree(project.load(), ref, (events if events is not None else []).append, Cancel())


def content(tree: Tree, path: bytes) -> bytes:
    """The content of a file of a tree."""
    with tree.open(path) as file:
        return file.read()


def contents(tree: Tree) -> dict[bytes, bytes]:
    """The content of every file of a tree, which has the size that the manifest gives."""
    by_path = {path: content(tree, path) for path, entry in tree.manifest.entries.items() if entry.is_file}
    assert {path: len(text) for path, text in by_path.items()} == {
        path: entry.size for path, entry in tree.manifest.entries.items() if entry.is_file
    }
    return by_path


def at_hand(tree: Tree) -> frozenset[bytes]:
    """The files of a plain export that were exported already."""
    contents = tree.contents
    assert isinstance(contents, GitContents)
    entries = contents._export.manifest.entries
    return frozenset(path for path, entry in entries.items() if entry.is_file and contents._holding(path))


def record_of(tree: Tree, tag: str = "first") -> Record:
    """The record of a release that was made from a tree."""
    return Record(
        tag=tag, seq=1, created=0, source=tree.source, revision=tree.revision, digest=tree.manifest.digest, ref=tree.ref
    )


def warnings(events: list[Event]) -> list[str]:
    """What was warned of."""
    return [event.text for event in events if isinstance(event, Note) and event.level == "warning"]
