"""From an agent's answer to what Turnout knows of a server (pure). Nothing in it is trusted to be well-formed."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace

from core import layout
from core.plan import Sizes
from core.records import (
    CLOSED,
    LARGEST_SEQ,
    LAST_SECOND,
    Claim,
    Disk,
    JournalLine,
    Lock,
    Pin,
    Record,
    Release,
    ServerState,
    is_digest,
    is_tag,
    parse_journal_line,
    parse_pin,
    parse_record,
)
from core.text import clean, decode_path

JOURNAL_LINE = 60_000
"""Characters of a line of a journal, as inspect.sh sends them: it names all servers of its operation."""
FEATURES = frozenset({"zstd", "gzip", "sha256sum", "shasum", "comm", "tar", "reflink"})
"""What a server may say that it has."""
NO_MARKS: frozenset[str] = frozenset()
BLOCKS = range(512, (64 << 10) + 1)
"""Bytes of a block that are what the smallest file occupies."""

PLACES = frozenset({layout.OWN, layout.RELEASES, layout.CACHE, layout.SHARED})
"""The folders of a root that may lie on file systems of their own."""
MOST_MOUNTS = 100
_OCTAL = re.compile(r"\\([0-3][0-7]{2})")


@dataclass
class _Seen:
    """The facts of an answer, as they come line by line."""

    current: str = ""
    kind: str = "absent"
    target: str = ""
    folders: dict[str, float] = field(default_factory=dict)
    records: dict[str, list[str]] = field(default_factory=dict)
    cache: str = ""
    cache_empty: bool = False
    root: bool = False
    writable: bool = False
    clock: float = 0.0
    tick: str = ""
    free_bytes: int = -1
    free_inodes: int = -1
    block: int = ServerState.block
    cache_bytes: int = 0
    cache_entries: int = 0
    features: set[str] = field(default_factory=set)
    lock: dict[str, str] = field(default_factory=dict)
    took: dict[str, str] = field(default_factory=dict)
    journal: list[JournalLine] = field(default_factory=list)
    transitions: list[JournalLine] = field(default_factory=list)
    transitions_whole: bool = True
    unread: set[str] = field(default_factory=set)
    older: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict)
    unlisted: int = 0
    records_whole: bool = True
    unused: set[str] = field(default_factory=set)
    pins: dict[str, Pin] = field(default_factory=dict)
    shared_missing: set[str] = field(default_factory=set)
    shared_dangling: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    claim: Claim | None = None
    outer: str = ""
    inner: str = ""
    folder: str = ""
    news: str = ""
    devices: dict[str, int] = field(default_factory=dict)
    rooms: dict[str, tuple[int, int]] = field(default_factory=dict)
    mounts: list[str] = field(default_factory=list)


def parse_state(lines: Iterable[str], server: str, root: str, *, now: float, rtt: float = 0.0) -> ServerState:
    """The state in the lines of agent.sh's `state`. `now`: our clock when the answer came."""
    seen = _Seen()
    for line in lines:
        word, _, rest = line.partition(" ")
        reader = _READERS.get(word)
        if reader:
            try:
                reader(seen, rest)
            except (ValueError, IndexError, OverflowError):
                seen.faults.append(f"an answer that makes no sense: {clean(line, 100)}")
        elif word.startswith("lock-"):
            seen.lock[word.removeprefix("lock-")] = clean(rest, 200)
        elif word.startswith("took-"):
            seen.took[word.removeprefix("took-")] = clean(rest, 200)
    records = _records(seen)
    if not seen.records_whole:
        seen.unread |= seen.folders.keys() - records.keys()
    tags = seen.folders.keys() | records.keys() | seen.unread
    releases = {
        tag: Release(
            tag=tag,
            record=records.get(tag),
            present=tag in seen.folders,
            mtime=seen.folders.get(tag, 0.0),
            live=seen.kind == "link" and tag == seen.current,
            unused=tag in seen.unused,
            unread=tag in seen.unread,
            pin=seen.pins.get(tag),
            seq=seen.older.get(tag, (0, NO_MARKS))[0] if tag not in records else 0,
            marks=seen.older.get(tag, (0, NO_MARKS))[1] if tag not in records else NO_MARKS,
        )
        for tag in tags
    }
    features = seen.features | ({"writable"} if seen.writable else set())
    return ServerState(
        server=server,
        root=root,
        exists=seen.root,
        current=seen.current if seen.kind == "link" else "",
        current_kind=seen.kind,
        current_target=seen.target,
        releases=releases,
        cache=seen.cache,
        cache_empty=seen.cache_empty and not seen.cache,
        lock=_lock(seen.lock, seen.tick),
        free_bytes=seen.free_bytes,
        free_inodes=seen.free_inodes,
        block=seen.block,
        cache_bytes=seen.cache_bytes,
        cache_entries=seen.cache_entries,
        clock_skew=seen.clock - now if seen.clock else 0.0,
        features=frozenset(features),
        journal=tuple(seen.journal),
        transitions=tuple(seen.transitions),
        shared_missing=frozenset(seen.shared_missing),
        shared_dangling=frozenset(seen.shared_dangling),
        transitions_whole=seen.transitions_whole,
        pins=seen.pins,
        unlisted=seen.unlisted,
        took_over=_lock(seen.took, seen.tick),
        faults=tuple(seen.faults[:20]),
        rtt=rtt,
        read_at=now,
        claim=seen.claim,
        outer=seen.outer,
        inner=seen.inner,
        folder=seen.folder,
        news=seen.news,
        mounts=tuple(seen.mounts[:MOST_MOUNTS]),
        apart=_apart(seen),
        disks={name: Disk(seen.devices[name], *room) for name, room in seen.rooms.items() if seen.devices.get(name)},
    )


