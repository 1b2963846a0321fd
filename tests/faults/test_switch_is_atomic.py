"""Thousands of switches while others read through `current`: it is never absent, and never a mixture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from core import DeployRequest
from core.protocol.requests import Settles
from core.records import Lock
from core.remote.held import Held

NAMES = [f"folder/file{number}" for number in range(5)]
TOKEN = "a" * 32

READER = """
import json, os, sys, threading
root, names = sys.argv[1], sys.argv[2:]
current = os.path.join(root, "current")
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
rounds, faults, seen, changes, before = 0, [], set(), 0, ""
while not over.is_set():
    rounds += 1
    try:
        os.readlink(current)
        for name in names:
            with open(os.path.join(current, name)) as file:
                file.read()
        folder = os.open(current, os.O_RDONLY | os.O_DIRECTORY)
        texts = []
        for name in names:
            with open(os.open(name, os.O_RDONLY, dir_fd=folder)) as file:
                texts.append(file.read())
        os.close(folder)
        real = os.path.realpath(current)
        texts_there = [open(os.path.join(real, name)).read() for name in names]
        if len(set(texts)) != 1 or len(set(texts_there)) != 1:
            faults.append(f"a mixture: {texts} {texts_there}")
        seen |= set(texts)
        changes += texts[0] != before
        before = texts[0]
    except OSError as error:
        faults.append(repr(error))
print(json.dumps({"rounds": rounds, "faults": faults[:10], "seen": sorted(seen), "changes": changes}))
"""


class Reader:
    """A process that reads several files through `current` again and again."""

    def __init__(self, root) -> None:
        words = [sys.executable, "-W", "ignore", "-c", READER, str(root), *NAMES]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> dict:
        return json.loads(self._process.communicate("")[0])


def switch_many(sshd, facts, switches: int) -> list[dict]:
    """Switch back and forth under one lock while two readers look; what they saw."""
    facts.do(DeployRequest(tag="one"))
    facts.sample.commit(dict.fromkeys(NAMES, "two\n"))
    facts.do(DeployRequest(tag="two"))
    fleet = facts.fleet()
    session = fleet.open("web")
    held = Held.take(session, TOKEN, Lock(operation="switches", kind="deploy", who="ana@laptop", since=1.0))
    live, other = "two", "one"
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(sshd.files)) for _ in range(2)]
        for number in range(switches):
            held.switch(other, f"releases/{live}", f'{{"what": "switch", "number": {number}}}')
            live, other = other, live
            if number % 100 == 0:
                held.sign_of_life()
        seen = [reader.end() for reader in readers]
    held.finish(Settles.NONE, "{}")
    fleet.close()
    assert os.readlink(sshd.files / "current") == f"releases/{live}"
    return seen


def judge(seen: list[dict]) -> None:
    for reader in seen:
        assert reader["faults"] == []
        assert reader["seen"] == ["one\n", "two\n"]
        assert reader["changes"] > 10, "it read while nothing happened"


@pytest.fixture
def facts(sshd, project_factory, truth):
    return truth(project_factory([sshd], files=dict.fromkeys(NAMES, "one\n")), [sshd])


@pytest.mark.slow
def test_no_read_fails_and_none_is_mixed_during_a_thousand_switches(sshd, facts):
    judge(switch_many(sshd, facts, 1000))


@pytest.mark.soak
def test_soak_ten_thousand_switches(sshd, facts, capsys):
    switches = int(os.environ.get("FAULTS_SWITCHES") or 10_000)
    seen = switch_many(sshd, facts, switches)
    judge(seen)
    with capsys.disabled():
        print(f"\n{switches} switches, read in {[reader['rounds'] for reader in seen]} rounds")
