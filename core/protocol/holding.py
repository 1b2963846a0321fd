"""The lines of a state about operations: who holds the lock, what was begun and ended, whose root it is (pure)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from core import layout
from core.protocol.asked import from_lock
from core.protocol.values import number, shown_path
from core.questions import Question
from core.records import LAST_SECOND, Claim, JournalLine, Lock, parse_journal_line
from core.text import clean

JOURNAL_LINE = 60_000
"""Characters of a line of a journal, as inspect.sh sends them: it names all servers of its operation."""
QUESTION_LINE = 9000
"""Characters of the line of a question, likewise."""
LOCK, TOOK = "lock-", "took-"
"""How the lines begin that say who holds the lock, and from whom it was taken over."""


class Clock:
    """The server's time: `seconds` since the epoch, 0.0 where it is unknown, and a `tick` that no one can set."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.tick = ""
        self.readers: Mapping[str, Callable[[str], None]] = {"time": self._time, "tick": self._tick}

    def _time(self, rest: str) -> None:
        seconds = float(rest)
        if not 0 <= seconds <= LAST_SECOND:
            raise ValueError
        self.seconds = seconds

    def _tick(self, rest: str) -> None:
        self.tick = clean(rest, 100)


class Locks:
    """Facts of the lock that is held, and of one that was taken over."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}
        self._took: dict[str, str] = {}
        self.readers: Mapping[str, Callable[[str], None]] = {"lock": self._lock}

    def _lock(self, rest: str) -> None:
        self._held["held"] = rest

    def fact(self, word: str, rest: str) -> None:
        """A line `lock-FACT VALUE` or `took-FACT VALUE`; others are passed over."""
        for prefix, facts in ((LOCK, self._held), (TOOK, self._took)):
            if word.startswith(prefix):
                facts[word.removeprefix(prefix)] = clean(rest, 200 if word != f"{LOCK}question" else QUESTION_LINE)

    def held(self, tick: str, now: float) -> Lock | None:
        """The lock that is held. `tick`: the server's time, as `Clock` has it; `now`: this machine's."""
        lock = _lock(self._held, tick)
        return lock and replace(lock, question=_question(self._held, tick, now) if lock.alive else None)

    def took_over(self, tick: str) -> Lock | None:
        """The lock of an owner that is gone, which `begin` took over."""
        return _lock(self._took, tick)


class Journals:
    """The last lines of the journal, and the open ones that recovery rests on (`transitions`); `whole`: all of these
    could be read."""

    def __init__(self, faults: list[str]) -> None:
        self.journal: list[JournalLine] = []
        self.transitions: list[JournalLine] = []
        self.whole = True
        self._faults = faults
        self.readers: Mapping[str, Callable[[str], None]] = {
            "journal": self._journal,
            "transition": self._transition,
        }

    def unreadable(self, path: str) -> None:
        """A file or folder of ours is there and cannot be read."""
        self.whole = self.whole and path not in (layout.OWN, layout.TRANSITIONS)

    def _journal(self, rest: str) -> None:
        self.journal.append(parse_journal_line(clean(rest, JOURNAL_LINE)))

    def _transition(self, rest: str) -> None:
        """A line that cannot be read may be the one that says what was switched: then that is unknown."""
        try:
            self.transitions.append(parse_journal_line(clean(rest, JOURNAL_LINE)))
        except (ValueError, OverflowError) as error:
            self.whole = False
            self._faults.append(f"a line of {layout.TRANSITIONS} cannot be read: {clean(str(error), 100)}")


class Ownership:
    """Whose root this is, the roots that it overlaps with, and what tells whether two servers are one folder."""

    def __init__(self) -> None:
        self.claim: Claim | None = None
        self.outer = ""
        self.inner = ""
        self.folder = ""
        self.news = ""
        self.readers: Mapping[str, Callable[[str], None]] = {
            "claim": self._claim,
            "outer": self._outer,
            "inner": self._inner,
            "folder": self._folder,
            "news": self._news,
        }

    def _claim(self, rest: str) -> None:
        machine, id, place, project, environment = clean(rest, 400).split(" ")
        inode = self.folder.rpartition(":")[2]
        self.claim = Claim(id=id, project=project, environment=environment, copied=place != f"{inode}-{machine}")

    def _outer(self, rest: str) -> None:
        self.outer = shown_path(rest)

    def _inner(self, rest: str) -> None:
        self.inner = shown_path(rest)

    def _folder(self, rest: str) -> None:
        # Without the boot's id it could be another machine's folder that has the same numbers.
        self.folder = rest if len(rest.split()) == 2 else ""

    def _news(self, rest: str) -> None:
        self.news = clean(rest, 200)


def lock_in(lines: Iterable[str]) -> Lock | None:
    """The lock in an answer that says who holds it, such as `begin` with status 4; None where no line does."""
    clock, locks = Clock(), Locks()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "tick":
            clock.readers[word](rest)
        elif word == "lock":
            locks.readers[word](rest)
        else:
            locks.fact(word, rest)
    return locks.held(clock.tick, time.time())


def _ago(then: str, tick: str) -> float:
    """Seconds from one tick to another. A lock from before a restart, or of an agent that measured time in another way,
    has no age."""
    if then.startswith("up") != tick.startswith("up"):
        return 0.0
    began, now = number(then.removeprefix("up")), number(tick.removeprefix("up"))
    return max(now - began, 0.0) if began and now else 0.0


def _question(facts: Mapping[str, str], tick: str, now: float) -> Question | None:
    """What the operation asks: `TICK ID CHOICES JSON`; None where the line is not one."""
    asked, _, rest = facts.get("question", "").partition(" ")
    id, _, rest = rest.partition(" ")
    question = from_lock(rest.partition(" ")[2], _ago(asked, tick), now)
    return question if question and question.id == id else None


def _lock(facts: Mapping[str, str], tick: str) -> Lock | None:
    """The lock in its lines; `tick`: the server's time as `tick` in inspect.sh has it; ages count from it."""
    if not facts:
        return None

    return Lock(
        operation=facts.get("operation", ""),
        kind=facts.get("kind", ""),
        who=facts.get("who", ""),
        since=number(facts.get("since", "")),
        age=_ago(facts.get("server-since", ""), tick),
        silence=_ago(facts.get("beat", ""), tick),
        phase=facts.get("phase", ""),
        alive="dead" not in facts,
    )
