"""How two releases differ, as JSON objects (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from core.rows.base import Row
from core.rows.plan import commit_name_row
from core.text import show_path
from core.version import FORMAT

if TYPE_CHECKING:
    from core.changes import Changes, Commit, FileChange
    from core.line_diff import DiffLine


class DifferenceRow(Row):
    """How two releases differ, in numbers. *_server: the server on which one was looked at, "" for the release as such.

    taken, added: commits that only the old, only the new release has; *_unknown: why it is not known.
    """

    old: str
    new: str
    old_server: str
    new_server: str
    old_revision: str
    new_revision: str
    taken: int
    added: int
    commits_unknown: str
    commits_note: str
    files_added: int
    files_changed: int
    files_removed: int
    files_renamed: int
    lines_added: int | None
    lines_removed: int | None
    files_unknown: str
    new_migrations: list[str]
    lost_migrations: list[str]
    built: bool


class CommitRow(Row):
    """A commit that only one of two releases has. side: added (the new one has it) or taken (the old one has it)."""

    side: str
    revision: str
    subject: str
    author: str
    committed: float
    migrates: bool


class FileRow(Row):
    """A file or link that differs between two releases. change: added, changed, removed, renamed; was: its old path.

    *_kind: f file, x executable, l link, "" where it is not there; *_size: bytes, null where it is not known.
    """

    path: str
    change: str
    was: str
    old_kind: str
    new_kind: str
    old_size: int | None
    new_size: int | None
    lines_added: int | None
    lines_removed: int | None
    migration: bool


class LineRow(Row):
    """A line of a file's difference. kind: as in core.line_diff; old, new: its numbers, 0 where it has none."""

    kind: str
    text: str
    old: int
    new: int


def difference_rows(changes: Changes) -> list[Row]:
    """A difference: its numbers, then one object a commit (those taken back first) and one a file."""
    commits, files = changes.commits, changes.files
    added, removed = files.lines or (None, None)
    head = DifferenceRow(
        event="difference",
        format=FORMAT,
        old=changes.old.tag,
        new=changes.new.tag,
        old_server=changes.old.server,
        new_server=changes.new.server,
        old_revision=changes.old_revision,
        new_revision=changes.new_revision,
        taken=commits.taken_count,
        added=commits.added_count,
        commits_unknown=commits.unknown,
        commits_note=commits.note,
        files_added=files.count("added"),
        files_changed=files.count("changed"),
        files_removed=files.count("removed"),
        files_renamed=files.count("renamed"),
        lines_added=added,
        lines_removed=removed,
        files_unknown=files.unknown,
        new_migrations=[show_path(path) for path in changes.new_migrations],
        lost_migrations=[show_path(path) for path in changes.lost_migrations],
        built=changes.built,
    )
    sides = (("taken", commits.taken), ("added", commits.added))
    migrations = {*changes.new_migrations, *changes.lost_migrations}
    return [
        head,
        *(_commit_row(side, commit) for side, several in sides for commit in several),
        *(_file_row(item, migration=bool({item.path, item.was} & migrations)) for item in files.changes),
    ]


def _commit_row(side: str, commit: Commit) -> CommitRow:
    return CommitRow(event="commit", format=FORMAT, side=side, **commit_name_row(commit))


def _file_row(item: FileChange, *, migration: bool) -> FileRow:
    old, new = item.old, item.new
    added, removed = item.lines or (None, None)
    return FileRow(
        event="file",
        format=FORMAT,
        path=show_path(item.path),
        change=item.change,
        was=show_path(item.was),
        old_kind=old.kind if old else "",
        new_kind=new.kind if new else "",
        old_size=old.size if old and old.size >= 0 else None,
        new_size=new.size if new and new.size >= 0 else None,
        lines_added=added,
        lines_removed=removed,
        migration=migration,
    )


def line_rows(lines: Iterable[DiffLine]) -> list[LineRow]:
    """One object a line of a file's difference."""
    return [
        LineRow(event="line", format=FORMAT, kind=item.kind, text=item.text, old=item.old, new=item.new)
        for item in lines
    ]
