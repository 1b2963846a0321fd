"""What an interrupted operation did where, from `transitions.jsonl` and `current` of all servers (pure)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from msgspec import Struct, field

from core.errors import NeedsPerson
from core.plan import DEPLOY, PROMOTE
from core.records import JournalLine, Record, ServerState
from core.records.left_out import last_end
from core.records.open_operations import begun_to_retire, open_operations, turned_back
from core.strategy import Batch
from core.text import duration, most, ranges

FINISH, UNDO = "finish", "undo"


class Before(Struct, frozen=True, kw_only=True):
    """Where `current` pointed on a server before the operation's switch: the tag, and the link's text ("" for none)."""

    tag: str
    target: str


class Interruption(Struct, frozen=True, kw_only=True):
    """An operation that began to change something and has no end in any `transitions.jsonl`.

    time      when it began, in seconds since the epoch by its operator's clock; no order depends on it
    phase     the last one that an agent noted, "" where it could not
    tag       the release that was to become live; records: by server, of its release, where its own lines have it
    tags      by server that was to go to another release: that one
    fresh     a deploy or promotion was to make that release live for the first time
    settled   the ids of all operations that an undo of it settles; `others`: whether any is left open after that
    switched  by server: where it was before; `current` points to `tag` there
    waiting   servers of the operation that were not switched
    retired   those of `switched` where it had begun to stop what was live before: that may not run any more
    restored  servers that were switched back already, where the hooks after that may not have run
    drained   servers that may take no requests: a drain hook was begun there, and no return hook has ended since
    batches   in which they switched or were to, in order; () where all did at once
    left_out  servers of the environment that took no part (any more): they are as they were before
    unknown   servers with lines that cannot be read: what was switched there may not be all that is known
    conflict  how the servers' lines contradict each other about it; "" where they do not
    """

    operation: str
    kind: str
    who: str
    time: float
    phase: str
    tag: str
    tags: Mapping[str, str] = field(default_factory=dict)
    records: Mapping[str, Record] = field(default_factory=dict)
    fresh: bool = False
    settled: tuple[str, ...] = ()
    others: bool = False
    switched: Mapping[str, Before] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    retired: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    drained: tuple[str, ...] = ()
    batches: tuple[Batch, ...] = ()
    left_out: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    conflict: str = ""

    def tag_on(self, server: str) -> str:
        """The release that was to become live on a server."""
        return self.tags.get(server, self.tag)

    def describe(self, now: float) -> str:
        """`interrupted deploy 4 min ago by ana@ci: web1, web2 switched; web3 not`."""
        head = f"interrupted {self.kind} {duration(max(now - self.time, 0))} ago by {self.who}"
        if self.conflict:
            return f"{head}: {self.conflict}"
        out = f"; left out: {ranges(self.left_out)}" if self.left_out else ""
        out += f"; drained: {ranges(self.drained)}" if self.drained else ""
        out += f"; switched back: {ranges(self.restored)}" if self.restored else ""
        out += f"; stopping what was live before on {ranges(self.retired)}" if self.retired else ""
        lost = f"{out}; transitions.jsonl cannot be read whole on {ranges(self.unknown)}" if self.unknown else out
        if not self.switched:
            unknown = "whether anything was switched is unknown"
            return f"{head}: {unknown if self.unknown else 'nothing was switched'}{lost}"
        text = f"{head}: {ranges(self.switched)} switched"
        if self.waiting:
            return f"{text}; {ranges(self.waiting)} not{lost}"
        return f"{text}; whether the checks ran is unknown{lost}"


def interruption(states: Iterable[ServerState]) -> Interruption | None:
    """The interrupted operation in the servers' `transitions.jsonl`, or None; also None while an operation runs."""
    states = list(states)
    if any(state.lock and state.lock.alive for state in states):
        return None
    by_server = {state.server: _open_here(state, states) for state in states}
    opened = [lines for groups in by_server.values() for lines in groups]
    if not opened:
        return None
    newest = _newest(states, by_server)
    begin = newest[0]
    switches = [line for lines in opened for line in lines if line.what == "switch"]
    # A server took part if any server names it, or if its own lines mention the operation.
    mine = {
        name: lines for name, groups in by_server.items() for lines in groups if lines[0].operation == begin.operation
    }
    tags = _own_tags(mine)
    tag = next((line.tag for line in switches if line.operation == begin.operation), begin.tag)
    if tags:
        tag = most(tags.values())
    # A recovery that was interrupted itself goes on with what another operation began; and where an operation has
    # ended on some servers only, those are as it left them all the same.
    same = {tag, *tags.values()}
    involved = {line.operation for line in switches if line.tag in same} | {begin.operation}
    switched: dict[str, Before] = {}
    for state in states:
        here = tags.get(state.server, tag)
        own = (line for line in reversed(state.transitions) if line.what == "switch" and line.operation in involved)
        line = next((line for line in own if line.tag == here), None)
        if line and state.current == here:
            switched[state.server] = Before(tag=line.previous, target=line.target)
    named = {name for lines in mine.values() for name in lines[0].servers}
    concerned = {state.server for state in states if state.server in {*named, *mine} or not begin.servers}
    out = {name for lines in opened for line in lines if line.operation in involved for name in line.left_out}
    out -= switched.keys()
    return Interruption(
        operation=begin.operation,
        kind=begin.kind,
        who=begin.who,
        time=begin.time,
        phase=next((line.phase for line in newest if line.what == "interrupted"), ""),
        tag=tag,
        tags={name: other for name, other in tags.items() if other != tag},
        records=_records(by_server, tag, tags),
        fresh=any(lines[0].kind in (DEPLOY, PROMOTE) for lines in opened if lines[0].tag == tag),
        settled=tuple(sorted(involved)),
        others=any(lines[0].operation not in involved for lines in opened),
        switched=switched,
        waiting=tuple(
            s.server
            for s in states
            if s.server in concerned
            and s.server not in switched
            and s.server not in out
            and s.current != tags.get(s.server, tag)
        ),
        retired=tuple(s.server for s in states if s.server in switched and begun_to_retire(s, switched[s.server].tag)),
        restored=tuple(
            s.server
            for s in states
            if s.server in concerned and s.server not in switched and turned_back(s, tags.get(s.server, tag))
        ),
        drained=tuple(state.server for state in states if _is_drained(state.transitions)),
        batches=_batches(opened, involved, begin.operation),
        left_out=tuple(sorted(out)),
        unknown=tuple(state.server for state in states if not state.transitions_whole),
        conflict="" if tags else _conflict(mine),
    )


