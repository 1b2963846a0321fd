"""What was live before, from the journals: what undo goes back to, and what it passes over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import JournalLine, Record, Release, ServerState, Stay, previous_of, stays_before


def deploy(tag, before, at, operation="", kind="deploy", who="ana@laptop", outcome="done"):
    """The lines of an operation that switched, and ended so."""
    facts = {"operation": operation or f"{int(at):x}", "kind": kind, "who": who}
    lines = [
        JournalLine(what="begin", tag=tag, time=at, **facts),
        JournalLine(what="switch", tag=tag, previous=before, target=f"releases/{before}", time=at + 1, **facts),
    ]
    if outcome == "put-back":
        lines.append(JournalLine(what="restore", tag=before, time=at + 2, **facts))
    if outcome:
        previous = before if outcome == "done" else ""
        lines.append(JournalLine(what="end", tag=tag, previous=previous, outcome=outcome, time=at + 3, **facts))
    return lines


def tags(stays):
    return [stay.tag for stay in stays]


def test_the_last_switch_says_what_was_live_before_and_until_when():
    (stay, *_) = stays_before((), deploy("b", "a", 100), "b")
    assert stay == Stay(tag="a", until=101, kind="deploy", who="ana@laptop")


def test_there_and_back_again():
    lines = [*deploy("b", "a", 100), *deploy("a", "b", 200, kind="rollback")]
    assert tags(stays_before((), lines, "a")) == ["b"]
    lines += deploy("b", "a", 300, kind="rollback")
    assert tags(stays_before((), lines, "b")) == ["a"]


def test_what_was_put_back_was_no_switch():
    lines = [*deploy("b", "a", 100), *deploy("c", "b", 200, outcome="put-back")]
    assert tags(stays_before((), lines, "b")) == ["a"]


def test_one_that_was_killed_counts_where_it_had_switched_and_only_there():
    lines = [*deploy("b", "a", 100), *deploy("c", "b", 200, outcome="")]
    assert tags(stays_before((), lines, "c")) == ["b", "a"]
    assert tags(stays_before((), lines, "b")) == ["a"]
    recover = {"operation": "ff", "kind": "recover"}
    undone = [*lines, JournalLine(what="restore", tag="b", **recover)]
    undone.append(JournalLine(what="end", outcome="put-back", tag="c", **recover))
    assert tags(stays_before((), undone, "b")) == ["a"]


def test_a_switch_by_hand_left_what_the_journals_know():
    assert stays_before((), deploy("b", "a", 100), "x") == (
        Stay(tag="b"),
        *stays_before((), deploy("b", "a", 100), "b"),
    )


def test_what_nothing_pushes_out_comes_before_the_end_of_the_journal():
    prunes = [JournalLine(what="end", operation=f"{n:x}", kind="prune", outcome="done", time=n) for n in range(20)]
    assert tags(stays_before(deploy("b", "a", 100), prunes, "b")) == ["a"]


def test_an_operation_that_found_it_live_carries_on_what_was_before():
    end = JournalLine(what="end", operation="aa", outcome="done", tag="b", previous="a", until=101, time=501)
    assert stays_before([end], (), "b") == (Stay(tag="a", until=101),)


@given(st.lists(st.builds(
    JournalLine,
    what=st.sampled_from(["begin", "switch", "restore", "end", "interrupted", "x"]),
    operation=st.sampled_from(["", "a", "b"]), kind=st.sampled_from(["deploy", "recover", ""]),
    tag=st.sampled_from(["", "r1", "r2", "r3"]), previous=st.sampled_from(["", "r1", "r2", "r3"]),
    outcome=st.sampled_from(["", "done", "put-back", "x"]), until=st.sampled_from([0.0, 5.0]),
), max_size=12), st.sampled_from(["", "r1", "r2"]))  # fmt: skip
def test_whatever_a_server_tells_the_live_release_is_not_one_before(lines, current):
    found = tags(stays_before(lines[:4], lines, current))
    assert current not in found and "" not in found and len(found) == len(set(found))


def server(name, current, *lines, failed=()):
    releases = {
        tag: Release(
            tag=tag, present=True, live=tag == current,
            record=Record(tag=tag, seq=place, created=place, failed="its checks" if tag in failed else ""),
        )
        for place, tag in enumerate(("a", "b", "c", "d"), start=1)
    }  # fmt: skip
    return ServerState(
        server=name, root="/r", current=current, current_kind="link", releases=releases, journal=tuple(lines)
    )


def test_most_of_the_servers_that_are_on_the_live_release_decide():
    fleet = [
        server("web1", "c", *deploy("c", "b", 100)),
        server("web2", "c", *deploy("c", "b", 100)),
        server("web3", "c", *deploy("c", "a", 900)),
        server("web4", "a", *deploy("a", "d", 100)),
    ]
    assert previous_of(fleet).tag == "b"


def test_a_failed_one_is_passed_over_and_said():
    lines = [*deploy("b", "a", 100), *deploy("c", "b", 200)]
    found = previous_of([server("web1", "c", *lines, failed=("b",))])
    assert (found.tag, found.skipped) == ("a", (("b", "failed (its checks)"),))
    gone = previous_of([server("web1", "c", *deploy("c", "zzz", 200))])
    assert (gone.tag, gone.skipped, gone.until) == ("b", (("zzz", "is gone"),), 0.0)


@pytest.mark.parametrize("lines", [(), deploy("b", "", 100)])
def test_without_a_word_of_the_journals_it_is_the_newest_good_one_before(lines):
    assert previous_of([server("web1", "c", *lines, failed=("b",))]).tag == "a"
