"""The verbs of the lock: who gets it, who is refused, and what ends with it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.engine.driving import snapshot
from tests.processes import identity, kill
from tests.shell.agents import text_of, verbs
from tests.waiting import until

TRAVELLING = {"fetch": "store.sh", "patch": "patch.sh", "slots": "slots.sh"}
TOKEN = "a" * 32
OWNER = "operation 0a1b\nkind deploy\nwho ana@laptop\nsince 1000"
BEGIN = ("begin", TOKEN, OWNER, "30", "c1a1", "shop", "production")


def begun(agent) -> None:
    """The root is made, and its lock held with TOKEN."""
    agent.done(*BEGIN)


def test_begin_makes_the_root_takes_the_lock_and_inspects(agent, root):
    reply = agent.done(*BEGIN)
    assert {"time", "tick", "root", "current", "place", "cache-empty"} <= reply.words
    assert reply.of("root") == ["present"] and reply.of("current") == ["absent"]
    for folder in ("releases", "shared", "deploy-cache", ".turnout/records", ".turnout/manifests", ".turnout/lock"):
        assert (root / folder).is_dir()
    assert (root / ".turnout/lock/token").read_text() == f"{TOKEN}\n"
    assert (root / ".turnout/claim").read_text().split()[2:] == ["shop", "production"]


def test_begin_can_leave_the_deploy_cache_out(agent, root):
    (root / "deploy-cache").mkdir(parents=True)
    (root / "deploy-cache/file").write_text("one\n")
    reply = agent.done("unseen", *BEGIN)
    assert {word for word in reply.words if word.startswith("cache")} == {"cache-unseen"}
    assert (root / ".turnout/lock/token").read_text() == f"{TOKEN}\n"
    assert "cache-unknown" in agent.done("state").words


def test_the_lock_of_another_operation_refuses_and_says_whose_it_is(start, root):
    begun(start(root))
    reply = start(root).ask("begin", "b" * 32, "operation 0c2d", "30", "", "", "")
    assert reply.status == 4
    assert (reply.of("lock-operation"), reply.of("lock-who")) == (["0a1b"], ["ana@laptop"])
    assert reply.of("lock-phase") == ["begin"] and not reply.of("lock-dead")


WITH_TOKEN = (
    ("stage", "r1", "auto", "0" * 64, "0" * 64, "yes", "record"),
    ("patch",),
    ("fetch", "0" * 64, "1", "9", "9", "0" * 64, "0" * 64, "whole", "http://127.0.0.1:1/"),
    ("writable", "storage/"),
    ("complete", "r1"),
    ("finalized", "r1"),
    ("switch", "r1", "", "{}"),
    ("restore", "releases/r1", "{}"),
    ("withdraw", "r1"),
    ("record", "r1", "record"),
    ("unrecord", "r1"),
    ("revision", "r1", "75b69f"),
    ("append", "revisions.log", "a line"),
    ("pin", "r1", "{}"),
    ("unpin", "r1"),
    ("block", "r1", "{}"),
    ("unblock", "r1"),
    ("freeze", "{}"),
    ("thaw",),
    ("remove", "yes", "r1"),
    ("own", "yes"),
    ("clear",),
    ("scan",),
    ("slots", "blue 8001 r1 used"),
    ("confirm", "-"),
    ("finish", "none", "", "-"),
)


def test_no_changing_verb_takes_another_token(agent, root):
    begun(agent)
    before = snapshot(root)
    asked = {verb for verb, text in verbs().items() if "holds " in text and verb != "break"}
    assert asked == {verb for verb, *_ in WITH_TOKEN}
    for verb, *words in WITH_TOKEN:
        travels = ("with", text_of(TRAVELLING[verb])) if verb in TRAVELLING else ()
        reply = agent.ask(*travels, verb, "b" * 32, *words)
        assert (reply.status, reply.lines) == (3, ["this operation no longer holds the lock"]), verb
    assert snapshot(root) == before


def test_finish_writes_the_journal_and_gives_the_lock_back(agent, root):
    begun(agent)
    agent.done("finish", TOKEN, "all", '{"what": "end", "operation": "0a1b"}', "=")
    assert not (root / ".turnout/lock").exists()
    assert json.loads((root / ".turnout/journal.jsonl").read_text()) == {"what": "end", "operation": "0a1b"}
    assert agent.ask("confirm", TOKEN, "-").status == 3


def test_finish_changes_nothing_where_current_is_another_than_was_left(agent, root):
    begun(agent)
    (root / "releases/r1").mkdir()
    (root / "current").symlink_to("releases/r1")
    assert agent.ask("confirm", TOKEN, "+releases/r1").status == 0
    reply = agent.ask("finish", TOKEN, "all", "{}", "+releases/r2")
    assert (reply.status, reply.of("astray")) == (8, ["releases/r1"])
    assert (root / ".turnout/lock").is_dir() and not (root / ".turnout/journal.jsonl").read_text()


def test_break_takes_the_lock_from_the_operation_that_is_named_and_ends_its_process(start, root):
    holder = start(root)
    begun(holder)
    agent = start(root)
    reply = agent.ask("break", "another")
    assert (reply.status, reply.lines) == (1, ["this operation no longer holds the lock"])
    agent.done("break", "0a1b")
    assert holder.process.wait(60) != 0 and not (root / ".turnout/lock").exists()


STUBBORN = 'trap ": > $0/told" TERM; : > "$0/runs"; while :; do sleep 0.02; done'


@pytest.fixture
def stubborn(root):
    """A command that was begun under the lock, and that heeds no signal that a process can ignore: its number."""
    begun = []

    def begin():
        begun.append(
            subprocess.Popen(["sh", "-c", STUBBORN, root.parent], start_new_session=True, stderr=subprocess.DEVNULL)
        )
        until((root.parent / "runs").exists, "the command to ignore the signal")
        with (root / ".turnout/lock/commands").open("a") as file:
            file.write(f"{identity(begun[-1].pid)}\n")

    yield begin
    for process in begun:
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", ["broken", "dead"])
def test_an_agent_that_is_still_giving_its_lock_back_never_removes_the_next_one(start, root, stubborn, how):
    """It waits for the end of a command, which takes a while, and then removes the lock: that has to be its own."""
    holder, breaker, *others = (start(root) for _ in range(4))
    begun(holder)
    stubborn()
    holder.send("finish", TOKEN, "none", "", "-")
    until((root.parent / "told").exists, "the command to be ended")
    if how == "dead":
        kill([holder.process.pid])
    else:
        broken = breaker.send("break", "0a1b")
    asked = [other.send("begin", str(n) * 32, "operation 0c2d", "30", "", "", "") for n, other in enumerate(others)]
    got = [n for n, other in enumerate(others) if other.answer(asked[n]).status == 0]
    if how == "broken":
        breaker.answer(broken)
    holder.process.stdout.read()  # until its request has ended, too
    assert len(got) < 2
    lock = root / ".turnout/lock"
    assert not got or (lock / "token").read_text() == f"{got[0]}" * 32 + "\n"
    assert got or not lock.exists()


def test_what_an_agent_hears_beside_its_requests(agent, root):
    begun(agent)
    agent.say("open '{}'")
    agent.say("""event '{"event": "note"}'""")
    agent.say("beat")
    assert agent.process.stderr.readline() == "beat\n"
    agent.done("ping")
    assert (root / ".turnout/transitions.jsonl").read_text() == "{}\n"
    assert (root / ".turnout/logs/0a1b.jsonl").read_text() == '{"event": "note"}\n'
    reply = agent.done("events", "0")
    assert (reply.of("length"), reply.of("event")) == (["18"], ['{"event": "note"}'])
    assert reply.of("lock-operation") == ["0a1b"]
    assert agent.done("events", "18").of("event") == []


def test_cancel_ends_the_request_that_runs(agent, root):
    begun(agent)
    number = agent.send("with", "verb_slow() { : > $root/started; long sleep 300; }", "slow")
    until((root / "started").exists, "the request to begin")
    agent.say("cancel")
    assert agent.answer(number).status == 143
    agent.done("ping")


def test_then_is_done_only_where_the_request_before_it_was(agent, root):
    begun(agent)
    assert agent.ask("confirm", TOKEN, "=releases/r1").status == 8
    reply = agent.ask("then", "ping")
    assert (reply.status, reply.lines) == (1, ["not done, because an earlier request failed"])
    agent.done("confirm", TOKEN, "=")
    agent.done("then", "ping")


def test_stop_ends_a_command_and_what_it_started(agent):
    running = subprocess.Popen(["sh", "-c", "sleep 300; :"], start_new_session=True)
    try:
        agent.done("stop", str(running.pid))
        assert running.wait(60) == -15
    finally:
        running.kill()
    for odd in ("", "0", "1", "x", "-1"):
        assert agent.ask("stop", odd).lines == [f"not a process: {odd}"]


def test_the_lock_ends_with_its_agent(start, root):
    holder = start(root)
    begun(holder)
    holder.close()
    assert not (root / ".turnout/lock").exists()


def test_who_takes_over_a_dead_lock_claims_the_root_that_was_never_claimed(agent, root):
    dead = subprocess.Popen(["true"])
    dead.wait()
    lock = root / ".turnout/lock"
    lock.mkdir(parents=True)
    (lock / "token").write_text("b\n")
    (lock / "owner").write_text("operation 0c2d\nwho ben@desk\n")
    (lock / "process").write_text(f"{dead.pid} 1-{Path('/proc/sys/kernel/random/boot_id').read_text()}")
    reply = agent.done(*BEGIN)
    assert reply.of("took-operation") == ["0c2d"]
    assert (root / ".turnout/claim").read_text().split()[2:] == ["shop", "production"]


@pytest.mark.parametrize("folder", ["releases", ".turnout", ".turnout/records"])
def test_begin_makes_nothing_through_a_link(agent, root, folder):
    outside = root.parent / "outside"
    outside.mkdir(parents=True)
    (root / folder).parent.mkdir(parents=True)
    os.symlink(outside, root / folder)
    reply = agent.ask(*BEGIN)
    assert reply.status == 5 and f"{root}/{folder} is a link" in reply.lines[0]
    assert not list(outside.iterdir())