def parse_sizes(lines: Iterable[str]) -> Sizes:
    """What removals free, from inspect.sh's `sizes`."""
    sizes: dict[str, int] = {}
    exact = True
    for line in lines:
        words = line.split()
        exact = exact and words != ["size-at-most"]
        if len(words) == 3 and words[0] == "size" and words[2].isdigit():
            with suppress(ValueError):
                if words[1] == "." or is_tag(words[1]):
                    sizes["" if words[1] == "." else words[1]] = _amount(words[2]) * 1024
    return Sizes(sizes, exact)


def _amount(text: str) -> int:
    """A number of bytes, blocks or entries. ValueError for what is none that any file system could have."""
    value = int(text) if len(text) < 25 and text.isascii() and text.isdigit() else -1
    if not 0 <= value < 1 << 63:
        raise ValueError(f"{text[:30]} is no amount")
    return value


def _current(seen: _Seen, rest: str) -> None:
    kind, _, target = rest.partition(" ")
    if kind not in ("link", "absent", "folder", "file"):
        raise ValueError
    seen.kind = kind
    if kind == "link":
        seen.target = decode_path(target).decode("utf-8", "surrogateescape")
        tag = posixpath.basename(posixpath.normpath(seen.target))
        seen.current = tag if is_tag(tag) else ""


def _live(seen: _Seen, rest: str) -> None:
    tag = decode_path(rest).decode("utf-8", "backslashreplace")
    if is_tag(tag):
        seen.current = tag
    else:
        seen.kind = "elsewhere"


def _dangling(seen: _Seen, rest: str) -> None:
    seen.kind = "dangling"
    if rest == "closed":
        seen.features.add(CLOSED)


def _release(seen: _Seen, rest: str) -> None:
    mtime, _, name = rest.partition(" ")
    name = name.removeprefix(f"{layout.RELEASES}/")
    if is_tag(name):
        seen.folders[name] = float(mtime) if 0 <= float(mtime) <= LAST_SECOND else 0.0
    else:
        seen.faults.append(f"{layout.RELEASES}/{clean(name, 60)}: not a release's name; left alone")


def _place(seen: _Seen, rest: str) -> None:
    """A folder of the root or a release: device number, time, name."""
    device, _, rest = rest.partition(" ")
    name = rest.partition(" ")[2]
    if name == "." or name in PLACES:
        seen.devices[name] = _amount(device)
    else:
        _release(seen, rest)


def _mount(seen: _Seen, rest: str) -> None:
    """A mount point below the root, as /proc writes it: `\\040` is a blank."""
    path = _OCTAL.sub(lambda match: chr(int(match[1], 8)), rest)
    seen.mounts.append(clean(path, 200))


def _apart(seen: _Seen) -> frozenset[str]:
    """The folders between which and `.turnout` nothing can be renamed: another device, or a mount point."""
    own = seen.devices.get(layout.OWN, 0)
    if layout.OWN in seen.mounts:
        return frozenset(PLACES - {layout.OWN})
    return frozenset(
        name for name in PLACES if name in seen.mounts or (own and seen.devices.get(name, own) not in (0, own))
    )


def _leftover(seen: _Seen, rest: str) -> None:
    path = clean(decode_path(rest).decode("utf-8", "backslashreplace"), 200)
    seen.faults.append(f"{path} could not be removed: look at its owner and attributes (ls -ld, lsattr)")


