"""What all operations share: events with their id, phases with their time, locks taken and given back."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

from msgspec.structs import asdict, replace

from core.errors import EXIT_DONE, EXIT_FAILED, Cancelled, FleetError, LockLost, TurnoutError, outcome_of
from core.events import (
    IN_USE,
    Answered,
    Emit,
    Event,
    LeftOut,
    Note,
    PhaseFinished,
    PhaseStarted,
    Pruned,
    kept,
    server_failed,
)
from core.fleet import Fleet, Outcome, at_once
from core.jobs import Cancel, Controls
from core.masking import Masking
from core.operations.asking import Waiting, ask
from core.operations.heartbeat import Heartbeat
from core.plan import Plan
from core.protocol.answers import Removed
from core.protocol.requests import ANYWHERE, Settles
from core.questions import Answer, Choice, Question
from core.records import LEFT_OUT, Lock, Record
from core.remote.held import Held
from core.remote.session import Session
from core.site import OperatorSite, ServerSite
from core.strategy import Batch

T = TypeVar("T")


def masked(event: Event, mask: Masking, **changes: Any) -> Event:
    """The event with every text masked in what it says, and with these changes."""
    if mask.longest:
        texts = {name: getattr(event, name) for name in event.__struct_fields__ if name != "operation"}
        changes = {name: mask.all(value) for name, value in texts.items()} | changes
    return replace(event, **changes)


def cancelled_by(error: BaseException | None) -> dict[str, bool]:
    """What the journals' end tells of an operation beyond its outcome: that a person cancelled it, if so."""
    cancelled = isinstance(error, TurnoutError) and outcome_of(error) == "cancelled"
    return {"cancelled": True} if cancelled else {}


