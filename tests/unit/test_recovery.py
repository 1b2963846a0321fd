"""What the journals of several servers say together about an operation that has no end."""

import json

import pytest

from core.records import JournalLine, Lock, ServerState
from core.recovery import interruption
from core.remote.reading import parse_state

SERVERS = ("web1", "web2")


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
    found = interruption([state("web1", "two", BEGIN, SWITCH), state("web2", "one", BEGIN)])
    assert found is not None and found.mixed
    assert found.tag == "two" and found.switched["web1"].target == "releases/one" and found.waiting == ("web2",)


def test_a_switch_that_was_announced_and_did_not_happen_is_none():
    found = interruption([state("web1", "one", BEGIN, SWITCH), state("web2", "one", BEGIN)])
    assert found is not None and not found.switched and found.waiting == SERVERS


def test_where_one_server_missed_the_end_all_that_switched_are_named():
    found = interruption([state("web1", "two", BEGIN, SWITCH, DONE), state("web2", "two", BEGIN, SWITCH)])
    assert found is not None and not found.mixed
    assert list(found.switched) == ["web1", "web2"]


def test_a_server_that_could_not_be_put_back_is_interrupted():
    found = interruption([state("web1", "one", BEGIN, SWITCH, PUT_BACK), state("web2", "two", BEGIN, SWITCH)])
    assert found is not None
    assert list(found.switched) == ["web2"] and found.waiting == ("web1",)


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
    found = interruption([state("web1", "two", BEGIN, SWITCH, *refused), state("web2", "one", BEGIN, *refused)])
    assert found is not None and found.operation == "0a1b"


def test_the_next_operation_that_is_carried_out_closes_it():
    after = [line("begin", operation="ffff", time=2000.0), line("end", operation="ffff", outcome="done", time=2001.0)]
    assert interruption([state("web1", "three", BEGIN, SWITCH, *after), state("web2", "three", BEGIN, *after)]) is None


def test_an_operation_that_failed_and_was_put_back_leaves_open_what_was_open_before():
    for kind in ("deploy", "recover"):
        after = [
            line("begin", operation="ffff", kind=kind, time=2000.0),
            line("end", operation="ffff", kind=kind, outcome="put-back", exit_code=1, time=2001.0),
        ]
        found = interruption([state("web1", "two", BEGIN, SWITCH, *after), state("web2", "one", BEGIN, *after)])
        assert found is not None and found.mixed and found.operation == "0a1b"


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
    state = parse_state([f"transition {json.dumps(facts)}", f"journal {json.dumps(facts)}"], "web1", "/srv", now=1.0)
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
    state = parse_state(["time 1", "root present", odd], "web1", "/srv", now=1.0)
    assert -1 <= state.free_bytes < 1 << 75 and -1 <= state.free_inodes < 1 << 63
    assert all(0 <= release.mtime < 1e12 and release.record is None for release in state.releases.values())
