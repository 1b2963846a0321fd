"""Processes of this machine, as /proc shows them: what a test must find by kinship before it kills it by id."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path


def process_ids() -> list[int]:
    """All processes of this machine."""
    return [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]


def name_of(pid: int) -> str:
    """A process's name of at most 15 characters; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def command_line_of(pid: int) -> bytes:
    """The words that a process was started with, a NUL after each; empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def command_of(pid: int) -> str:
    """These words with spaces between them, to be read."""
    return command_line_of(pid).replace(b"\0", b" ").decode(errors="replace")


def state_of(pid: int) -> str:
    """The letter of a process's state: S sleeps, T was stopped, Z has ended and waits for its parent; X has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2][0]
    except OSError:
        return "X"


def runs(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    return state_of(pid) not in "ZX"


def stopped(pid: int) -> bool:
    """Whether a process is stopped (SIGSTOP)."""
    return state_of(pid) in "Tt"


def environ_of(pid: int) -> list[bytes]:
    """The environment that a process was started with; empty where that cannot be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def children(pid: int) -> list[int]:
    """The processes that one has started and that have not gone to another parent."""
    return _by_parent().get(pid, [])


def descendants(pid: int) -> list[int]:
    """All processes below one, nearest first."""
    by_parent = _by_parent()
    pids = list(by_parent.get(pid, []))
    for near in pids:
        pids += by_parent.get(near, [])
    return pids


def _by_parent() -> dict[int, list[int]]:
    """Each process's children."""
    by_parent: dict[int, list[int]] = {}
    for other in process_ids():
        try:
            status = Path(f"/proc/{other}/stat").read_text(errors="replace")
        except OSError:
            continue
        parent = int(re.sub(r".*\)", "", status, flags=re.DOTALL).split()[1])
        by_parent.setdefault(parent, []).append(other)
    return by_parent


def kill(pids: list[int]) -> list[int]:
    """Kill -9; those that were still there."""
    killed = []
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        killed.append(pid)
    return killed


def identity(pid: int | None = None) -> str:
    """A process, or this one, as a lock on this machine names its owner: `PID START-BOOT`."""
    pid = pid or os.getpid()
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return f"{pid} {words[19]}-{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}"
