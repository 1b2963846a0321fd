"""What an interrupted operation did where, from the journals of all servers (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from core.plan import DEPLOY, RECOVER, ROLLBACK
from core.records import JournalLine, Record, ServerState
from core.text import duration

FINISH, UNDO = "finish", "undo"


@dataclass(frozen=True, kw_only=True)
class Before:
    """Where `current` led on a server before the operation switched it: the tag, and the link's text ("" for none)."""

    tag: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Interruption:
    """An operation that began to change something and whose end no journal tells.

    time      when it began, in seconds since the epoch by its operator's clock: for people, nothing is ordered by it
    phase     the last one that an agent noted, "" where it could not
    tag       the release that was to become live, and its record where the journal has it
    fresh     a deploy was to make that release live for the first time
    settled   the ids of all operations that an undo of it settles; `others`: whether any is left open after that
    switched  by server: where it was before; `current` leads to `tag` there
    waiting   servers of the operation that were not switched
    """

    operation: str
    kind: str
    who: str
    time: float
    phase: str
    tag: str
    record: Record | None = None
    fresh: bool = False
    settled: tuple[str, ...] = ()
    others: bool = False
    switched: Mapping[str, Before] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()

    @property
    def mixed(self) -> bool:
        """Whether some servers are on the new release and some are not: a person has to choose."""
        return bool(self.switched) and bool(self.waiting)

    def describe(self, now: float) -> str:
        """`interrupted deploy 4 min ago by ana@ci: web1, web2 switched; web3 not`."""
        head = f"interrupted {self.kind} {duration(max(now - self.time, 0))} ago by {self.who}"
        if not self.switched:
            return f"{head}: nothing was switched"
        text = f"{head}: {', '.join(self.switched)} switched"
        return f"{text}; {', '.join(self.waiting)} not" if self.waiting else f"{text}, and no check or end is known"


def interruption(states: Iterable[ServerState]) -> Interruption | None:
    """The interrupted operation that the servers' journals tell of, or None. One that still runs is none."""
    states = list(states)
    if any(state.lock and state.lock.alive for state in states):
        return None
    opened = [lines for state in states for lines in _open_operations(state.transitions)]
    if not opened:
        return None
    newest = _newest(states)
    begin = newest[0]
    switches = [line for lines in opened for line in lines if line.what == "switch"]
    tag = next((line.tag for line in switches if line.operation == begin.operation), begin.tag)
    # A recovery that was interrupted itself goes on with what another operation began; and where an operation has
    # ended on some servers only, those are as it left them all the same.
    involved = {line.operation for line in switches if line.tag == tag} | {begin.operation}
    switched: dict[str, Before] = {}
    for state in states:
        mine = (line for line in reversed(state.transitions) if line.what == "switch" and line.operation in involved)
        line = next((line for line in mine if line.tag == tag), None)
        if line and state.current == tag:
            switched[state.server] = Before(tag=line.previous, target=line.target)
    concerned = {state.server for state in states if state.server in begin.servers or not begin.servers}
    return Interruption(
        operation=begin.operation,
        kind=begin.kind,
        who=begin.who,
        time=begin.time,
        phase=next((line.phase for line in newest if line.what == "interrupted"), ""),
        tag=tag,
        record=next((lines[0].record for lines in opened if lines[0].tag == tag and lines[0].record), None),
        fresh=any(lines[0].kind == DEPLOY for lines in opened if lines[0].tag == tag),
        settled=tuple(sorted(involved)),
        others=any(lines[0].operation not in involved for lines in opened),
        switched=switched,
        waiting=tuple(
            s.server for s in states if s.server in concerned and s.server not in switched and s.current != tag
        ),
    )


def _newest(states: Sequence[ServerState]) -> list[JournalLine]:
    """All lines of the open operation that came last, of those that switched something where any did.

    Operations that share a server follow each other in its file, by the server's own order: no clock is compared. Where
    several came last, on servers that are not the same, the one counts whose release is live on more of them.
    """
    lines: dict[str, list[JournalLine]] = {}
    live: dict[str, int] = {}
    orders: list[list[str]] = []
    for state in states:
        found = _open_operations(state.transitions)
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
    # A `begin` tells more than a switch, which speaks for itself where that was lost.
    return sorted(lines[last], key=lambda line: line.what != "begin")


def _open_operations(transitions: Sequence[JournalLine]) -> list[list[JournalLine]]:
    """The lines of the operations that change what is live and have no end, oldest first; each one's `begin` first.

    An operation that did nothing, or whose work was put back, leaves open what was open before it. One that was
    carried out closes everything before it. Where a `begin` was lost (a full disk), a switch speaks for itself.
    """
    open_ones: list[list[JournalLine]] = []
    for line in transitions:
        if line.what == "end":
            if line.kind in (DEPLOY, ROLLBACK, RECOVER) and line.outcome == "done":
                open_ones.clear()
            else:
                open_ones = [lines for lines in open_ones if lines[0].operation != line.operation]
            continue
        same = (lines for lines in reversed(open_ones) if line.operation in ("", lines[0].operation))
        mine = next(same, None)
        if mine is not None:
            mine.append(line)
        elif line.what in ("begin", "switch") and line.kind in (DEPLOY, ROLLBACK, RECOVER):
            open_ones.append([line])
    return open_ones
