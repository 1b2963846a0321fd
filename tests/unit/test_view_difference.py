"""Two releases beside each other in lines: for the Changes tab at every width, and for `turnout diff`."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from core.changes import Changes, Commit, Commits, FileChange, Files, Side, file_changes
from core.line_diff import content, difference
from core.manifest import EXECUTABLE, FILE, Entry, Manifest, link
from tui.view.difference_lines import (
    commit_row,
    commits_said,
    file_row,
    file_text,
    files_said,
    names,
    numbers,
    pair_name,
    short_path,
    stat,
    text_rows,
    title_line,
    whole,
)
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import ENDLESS, Line, cell_len, plain, width

OLD, NEW = Side("20261127T193000Z-9ab01cd"), Side("20261128T193000Z-3f2c1ab")
FIX = Commit("3f2c1ab" * 5 + "01234", "Fix cart totals for mixed VAT", "ana", 0.0)


def file(content: str, size: int = 3000, kind: str = FILE) -> Entry:
    return Entry(kind, size, content * 64)


FILES = file_changes(
    Manifest({b"src/cart.php": file("a"), b"gone": file("b"), b"old": file("m"), b"run": file("r"), b"to": link(b"x")}),
    Manifest(
        {
            b"src/cart.php": file("c"), b"app.js": file("d", 41_000), b"new": file("m"), b"db/1.sql": file("e"),
            b"run": file("r", kind=EXECUTABLE), b"to": link(b"y"),
        }
    ),
).counted({b"src/cart.php": (40, 12), b"gone": (0, 7), b"db/1.sql": (3, 0)})  # fmt: skip
CHANGES = Changes(
    old=OLD, new=NEW, commits=Commits(added=(FIX,), added_count=1), files=FILES, new_migrations=(b"db/1.sql",),
    built=True,
)  # fmt: skip


def text(lines: list[Line]) -> str:
    return "\n".join(plain(spans).rstrip() for spans in lines)


def row(path: bytes, cells: int = 40) -> str:
    item = next(each for each in FILES.changes if each.path == path)
    return plain(file_row(item, CHANGES, cells, UNICODE))


def test_the_title_has_the_numbers_that_decide() -> None:
    assert plain(title_line(OLD, NEW, CHANGES, 100, UNICODE)) == (
        "9ab01cd..3f2c1ab  1 commit, 7 files, +43 −19  ! 1 new migration"
    )
    assert plain(title_line(OLD, NEW, None, 100, UNICODE, "comparing …")) == "9ab01cd..3f2c1ab  comparing …"
    both = replace(CHANGES, commits=Commits(taken=(FIX,), added=(FIX,), taken_count=2, added_count=1))
    assert numbers(both, UNICODE).startswith("takes back 2, brings 1 commit, 7 files")
    back = replace(CHANGES, commits=Commits(taken=(FIX,), taken_count=1), new_migrations=(), lost_migrations=(b"x",))
    assert "takes back 1 commit" in numbers(back, UNICODE)
    assert plain(title_line(OLD, NEW, back, 100, UNICODE)).endswith("! 1 migration missing")


def test_a_pair_is_named_so_that_the_two_are_told_apart() -> None:
    assert pair_name(Side("r2", "web1"), Side("r2", "web2")) == "r2 on web1..web2"
    twin = Side("20261129T193000Z-3f2c1ab")
    assert pair_name(NEW, twin) == "3f2c1ab@11-28..3f2c1ab@11-29"
    assert pair_name(Side("a", "web1"), Side("b", "web2")) == "a on web1..b on web2"


def test_a_file_has_its_letter_and_its_lines_or_sizes() -> None:
    assert row(b"src/cart.php").startswith("M src/cart.php ") and row(b"src/cart.php").endswith("  +40 −12")
    assert row(b"app.js").startswith("A app.js") and row(b"app.js").endswith("  41 kB")
    assert row(b"gone").startswith("D gone") and row(b"gone").endswith("+0 −7")
    assert row(b"new").startswith("R old → new") and row(b"new").endswith("moved")
    assert row(b"run").endswith("mode") and row(b"to").endswith("link")
    assert " !  +3 −0" in row(b"db/1.sql")


def test_of_a_long_path_the_end_stays() -> None:
    assert short_path("a/very/long/way/to/a/file.py", 12, "…") == "…o/a/file.py"
    assert short_path("short", 12, "…") == "short" and cell_len(short_path("漢" * 20, 9, "…")) <= 9


@pytest.mark.parametrize("cells", [20, 28, 40, 60, 120, 200])
def test_no_row_is_wider_than_its_room(cells: int) -> None:
    long = replace(FIX, subject="漢字 " * 60, author="A very long name", migrates=True)
    for glyphs in (UNICODE, ASCII):
        rows = [commit_row(sign, long, cells, min(16, cells // 5), glyphs) for sign in "+-"]
        rows += [file_row(item, CHANGES, cells, glyphs) for item in FILES.changes]
        rows += text_rows(difference("a" * 300 + "\nb\n", "漢" * 300 + "\nb"), cells, glyphs)
        rows += [title_line(OLD, NEW, CHANGES, cells, glyphs)]
        rows += commits_said(replace(CHANGES, commits=Commits(unknown="x " * 90, note="n")), cells)
        rows += files_said(replace(CHANGES, files=Files(unknown="y " * 90)), cells)
        assert max(map(width, rows)) <= cells


def test_nothing_of_a_long_line_is_left_out() -> None:
    old, new = "x" * 300 + "\n", "漢y" * 150 + "\n"
    shown = text_rows(difference(old, new), 40, UNICODE)
    assert "".join(span.text for spans in shown for span in spans if span.role == "bad").replace("-", "") == "x" * 300
    assert "".join(span.text for spans in shown for span in spans if span.role == "ok").replace("+", "") == "漢y" * 150


def test_a_wide_difference_has_line_numbers() -> None:
    rows = text_rows(difference("a\nb\nc\n", "a\nB\nc\n"), 80, UNICODE)
    assert [plain(spans) for spans in rows] == ["@@ -1,3 +1,3 @@", "1  a", "2 -b", "2 +B", "3  c"]
    assert plain(text_rows(content("a\n"), 40, UNICODE)[0]) == " a"


def test_what_is_not_known_is_said_where_it_would_be() -> None:
    unknown = replace(CHANGES, commits=Commits(unknown="abc is not there; git fetch"), files=Files(unknown="no record"))
    assert text(commits_said(unknown, 60)) == "Commits not known: abc is not there; git fetch"
    assert text(files_said(unknown, 60)) == "Files not known: no record"
    assert text(files_said(replace(CHANGES, files=Files()), 60)) == "No file differs."
    many = replace(CHANGES, commits=Commits(added=(FIX,), added_count=1500, note="shallow clone: there may be more"))
    assert text(commits_said(many, 60)) == "and 1,499 more\nshallow clone: there may be more"
    assert "same commit" in text(commits_said(replace(CHANGES, commits=Commits()), 60))


def test_the_command_prints_commits_and_files() -> None:
    shown = text(whole(CHANGES, 100, UNICODE))
    assert "+ 3f2c1ab Fix cart totals for mixed VAT" in shown
    assert "M src/cart.php | " in shown and "7 files: 2 added, 3 changed, 1 removed, 1 renamed, +43 −19" in shown
    assert "git counts no lines of 2 files (binary, built, or filled in on export)" in shown
    assert all(len(line) <= 100 or line.startswith("7 files") for line in shown.splitlines())
    assert "Fix cart totals" in text(whole(CHANGES, ENDLESS, UNICODE))


def test_the_bars_of_stat_never_hide_a_change() -> None:
    items = (
        FileChange(b"big", "changed", file("a"), file("b"), lines=(9000, 1)),
        FileChange(b"small", "changed", file("a"), file("b"), lines=(0, 1)),
    )
    rows = text(stat(replace(CHANGES, files=Files(items)), 60, UNICODE)).splitlines()
    assert rows[0].count("+") > 10 and rows[0].endswith("-") and rows[1].endswith(" 1 -")
    assert stat(replace(CHANGES, files=Files()), 60, UNICODE) == []


def test_names_are_for_other_programs() -> None:
    assert text(names(CHANGES, UNICODE)).splitlines()[:3] == ["A\tapp.js", "A\tdb/1.sql", "D\tgone"]
    assert "R\told\tnew" in text(names(CHANGES, UNICODE))


def test_a_file_is_printed_as_diff_prints_it() -> None:
    item = next(each for each in FILES.changes if each.path == b"gone")
    assert text(file_text(Side("r1"), Side("r2"), item, difference("a\n", ""))) == (
        "--- r1/gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-a"
    )
