"""One server at work: connection and agent together, each verb as a typed method."""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TypeVar

from core.drift import Held
from core.errors import (
    Astray,
    ConnectError,
    HostKeyUnknown,
    LockedError,
    LockLost,
    NeedsPerson,
    ServerError,
    TurnoutError,
)
from core.jobs import Ahead, Cancel
from core.manifest import Manifest, parse
from core.plan import Sizes
from core.protocol.complaints import failure
from core.protocol.listing import parse_scan, parse_tree
from core.protocol.state import parse_sizes, parse_state, with_records
from core.records import SILENT_AFTER, Lock, Pin, Record, ServerState, is_tag
from core.remote.agent import ASTRAY, DONE, INCOMPLETE, LACKING, LOCKED, LOST, PERSON, SIGNALLED, Agent, Answer
from core.remote.connection import Connection
from core.remote.link import Routes
from core.remote.rehearsal import Understudy, travelling
from core.remote.upload import Upload
from core.shape import differences
from core.sshconfig import Destination
from core.text import clean, decode_path

T = TypeVar("T")

CLOSES_ALL, CLOSES_OWN, CLOSES_NONE = "all", "own", "none"
"""What the end of an operation settles: every interrupted one before it (it was carried out), only itself (it left
things as they were), nothing (it was none that could be interrupted)."""

ANYWHERE = "-"
"""Whatever `current` leads to; what a look or a switch in the same breath needs."""


def leads_to(target: str) -> str:
    """That `current` has this link's text, "" for no link."""
    return f"={target}"


def live_at(target: str) -> str:
    """That `current` has this link's text, and a folder is there."""
    return f"+{target}"


ANSWER_WITHIN = 60.0
"""Seconds for the answer to a look, which takes milliseconds: a server whose disk hangs is not waited for."""


@dataclass(frozen=True)
class Removed:
    """What a prune did.

    tags        that are in releases/ no more
    busy, kept  tags that still are: a process works in them, they could not be moved
    left        of `tags` those whose files could not all be removed; "deploy-cache" likewise
    complaints  what mv and rm said of it
    """

    tags: tuple[str, ...]
    busy: tuple[str, ...]
    kept: tuple[str, ...]
    left: tuple[str, ...]
    complaints: tuple[str, ...]


def removed(answer: Answer) -> Removed:
    """What agent.sh's `remove`, `clear` and `finish` say."""

    def of(word: str) -> tuple[str, ...]:
        names = (line.removeprefix(word) for line in answer.lines if line.startswith(word))
        return tuple(name for name in names if is_tag(name))

    complaints = tuple(clean(line, 300) for line in answer.lines if line.startswith(("rm:", "mv:")))
    return Removed(of("removed "), of("busy "), of("kept "), of("left "), complaints)


