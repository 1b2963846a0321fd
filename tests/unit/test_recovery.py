"""What the journals of several servers say together about an operation that has no end."""

import json

import pytest

from core.protocol.state import parse_state
from core.records import JournalLine, Lock, ServerState
from core.recovery import interruption

SERVERS = ("web1", "web2")
PRESENT = ("root present", "current absent")


def line(what: str, **facts: object) -> JournalLine:
    values = {"operation": "0a1b", "kind": "deploy", "who": "ana@ci", "time": 1000.0, "servers": SERVERS}
    return JournalLine(what=what, **{**values, **facts})  # type: ignore[arg-type]


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


def test_a_half_switched_fleet_names_who_switched_and_who_waits():
    left_open = interruption([state("web1", "two", BEGIN, SWITCH), state("web2", "one", BEGIN)])
    assert left_open is not None and left_open.mixed
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
    assert left_open is not None and not left_open.mixed
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
        assert left_open is not None and left_open.mixed and left_open.operation == "0a1b"


def test_undoing_closes_it():
    after = [
        line("begin", operation="ffff", kind="recover", time=2000.0),
        line("end", operation="ffff", kind="recover", outcome="put-back", exit_code=0, time=2001.0),
    ]
    # What an undo settles is gone from a server's file with its end; only its own lines are there then.
    assert interruption([state("web1", "one", *after), state("web2", "one", *after)]) is None
    # What it did not settle goes on being open.
    assert interruption([state("web1", "one", BEGIN, SWITCH, *after), state("web2", "one", *after)]) is not None


def test_what_was_put_back_itself_is_no_interruption():
    put_back = line("end", outcome="put-back", exit_code=1, time=1002.0)
    assert interruption([state("web1", "one", BEGIN, SWITCH, put_back), state("web2", "one", BEGIN, put_back)]) is None


def test_the_lines_of_a_large_fleet_are_read_whole():
    names = [f"a-server-with-a-rather-long-name-{number:03}.example.com" for number in range(300)]
    facts = {"what": "begin", "operation": "1", "kind": "deploy", "servers": names, "tag": "b"}
    state = parse_state(
        [*PRESENT, f"transition {json.dumps(facts)}", f"journal {json.dumps(facts)}"], "web1", "/srv", now=1.0
    )
    assert [line.servers for line in (*state.transitions, *state.journal)] == [tuple(names)] * 2
    assert state.faults == ()


@pytest.mark.parametrize(
    "odd",
    [
        f"statfs 4096 {'9' * 400} 5 5",
        "statfs 4096 -5 5 5",
        "space 1 2",
        f"space / 1 1 {'9' * 400} 1% /",
        "inodes x 1 1",
        f"inodes / {'9' * 30} 1 1",
        f"cache-unknown {'9' * 400} 1",
        "release nan releases/weird",
        "release inf releases/weird",
        "release -1e18 releases/weird",
        f"record .turnout/records/r.toml:bytes = {'9' * 400}",
    ],
)
def test_numbers_that_nothing_has_reach_no_screen(odd):
    state = parse_state(["time 1", *PRESENT, odd], "web1", "/srv", now=1.0)
    assert -1 <= state.free_bytes < 1 << 75 and -1 <= state.free_inodes < 1 << 63
    assert all(0 <= release.mtime < 1e12 and release.record is None for release in state.releases.values())


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


def test_ages_of_a_lock_do_not_follow_a_clock_that_somebody_sets():
    lock = ["lock held", "lock-operation 1", "lock-server-since up1000", "lock-beat up1060"]
    for clock in ("0", "1000000000", "4294967296"):
        seen = parse_state([f"time {clock}", "tick up1065", *PRESENT, *lock], "web1", "/srv", now=1.0).lock
        assert seen is not None and (seen.age, seen.silence) == (65.0, 5.0)
    # Of before a restart, or told by a clock: no age rather than a wrong one.
    for tick in ("up30", "1700000000", "", "upnan", "up-5"):
        seen = parse_state(["time 5", f"tick {tick}", *PRESENT, *lock], "web1", "/srv", now=1.0).lock
        assert seen is not None and (seen.age, seen.silence) == (0.0, 0.0)
