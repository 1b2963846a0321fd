"""Questions and answers as others read them: from locks and events that anybody may have written, and as lines."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import questions
from core.protocol.asked import from_line, from_lock, question_of, to_line, to_lock
from core.questions import Answer, Question, question_row
from tui.view.glyphs import ASCII, UNICODE
from tui.view.lines import plain, width
from tui.view.question_lines import answer_lines, banner_line, question_lines, time_left

NOW = 1795000000.0
TAG = "20261128T193000Z-3f2c1ab"
HOLD = replace(questions.hold(("web1", "web2"), TAG, NOW + 600, 600.0, other_only=True), asker="ana@laptop")
EACH = (
    HOLD,
    questions.batch(("web3",), TAG, ("web1", "web2"), NOW + 60),
    questions.settle(("web1",), TAG, NOW + 90),
    questions.settle(("web1",), TAG),
    questions.server(("web1", "web2", "web3", "web4"), "no answer"),
)


@pytest.mark.parametrize("question", EACH, ids=lambda question: question.kind)
def test_a_question_is_read_as_it_was_written(question: Question) -> None:
    assert question_of(json.loads(json.dumps(question_row(question)))) == question
    assert question.default in question.names and len(set(question.names)) == len(question.names)
    shown = from_lock(to_lock(question, NOW), 0.0, NOW)
    assert shown == question


def test_others_know_how_long_is_left_whatever_their_clock_says() -> None:
    shown = from_lock(to_lock(HOLD, NOW), 100.0, NOW + 86400)
    assert shown is not None and shown.deadline == NOW + 86400 + 500
    late = from_lock(to_lock(HOLD, NOW), 9999.0, NOW)
    assert late is not None and time_left(late, NOW) == "0:00 left, then abort"


def test_the_names_of_very_many_servers_are_left_out() -> None:
    many = replace(HOLD, servers=tuple(f"application-server-{n}.example.com" for n in range(2000)))
    shown = from_lock(to_lock(many, NOW), 0.0, NOW)
    assert shown is not None and shown.servers == () and shown.names == HOLD.names


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "../x"}, {"id": 5}, {"id": ""}, {"kind": "Hold"}, {"kind": None}, {"choices": []}, {"choices": "go"},
        {"choices": [{"name": "go"}, {"name": "go"}]}, {"default": "never"}, {"default": ["abort"]}, {"default": {}},
        {"choices": [{"name": "\x1b[31m"}]},
    ],
)  # fmt: skip
def test_what_is_not_a_question_is_none(changes: dict[str, Any]) -> None:
    assert question_of({**question_row(HOLD), **changes}) is None


KEYS = st.sampled_from([*question_row(HOLD), "left"])
LEAVES = st.none() | st.booleans() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4)))
def test_nothing_that_a_server_says_breaks_the_reader(value: Any) -> None:
    row = {**question_row(HOLD), **(value if isinstance(value, dict) else {"text": value, "servers": value})}
    for data in (value, row):
        question = question_of(data)
        said = plain(banner_line(question, 80, NOW, ASCII, "Y")) if question else ""
        assert not set(said) & set("\x00\x07\x1b\n\r\u202e")
        from_lock(json.dumps(data), 0.0, NOW)
        from_line(json.dumps(data), "0a")


def test_an_answer_is_read_as_it_was_written_and_harmless() -> None:
    answer = Answer("0a1b", "go", "bo@desk", "checked with ana")
    assert from_line(to_line(answer), "0a1b") == answer
    hostile = from_line(json.dumps({"choice": "go", "by": "\x1b]0;x\x07bo\nroot", "reason": "a\r\nb" * 500}), "0a")
    assert hostile is not None and hostile.by == "bo root"
    assert len(hostile.reason) <= 301 and "\n" not in hostile.reason
    for line in ("", "go", "[]", '{"choice": "GO", "by": "x"}', '{"choice": "go", "by": ""}', "[" * 9000):
        assert from_line(line, "0a") is None


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
@pytest.mark.parametrize("cells", [40, 60, 80, 200])
def test_a_question_fits_and_says_its_choices_and_the_time_left(cells: int, glyphs: Any) -> None:
    for question in EACH:
        lines = [banner_line(question, cells, NOW, glyphs, "Y"), *question_lines(question, cells, NOW, glyphs)]
        dialog = answer_lines(question, question.names[-1], "no", cells, NOW, glyphs)
        assert all(width(spans) <= cells for spans in (*lines, *dialog))
        said = " ".join(plain(spans) for spans in dialog)
        assert all(f"{number}  {name}" in said for number, name in enumerate(question.names, start=1))
        assert "Y Answer" in " ".join(plain(lines[0]).split())
    assert "10:00 left, then abort" in plain(banner_line(HOLD, 60, NOW, glyphs, "Y"))
    assert time_left(replace(HOLD, deadline=NOW + 7265), NOW) == "2:01:05 left, then abort"


def test_in_little_room_a_banner_asks_in_a_sentence_and_says_how_long() -> None:
    assert plain(banner_line(HOLD, 80, NOW, UNICODE, "Y")).startswith(
        " ? Switch now?  go, abort or hold  10:00 left, then abort  "
    )
    failed = questions.server(["web1", "web2"], "the disk is full, and nothing could be removed there", NOW + 60)
    said = plain(banner_line(failed, 70, NOW, UNICODE, "Y"))
    assert said.startswith(" ? web1, web2 failed: the") and "…  1:00 left, then undo" in said
