"""Operators by the hundred: the `turnout` command, to be stopped and killed."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.forked import Forked, forker
from tests.processes import state_of
from tests.waiting import until

WRONG_CLOCK = "now = time.time; time.time = lambda: now() + {}"
IMPATIENT = "Held = core.remote.held.Held; Held.take = functools.partial(Held.take, patience={})"


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
        self._running: Forked | None = None

    def start(self, project, *words: str) -> None:
        """Start `turnout WORDS --json` for a project."""
        first = [WRONG_CLOCK.format(self.clock)] if self.clock else []
        if self.patience:
            first.append(IMPATIENT.format(self.patience))
        command = [*words, "--config", str(project.config), "--json"]
        self.said.unlink(missing_ok=True)
        with self.said.open("w") as out, self.complaints.open("w") as err:
            self._running = forker().start(command, Path.cwd(), out, err, "\n".join(first))

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
        assert self._running
        self._running.signal(number)

    def stop(self) -> None:
        """SIGSTOP: it does nothing any more, and its connections stay. One that has ended meanwhile is not there."""
        self.signal(signal.SIGSTOP)
        running = self._running
        until(lambda: state_of(running.pid) in "TZX", "the operator to stand still")

    def go_on(self) -> None:
        self.signal(signal.SIGCONT)

    @property
    def operation(self) -> str:
        """The id of the operation that it has begun; "" for none yet."""
        return next((event["operation"] for event in self.events() if event.get("operation")), "")

    def end(self) -> int:
        """Wait for its end; its exit status, negative for a signal."""
        assert self._running
        running, self._running = self._running, None
        return running.wait()

    def close(self) -> None:
        if self._running:
            self.signal()  # also one that stands still ends by this one
            self.end()
