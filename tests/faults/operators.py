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

STOPS_AT = """
import core.operations.run, os, signal, threading
emit, once = core.operations.run.Run.emit, threading.Lock()
def emit_and_stop(self, event):
    emit(self, event)
    row = event.to_json()
    if all(row.get(key) == value for key, value in {}.items()) and once.acquire(blocking=False):
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
core.operations.run.Run.emit = emit_and_stop
"""
STOPS_IN_THE_SWITCH = """
import core.remote.held, os, signal, threading
switch, first = core.remote.held.Held.switch, threading.Event()
def in_turn(self, *words):
    if self.name != {0!r}:
        first.wait()
    switch(self, *words)
    if self.name == {0!r}:
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        first.set()
core.remote.held.Held.switch = in_turn
"""

STOPPED_FOR = "import core.remote.held; core.remote.held.SURE = {}\n"
LONG, A_MOMENT = STOPPED_FOR.format(-1.0), STOPPED_FOR.format(1e9)
"""For an operator that stops: what it knows of its locks is from long ago then, or from a moment ago."""


def stops_at(**facts: object) -> str:
    """Python with which an operator stops itself when it has said such an event for the first time."""
    return STOPS_AT.format(facts)


def stops_in_the_switch(server: str) -> str:
    """The same when this server has switched; the others' switches come after that."""
    return STOPS_IN_THE_SWITCH.format(server)


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

    def start(self, project, *words: str, first: str = "") -> None:
        """Start `turnout WORDS --json` for a project. `first` is Python that its process runs before."""
        begin = [first] if first else []
        if self.clock:
            begin.append(WRONG_CLOCK.format(self.clock))
        if self.patience:
            begin.append(IMPATIENT.format(self.patience))
        command = [*words, "--config", str(project.config), "--json"]
        self.said.unlink(missing_ok=True)
        with self.said.open("w") as out, self.complaints.open("w") as err:
            self._running = forker().start(command, Path.cwd(), out, err, "\n".join(begin))

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
        self.await_stop()

    def await_stop(self) -> None:
        """Wait until it does nothing any more, by its own doing (`stops_at`) or because it was stopped."""
        running = self._running
        assert running
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