def untold(states: Iterable[ServerState]) -> NeedsPerson | None:
    """What to say where no interruption was found, and some servers' lines cannot be read; None where all can be."""
    unknown = [state for state in states if not state.transitions_whole]
    if not unknown:
        return None
    return NeedsPerson(
        f"whether an operation was interrupted is unknown on {', '.join(state.server for state in unknown)}",
        detail="\n".join(f"{state.server}: {fault}" for state in unknown for fault in state.faults),
        hint="check which release is live on each server; the next deploy or rollback settles it",
    )


def _open_here(state: ServerState, states: Sequence[ServerState]) -> list[list[JournalLine]]:
    """The operations that have no end on a server. If it was left out of what others have ended since, and had not
    switched, nothing is open there: it is behind them, and that is said elsewhere.
    """
    found = open_operations(state.transitions)
    ends = (last_end(other.transitions) for other in states)
    if any(end and state.server in end.left_out and state.current != end.tag for end in ends):
        return [lines for lines in found if any(line.what in ("switch", "drain") for line in lines)]
    return found


def _is_drained(transitions: Sequence[JournalLine]) -> bool:
    """Whether a server may take no requests, by its own lines."""
    drained = False
    for line in transitions:
        if line.what in ("drain", "return") or (line.what == "end" and line.outcome == "done"):
            drained = line.what == "drain"
    return drained


def _batches(opened: Iterable[Sequence[JournalLine]], involved: Container[str], newest: str) -> tuple[Batch, ...]:
    """The batches of these operations, each server in the one in which it came last: a recovery that was interrupted
    went on with the batches that were left.
    """
    orders: dict[str, tuple[Batch, ...]] = {}
    for lines in opened:
        if lines[0].operation in involved and lines[0].order:
            orders.setdefault(lines[0].operation, lines[0].order)
    found = [batch for name in sorted(orders, key=lambda name: name == newest) for batch in orders[name]]
    last = {name: place for place, batch in enumerate(found) for name in batch}
    kept = (tuple(name for name in batch if last[name] == place) for place, batch in enumerate(found))
    return tuple(batch for batch in kept if batch)


def _newest(states: Sequence[ServerState], opened: Mapping[str, Sequence[Sequence[JournalLine]]]) -> list[JournalLine]:
    """All lines of the open operation that came last, of those that switched something where any did.

    Operations that share a server follow each other in its file, by the server's own order: no clock is compared. Where
    several came last, on servers that are not the same, the one counts whose release is live on more of them.
    """
    lines: dict[str, list[JournalLine]] = {}
    live: dict[str, int] = {}
    orders: list[list[str]] = []
    for state in states:
        found = opened[state.server]
        orders.append([one[0].operation for one in found])
        for one in found:
            name = one[0].operation
            lines.setdefault(name, []).extend(one)
            on_it = any(line.what == "switch" and line.tag == state.current for line in one)
            live[name] = live.get(name, 0) + on_it
    switched = {name for name, of_all in lines.items() if any(line.what == "switch" for line in of_all)}
    chosen = switched or set(lines)
    followed = set()
    for order in orders:
        followed.update([name for name in order if name in chosen][:-1])
    last = max(chosen - followed or chosen, key=lambda name: (live[name], len(lines[name]), name))
    # A `begin` says more than a switch; without a `begin` the switch is enough.
    return sorted(lines[last], key=lambda line: line.what != "begin")


def _own_tags(mine: Mapping[str, Sequence[JournalLine]]) -> dict[str, str]:
    """By server: the release that it was to go to, or to stay on, where an operation led them to several: each line of
    its begin says so.
    """
    begins = [lines[0] for lines in mine.values() if lines[0].what == "begin"]
    if not begins or not all(begin.each for begin in begins):
        return {}
    return {name: lines[0].tag for name, lines in mine.items() if lines[0].tag}


def _records(
    by_server: Mapping[str, Sequence[Sequence[JournalLine]]], tag: str, tags: Mapping[str, str]
) -> dict[str, Record]:
    """By server: the record of its release in its own lines, of the first operation that was to make it live."""
    found = {}
    for name, groups in by_server.items():
        here = tags.get(name, tag)
        record = next((lines[0].record for lines in groups if lines[0].tag == here and lines[0].record), None)
        if record:
            found[name] = record
    return found


def _conflict(mine: Mapping[str, Sequence[JournalLine]]) -> str:
    """How servers contradict each other about what one operation was to make live, or ""."""
    said: dict[str, list[str]] = {}
    for name, lines in mine.items():
        for tag in dict.fromkeys(line.tag for line in lines if line.tag and line.what in ("begin", "switch")):
            said.setdefault(tag, []).append(name)
    if len(said) < 2:
        return ""
    return "; ".join(f"{', '.join(names)} says that it was to make {tag} live" for tag, names in said.items())
