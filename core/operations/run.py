"""What all operations share: events with their id, phases with their time, locks taken and given back."""

from __future__ import annotations

import dataclasses
import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, TypeVar

from core.errors import EXIT_DONE, EXIT_FAILED, Cancelled, FleetError, LockedError, LockLost, TurnoutError
from core.events import IN_USE, Emit, Event, Note, PhaseFinished, PhaseStarted, Pruned, ServerFailed, kept
from core.fleet import Fleet, Outcome, at_once
from core.jobs import Cancel, Controls
from core.operations.heartbeat import Heartbeat
from core.protocol.answers import Removed
from core.protocol.requests import ANYWHERE, Settles
from core.records import Lock, Record, ServerState
from core.remote.held import Held
from core.remote.session import Session
from core.site import OperatorSite, ServerSite

T = TypeVar("T")

REMIND_EVERY = 15.0
"""Seconds between two notes about who is being waited for."""


class Run:
    """One operation on its way.

    id   the operation's id in events and journals
    """

    def __init__(self, fleet: Fleet, kind: str, emit: Emit) -> None:
        self.fleet = fleet
        self.kind = kind
        self.id = secrets.token_hex(6)
        self.who = fleet.project.mask(fleet.project.settings.who)
        self.began = time.time()
        self._token = secrets.token_hex(16)
        self._held: dict[str, Held] = {}
        self.warnings: list[str] = []
        self.heartbeat = Heartbeat(self.id)
        self._emit = emit
        self._mask = fleet.project.mask if fleet.project.secrets else None
        self._guard = threading.Lock()

    def emit(self, event: Event) -> None:
        """Hand on an event with this operation's id, secrets masked."""
        changes: dict[str, Any] = {"operation": self.id}
        if self._mask:
            for item in dataclasses.fields(event):
                value = getattr(event, item.name)
                if isinstance(value, (str, tuple, dict)) and item.name != "operation":
                    changes[item.name] = self._mask.all(value)
        event = dataclasses.replace(event, **changes)
        self.heartbeat.add(event)
        self._emit(event)

    def warn(self, text: str, server: str = "") -> None:
        """Something that does not make the operation fail."""
        self._warn(Note(server=server, text=text, level="warning"))

    def _warn(self, note: Note) -> None:
        with self._guard:
            self.warnings.append(f"{note.server}: {note.text}" if note.server else note.text)
        self.emit(note)

    def held(self, server: str) -> Held:
        """A server under its lock. LockLost where this operation does not hold it any more."""
        held = self._held.get(server)
        if held is None:
            raise LockLost("the lock is not held any more", server=server)
        return held

    def let_go(self, server: str) -> None:
        """Know that a server's lock is not ours any more: it was given back, or lost."""
        self._held.pop(server, None)

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
        return OperatorSite("", self.emit, cancel, project.mask, project.settings.environ)

    @contextmanager
    def phase(self, name: str, server: str = "", *, tell: Emit | None = None) -> Iterator[None]:
        """A phase of a server or of the fleet: its events, and its name in errors that leave it.

        tell   takes the events instead of `emit`
        """
        tell = tell or self.emit
        began = time.monotonic()
        tell(PhaseStarted(server=server, phase=name))
        outcome = "failed"
        try:
            yield
            outcome = "ok"
        except Cancelled as error:
            outcome = "cancelled"
            raise error.at(server=server, phase=name) from None
        except FleetError:
            raise
        except TurnoutError as error:
            error.at(server=server, phase=name)
            tell(ServerFailed(server=server, phase=name, title=error.title, detail=error.detail, hint=error.hint))
            raise
        finally:
            tell(PhaseFinished(server=server, phase=name, seconds=time.monotonic() - began, outcome=outcome))

    def on_all(self, step: Callable[[str], T], servers: Iterable[str] | None = None) -> Outcome[T]:
        """Run a step on all servers at once (or on some) and wait for all."""
        return at_once(self.fleet.names if servers is None else servers, step)

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

    def begin(self, cancel: Cancel, *, uploads: bool, wait: float = 0.0) -> dict[str, ServerState]:
        """Connect, take every lock, and inspect under it. Raises FleetError; locks that were taken are given back.

        uploads   channels for uploads are opened at the same time, because they will probably be wanted
        wait      seconds to try again for, where others hold a lock
        """

        def connect(name: str) -> None:
            with self.phase("connect", name):
                session = self.fleet.open(name)
            if uploads:
                session.expect_upload()

        self.on_all(connect).unwrap()
        until = time.monotonic() + wait
        reminded = -REMIND_EVERY
        while True:
            cancel.check()
            # A try that is followed by another one is not reported.
            later: list[Event] = []
            try:
                states = self._lock_all(cancel, later.append if wait else self.emit)
                self._tell(later)
                return states
            except FleetError as error:
                others = all(isinstance(each, LockedError) for each in error.errors.values())
                if not others or time.monotonic() >= until:
                    self._tell(later)
                    raise
                if time.monotonic() - reminded >= REMIND_EVERY:
                    reminded = time.monotonic()
                    self.emit(Note(text=f"waiting: {error.title}", level="warning"))
                # Not in step with others who wait for the same.
                cancel.wait(random.uniform(0.5, 1.5))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self.emit(event)

    def _lock_all(self, cancel: Cancel, tell: Emit) -> dict[str, ServerState]:
        """The states of all servers under their locks, or none locked and FleetError.

        tell   takes the events of it

        The first server's lock is taken before the others': of two operators that want the same servers one wins
        everywhere and the other learns who, instead of both being refused somewhere.
        """
        names = self.fleet.names

        def lock(name: str) -> ServerState:
            with self.phase("begin", name, tell=tell):
                state = self.take(name).state
                if state.took_over:
                    text = f"took the lock over from {state.took_over.describe()}: its process is gone"
                    self.emit(Note(server=name, text=text, level="warning"))
                return state

        first = at_once(names[:1], lock)
        try:
            states = dict(first.unwrap())
            cancel.check()
            states.update(self.on_all(lock, names[1:]).unwrap() if names[1:] else {})
        except TurnoutError:
            self.give_back("")
            raise
        return {name: states[name] for name in names}

    def open(self, tag: str, record: Record | None) -> None:
        """Tell every server's journal what is about to become live: if this process dies, that is what is known."""
        facts: dict[str, Any] = {"tag": tag, "servers": self.fleet.names}
        if record:
            facts["record"] = asdict(replace(record, subject=record.subject[:200], author=record.author[:100]))
        line = self.journal("begin", **facts)
        self.on_all(lambda name: self.held(name).open_operation(line)).unwrap("begin")

    def give_back(self, outcome: str, error: BaseException | None = None) -> dict[str, TurnoutError]:
        """Unlock every server that is locked, with a line in its journal; what failed there, by server.

        outcome  "" where it was not even begun: nobody needs to read of that
        """
        code = getattr(error, "exit_code", EXIT_FAILED) if error else EXIT_DONE

        def unlock(name: str) -> None:
            line = self.journal("end", outcome=outcome, exit_code=code) if outcome else ""
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
    ) -> Removed:
        """The last request to a server: what happened is told to those who watch, then the lock is given back.

        left  see Held.finish
        """
        held = self.held(name)
        self.heartbeat.deliver_all(held)
        removed = held.finish(settles, journal, prune, records, left)
        self.let_go(name)
        self.tell_removed(name, removed)
        return removed

    def tell_removed(self, name: str, removed: Removed, sizes: Mapping[str, int] | None = None) -> None:
        """Events for what was pruned; warnings for what was not. `sizes`: bytes that each tag frees, where known."""
        for tag in removed.tags:
            whole = tag not in removed.left
            self.emit(Pruned(server=name, tag=tag, freed=(sizes or {}).get(tag) if whole else None))
        for tag in removed.busy:
            self._warn(kept(tag, IN_USE, server=name))
        for complaint in removed.complaints:
            self.warn(complaint, name)

    def journal(self, what: str, **facts: object) -> str:
        """A line for the servers' journals."""
        line = {"what": what, "operation": self.id, "kind": self.kind, "who": self.who, "time": round(time.time(), 1)}
        return json.dumps({**line, **facts}, ensure_ascii=True)

    def take(self, name: str) -> Held:
        """Take a server's lock, over a connection that is open; from now on there are signs of life for it. Raises
        LockedError, NeedsPerson."""
        claim = (self.fleet.project.project, self.fleet.environment.name)
        held = self._held[name] = Held.take(self.session(name), self._token, self.owner(), claim=claim)
        self.heartbeat.start(held)
        return held

    def owner(self) -> Lock:
        """What the lock tells others about this operation."""
        return Lock(operation=self.id, kind=self.kind, who=self.who, since=self.began)
