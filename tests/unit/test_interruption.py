"""What an interrupted operation did where, from the journals alone."""

from __future__ import annotations

from dataclasses import replace

from core.records import JournalLine, Lock, Record, ServerState
from core.recovery import Before, interruption

SERVERS = ("web1", "web2", "web3")


def begin(operation, kind="deploy", time=1.0):
    return JournalLine(what="begin", operation=operation, kind=kind, who="ana@laptop", time=time, servers=SERVERS)


def switch(operation, tag, previous, kind="deploy"):
    target = f"releases/{previous}" if previous else ""
    return JournalLine(what="switch", operation=operation, kind=kind, tag=tag, previous=previous, target=target)


def end(operation, outcome="done", kind="deploy"):
    return JournalLine(what="end", operation=operation, kind=kind, outcome=outcome)


def interrupted(phase):
    return JournalLine(what="interrupted", phase=phase)


def state(server, current, *journal, lock=None):
    return ServerState(server=server, root="/srv", current=current, current_kind="link", transitions=journal, lock=lock)


def test_an_operation_that_ended_everywhere_is_none():
    assert interruption([state("web1", "b", begin("1"), switch("1", "b", "a"), end("1"))]) is None


def test_one_that_still_runs_is_none():
    assert interruption([state("web1", "b", begin("1"), switch("1", "b", "a"), lock=Lock(alive=True))]) is None


def test_servers_that_switched_and_those_that_did_not_are_told_apart():
    left_open = interruption(
        [
            state("web1", "b", begin("1"), switch("1", "b", "a"), interrupted("switch")),
            state("web2", "a", begin("1"), switch("1", "b", "a"), interrupted("switch")),
            state("web3", "a", begin("1"), interrupted("stage")),
        ]
    )
    assert left_open.mixed
    assert dict(left_open.switched) == {"web1": Before(tag="a", target="releases/a")}
    assert left_open.waiting == ("web2", "web3")


def test_before_the_switch_the_journal_knows_what_was_to_become_live():
    release = Record(tag="b", seq=2, created=1.0, source="git", revision="2" * 40, digest="d" * 64)
    begun = replace(begin("1"), tag="b", record=release)
    left_open = interruption([state("web1", "a", begun), state("web2", "a")])
    assert (left_open.tag, left_open.records, left_open.fresh) == ("b", {"web1": release}, True)
    assert not left_open.switched
    assert left_open.waiting == ("web1", "web2")
    back = interruption([state("web1", "b", replace(begin("2", "rollback"), tag="a"))])
    assert (back.tag, back.fresh) == ("a", False)


def test_where_it_had_ended_on_some_servers_an_undo_leads_those_back_too():
    """Killed while it gave its locks back: undoing only the others would leave the fleet on two releases."""
    left_open = interruption(
        [
            state("web1", "b", begin("1"), switch("1", "b", "a"), end("1")),
            state("web2", "b", begin("1"), switch("1", "b", "a"), interrupted("finish")),
        ]
    )
    assert set(left_open.switched) == {"web1", "web2"}
    assert left_open.waiting == ()


def test_a_recovery_that_was_interrupted_is_undone_together_with_what_it_finished():
    left_open = interruption(
        [
            state("web1", "b", begin("1"), switch("1", "b", "a"), begin("2", "recover", 2.0)),
            state("web2", "b", begin("1"), begin("2", "recover", 2.0), switch("2", "b", "a", "recover")),
            state("web3", "a", begin("1"), begin("2", "recover", 2.0), interrupted("switch")),
        ]
    )
    assert (left_open.operation, left_open.tag) == ("2", "b")
    assert set(left_open.switched) == {"web1", "web2"}
    assert left_open.waiting == ("web3",)


def test_an_operation_that_did_nothing_leaves_open_what_was_open_and_one_that_did_something_closes_it():
    before = (begin("1"), switch("1", "b", "a"))
    assert interruption([state("web1", "b", *before, begin("2"), end("2", "refused"))]).operation == "1"
    assert interruption([state("web1", "c", *before, begin("2"), switch("2", "c", "b"), end("2"))]) is None


def test_a_first_deploy_has_nothing_to_go_back_to():
    left_open = interruption([state("web1", "a", begin("1"), switch("1", "a", ""), interrupted("check"))])
    assert left_open.switched == {"web1": Before(tag="", target="")}
    assert left_open.phase == "check"
