"""What an agent's state says becomes what Turnout knows; what it does not say is unknown, and never guessed."""

import pytest

from core.errors import ServerError
from core.protocol.state import parse_state


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
