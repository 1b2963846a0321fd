"""Operations on daemon threads that the engine owns: start, follow, cancel, wait."""

from __future__ import annotations

import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

from core.backlog import History
from core.errors import Cancelled, InternalError, QuestionClosed, TurnoutError, UsageError
from core.events import Emit, Event, UploadProgress
from core.questions import Answer, Question, closed

K = TypeVar("K")
T = TypeVar("T")


class Cancel:
    """A request to stop, given once from any thread and looked at by the engine between and during steps."""

    def __init__(self) -> None:
        self._set = threading.Event()
        self._listeners: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def requested(self) -> bool:
        return self._set.is_set()

    def request(self) -> None:
        """Ask to stop; a second call does nothing more. It returns when all who listen were told."""
        _tell(self._begin())

    def request_apart(self) -> None:
        """The same without a wait: who listens may send a word to a server, and is told on a thread of its own."""
        listeners = self._begin()
        if listeners:
            threading.Thread(target=_tell, args=(listeners,), name="cancel", daemon=True).start()

    def _begin(self) -> list[Callable[[], None]]:
        """Note the request; who is to be told of it, nobody where it was noted before."""
        with self._lock:
            if self._set.is_set():
                return []
            self._set.set()
            return list(self._listeners)

    def check(self) -> None:
        """Raise Cancelled where a stop was asked for."""
        if self._set.is_set():
            raise Cancelled("cancelled by the operator")

    def wait(self, seconds: float) -> bool:
        """Wait at most so long; True as soon as a stop was asked for."""
        return self._set.wait(seconds)

    def on_request(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` once when a stop is asked for (at once where it was); returns what takes that back."""
        with self._lock:
            if not self._set.is_set():
                self._listeners.append(listener)

                def remove() -> None:
                    with self._lock:
                        if listener in self._listeners:
                            self._listeners.remove(listener)

                return remove
        listener()
        return lambda: None


def _tell(listeners: Sequence[Callable[[], None]]) -> None:
    """Call all of them, also where one fails; then the first error is raised."""
    errors = []
    for listener in listeners:
        try:
            listener()
        except Exception as error:
            errors.append(error)
    if errors:
        raise errors[0]


class OpenQuestion:
    """A question that waits for its answer: the first one closes it, whoever gives it. From any thread."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._answer: Answer | None = None
        self._changed = threading.Condition()

    @property
    def answer(self) -> Answer | None:
        """The answer that closed it; None while it is open."""
        return self._answer

    def close(self, answer: Answer) -> Answer:
        """Close it with this answer if it is still open; the answer that closed it."""
        with self._changed:
            if self._answer is None:
                self._answer = answer
                self._changed.notify_all()
            return self._answer

    def wait(self, seconds: float) -> Answer | None:
        """Wait for the answer, at most so long; `wake` ends the wait, too."""
        with self._changed:
            if self._answer is None:
                self._changed.wait(seconds)
            return self._answer

    def wake(self) -> None:
        """End all waits: there is something else to look at."""
        with self._changed:
            self._changed.notify_all()


class Questions:
    """The questions of one operation: one is open at a time."""

    def __init__(self) -> None:
        self.asking = threading.Lock()
        """Held while one is open."""
        self._last: OpenQuestion | None = None

    @property
    def open(self) -> Question | None:
        """The question that waits for an answer."""
        last = self._last
        return last.question if last and last.answer is None else None

    def ask(self, question: Question) -> OpenQuestion:
        """Open a question. For the operation itself."""
        self._last = OpenQuestion(question)
        return self._last

    def answer(self, choice: str, by: str, reason: str = "", question: str = "") -> Answer:
        """Answer the open question. `question`: its id, if only that one is meant.

        Raises QuestionClosed, with what happened, where it is closed or not open; UsageError where `by` cannot choose
        that.
        """
        last = self._last
        if last is None or (question and last.question.id != question):
            raise QuestionClosed("this question is not open", hint="nothing was changed")
        refusal = last.question.refusal(choice, by)
        if refusal and last.answer is None:
            raise UsageError(refusal, hint="nothing was changed; the question is still open")
        answer = Answer(last.question.id, choice, by, reason)
        taken = last.close(answer)
        if taken is not answer:
            raise QuestionClosed(closed(taken), hint="nothing was changed")
        return taken


class Controls:
    """What reaches an operation from outside while it runs, from any thread; the operation does not know from where.

    cancel      a request to stop
    questions   what it asks, and the answers
    A new one, which no one else has, is for work that must not be cancelled.
    """

    def __init__(self) -> None:
        self.cancel = Cancel()
        self.questions = Questions()

    @contextmanager
    def linked(self) -> Iterator[Controls]:
        """Controls for steps that stop together: a cancel of these reaches them, a cancel of theirs stays theirs."""
        inner = Controls()
        inner.questions = self.questions
        unlink = self.cancel.on_request(inner.cancel.request)
        try:
            yield inner
        finally:
            unlink()


class Job(Generic[T]):
    """One piece of engine work on its own daemon thread.

    controls  what reaches the work from outside
    events    what was said so far: of UploadProgress the newest of each server, of output the newest lines
    outcome   what the work returned, once `finished`; `error` what it raised instead
    """

    def __init__(self, name: str, work: Callable[[Emit, Controls], T]) -> None:
        self.name = name
        self.controls = Controls()
        self.outcome: T | None = None
        self.error: TurnoutError | None = None
        self._work = work
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._events = History()
        self._progress: dict[str, UploadProgress] = {}
        self._subscribers: list[Emit] = []

    @property
    def finished(self) -> bool:
        return self._done.is_set()

    @property
    def events(self) -> list[Event]:
        with self._lock:
            return [*self._events, *self._progress.values()]

    def start(self) -> Job[T]:
        threading.Thread(target=self._run, name=f"job {self.name}", daemon=True).start()
        return self

    def subscribe(self, subscriber: Emit, *, replay: bool = True) -> Callable[[], None]:
        """Hand every event to `subscriber`, from the engine's threads, first those of before; returns what ends it."""
        with self._lock:
            if replay:
                for event in [*self._events, *self._progress.values()]:
                    subscriber(event)
            self._subscribers.append(subscriber)

        def end() -> None:
            with self._lock:
                if subscriber in self._subscribers:
                    self._subscribers.remove(subscriber)

        return end

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end; False where the time was not enough."""
        return self._done.wait(seconds)

    def result(self) -> T:
        """Wait for the end; what the work returned. Raises what it raised."""
        self._done.wait()
        if self.error is not None:
            raise self.error
        return self.outcome  # type: ignore[return-value]  # set where no error was

    def _emit(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, UploadProgress):
                self._progress[event.server] = event
            else:
                self._events.add(event)
            subscribers = list(self._subscribers)
        for subscriber in subscribers:
            subscriber(event)

    def _run(self) -> None:
        try:
            self.outcome = self._work(self._emit, self.controls)
        except TurnoutError as error:
            self.error = error
        except BaseException as error:  # a bug of ours, whatever it is, must reach the operator, not die on a thread
            self.error = fault(error)
        finally:
            self._done.set()


class Ahead(Generic[T]):
    """Work that is started at once on its own thread, because its result is needed a little later."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._result: T | None = None
        self._error: TurnoutError | None = None
        self._work = work
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    @property
    def finished(self) -> bool:
        """Whether `get` would not wait."""
        return not self._thread.is_alive()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the end, however it ends, at most so long; whether `get` would not wait now."""
        self._thread.join(seconds)
        return self.finished

    def get(self) -> T:
        """Wait for the result. Raises what the work raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error.again()
        return self._result  # type: ignore[return-value]  # set where no error was

    def _run(self) -> None:
        try:
            self._result = self._work()
        except TurnoutError as error:
            self._error = error
        except BaseException as error:  # a bug of ours, whatever it is, must reach the operator, not die on a thread
            self._error = fault(error)


def several(work: Callable[[K], T], items: Iterable[K], most: int) -> list[T]:
    """What `work` gives for each item, in their order; up to `most` of them at a time, on daemon threads.

    Raises what it raises for one: no other is begun then, and those under way are waited for.
    """
    waiting = deque(enumerate(items))
    results: dict[int, T] = {}

    def take() -> None:
        while True:
            try:
                number, item = waiting.popleft()
            except IndexError:
                return
            try:
                results[number] = work(item)
            except BaseException:
                waiting.clear()
                raise

    workers = [Ahead(take) for _ in range(min(most, len(waiting)))]
    for worker in workers:
        worker.wait()
    for worker in workers:
        worker.get()
    return [results[number] for number in range(len(results))]


def fault(error: BaseException) -> TurnoutError:
    """An error that nothing expected, as one that a person can report; call it while the error is handled."""
    return InternalError(
        f"a bug in Turnout: {error!r}", detail=traceback.format_exc(), hint="please report it with these lines"
    )
