"""Operators by the hundred: the `turnout` command in processes to kill, forked from one that has loaded everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.processes import state_of
from tests.waiting import PATIENCE, until

PROGRAM = """
import functools, json, os, sys, time
import core.checks.command, core.checks.http, core.hooks.command, core.hooks.webhook
import core, core.config, core.operations.verify, core.remote.held, core.source
import tui.cli.arguments, tui.cli.output, tui.cli.following, tui.cli.run
from tui.cli import main

[getattr(core, name) for name in core.__all__]  # loaded before the fork

Held, now = core.remote.held.Held, time.time
for line in sys.stdin:
    words, said, complaints, clock, patience = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        status = 70
        time.time = lambda: now() + clock
        if patience:
            Held.take = functools.partial(Held.take, patience=patience)
        try:
            status = main(words)
            sys.stdout.flush()
        finally:
            os._exit(status)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


CLOCKS = (0.0, 0.0, -3600.0, 3600.0, -40 * 86400.0, 400 * 86400.0)
"""Seconds by which an operator's clock may be wrong."""


@contextmanager
def clock_wrong_by(seconds: float) -> Iterator[None]:
    """Let the engine, where it runs in this process, take what time it is from a clock that is wrong."""
    now = time.time
    time.time = lambda: now() + seconds
    try:
        yield
    finally:
        time.time = now


class Operators:
    """Runs one command after the other, each in a process of its own; `close` ends them.

    clock     seconds by which the clock of the commands that start from now on is wrong
    patience  seconds without a sign of life after which a server gives their locks back; 0: as many as usual
    """

    def __init__(self, folder: Path, name: str = "operator") -> None:
        self.clock = 0.0
        self.patience = 0
        self.said = folder / f"{name}.jsonl"
        self.complaints = folder / f"{name}.err"
        self.child = 0
        self._mother = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, project, *words: str) -> None:
        """Start `turnout WORDS --json` for a project."""
        command = [*words, "--config", str(project.config), "--json"]
        self.said.unlink(missing_ok=True)
        order = [command, str(self.said), str(self.complaints), self.clock, self.patience]
        self._mother.stdin.write(json.dumps(order) + "\n")
        self._mother.stdin.flush()
        self.child = int(self._mother.stdout.readline())

    def events(self) -> list[dict]:
        """What it has said so far; a line that is not whole yet is left out."""
        text = self.said.read_text() if self.said.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def said_phase(self, name: str) -> bool:
        """Whether a phase of this name has begun, or the command has ended."""
        events = self.events()
        return any(e["event"] == "result" or (e["event"] == "phase-started" and e["phase"] == name) for e in events)

    def await_event(self, name: str, **facts) -> dict:
        def heard():
            return [e for e in self.events() if e.get("event") == name and all(e.get(k) == v for k, v in facts.items())]

        return until(heard, f"the event {name} {facts} in {self.said}")[0]

    def signal(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; one that has ended meanwhile is not there to hear it."""
        with suppress(ProcessLookupError):
            os.kill(self.child, number)

    def stop(self) -> None:
        """SIGSTOP: it does nothing any more, and its connections stay. One that has ended meanwhile is not there."""
        self.signal(signal.SIGSTOP)
        until(lambda: state_of(self.child) in "TZX", "the operator to stand still")

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    @property
    def operation(self) -> str:
        """The id of the operation that it has begun; "" for none yet."""
        return next((event["operation"] for event in self.events() if event.get("operation")), "")

    def end(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        self.child, status = 0, int(self._mother.stdout.readline())
        return status

    def close(self) -> None:
        if self.child:
            self.signal()  # also one that stands still ends by this one
        self._mother.stdin.close()
        self._mother.wait(PATIENCE)
        self._mother.stdout.close()
