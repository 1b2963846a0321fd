"""Locks, interruptions and drift as the dashboard says them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core import RecoverRequest
from core.drift import Drift, Verification
from core.errors import ConnectError
from core.plan import NONE, RECOVER, SWITCH, Plan, Step
from core.records import Lock
from core.recovery import Before, Interruption
from tests.plans import worded
from tests.tui.recorded import NOW, fleet_of, record, state, tag
from tui.view import drift_lines, locks, recovery_lines
from tui.view.fleet import FleetView, ServerView
from tui.view.glyphs import UNICODE
from tui.view.lines import Line, plain, width
from tui.view.plan_lines import plan_lines
from tui.view.server_row import server_line

KEYS = {"watch": "w", "break-lock": "L", "finish": "F", "take-back": "U"}
AT_WORK = Lock(operation="0a", kind="deploy", who="bo@ci", since=NOW - 60, age=60, silence=2, phase="upload")
HUNG = Lock(operation="0a", kind="deploy", who="bo@ci", since=NOW - 90, age=90, silence=45, phase="upload")
DEAD = Lock(operation="0a", kind="deploy", who="bo@ci", since=NOW - 90, age=90, silence=45, phase="upload", alive=False)


def text(lines: list[Line]) -> str:
    return "\n".join(plain(spans) for spans in lines)


def row(lock: Lock, cells: int) -> str:
    held = state("web1", lock=lock)
    return plain(server_line(ServerView("web1", held), cells, UNICODE, NOW, fleet_of(held)))


@pytest.mark.parametrize(
    ("lock", "cells", "said"),
    [
        (AT_WORK, 60, "◐ web1  deploy by bo@ci, uploading"),
        (AT_WORK, 25, "◐ web1  bo@ci: uploading"),
        (AT_WORK, 22, "◐ web1  bo: uploading"),
        (HUNG, 60, "! web1  deploy by bo@ci, silent 45 s"),
        (HUNG, 22, "! web1  silent 45 s"),
        (DEAD, 80, "! web1  bo@ci's deploy died; the next operation takes over its lock"),
        (DEAD, 60, "! web1  bo@ci's deploy died"),
        (DEAD, 25, "! web1  bo's deploy died"),
    ],
)
def test_a_locked_row_says_who_and_what_in_any_width(lock: Lock, cells: int, said: str) -> None:
    assert row(lock, cells).rstrip() == said


@given(st.sampled_from([AT_WORK, HUNG, DEAD]), st.integers(12, 80))
def test_a_locked_row_never_leaves_its_pane(lock: Lock, cells: int) -> None:
    assert len(row(lock, cells)) <= cells


def test_a_lock_of_a_hostile_server_is_one_harmless_line() -> None:
    lock = Lock(kind="de\x1b[31mploy", who="bo\n[/x]\x07", phase="\x9bup\nload")
    said = row(lock, 80) + "".join(value for _, value, _ in locks.fields(lock, KEYS, 0))
    assert not any(ord(sign) < 32 or 0x7F <= ord(sign) < 0xA0 for sign in said)


def test_the_details_of_a_lock_say_age_silence_and_what_to_do() -> None:
    fields = {label: value for label, value, _ in locks.fields(AT_WORK, KEYS, 0)}
    assert fields["Locked"] == "deploy by bo@ci, in upload, for 60 s"
    assert fields["Heartbeat"].startswith("2.0 s ago")
    assert fields["Next"] == "w watches it live"
    assert "L breaks the lock" in {label: value for label, value, _ in locks.fields(HUNG, KEYS, 0)}["Next"]
    dead = {label: value for label, value, _ in locks.fields(DEAD, KEYS, 0)}
    assert "the next operation takes over the lock" in dead["Owner"] and "Next" not in dead


def test_only_a_living_lock_is_a_reason_to_wait() -> None:
    held = locks.living([state("web1", lock=AT_WORK), state("web2", lock=DEAD), state("web3")])
    assert list(held) == ["web1"]
    assert locks.reason(held) == "bo@ci runs a deploy on web1"
    assert locks.reason({}) == ""


def breaking(lock: Lock, since: float) -> str:
    return "\n".join(said for said, _ in locks.break_words({"web1": lock}, {"web1": since}))


def test_breaking_a_lock_says_whether_it_is_running() -> None:
    assert "Its last heartbeat was 2.0 s ago: it is still running." in breaking(AT_WORK, 0)
    assert "No heartbeat for 45 s, and the server's watchdog" in breaking(HUNG, 0)


def test_of_several_servers_the_latest_sign_of_life_counts() -> None:
    said = locks.break_words({"web1": HUNG, "web2": AT_WORK}, {"web1": 1, "web2": 1})
    assert "it is still running" in "\n".join(text for text, _ in said)


def test_a_lock_gets_older_after_the_last_look_and_no_silence_is_made_up() -> None:
    assert "for 60 s" in breaking(AT_WORK, 0) and "for 90 s" in breaking(AT_WORK, 30)
    assert "was 2.0 s before the last look, which was 60 s ago: it is still running" in breaking(AT_WORK, 60)
    assert "No heartbeat for 45 s at the last look, 60 s ago," in breaking(HUNG, 60)
    fields = {label: value for label, value, _ in locks.fields(AT_WORK, KEYS, 31)}
    assert fields["Locked"] == "deploy by bo@ci, in upload, for 91 s"
    assert fields["Heartbeat"] == "2.0 s before the last look, which was 31 s ago; its process was running"
    assert fields["Next"] == "w watches it live"
    assert {label: value for label, value, _ in locks.fields(AT_WORK, KEYS, 3)}["Heartbeat"].startswith("5.0 s ago")


@pytest.mark.parametrize(("read_at", "since"), [(0, 0), (NOW - 7, 7), (NOW + 7, 0)])
def test_how_long_ago_a_server_was_looked_at(read_at: float, since: float) -> None:
    assert locks.looked_ago(state("web1", read_at=read_at), NOW) == since


def interrupted(switched: tuple[str, ...], waiting: tuple[str, ...]) -> Interruption:
    before = {name: Before(tag=tag(1), target=f"releases/{tag(1)}") for name in switched}
    return Interruption(
        operation="0a", kind="deploy", who="ana@ci", time=NOW - 240, phase="switch", tag=tag(0), switched=before,
        waiting=waiting,
    )  # fmt: skip


def test_the_banner_is_the_engines_sentence_where_it_fits() -> None:
    interruption = interrupted(("web1", "web2"), ("web3",))
    said = plain(recovery_lines.banner_line(interruption, 100, NOW, UNICODE, "R"))
    assert "interrupted deploy 4 min ago by ana@ci: web1, web2 switched; web3 not" in said
    assert said.endswith("R Recover ") and len(said) == 100


@given(st.integers(30, 140), st.integers(1, 60), st.integers(0, 60))
def test_the_banner_fits_and_its_key_is_always_seen(cells: int, switched: int, waiting: int) -> None:
    names = [f"server-{number}" for number in range(switched + waiting)]
    interruption = interrupted(tuple(names[:switched]), tuple(names[switched:]))
    said = plain(recovery_lines.banner_line(interruption, cells, NOW, UNICODE, "R"))
    assert len(said) <= cells and "R Recover" in said


def test_the_dialog_says_what_happened_where_and_both_ways_out() -> None:
    said = text(recovery_lines.recover_lines(interrupted(("web1", "web2"), ("web3",)), 120, NOW, UNICODE, KEYS))
    assert "A deploy of 3f2c1ab by ana@ci, started 4 min ago, was interrupted in switch" in said
    assert "● web1  switched: 3f2c1ab is live; before it, 9ab01cd" in said
    assert "○ web3  not switched" in said
    assert "F Finish   switch the remaining server to 3f2c1ab, then run the checks everywhere" in said
    assert "U Undo     switch 2 servers back to the release they had" in said


def test_the_dialog_names_the_release_of_each_server_where_they_differ() -> None:
    half = replace(interrupted(("web1", "web2"), ("web3",)), tags={"web2": tag(2), "web3": tag(2)})
    said = text(recovery_lines.recover_lines(half, 120, NOW, UNICODE, KEYS))
    assert "A deploy of 3f2c1ab, 77e0d12 by ana@ci" in said
    assert "● web1  switched: 3f2c1ab is live; before it, 9ab01cd" in said
    assert "● web2  switched: 77e0d12 is live; before it, 9ab01cd" in said
    assert "○ web3  not switched to 77e0d12" in said
    assert "F Finish   switch the remaining server to 77e0d12, then run the checks everywhere" in said
    whole = replace(half, waiting=(), tags={"web2": tag(2)})
    said = text(recovery_lines.recover_lines(whole, 120, NOW, UNICODE, KEYS))
    assert "run the checks everywhere: 3f2c1ab, 77e0d12 are live, each on its servers" in said


def test_the_dialog_tells_two_releases_of_one_revision_apart() -> None:
    again = tag(0).replace("T1930", "T1945")
    half = replace(interrupted(("web1",), ("web2",)), tag=again, switched={"web1": Before(tag=tag(0), target="r")})
    said = text(recovery_lines.recover_lines(half, 120, NOW, UNICODE, KEYS))
    assert "A deploy of 3f2c1ab@19:45 by ana@ci" in said
    assert "● web1  switched: 3f2c1ab@19:45 is live; before it, 3f2c1ab@19:30" in said
    assert "F Finish   switch the remaining server to 3f2c1ab@19:45, then" in said


def test_many_servers_of_the_same_fate_share_a_line() -> None:
    names = tuple(f"web{number}" for number in range(1, 41))
    lines = recovery_lines.recover_lines(interrupted(names[:30], names[30:]), 76, NOW, UNICODE, KEYS)
    assert "web1-30   switched" in text(lines) and "web31-40  not switched" in text(lines)
    assert len(lines) < 14 and all(width(spans) <= 76 for spans in lines)


def test_nothing_is_judged_until_every_server_was_looked_at() -> None:
    web1 = ServerView("web1", state("web1"), at=NOW)
    cases = {
        "known": ServerView("web2", state("web2"), at=NOW),
        "unknown": ServerView("web2"),
        "away": ServerView("web2", state("web2"), ConnectError("away")),
        "asked": ServerView("web2", state("web2"), checking=True),
    }
    judged = {word for word, web2 in cases.items() if recovery_lines.complete(FleetView.of("s", "p", [web1, web2]))}
    assert judged == {"known"}


def recovery_plan(way: str, *steps: Step) -> Plan:
    plan = Plan(kind=RECOVER, environment="production", tag=tag(0), live=tag(0), record=record(0), steps=steps)
    return worded(plan, RecoverRequest(way))


def test_the_plans_of_both_ways_show_from_where_to_where() -> None:
    finish = recovery_plan("finish", Step(server="web1", action=NONE, current=tag(0)),
                           Step(server="web3", action=SWITCH, current=tag(1)))  # fmt: skip
    assert finish.verb == "Finish"
    assert "9ab01cd → 3f2c1ab" in text(plan_lines(finish, 70, UNICODE))
    undo = recovery_plan("undo", Step(server="web1", action=SWITCH, current=tag(0), back=f"releases/{tag(1)}"),
                         Step(server="web3", action=NONE, current=tag(1)))  # fmt: skip
    assert undo.verb == "Undo"
    said = text(plan_lines(undo, 70, UNICODE))
    assert "3f2c1ab → 9ab01cd" in said and "web1  switch back to releases/9ab01cd" in said


def test_a_recovery_that_finds_all_as_asked_says_that_it_closes_the_operation() -> None:
    plan = recovery_plan("finish", Step(server="web1", action=NONE, current=tag(0)))
    assert "no server switches: this marks the operation as closed" in text(plan_lines(plan, 70, UNICODE))


DRIFT = Drift(changed=(b"a.php",), added=(b"[/x]\x1b[31m\xff",), removed=())


def compared(**errors: ConnectError) -> Verification:
    return Verification(tag(0), {"web1": Drift(), "web2": DRIFT}, errors)


def test_drift_names_every_path_harmlessly_and_servers_as_deployed() -> None:
    fleet = fleet_of(state("web1"), state("web2"), state("web3"))
    said = text(drift_lines.drift_lines(compared(), fleet, 80, UNICODE, NOW - 5, NOW))
    assert "✓ web1  as deployed" in said and "! web2  1 changed, 1 added" in said
    assert "~ changed  a.php" in said and r"+ added    [/x]\x1b[31m\xff" in said
    assert "web3  does not have its files" in said and "\x1b" not in said


def test_many_paths_are_cut_and_the_rest_is_counted() -> None:
    drift = Drift(changed=tuple(b"%d" % number for number in range(900)))
    verification = Verification(tag(0), {"web1": drift}, {})
    lines = drift_lines.drift_lines(verification, fleet_of(state("web1")), 80, UNICODE, NOW, NOW)
    assert len(lines) < drift_lines.PATHS_SHOWN + 6 and "and 400 more" in text(lines)


def test_one_sentence_says_how_a_release_stands() -> None:
    fleet = fleet_of(state("web1"), state("web2"), state("web3"))
    said, role = drift_lines.summary(compared(web3=ConnectError("away")), fleet)
    assert (said, role) == ("3f2c1ab: 1 server drifted, 1 server not compared", "warn")
    good = Verification(tag(0), {"web1": Drift()}, {})
    assert drift_lines.summary(good, fleet_of(state("web1"))) == ("3f2c1ab: all 1 server as deployed", "ok")
