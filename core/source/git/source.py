"""A git repository as a source of trees."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.config import Project
from core.errors import SourceError, TurnoutError, UsageError
from core.events import Emit, Note
from core.jobs import Cancel
from core.records import Record
from core.settings import Settings
from core.source.build import commands
from core.source.git.export import exported
from core.source.git.export_cache import holding
from core.source.git.left_behind import left_behind
from core.source.git.naming import ambiguity, described
from core.source.git.repository import Repository
from core.source.kinds import Choices, History, Introduction, Source, place, same_or_none
from core.source.making import Making
from core.source.tree import Tree

RECENT = 50
"""Newest commits that a person is offered."""


class GitSource(Source):
    """The repository, or the folder of one, that `source.git` names."""

    introduction = Introduction(
        flag="deploy revisions of this git repository",
        takes="FOLDER",
        answer="git",
        question="Folder of the git repository",
        built_in="a clean copy of the revision",
    )

    def __init__(self, project: Project) -> None:
        self.project = project

    @property
    def repository(self) -> Repository:
        return Repository(place(self.project), self.project.settings.environ, self.project.source.path)

    @classmethod
    def proposed(cls, folder: Path) -> str:
        """The folder itself where git can deploy it: it is a repository, or a part of one that git does not ignore.

        What is new there is committed before it is deployed, as this file is; what is ignored is in no revision.
        """
        if (folder / ".git").exists() or all((folder / name).exists() for name in ("HEAD", "objects", "refs")):
            return "."
        if not any((above / ".git").exists() for above in folder.resolve().parents):
            return ""
        try:
            return "." if Repository(folder, Settings().environ).holds() else ""
        except TurnoutError:
            return "."  # git is not installed, or refuses to read it: what it says at the first deploy helps

    @classmethod
    def lines(cls, place: str) -> Sequence[str]:
        return (
            '# ref = "main"              # the revision deployed by default; else HEAD',
            '# exclude = ["/docs", "*.map"]   # gitignore patterns',
        )

    def check(self, ref: str | None) -> None:
        self.repository.resolve(ref or self.project.source.ref)

    def tree(self, ref: str | None, target: str, how: Making) -> Tree:
        return self._tree(ref or self.project.source.ref, "", target, how)

    def same(self, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree:
        try:
            tree = self._tree(record.revision, record.ref, target, Making(emit, cancel))
        except UsageError as error:
            raise SourceError(
                f"the revision of {record.tag} is gone: {record.revision[:12]} is not in the repository",
                detail=error.detail,
                hint="`git fetch` it, or deploy another release",
            ) from error
        if tree.manifest.digest != record.digest:
            raise SourceError(
                f"{record.tag} cannot be made again: its revision now produces different files",
                detail="the build, its variables or programs, or `exclude`, `publish` and `build` of turnout.toml, "
                "are no longer what they were",
                hint=f"deploy {record.revision[:12]} as a new release, or put the settings back",
            )
        return tree

    def _tree(self, ref: str, asked: str, target: str, how: Making) -> Tree:
        """The tree of a commit; `asked` is what a person once called it, "" for the same as `ref`."""
        resolved = self.repository.resolve(ref)
        if warning := ambiguity(resolved, ref):
            how.emit(Note(text=warning, level="warning"))
        called = asked or resolved.tag or ref
        export = exported(self.project, resolved, called, target, how)
        return Tree(
            folder=export.folder,
            contents=export.contents,
            manifest=export.manifest,
            revision=resolved.commit,
            subject=export.about.subject,
            author=export.about.author,
            ref=called,
            source="git",
            committed=export.about.committed,
            mtime=int(export.about.committed),
            stable=True,
            reused=export.reused,
        )

    def kept(self, record: Record, target: str, emit: Emit, cancel: Cancel) -> Tree | None:
        export = holding(self.project.settings.cache, record.revision, record.digest)
        if export is not None:
            return Tree(
                folder=export.files,
                manifest=export.manifest,
                revision=record.revision,
                subject=record.subject,
                author=record.author,
                ref=record.ref,
                source="git",
                committed=export.about.committed,
                mtime=int(export.about.committed),
                stable=True,
            )
        return None if commands(self.project) else same_or_none(self, record, target, emit, cancel)

    def choices(self) -> Choices:
        repository = self.repository
        return Choices(
            commits=repository.recent(self.project.source.ref, RECENT),
            branches=repository.branches(),
            tags=repository.tags(),
        )

    def not_deployed(self, ref: str | None) -> Sequence[str]:
        """Changes that are not committed, and commits that the branch's upstream has and the branch has not."""
        return list(left_behind(self.repository, ref or self.project.source.ref))

    def meaning(self, word: str) -> tuple[str, str]:
        return described(self.repository, word)

    def history(self) -> History:
        from core.source.git.history import GitHistory  # no deploy with --yes needs it

        return GitHistory(self.repository, self.project.source.publish)
