"""Where a tree comes from: a git revision, exported into a clean folder, or a directory as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from core.changes import Commit
from core.config import KINDS, Project
from core.errors import SourceError
from core.events import Emit, unheard
from core.jobs import Cancel
from core.records import Record
from core.source.coming import Coming
from core.source.kinds import Branch, Choices, Source, source_of
from core.source.making import Making
from core.source.store import known, remember
from core.source.tree import Tree
from core.text import show_path

__all__ = [
    "Branch",
    "Choices",
    "Commit",
    "Source",
    "Tree",
    "known",
    "make_tree",
    "remember",
    "source_of",
    "tree_of_record",
    "tree_without_build",
]


def make_tree(
    project: Project,
    ref: str | None,
    emit: Emit,
    cancel: Cancel,
    *,
    target: str = "",
    rebuild: bool = False,
    coming: Coming | None = None,
) -> Tree:
    """The tree of a revision (None: the project's own `ref`), or of what lies at the source's place now.

    target    the environment that it is built for
    rebuild   a finished build is not used again
    coming    is told what comes while it is made, by a source that can tell
    UsageError for a revision that does not exist, SourceError where the tree cannot be made. No server is touched.
    """
    cancel.check()
    with _on_this_machine(), project.settings.measured("tree"):
        tree = source_of(project).tree(ref, target, Making(emit, cancel, rebuild, coming))
        remember(project.settings.cache, tree.manifest)
        return tree


def tree_of_record(project: Project, record: Record, emit: Emit, cancel: Cancel, *, target: str = "") -> Tree:
    """The same tree that a release was made from, for the environment `target`. SourceError where it cannot be had."""
    kind = project.source.kind
    if received := _received(project, record):
        return received
    if record.source != kind:
        raise SourceError(
            f"{record.tag} was made from {record.source or 'an unknown'} source; turnout.toml has a {kind} source now",
            hint="its files cannot be made again; deploy another release",
        )
    cancel.check()
    with _on_this_machine(), project.settings.measured("tree"):
        tree = source_of(project).same(record, record.built_for or target, emit, cancel)
        remember(project.settings.cache, tree.manifest)
        return tree


def tree_without_build(project: Project, record: Record, cancel: Cancel, *, target: str) -> tuple[Tree | None, str]:
    """Exactly the tree that a release was made from, as far as this machine has it without building anything, and
    where it was found, in words. (None, "") where it has not.

    target   the environment that the release was deployed to
    """
    cancel.check()
    with _on_this_machine():
        if received := _received(project, record):
            return received, "this machine's cache"
        if record.source != project.source.kind:
            return None, ""
        tree = source_of(project).kept(record, record.built_for or target, unheard, cancel)
        return tree, f"the {KINDS[record.source].noun.partition(' ')[2]} on this machine" if tree else ""


def _received(project: Project, record: Record) -> Tree | None:
    """The tree of a release, where it came from a server before."""
    if not (project.settings.cache / "exports" / "received").is_dir():
        return None
    from core.source.received import kept

    return kept(project.settings.cache, record)


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """SourceError for whatever else this machine refuses: a full disk, no temporary folder, no home, no descriptors."""
    try:
        yield
    except OSError as error:
        place = f": {show_path(os.fsencode(error.filename))}" if isinstance(error.filename, (str, bytes)) else ""
        raise SourceError(
            f"the tree cannot be made on this machine: {error.strerror or error}{place}",
            hint="no server was touched; TURNOUT_CACHE_DIR names another folder for what is made",
        ) from error
