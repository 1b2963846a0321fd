"""The history on the screen: rows, one operation whole, the line of time; at any width."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.errors import ConnectError
from core.history import Entry, History
from core.lives import Life
from tests.tui.recorded import NOW, tag
from tui.view.glyphs import ASCII, UNICODE
from tui.view.history_lines import (
    compared,
    entry_line,
    entry_lines,
    freeze_banner,
    log_head,
    outcome_words,
    placeholder,
    table_lines,
    timeline,
    unheard_lines,
)
from tui.view.lines import plain, width

HOUR = 3600.0


def entry(operation: str, hours: float, new: int, old: int, **more: Any) -> Entry:
    """A deploy so many hours ago."""
    facts: Any = {"kind": "deploy", "who": "ana@laptop", "outcome": "done", "servers": ("web1", "web2"), **more}
    return Entry(
        operation=operation, began=NOW - hours * HOUR - 12, seconds=12, tag=tag(new), previous=tag(old), **facts
    )


DEPLOY = entry("aa11", 2, 0, 1, reason="cart empty", phases={"upload": 3.0}, sent_bytes=1000, sent_files=2)
UNDONE = entry("bb22", 30, 1, 2, undone_by="cc33")
FAILED = entry("dd44", 5, 3, 1, outcome="put-back", exit_code=1)
LIVES = (
    Life(tag=tag(1), since=UNDONE.ended, until=DEPLOY.ended),
    Life(tag=tag(0), since=DEPLOY.ended, after=tag(1)),
)
HISTORY = History(entries=(DEPLOY, FAILED, UNDONE), unheard={"web3": "no answer"})


def test_a_row_says_what_when_who_and_why() -> None:
    row = plain(entry_line(DEPLOY, 120, UNICODE, NOW))
    for said in ("✓ deploy", "9ab01cd → 3f2c1ab", "2 h", "ana", "12 s", "“cart empty”"):
        assert said in row
    assert plain(entry_line(UNDONE, 120, UNICODE, NOW, "Faster search")).endswith("Faster search")
    assert "failed, put back" in plain(entry_line(FAILED, 120, UNICODE, NOW))
    cancelled = entry("dd44", 5, 3, 1, outcome="put-back", exit_code=1, cancelled=True)
    assert "cancelled, put back" in plain(entry_line(cancelled, 120, UNICODE, NOW))
    assert "undone" in plain(entry_line(UNDONE, 120, UNICODE, NOW))


def test_an_operation_that_had_nothing_to_do_says_so_in_words() -> None:
    idle = entry("dd44", 5, 3, 1, outcome="nothing-to-do")
    assert outcome_words(idle, UNICODE) == (UNICODE.done, "dim", "nothing to do")
    assert "nothing to do" in plain(entry_line(idle, 120, UNICODE, NOW))


def test_two_releases_are_compared_also_where_an_operation_ended_before_it_saw_what_was_live() -> None:
    cancelled = replace(FAILED, operation="ee55", previous="", cancelled=True)
    pin = Entry(operation="ff66", kind="pin", tag=tag(2), outcome="done", began=NOW - HOUR)
    broken = replace(DEPLOY, operation="0077", outcome="interrupted", previous="")
    entries = (pin, DEPLOY, cancelled, UNDONE)
    for chosen, pair in (
        ({"aa11"}, (tag(1), tag(0))),
        ({"ee55"}, (tag(1), tag(3))),
        ({"ee55", "aa11"}, (tag(1), tag(0))),
        ({"ee55", "bb22"}, (tag(1), tag(1))),
        ({"ff66", "bb22"}, (tag(1), tag(0))),
        ({"ff66"}, (tag(0), tag(0))),
        ({"aa11", "bb22", "ee55"}, None),
        ({"gone"}, None),
    ):
        assert compared(chosen, entries) == pair, chosen
    assert compared({"ff66", "bb22"}, (pin, broken, UNDONE)) is None, "what it left live is not known"


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
@pytest.mark.parametrize("cells", [40, 58, 78, 118, 198])
def test_nothing_is_wider_than_the_screen(cells, glyphs) -> None:
    found = LIVES
    drawn = [entry_line(each, cells, glyphs, NOW) for each in HISTORY.entries]
    drawn += entry_lines(DEPLOY, cells, glyphs, NOW) + unheard_lines(HISTORY, cells, glyphs)
    drawn += timeline(found, HISTORY.entries, cells, glyphs, NOW)
    drawn.append(freeze_banner("production", "by ana@laptop: " + "x" * 300, cells, glyphs, "F"))
    assert max(width(spans) for spans in drawn) <= cells
    if glyphs is ASCII:
        assert all(plain(spans).isascii() for spans in drawn)


def test_a_freeze_says_its_reason_first_where_all_of_it_does_not_fit() -> None:
    why = "by ana@laptop since 2026-11-18 10:06 UTC: the fair"
    for cells, said in (
        (100, f"production is frozen {why}"),
        (60, "production is frozen: the fair (by ana@laptop)"),
        (44, "production is frozen: the fair   "),
    ):
        assert said in plain(freeze_banner("production", why, cells, UNICODE, "F"))
    wide = plain(freeze_banner("production", "by ana since 2026-11-18 10:06 UTC: 会社の休日です", 76, UNICODE, "F"))
    assert "production is frozen: 会社の休日です (by ana) " in wide, "its signs take two cells each"
    assert "frozen by the cal" in plain(freeze_banner("production", "by the calendar until Mon 08:00", 40, UNICODE, ""))


def test_all_of_one_operation_is_told() -> None:
    said = "\n".join(plain(spans) for spans in entry_lines(DEPLOY, 100, UNICODE, NOW))
    for part in ("cart empty", "ana@laptop", "12 s", "1.0 kB in 2 files", "upload 3.0 s", "web1, web2", "aa11"):
        assert part in said


def test_servers_that_were_not_heard_are_named_in_the_table() -> None:
    said = "\n".join(plain(spans) for spans in table_lines(HISTORY, 120, UNICODE, NOW))
    assert "web3: no answer" in said and "what ran only there is missing here" in said and "aa11" in said


def test_the_line_of_time_has_a_bar_for_each_release_and_marks_what_failed() -> None:
    lines = [plain(spans) for spans in timeline(LIVES, HISTORY.entries, 100, UNICODE, NOW)]
    assert lines[0].endswith("now")
    assert "3f2c1ab" not in lines[1] or "█" in lines[1]
    assert "9ab01cd" in lines[1] and "✗5c1f9e0" in lines[2] and "9ab01cd" in lines[3]
    assert timeline((), (), 100, UNICODE, NOW) == [] and timeline(LIVES[1:], [DEPLOY], 20, UNICODE, NOW) == []


def test_each_state_of_the_tab_is_a_sight_of_its_own() -> None:
    error = ConnectError("no answer")
    states = [(None, None, False), (None, None, True), (None, error, False), (History(), None, False)]
    said = {"".join(map(plain, placeholder(h, e, 80, UNICODE, reading=r))) for h, e, r in states}
    assert len(said) == 4 and "" not in said
    assert placeholder(HISTORY, None, 80, UNICODE, reading=False) == []
    assert "2 events" in plain(log_head([1, 2], None, "Esc", UNICODE))  # type: ignore[list-item]  # only counted
    assert "reading" in plain(log_head(None, None, "Esc", UNICODE))
    assert "no answer" in plain(log_head((), error, "Esc", UNICODE))


@given(st.text(max_size=60), st.integers(40, 120))
def test_what_a_server_says_is_one_harmless_line(text, cells) -> None:
    odd = entry("ee", 1, 0, 1, reason=text, who=text, outcome=text)
    drawn = [entry_line(odd, cells, UNICODE, NOW), *entry_lines(odd, cells, UNICODE, NOW)]
    for spans in drawn:
        assert "\n" not in plain(spans) and "\x1b" not in plain(spans) and width(spans) <= cells


def test_releases_of_one_revision_are_told_apart() -> None:
    again = Entry(
        operation="ee55", began=NOW - 60, seconds=1, kind="deploy", who="ana", outcome="done", servers=("web1",),
        tag="20261128T200000Z-3f2c1ab", previous=tag(0),
    )  # fmt: skip
    history = History(entries=(again, DEPLOY))
    rows = [plain(spans) for spans in table_lines(history, 120, UNICODE, NOW)]
    assert "→ 3f2c1ab@20:00" in rows[0] and "→ 3f2c1ab@19:30" in rows[1]
    assert "9ab01cd → 3f2c1ab" not in rows[1], "both do not fit"