class Run:
    """One operation on its way.

    id      the operation's id in events and journals
    hooks   False: no hook runs, but those that make a release
    """

    def __init__(
        self,
        fleet: Fleet,
        kind: str,
        emit: Emit,
        reason: str = "",
        *,
        despite_freeze: bool = False,
        hooks: bool = True,
    ) -> None:
        self.fleet = fleet
        self.kind = kind
        self.id = secrets.token_hex(6)
        self.who = fleet.project.mask(fleet.project.settings.who)
        self.reason = reason
        self.despite_freeze = despite_freeze
        self.hooks = hooks
        self.plan: Plan | None = None
        """What is carried out, once that is known."""
        self.facts: dict[str, Any] = {}
        """What the journals' end tells of the operation as a whole: what it sent, in how many batches."""
        self._phases: dict[str, tuple[float, float]] = {}
        self.began = time.time()
        self._ended = 0.0
        self._token = secrets.token_hex(16)
        self._held: dict[str, Held] = {}
        self.warnings: list[str] = []
        self.left_out: dict[str, str] = {}
        """Servers that take no part (any more), and why: what is done on all is not done there."""
        self.failed: dict[str, TurnoutError] = {}
        """What happened on those where it could not begin."""
        self.heartbeat = Heartbeat(self.id)
        self._emit = emit
        self._guard = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The servers that take part."""
        return tuple(name for name in self.fleet.names if name not in self.left_out)

    def emit(self, event: Event) -> None:
        """Hand on an event with this operation's id, secrets masked."""
        event = masked(event, self.fleet.project.mask, operation=self.id)
        if isinstance(event, Answered):
            self._note_answer(event)
        self.heartbeat.add(event)
        self._emit(event)

    def _note_answer(self, event: Answered) -> None:
        answer = {name: getattr(event, name) for name in ("kind", "choice", "by", "reason", "seconds")}
        self.facts["answers"] = [*self.facts.get("answers", ()), answer]

    def warn(self, text: str, server: str = "") -> None:
        """Warn of something that does not make the operation fail."""
        self._warn(Note(server=server, text=text, level="warning"))

    def _warn(self, note: Note) -> None:
        with self._guard:
            self.warnings.append(f"{note.server}: {note.text}" if note.server else note.text)
        self.emit(note)

    def held(self, server: str) -> Held:
        """A server under its lock. LockLost where this operation does not hold it any more."""
        held = self._held.get(server)
        if held is None:
            raise LockLost("the lock is no longer held", server=server)
        return held

    def let_go(self, server: str) -> None:
        """Note that a server's lock is no longer ours: it was given back, or lost."""
        self._held.pop(server, None)

    def holds(self, server: str) -> bool:
        """Whether this operation holds a server's lock, as far as it knows."""
        return server in self._held

    def leave_out(self, name: str, phase: str, why: str) -> None:
        """Go on without a server; everybody who follows hears why."""
        self.left_out[name] = why
        with self._guard:
            self.warnings.append(f"{name}: left out: {why}")
        self.emit(LeftOut(server=name, phase=phase, why=why))

    def session(self, server: str) -> Session:
        return self.fleet.session(server)

    def site(self, server: str, cancel: Cancel) -> ServerSite:
        """Where hooks and checks run on a server; under this operation's lock where it holds that."""
        held = self._held.get(server)
        token = held.token if held else ""
        return ServerSite(server, self.emit, cancel, self.fleet.project.mask, self.session(server), token)

    def operator_site(self, cancel: Cancel) -> OperatorSite:
        """Where hooks run on this machine."""
        project = self.fleet.project
        return OperatorSite("", self.emit, cancel, project.mask, project.settings.environ, project.keeper.value)

    @contextmanager
    def phase(self, name: str, server: str = "", *, tell: Emit | None = None) -> Iterator[None]:
        """A phase of a server or of the fleet: its events, and its name in errors that leave it.

        tell   takes the events instead of `emit`
        """
        tell = tell or self.emit
        began = time.monotonic()
        tell(PhaseStarted(server=server, phase=name))
        with self._guard:
            self._phases.setdefault(name, (began, began))
        outcome = "failed"
        try:
            with self.fleet.project.settings.measured(name, server):
                yield
            outcome = "ok"
        except Cancelled as error:
            outcome = "cancelled"
            raise error.at(server=server, phase=name) from None
        except FleetError:
            raise
        except TurnoutError as error:
            error.at(server=server, phase=name)
            tell(server_failed(server, name, error))
            raise
        finally:
            ended = time.monotonic()
            with self._guard:
                self._phases[name] = self._phases[name][0], ended
            tell(PhaseFinished(server=server, phase=name, seconds=ended - began, outcome=outcome))

    def on_all(self, step: Callable[[str], T], servers: Iterable[str] | None = None) -> Outcome[T]:
        """Run a step on all servers at once (or on some) and wait for all."""
        return at_once(self.names if servers is None else servers, step)

    def all_or_stop(
        self, step: Callable[[str, Controls], T], controls: Controls, servers: Iterable[str] | None = None
    ) -> Outcome[T]:
        """Like on_all, but the first server that fails makes the others stop: what they do would be undone anyway.

        step   gets the controls that stop it then
        The errors are those of servers that failed by themselves; one that was stopped is in neither list.
        """
        with controls.linked() as inner:

            def guarded(name: str) -> T:
                try:
                    return step(name, inner)
                except TurnoutError:
                    inner.cancel.request()
                    raise

            outcome = self.on_all(guarded, servers)
        failed = {name: error for name, error in outcome.errors.items() if not isinstance(error, Cancelled)}
        return Outcome(outcome.results, failed or outcome.errors)

    def ask(self, question: Question, controls: Controls) -> Answer:
        """Ask a person and wait: the answer, or the question's default (`by` is "") at its deadline. Raises Cancelled.

        `asking` is for what goes on meanwhile.
        """
        with self.asking(question, controls) as waiting:
            return waiting.until_closed()

    def asking(self, question: Question, controls: Controls) -> AbstractContextManager[Waiting]:
        """Ask a question for as long as a block runs; see asking.ask."""
        mask = self.fleet.project.mask
        choices = tuple(Choice(choice.name, mask(choice.text)) for choice in question.choices)
        question = replace(question, text=mask(question.text), choices=choices, asker=self.who)
        return ask(question, controls, self.emit, self.heartbeat, self._held, self._tell_waiting)

    def _tell_waiting(self, question: Question, is_open: Callable[[], bool]) -> None:
        """Tell people of a question; see notifications.tell_waiting."""
        if self.fleet.project.notify:
            from core.operations.notifications import tell_waiting  # few projects have any

            tell_waiting(self, question, self.plan, is_open)

    def open(
        self,
        tag: str,
        record: Record | None,
        order: Sequence[Batch] = (),
        own: Mapping[str, tuple[str, Record | None]] | None = None,
        stay: Collection[str] = (),
    ) -> None:
        """Write into every server's journal what is about to become live: all that is known if this process dies.

        order   the batches in which servers switch, where that is not all at once
        own     by server that goes to another release: that one, and its record
        stay    servers that stay as they are: nothing is about to happen there
        """
        own, names = own or {}, tuple(name for name in self.names if name not in stay)

        def line(tag: str, record: Record | None) -> str:
            facts: dict[str, Any] = {"tag": tag, "servers": names}
            if order:
                facts["order"] = order
            if self.left_out:
                facts["left_out"] = sorted(self.left_out)
            if own:
                facts["each"] = True
            if record:
                facts["record"] = asdict(replace(record, subject=record.subject[:200], author=record.author[:100]))
            return self.journal("begin", **facts)

        most = line(tag, record)
        lines = {name: line(*other) for name, other in own.items()}
        self.on_all(lambda name: self.held(name).note(lines.get(name, most)), names).unwrap("begin")

    def give_back(self, outcome: str, error: BaseException | None = None) -> dict[str, TurnoutError]:
        """Unlock every server that is locked, with a line in its journal; what failed there, by server.

        outcome  "" where it did not begin, which needs no line
        """
        code = getattr(error, "exit_code", EXIT_FAILED) if error else EXIT_DONE

        def unlock(name: str) -> None:
            line = self.journal("end", outcome=outcome, exit_code=code, **cancelled_by(error)) if outcome else ""
            self.conclude(name, Settles.OWN, line)

        return dict(self.on_all(unlock, sorted(self._held)).errors)

    @contextmanager
    def or_give_back(self, outcome: str) -> Iterator[None]:
        """Work under the locks: where it raises, whatever it is, they are given back."""
        try:
            yield
        except Exception as error:
            self.give_back(outcome, error)
            raise

    def conclude(
        self,
        name: str,
        settles: str,
        journal: str,
        prune: Sequence[str] = (),
        records: Sequence[Record] = (),
        left: str = ANYWHERE,
        slots: str | None = None,
    ) -> Removed:
        """Send a server its last events and its last request, which gives the lock back; what was removed there.

        left, slots  see Held.finish
        """
        held = self.held(name)
        self.heartbeat.deliver_all(held)
        removed = held.finish(settles, journal, prune, records, left, slots)
        self.let_go(name)
        self.report_removed(name, removed)
        return removed

    def report_removed(self, name: str, removed: Removed, sizes: Mapping[str, int] | None = None) -> None:
        """Emit what was pruned; warn of what was not. `sizes`: bytes that each tag frees, where known."""
        for tag in removed.tags:
            whole = tag not in removed.left
            self.emit(Pruned(server=name, tag=tag, freed=(sizes or {}).get(tag) if whole else None))
        for tag in removed.busy:
            self._warn(kept(tag, IN_USE, server=name))
        for complaint in removed.complaints:
            self.warn(complaint, name)

    def journal(self, what: str, **facts: object) -> str:
        """A line for the servers' journals."""
        now = round(time.time(), 1)
        line = {"what": what, "operation": self.id, "kind": self.kind, "who": self.who, "time": now}
        if what in ("begin", "end") and self.reason:
            line["reason"] = self.reason
        if what in ("begin", "end") and self.despite_freeze:
            line["despite_freeze"] = True
        if what == "end":
            line |= {"began": round(self.began, 1), **self.facts, "phases": self._spent()}
            self._ended = now if facts.get("outcome") != LEFT_OUT else self._ended
        return json.dumps({**line, **facts}, ensure_ascii=True)

    @property
    def seconds(self) -> float:
        """How long it took, as the history says it: until the end was written that its servers' journals have."""
        return max(self._ended - round(self.began, 1), 0.0) if self._ended else time.time() - self.began

    def _spent(self) -> dict[str, float]:
        """Seconds by phase, from the first server that entered it to the last that left it."""
        with self._guard:
            return {name: round(ended - began, 1) for name, (began, ended) in self._phases.items() if ended > began}

    def take(self, name: str, *, cache: bool = True) -> Held:
        """Take a server's lock over an open connection, and begin to beat for it. Raises LockedError, NeedsPerson.

        cache   look at its deploy-cache, too
        """
        claim = (self.fleet.project.project, self.fleet.environment.name)
        held = self._held[name] = Held.take(self.session(name), self._token, self.owner(), claim=claim, cache=cache)
        self.heartbeat.start(held)
        return held

    def owner(self) -> Lock:
        """What the lock says of this operation."""
        return Lock(operation=self.id, kind=self.kind, who=self.who, since=self.began)
