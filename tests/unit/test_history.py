"""The history that journals tell together: merged, in order, whatever is missing or odd."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import UsageError
from core.history import INTERRUPTED, RUNNING, UNFINISHED, merged, outcome_told
from core.lives import one_after_another
from core.protocol.answers import Answer, parse_history
from core.records import JournalLine


def lines(operation, at, *, tag="", previous="", kind="deploy", outcome="done", servers=("web1", "web2"), **end):
    """What one server's journal has of an operation that took ten seconds; outcome "": no end."""
    facts = {"operation": operation, "kind": kind, "who": "ana@laptop"}
    out = [JournalLine(what="begin", time=at, tag=tag, servers=servers, reason=end.get("reason", ""), **facts)]
    if outcome in ("done", "put-back") and tag not in ("", previous):
        out.append(JournalLine(what="switch", time=at + 8, tag=tag, previous=previous, **facts))
    if outcome == "put-back":
        out.append(JournalLine(what="restore", time=at + 9, tag=previous, **facts))
    if outcome:
        out.append(
            JournalLine(
                what="end", time=at + 10, began=at - 1, tag=tag, previous=previous, outcome=outcome, **facts, **end
            )
        )
    return out


def ids(history):
    return [entry.operation for entry in history.entries]


def test_an_operation_is_told_once_with_all_that_its_servers_know():
    one = lines("aa", 100, tag="r2", previous="r1", reason="cart empty", sent_bytes=5, phases={"upload": 3.0})
    other = lines("aa", 100, tag="r2", previous="r0", phases={"upload": 4.0, "check": 1.0})
    third = lines("aa", 100, tag="r2", previous="r1")
    (entry,) = merged({"web1": one, "web2": other, "web3": third}).entries
    assert (entry.kind, entry.who, entry.reason) == ("deploy", "ana@laptop", "cart empty")
    assert (entry.tag, entry.previous, entry.sent_bytes) == ("r2", "r1", 5)
    assert (entry.began, entry.seconds, entry.ended) == (99, 11, 110)
    assert entry.phases == {"upload": 4.0, "check": 1.0}
    assert entry.servers == ("web1", "web2", "web3") and not entry.gone


def test_servers_that_are_gone_are_named():
    history = merged({"web1": lines("aa", 100)}, {"web2": "no answer"})
    assert history.entries[0].gone == ("web2",)
    assert history.unheard == {"web2": "no answer"}


def test_where_servers_do_not_agree_the_one_that_went_wrong_counts():
    journals = {"web1": lines("aa", 100), "web2": lines("aa", 100, outcome="put-back", exit_code=1)}
    (entry,) = merged(journals).entries
    assert (entry.outcome, entry.exit_code) == ("put-back", 1)
    assert entry.by_server == {"web1": "done", "web2": "put-back"}


def test_what_a_person_cancelled_did_not_fail():
    ended = {"outcome": "put-back", "exit_code": 1}
    cancelled = lines("aa", 100, cancelled=True, **ended)
    assert merged({"web1": cancelled, "web2": cancelled}).entries[0].cancelled
    assert not merged({"web1": cancelled, "web2": lines("aa", 100, **ended)}).entries[0].cancelled, "one failed"
    left_out = lines("aa", 100, outcome="left-out")
    assert merged({"web1": cancelled, "web2": left_out}).entries[0].cancelled
    assert not merged({"web1": lines("aa", 100)}).entries[0].cancelled


@pytest.mark.parametrize(
    ("kind", "outcome", "exit_code", "cancelled", "told"),
    [
        ("deploy", "done", 0, False, "done"),
        ("deploy", "nothing-to-do", 0, False, "nothing-to-do"),
        ("deploy", "put-back", 1, False, "failed"),
        ("deploy", "put-back", 1, True, "cancelled"),
        ("deploy", "put-back", 0, False, "failed"),
        ("deploy", "done", 1, False, "failed"),
        ("deploy", "refused", 5, False, "needs-person"),
        ("recover", "put-back", 0, False, "done"),
        ("run", "failed", 5, False, "failed"),
        ("run", "failed", 1, True, "cancelled"),
    ],
)
def test_who_follows_an_operation_is_told_the_end_in_the_same_word_as_who_runs_it(
    kind, outcome, exit_code, cancelled, told
):
    assert outcome_told(kind, outcome, exit_code, cancelled=cancelled) == told


