"""What an operation that has no end did where: what the journals of several servers say together."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from core.records import JournalLine, Lock, Record, ServerState, left_behind
from core.recovery import Before, interruption

SERVERS = ("web1", "web2")


def line(what: str, **facts: Any) -> JournalLine:
    values: Any = {"operation": "0a1b", "kind": "deploy", "who": "ana@ci", "time": 1000.0, "servers": SERVERS}
    return JournalLine(what=what, **{**values, **facts})


BEGIN = line("begin")
SWITCH = line("switch", tag="two", previous="one", target="releases/one", time=1001.0)
DONE = line("end", outcome="done", tag="two", time=1002.0)
PUT_BACK = line("end", outcome="put-back", tag="two", time=1002.0)


def state(server: str, current: str, *journal: JournalLine, lock: Lock | None = None) -> ServerState:
    return ServerState(
        server=server,
        root="/srv/shop",
        current=current,
        current_kind="link",
        current_target=f"releases/{current}",
        transitions=journal,
        lock=lock,
    )


def begin(operation, kind="deploy", time=1.0):
    return JournalLine(
        what="begin", operation=operation, kind=kind, who="ana@laptop", time=time, servers=("web1", "web2", "web3")
    )


def switch(operation, tag, previous, kind="deploy"):
    target = f"releases/{previous}" if previous else ""
    return JournalLine(what="switch", operation=operation, kind=kind, tag=tag, previous=previous, target=target)


def end(operation, outcome="done", kind="deploy"):
    return JournalLine(what="end", operation=operation, kind=kind, outcome=outcome)


def interrupted(phase):
    return JournalLine(what="interrupted", phase=phase)


def test_a_half_switched_fleet_names_who_switched_and_who_waits():
    left_open = interruption([state("web1", "two", BEGIN, SWITCH), state("web2", "one", BEGIN)])
    assert left_open is not None
    assert (
        left_open.tag == "two"
        and left_open.switched["web1"].target == "releases/one"
        and left_open.waiting == ("web2",)
    )


def test_a_switch_that_was_announced_and_did_not_happen_is_none():
    left_open = interruption([state("web1", "one", BEGIN, SWITCH), state("web2", "one", BEGIN)])
    assert left_open is not None and not left_open.switched and left_open.waiting == SERVERS


def test_where_one_server_missed_the_end_all_that_switched_are_named():
    left_open = interruption([state("web1", "two", BEGIN, SWITCH, DONE), state("web2", "two", BEGIN, SWITCH)])
    assert left_open is not None and left_open.waiting == ()
    assert list(left_open.switched) == ["web1", "web2"]


def test_a_server_that_could_not_be_put_back_is_interrupted():
    left_open = interruption([state("web1", "one", BEGIN, SWITCH, PUT_BACK), state("web2", "two", BEGIN, SWITCH)])
    assert left_open is not None
    assert list(left_open.switched) == ["web2"] and left_open.waiting == ("web1",)


def test_what_still_runs_was_not_interrupted():
    running = state("web1", "two", BEGIN, SWITCH, lock=Lock(operation="0a1b", kind="deploy"))
    assert interruption([running, state("web2", "one", BEGIN)]) is None
    dead = state("web1", "two", BEGIN, SWITCH, lock=Lock(operation="0a1b", kind="deploy", alive=False))
    assert interruption([dead, state("web2", "one", BEGIN)]) is not None


def test_an_operation_that_was_refused_leaves_open_what_was_open_before():
    refused = [
        line("begin", operation="ffff", time=2000.0),
        line("end", operation="ffff", outcome="refused", time=2001.0),
    ]
    left_open = interruption([state("web1", "two", BEGIN, SWITCH, *refused), state("web2", "one", BEGIN, *refused)])
    assert left_open is not None and left_open.operation == "0a1b"


def test_the_next_operation_that_is_carried_out_closes_it():
    after = [line("begin", operation="ffff", time=2000.0), line("end", operation="ffff", outcome="done", time=2001.0)]
    assert interruption([state("web1", "three", BEGIN, SWITCH, *after), state("web2", "three", BEGIN, *after)]) is None


def test_an_operation_that_failed_and_was_put_back_leaves_open_what_was_open_before():
    for kind in ("deploy", "recover"):
        after = [
            line("begin", operation="ffff", kind=kind, time=2000.0),
            line("end", operation="ffff", kind=kind, outcome="put-back", exit_code=1, time=2001.0),
        ]
        left_open = interruption([state("web1", "two", BEGIN, SWITCH, *after), state("web2", "one", BEGIN, *after)])
        assert left_open is not None and left_open.operation == "0a1b"
        assert (list(left_open.switched), left_open.waiting) == (["web1"], ("web2",))


def test_undoing_closes_it():
    after = [
        line("begin", operation="ffff", kind="recover", time=2000.0),
        line("end", operation="ffff", kind="recover", outcome="put-back", exit_code=0, time=2001.0),
    ]
    # What an undo settles is gone from a server's file with its end; only its own lines are there then.
    assert interruption([state("web1", "one", *after), state("web2", "one", *after)]) is None
    # What it did not settle goes on being open.
    assert interruption([state("web1", "one", BEGIN, SWITCH, *after), state("web2", "one", *after)]) is not None


def test_what_was_put_back_itself_is_not_an_interruption():
    put_back = line("end", outcome="put-back", exit_code=1, time=1002.0)
    assert interruption([state("web1", "one", BEGIN, SWITCH, put_back), state("web2", "one", BEGIN, put_back)]) is None


def of(operation: str, at: float, *switch: str, kind: str = "deploy") -> list[JournalLine]:
    """The lines of an operation by a clock of its own: it begins, and with `switch` (tag, previous) switches."""
    lines = [line("begin", operation=operation, kind=kind, time=at, tag=switch[0] if switch else "")]
    if switch:
        target = f"releases/{switch[1]}"
        facts = {"operation": operation, "kind": kind, "tag": switch[0], "previous": switch[1], "target": target}
        lines.append(line("switch", time=at + 1, **facts))
    return lines


CLOCKS = [(9000.0, 1000.0), (1000.0, 9000.0), (5.0, 5.0), (0.0, 4_294_967_295.0), (4_294_967_296.0, 0.0)]


@pytest.mark.parametrize(("first", "second"), CLOCKS)
def test_the_operation_that_came_last_on_a_server_is_the_last_by_whatever_clock(first, second):
    ana, ben = of("aaaa", first, "two", "one"), of("bbbb", second, "three", "two")
    left_open = interruption([state("web1", "three", *ana, *ben), state("web2", "two", *ana, ben[0])])
    assert left_open is not None and (left_open.operation, left_open.tag) == ("bbbb", "three")
    assert {name: before.tag for name, before in left_open.switched.items()} == {"web1": "two"}
    assert left_open.waiting == ("web2",)
    # What was interrupted before it is not forgotten: an undo of this one leaves it open.
    assert left_open.others and left_open.settled == ("bbbb",)


@pytest.mark.parametrize(("first", "second"), CLOCKS)
def test_an_operation_that_switched_nothing_hides_none_that_did(first, second):
    ana, ben = of("aaaa", first, "two", "one"), of("bbbb", second)
    left_open = interruption([state("web1", "two", *ana, *ben), state("web2", "one", ana[0], *ben)])
    assert left_open is not None and left_open.operation == "aaaa" and list(left_open.switched) == ["web1"]


@pytest.mark.parametrize(("first", "second"), CLOCKS)
def test_a_chain_of_operations_over_different_servers_has_its_last_one(first, second):
    """Each shares a server with the next one only."""
    first_operation = of("aaaa", first, "a", "zero")
    second_operation = of("bbbb", second, "b", "a")
    third_operation = of("cccc", first - 1 if first else 0.0, "c", "b")
    states = [
        state("web1", "b", *first_operation, *second_operation),
        state("web2", "c", *second_operation, *third_operation),
        state("web3", "a", *first_operation),
    ]
    left_open = interruption(states)
    assert left_open is not None and left_open.operation == "cccc" and list(left_open.switched) == ["web2"]


@pytest.mark.parametrize(("first", "second"), CLOCKS)
def test_of_operations_that_share_no_server_the_answer_is_the_same_by_whatever_clock(first, second):
    ana, ben = of("aaaa", first, "two", "one"), of("bbbb", second, "three", "one")
    states = [state("web1", "two", *ana), state("web2", "three", *ben), state("web3", "three", *ben)]
    left_open = interruption(states)
    assert left_open is not None and left_open.operation == "bbbb" and list(left_open.switched) == ["web2", "web3"]
    turned = interruption(states[::-1])
    assert turned is not None and turned.operation == "bbbb"


def test_an_operation_that_ended_everywhere_is_none():
    assert interruption([state("web1", "b", begin("1"), switch("1", "b", "a"), end("1"))]) is None


def test_one_that_still_runs_is_none():
    assert interruption([state("web1", "b", begin("1"), switch("1", "b", "a"), lock=Lock(alive=True))]) is None


def test_servers_that_switched_and_those_that_did_not_are_distinguished():
    left_open = interruption(
        [
            state("web1", "b", begin("1"), switch("1", "b", "a"), interrupted("switch")),
            state("web2", "a", begin("1"), switch("1", "b", "a"), interrupted("switch")),
            state("web3", "a", begin("1"), interrupted("stage")),
        ]
    )
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


def test_where_it_had_ended_on_some_servers_an_undo_switches_those_back_too():
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


def rolling(operation: str, order: tuple[tuple[str, ...], ...], **more) -> JournalLine:
    servers = tuple(name for batch in order for name in batch)
    return JournalLine(
        what="begin", operation=operation, kind="deploy", who="ana", tag="b", servers=servers, order=order, **more
    )


def around(operation: str, what: str, batch: int) -> JournalLine:
    return JournalLine(what=what, operation=operation, kind="deploy", batch=batch)


def test_a_rolling_deploy_that_was_killed_names_its_batches_and_who_is_drained():
    order = (("web1",), ("web2", "web3"))
    begun = rolling("1", order)
    left_open = interruption(
        [
            state("web1", "b", begun, around("1", "drain", 1), switch("1", "b", "a"), around("1", "return", 1)),
            state("web2", "b", begun, around("1", "drain", 2), switch("1", "b", "a")),
            state("web3", "a", begun, around("1", "drain", 2)),
        ]
    )
    assert left_open is not None and left_open.batches == order
    assert (list(left_open.switched), left_open.waiting) == (["web1", "web2"], ("web3",))
    assert left_open.drained == ("web2", "web3")
    assert "drained: web2, web3" in left_open.describe(2.0)


def test_a_recovery_that_was_killed_goes_on_where_the_first_one_was_and_goes_back_in_both_ones_order():
    first, second = rolling("1", (("web1",), ("web2",), ("web3",))), rolling("2", (("web2", "web3"),))
    left_open = interruption(
        [
            state("web1", "b", first, switch("1", "b", "a"), second),
            state("web2", "b", first, second, switch("2", "b", "a")),
            state("web3", "a", first, second),
        ]
    )
    assert left_open is not None and left_open.batches == (("web1",), ("web2", "web3"))


def test_what_was_only_drained_is_an_interruption_and_what_has_ended_is_not():
    begun = rolling("1", (("web1",), ("web2",)))
    drained = interruption([state("web1", "a", begun, around("1", "drain", 1)), state("web2", "a", begun)])
    assert drained is not None and not drained.switched and drained.drained == ("web1",)
    done = line("end", operation="1", outcome="done", tag="b")
    ended = state("web1", "b", begun, around("1", "drain", 1), switch("1", "b", "a"), done)
    assert interruption([ended]) is None


def test_a_server_that_was_left_out_of_what_the_others_ended_is_behind_and_not_interrupted():
    begun = rolling("1", (("web1",), ("web2",)))
    done = line("end", operation="1", outcome="done", tag="b", left_out=("web2",))
    states = [state("web1", "b", begun, switch("1", "b", "a"), done), state("web2", "a", begun)]
    assert interruption(states) is None
    assert left_behind(states) == {"web2": "b"}
    # One that was drained, or had switched, is not as it was.
    assert interruption([states[0], state("web2", "a", begun, around("1", "drain", 2))]).drained == ("web2",)
    # It has caught up with that release, or with a later one of all; one that is not seen is named too.
    assert left_behind([states[0], state("web2", "b")]) == {}
    assert left_behind(states[:1]) == {"web2": "b"}
    later = line("end", operation="2", outcome="done", tag="c")
    assert left_behind([state("web1", "c", begun, done, later), state("web2", "c", later)]) == {}


def test_who_was_left_out_before_it_broke_off_does_not_wait():
    begun = rolling("1", (("web1",), ("web2",), ("web3",)))
    without = JournalLine(what="without", operation="1", kind="deploy", left_out=("web2",))
    left_open = interruption(
        [state("web1", "b", begun, without, switch("1", "b", "a")), state("web2", "a"), state("web3", "a", begun)]
    )
    assert left_open is not None and (left_open.waiting, left_open.left_out) == (("web3",), ("web2",))
