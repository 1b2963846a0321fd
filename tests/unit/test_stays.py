"""What was live before, from the journals: what undo goes back to, and what it passes over."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

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
    assert stay == Stay(tag="a", until=101, kind="deploy", who="ana@laptop", operation="64")


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
    assert stays_before([end], (), "b") == (Stay(tag="a", until=101, operation="aa"),)
    by = replace(end, by="64")
    assert stays_before([by], (), "b") == (Stay(tag="a", until=101, operation="64"),), "it did not switch"


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


def test_a_person_who_went_back_by_hand_did_not_kill_an_operation():
    lines = [*deploy("b", "a", 100), *deploy("c", "b", 200)]
    assert tags(stays_before(lines[4:], lines, "b")) == ["c", "a"], "undo goes to what was live before that"
    moved = replace(server("web1", "b", *lines), transitions=tuple(lines[4:]))
    found = previous_of([moved])
    assert moved.moved_from == "c" and (found.tag, found.moved) == ("c", True)
    assert not previous_of([replace(moved, current="c")]).moved
    assert replace(moved, current="c").moved_from == replace(moved, current="", current_kind="folder").moved_from == ""
    assert replace(moved, current="", current_kind="absent").moved_from == "c"
    broken = replace(moved, transitions=tuple(lines[4:-1]))
    assert broken.moved_from == "", "an operation is open"


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


def goes_to(found):
    return {"to": found.tags, "without": found.without, "stay": found.stay}


def test_each_server_goes_back_to_what_was_live_there_before_the_last_switch():
    fleet = [
        server("web1", "c", *deploy("c", "b", 100)),
        server("web2", "c", *deploy("c", "b", 100)),
        server("web3", "c", *deploy("c", "a", 100)),
        server("web4", "c", *deploy("c", "", 100)),
        server("web5", "a", *deploy("a", "d", 50)),
        server("web6", "", *deploy("c", "a", 60, outcome="put-back")),
    ]
    found = previous_of(fleet)
    assert (found.tag, found.until, found.who) == ("b", 101, "ana@laptop")
    to = {"web1": "b", "web2": "b", "web3": "a"}
    assert goes_to(found) == {"to": to, "without": ("web4",), "stay": ("web5", "web6")}


def test_undo_is_there_and_back_again_on_each_server():
    before = {"web1": "b", "web2": "a"}
    fleet = [
        server(name, tag, *deploy("c", tag, 100), *deploy(tag, "c", 200, kind="rollback"))
        for name, tag in before.items()
    ]
    assert goes_to(previous_of(fleet))["to"] == {"web1": "c", "web2": "c"}


def test_a_canary_goes_back_with_those_that_followed_it_and_only_a_deploy_counts_so():
    canary = server("web1", "b", *deploy("b", "a", 100, "11"))
    others = [server(name, "b", *deploy("b", "a", 200, "22")) for name in ("web2", "web3")]
    assert goes_to(previous_of([canary, *others]))["to"] == {"web1": "a", "web2": "a", "web3": "a"}
    left_out = server("web1", "a", *deploy("a", "d", 50, "11"))
    undone = server("web2", "a", *deploy("c", "a", 100, "22"), *deploy("a", "c", 200, "33", kind="rollback"))
    assert goes_to(previous_of([left_out, undone])) == {"to": {"web2": "c"}, "without": (), "stay": ("web1",)}


def test_the_last_switch_of_one_server_alone_is_taken_back_there_alone():
    both = deploy("b", "a", 500, "11")
    fleet = [server("web1", "b", *both), server("web2", "c", *both, *deploy("c", "b", 100, "22"))]
    assert goes_to(previous_of(fleet)) == {"to": {"web2": "b"}, "without": (), "stay": ("web1",)}, "no clock decides"
    apart = [server("web1", "b", *deploy("b", "a", 500)), server("web2", "c", *deploy("c", "a", 100))]
    assert goes_to(previous_of(apart))["to"] == {"web1": "a"}


def test_what_undo_does_not_go_back_to_is_passed_over_on_its_server_alone():
    one = server("web1", "c", *deploy("b", "a", 50, "11"), *deploy("c", "b", 100, "22"), failed=("b",))
    two = server("web2", "c", *deploy("c", "a", 100, "22"))
    found = previous_of([one, two])
    assert goes_to(found)["to"] == {"web1": "a", "web2": "a"}
    assert found.skipped == (("b", "failed (its checks)"),)


def test_where_people_switched_most_servers_these_decide_for_all():
    lines = deploy("b", "a", 100)
    fleet = [server("web1", "c", *lines), server("web2", "c", *lines), server("web3", "b", *lines)]
    assert goes_to(previous_of(fleet)) == {"to": {}, "without": (), "stay": ()}
    assert previous_of(fleet).tag == "b"
    one_by_hand = [server("web1", "c", *lines), server("web2", "b", *lines), server("web3", "b", *lines)]
    assert goes_to(previous_of(one_by_hand))["to"] == {"web1": "a", "web2": "a", "web3": "a"}


def test_a_failed_one_is_passed_over_and_said():
    lines = [*deploy("b", "a", 100), *deploy("c", "b", 200)]
    found = previous_of([server("web1", "c", *lines, failed=("b",))])
    assert (found.tag, found.skipped) == ("a", (("b", "failed (its checks)"),))
    gone = previous_of([server("web1", "c", *deploy("c", "zzz", 200))])
    assert (gone.tag, gone.skipped, gone.until) == ("b", (("zzz", "is gone"),), 0.0)


@pytest.mark.parametrize("lines", [(), deploy("b", "", 100)])
def test_without_a_word_of_the_journals_it_is_the_newest_good_one_before(lines):
    assert previous_of([server("web1", "c", *lines, failed=("b",))]).tag == "a"
