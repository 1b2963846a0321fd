"""Operators by the hundred: the `turnout` command in processes to kill, forked from one that has loaded everything."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.waiting import PATIENCE, until

PROGRAM = """
import json, os, sys
import core.checks, core.config, core.hooks, core.operations, core.operations.verify, core.remote.session, core.source
import tui.cli.arguments, tui.cli.output, tui.cli.following, tui.cli.run
from tui.cli import main

for line in sys.stdin:
    words, said, complaints = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 1)
        os.dup2(os.open(complaints, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 2)
        status = 70
        try:
            status = main(words)
            sys.stdout.flush()
        finally:
            os._exit(status)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Operators:
    """Runs one command after the other, each in a process of its own; `close` ends them."""

    def __init__(self, folder: Path, name: str = "operator") -> None:
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
        self._mother.stdin.write(json.dumps([command, str(self.said), str(self.complaints)]) + "\n")
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
        def found():
            return [e for e in self.events() if e.get("event") == name and all(e.get(k) == v for k, v in facts.items())]

        return until(found, f"the event {name} {facts} in {self.said}")[0]

    def signal(self, number: int = signal.SIGKILL) -> None:
        """Send a signal; one that has ended meanwhile is not there to hear it."""
        with suppress(ProcessLookupError):
            os.kill(self.child, number)

    def end(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        self.child, status = 0, int(self._mother.stdout.readline())
        return status

    def close(self) -> None:
        if self.child:
            self.signal()
        self._mother.stdin.close()
        self._mother.wait(PATIENCE)
        self._mother.stdout.close()
