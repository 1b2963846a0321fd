"""What was done to an environment: the operations that the servers' journals tell of, merged (pure)."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence, Set

from msgspec import Struct, field
from msgspec.structs import replace

from core.errors import EXIT_PERSON
from core.lives import Life, lives
from core.names import resolve
from core.plan import DEPLOY, PROMOTE, RECOVER, ROLLBACK
from core.records import LEFT_OUT, JournalLine, Said, ServerState
from core.text import most

CHANGES_LIVE = frozenset({DEPLOY, PROMOTE, ROLLBACK, RECOVER})
"""Kinds of operations after which another release may be live."""

DONE, PUT_BACK = "done", "put-back"
REFUSED = "refused"
"""The outcome of one that did nothing because it could not be done as asked: no part of the history."""
RUNNING, INTERRUPTED, UNFINISHED = "running", "interrupted", "unfinished"
"""Outcomes: as in the journals, and of an operation without an end: it still runs, its agent noted that it broke off,
or nothing is known.
"""
LAST = "last"
"""The word for the newest operation."""
NO_END = frozenset({RUNNING, INTERRUPTED, UNFINISHED})


class Entry(Struct, frozen=True, kw_only=True):
    """One operation, from the journals of all servers that took part and answered.

    began           seconds since the epoch, by its operator's clock; seconds: how long it took, 0.0 where unknown
    who             `ana@laptop`: who, and from which machine; reason: why, in that person's words
    ran             the command that it ran, of a task its name
    tag, previous   the release that it was about, and what was live before, on most servers
    pruned          releases whose files it removed
    outcome         the worst of its servers; exit_code likewise
    by_server       by server that told its end: the outcome there
    servers         all that took part, as far as any server says
    gone            those of them that were not heard: they gave no answer, or have no word of it
    phases          by phase: seconds in all; batches of servers, 0 where unknown
    left_out        servers that it was carried out without: they had failed before their switch
    undone_by       the id of the operation that took it back, "" for none
    despite_freeze  it was carried out although changes were frozen
    answers         how its questions were answered, in their order
    cancelled       it did not fail by itself: a person cancelled it
    """

    operation: str
    kind: str = ""
    who: str = ""
    reason: str = ""
    ran: str = ""
    began: float = 0.0
    seconds: float = 0.0
    tag: str = ""
    previous: str = ""
    pruned: tuple[str, ...] = ()
    outcome: str = ""
    exit_code: int = 0
    by_server: Mapping[str, str] = field(default_factory=dict)
    servers: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    sent_bytes: int = 0
    sent_files: int = 0
    phases: Mapping[str, float] = field(default_factory=dict)
    batches: int = 0
    left_out: tuple[str, ...] = ()
    undone_by: str = ""
    despite_freeze: bool = False
    answers: tuple[Said, ...] = ()
    cancelled: bool = False

    @property
    def ended(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self.began + self.seconds

    @property
    def changed_live(self) -> bool:
        """Whether another release was live after it."""
        return self.kind in CHANGES_LIVE and self.outcome == DONE and self.tag != self.previous


class History(Struct, frozen=True, kw_only=True):
    """The operations of an environment, the newest first.

    unheard   by server that gave no journal: why. What only it knows is missing
    lives     what was live when (core.lives)
    """

    entries: tuple[Entry, ...] = ()
    lives: tuple[Life, ...] = ()
    unheard: Mapping[str, str] = field(default_factory=dict)

    def find(self, word: str, environment: str = "") -> Entry:
        """The operation whose id begins so, or the newest one for `last`. UsageError where none or several are meant.

        environment   its name, for the error
        """
        ids = [entry.operation for entry in self.entries]
        if word == LAST and ids:
            return self.entries[0]
        named = operation_named(word, ids, environment)
        return self.entries[ids.index(named)]


def operation_named(word: str, ids: Sequence[str], environment: str) -> str:
    """The id that a word means: a whole one, or the beginning of one. UsageError where it means none, or several."""
    return resolve(
        "operation",
        word,
        ids,
        whole={each: each for each in ids},
        shortest=1,
        place=f"in {environment}" if environment else "",
        command=f"turnout history {environment}".rstrip(),
    )


def running_on(states: Iterable[ServerState]) -> frozenset[str]:
    """The ids of the operations that hold a lock of these servers, as an inspection saw it."""
    return frozenset(state.lock.operation for state in states if state.lock and state.lock.alive)


def merged(
    journals: Mapping[str, Sequence[JournalLine]],
    unheard: Mapping[str, str] | None = None,
    running: Set[str] = frozenset(),
    current: Mapping[str, str] | None = None,
) -> History:
    """The history that the journals tell together; what was refused did nothing, and is left out.

    journals   by server: its lines, oldest first. Each server's own order stands; operations that share no server are
               ordered by their operators' clocks
    unheard    by server that gave no journal: why
    running    ids of operations that hold a lock now
    current    by server: what is live there now, as far as that is known
    """
    told: dict[str, dict[str, list[JournalLine]]] = {}
    orders: list[list[str]] = []
    for server, lines in journals.items():
        order: dict[str, None] = {}
        for line in lines:
            if line.operation:
                order.setdefault(line.operation)
                told.setdefault(line.operation, {}).setdefault(server, []).append(line)
        orders.append(list(order))
    heard = frozenset(journals)
    entries = {name: _entry(name, by_server, heard) for name, by_server in told.items()}
    refused = {name for name, entry in entries.items() if set(entry.by_server.values()) == {REFUSED}}
    entries |= {
        name: replace(entry, outcome=RUNNING)
        for name, entry in entries.items()
        if name in running and entry.outcome == UNFINISHED
    }
    ordered = [entries[name] for name in _in_order(entries, orders) if name not in refused]
    return History(
        entries=tuple(reversed(_undone(ordered))), unheard=dict(unheard or {}), lives=lives(journals, current)
    )


def _entry(operation: str, by_server: Mapping[str, Sequence[JournalLine]], heard: frozenset[str]) -> Entry:
    """One operation from what each server says of it."""
    lines = [line for of_server in by_server.values() for line in of_server]
    ends = {name: end for name, of_server in by_server.items() if (end := _end(of_server))}
    begins = [line for line in lines if line.what == "begin"]
    first = next(iter(begins), None) or next(iter(ends.values()), lines[0])
    telling = telling_ends(ends.values())
    worst = max(telling, key=_badness, default=None)
    last = max((end.time for end in ends.values()), default=0.0)
    told = [line.began for line in ends.values() if line.began] + [line.time for line in begins]
    began = min(told, default=last or first.time)
    named = dict.fromkeys(name for line in lines for name in line.servers) or dict.fromkeys(by_server)
    broke_off = any(line.what == "interrupted" for line in lines)
    said = [*ends.values(), *begins]
    phases: dict[str, float] = {}
    for end in ends.values():
        for phase, seconds in end.phases.items():
            phases[phase] = max(seconds, phases.get(phase, 0.0))
    return Entry(
        operation=operation,
        kind=first.kind,
        who=first.who,
        reason=next((line.reason for line in said if line.reason), ""),
        ran=next((end.ran for end in ends.values() if end.ran), ""),
        began=began,
        seconds=max(last - began, 0.0) if last else 0.0,
        tag=most(line.tag for line in said),
        previous=most(line.previous for line in ends.values() if not line.until),
        pruned=tuple(dict.fromkeys(tag for end in ends.values() for tag in end.pruned)),
        outcome=worst.outcome if worst else INTERRUPTED if broke_off else UNFINISHED,
        exit_code=max((end.exit_code for end in ends.values()), default=0),
        by_server={name: end.outcome for name, end in ends.items()},
        servers=tuple(dict.fromkeys([*named, *by_server])),
        gone=tuple(name for name in named if name not in heard or name not in by_server),
        sent_bytes=max((end.sent_bytes for end in ends.values()), default=0),
        sent_files=max((end.sent_files for end in ends.values()), default=0),
        phases=phases,
        batches=max((end.batches for end in ends.values()), default=0),
        left_out=tuple(dict.fromkeys(name for end in ends.values() if end.outcome == DONE for name in end.left_out)),
        despite_freeze=any(line.despite_freeze for line in said),
        answers=max((end.answers for end in ends.values()), key=len, default=()),
        cancelled=all_cancelled(telling),
    )


def telling_ends(ends: Collection[JournalLine]) -> Collection[JournalLine]:
    """Those that tell how an operation ended: where a server was left out, it did not end so."""
    return [end for end in ends if end.outcome != LEFT_OUT] or ends


def all_cancelled(ends: Iterable[JournalLine]) -> bool:
    """Whether an operation was cancelled that ended so: none of its servers failed by itself."""
    bad = [end for end in ends if end.exit_code]
    return bool(bad) and all(end.cancelled for end in bad)


def outcome_told(kind: str, outcome: str, exit_code: int, *, cancelled: bool) -> str:
    """How an operation ended as it says so itself, from what the journals say of that: `done`, `nothing-to-do`,
    `failed`, `cancelled` or `needs-person`.
    """
    if cancelled:
        return "cancelled"
    if outcome == PUT_BACK and kind == RECOVER and not exit_code:
        return DONE
    if outcome in (DONE, "nothing-to-do") and not exit_code:
        return outcome
    # The exit code of a task is that of its command.
    return "needs-person" if exit_code == EXIT_PERSON and kind in CHANGES_LIVE else "failed"


def _end(lines: Sequence[JournalLine]) -> JournalLine | None:
    return next((line for line in reversed(lines) if line.what == "end"), None)


def _badness(end: JournalLine) -> tuple[int, int]:
    """Where servers do not agree on how it ended, the one that went wrong counts."""
    order = ("nothing-to-do", DONE, PUT_BACK)
    return end.exit_code, order.index(end.outcome) if end.outcome in order else len(order)


def _in_order(entries: Mapping[str, Entry], orders: Iterable[Sequence[str]]) -> list[str]:
    """The operations, oldest first: as each server has them, else by time. Servers that contradict each other (one was
    restored from a backup) are put in order by time.
    """
    waits: dict[str, int] = dict.fromkeys(entries, 0)
    follows: dict[str, list[str]] = {}
    for order in orders:
        for before, after in itertools.pairwise(order):
            follows.setdefault(before, []).append(after)
            waits[after] += 1
    ready = [(entries[name].ended, name) for name, count in waits.items() if not count]
    heapq.heapify(ready)
    out: list[str] = []
    while ready:
        _, name = heapq.heappop(ready)
        out.append(name)
        for after in follows.get(name, ()):
            waits[after] -= 1
            if not waits[after]:
                heapq.heappush(ready, (entries[after].ended, after))
    rest = set(entries) - set(out)
    return out + sorted(rest, key=lambda name: (entries[name].ended, name))


def _undone(entries: Sequence[Entry]) -> list[Entry]:
    """The same, oldest first, with who took each back: a rollback from a release to the one before it.

    What was taken back by an operation that was taken back itself is in force again.
    """
    out = list(entries)
    switches = [place for place, entry in enumerate(out) if entry.changed_live]
    for earlier, later in reversed(list(itertools.pairwise(switches))):
        undoer = out[later]
        back = undoer.kind == ROLLBACK and (out[earlier].tag, out[earlier].previous) == (undoer.previous, undoer.tag)
        if back and not undoer.undone_by:
            out[earlier] = replace(out[earlier], undone_by=undoer.operation)
    return out
