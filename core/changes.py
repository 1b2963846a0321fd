"""What differs between two releases: commits, files, migrations; and what a plan says of that (pure).

Commits come from the repository (`Source.between`), files from two manifests. `core/operations/differences.py` brings
both together. What cannot be known has the reason in a field `unknown`, in words for people; it is never an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from core.manifest import FOLDER, Entry, Manifest
from core.text import show_path

ADDED, CHANGED, REMOVED, RENAMED = "added", "changed", "removed", "renamed"
"""What became of a file on the way from the old release to the new one."""

MOST_COMMITS = 1000
"""Commits that are listed of two revisions; they are counted beyond that."""

NAMED = 10
"""Commits that a plan names of each side."""

Migrates = Callable[[bytes], bool]
"""Whether the path of a file, relative to the release, is that of a migration."""


class Commit(Struct, frozen=True):
    """A commit for people. `committed` in seconds since the epoch, UTC; refs as `main`, `tag: v1`.

    migrates   it adds a migration; false where that was not asked
    """

    revision: str
    subject: str
    author: str
    committed: float
    refs: tuple[str, ...] = ()
    migrates: bool = False


class Commits(Struct, frozen=True):
    """The commits by which two revisions differ: each list newest first, and at most MOST_COMMITS long together.

    taken, added   what only the old revision has, so it is taken back; what only the new one has
    taken_count, added_count   how many there are, listed or not
    unknown        why they are not known: no git source, a commit that is not there; "" where they are
    note           what makes them less than certain: a shallow clone; "" for nothing
    """

    taken: tuple[Commit, ...] = ()
    added: tuple[Commit, ...] = ()
    taken_count: int = 0
    added_count: int = 0
    unknown: str = ""
    note: str = ""


def authors(commits: Iterable[Commit]) -> tuple[str, ...]:
    """Who wrote them, each once, those with the most commits first."""
    return tuple(name for name, _ in Counter(commit.author for commit in commits).most_common())


class FileChange(NamedTuple):
    """One file or link that differs. Sizes in bytes are those of the entries; folders are no changes.

    path    relative to the release; of a renamed one the new path, and `was` the old one
    change  ADDED, CHANGED, REMOVED or RENAMED (the same content under another path)
    lines   added and removed by git's count; None where git does not have the file so: binary, built, or not asked
    """

    path: bytes
    change: str
    old: Entry | None
    new: Entry | None
    was: bytes = b""
    lines: tuple[int, int] | None = None

    @property
    def mode_only(self) -> bool:
        """Whether the content is the same, and only who may read or run it differs."""
        if self.change != CHANGED or self.old is None or self.new is None:
            return False
        return self.old.is_file and self.new.is_file and self.old.content == self.new.content


class Files(Struct, frozen=True):
    """The files by which two releases differ, sorted by path. `unknown`: why that is not known; "" where it is."""

    changes: tuple[FileChange, ...] = ()
    unknown: str = ""

    def count(self, change: str) -> int:
        """How many were ADDED, CHANGED, REMOVED or RENAMED."""
        return sum(item.change == change for item in self.changes)

    @property
    def lines(self) -> tuple[int, int] | None:
        """Lines added and removed in all files that git counts; None where it counts none of them."""
        counted = [item.lines for item in self.changes if item.lines is not None]
        if not counted:
            return None
        return sum(added for added, _ in counted), sum(removed for _, removed in counted)

    def counted(self, lines: Mapping[bytes, tuple[int, int]]) -> Files:
        """The same with git's counts, by path. A renamed file has the same content, so no line of it differs."""
        changes = (
            item._replace(lines=(0, 0) if item.change == RENAMED or item.mode_only else lines.get(item.path))
            for item in self.changes
        )
        return replace(self, changes=tuple(changes))


def file_changes(old: Manifest, new: Manifest) -> Files:
    """The difference of two manifests in files and links."""
    found: dict[bytes, FileChange] = {}
    for path, entry in old.entries.items():
        other = new.entries.get(path)
        if entry.kind != FOLDER and (other is None or other.kind == FOLDER):
            found[path] = FileChange(path, REMOVED, entry, None)
    for path, entry in new.entries.items():
        other = old.entries.get(path)
        if entry.kind == FOLDER or other == entry:
            continue
        if other is None or other.kind == FOLDER:
            found[path] = FileChange(path, ADDED, None, entry)
        else:
            found[path] = FileChange(path, CHANGED, other, entry)
    _pair_renamed(found)
    return Files(tuple(found[path] for path in sorted(found)))


