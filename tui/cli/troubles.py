"""Interruptions, locks, drift and host keys as lines for people and as objects for programs (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.records import Lock, ServerState
from core.recovery import Interruption, interruption
from core.text import count, duration, show_path
from tui.view.lines import fit, one_line, width
from tui.view.lines import line as spans

if TYPE_CHECKING:
    from core.drift import Drift

PATHS_SHOWN = 50
"""Paths of one server that text lists; JSON has all."""

KNOWN, RECORDED, UNKNOWN_KEY, UNSEEN = "known", "recorded", "unknown", "not-compared"
CHANGED, REVOKED = "changed", "revoked"
"""What became of a server's host key."""


@dataclass(frozen=True, kw_only=True)
class HostKey:
    """A host key as `turnout trust` lists it; `host` as known_hosts names it, all "" where no key was seen."""

    servers: tuple[str, ...]
    standing: str
    host: str = ""
    type: str = ""
    fingerprint: str = ""


def interruption_lines(found: Interruption, now: float) -> list[str]:
    """What was interrupted, where, and which release it was about."""
    lines = [one_line(found.describe(now))]
    for server, before in found.switched.items():
        lines.append(f"  {one_line(server)}: {one_line(found.tag)} is live, before it {before.tag or 'nothing'}")
    lines += [f"  {one_line(server)}: not switched" for server in found.waiting]
    return lines


def interruption_row(found: Interruption, now: float) -> dict[str, Any]:
    """The interruption for programs; `switched` has by server the tag that was live before."""
    return {
        "event": "interruption",
        "operation": found.operation,
        "kind": found.kind,
        "who": found.who,
        "began": found.time,
        "phase": found.phase,
        "tag": found.tag,
        "switched": {server: before.tag for server, before in found.switched.items()},
        "waiting": list(found.waiting),
        "text": found.describe(now),
    }


def hints(states: Iterable[ServerState], environment: str, now: float) -> tuple[list[str], list[dict[str, Any]]]:
    """What whoever looks should know besides: an operation that is at work, or one that was interrupted."""
    states = list(states)
    working = [state.lock for state in states if state.lock and state.lock.alive]
    if working:
        lock = working[0]
        return [f"at work: {one_line(lock.describe())} -> turnout watch {environment}"], [_lock_row("", lock)]
    found = interruption(states)
    if found is None:
        return [], []
    return [f"{one_line(found.describe(now))} -> turnout recover {environment}"], [interruption_row(found, now)]


def lock_lines(states: Mapping[str, ServerState]) -> list[str]:
    """Who holds each server, with the last sign of life and the operation's id; or that nobody does."""
    room = max((width(spans(one_line(name))) for name in states), default=0)
    lines = []
    for name, state in states.items():
        lock = state.lock
        text = "not locked"
        if lock and lock.alive:
            text = f"{lock.describe()}; last sign of life {duration(lock.silence)} ago; operation {lock.operation}"
        elif lock:
            text = f"{lock.describe()}; its process is gone: the next operation takes the lock over"
        lines.append(f"{fit(one_line(name), room)}  {one_line(text)}")
    return lines


def lock_rows(states: Mapping[str, ServerState]) -> list[dict[str, Any]]:
    """One object a lock that is there; seconds of `age` and `silence` by the server's clock."""
    return [_lock_row(name, state.lock) for name, state in states.items() if state.lock]


def _lock_row(server: str, lock: Lock) -> dict[str, Any]:
    return {
        "event": "lock",
        "server": server,
        "operation": lock.operation,
        "kind": lock.kind,
        "who": lock.who,
        "since": lock.since,
        "age": lock.age,
        "silence": lock.silence,
        "phase": lock.phase,
        "alive": lock.alive,
    }


def drift_lines(drifts: Mapping[str, Drift], without: Sequence[str], tag: str) -> list[str]:
    """Server by server how the release differs, with at most PATHS_SHOWN paths each.

    without  servers that do not have the release's files
    """
    names = [*drifts, *without]
    room = max((width(spans(one_line(name))) for name in names), default=0)
    lines = []
    for name, drift in drifts.items():
        lines.append(f"{fit(one_line(name), room)}  {drift.describe()}")
        paths = [(word, path) for word, some in _kinds(drift) for path in some]
        lines += [f"  {word:<7}  {show_path(path)}" for word, path in paths[:PATHS_SHOWN]]
        if len(paths) > PATHS_SHOWN:
            lines.append(f"  and {count(len(paths) - PATHS_SHOWN, 'path')} more; --json lists all")
    return lines + [f"{fit(one_line(name), room)}  does not have the files of {tag}" for name in without]


def drift_rows(drifts: Mapping[str, Drift], without: Sequence[str], tag: str) -> list[dict[str, Any]]:
    """One object a server, with all paths as text (what is not UTF-8 is escaped)."""
    rows: list[dict[str, Any]] = [
        {
            "event": "drift",
            "server": name,
            "tag": tag,
            "present": True,
            **{word: [show_path(path) for path in some] for word, some in _kinds(drift)},
        }
        for name, drift in drifts.items()
    ]
    return rows + [{"event": "drift", "server": name, "tag": tag, "present": False} for name in without]


def astray_lines(astray: Mapping[str, str]) -> list[str]:
    """Server by server what is wrong with where `current` leads."""
    return [f"{one_line(name)}  {one_line(said)}" for name, said in astray.items()]


def astray_rows(astray: Mapping[str, str]) -> list[dict[str, Any]]:
    """One object a server whose `current` leads to no release."""
    return [{"event": "current", "server": name, "text": said} for name, said in astray.items()]


def _kinds(drift: Drift) -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    return ("changed", drift.changed), ("added", drift.added), ("removed", drift.removed)


def key_lines(keys: Sequence[HostKey]) -> list[str]:
    """The keys as columns: servers, host, type, fingerprint, standing."""
    rows = [(", ".join(key.servers), key.host, key.type, key.fingerprint, _STANDINGS[key.standing]) for key in keys]
    cells = [max(width(spans(one_line(row[at]))) for row in rows) for at in range(4)] if rows else []
    return [
        "  ".join([*(fit(one_line(text), room) for text, room in zip(row, cells, strict=False)), row[4]])
        for row in rows
    ]


_STANDINGS = {
    KNOWN: "known",
    RECORDED: "recorded now",
    UNKNOWN_KEY: "UNKNOWN",
    CHANGED: "REFUSED: it is not the recorded key",
    REVOKED: "REFUSED: it is revoked",
    UNSEEN: "NOT COMPARED: no connection",
}


def key_rows(keys: Sequence[HostKey]) -> list[dict[str, Any]]:
    """One object a key."""
    return [
        {
            "event": "host-key",
            "servers": list(key.servers),
            "host": key.host,
            "type": key.type,
            "fingerprint": key.fingerprint,
            "standing": key.standing,
        }
        for key in keys
    ]
