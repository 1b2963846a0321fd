"""Interruptions, locks, drift and host keys in words: nothing from a server reaches the terminal raw."""

import json
from dataclasses import replace

from core.drift import Drift
from core.records import JournalLine, Lock, ServerState
from core.recovery import Before, Interruption
from tui.cli.troubles import (
    CHANGED,
    KNOWN,
    PATHS_SHOWN,
    HostKey,
    drift_lines,
    drift_rows,
    hints,
    interruption_lines,
    interruption_row,
    key_lines,
    key_rows,
    lock_lines,
    lock_rows,
)

FOUND = Interruption(
    operation="0a1b",
    kind="deploy",
    who="ana@ci",
    time=1000.0,
    phase="switch",
    tag="two",
    switched={"web1": Before(tag="one", target="releases/one"), "web2": Before(tag="", target="")},
    waiting=("web3",),
)
LOCK = Lock(operation="0a1b", kind="deploy", who="ana\x1b[31m@ci", since=1000.0, age=240.0, silence=3.0, phase="upload")


def state(name: str, lock: Lock | None = None) -> ServerState:
    return ServerState(server=name, root="/srv/shop", lock=lock)


def test_an_interruption_says_what_is_live_where():
    assert interruption_lines(FOUND, 1240.0) == [
        "interrupted deploy 4 min ago by ana@ci: web1, web2 switched; web3 not",
        "  web1: two is live, before it one",
        "  web2: two is live, before it nothing",
        "  web3: not switched",
    ]
    row = interruption_row(FOUND, 1240.0)
    assert row["event"] == "interruption" and row["switched"] == {"web1": "one", "web2": ""}
    assert json.loads(json.dumps(row)) == row


def test_hints_name_the_command_that_helps():
    lines, rows = hints([state("web1", LOCK)], "production", 1240.0)
    assert lines[0].endswith("turnout watch production") and rows[0]["event"] == "lock"
    journal = (JournalLine(what="begin", operation="0a1b", kind="deploy", who="ana@ci", time=1000.0),)
    lines, rows = hints([replace(state("web1"), transitions=journal)], "production", 1240.0)
    assert (
        lines == ["interrupted deploy 4 min ago by ana@ci: nothing was switched -> turnout recover production"]
        and rows[0]["operation"] == "0a1b"
    )
    assert hints([state("web1")], "production", 1240.0) == ([], [])


def test_locks_tell_a_living_owner_from_a_dead_one():
    states = {"web1": state("web1", LOCK), "db": state("db", replace(LOCK, alive=False)), "web3": state("web3")}
    living, dead, none = lock_lines(states)
    assert living.startswith("web1  ana@ci: deploy since 00:16:40 UTC (240 s ago), now in upload; last sign of life")
    assert living.endswith("operation 0a1b")
    assert dead.endswith("its process is gone: the next operation takes the lock over")
    assert none == "web3  not locked"
    assert [(row["server"], row["alive"]) for row in lock_rows(states)] == [("web1", True), ("db", False)]


def test_drift_is_cut_for_people_and_whole_for_programs():
    many = Drift(changed=(b"a\x1b[2Jb",), added=tuple(b"new%d" % n for n in range(PATHS_SHOWN)))
    lines = drift_lines({"web1": many, "web10": Drift()}, ["web2"], "one")
    assert lines[0] == f"web1   1 changed, {PATHS_SHOWN} added"
    assert lines[1] == r"  changed  a\x1b[2Jb"
    assert lines[-3:] == [
        "  and 1 path more; --json lists all",
        "web10  as deployed",
        "web2   does not have the files of one",
    ]
    assert len(lines) == PATHS_SHOWN + 4
    whole, clean, without = drift_rows({"web1": many, "web10": Drift()}, ["web2"], "one")
    assert len(whole["added"]) == PATHS_SHOWN and clean["changed"] == []
    assert without == {"event": "drift", "server": "web2", "tag": "one", "present": False}


def test_host_keys_are_columns_with_their_standing():
    keys = [
        HostKey(
            servers=("web1", "web2"), standing=KNOWN, host="[10.0.0.1]:2222", type="ssh-ed25519", fingerprint="SHA256:x"
        ),
        HostKey(servers=("db",), standing=CHANGED),
    ]
    known, changed = key_lines(keys)
    assert known == "web1, web2  [10.0.0.1]:2222  ssh-ed25519  SHA256:x  known"
    assert changed.startswith("db ") and changed.endswith("REFUSED: it is not the recorded key")
    assert [row["standing"] for row in key_rows(keys)] == ["known", "changed"]
    assert key_lines([]) == []
