"""The difference of two texts: as `diff -u` has it, in lines that no terminal acts on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import line_diff
from core.line_diff import HUNK, MINUS, NOTE, PLUS, SAME, DiffLine, content, counts, difference, shown

MANY = "".join(f"line {number}\n" for number in range(40))


def text(lines: list[DiffLine]) -> list[str]:
    return [item.kind + item.text for item in lines]


def test_the_same_text_has_no_difference() -> None:
    assert difference(MANY, MANY) == [] and difference("", "") == []


def test_a_change_has_three_lines_around_it_and_numbers() -> None:
    lines = difference(MANY, MANY.replace("line 20\n", "line twenty\nand more\n"))
    assert text(lines) == [
        "@-18,7 +18,8", " line 17", " line 18", " line 19", "-line 20", "+line twenty", "+and more",
        " line 21", " line 22", " line 23",
    ]  # fmt: skip
    assert (lines[1].old, lines[1].new) == (18, 18) and (lines[4].old, lines[4].new) == (21, 0)
    assert (lines[6].old, lines[6].new) == (0, 22) and (lines[7].old, lines[7].new) == (22, 23)
    assert counts(lines) == (2, 1)


def test_changes_that_lie_apart_are_parts_of_their_own() -> None:
    lines = difference(MANY, MANY.replace("line 2\n", "").replace("line 30\n", "x\n"))
    assert [item.text for item in lines if item.kind == HUNK] == ["-1,6 +1,5", "-28,7 +27,7"]


def test_a_file_that_comes_or_goes_is_all_of_one_sign() -> None:
    assert text(difference("", "a\nb\n")) == ["@-0,0 +1,2", "+a", "+b"]
    assert text(difference("a\n", "")) == ["@-1 +0,0", "-a"]


def test_a_missing_newline_at_the_end_is_told() -> None:
    assert text(difference("a\n", "a"))[-1] == "\\the new file has no newline at its end"
    assert difference("a", "b\n")[-1] == DiffLine(NOTE, "the old file has no newline at its end")
    assert all(item.kind != NOTE for item in difference("a", "b"))


def test_what_is_not_printable_is_shown_as_an_escape() -> None:
    assert shown("a\x1b[2Jb\r\x00\u202e") == "a\\x1b[2Jb\\r\\x00\\u202e"
    assert shown("\tx") == " " * 8 + "x" and shown("漢字 é") == "漢字 é"
    assert text(difference("a\n", "a\r\n"))[1:] == ["-a", "+a\\r"]


def test_only_a_newline_ends_a_line() -> None:
    assert text(content("a\x0cb\u2028c\nd")) == [" a\\x0cb\\u2028c", " d"]


def test_texts_of_very_many_lines_are_not_compared_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_diff, "MOST_LINES", 10)
    new = MANY.replace("line 10\n", "ten\n").replace("line 30\n", "thirty\n")
    lines = difference(MANY, new)
    assert counts(lines) == (21, 21) and sum(item.kind == HUNK for item in lines) == 1
    assert lines[0].text == "-8,27 +8,27"


@given(st.text("ab\n", max_size=30), st.text("ab\n", max_size=30))
def test_both_texts_can_be_read_from_the_difference(old: str, new: str) -> None:
    lines = difference(old, new, around=100)
    if not lines:
        assert old == new
    whole = [item for item in lines if item.kind in (SAME, PLUS, MINUS)]
    if whole:
        assert [item.text for item in whole if item.kind != PLUS] == line_diff.split(old)[0]
        assert [item.text for item in whole if item.kind != MINUS] == line_diff.split(new)[0]


def test_it_is_what_diff_says(tmp_path: Path) -> None:
    new = MANY.replace("line 7\n", "seven\n").replace("line 31\n", "")
    (tmp_path / "a").write_text(MANY)
    (tmp_path / "b").write_text(new)
    done = subprocess.run(["diff", "-u", "a", "b"], cwd=tmp_path, capture_output=True, text=True, check=False)
    wanted = [f"@{row[3:-3]}" if row.startswith("@@") else row for row in done.stdout.splitlines()[2:]]
    assert text(difference(MANY, new)) == wanted