class Session:
    """A server's connection and agent, opened when first needed and again after they broke.

    Methods raise TurnoutError kinds with the server's name in them. `round_trips` counts those since the connection
    was opened; each request and each wait for an upload is one.
    """

    def __init__(self, server: Destination, root: str, routes: Routes, shared: Sequence[str] = ()) -> None:
        self.server = server
        self.root = root
        self._routes = routes
        self._shared = tuple(shared)
        self._connection = Connection(server, routes)
        self._agent: Agent | None = None
        self._upload: Ahead[Upload] | None = None
        self._opening = threading.Lock()
        self._extra_round_trips = 0

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def round_trips(self) -> int:
        return self._extra_round_trips + (self._agent.round_trips if self._agent else 0)

    @property
    def rtt(self) -> float:
        """Seconds of a round trip: of the last `ping`, else the shortest seen; 0.0 before the first."""
        return (self._agent.rtt if self._agent else 0.0) or self._connection.rtt

    def open(self) -> None:
        """Connect and log in where that is not done. Raises ConnectError and its kinds."""
        with self._opening:
            if self._connection.is_open and self._agent is not None and self._agent.alive:
                return
            if not self._connection.is_open:
                self._connection.close()
                self._connection = Connection(self.server, self._routes)
                self._connection.open()
            self._agent = Agent(self._connection, self.root)
            self._upload = None
            self._extra_round_trips = 0

    @property
    def usable(self) -> bool:
        """Whether the agent still runs, as far as this end can tell."""
        return self._agent is not None and self._agent.alive

    def accept(self, error: HostKeyUnknown) -> None:
        """Record an unknown host key that a person accepted."""
        self._connection.accept(error)

    def state(self) -> ServerState:
        """Inspect; takes no lock and changes nothing. Over a running agent it measures the round trip besides."""
        agent = self._running()
        batch: list[tuple[str, tuple[str, ...]]] = [("state", self._shared)]
        if agent.alive:
            batch.insert(0, ("ping", ()))
        answer = self._placed(lambda: agent.requests(batch, within=ANSWER_WITHIN)[-1])
        if answer.status != DONE:
            raise self._failed(answer, "the server cannot be inspected").at(server=self.name)
        return self._state(answer)

    def glance(self) -> str:
        """What ServerState.news would be now: whether it is worth while to look again, for next to nothing."""
        lines = self._ask("glance", title="the server cannot be inspected", within=ANSWER_WITHIN).lines
        return next((line.removeprefix("news ") for line in lines if line.startswith("news ")), "")

    def begin(
        self, token: str, owner: Lock, patience: int = SILENT_AFTER, claim: tuple[str, str] | None = None
    ) -> ServerState:
        """Take the lock, sweep what an earlier operation left half-made, and inspect: one round trip.

        claim  project and environment, whose root this is from then on
        Raises LockedError, which says who holds it, since when and in which phase; NeedsPerson where the root is
        claimed by others, overlaps with another one, or is that of another server of this operation.
        """
        lines = {"operation": owner.operation, "kind": owner.kind, "who": owner.who, "since": f"{owner.since:.0f}"}
        text = "\n".join(f"{key} {value}" for key, value in {**lines, "server": self.name}.items())
        whose = (secrets.token_hex(8), *claim) if claim else ("", "", "")
        words = [token, text, str(patience), *whose, *self._shared]
        state = self._state(self._ask("begin", *words, title="no operation can begin there"))
        return replace(state, lock=None)

    def open_operation(self, journal: str) -> None:
        """Let the journal know what is about to be changed; nothing is awaited, and the next request finds it there."""
        self._placed(lambda: self._running().tell("open", journal))

    def expect_upload(self) -> None:
        """Open a channel for an upload ahead, on a thread of its own while other requests run."""
        if self._upload is None:
            self._upload = Ahead(lambda: Upload(self._connection))

    def upload(self) -> Upload:
        """A channel for an upload, ready to begin. It serves once."""
        ahead, self._upload = self._upload, None
        upload = self._placed(ahead.get) if ahead else None
        if upload is None or not upload.usable:
            upload = self._placed(lambda: Upload(self._connection))
            self._extra_round_trips += 1
        self._extra_round_trips += 1
        return upload

    def cached(self) -> Manifest:
        """What the server's deploy-cache holds, by its own manifest."""
        return self._manifest()

    def manifest(self, tag: str) -> Manifest:
        """The manifest of a release, as the server keeps it."""
        return self._manifest(tag)

    def _manifest(self, *tag: str) -> Manifest:
        file = f"manifests/{tag[0]}.manifest" if tag else "cache.manifest"
        answer = self._ask("manifest", *tag, title=f"{file} cannot be read", within=ANSWER_WITHIN)
        try:
            return parse("".join(f"{line}\n" for line in answer.lines))
        except ValueError as error:
            raise ServerError(f"{file} makes no sense", detail=str(error), server=self.name) from None

    def scan(self, cancel: Cancel) -> Manifest | None:
        """What the deploy-cache really holds, by checksum; None where the server cannot tell."""
        answer = self._agent_request("scan", cancel=cancel)
        return parse_scan(answer.lines) if answer.status == DONE else None

    def stage(
        self,
        token: str,
        tag: str,
        copy: str,
        manifest: Manifest,
        shape: str,
        record: Record,
        shared: Sequence[str],
        *,
        publish: bool,
        cancel: Cancel,
    ) -> None:
        """Make the release from the cache, complete in releases/ with `publish`, else in incoming/ for hooks.

        shape  what core.shape.shape_digest gives for the manifest
        ServerError names what makes the copy another tree than the manifest's; the deploy-cache is unknown then.
        """
        title = "the release could not be made"
        words = [token, tag, copy, manifest.digest, shape, "yes" if publish else "no"]
        answer = self._agent_request("stage", *words, record.to_toml(), *shared, cancel=cancel)
        if answer.status not in (DONE, INCOMPLETE):
            raise self._failed(answer, title).at(server=self.name)
        prefix = "shape "
        lines = [line.removeprefix(prefix) for line in answer.lines if line.startswith(prefix)]
        told = differences(manifest, (line.encode("utf-8", "surrogateescape") for line in lines)) if lines else []
        if told or answer.status == INCOMPLETE:
            raise ServerError(
                "the copy of the deploy-cache is not complete",
                detail="\n".join(told) or "it has other entries than the tree",
                hint="nothing was switched; deploy again: the deploy-cache is compared by checksum first",
                server=self.name,
            )
        if lines and publish:  # a server without a program for a digest told them to be compared here
            self.publish(token, tag)

    def publish(self, token: str, tag: str) -> None:
        self._ask("publish", token, tag, title="the release could not be completed")

    def switch(self, token: str, tag: str, expected: str, journal: str) -> None:
        """Lead `current` to a release by one rename; `expected` is the target it has now, "" for none."""
        self._ask("switch", token, tag, expected, journal, title="current was not switched")

    def restore(self, token: str, target: str, journal: str, left: str = "") -> bool:
        """Lead `current` back to a target, or remove it where there was none.

        left  the target that it leads to now; where that is not so, nothing is changed and False given
        """
        answer = self._ask("restore", token, target, journal, left, title="current was not switched back")
        return "not switched" not in answer.lines

    def withdraw(self, token: str, tag: str, before: Record | None) -> None:
        """Remove a release that this operation made and that never went live; `before` is the record it had."""
        words = [token, tag, before.to_toml()] if before else [token, tag]
        self._ask("withdraw", *words, title="the new release was not removed")

    def record(self, token: str, record: Record) -> None:
        self._ask("record", token, record.tag, record.to_toml(), title="the record was not written")

    def sign_of_life(self, events: str = "") -> None:
        """For the watchdog there, and for those who watch; nothing is awaited. ConnectError where nobody is there."""
        self._running().sign_of_life(events)

    def break_lock(self, operation: str) -> None:
        """Remove the lock of an operation that will not end by itself, and end the process that holds it."""
        self._ask("break", operation, title="the lock was not broken")

    def events(self, offset: int) -> tuple[str, ...]:
        """The lines of agent.sh's `events`: the lock, and what operation.jsonl has from a byte on."""
        return self._ask("events", str(offset), title="the operation cannot be watched", within=ANSWER_WITHIN).lines

    def with_records(self, state: ServerState, tags: Sequence[str]) -> ServerState:
        """The state with the records of these releases: of very many, `state` gives the older ones in brief or not."""
        return with_records(state, self._ask("records", *tags, title="the records cannot be read").lines)

    def sizes(self, tags: Sequence[str], *, cache: bool) -> Sizes:
        """What the removal of these releases frees, and with `cache` that of the deploy-cache, all of it together."""
        words = [*tags, *(["."] if cache else [])]
        return parse_sizes(self._ask("sizes", *words, title="the sizes cannot be read").lines)

    def remove(self, token: str, tags: Sequence[str], *, force: bool) -> Removed:
        """Prune; `force`: also releases that a running process works in."""
        answer = self._ask("remove", token, "yes" if force else "no", *tags, title="the releases were not pruned")
        return removed(answer)

    def pin(self, token: str, tag: str, pin: Pin) -> None:
        """Never prune a release here, whether or not it is there."""
        self._ask("pin", token, tag, pin.to_line(), title="the release was not pinned")

    def unpin(self, token: str, tag: str, record: Record | None) -> None:
        """End that. `record` of the release, which may say so too."""
        if record and record.pinned:
            self.record(token, replace(record, pinned=False))
        self._ask("unpin", token, tag, title="the release was not unpinned")

    def tree(self, tag: str, cancel: Cancel) -> Held:
        """What a release really holds, by checksum, and what it held when its prepare hooks had ended."""
        answer = self._ask("tree", tag, cancel=cancel, title=f"{tag} cannot be read")
        try:
            return parse_tree(answer.lines)
        except ValueError as error:
            raise ServerError(f"{tag} cannot be read", detail=clean(str(error), 300), server=self.name) from None

    def clear(self, token: str) -> Removed:
        """Empty the deploy-cache."""
        return removed(self._ask("clear", token, title="the deploy-cache was not cleared"))

    def confirm(self, token: str, left: str) -> None:
        """Raises LockLost where the lock is not ours any more, Astray where `current` is not as LEFT says."""
        self._ask("confirm", token, left, title="what was switched is not certain any more")

    def finish(
        self,
        token: str,
        closes: str,
        journal: str,
        prune: Sequence[str] = (),
        records: Sequence[Record] = (),
        left: str = ANYWHERE,
    ) -> Removed:
        """Where `current` is still as LEFT says: replace records, prune, write the journal ("" for none), unlock; one
        round trip. Else nothing: Astray, and the lock is kept.

        closes  which interrupted operations this end settles: one of CLOSES_ALL, CLOSES_OWN, CLOSES_NONE
        left    `live_at`, `leads_to` or ANYWHERE
        """
        agent = self._running()
        finish = ("finish", token, closes, journal, left, *prune)
        batch: list[tuple[str, tuple[str, ...]]] = [(finish[0], finish[1:])]
        if records:
            written = [("then", ("record", token, record.tag, record.to_toml())) for record in records]
            batch = [("confirm", (token, left)), *written, ("then", finish)]
        answers = self._placed(lambda: agent.requests(batch))
        for answer in answers:
            if answer.status != DONE:
                raise self._failed(answer, "the operation was not finished").at(server=self.name)
        return removed(answers[-1])

    def switch_and_finish(
        self,
        token: str,
        tag: str,
        expected: str,
        journal: str,
        end: str,
        prune: Sequence[str] = (),
        records: Sequence[Record] = (),
    ) -> Removed | None:
        """`switch`, and where that is done `finish`, in one round trip; None where only the switch was done."""
        agent = self._running()
        batch: list[tuple[str, tuple[str, ...]]] = [("switch", (token, tag, expected, journal))]
        batch += [("then", ("record", token, record.tag, record.to_toml())) for record in records]
        batch.append(("then", ("finish", token, CLOSES_ALL, end, ANYWHERE, *prune)))
        answers = self._placed(lambda: agent.requests(batch))
        if answers[0].status != DONE:
            raise self._failed(answers[0], "current was not switched").at(server=self.name)
        return removed(answers[-1]) if all(answer.status == DONE for answer in answers) else None

    def stop(self, process: int) -> None:
        """End the processes of a hook."""
        self._ask("stop", str(process), title="the hook's processes were not ended")

    def examine(self) -> tuple[ServerState, tuple[str, ...]]:
        """The state, and the lines that only `turnout doctor` wants."""
        verb, words = travelling("examine", self._shared)
        answer = self._ask(verb, *words, title="the server cannot be examined", within=ANSWER_WITHIN)
        return self._state(answer), answer.lines

    def rehearsal(self, folder: str) -> Session:
        """A session over this connection and agent whose operations work in `folder`, which `examine` has made."""
        session = copy(self)
        session.root, session._agent, session._upload = folder, Understudy(self._running(), folder), None
        return session

    def forget(self, folder: str) -> None:
        """Remove the rehearsal's folder. Where the connection is gone the agent has done so, or will."""
        verb, words = travelling("forget", [folder])
        self._ask(verb, *words, title=f"{folder} was not removed", within=ANSWER_WITHIN)

    def close(self) -> None:
        if self._agent is not None:
            self._agent.leave()
        self._connection.close()

    def _state(self, answer: Answer) -> ServerState:
        return parse_state(answer.lines, self.name, self.root, now=time.time(), rtt=self.rtt)

    def _running(self) -> Agent:
        if self._agent is None:
            raise ConnectError("not connected", server=self.name)
        return self._agent

    def _placed(self, work: Callable[[], T]) -> T:
        """What `work` gives; its errors get this server's name."""
        try:
            return work()
        except TurnoutError as error:
            raise error.at(server=self.name) from None

    def _agent_request(
        self, verb: str, *words: str | bytes, cancel: Cancel | None = None, within: float = math.inf
    ) -> Answer:
        agent = self._running()
        return self._placed(lambda: agent.request(verb, *words, cancel=cancel, within=within))

    def _ask(
        self, verb: str, *words: str | bytes, cancel: Cancel | None = None, within: float = math.inf, title: str
    ) -> Answer:
        """A request whose status must be 0; any other becomes the error that it means."""
        answer = self._agent_request(verb, *words, cancel=cancel, within=within)
        if answer.status == DONE:
            return answer
        raise self._failed(answer, title).at(server=self.name)

    def _failed(self, answer: Answer, title: str) -> TurnoutError:
        if answer.status == LOCKED:
            lock = self._state(answer).lock or Lock()
            return LockedError(
                f"locked by {lock.describe()}",
                hint="`turnout watch` follows it, `--wait 5m` waits for it; `turnout unlock` where it hangs",
            )
        if answer.status == LOST:
            return LockLost(title, detail=answer.text, hint="refresh and look at what is live; then try again")
        if answer.status == ASTRAY:
            target = next((line.removeprefix("astray ") for line in answer.lines if line.startswith("astray ")), "")
            text, _, gone = target.partition(" ")
            return Astray(decode_path(text).decode("utf-8", "surrogateescape"), dangling=bool(gone))
        if answer.status == PERSON:
            return NeedsPerson(title, detail=answer.text)
        if answer.status > SIGNALLED:
            return ServerError(title, detail="the request was ended by a signal on the server")
        if answer.status == LACKING:
            return ServerError(title, detail=answer.text, hint="install it there; `turnout doctor` names what it lacks")
        return failure(title, answer.lines, f"status {answer.status}")