def _record(seen: _Seen, rest: str) -> None:
    path, _, line = rest.partition(":")
    seen.records.setdefault(_named(path), []).append(line)


def with_records(state: ServerState, lines: Iterable[str]) -> ServerState:
    """The state with the records in the lines of inspect.sh's `records`, which it was told without."""
    seen = _Seen()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word in ("record", "unreadable"):
            with suppress(ValueError):
                _READERS[word](seen, rest)
    releases = dict(state.releases)
    for tag, record in _records(seen).items():
        releases[tag] = replace(releases.get(tag, Release(tag=tag)), record=record, seq=0, marks=NO_MARKS)
    for tag in seen.unread:
        releases[tag] = replace(releases.get(tag, Release(tag=tag)), record=None, unread=True)
    return replace(state, releases=releases, faults=(*state.faults, *seen.faults))


def _older(seen: _Seen, rest: str) -> None:
    """A release whose files are there, one of very many: tag, number, marks."""
    tag, number, *marks = rest.split()
    seq = _amount(number)
    if is_tag(tag) and seq <= LARGEST_SEQ:
        seen.older[tag] = (seq, frozenset(marks))
    else:
        seen.unread |= {tag} if is_tag(tag) else set()


def _named(path: str) -> str:
    """The tag that a record's file is named after."""
    return posixpath.basename(path).removesuffix(".toml")


def _unreadable(seen: _Seen, rest: str) -> None:
    """A file or folder of ours that is there and cannot be read: what it would say is unknown."""
    path = decode_path(rest).decode("utf-8", "backslashreplace")
    if posixpath.basename(posixpath.dirname(path)) == "records" and is_tag(_named(path)):
        seen.unread.add(_named(path))
    seen.records_whole = seen.records_whole and path not in (layout.OWN, layout.RECORDS)
    seen.transitions_whole = seen.transitions_whole and path not in (layout.OWN, layout.TRANSITIONS)
    seen.faults.append(f"{clean(path, 200)} cannot be read: what it says is unknown")


def _records(seen: _Seen) -> dict[str, Record]:
    records = {}
    for tag, lines in seen.records.items():
        try:
            record = parse_record("\n".join(lines))
            if record.tag != tag:
                raise ValueError("it is the record of another tag")
        except ValueError as error:
            seen.faults.append(f"the record of {clean(tag, 60)} cannot be read: {clean(str(error), 200)}")
            seen.unread |= {tag} if is_tag(tag) else set()
            continue
        records[tag] = record
    return records


def _space(seen: _Seen, rest: str) -> None:
    """`df -Pk`: file system, 1024-blocks, used, available, capacity, mounted on."""
    seen.free_bytes = _amount(rest.split()[3]) * 1024


def _statfs(seen: _Seen, rest: str) -> None:
    """`stat -f`: bytes of a block, free blocks for this user, inodes (0: no fixed number), free inodes, and of what."""
    numbers, _, name = rest.rpartition(" ") if rest.count(" ") > 3 else (rest, "", ".")
    block, blocks, inodes, free = map(_amount, numbers.split())
    seen.rooms[name] = (block * blocks, free if inodes > 0 else -1)
    if name != ".":
        return
    seen.free_bytes = block * blocks
    # Network file systems count in blocks of megabytes and yet store a small file in less.
    if block in BLOCKS:
        seen.block = block
    if inodes > 0:
        seen.free_inodes = free


def _cache_unknown(seen: _Seen, rest: str) -> None:
    """What it holds: kB on disk (`du -sk`) and entries with the folder itself; a server may tell neither."""
    seen.cache, seen.cache_empty = "", False
    words = rest.split()
    if len(words) == 2:
        seen.cache_bytes, seen.cache_entries = _amount(words[0]) * 1024, max(_amount(words[1]) - 1, 0)


def _inodes(seen: _Seen, rest: str) -> None:
    """`df -Pi`; some file systems have no fixed number and say 0 of 0, or `-`."""
    words = rest.split()
    if len(words) > 3 and words[1].isdigit() and _amount(words[1]) > 0:
        seen.free_inodes = _amount(words[3])


def _lock(facts: Mapping[str, str], tick: str) -> Lock | None:
    """The lock in its lines; `tick`: the server's time as `tick` in inspect.sh has it, by which its ages are told."""
    if not facts:
        return None

    def ago(name: str) -> float:
        # A lock of before a restart, or of an agent that told the time in another way, has no age.
        then = facts.get(name, "")
        if then.startswith("up") != tick.startswith("up"):
            return 0.0
        began, now = _number(then.removeprefix("up")), _number(tick.removeprefix("up"))
        return max(now - began, 0.0) if began and now else 0.0

    return Lock(
        operation=facts.get("operation", ""),
        kind=facts.get("kind", ""),
        who=facts.get("who", ""),
        since=_number(facts.get("since", "")),
        age=ago("server-since"),
        silence=ago("beat"),
        phase=facts.get("phase", ""),
        alive="dead" not in facts,
    )


