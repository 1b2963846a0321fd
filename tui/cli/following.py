"""Engine work as a job that the command follows: its events are said, and signals become its cancel."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType, TracebackType
from typing import Any, TypeVar

from core.errors import Cancelled
from core.events import Emit, Event, UploadProgress
from core.jobs import Cancel, Job
from tui.cli.output import Output

T = TypeVar("T")

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_END = None


class Follower:
    """Runs one job after the other on the engine's thread while the main thread speaks and listens.

    While it is entered a signal only puts a word into the queue that events go through as well: the handler may
    interrupt the main thread anywhere, also where it holds a lock, so it must not do more. Signals that were
    ignored when the process started (nohup) stay ignored.
    """

    def __init__(self, output: Output) -> None:
        self._output = output
        self._queue: SimpleQueue[Event | signal.Signals | None] = SimpleQueue()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Follower:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._heard)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, name: str, work: Callable[[Emit, Cancel], T], *, patient: bool = True) -> T:
        """What the work returns; raises what it raises.

        patient  wait for the end of cancelled work, because it puts things back; without it (work that changes
                 nothing) a signal raises Cancelled at once
        """

        def work_and_end(emit: Emit, cancel: Cancel) -> T:
            try:
                return work(emit, cancel)
            finally:
                self._queue.put(_END)

        job = Job(name, work_and_end)
        job.subscribe(self._queue.put)
        job.start()
        ended = False
        while not ended:
            items = self._next()
            ended = _END in items
            self._output.events(_newest_progress([item for item in items if isinstance(item, Event)]))
            for _ in range(sum(isinstance(item, signal.Signals) for item in items)):
                self._cancel(job, patient)
        return job.result()

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

    def _next(self) -> list[Event | signal.Signals | None]:
        """What has come since the last call, at least one item."""
        items: list[Event | signal.Signals | None] = []
        while not items:
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
        found = False
        while True:
            try:
                found |= isinstance(self._queue.get_nowait(), signal.Signals)
            except Empty:
                return found

    def _cancel(self, job: Job[T], patient: bool) -> None:
        if not patient:
            job.cancel.request()
            raise Cancelled("cancelled by the operator", hint="nothing was changed")
        self._output.say([self._output.narrator.cancelling(again=job.cancel.requested)])
        job.cancel.request()

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


def _newest_progress(events: list[Event]) -> list[Event]:
    """The events without uploads' progress that a later one of the same server replaces."""
    newest = {event.server: event for event in events if isinstance(event, UploadProgress)}
    return [e for e in events if not isinstance(e, UploadProgress) or newest[e.server] is e]