def _pair_renamed(found: dict[bytes, FileChange]) -> None:
    """Make one change of a removed and an added file with the same content, where no third one has it."""
    by_content: dict[Entry, list[FileChange]] = {}
    for item in found.values():
        entry = item.new if item.change == ADDED else item.old if item.change == REMOVED else None
        if entry is not None and entry.size:
            by_content.setdefault(entry, []).append(item)
    for entry, items in by_content.items():
        if len(items) == 2 and items[0].change != items[1].change:
            gone, come = sorted(items, key=lambda item: item.change == ADDED)
            del found[gone.path]
            found[come.path] = FileChange(come.path, RENAMED, entry, entry, was=gone.path)


class Side(Struct, frozen=True):
    """A release that is compared: `server` names the one on which it is looked at, "" for the release as such."""

    tag: str
    server: str = ""


class Changes(Struct, frozen=True, kw_only=True):
    """How two releases, or one release on two servers, differ.

    old_revision, new_revision   the commits that they were made from; "" where that is not known
    new_migrations    migrations that only the new release has: paths, sorted
    lost_migrations   migrations that only the old release has, so the new one does not know them
    built             the release is not the repository's files as they are: it was built, so line counts may lack
    """

    old: Side
    new: Side
    old_revision: str = ""
    new_revision: str = ""
    commits: Commits = Commits()
    files: Files = Files()
    new_migrations: tuple[bytes, ...] = ()
    lost_migrations: tuple[bytes, ...] = ()
    built: bool = False


def migrations(files: Files, migrates: Migrates) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """The paths of the migrations that only the new release has, and of those that only the old one has, sorted."""
    new = tuple(item.path for item in files.changes if item.change in (ADDED, RENAMED) and migrates(item.path))
    lost = [item.path for item in files.changes if item.change == REMOVED and migrates(item.path)]
    lost += [item.was for item in files.changes if item.change == RENAMED and migrates(item.was)]
    return new, tuple(sorted(lost))


class PlanChanges(Struct, frozen=True, kw_only=True):
    """What a plan says of the way from the release that is live to the one that will be: `Plan.changes`.

    A deploy mostly has `added` (what comes), a rollback mostly `taken` (what is taken back); where history was
    rewritten, or another branch is deployed, there are both. Texts are from a repository: show them with `one_line`.

    old, new        tags; `old` is the environment's live release: a server that is on another one is named in its step
    taken, added    how many commits; taken_named, added_named are the newest NAMED of them
    taken_by, added_by   their authors, those with the most commits first
    commits_unknown, commits_note   why these numbers are not known ("" where they are), or less than certain
    files_added, files_changed, files_removed   a renamed file counts as changed
    lines           added and removed by git's count; None where it counts none of these files
    files_unknown   why the numbers of files and migrations are not known; "" where they are
    new_migrations, lost_migrations   paths, for people: what comes with the new release; what it does not know,
                    though the live one has it (`[deploy] migrations`); none where the project names no migrations
    """

    old: str = ""
    new: str = ""
    taken: int = 0
    added: int = 0
    taken_named: tuple[Commit, ...] = ()
    added_named: tuple[Commit, ...] = ()
    taken_by: tuple[str, ...] = ()
    added_by: tuple[str, ...] = ()
    commits_unknown: str = ""
    commits_note: str = ""
    files_added: int = 0
    files_changed: int = 0
    files_removed: int = 0
    lines: tuple[int, int] | None = None
    files_unknown: str = ""
    new_migrations: tuple[str, ...] = ()
    lost_migrations: tuple[str, ...] = ()

    @property
    def files(self) -> int:
        """How many files differ."""
        return self.files_added + self.files_changed + self.files_removed


def in_brief(changes: Changes) -> PlanChanges:
    """What a plan says of these changes."""
    commits, files = changes.commits, changes.files
    return PlanChanges(
        old=changes.old.tag,
        new=changes.new.tag,
        taken=commits.taken_count,
        added=commits.added_count,
        taken_named=_newest(commits.taken),
        added_named=_newest(commits.added),
        taken_by=authors(commits.taken),
        added_by=authors(commits.added),
        commits_unknown=commits.unknown,
        commits_note=commits.note,
        files_added=files.count(ADDED),
        files_changed=files.count(CHANGED) + files.count(RENAMED),
        files_removed=files.count(REMOVED),
        lines=files.lines,
        files_unknown=files.unknown,
        new_migrations=tuple(map(show_path, changes.new_migrations)),
        lost_migrations=tuple(map(show_path, changes.lost_migrations)),
    )


def _newest(commits: Sequence[Commit]) -> tuple[Commit, ...]:
    """The first NAMED, those with a migration among them whatever their age."""
    if len(commits) <= NAMED:
        return tuple(commits)
    chosen = [commit for commit in commits if commit.migrates][:NAMED]
    chosen += [commit for commit in commits if not commit.migrates][: NAMED - len(chosen)]
    return tuple(commit for commit in commits if commit in chosen)
