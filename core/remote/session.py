"""One server: its connection and its agent together, and what can be asked there without the lock."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, TypeVar, Unpack

from msgspec.structs import replace

from core import layout, questions
from core.drift import Contents
from core.errors import ConnectError, HostKeyUnknown, ServerError, TurnoutError
from core.jobs import Ahead, Cancel
from core.manifest import Manifest, parse
from core.ownership import Ownership
from core.plan import Sizes
from core.profile import Profile
from core.protocol.answers import (
    Answer,
    Events,
    Left,
    Recorded,
    Status,
    error_of,
    listens,
    news,
    parse_events,
    parse_history,
    parse_left,
    parse_recorded,
    parse_sizes,
    parse_switches,
)
from core.protocol.asked import to_line
from core.protocol.facts import Facts
from core.protocol.listing import parse_tree
from core.protocol.state import parse_state, with_records
from core.records import SILENT_AFTER, JournalLine, Lock, ServerState
from core.remote.agent import Agent, Waiting
from core.remote.connection import Connection
from core.remote.launch import ANSWER, CONTENT, DOCTOR, NOBODYS, SLOTS, STORE, travelling
from core.remote.link import Routes
from core.remote.rehearsal import Understudy
from core.remote.upload import Upload
from core.sshconfig import Destination
from core.text import clean, show_path

if TYPE_CHECKING:
    from core.remote.download import Download

T = TypeVar("T")

ANSWER_WITHIN = 60.0
"""Seconds for the answer to a look, which takes milliseconds: a server whose disk hangs is not waited for."""


class Session:
    """A server's connection and agent, opened when first needed and again after they broke.

    What is asked here changes nothing, except for `begin`, which takes the lock and gives what may change something.
    Methods raise TurnoutError kinds with the server's name in them. `round_trips` counts those since the connection
    was opened; each request and each wait for an upload is one.

    connection   one that is open or being opened, to begin with
    link         what turnout.toml names in place of `current`; links: other links that may lead into releases/
    ownership    whose what is made there is, whoever logs in
    profile      gets the processor time of requests there
    """

    def __init__(
        self,
        server: Destination,
        root: str,
        routes: Routes,
        shared: Sequence[str] = (),
        connection: Connection | None = None,
        *,
        link: str = "",
        links: Sequence[str] = (),
        ownership: Ownership = NOBODYS,
        profile: Profile | None = None,
    ) -> None:
        self.server = server
        self._profile = profile
        self._sshd = 0.0
        self.root = root
        self._routes = routes
        self._shared = tuple(shared)
        self._link, self._links = link, tuple(links)
        self._ownership = ownership
        self._connection = connection or Connection(server, routes)
        self._agent: Agent | None = None
        self._upload: Ahead[Upload] | None = None
        self._proved: set[str] = set()
        self._opening = threading.Lock()
        self._extra_round_trips = 0

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def current_path(self) -> str:
        """Where the link is that a switch replaces."""
        return layout.place(self.root, self._link)

    @property
    def connection(self) -> Connection:
        return self._connection

    @property
    def ownership(self) -> Ownership:
        """Whose what is made there is."""
        return self._ownership.for_login(self.connection.login)

    @property
    def account(self) -> str:
        """Whom Turnout works as there, through sudo; "" for the user who logs in."""
        return self.ownership.become

    def sudo_to(self, user: str) -> str:
        """The user, where sudo is needed to run something as that one; "" for the user who logs in."""
        return "" if user == self.connection.login else user

    @property
    def round_trips(self) -> int:
        return self._extra_round_trips + (self._agent.round_trips if self._agent else 0)

    @property
    def rtt(self) -> float:
        """Seconds of a round trip: of the last `ping`, else the shortest seen; 0.0 before the first."""
        return (self._agent.rtt if self._agent else 0.0) or self._connection.rtt

    @property
    def usable(self) -> bool:
        """Whether the agent still runs, as far as this end can tell."""
        return self._agent is not None and self._agent.alive

    def open(self) -> None:
        """Connect and log in where that is not done. Raises ConnectError and its kinds."""
        with self._opening:
            if self._connection.is_open and self._agent is not None and self._agent.alive:
                return
            if not self._connection.is_open:
                self._connection.close()
                self._connection = Connection(self.server, self._routes)
                self._connection.open()
            spent = self._spent if self._profile else None
            self._agent = Agent(self._connection, self.root, self._link, self._links, self.ownership, spent)
            self._sshd = 0.0
            self._upload = None
            self._proved = set()
            self._extra_round_trips = 0

    def _spent(self, request: float, sshd: float) -> None:
        """What a request took there, with what sshd and the uploads have taken since the request before."""
        assert self._profile is not None
        self._profile.spend(self.name, request + max(sshd - self._sshd, 0.0))
        self._sshd = sshd

    def accept(self, error: HostKeyUnknown) -> None:
        """Record an unknown host key that a person accepted."""
        self._connection.accept(error)

    def close(self) -> None:
        if self._agent is not None:
            self._agent.leave()
        self._connection.close()

    def state(self) -> ServerState:
        """Inspect; takes no lock and changes nothing. Over a running agent it also measures the round trip."""
        batch: list[tuple[str, tuple[str, ...]]] = [("state", self._shared)]
        if self.agent.alive:
            batch.insert(0, ("ping", ()))
        answer = self.answers(batch, within=ANSWER_WITHIN)[-1]
        return self._state(self.done(answer, "the server cannot be inspected"))

    def glance(self) -> str:
        """What ServerState.news would be now: shows at almost no cost whether a new inspection is needed."""
        return news(self.ask("glance", title="the server cannot be inspected", within=ANSWER_WITHIN))

    def with_records(self, state: ServerState, tags: Sequence[str]) -> ServerState:
        """The state with the records of these releases: of very many, `state` gives the older ones in brief or not."""
        return with_records(state, self.ask("records", *tags, title="the records cannot be read").lines)

    def sizes(self, tags: Sequence[str], *, cache: bool) -> Sizes:
        """What the removal of these releases frees, and with `cache` that of the deploy-cache, all of it together."""
        words = [*tags, *(["."] if cache else [])]
        return parse_sizes(self.ask("sizes", *words, title="the sizes cannot be read").lines)

    def cached(self) -> Manifest:
        """What the server's deploy-cache holds, by its own manifest."""
        return self._manifest()

    def manifest(self, tag: str) -> Manifest:
        """The manifest of a release, as the server keeps it."""
        return self._manifest(tag)

    def _manifest(self, *tag: str) -> Manifest:
        file = f"manifests/{tag[0]}.manifest" if tag else "cache.manifest"
        answer = self.ask("manifest", *tag, title=f"{file} cannot be read", within=ANSWER_WITHIN)
        try:
            return parse("".join(f"{line}\n" for line in answer.lines))
        except ValueError as error:
            raise ServerError(f"{file} is not a manifest", detail=str(error), server=self.name) from None

    def tree(self, tag: str, cancel: Cancel) -> Contents:
        """What a release really holds, by checksum, and what it held when its prepare hooks had ended."""
        answer = self.ask("tree", tag, cancel=cancel, title=f"{tag} cannot be read")
        try:
            return parse_tree(answer.lines)
        except ValueError as error:
            raise ServerError(f"{tag} cannot be read", detail=clean(str(error), 300), server=self.name) from None

    def recorded(self) -> Recorded:
        """What the records and journals there say of the trees and servers that had releases."""
        verb, words = travelling("recorded", (), STORE)
        return parse_recorded(self.ask(verb, *words, title="the records cannot be read", within=ANSWER_WITHIN))

    def content(self, tag: str, path: bytes, most: int) -> bytes:
        """The first `most` bytes of a release's file. ServerError where it is none, or leads through a link."""
        verb, words = travelling("content", (tag, path, str(most)), CONTENT)
        title = f"{show_path(path)} cannot be read"
        answer = self.ask(verb, *words, title=title, within=ANSWER_WITHIN)
        try:
            return bytes.fromhex("".join(answer.lines))[:most]
        except ValueError:
            raise ServerError(title, detail="the answer is not a content", server=self.name) from None

    def events(self, offset: int, operation: str = "") -> Events:
        """An operation's events from a byte of its file on, and whether it still runs.

        operation   "" for the one that holds the lock
        """
        title = "the operation cannot be watched"
        words = [str(offset), operation] if operation else [str(offset)]
        answer = self.ask("events", *words, title=title, within=ANSWER_WITHIN)
        return self.placed(lambda: parse_events(answer, offset))

    def history(self, lines: int, *, brief: bool) -> tuple[JournalLine, ...]:
        """What the last lines of the journal say of operations, oldest first.

        brief   without the names of their servers
        """
        answer = self.ask(
            "history", str(lines), "yes" if brief else "no", title="its journal cannot be read", within=ANSWER_WITHIN
        )
        return self.placed(lambda: parse_history(answer))

    def switches(self, lines: int) -> tuple[tuple[JournalLine, ...], bool]:
        """The last lines of the journal that tell of switches, oldest first, and whether these are all there are."""
        answer = self.ask("switches", str(lines + 1), title="its journal cannot be read", within=ANSWER_WITHIN)
        return self.placed(lambda: parse_switches(answer, lines))

    def listening(self, ports: Sequence[int]) -> list[int]:
        """At which of these ports something listens there; nothing where that cannot be known."""
        verb, words = travelling("ports", tuple(map(str, ports)), SLOTS)
        return listens(self.ask(verb, *words, title="its ports cannot be looked at", within=ANSWER_WITHIN))

    # The lock, and what changes things without it.

    def begin(
        self,
        token: str,
        owner: Lock,
        patience: int = SILENT_AFTER,
        claim: tuple[str, str] | None = None,
        *,
        cache: bool = True,
    ) -> ServerState:
        """Take the lock, sweep what an earlier operation left half-made, and inspect: one round trip. `Held.take` gives
        what may be done then.

        token     a secret of the operation; every request that changes something carries it
        patience  seconds without a beat after which the watchdog there ends our agent, cleans up and unlocks
        claim     project and environment, whose root this is from then on
        cache     look at the deploy-cache, too, which takes longest
        Raises LockedError, which says who holds it, since when and in which phase; NeedsPerson where the root is
        claimed by others, overlaps with another one, or is that of another server of this operation.
        """
        lines = {"operation": owner.operation, "kind": owner.kind, "who": owner.who, "since": f"{owner.since:.0f}"}
        text = "\n".join(f"{key} {value}" for key, value in {**lines, "server": self.name}.items())
        whose = (secrets.token_hex(8), *claim) if claim else ("", "", "")
        words = [token, text, str(patience), *whose, *self._shared]
        title = "no operation can begin there"
        answer = self.ask("begin", *words, title=title) if cache else self.ask("unseen", "begin", *words, title=title)
        return replace(self._state(answer), lock=None)

    def expect_upload(self) -> None:
        """Open a channel for an upload ahead, on a thread of its own while other requests run.

        Never before the agent's: sshd leaves Nagle's algorithm on until a command runs, so the second of two channels
        that are opened at once comes a round trip later; and its program would take the way from the agent's.
        """
        if self._agent is None or self._agent.started:
            self._open_upload()
        else:
            self._agent.when_started = self._open_upload

    def _open_upload(self) -> None:
        if self._upload is None:
            self._upload = Ahead(self._new_upload)

    def upload(self) -> Upload:
        """A channel for an upload, ready to begin. It can be used once."""
        ahead, self._upload = self._upload, None
        upload = self.placed(ahead.get) if ahead else None
        if upload is None or not upload.usable:
            upload = self.placed(self._new_upload)
            self._extra_round_trips += 1
        self._extra_round_trips += 1
        return upload

    def _new_upload(self) -> Upload:
        return Upload(self._connection, self.ownership)

    def connections(self, number: int) -> list[Connection]:
        """So many connections for one upload: the one that is open, and others, which are to be opened and closed."""
        return [self._connection, *(Connection(self.server, self._routes) for _ in range(number - 1))]

    def download(self, folder: str, paths: Sequence[bytes], cancel: Cancel) -> Download:
        """The content of files in a folder of the root, `deploy-cache` or a release's."""
        from core.remote.download import Download  # only promotions want it

        return self.placed(lambda: Download(self._connection, self.root, folder, paths, cancel, self.account))

    def break_lock(self, operation: str) -> None:
        """Remove the lock of an operation that will not end by itself, and end the process that holds it."""
        self.ask("break", operation, title="the lock was not broken")

    def leave_answer(self, answer: questions.Answer) -> Left:
        """Leave an answer in the lock of the operation that asks; its operator's side takes it within a second."""
        words = (answer.question, answer.choice, to_line(answer))
        verb, travels = travelling("answer", words, ANSWER)
        title = "the answer could not be left there"
        return parse_left(self.ask(verb, *travels, title=title, within=ANSWER_WITHIN), answer.question)

    def prove(self, users: Iterable[str]) -> None:
        """That commands can run as these users there. ServerError with what sudo says, and what would be right.

        One channel for each that was not proved since the connection was opened.
        """
        for account in map(self.sudo_to, users):
            if account in (self.account, *self._proved):
                continue
            from core.remote.proving import prove  # few projects need it

            self.placed(partial(prove, self._connection, account))
            self._proved.add(account)

    def stop(self, process: int) -> None:
        """End the processes of a hook."""
        self.ask("stop", str(process), title="the hook's processes were not ended")

    # What only `turnout doctor` asks.

    def examine(self) -> tuple[ServerState, Facts]:
        """The state, and the facts that only `turnout doctor` needs."""
        verb, words = travelling("examine", self._shared, DOCTOR)
        answer = self.ask(verb, *words, title="the server cannot be examined", within=ANSWER_WITHIN)
        return self._state(answer), Facts(answer.lines)

    def rehearsal(self, folder: str) -> Session:
        """A session over this connection and agent whose operations work in `folder`, which `examine` has made."""
        session = copy(self)
        session.root, session._agent, session._upload = folder, Understudy(self.agent, folder), None
        return session

    def forget(self, folder: str) -> None:
        """Remove the rehearsal's folder. Where the connection is gone the agent has done so, or will."""
        verb, words = travelling("forget", [folder], DOCTOR)
        self.ask(verb, *words, title=f"{folder} was not removed", within=ANSWER_WITHIN)

    # How requests are made.

    @property
    def agent(self) -> Agent:
        """The agent that runs there. ConnectError where none was started."""
        if self._agent is None:
            raise ConnectError("not connected", server=self.name)
        return self._agent

    def answers(self, batch: Sequence[tuple[str, Sequence[str | bytes]]], **how: Unpack[Waiting]) -> list[Answer]:
        """The answers to several requests that are sent together, whatever their status: one round trip."""
        agent = self.agent
        return self.placed(lambda: agent.requests(batch, **how))

    def answer(self, verb: str, *words: str | bytes, **how: Unpack[Waiting]) -> Answer:
        """The answer to a request, whatever its status."""
        return self.answers([(verb, words)], **how)[-1]

    def ask(self, verb: str, *words: str | bytes, title: str, **how: Unpack[Waiting]) -> Answer:
        """The answer to a request whose status must be 0; any other becomes the error that it means."""
        return self.done(self.answer(verb, *words, **how), title)

    def done(self, answer: Answer, title: str) -> Answer:
        """The answer, if what was asked for was done; else the error that it means. `title`: what was not done."""
        if answer.status != Status.DONE:
            raise error_of(answer, title).at(server=self.name)
        return answer

    def placed(self, work: Callable[[], T]) -> T:
        """What `work` gives; its errors get this server's name."""
        try:
            return work()
        except TurnoutError as error:
            raise error.at(server=self.name) from None

    def _state(self, answer: Answer) -> ServerState:
        state = parse_state(answer.lines, self.name, self.root, now=time.time(), rtt=self.rtt)
        return replace(state, link=self._link)