def test_an_operation_without_an_end_is_not_called_done():
    open_one = lines("aa", 100, outcome="")
    assert merged({"web1": open_one}).entries[0].outcome == UNFINISHED
    assert merged({"web1": open_one}, running={"aa"}).entries[0].outcome == RUNNING
    assert merged({"web1": lines("aa", 100)}, running={"aa"}).entries[0].outcome == "done"
    broke_off = [*open_one, JournalLine(what="interrupted", operation="aa", phase="switch")]
    assert merged({"web1": broke_off}).entries[0].outcome == INTERRUPTED


def test_a_servers_own_order_stands_whatever_the_operators_clocks_say():
    wrong = lines("bb", 5)  # after aa there, by a clock that is far behind
    journals = {"web1": [*lines("aa", 1000), *wrong], "web2": lines("cc", 900)}
    assert ids(merged(journals)) == ["bb", "aa", "cc"]


def test_servers_that_contradict_each_other_are_put_in_order_by_time():
    first, second = lines("aa", 100), lines("bb", 200)
    assert ids(merged({"web1": [*first, *second], "web2": [*second, *first]})) == ["bb", "aa"]


def test_what_a_rollback_took_back_is_marked():
    journal = [
        *lines("aa", 100, tag="r2", previous="r1"),
        *lines("bb", 200, tag="r1", previous="r2", kind="rollback"),
        *lines("cc", 300, tag="r3", previous="r1"),
    ]
    assert [(e.operation, e.undone_by) for e in merged({"web1": journal}).entries] == [
        ("cc", ""),
        ("bb", ""),
        ("aa", "bb"),
    ]


def test_what_was_taken_back_and_brought_back_is_in_force_again():
    """Undo after undo is there and back: the deploy is live again, and what stays taken back is the first undo."""
    steps = [
        *lines("aa", 100, tag="r2", previous="r1", kind="promote"),
        *lines("bb", 200, tag="r1", previous="r2", kind="rollback"),
        *lines("cc", 300, tag="r2", previous="r1", kind="rollback"),
        *lines("dd", 400, tag="r1", previous="r2", kind="rollback"),
    ]
    there, back, again = steps[:6], steps[:9], steps
    assert [e.undone_by for e in merged({"web1": there}).entries] == ["", "bb"]
    assert [e.undone_by for e in merged({"web1": back}).entries] == ["", "cc", ""]
    assert [e.undone_by for e in merged({"web1": again}).entries] == ["", "dd", "", "bb"]


def test_what_was_refused_did_nothing_and_is_left_out():
    journal = [*lines("aa", 100, tag="r2"), *lines("bb", 200, outcome="refused", exit_code=2, kind="promote")]
    assert ids(merged({"web1": journal})) == ["aa"]
    mixed = {"web1": journal, "web2": lines("bb", 200, outcome="failed", exit_code=1, kind="promote")}
    assert "bb" in ids(merged(mixed)), "one server did more than refuse"


def test_an_operation_is_found_by_the_beginning_of_its_id():
    history = merged({"web1": [*lines("abc1", 100), *lines("abc2", 200)]})
    assert history.find("last") is history.entries[0]
    assert history.find("abc1") is history.entries[1]
    for unknown in ("abc", "x", ""):
        with pytest.raises(UsageError):
            history.find(unknown)


def test_how_long_each_release_was_live():
    journal = [
        *lines("aa", 0, tag="r1", kind="deploy"),
        *lines("bb", 100, tag="r2", previous="r1"),
        *lines("cc", 150, tag="r9", previous="r2", outcome="put-back", exit_code=1),
        *lines("dd", 200, tag="r1", previous="r2", kind="rollback"),
    ]
    assert told(merged({"web1": journal}).lives) == [
        ("r1", 8, 108, ""),
        ("r2", 108, 158, "r1"),
        ("r9", 158, 159, "r2"),
        ("r2", 159, 208, "r9"),
        ("r1", 208, None, "r2"),
    ]
    by_hand = merged({"web1": journal}, current={"web1": "r2"}).lives
    assert told(by_hand)[-1] == ("r1", 208, 208, "r2"), "somebody switched since: nobody knows when"


