"""From an agent's answer to what Turnout knows of a server (pure). Nothing in it is trusted to be well-formed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from msgspec.structs import replace

from core.adoption.traces import History, Traces
from core.errors import ServerError
from core.protocol.disks import FEATURES, PLACES, Cache, Disks
from core.protocol.holding import Clock, Journals, Locks, Ownership
from core.protocol.releases import Current, Releases
from core.protocol.traces import TraceReader
from core.protocol.values import raw_path, shown_path
from core.records import CLOSED, Freeze, ServerState, SlotUse, TheirLock, parse_notice, parse_slot_use
from core.text import clean, decode_path

MOST_FAULTS = 20
MOST_MOUNTS = 100
MOST_SLOTS = 100
"""How many faults, mount points and slots of a server are kept; more would say nothing new."""


class _Seen:
    """The facts of an answer, as they come line by line, each topic by a reader of its own."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.root = ""
        """present, absent, or "" where no line says so."""
        self.writable = False
        self.features: set[str] = set()
        self.shared_missing: set[str] = set()
        self.shared_dangling: set[str] = set()
        self.shared_elsewhere: dict[str, str] = {}
        self.shared_linked: list[str] = []
        self.current = Current()
        self.releases = Releases(self.faults)
        self.disks = Disks()
        self.cache = Cache()
        self.clock = Clock()
        self.locks = Locks()
        self.journals = Journals(self.faults)
        self.ownership = Ownership()
        self.traces = TraceReader()
        self.freeze: Freeze | None = None
        self.slots: list[SlotUse] = []
        self.readers: dict[str, Callable[[str], None]] = {
            "root": self._root,
            "writable": self._writable,
            "place": self._place,
            "leftover": self._leftover,
            "unreadable": self._unreadable,
            "shared-missing": self._shared_missing,
            "shared-dangling": self._shared_dangling,
            "shared-elsewhere": self._shared_elsewhere,
            "shared-linked": self._shared_linked,
            "feature": self._feature,
            "frozen": self._frozen,
            "slot": self._slot,
        }
        for topic in (self.current, self.releases, self.disks, self.cache, self.traces):
            self.readers |= topic.readers
        for more in (self.clock, self.locks, self.journals, self.ownership):
            self.readers |= more.readers

    def read(self, lines: Iterable[str]) -> None:
        for line in lines:
            word, _, rest = line.partition(" ")
            reader = self.readers.get(word)
            if reader is None:
                self.locks.fact(word, rest)
                continue
            try:
                reader(rest)
            except (ValueError, IndexError, OverflowError):
                self.faults.append(f"unrecognised line in the server's answer, ignored: {clean(line, 100)}")

    def _root(self, rest: str) -> None:
        if rest not in ("present", "absent"):
            raise ValueError
        self.root = rest

    def _writable(self, rest: str) -> None:
        self.writable = rest == "yes"

    def _place(self, rest: str) -> None:
        """A folder of the root or a release: device number, time, name."""
        device, _, rest = rest.partition(" ")
        name = rest.partition(" ")[2]
        if name == "." or name in PLACES:
            self.disks.device(name, device)
        else:
            self.releases.release(rest)

    def _leftover(self, rest: str) -> None:
        path = shown_path(rest, 200)
        self.faults.append(f"{path} could not be removed: look at its owner and attributes (ls -ld, lsattr)")

    def _unreadable(self, rest: str) -> None:
        """A file or folder of ours that is there and cannot be read: its content is unknown."""
        path = decode_path(rest).decode("utf-8", "backslashreplace")
        self.releases.unreadable(path)
        self.journals.unreadable(path)
        self.faults.append(f"{clean(path, 200)} cannot be read: its content is unknown")

    def _shared_missing(self, rest: str) -> None:
        self.shared_missing.add(raw_path(rest))

    def _shared_dangling(self, rest: str) -> None:
        self.shared_dangling.add(raw_path(rest))

    def _shared_elsewhere(self, rest: str) -> None:
        path, _, place = rest.partition(" ")
        if len(self.shared_elsewhere) < MOST_FAULTS:
            self.shared_elsewhere[raw_path(path)] = shown_path(place, 1000)

    def _shared_linked(self, rest: str) -> None:
        if len(self.shared_linked) < MOST_FAULTS:
            self.shared_linked.append(shown_path(rest, 1000))

    def _frozen(self, rest: str) -> None:
        self.freeze = parse_notice(rest, Freeze)

    def _slot(self, rest: str) -> None:
        if len(self.slots) < MOST_SLOTS:
            self.slots.append(parse_slot_use(rest))

    def _feature(self, rest: str) -> None:
        if rest in FEATURES:
            self.features.add(rest)


