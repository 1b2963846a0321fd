"""A server whose lock this operation holds: every request that changes something there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from core.errors import ServerError
from core.jobs import Cancel
from core.manifest import Manifest
from core.protocol.answers import Answer, Removed, Status, error_of, listens, removed
from core.protocol.asked import to_lock
from core.protocol.listing import parse_scan
from core.protocol.requests import ANYWHERE, Settles
from core.questions import Question
from core.records import SILENT_AFTER, Block, Freeze, Lock, Pin, Record, ServerState
from core.remote.launch import PATCH, SLOTS, STORE, travelling
from core.shape import differences

if TYPE_CHECKING:
    from core.remote.session import Session
    from core.remote.upload import Upload
    from core.store.packs import Contents


Sent = tuple[str, Sequence[str | bytes]]
"""A request: its verb, and its words."""
SURE = 1.0
"""Seconds for which a lock counts as kept once its server has carried out something under it. Nobody breaks it, deploys
and is done in less; a process that was stopped for longer, or a machine that slept, asks again."""


def clock() -> float:
    """Seconds that also pass while this process is stopped and, on Linux, while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


@dataclass(frozen=True)
class Fetch:
    """What a server fetches, and how it proves to be right; see store.sh.

    size      of the pack in bytes
    address   where the pack is, with what lets anybody fetch it: a secret
    """

    address: str
    sha256: str
    size: int
    contents: Contents

    def __repr__(self) -> str:
        return f"Fetch({self.sha256})"