def _number(text: str) -> float:
    """The number of a text, 0.0 where it is none or no time of the next thousands of years."""
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e11 else 0.0


def _set(name: str, convert: Callable[[str], object]) -> Callable[[_Seen, str], None]:
    def reader(seen: _Seen, rest: str) -> None:
        setattr(seen, name, convert(rest))

    return reader


def _digest(text: str) -> str:
    """A SHA-256 in hex. ValueError for what is none."""
    if not is_digest(text):
        raise ValueError
    return text


def _journal(seen: _Seen, rest: str) -> None:
    seen.journal.append(parse_journal_line(clean(rest, JOURNAL_LINE)))


def _transition(seen: _Seen, rest: str) -> None:
    """A line that cannot be read may be the one that says what was switched: then that is unknown."""
    try:
        seen.transitions.append(parse_journal_line(clean(rest, JOURNAL_LINE)))
    except (ValueError, OverflowError) as error:
        seen.transitions_whole = False
        seen.faults.append(f"a line of {layout.TRANSITIONS} cannot be read: {clean(str(error), 100)}")


def _pinned(seen: _Seen, rest: str) -> None:
    tag, _, text = rest.partition(" ")
    tag = decode_path(tag).decode("utf-8", "backslashreplace")
    if is_tag(tag):
        seen.pins[tag] = parse_pin(text)


def _unused(seen: _Seen, rest: str) -> None:
    tag = decode_path(rest).decode("utf-8", "backslashreplace")
    if is_tag(tag):
        seen.unused.add(tag)


def _claim(seen: _Seen, rest: str) -> None:
    machine, id, place, project, environment = clean(rest, 400).split(" ")
    inode = seen.folder.rpartition(":")[2]
    seen.claim = Claim(id=id, project=project, environment=environment, copied=place != f"{inode}-{machine}")


def _folder(seen: _Seen, rest: str) -> None:
    # Without the boot's id it could be another machine's folder that has the same numbers.
    seen.folder = rest if len(rest.split()) == 2 else ""


def _path(text: str) -> str:
    return clean(decode_path(text).decode("utf-8", "backslashreplace"), 300)


def _shared_missing(seen: _Seen, rest: str) -> None:
    seen.shared_missing.add(decode_path(rest).decode("utf-8", "surrogateescape"))


def _shared_dangling(seen: _Seen, rest: str) -> None:
    seen.shared_dangling.add(decode_path(rest).decode("utf-8", "surrogateescape"))


def _feature(seen: _Seen, rest: str) -> None:
    if rest in FEATURES:
        seen.features.add(rest)


def _time(seen: _Seen, rest: str) -> None:
    clock = float(rest)
    if not 0 <= clock <= LAST_SECOND:
        raise ValueError
    seen.clock = clock


def _held(seen: _Seen, rest: str) -> None:
    seen.lock["held"] = rest


_READERS: dict[str, Callable[[_Seen, str], None]] = {
    "time": _time,
    "tick": _set("tick", lambda rest: clean(rest, 100)),
    "root": _set("root", lambda rest: rest == "present"),
    "writable": _set("writable", lambda rest: rest == "yes"),
    "current": _current,
    "live": _live,
    "live-elsewhere": _set("kind", lambda rest: "elsewhere"),
    "dangling": _dangling,
    "release": _release,
    "place": _place,
    "mount": _mount,
    "record": _record,
    "leftover": _leftover,
    "unreadable": _unreadable,
    "older": _older,
    "unlisted": _set("unlisted", _amount),
    "cache": _set("cache", _digest),
    "cache-empty": _set("cache_empty", lambda rest: not rest),
    "cache-unknown": _cache_unknown,
    "space": _space,
    "inodes": _inodes,
    "statfs": _statfs,
    "journal": _journal,
    "transition": _transition,
    "unused": _unused,
    "pinned": _pinned,
    "shared-missing": _shared_missing,
    "shared-dangling": _shared_dangling,
    "feature": _feature,
    "lock": _held,
    "claim": _claim,
    "outer": _set("outer", _path),
    "inner": _set("inner", _path),
    "folder": _folder,
    "news": _set("news", lambda rest: clean(rest, 200)),
}
