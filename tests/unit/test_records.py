"""Records, releases and the state of a fleet: what is written comes back, and order rests on records alone."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.records import (
    LARGEST_SEQ,
    Record,
    Release,
    fleet_releases,
    is_tag,
    live_tag,
    make_tag,
    mark,
    next_seq,
    parse_journal_line,
    parse_record,
    previous_tag,
)
from core.text import clean
from tests.states import state

words = st.text(max_size=40).map(clean).map(lambda text: text.replace("\n", " "))
digits = st.text("0123456789abcdef", min_size=64, max_size=64)
tags = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).filter(is_tag)
records = st.builds(
    Record,
    tag=tags,
    seq=st.integers(0, 10**9),
    created=st.integers(0, 253_402_300_799).map(float),
    source=st.sampled_from(["git", "directory", ""]),
    revision=st.one_of(
        st.just(""), digits.map(lambda text: text[:40]), digits.map(lambda text: f"content:{text[:12]}")
    ),
    digest=st.one_of(st.just(""), digits),
    subject=words,
    author=words,
    by=words,
    ref=words.map(lambda text: text.lstrip("-")),
    bytes=st.integers(0, 2**60),
    files=st.integers(0, 10**9),
    failed=words,
    left=st.booleans(),
    pinned=st.booleans(),
)


def release(
    tag: str, seq: int = 0, *, live: bool = False, present: bool = True, mtime: float = 0, **more: Any
) -> Release:
    """A release with a record, or without one for seq 0."""
    record = Record(tag=tag, seq=seq, created=float(seq), **more) if seq else None
    return Release(tag=tag, record=record, present=present, live=live, mtime=mtime)


PROMOTED = st.fixed_dictionaries(
    {
        "promoted_from": words.filter(bool),
        "promoted_tag": tags,
        "built_for": words,
        "built": st.integers(0, 253_402_300_799).map(float),
        "built_by": words,
    }
)


PROMOTED_KEYS = {"promoted_from", "promoted_tag", "built_for", "built", "built_by"}


@given(records, PROMOTED)
def test_the_record_of_a_promoted_release_tells_where_it_came_from(record: Record, promoted: dict[str, Any]) -> None:
    written = replace(record, **promoted)
    assert parse_record(written.to_toml()) == written
    assert not PROMOTED_KEYS & tomllib.loads(record.to_toml()).keys()


@given(records)
def test_a_record_survives_its_file(record: Record) -> None:
    assert parse_record(record.to_toml()) == record
    record.to_toml().encode()


@given(records)
def test_a_record_is_readable_with_keys_of_a_later_version(record: Record) -> None:
    assert parse_record(record.to_toml() + 'another = "key"\n[table]\nx = 1\n') == record


def test_a_record_says_when_in_utc() -> None:
    text = Record(tag="one", seq=1, created=1_795_289_400.9).to_toml()
    assert "created = 2026-11-21 19:30:00+00:00\n" in text.replace("T19", " 19").replace("Z\n", "+00:00\n")
    assert parse_record('tag = "t"\nseq = 1\ncreated = 2026-11-21T20:30:00+01:00').created == 1_795_289_400
    assert parse_record('tag = "t"\nseq = 1\ncreated = 2026-11-21T19:30:00').created == 1_795_289_400
    assert parse_record('tag = "t"\nseq = 1\ncreated = 12.5').created == 12.5


GOOD = {"tag": '"t"', "seq": "1", "created": "12.0"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tag", None),
        ("seq", None),
        ("created", None),
        ("tag", '"../etc"'),
        ("tag", '"a/b"'),
        ("tag", '""'),
        ("tag", '"-rf"'),
        ("tag", '"a..b"'),
        ("tag", "7"),
        ("seq", '"1"'),
        ("seq", "true"),
        ("seq", "1.5"),
        ("created", "nan"),
        ("created", "inf"),
        ("created", "-1"),
        ("created", "1e300"),
        ("created", "2026-11-21"),
        ("created", "19:30:00"),
        ("subject", "1"),
        ("left", "1"),
        ("seq", str(10**9 + 1)),
        ("revision", '"--upload-pack=touch x"'),
        ("revision", '"main"'),
        ("revision", '"HEAD~1"'),
        ("digest", '"abc"'),
        ("digest", '"../../x"'),
        ("source", '"--git"'),
        ("ref", '"--output=/etc/x"'),
        ("bytes", "9" * 5000),
        ("subject", '"not closed'),
        ("deep", "[" * 5000 + "]" * 5000),
    ],
)
def test_what_is_not_a_record_is_a_value_error(key: str, value: str | None) -> None:
    values = GOOD | {key: value or ""}
    text = "\n".join(f"{name} = {written}" for name, written in values.items() if written)
    with pytest.raises(ValueError):
        parse_record(text)


@given(st.text(max_size=100))
def test_any_text_is_a_record_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_record(text + "\nseq = 'x'")


def test_what_a_server_hides_behind_escapes_is_harmless() -> None:
    record = parse_record('tag = "t"\nseq = 1\ncreated = 1\nsubject = "a\\u001B[2Jb\\u202Ec"\n')
    assert record.subject == "abc"
    line = parse_journal_line('{"what": "begin", "who": "a\\u001b]0;x\\u0007b\\ud800", "servers": ["w\\u001b[1m1", 3]}')
    assert (line.who, line.servers) == ("ab\\ud800", ("w1",))


@pytest.mark.parametrize("text", ["", "[]", "null", "{", '"text"', "[" * 100_000, "{} x"])
def test_what_is_not_a_journal_line_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError):
        parse_journal_line(text)


@pytest.mark.parametrize("number", ["Infinity", "-Infinity", "NaN", "1e400", "-5", '"12"', "null", "[]"])
def test_odd_numbers_of_a_journal_are_none(number: str) -> None:
    line = parse_journal_line(f'{{"what": "end", "time": {number}, "exit_code": {number}}}')
    # What says nothing of an exit status is no success.
    assert (line.what, line.time, line.exit_code) == ("end", 0.0, 0 if number == "null" else 1)


ODD_TAGS = ["../../../../etc/cron.d", "a/b", "-rf", "a\n", ".", "a..b", "x" * 101, "é"]


@pytest.mark.parametrize("what", ["begin", "switch"])
@pytest.mark.parametrize("tag", ODD_TAGS)
def test_a_line_with_an_odd_tag_is_not_a_line_that_a_recovery_rests_on(what: str, tag: str) -> None:
    for name in ("tag", "previous"):
        with pytest.raises(ValueError):
            parse_journal_line(json.dumps({"what": what, "operation": "1", name: tag}))
    assert parse_journal_line(json.dumps({"what": "end", "operation": "1", "tag": tag})).tag == ""


@pytest.mark.parametrize(
    "facts",
    [
        {"operation": "-e x"},
        {"operation": "a b"},
        {"operation": "1\n2"},
        {"target": "releases/a\nrecord x"},
        {"target": "\u001b[2J"},
        {"target": "x" * 5000},
        {"tag": "a", "record": {"tag": "b", "seq": 1, "created": 1}},
        {"tag": "a", "record": {"tag": "a", "seq": -1, "created": 1}},
        {"tag": "a", "record": {"tag": "a", "seq": 1, "created": 1, "revision": "--exec"}},
    ],
)
def test_a_line_that_would_be_believed_and_cannot_be_is_a_value_error(facts: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        parse_journal_line(json.dumps({"what": "begin", **facts}))


def test_a_journals_other_words_are_words() -> None:
    text = json.dumps(
        {"what": "end", "kind": "x y", "outcome": "done\n", "phase": "-", "who": "a\nb", "exit_code": 256}
    )
    line = parse_journal_line(text)
    assert (line.kind, line.outcome, line.phase, line.who, line.exit_code) == ("", "", "", "a b", 1)


def test_servers_that_record_other_content_of_a_tag_are_named() -> None:
    ours, theirs = release("a", 1, digest="1" * 64), release("a", 1, digest="2" * 64)
    rows = fleet_releases([state("web1", ours), state("web2", theirs), state("web3", ours)])
    assert sorted(tuple(row.on) for row in rows) == [("web1", "web3"), ("web2",)]
    assert {row.conflict for row in rows} == {
        "the servers have recorded different content for a: 111111111111 on web1, web3; 222222222222 on web2"
    }
    (same,) = fleet_releases([state("web1", ours), state("web2", ours), state("web3", release("a"))])
    assert same.conflict == ""


@given(st.text(max_size=120))
def test_a_tag_is_safe_as_a_folders_name_and_as_a_word(text: str) -> None:
    if is_tag(text):
        assert text.isascii() and "/" not in text and ".." not in text and len(text) <= 100
        assert text[0] not in ".-" and not any(char.isspace() for char in text)


@pytest.mark.parametrize("text", ["", ".", "..", "-x", "a/b", "a b", "a\n", "é", "a" * 101, ".hidden", "a..b", "_x"])
def test_what_is_not_a_tag(text: str) -> None:
    assert not is_tag(text)


def test_a_made_tag_sorts_by_time_whatever_the_zone_and_names_what_it_is_of() -> None:
    when = datetime(2026, 11, 21, 19, 30, tzinfo=UTC)
    elsewhere = when.astimezone(timezone(timedelta(hours=9))) + timedelta(seconds=1)
    assert make_tag(when, "3f2c1ab" + "0" * 33) == "20261121T193000Z-3f2c1ab"
    assert make_tag(when, "content:0123456789ab") == "20261121T193000Z-0123456"
    assert make_tag(when, "f" * 40) < make_tag(elsewhere, "0" * 40)
    assert is_tag(make_tag(when, "content:0123456789ab"))


def test_order_comes_from_records_and_never_from_names_or_mtimes() -> None:
    server = state(
        "web1",
        release("zzz", 1, mtime=9e9),
        release("aaa", 3, mtime=1),
        release("mmm", 2, mtime=5e9),
    )
    assert [item.tag for item in server.ordered] == ["aaa", "mmm", "zzz"]
    assert [row.tag for row in fleet_releases([server])] == ["aaa", "mmm", "zzz"]


def test_a_fleets_releases_are_the_union_with_a_record_from_any_server() -> None:
    rows = fleet_releases(
        [
            state("web1", release("a", 1), release("b", 2, live=True)),
            state("web2", release("a", present=False), release("c", mtime=0.5, live=True)),
        ]
    )
    assert [row.tag for row in rows] == ["b", "a", "c"]
    a = next(row for row in rows if row.tag == "a")
    assert a.record and a.record.seq == 1
    assert (a.present_on, tuple(a.on)) == (("web1",), ("web1", "web2"))
    assert [row.live_on for row in rows] == [("web1",), (), ("web2",)]


def test_the_live_release_is_the_one_of_most_servers_and_the_newer_of_two() -> None:
    old, new = release("old", 1, live=True), release("new", 2, live=True)
    assert live_tag([state("1", old), state("2", old), state("3", new)]) == "old"
    assert live_tag([state("1", old), state("2", new)]) == "new"
    assert live_tag([state("1", release("old", 1))]) == ""
    assert live_tag([]) == ""


def test_previous_skips_what_failed_and_what_a_rollback_left() -> None:
    releases = [
        release("one", 1),
        release("two", 2, failed="checks"),
        release("three", 3, left=True),
        release("four", 4, live=True),
        release("five", 5),
    ]
    assert previous_tag([state("web1", *releases)]) == "one"


def test_previous_is_one_tag_for_the_environment() -> None:
    web1 = state("web1", release("one", 1), release("two", 2), release("three", 3, live=True))
    web2 = state("web2", release("one", 1), release("two", 2, failed="there"), release("three", 3, live=True))
    assert previous_tag([web1, web2]) == "one"


def test_there_is_no_previous_without_a_live_release_or_before_the_first() -> None:
    assert previous_tag([state("web1", release("one", 1))]) == ""
    assert previous_tag([state("web1", release("one", 1, live=True))]) == ""


def test_the_next_number_is_above_all_that_any_server_knows() -> None:
    assert next_seq([]) == 1
    assert next_seq([state("1", release("a", 4)), state("2", release("b", 7), release("hand"))]) == 8


@pytest.mark.parametrize("forged", [LARGEST_SEQ, LARGEST_SEQ - 1, 5_000_000])
def test_one_server_does_not_drive_the_numbers_of_the_others_to_their_end(forged: int) -> None:
    honest = [state(name, release("a", 6), release("b", 7)) for name in ("1", "3")]
    liar = state("2", release("a", 6), release("b", forged))
    assert next_seq([honest[0], liar, honest[1]]) == 8
    assert next_seq([liar, state("new")]) == 1


def test_the_last_number_is_one_that_can_be_read() -> None:
    steps = [state(str(number), release("a", number)) for number in range(0, LARGEST_SEQ + 1, 1_000_000)]
    assert next_seq(steps) == LARGEST_SEQ
    record = Record(tag="t", seq=next_seq(steps), created=1)
    assert parse_record(record.to_toml()) == record


def test_a_mark_changes_only_what_it_is_asked_to() -> None:
    record = Record(tag="t", seq=1, created=1, failed="x", left=True)
    assert mark(record) == record
    assert mark(record, failed="").left and mark(record, left=False).failed == "x"


def test_a_states_fingerprint_changes_with_what_a_plan_rests_on() -> None:
    base = state("web1", release("a", 1, live=True), release("b", 2))
    same = state("web1", release("b", 2), release("a", 1, live=True))
    assert base.fingerprint == same.fingerprint
    others = [
        state("web1", release("a", 1), release("b", 2, live=True)),
        state("web1", release("a", 1, live=True), release("b", 2, present=False)),
        state("web1", release("a", 1, live=True)),
        state("web1", release("a", 1, live=True), release("b", 2, digest="other")),
    ]
    assert all(other.fingerprint != base.fingerprint for other in others)
