"""The difference of two manifests in files, what migrations are among them, and what a plan says of all that."""

from __future__ import annotations

from core.changes import (
    ADDED,
    CHANGED,
    NAMED,
    REMOVED,
    RENAMED,
    Changes,
    Commit,
    Commits,
    FileChange,
    Files,
    Side,
    authors,
    file_changes,
    in_brief,
    migrations,
)
from core.manifest import EXECUTABLE, FILE, FOLDER_ENTRY, Entry, Manifest, link


def file(content: str, size: int = 3, kind: str = FILE) -> Entry:
    return Entry(kind, size, content * 64)


def told(files: Files) -> list[tuple[bytes, str]]:
    return [(item.path, item.change) for item in files.changes]


def commit(number: int, author: str = "ana", migrates: bool = False) -> Commit:
    return Commit(f"{number:040x}", f"Number {number}", author, float(number), migrates=migrates)


def test_files_are_added_changed_and_removed() -> None:
    old = Manifest({b"d": FOLDER_ENTRY, b"d/a": file("a"), b"b": file("b"), b"same": file("c")})
    new = Manifest({b"e": FOLDER_ENTRY, b"e/n": file("d"), b"b": file("e", 9), b"same": file("c")})
    files = file_changes(old, new)
    assert told(files) == [(b"b", CHANGED), (b"d/a", REMOVED), (b"e/n", ADDED)]
    assert (files.count(ADDED), files.count(CHANGED), files.count(REMOVED)) == (1, 1, 1)


def test_the_same_content_under_another_path_is_renamed() -> None:
    files = file_changes(Manifest({b"old": file("a")}), Manifest({b"new": file("a")}))
    assert files.changes == (FileChange(b"new", RENAMED, file("a"), file("a"), was=b"old"),)


def test_where_several_have_the_content_nothing_is_guessed() -> None:
    old, new = Manifest({b"a": file("a"), b"b": file("a")}), Manifest({b"c": file("a")})
    assert told(file_changes(old, new)) == [(b"a", REMOVED), (b"b", REMOVED), (b"c", ADDED)]
    empty = file("e", 0)
    assert told(file_changes(Manifest({b"a": empty}), Manifest({b"b": empty}))) == [(b"a", REMOVED), (b"b", ADDED)]


def test_a_file_that_becomes_a_folder_is_removed() -> None:
    old, new = Manifest({b"a": file("a")}), Manifest({b"a": FOLDER_ENTRY, b"a/b": file("b")})
    assert told(file_changes(old, new)) == [(b"a", REMOVED), (b"a/b", ADDED)]
    assert told(file_changes(new, old)) == [(b"a", ADDED), (b"a/b", REMOVED)]


def test_a_mode_and_a_link_are_changes() -> None:
    old = Manifest({b"run": file("a"), b"to": link(b"x")})
    new = Manifest({b"run": file("a", kind=EXECUTABLE), b"to": link(b"y")})
    files = file_changes(old, new)
    assert told(files) == [(b"run", CHANGED), (b"to", CHANGED)]
    assert [item.mode_only for item in files.changes] == [True, False]


def test_lines_belong_to_the_files_that_git_counts() -> None:
    old = Manifest({b"a": file("a"), b"built": file("b"), b"moved": file("m")})
    new = Manifest({b"a": file("c"), b"built": file("d"), b"there": file("m")})
    files = file_changes(old, new)
    assert files.lines is None
    counted = files.counted({b"a": (4, 1), b"src": (9, 9)})
    assert [item.lines for item in counted.changes] == [(4, 1), None, (0, 0)] and counted.lines == (4, 1)


def test_migrations_are_told_both_ways() -> None:
    old = Manifest({b"db/1": file("a"), b"db/2": file("b"), b"app": file("c"), b"db/edited": file("f")})
    new = Manifest({b"db/1": file("a"), b"db/3": file("d"), b"app": file("e"), b"db/edited": file("g")})
    files = file_changes(old, new)
    assert migrations(files, lambda path: path.startswith(b"db/")) == ((b"db/3",), (b"db/2",))


def test_a_migration_that_got_another_name_is_lost_and_new() -> None:
    files = file_changes(Manifest({b"db/1": file("a")}), Manifest({b"db/2": file("a")}))
    assert migrations(files, lambda path: path.startswith(b"db/")) == ((b"db/2",), (b"db/1",))


def test_authors_with_the_most_commits_come_first() -> None:
    assert authors([commit(1, "bo"), commit(2, "ana"), commit(3, "ana")]) == ("ana", "bo")


def test_a_plan_names_the_newest_commits_and_those_with_a_migration() -> None:
    taken = tuple(commit(number, migrates=number == 0) for number in range(29, -1, -1))
    changes = Changes(
        old=Side("b"), new=Side("a"), commits=Commits(taken=taken, taken_count=30), lost_migrations=(b"db/\x1b[1m1\n",)
    )
    brief = in_brief(changes)
    assert (brief.old, brief.new, brief.taken, brief.added, brief.files) == ("b", "a", 30, 0, 0)
    assert len(brief.taken_named) == NAMED and brief.taken_named[-1].migrates
    assert brief.taken_named[0] == taken[0]
    assert brief.lost_migrations == ("db/\\x1b[1m1\\n",)