def words() -> frozenset[str]:
    """The words with which the lines of a state may begin, but for those of locks (`lock-…`, `took-…`)."""
    return frozenset(_Seen().readers)


def parse_state(lines: Iterable[str], server: str, root: str, *, now: float, rtt: float = 0.0) -> ServerState:
    """The state in the lines of inspect.sh's `state`. `now`: our clock when the answer came, `rtt` in seconds.

    ServerError where the answer does not say what `current` is: whether a release is live would be a guess.
    """
    seen = _Seen()
    seen.read(lines)
    current = seen.current
    kind = "absent" if seen.root == "absent" else current.kind
    if not kind:
        raise ServerError(
            "the server's answer was not recognised",
            detail="\n".join(["it does not say what `current` is", *seen.faults[:3]]),
            hint="nothing was changed; `turnout doctor` looks for the cause",
            server=server,
        )
    traces = seen.traces.found(seen.releases.strange(), current.target)
    history, their_locks = _told(traces)
    releases = seen.releases.all(current, history.releases)
    features = seen.features | ({"writable"} if seen.writable else set()) | ({CLOSED} if current.closed else set())
    disks, cache, ownership, tick = seen.disks, seen.cache, seen.ownership, seen.clock.tick
    return ServerState(
        server=server,
        root=root,
        exists=seen.root == "present",
        current=current.tag if kind == "link" else "",
        current_kind=kind,
        current_target=current.target,
        form=current.form,
        links={tag: tuple(paths) for tag, paths in current.links.items()},
        releases=releases,
        cache=cache.digest,
        cache_empty=cache.empty,
        cache_foreign=cache.foreign,
        cache_seen=cache.seen,
        cache_bytes=cache.bytes,
        cache_entries=cache.entries,
        lock=seen.locks.held(tick, now),
        took_over=seen.locks.took_over(tick),
        free_bytes=disks.free_bytes,
        free_inodes=disks.free_inodes,
        block=disks.block,
        mounts=tuple(disks.mounts[:MOST_MOUNTS]),
        apart=disks.apart,
        disks=disks.disks,
        clock_skew=seen.clock.seconds - now if seen.clock.seconds else 0.0,
        features=frozenset(features),
        journal=tuple(seen.journals.journal),
        transitions=tuple(seen.journals.transitions),
        transitions_whole=seen.journals.whole,
        shared_missing=frozenset(seen.shared_missing),
        shared_dangling=frozenset(seen.shared_dangling),
        shared_elsewhere=seen.shared_elsewhere,
        shared_linked=tuple(seen.shared_linked),
        lived=history.lived,
        their_locks=their_locks,
        pins=seen.releases.pins,
        blocks=seen.releases.blocks,
        freeze=seen.freeze,
        unlisted=seen.releases.unlisted,
        faults=tuple(seen.faults[:MOST_FAULTS]),
        rtt=rtt,
        read_at=now,
        claim=ownership.claim,
        outer=ownership.outer,
        inner=ownership.inner,
        folder=ownership.folder,
        news=ownership.news,
        slots=tuple(seen.slots),
    )


def _told(traces: Traces) -> tuple[History, tuple[TheirLock, ...]]:
    """What other tools left, where they left anything."""
    if not traces.tags and not traces.locks:
        return History(), ()
    from core.adoption.tools import history_of, locks_of  # few servers need them

    return history_of(traces), locks_of(traces)


def with_records(state: ServerState, lines: Iterable[str]) -> ServerState:
    """The state, completed with the records in the lines of inspect.sh's `records`."""
    seen = _Seen()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in ("record", "unreadable"):
            with suppress(ValueError):
                seen.readers[word](rest)
    releases = seen.releases.completed(state.releases)
    return replace(state, releases=releases, faults=(*state.faults, *seen.faults))
