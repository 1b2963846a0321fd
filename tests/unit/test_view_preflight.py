"""The board of Preflight: the worst of each check in its cell, and under it what to do."""

from __future__ import annotations

from core.doctor import CHECKS, ERROR, OK, WARNING, Finding, check_of
from tui.view.glyphs import UNICODE
from tui.view.lines import plain, width
from tui.view.preflight import COLUMNS, Examined, detail_lines, head_line, name_width, server_line, summary_line

FOUND = (
    Finding("host key", OK, "known"),
    Finding("space", WARNING, "40 MB free", "prune releases"),
    Finding("inodes", OK, "no limit"),
    Finding("records", ERROR, "it is not TOML"),
    Finding("rehearsal", OK, "a small release was made"),
)
WEB1 = Examined("web1", FOUND)


def row(server: Examined, cells: int = 100, column: int = -1) -> str:
    return plain(server_line(server, name_width([server], cells), cells, column, UNICODE))


def test_each_topic_belongs_to_one_check() -> None:
    topics = [topic for topics in CHECKS.values() for topic in topics]
    assert len(topics) == len(set(topics))
    assert check_of(Finding("incoming", ERROR, "not writable")) == "root", "a folder of the root has its own topic"


def test_a_cell_shows_the_worst_that_its_check_found() -> None:
    assert [WEB1.level(check) for check in COLUMNS] == [OK, "", "", "", WARNING, ERROR, "", OK]
    assert row(WEB1).split() == ["web1", "✓", "·", "·", "·", "!", "✗", "·", "✓"]
    assert row(Examined("web1", FOUND, frozenset({"space"}))).split()[5] == "◐"
    assert "[!]" in row(WEB1, column=4)


def test_a_board_fits_into_every_width() -> None:
    for cells in range(56, 180):
        names = name_width([WEB1], cells)
        assert width(server_line(WEB1, names, cells, 3, UNICODE)) <= cells
        assert width(head_line(names, cells)) <= cells


def test_what_was_found_is_told_with_its_remedy_the_worst_first() -> None:
    lines = [plain(line) for line in detail_lines(WEB1, "space", 60, UNICODE)]
    assert lines == ["web1  space", "! space: 40 MB free", "  -> prune releases", "✓ inodes: no limit"]
    assert "not checked yet" in plain(detail_lines(Examined("web1"), "space", 60, UNICODE)[0])


def test_the_whole_is_summed_up_with_names() -> None:
    good = Examined("web2", (Finding("host key", OK, "known"),))
    both = plain(summary_line([WEB1, good], 100, UNICODE, 60.0))
    assert both == "1 error on web1  1 warning on web1  · checked just now"
    running = [good, Examined("web1", (), frozenset({"space"}))]
    assert "checking 1 of 2 servers" in plain(summary_line(running, 100, UNICODE, 60.0))


def test_how_old_a_check_is_stands_beside_it() -> None:
    good = [Examined(name, (Finding("host key", OK, "known"),), at=at) for name, at in (("web1", 60.0), ("web2", 90.0))]
    assert plain(summary_line(good, 100, UNICODE, 100.0)) == "✓ 2 servers ready for a deploy  · checked 40 s ago"
    old = summary_line(good, 100, UNICODE, 60.0 + 5 * 3600)
    assert plain(old) == "✓ 2 servers were ready for a deploy  · checked 5 h ago"
    assert {span.role for span in old if span.text.strip()} == {"dim"}, "what was so is not drawn as what is"


def test_servers_of_a_board_do_not_look_alike() -> None:
    names = [f"shop-production-frontend-{number}" for number in (1, 2)]
    board = [Examined(name, FOUND) for name in names]
    wide = name_width(board, 58)
    rows = [plain(server_line(server, wide, 58, -1, UNICODE, names)) for server in board]
    assert rows[0].split()[0] != rows[1].split()[0] and all(len(row) <= 58 for row in rows)
