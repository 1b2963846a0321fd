"""What the agent's answers mean: their status, the errors of those that failed, what was removed, events (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from enum import IntEnum

from msgspec import Struct

from core import questions
from core.errors import Astray, LockedError, LockLost, NeedsPerson, ServerError, TurnoutError
from core.plan import Sizes
from core.protocol.asked import from_line
from core.protocol.complaints import failure
from core.protocol.holding import JOURNAL_LINE, lock_in
from core.protocol.values import amount, raw_path
from core.records import JournalLine, Lock, is_digest, is_tag, parse_journal_line
from core.text import clean, clean_lines


class Status(IntEnum):
    """How a request ended. docs/agent.md has the same table."""

    DONE = 0
    FAILED = 1
    LOST = 3
    """The lock is not this operation's (any more)."""
    LOCKED = 4
    """Another operation holds the lock; the lines say which."""
    PERSON = 5
    """Only a person can decide; the lines say what."""
    LACKING = 6
    """The server lacks a program."""
    INCOMPLETE = 7
    """What was copied is another tree than the manifest's."""
    ASTRAY = 8
    """`current` is not as the operation left it."""
    CANCELLED = 143


SIGNALLED = 128
"""A status above it: a signal ended the request, the one of that number more."""
PIECE = 262144
"""Bytes of an operation's events that one answer to `events` brings at most."""


class Answer(Struct, frozen=True):
    """An agent's answer: its lines, as they came (ASCII; cleaned before they are shown), and its status."""

    lines: tuple[str, ...]
    status: int

    @property
    def text(self) -> str:
        """The lines for people."""
        return clean_lines("\n".join(self.lines)).strip()

    def of(self, word: str) -> list[str]:
        """What follows this word in the lines that begin with it."""
        return [line.removeprefix(f"{word} ") for line in self.lines if line.startswith(f"{word} ")]


def error_of(answer: Answer, title: str) -> TurnoutError:
    """The error that an answer means whose status is not DONE; `title` says what was not done."""
    match answer.status:
        case Status.LOCKED:
            lock = lock_in(answer.lines) or Lock()
            return LockedError(
                f"locked by {lock.describe()}",
                hint="`turnout watch` follows it, `--wait 5m` waits for it; `turnout unlock` if it hangs",
            )
        case Status.LOST:
            return LockLost(title, detail=answer.text, hint="refresh and check what is live; then try again")
        case Status.ASTRAY:
            target, _, gone = next(iter(answer.of("astray")), "").partition(" ")
            return Astray(raw_path(target), dangling=bool(gone))
        case Status.PERSON:
            return NeedsPerson(title, detail=answer.text)
        case Status.LACKING:
            hint = "install it there; `turnout doctor` lists what is missing"
            return ServerError(title, detail=answer.text, hint=hint)
    if answer.status > SIGNALLED:
        return ServerError(title, detail="the request was ended by a signal on the server")
    return failure(title, answer.lines, f"status {answer.status}")


class Removed(Struct, frozen=True):
    """What a prune did.

    tags        that are no longer in releases/
    busy, kept  tags that still are: a process works in them; they could not be moved
    left        of `tags` those whose files could not all be removed; "deploy-cache" likewise
    complaints  what mv and rm printed
    """

    tags: tuple[str, ...]
    busy: tuple[str, ...]
    kept: tuple[str, ...]
    left: tuple[str, ...]
    complaints: tuple[str, ...]


def removed(answer: Answer) -> Removed:
    """What `remove`, `clear` and `finish` say."""

    def tags(word: str) -> tuple[str, ...]:
        return tuple(tag for tag in answer.of(word) if is_tag(tag))

    complaints = tuple(clean(line, 300) for line in answer.lines if line.startswith(("rm:", "mv:")))
    return Removed(tags("removed"), tags("busy"), tags("kept"), tags("left"), complaints)


