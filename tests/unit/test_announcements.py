"""What the terminal is told of operations beside the screen, and that nothing of a server reaches it raw."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from core.jobs import Job
from tests.operations import deploying, done, failed, uploads
from tui.model.announcer import Announcer
from tui.model.operation import Followed
from tui.view import announcements as say
from tui.view.progress import Progress

EVERYTHING = {"TERM": "xterm-256color", "TURNOUT_NOTIFY": "1"}


@pytest.mark.parametrize(
    ("environ", "ways"),
    [
        ({"TERM": "xterm-256color"}, {"bell", "title"}),
        ({"TERM": "xterm-256color", "TURNOUT_NOTIFY": "0"}, set()),
        ({"TERM": "xterm-256color", "TURNOUT_NOTIFY": "1"}, {"bell", "title", "progress", "desktop"}),
        ({"TERM": "xterm-256color", "TURNOUT_NOTIFY": "bell, progress"}, {"bell", "progress"}),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, {"bell", "title", "progress", "desktop"}),
        ({"TERM": "foot"}, {"bell", "title", "desktop"}),
        ({"TERM": "xterm-256color", "WT_SESSION": "1"}, {"bell", "title", "progress"}),
        ({"TERM": "linux"}, {"bell"}),
        ({"TERM": "dumb", "TURNOUT_NOTIFY": "1"}, set()),
        ({}, set()),
    ],
)
def test_a_terminal_gets_what_it_takes_and_what_was_chosen(environ: Mapping[str, str], ways: set[str]) -> None:
    assert say.ways(environ) == ways


def test_nothing_of_a_server_ends_a_sequence_or_begins_another() -> None:
    evil = "a\x1b]0;owned\x07b\x9c\x1b\\\nc;d\u202e"
    sequences = [say.title(evil), say.desktop(evil, evil, {}), say.desktop(evil, evil, {"TERM": "foot"})]
    for sequence in sequences:
        inside = sequence.removeprefix("\x1b]").removesuffix("\x1b\\")
        assert inside.isprintable() and "owned" not in inside
    assert say.desktop("x;y", "z", {"TERM": "foot"}) == "\x1b]777;notify;x,y;z\x1b\\"
    assert len(say.title("x" * 1000)) < 200


class Ended(Followed):
    """An operation without a fleet, as far as its progress tells of it."""

    def __init__(self, progress: Progress) -> None:
        nothing: Any = None
        super().__init__(nothing, Job("x", nothing), progress)


def test_the_title_and_the_progress_follow_an_operation_and_change_only_when_it_does() -> None:
    written: list[str] = []
    announcer = Announcer(written.append, EVERYTHING)
    progress = uploads(deploying(3), {"web1": 20e6, "web2": 20e6, "web3": 10e6})
    for _ in range(3):
        announcer.running([progress])
    assert written == [
        say.KEEP_TITLE,
        "\x1b]2;40 % Deploy 3f2c1ab to production\x1b\\",
        "\x1b]9;4;1;40\x1b\\",
    ]
    announcer.running([deploying(3), progress])
    assert written[3:] == ["\x1b]2;planning Deploy 3f2c1ab to production, 1 more\x1b\\", "\x1b]9;4;3;0\x1b\\"]
    announcer.leave()
    assert written[5:] == [say.OLD_TITLE, "\x1b]9;4;0;0\x1b\\"]


def test_a_long_operation_rings_at_its_end_and_a_short_one_does_not() -> None:
    written: list[str] = []
    announcer = Announcer(written.append, EVERYTHING)
    announcer.ended(Ended(done(deploying(3), seconds=4)))
    assert "\a" not in written and not any("777" in text for text in written)
    assert "\x1b]9;4;0;0\x1b\\" in written
    announcer.ended(Ended(done(deploying(3), seconds=27)))
    assert written[-2:] == ["\a", "\x1b]9;Deploy 3f2c1ab to production done: it is live\x1b\\"]
    announcer.ended(Ended(failed(deploying(3))))
    assert "\x1b]9;4;2;100\x1b\\" in written


def test_nothing_is_written_where_it_is_off() -> None:
    written: list[str] = []
    announcer = Announcer(written.append, {"TERM": "xterm", "TURNOUT_NOTIFY": "0"})
    announcer.running([deploying(3)])
    announcer.ended(Ended(done(deploying(3), seconds=100)))
    announcer.running([])
    announcer.leave()
    assert written == []