class Held:
    """What `take` gives. The server carries out a request only while its lock has this token: where the lock
    was lost, taken over or given back nothing is changed, and LockLost is raised.

    token  the operation's secret, the same on all its servers
    state  of the server when its lock was taken
    sure   the `clock` when it was asked for what it has carried out under this lock last
    """

    def __init__(self, session: Session, token: str, state: ServerState, sure: float = 0.0) -> None:
        self.session = session
        self.token = token
        self.state = state
        self.sure = sure

    @classmethod
    def take(
        cls,
        session: Session,
        token: str,
        owner: Lock,
        patience: int = SILENT_AFTER,
        claim: tuple[str, str] | None = None,
        *,
        cache: bool = True,
    ) -> Held:
        """Take a server's lock; see Session.begin."""
        asked = clock()
        return cls(session, token, session.begin(token, owner, patience, claim, cache=cache), asked)

    @property
    def name(self) -> str:
        return self.session.name

    @property
    def root(self) -> str:
        return self.session.root

    @property
    def is_sure(self) -> bool:
        """Whether the server has carried out something under this lock a moment ago."""
        return clock() - self.sure <= SURE

    def note(self, journal: str) -> None:
        """Let the journal know what is about to happen; nothing is awaited, and the next request finds it there."""
        self.session.placed(lambda: self.session.agent.tell("open", journal))

    def sign_of_life(self, events: str = "") -> None:
        """For the watchdog there, and for those who watch; does not wait. ConnectError where the connection is gone."""
        self.session.agent.sign_of_life(events)

    def ask(self, question: Question | None) -> None:
        """Show in the lock what this operation asks; None: nothing any more. As sign_of_life."""
        words = (question.id, ",".join(question.names), to_lock(question, time.time())) if question else ("", "", "")
        self.session.placed(lambda: self.session.agent.tell("question", *words))

    @property
    def heard(self) -> float:
        """When the last reply to a sign of life came in, by time.monotonic."""
        return self.session.agent.heard

    def refuse(self, question: str) -> None:
        """Remove what somebody left as an answer, so that others can answer. As sign_of_life."""
        self.session.placed(lambda: self.session.agent.tell("refuse", question))

    def answers(self) -> list[tuple[str, str]]:
        """What others left for the open question since the last call; see Agent.listen. Raises ConnectError."""
        return self.session.placed(self.session.agent.listen)

    def upload(self) -> Upload:
        """A channel for an upload into deploy-cache, ready to begin. It can be used once."""
        return self.session.upload()

    def fetch(self, pack: Fetch, cancel: Cancel, on_bytes: Callable[[int], None]) -> None:
        """Have the server bring its deploy-cache to a tree's content from the store.

        on_bytes   gets how many bytes of the pack are there, about once a second
        Raises ServerError where it could not: deploy-cache is as it was, or unknown and compared by checksum next time.
        """
        holds = pack.contents
        kind = "changes" if holds.changes else "whole"
        words = [pack.sha256, str(pack.size), str(holds.most), str(holds.largest), holds.listing, holds.digest, kind]
        verb, travels = travelling("fetch", (self.token, *words, pack.address, *holds.remove), STORE)

        def heard(line: str) -> None:
            word, _, number = line.partition(" ")
            if word == "at" and number.isdigit():
                on_bytes(min(int(number), pack.size))

        answer = self.session.answer(verb, *travels, cancel=cancel, on_line=heard)
        said = [line for line in answer.lines if not line.startswith("at ")]
        self.session.done(replace(answer, lines=tuple(said)), "the server cannot fetch the files from the store")

    def patch(self, cancel: Cancel) -> list[int]:
        """Have files of the deploy-cache made from the patches that were uploaded; see core.tar.patches.

        The numbers of those that could not be made, in the order of the list: they are as they were.
        """
        verb, travels = travelling("patch", (self.token,), PATCH)
        answer = self.session.answer(verb, *travels, cancel=cancel)
        self.session.done(answer, "changed files could not be made from patches")
        return [int(number) for number in answer.of("whole") if number.isascii() and number.isdigit()]

    def scan(self, cancel: Cancel) -> Manifest | None:
        """What the deploy-cache really holds, by checksum, once no upload of this operation goes on any more.

        None where the server cannot list it.
        """
        answer = self.session.answer("scan", self.token, cancel=cancel)
        return parse_scan(answer.lines) if answer.status == Status.DONE else None

    def stage(
        self,
        tag: str,
        copy: str,
        manifest: Manifest,
        shape: str,
        record: Record,
        shared: Sequence[str],
        *,
        complete: bool,
        cancel: Cancel,
    ) -> None:
        """Make the release from the cache, in releases/ with `complete`, else in incoming/ for hooks.

        shape  what core.shape.shape_digest gives for the manifest
        ServerError names the differences between the copy and the manifest's tree; the deploy-cache is unknown then.
        """
        words = [self.token, tag, copy, manifest.digest, shape, "yes" if complete else "no"]
        asked = clock()
        answer = self.session.answer("stage", *words, record.to_toml(), *shared, cancel=cancel)
        if answer.status not in (Status.DONE, Status.INCOMPLETE):
            raise error_of(answer, "the release could not be made").at(server=self.name)
        lines = answer.of("shape")
        found = differences(manifest, (line.encode("utf-8", "surrogateescape") for line in lines)) if lines else []
        if found or answer.status == Status.INCOMPLETE:
            raise ServerError(
                "the copy of the deploy-cache is not complete",
                detail="\n".join(found) or "its files and folders are not those that were sent",
                hint="nothing was switched; deploy again: the deploy-cache is compared by checksum first",
                server=self.name,
            )
        self.sure = asked
        if lines and complete:  # a server without a program for a digest sent them to be compared here
            self.complete(tag)

    def writable(self, paths: Sequence[str]) -> None:
        """Make these paths of the release that is staged next writable for their group, before it gets its name."""
        self._ask("writable", *paths, title="the release could not be made")

    def complete(self, tag: str, *, finalize: bool = False) -> None:
        """Give a release its name, after its prepare hooks. `finalize`: its finalize hooks follow, then `finalized`."""
        self._ask("complete", tag, *(["open"] if finalize else []), title="the release could not be completed")

    def finalized(self, tag: str) -> None:
        """After the finalize hooks: what they made belongs to the release, which is complete now."""
        self._ask("finalized", tag, title="the release could not be completed")

    def switch(self, tag: str, expected: str, journal: str) -> None:
        """Switch `current` to a release by one rename; `expected` is the target it has now, "" for none."""
        self._ask("switch", tag, expected, journal, title="current was not switched")

    def restore(self, target: str, journal: str, left: str = "") -> bool:
        """Switch `current` back to a target, or remove it where there was none.

        left  the target that it points to now; where that is not so, nothing is changed and False given
        """
        answer = self._ask("restore", target, journal, left, title="current was not switched back")
        return "not switched" not in answer.lines

    def withdraw(self, tag: str, before: Record | None) -> None:
        """Remove a release that this operation made and that never went live; `before` is the record it had."""
        words = [tag, before.to_toml()] if before else [tag]
        self._ask("withdraw", *words, title="the new release was not removed")

    def record(self, record: Record) -> None:
        """Replace a release's record."""
        self._ask("record", record.tag, record.to_toml(), title="the record was not written")

    def records(self, records: Sequence[Record]) -> None:
        """Write many records, a hundred to a round trip."""
        for start in range(0, len(records), 100):
            batch = [("record", (self.token, record.tag, record.to_toml())) for record in records[start : start + 100]]
            for answer in self.session.answers(batch):
                self.session.done(answer, "a record was not written")

    def revision(self, tag: str, text: str) -> None:
        """Leave REVISION in a release that is being made, before it gets its name."""
        self._ask("revision", tag, text, title="REVISION was not written")

    def append(self, file: str, line: str) -> None:
        """Add a line to another tool's log."""
        self._ask("append", file, line, title=f"{file} was not written")

    def unrecord(self, tags: Sequence[str]) -> None:
        """Remove the records of releases that stay."""
        if tags:
            self._ask("unrecord", *tags, title="the records were not removed")

    def pin(self, tag: str, pin: Pin) -> None:
        """Never prune a release here, whether or not it is there."""
        self._ask("pin", tag, pin.to_line(), title="the release was not pinned")

    def unpin(self, tag: str, record: Record | None) -> None:
        """Unpin a release. `record` of the release, which may say that it is pinned, too."""
        if record and record.pinned:
            self.record(replace(record, pinned=False))
        self._ask("unpin", tag, title="the release was not unpinned")

    def block(self, tag: str, block: Block) -> None:
        """Keep undo from ever going back to a release here, whether or not it is there."""
        self._ask("block", tag, block.to_line(), title="the release was not blocked")

    def unblock(self, tag: str) -> None:
        """End that."""
        self._ask("unblock", tag, title="the release was not unblocked")

    def freeze(self, freeze: Freeze) -> None:
        """Refuse operations that change releases, from now on."""
        self._ask("freeze", freeze.to_line(), title="changes were not frozen")

    def thaw(self) -> None:
        """End that."""
        self._ask("thaw", title="the freeze was not lifted")

    def remove(self, tags: Sequence[str], *, force: bool) -> Removed:
        """Prune; `force`: also releases that a running process works in."""
        return removed(self._ask("remove", "yes" if force else "no", *tags, title="the releases were not pruned"))

    def own_cache(self, *, ours: bool) -> None:
        """Say that what is in deploy-cache is Turnout's, or that it is not."""
        self._ask("own", "yes" if ours else "no", title="the deploy-cache was not taken over")

    def clear(self) -> Removed:
        """Empty the deploy-cache."""
        return removed(self._ask("clear", title="the deploy-cache was not cleared"))

    def slots(self, text: str, free: Sequence[int] = ()) -> list[int]:
        """Write down which releases have a slot here (core.records.slot_use), unless something listens at one of the
        ports `free`: these, where nothing was written.
        """
        verb, words = travelling("slots", (self.token, text, *map(str, free)), SLOTS)
        return listens(self.session.ask(verb, *words, title="the slots were not written down"))

    def confirm(self, left: str) -> None:
        """Raises LockLost where the lock is not ours any more, Astray where `current` is not as `left` says."""
        self._ask("confirm", left, title="what was switched is no longer certain")

    def finish(
        self,
        settles: str,
        journal: str,
        prune: Sequence[str] = (),
        records: Sequence[Record] = (),
        left: str = ANYWHERE,
        slots: str | None = None,
    ) -> Removed:
        """Where `current` is still as `left` says: replace records, prune, write the journal ("" for none), unlock; one
        round trip. Else nothing: Astray, and the lock is kept.

        settles  which interrupted operations this end settles, a word of `Settles`
        left     `live_at`, `points_to` or ANYWHERE
        slots    which releases have a slot from now on; None: as it is
        """
        words = (self.token, settles, journal, left, *prune)
        batch: list[Sent] = [("finish", words)]
        if records or slots is not None:
            batch = [("confirm", (self.token, left)), *self._written(records), ("then", ("finish", *words))]
        if slots is not None:
            verb, travels = travelling("slots", (self.token, slots), SLOTS)
            batch.insert(-1, ("then", (verb, *travels)))
        answers = self.session.answers(batch)
        for answer in answers:
            self.session.done(answer, "the operation was not finished")
        return removed(answers[-1])

    def switch_and_finish(
        self,
        tag: str,
        expected: str,
        journal: str,
        end: str,
        prune: Sequence[str] = (),
        records: Sequence[Record] = (),
    ) -> Removed | None:
        """`switch`, and where that is done `finish`, in one round trip; None where only the switch was done."""
        batch: list[Sent] = [("switch", (self.token, tag, expected, journal))]
        batch += self._written(records)
        batch.append(("then", ("finish", self.token, Settles.ALL, end, ANYWHERE, *prune)))
        answers = self.session.answers(batch)
        self.session.done(answers[0], "current was not switched")
        return removed(answers[-1]) if all(answer.status == Status.DONE for answer in answers) else None

    def _written(self, records: Sequence[Record]) -> list[Sent]:
        """The requests that replace these records, where what comes before them was done."""
        return [("then", ("record", self.token, record.tag, record.to_toml())) for record in records]

    def _ask(self, verb: str, *words: str, title: str) -> Answer:
        asked = clock()
        answer = self.session.ask(verb, self.token, *words, title=title)
        self.sure = asked
        return answer
