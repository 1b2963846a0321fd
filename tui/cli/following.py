"""Engine work as a job that the command follows: its events are said, and signals become its cancel."""

from __future__ import annotations

import math
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from core.backlog import Valve
from core.errors import Cancelled, NeedsPerson, TurnoutError
from core.events import Emit, Event, UploadProgress
from core.jobs import Controls, Job
from core.questions import Question
from tui.cli.output import Output

if TYPE_CHECKING:
    from tui.cli.typed import TypedAnswers

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_END = None

TYPED_EVERY = 0.2
"""Seconds between looks at what was typed."""
APART = 1.0
"""Seconds between two signals that are two wishes: a held key, or one that is hit again and again, is one."""
LEFT_AFTER = 30.0
"""Seconds without a word from the engine after which a cancel that was asked for twice is waited for no longer."""


class Follower:
    """Runs one job after the other on the engine's thread while the main thread speaks and listens.

    While it is entered a signal only puts a word into the queue that events go through as well: the handler may
    interrupt the main thread anywhere, also where it holds a lock, so it must not do more. Signals that were
    ignored when the process started (nohup) stay ignored.

    is_last   the process ends after it: signals that come then, when how it ended is said already, do nothing
    """

    def __init__(self, output: Output, *, is_last: bool = False) -> None:
        self._output = output
        self._is_last = is_last
        self._queue: SimpleQueue[Event | signal.Signals | None] = SimpleQueue()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Follower:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items() if not self._is_last else ():
            signal.signal(number, handler)

    def run(
        self,
        name: str,
        work: Callable[[Emit, Controls], T],
        *,
        patient: bool = True,
        answer: Callable[[Controls, str, Question], None] | None = None,
    ) -> T:
        """What the work returns; raises what it raises.

        patient  wait for the end of cancelled work, because it puts things back; without it (work that changes
                 nothing) a signal raises Cancelled at once
        answer   gives what a person types at a question of the operation; None: nobody can type
        """

        def work_and_end(emit: Emit, controls: Controls) -> T:
            try:
                return work(emit, controls)
            finally:
                self._queue.put(_END)

        job = Job(name, work_and_end)
        valve = Valve()

        def hear(event: Event) -> None:
            for admitted in valve.admit(event):
                self._queue.put(admitted)

        job.subscribe(hear)
        typed = self._typed(job, answer) if answer else None
        job.start()
        wishes = _Wishes()
        ended = False
        while not ended:
            items = self._next(min(wishes.patience, TYPED_EVERY) if typed else wishes.patience)
            ended = _END in items
            heard = [item for item in items if isinstance(item, Event)]
            valve.taken(heard)
            self._output.events(_newest_progress(heard))
            if heard:
                wishes.heard()
            if typed:
                for event in heard:
                    typed.hear(event)
                typed.look()
            for _ in range(sum(isinstance(item, signal.Signals) for item in items)):
                if wishes.add():
                    self._cancel(job, patient, wishes.number)
            if wishes.leave and not ended:
                raise self._left()
        return job.result()

    def _typed(self, job: Job[Any], answer: Callable[[Controls, str, Question], None]) -> TypedAnswers:
        """Answers that are typed at the questions of this job; what is wrong with one is said."""
        from tui.cli.typed import TypedAnswers  # only at a terminal

        def take(choice: str, question: Question) -> None:
            try:
                answer(job.controls, choice, question)
            except TurnoutError as error:
                self._output.error(error)

        return TypedAnswers(take, self._output.say)

    def answer(self, ask: Callable[[], None]) -> str:
        """What a person answers to what `ask` shows, without white space around it; "" at the end of input.

        Raises Cancelled at a signal, also at one that came since the last job.
        """
        try:
            # Before the question is seen: a Ctrl-C that meets the other handler would not end the reading.
            with self._interruptible():
                if self._signalled():
                    raise KeyboardInterrupt
                ask()
                return sys.stdin.readline().strip()
        except KeyboardInterrupt:
            self._output.say([""])
            raise Cancelled("cancelled at the question", hint="nothing was changed") from None

    def _heard(self, number: int, frame: FrameType | None) -> None:
        self._queue.put(signal.Signals(number))

    def _next(self, patience: float) -> list[Event | signal.Signals | None]:
        """What has come since the last call; nothing only where nothing came for `patience` seconds."""
        items: list[Event | signal.Signals | None] = []
        until = time.monotonic() + patience
        while not items and time.monotonic() < until:
            # The time limit is for systems that hand a signal to another thread, which does not wake this one.
            try:
                items.append(self._queue.get(timeout=0.2))
                while True:
                    items.append(self._queue.get_nowait())
            except Empty:
                continue
        return items

    def _signalled(self) -> bool:
        """Whether a signal is in the queue, which is empty then."""
        signalled = False
        while True:
            try:
                signalled |= isinstance(self._queue.get_nowait(), signal.Signals)
            except Empty:
                return signalled

    def _cancel(self, job: Job[T], patient: bool, wish: int) -> None:
        if not patient:
            job.controls.cancel.request_apart()
            raise Cancelled("cancelled by the operator", hint="nothing was changed")
        said = [self._output.narrator.cancelling(again=wish > 1)]
        if wish == 2:
            said.append(f"a third signal, or {LEFT_AFTER:g} s without progress, exits without waiting for this")
        self._output.say(said)
        job.controls.cancel.request_apart()

    def _left(self) -> NeedsPerson:
        """What is true where the end of a cancelled operation is not waited for."""
        narrator = self._output.narrator
        return NeedsPerson(
            "left before everything was put back",
            detail=f"still under way: {narrator.whereabouts}" if narrator.whereabouts else "",
            hint="each server's agent cleans up and unlocks once this process is gone; then run "
            f"`turnout recover{f' {narrator.environment}' if narrator.environment else ''}` "
            "to see which release is live on each server",
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Every signal raises KeyboardInterrupt, as long as a person is asked: a line is being waited for."""
        for number in self._before:
            signal.signal(number, signal.default_int_handler)
        try:
            yield
        finally:
            for number in self._before:
                signal.signal(number, self._heard)


class _Wishes:
    """How often a person has asked to stop, and since when nothing was heard."""

    def __init__(self) -> None:
        self.number = 0
        self._last = -math.inf
        self._quiet_since = time.monotonic()

    def add(self) -> bool:
        """A signal came; False where it belongs to the wish before."""
        now = time.monotonic()
        if now - self._last < APART:
            return False
        self._last = self._quiet_since = now
        self.number += 1
        return True

    def heard(self) -> None:
        """The engine said something: it is not stuck."""
        self._quiet_since = time.monotonic()

    @property
    def patience(self) -> float:
        """Seconds to wait for the engine's next word."""
        return self._quiet_since + LEFT_AFTER - time.monotonic() if self.number > 1 else math.inf

    @property
    def leave(self) -> bool:
        return self.number > 2 or self.patience <= 0


def _newest_progress(events: list[Event]) -> list[Event]:
    """The events without uploads' progress that a later one of the same server replaces."""
    newest = {event.server: event for event in events if isinstance(event, UploadProgress)}
    return [e for e in events if not isinstance(e, UploadProgress) or newest[e.server] is e]
