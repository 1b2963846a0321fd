"""Who holds a server: in the few words of its row, in the fields of its details, and as a reason (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from core.records import Lock, ServerState
from core.text import duration
from tui.view.formats import listing, servers_among
from tui.view.glyphs import Glyphs
from tui.view.lines import Line, fit, line, one_line, width
from tui.view.server_progress import VERBS

FRESH = 5.0
"""Seconds after an inspection for which its findings count as current."""


def looked_ago(state: ServerState, now: float) -> float:
    """Seconds since a server was found to be so."""
    return max(now - state.read_at, 0.0) if state.read_at else 0.0


def lock_lines(states: Mapping[str, ServerState]) -> list[Line]:
    """Who holds each server, with the last heartbeat and the operation's id; or that no one does."""
    room = max((width(line(one_line(name))) for name in states), default=0)
    out = []
    for name, state in states.items():
        lock = state.lock
        text, role = "not locked", "dim"
        if lock and lock.alive:
            life = f"last heartbeat {duration(lock.silence)} ago"
            text, role = f"{lock.describe()}; {life}; operation {lock.operation}", "warn"
        elif lock:
            text, role = f"{lock.describe()}; its process has died; the next operation takes over the lock", "warn"
        out.append(line((fit(one_line(name), room) + "  ", "strong"), (one_line(text), role)))
    return out


def running_line(lock: Lock, environment: str) -> Line:
    """`running: ana@laptop: deploy since … -> turnout watch production`."""
    return line(f"running: {one_line(lock.describe())} -> turnout watch {environment}")


def living(states: Iterable[ServerState]) -> dict[str, Lock]:
    """By server: the locks whose process is running."""
    return {state.server: state.lock for state in states if state.lock and state.lock.alive}


def owner(lock: Lock, *, short: bool = False) -> str:
    """`ana@ci`, or `ana`."""
    who = one_line(lock.who) or "somebody"
    return who.partition("@")[0] or who if short else who


def doing(lock: Lock) -> str:
    """What its operation does just now: `uploading`, or its kind where no phase is known."""
    return VERBS.get(lock.phase, one_line(lock.phase)) or one_line(lock.kind) or "running"


def row_words(lock: Lock, room: int, glyphs: Glyphs) -> tuple[str, str, str]:
    """Glyph, role and words of a server's row: the longest words that fit into so many cells."""
    kind = one_line(lock.kind) or "operation"
    if not lock.alive:
        died = f"{owner(lock)}'s {kind} died"
        texts = (f"{died}; the next operation takes over its lock", died, f"{owner(lock, short=True)}'s {kind} died")
        return glyphs.alert, "warn", _fitting(room, *texts, "its operation died")
    if lock.silent:
        quiet = f"silent {duration(lock.silence)}"
        texts = (f"{kind} by {owner(lock)}, {quiet}", f"{owner(lock)}: {quiet}", f"{owner(lock, short=True)}: {quiet}")
        return glyphs.alert, "warn", _fitting(room, *texts, quiet)
    act = doing(lock)
    texts = (f"{kind} by {owner(lock)}, {act}", f"{owner(lock)}: {act}", f"{owner(lock, short=True)}: {act}")
    return glyphs.busy, "warn", _fitting(room, *texts)


def _fitting(room: int, *texts: str) -> str:
    return next((text for text in texts if len(text) <= room), texts[-1])


def _summary(lock: Lock, since: float) -> str:
    """`deploy by ana@ci, in upload, for 40 s`."""
    phase = f", in {one_line(lock.phase)}" if lock.phase else ""
    kind = one_line(lock.kind) or "an operation"
    return f"{kind} by {owner(lock)}{phase}, for {duration(max(lock.age, 0) + since)}"


def _last_beat(lock: Lock, since: float) -> str:
    """When the last known heartbeat came: later ones than the last inspection are unknown."""
    silence = max(lock.silence, 0)
    if since < FRESH:
        return f"{duration(silence + since)} ago"
    return f"{duration(silence)} before the last look, which was {duration(since)} ago"


def _quiet(lock: Lock, since: float) -> str:
    """How long there was no heartbeat, up to the last inspection: later silence is unknown."""
    return duration(lock.silence) + (f" at the last look, {duration(since)} ago" if since >= FRESH else "")


def fields(lock: Lock, keys: Mapping[str, str], since: float) -> list[tuple[str, str, str]]:
    """The lock for Details: label, text, role.

    keys    those of watch and break-lock
    since   seconds since the server was looked at
    """
    out = [("Locked", _summary(lock, since), "warn")]
    if not lock.alive:
        return [*out, ("Owner", "its process has died; the next operation takes over the lock", "warn")]
    if lock.silent:
        quiet = f"none for {_quiet(lock, since)}: the watchdog there should have ended it"
        return [*out, ("Heartbeat", quiet, "bad"), ("Next", f"{keys['break-lock']} breaks the lock; it asks first", "")]
    beat = f"{_last_beat(lock, since)}; its process {'is' if since < FRESH else 'was'} running"
    return [*out, ("Heartbeat", beat, ""), ("Next", f"{keys['watch']} watches it live", "")]


def reason(locks: Mapping[str, Lock]) -> str:
    """Why nothing can be changed: who runs an operation where; "" where none runs."""
    if not locks:
        return ""
    lock = next(iter(locks.values()))
    return f"{owner(lock)} runs a {one_line(lock.kind) or 'n operation'} on {listing(list(locks), 3)}"


def break_words(locks: Mapping[str, Lock], since: Mapping[str, float], servers: int = 0) -> list[tuple[str, str]]:
    """What breaking these locks means, in the dialog: text and role of each line.

    servers of the environment: how many there are
    since   by server: seconds since it was looked at
    """
    name = _latest(locks, since)
    summary = (_summary(locks[name], since[name]), "strong")
    return [summary, (f"on {servers_among(list(locks), servers, 8)}", ""), ("", ""), *break_warning(locks, since)]


def break_warning(locks: Mapping[str, Lock], since: Mapping[str, float]) -> list[tuple[str, str]]:
    """Whether an operation still runs, and what becomes of it where its locks are broken: as `break_words`."""
    name = _latest(locks, since)
    if locks[name].silent:
        quiet = _quiet(locks[name], since[name])
        life = (f"No heartbeat for {quiet}, and the server's watchdog has not ended it.", "")
    else:
        life = (f"Its last heartbeat was {_last_beat(locks[name], since[name])}: it is still running.", "warn")
    ends = "Breaking the lock kills its process at once. Its work stays unfinished and may have to be recovered."
    return [life, (ends, "")]


def _latest(locks: Mapping[str, Lock], since: Mapping[str, float]) -> str:
    """The server with the latest heartbeat."""
    return min(locks, key=lambda name: locks[name].silence + since[name])
