"""What the terminal is told of operations beside the screen, and that nothing of a server reaches it raw."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from core.events import Asked
from core.questions import Choice, Question, question_row
from tests.operations import deploying, uploads
from tui.model.announcer import Announcer
from tui.view import announcements as say
from tui.view.progress import Progress

EVERYTHING = say.Terminal(frozenset(say.WAYS))
XTERM = {"TERM": "xterm-256color"}
BELL_AND_TITLE = {"bell", "title"}


@pytest.mark.parametrize(
    ("environ", "ways"),
    [
        (XTERM, BELL_AND_TITLE),
        ({**XTERM, "TURNOUT_NOTIFY": "0"}, set()),
        ({**XTERM, "TURNOUT_NOTIFY": "1"}, {"bell", "title", "progress", "desktop"}),
        ({**XTERM, "TURNOUT_NOTIFY": "bell, progress"}, {"bell", "progress"}),
        ({**XTERM, "TURNOUT_NOTIFY": "nonsense"}, BELL_AND_TITLE),
        ({"TERM": "xterm-ghostty", "TERM_PROGRAM": "ghostty"}, {"bell", "title", "progress", "desktop"}),
        ({"TERM": "foot"}, {"bell", "title", "desktop"}),
        ({"TERM": "xterm-kitty"}, {"bell", "title", "desktop"}),
        ({**XTERM, "WT_SESSION": "1"}, {"bell", "title", "progress"}),
        ({**XTERM, "VTE_VERSION": "7202"}, {"bell", "title", "desktop"}),
        ({**XTERM, "VTE_VERSION": "8003"}, {"bell", "title", "desktop", "progress"}),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.5.14"}, {"bell", "title", "desktop"}),
        ({**XTERM, "TERM_PROGRAM": "iTerm.app", "TERM_PROGRAM_VERSION": "3.6.10"}, set(say.WAYS)),
        ({**XTERM, "LC_TERMINAL": "iTerm2"}, {"bell", "title", "desktop"}),
        ({**XTERM, "TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.96.4"}, BELL_AND_TITLE),
        ({**XTERM, "TERM_PROGRAM": "vscode", "TERM_PROGRAM_VERSION": "1.106.0-insider"}, {"bell", "title", "progress"}),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/s,1,0", "VTE_VERSION": "8003", "WT_SESSION": "1"}, BELL_AND_TITLE),
        ({"TERM": "screen-256color", "LC_TERMINAL": "iTerm2"}, BELL_AND_TITLE),
        ({**XTERM, "CI": "true"}, set()),
        ({**XTERM, "CI": "true", "TURNOUT_NOTIFY": "bell"}, {"bell"}),
        ({**XTERM, "NO_COLOR": "1"}, BELL_AND_TITLE),
        ({"TERM": "linux"}, {"bell"}),
        ({"TERM": "dumb", "TURNOUT_NOTIFY": "1"}, set()),
        ({}, set()),
    ],
)
def test_a_terminal_gets_what_it_takes_and_what_was_chosen(environ: Mapping[str, str], ways: set[str]) -> None:
    assert say.terminal(environ).ways == ways


def test_the_settings_of_a_person_turn_each_way_on_or_off_unless_the_variable_says_otherwise() -> None:
    own = {"title": False, "progress": True}
    assert say.terminal(XTERM, own).ways == {"bell", "progress"}
    assert say.terminal({**XTERM, "TURNOUT_NOTIFY": "title"}, own).ways == {"title"}
    assert say.terminal({**XTERM, "CI": "1"}, own).ways == set()


def test_nothing_of_a_server_ends_a_sequence_or_begins_another() -> None:
    evil = "a\x1b]0;owned\x07b\x9c\x1b\\\nc;d\u202e"
    sequences = [say.title(evil), say.Terminal().desktop(evil, evil), say.Terminal(urxvt=True).desktop(evil, evil)]
    for sequence in sequences:
        inside = sequence.removeprefix("\x1b]").removesuffix("\x1b\\")
        assert inside.isprintable() and "owned" not in inside
    assert say.Terminal(urxvt=True).desktop("x;y", "z") == "\x1b]777;notify;x,y;z\x1b\\"
    assert say.Terminal().desktop("4;1;50", "done") == "\x1b]9;Turnout: 4;1;50: done\x1b\\", "else it would be progress"
    assert len(say.title("x" * 1000)) < 200


def test_tmux_hands_on_what_it_does_not_know() -> None:
    inside = say.terminal({"TERM": "tmux-256color", "TURNOUT_NOTIFY": "1"})
    assert inside.progress(1, 40) == "\x1bPtmux;\x1b\x1b]9;4;1;40\x1b\x1b\\\x1b\\"
    assert inside.desktop("a", "b") == "\x1bPtmux;\x1b\x1b]9;a: b\x1b\x1b\\\x1b\\"


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
    assert written[5:] == [say.OLD_TITLE + "\x1b]9;4;0;0\x1b\\"]
    announcer.leave()
    assert len(written) == 6, "once"


def held(progress: Progress) -> Progress:
    """The same, waiting for `go`."""
    question = Question(kind="hold", text="Switch now?", choices=(Choice("go", "switches"),), default="go")
    progress.apply(Asked(question=question_row(question)))
    return progress


def test_a_question_calls_once_and_stands_in_the_title() -> None:
    written: list[str] = []
    announcer = Announcer(written.append, EVERYTHING)
    quiet, asking = deploying(3), held(deploying(3))
    for _ in range(3):
        announcer.running([quiet, asking])
    assert written.count("\a") == 1
    assert "\x1b]2;asks: Deploy 3f2c1ab to production, 1 more\x1b\\" in written
    (call,) = [text for text in written if text.startswith("\x1b]9;Deploy")]
    assert "asks: Switch now?" in call


def test_a_long_operation_rings_at_its_end_and_a_short_one_does_not() -> None:
    written: list[str] = []
    announcer = Announcer(written.append, EVERYTHING)
    title = "Deploy 3f2c1ab to production"
    announcer.ended(title, "done", "it is live", 4)
    assert "\a" not in written and not any("777" in text for text in written)
    assert "\x1b]9;4;0;0\x1b\\" in written
    announcer.ended(title, "done", "it is live", 27)
    assert written[-2:] == ["\a", "\x1b]9;Deploy 3f2c1ab to production done: it is live\x1b\\"]
    announcer.ended(title, "failed", "web1 is full", 0)
    assert "\x1b]9;4;2;100\x1b\\" in written


def test_nothing_is_written_where_it_is_off() -> None:
    written: list[str] = []
    announcer = Announcer(written.append, say.terminal({**XTERM, "TURNOUT_NOTIFY": "0"}))
    announcer.running([held(deploying(3))])
    announcer.ended("Deploy", "done", "it is live", 100)
    announcer.running([])
    announcer.leave()
    assert written == []