def parse_sizes(lines: Iterable[str]) -> Sizes:
    """What removals free, in bytes by tag ("" is the deploy-cache), from the lines of `sizes`."""
    sizes: dict[str, int] = {}
    exact = True
    for line in lines:
        words = line.split()
        exact = exact and words != ["size-at-most"]
        if len(words) == 3 and words[0] == "size" and words[2].isdigit():
            with suppress(ValueError):
                if words[1] == "." or is_tag(words[1]):
                    sizes["" if words[1] == "." else words[1]] = amount(words[2]) * 1024
    return Sizes(sizes, exact)


class Left(Struct, frozen=True):
    """What became of an answer that was left in a lock.

    closed    the question was not open there any more
    unknown   the question there has no such choice
    first     somebody's answer that was left before; this one was not
    """

    closed: bool
    unknown: bool
    first: questions.Answer | None


def parse_left(answer: Answer, question: str) -> Left:
    """What `answer QUESTION` says."""
    first = answer.of("first")
    taken = from_line(first[0], question) or questions.Answer(question, "", "somebody") if first else None
    return Left("closed" in answer.lines, "unknown" in answer.lines, taken)


def news(answer: Answer) -> str:
    """What `glance` says: another text once an operation has begun or ended; "" where there is no deploy root."""
    return next(iter(answer.of("news")), "")


class Events(Struct, frozen=True):
    """A piece of the running operation's events, from a byte of its file on.

    holder   the operation that holds the lock, while its process is running; "" for none
    asks     what it asks; None for nothing
    length   bytes of the whole file; None where there is none
    lines    of JSON, all of them whole
    bytes    of these lines in the file
    """

    holder: str
    length: int | None
    lines: tuple[str, ...]
    bytes: int
    asks: questions.Question | None = None


def parse_events(answer: Answer, offset: int) -> Events:
    """What `events OFFSET` says. ServerError for a length that is not one: nothing can be followed by it."""
    holder = "" if "yes" in answer.of("lock-dead") else next(iter(answer.of("lock-operation")), "")
    lock = lock_in(answer.lines) if answer.of("lock-question") else None
    asks = lock.question if lock else None
    lengths = answer.of("length")
    if not lengths:
        return Events(holder, None, (), 0, asks)
    length = _length(lengths[0])
    # The writer may be in the middle of the last line: only what lies within the length that was read before counts.
    most = min(length - offset, PIECE)
    lines: list[str] = []
    used = 0
    for line in answer.of("event"):
        if used + len(line) + 1 > most:
            break
        used += len(line) + 1
        lines.append(line)
    return Events(holder, length, tuple(lines), used, asks)


def parse_history(answer: Answer) -> tuple[JournalLine, ...]:
    """The lines of `history`, oldest first; what is not a line of a journal is passed over.

    ServerError where the journal is there and cannot be read.
    """
    if answer.of("unreadable"):
        raise ServerError("its journal cannot be read", detail=answer.text)
    lines = []
    for text in answer.of("journal"):
        with suppress(ValueError, OverflowError):
            lines.append(parse_journal_line(clean(text, JOURNAL_LINE)))
    return tuple(lines)


def parse_switches(answer: Answer, most: int) -> tuple[tuple[JournalLine, ...], bool]:
    """The last lines of `switches`, so many at most, as `parse_history` reads them, and whether the journal has no
    others: one more was asked for."""
    return parse_history(answer)[-most:], not answer.of("more") and len(answer.of("journal")) <= most


class Recorded(Struct, frozen=True):
    """What a server's records and journals say of what may be needed again.

    digests   of trees that a record, or the journal of an open operation, names
    served    servers on which an operation of its journals was about to make a release live
    """

    digests: frozenset[str]
    served: frozenset[str]


def parse_recorded(answer: Answer) -> Recorded:
    digests = frozenset(line for line in answer.lines if is_digest(line))
    return Recorded(digests, frozenset(clean(name) for name in answer.of("served")))


def listens(answer: Answer) -> list[int]:
    """The ports at which something listens."""
    return [int(port) for port in answer.of("listens") if port.isascii() and port.isdigit()]


def _length(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ServerError(
            "the operation cannot be watched: the length of its events was not recognised", detail=clean(text, 100)
        )
    return int(text)
