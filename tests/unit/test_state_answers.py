"""What an agent's state says becomes what Turnout knows; what it does not say is unknown, and never guessed."""

import json

import pytest

from core.errors import ServerError
from core.protocol.state import parse_state

EMPTY_ROOT = ("root present", "current absent")


def state(*lines: str):
    return parse_state(lines, "web1", "/srv/shop", now=1.0)


def test_a_root_that_does_not_exist_has_no_current():
    seen = state("time 1", "root absent", "cache-empty", "writable yes")
    assert (seen.exists, seen.current_kind, seen.current, seen.cache_empty) == (False, "absent", "", True)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("time 1", "tick up5"),
        ("root present", "writable yes", "place 1 5 releases/r1"),
        ("root present", "current socket"),
        ("root", "cache-empty"),
        ("root present", "Current link releases/r1", "live r1"),
    ],
    ids=["nothing", "no-root", "no-current", "current-of-no-kind", "half-a-root", "current-in-other-letters"],
)
def test_an_answer_that_does_not_say_what_current_is_is_refused(lines):
    with pytest.raises(ServerError) as raised:
        state(*lines)
    error = raised.value
    assert (error.title, error.server) == ("the server's answer was not recognised", "web1")
    assert "`current`" in error.detail and "nothing was changed" in error.hint


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("current absent",), ("absent", "", "")),
        (("current folder",), ("folder", "", "")),
        (("current file",), ("file", "", "")),
        (("current link releases/r1", "live r1"), ("link", "r1", "releases/r1")),
        (("current link by-hand", "live r1"), ("link", "r1", "by-hand")),
        (("current link /opt/app", "live-elsewhere"), ("elsewhere", "", "/opt/app")),
        (("current link releases/gone", "dangling"), ("dangling", "", "releases/gone")),
    ],
)
def test_what_current_is_is_what_the_server_says(lines, expected):
    seen = state("root present", *lines, "place 1 5 releases/r1")
    assert (seen.current_kind, seen.current, seen.current_target) == expected
    assert [release.tag for release in seen.releases.values() if release.live] == ([expected[1]] if expected[1] else [])


def test_a_link_of_which_nobody_says_where_it_ends_is_not_a_live_release():
    with pytest.raises(ServerError, match="not recognised"):
        state("root present", "current link releases/r1", "place 1 5 releases/r1")


def test_a_line_that_means_nothing_is_named_and_the_others_count():
    seen = state("root present", "current absent", "statfs x y z w", "place 1 5 releases/r1")
    assert seen.faults == ("unrecognised line in the server's answer, ignored: statfs x y z w",)
    assert set(seen.releases) == {"r1"}


def test_the_lines_of_a_large_fleet_are_read_whole():
    names = [f"a-server-with-a-rather-long-name-{number:03}.example.com" for number in range(300)]
    facts = {"what": "begin", "operation": "1", "kind": "deploy", "servers": names, "tag": "b"}
    seen = state(*EMPTY_ROOT, f"transition {json.dumps(facts)}", f"journal {json.dumps(facts)}")
    assert [line.servers for line in (*seen.transitions, *seen.journal)] == [tuple(names)] * 2
    assert seen.faults == ()


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
        "place 1 nan releases/weird",
        "place 1 inf releases/weird",
        "place 1 -1e18 releases/weird",
        f"record .turnout/records/r.toml:bytes = {'9' * 400}",
    ],
)
def test_numbers_that_nothing_has_reach_no_screen(odd):
    seen = state("time 1", *EMPTY_ROOT, odd)
    assert -1 <= seen.free_bytes < 1 << 75 and -1 <= seen.free_inodes < 1 << 63
    assert all(0 <= release.mtime < 1e12 and release.record is None for release in seen.releases.values())


def test_ages_of_a_lock_do_not_follow_a_clock_that_somebody_sets():
    held = ["lock held", "lock-operation 1", "lock-server-since up1000", "lock-beat up1060"]
    for clock in ("0", "1000000000", "4294967296"):
        lock = state(f"time {clock}", "tick up1065", *EMPTY_ROOT, *held).lock
        assert lock is not None and (lock.age, lock.silence) == (65.0, 5.0)
    # Of before a restart, or told by a clock: no age rather than a wrong one.
    for tick in ("up30", "1700000000", "", "upnan", "up-5"):
        lock = state("time 5", f"tick {tick}", *EMPTY_ROOT, *held).lock
        assert lock is not None and (lock.age, lock.silence) == (0.0, 0.0)