def told(found):
    return [(life.tag, life.since, life.until, life.after) for life in found]


def test_a_release_lives_from_the_first_server_that_gets_it_to_the_last_that_leaves_it():
    first, second = lines("aa", 0, tag="r1"), lines("bb", 100, tag="r2", previous="r1", servers=("web1",))
    third = lines("cc", 200, tag="r2", previous="r1", servers=("web2",))
    found = merged({"web1": [*first, *second], "web2": [*first, *third]}).lives
    assert told(found) == [("r1", 8, 208, ""), ("r2", 108, None, "r1")]
    back = lines("dd", 150, tag="r1", previous="r2", servers=("web1",), kind="rollback")
    canary = merged({"web1": [*first, *second, *back], "web2": first}).lives
    assert told(canary) == [("r1", 8, None, ""), ("r2", 108, 158, "r1")]
    assert [(life.tag, life.since, life.until) for life in one_after_another(canary)] == [
        ("r1", 8, 108), ("r2", 108, 158), ("r1", 158, None),
    ]  # fmt: skip


def test_what_was_live_before_the_first_line_is_told_without_its_beginning():
    found = merged({"web1": lines("bb", 100, tag="r2", previous="r1"), "web2": lines("ff", 50, kind="prune")})
    assert [(life.tag, life.since, life.until, life.begun) for life in found.lives] == [
        ("r1", 100, 108, False), ("r2", 108, None, True),
    ]  # fmt: skip
    known = merged({"web2": lines("ff", 50, kind="prune")}, current={"web2": "r1"}).lives
    assert [(life.tag, life.since, life.begun) for life in known] == [("r1", 50, False)]


def test_lines_that_are_not_of_a_journal_are_passed_over():
    good = {"what": "end", "operation": "aa", "reason": "x" * 5000, "phases": {"upload": -1, "../x": 2, "check": 1.5},
            "sent_bytes": -5, "batches": True, "pruned": ["r1", "../x"], "despite_freeze": "yes"}  # fmt: skip
    told = ["journal [", 'journal {"what": "end", "operation": "../x"}', f"journal {json.dumps(good)}", "other"]
    (line,) = parse_history(Answer(tuple(told), 0))
    assert (line.operation, len(line.reason), line.phases) == ("aa", 300, {"upload": 0.0, "check": 1.5})
    assert (line.sent_bytes, line.batches, line.pruned, line.despite_freeze) == (0, 0, ("r1",), False)


KINDS = st.sampled_from(["begin", "switch", "end", "interrupted", ""])


@given(
    st.dictionaries(
        st.sampled_from(["web1", "web2", "web3"]),
        st.lists(
            st.builds(
                JournalLine,
                what=KINDS,
                operation=st.sampled_from(["", "a", "b", "c"]),
                kind=st.sampled_from(["deploy", "rollback", ""]),
                time=st.floats(0, 1e9),
                began=st.floats(0, 1e9),
                tag=st.sampled_from(["", "r1", "r2"]),
                previous=st.sampled_from(["", "r1", "r2"]),
                outcome=st.sampled_from(["done", "put-back", ""]),
            ),
            max_size=8,
        ),
    )
)
def test_whatever_the_servers_tell_each_operation_is_told_once(journals):
    history = merged(journals)
    named = {line.operation for of_server in journals.values() for line in of_server if line.operation}
    assert sorted(ids(history)) == sorted(named)
    for life in (*history.lives, *one_after_another(history.lives)):
        assert life.until is None or life.until >= life.since
    shown = one_after_another(history.lives)
    assert all(one.until is not None and one.until <= other.since for one, other in itertools.pairwise(shown))
