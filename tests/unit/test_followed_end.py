"""How an operation ended for those who follow it, from the journals of its servers."""

from __future__ import annotations

from core.operations.follow import ended_by_journals
from core.records import JournalLine, Lock, ServerState

LOCK = Lock(operation="aa", kind="deploy", who="ana@laptop", since=100.0)


def state(server: str, outcome: str, exit_code: int = 0, **facts) -> ServerState:
    words = {"operation": "aa", "kind": "deploy", "who": "ana@laptop", "tag": "r2", "time": 110.0}
    end = JournalLine(what="end", outcome=outcome, exit_code=exit_code, **words, **facts)
    return ServerState(server=server, root="/srv/shop", journal=(end,))


def ended(*states: ServerState):
    return ended_by_journals("production", LOCK, [each.server for each in states], {s.server: s for s in states})


def test_a_server_that_was_left_out_is_not_how_the_others_ended():
    finished = ended(state("web1", "done"), state("web2", "left-out"))
    assert (finished.outcome, finished.exit_code, finished.tag) == ("done", 0, "r2")


def test_what_was_cancelled_is_told_as_cancelled_and_what_failed_as_failed():
    cancelled, failed = state("web1", "put-back", 1, cancelled=True), state("web2", "put-back", 1)
    assert (ended(cancelled).outcome, ended(cancelled).exit_code) == ("cancelled", 1)
    assert "cancelled, put-back" in ended(cancelled).summary
    assert ended(cancelled, failed).outcome == "failed"


def test_an_undone_recovery_did_what_it_was_to_do():
    journal = JournalLine(what="end", operation="aa", kind="recover", outcome="put-back", time=110.0)
    finished = ended(ServerState(server="web1", root="/srv/shop", journal=(journal,)))
    assert (finished.outcome, finished.exit_code) == ("done", 0)
