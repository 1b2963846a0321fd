"""What every kind of source answers, and the source of a project. The kinds are listed in core/config/source.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Protocol

from msgspec import Struct

from core.changes import Commit, Commits, Migrates
from core.config import KINDS, Project
from core.errors import SourceError, UsageError
from core.events import Emit
from core.jobs import Cancel
from core.records import Record
from core.source.making import Making
from core.source.tree import Tree


class Branch(Struct, frozen=True):
    """A branch (`main`, `origin/main`) or a tag, and the commit that it points to; `full` begins with `refs/`."""

    name: str
    revision: str
    subject: str
    author: str
    committed: float
    full: str = ""


class Choices(Struct, frozen=True):
    """What a person can deploy: each list has the newest commits first. `commits` are those of the project's `ref`."""

    commits: Sequence[Commit] = ()
    branches: Sequence[Branch] = ()
    tags: Sequence[Branch] = ()


class History(Protocol):
    """What a source knows of two of its revisions. Nothing is raised for what is not there; paths are the release's."""

    def commits(self, old: str, new: str, migrates: Migrates | None = None) -> Commits:
        """The commits by which they differ; `migrates` tells which paths are migrations."""
        ...

    def lines(self, old: str, new: str) -> Mapping[bytes, tuple[int, int]]:
        """By path: lines added and removed. Binary files, and those that are not in the repository, are left out."""
        ...

    def named(self, revisions: Iterable[str]) -> Mapping[str, Commit]:
        """Of these revisions, whole or the beginning of one: those that are there, with subject and author."""
        ...

    def content(self, revision: str, path: bytes, most: int) -> bytes | None:
        """A file of a revision; None where it is not there or has more than `most` bytes."""
        ...


class Introduction(Struct, frozen=True):
    """What `turnout init` says of a kind.

    flag      the help of its flag
    takes     the flag's value: FOLDER
    answer    how a person calls it: the first word is enough
    question  what is asked for its place
    built_in  where build commands run
    """

    flag: str
    takes: str
    answer: str
    question: str
    built_in: str


class Source(Protocol):
    """Where the trees of one project come from. Only this machine is read and written, never a server."""

    introduction: ClassVar[Introduction]

    def __init__(self, project: Project) -> None: ...

    @classmethod
    def proposed(cls, folder: Path) -> str:
        """The place that `turnout init` proposes for a project in this folder; "" where the kind does not fit it."""
        ...

    @classmethod
    def lines(cls, place: str) -> Sequence[str]:
        """What a new turnout.toml says below the key with this place: commented lines, and defaults worth having."""
        ...

    def check(self, ref: str | None) -> None:
        """UsageError where this revision (None: the project's own) does not exist. It makes nothing, and is quick."""
        ...

    def tree(self, ref: str | None, target: str, how: Making) -> Tree:
        """The tree of a revision (None: the project's own), built for the environment `target`.

        UsageError for a revision that does not exist, SourceError where the tree cannot be made.
        """
        ...

    def same(self, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree:
        """The tree that a release was made from, with the digest of its record. SourceError where it cannot be made."""
        ...

    def kept(self, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree | None:
        """The tree of a release without a build: a finished build in the cache, or where nothing is built, the source.

        It has the digest of the record. None where there is none, and for whatever keeps the source from being read.
        """
        ...

    def choices(self) -> Choices:
        """The branches, tags and newest commits; nothing where there are no revisions."""
        ...

    def not_deployed(self, ref: str | None) -> Sequence[str]:
        """Warnings of what a person may expect in the tree, but is not in it; nothing is raised."""
        ...

    def meaning(self, word: str) -> tuple[str, str]:
        """What a word names there, such as `a git tag`, and the commit; "" twice where it names nothing."""
        ...

    def history(self) -> History | None:
        """What tells of two revisions; None where there are none."""
        ...


class Unversioned(Source):
    """A source without revisions: what lies at its place is deployed, as it is now."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def check(self, ref: str | None) -> None:
        if ref:
            noun = KINDS[self.project.source.kind].noun
            hint = "deploy without a revision, or use a `git` source in turnout.toml"
            raise UsageError(f"{noun} has no revisions", hint=hint)

    def same(self, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree:
        tree = self.tree(None, target, Making(emit, cancel))
        if tree.manifest.digest != record.digest:
            raise SourceError(
                f"the content of {record.tag} is gone",
                detail=f"it was made from {place(self.project)}, which contains other files now",
                hint="put the same files there and try again, or deploy a new release",
            )
        return tree

    def kept(self, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree | None:
        from core.source.build import commands

        return None if commands(self.project) else same_or_none(self, record, target, emit, cancel)

    def choices(self) -> Choices:
        return Choices()

    def not_deployed(self, ref: str | None) -> Sequence[str]:
        return ()

    def meaning(self, word: str) -> tuple[str, str]:
        return "", ""

    def history(self) -> History | None:
        return None


def same_or_none(source: Source, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree | None:
    """What `same` gives; None where the source cannot give it."""
    try:
        return source.same(record, target, emit, cancel)
    except (SourceError, UsageError):
        return None


def refuse_empty(ref: str | None) -> None:
    """UsageError for a revision without a name: a variable that a script has not set must not deploy another one."""
    if ref is not None and not ref.strip():
        raise UsageError(
            "the revision is empty",
            hint="leave --ref out for the project's own; in a script, see that its variable is set",
        )


def kind_named(key: str) -> type[Source]:
    """The class that makes the trees of a kind, by its key in [source]."""
    module, _, name = KINDS[key].made_by.partition(":")
    made_by: type[Source] = getattr(import_module(module), name)
    return made_by


def source_of(project: Project) -> Source:
    """The source of a project. Nothing is read yet."""
    return kind_named(project.source.kind)(project)


def place(project: Project) -> Path:
    """Where the source is: relative to turnout.toml. SourceError where `~` is not a folder (unknown user, no home)."""
    path = project.source.place
    try:
        return project.folder / Path(path).expanduser()
    except (RuntimeError, OSError):
        raise SourceError(f"{path}: no home folder is known for it", hint="write the whole path, or set HOME") from None
