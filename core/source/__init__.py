"""Where a tree comes from: a git revision, exported into a clean folder, or a directory as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.config import Project
from core.errors import SourceError, UsageError
from core.events import Emit, Note
from core.jobs import Cancel
from core.records import Record
from core.source.directory import below, directory_tree, located
from core.source.git.export import exported
from core.source.git.naming import ambiguity, described
from core.source.git.repository import Branch, Commit, Repository
from core.source.store import known, remember
from core.source.tree import Tree
from core.text import count, show_path

__all__ = [
    "Branch",
    "Commit",
    "Tree",
    "branches",
    "check_revision",
    "in_repository",
    "known",
    "make_tree",
    "meaning",
    "recent",
    "remember",
    "tags",
    "tree_of_record",
    "uncommitted",
]


def check_revision(project: Project, ref: str | None) -> None:
    """UsageError where a revision does not exist; some milliseconds, nothing is made."""
    repository = _repository(project)
    if repository is not None:
        repository.resolve(ref or project.source.ref)
    elif ref:
        raise _no_revisions()


def _no_revisions() -> UsageError:
    hint = "deploy without a revision, or use a `git` source in turnout.toml"
    return UsageError("a directory has no revisions", hint=hint)


def make_tree(
    project: Project, ref: str | None, emit: Emit, cancel: Cancel, *, target: str = "", rebuild: bool = False
) -> Tree:
    """The tree of a revision (None: the project's own `ref`), or of the directory as it is now.

    target    the environment that it is built for
    rebuild   a finished build is not used again
    UsageError for a revision that does not exist, SourceError where the tree cannot be made. No server is touched.
    """
    cancel.check()
    with _on_this_machine():
        if project.source.git is None:
            if ref:
                raise _no_revisions()
            tree = directory_tree(project, target, emit, cancel)
        else:
            tree = _git_tree(project, ref or project.source.ref, emit, cancel, target=target, rebuild=rebuild)
        remember(tree.manifest)
        return tree


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


def tree_of_record(project: Project, record: Record, emit: Emit, cancel: Cancel, *, target: str = "") -> Tree:
    """The same tree that a release was made from, for the environment `target`. SourceError where it cannot be had."""
    kind = "directory" if project.source.git is None else "git"
    if record.source != kind:
        raise SourceError(
            f"{record.tag} was made from {record.source or 'an unknown'} source; turnout.toml has a {kind} source now",
            hint="its files cannot be made again; deploy another release",
        )
    cancel.check()
    with _on_this_machine():
        if kind == "directory":
            tree = directory_tree(project, target, emit, cancel)
            if tree.manifest.digest != record.digest:
                raise SourceError(
                    f"the content of {record.tag} is gone",
                    detail=f"it was made from {located(project)}, which holds other files now",
                    hint="put the same files there and try again, or deploy a new release",
                )
        else:
            try:
                tree = _git_tree(project, record.revision, emit, cancel, asked=record.ref, target=target)
            except UsageError as error:
                raise SourceError(
                    f"the revision of {record.tag} is gone: {record.revision[:12]} is not in the repository",
                    detail=error.detail,
                    hint="`git fetch` it, or deploy another release",
                ) from error
            if tree.manifest.digest != record.digest:
                raise SourceError(
                    f"{record.tag} cannot be made again: its revision gives other files now",
                    detail="the build, its variables or programs, or `exclude`, `publish` and `build` of turnout.toml, "
                    "are no longer what they were",
                    hint=f"deploy {record.revision[:12]} as a new release, or put the settings back",
                )
        remember(tree.manifest)
        return tree


def uncommitted(project: Project, ref: str | None) -> str:
    """What a person may take for deployed and is not: changes that are not committed; "" where there are none."""
    repository = _repository(project)
    if repository is None:
        return ""
    paths = repository.uncommitted(repository.resolve(ref or project.source.ref).commit)
    if not paths:
        return ""
    names = ", ".join(show_path(path) for path in paths[:3])
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return f"not committed, so not deployed: changes in {count(len(paths), 'file')} ({names}{more})"


def recent(project: Project, limit: int = 50) -> list[Commit]:
    """The newest commits of the project's own `ref`, newest first; none for a directory."""
    repository = _repository(project)
    return repository.recent(project.source.ref, limit) if repository else []


def branches(project: Project) -> list[Branch]:
    """Local and remote branches, those with the newest commits first; none for a directory."""
    repository = _repository(project)
    return repository.branches() if repository else []


def tags(project: Project) -> list[Branch]:
    """Tags, those with the newest commits first; none for a directory."""
    repository = _repository(project)
    return repository.tags() if repository else []


def meaning(project: Project, word: str) -> tuple[str, str]:
    """What git takes a word for, `a git tag`, and the commit; "" twice where it knows none, or there is no git."""
    repository = _repository(project)
    return described(repository, word) if repository else ("", "")


def in_repository(folder: Path) -> bool:
    """Whether a folder is part of a repository, as `Repository.holds` says. SourceError where git does not tell."""
    return Repository(folder).holds()


def _repository(project: Project) -> Repository | None:
    if project.source.git is None:
        return None
    return Repository(below(project, project.source.git))


def _git_tree(
    project: Project, ref: str, emit: Emit, cancel: Cancel, *, asked: str = "", target: str, rebuild: bool = False
) -> Tree:
    """The tree of a commit; `asked` is what a person once called it."""
    repository = _repository(project)
    assert repository is not None
    resolved = repository.resolve(ref)
    if said := ambiguity(resolved, ref):
        emit(Note(text=said, level="warning"))
    found = exported(project, resolved, asked or ref, target, emit, cancel, rebuild=rebuild)
    return Tree(
        folder=found.folders[0],
        older=found.folders[1:],
        manifest=found.manifest,
        revision=resolved.commit,
        subject=found.about.subject,
        author=found.about.author,
        ref=asked or ref,
        source="git",
        committed=found.about.committed,
        reused=found.reused,
    )
