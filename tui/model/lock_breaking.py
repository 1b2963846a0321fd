"""Breaks the locks of an operation that will not end: the work for an engine thread, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from core.jobs import Job
from core.records import Lock
from core.text import count
from tui.view.locks import owner

if TYPE_CHECKING:
    from core.fleet import Fleet, Outcome


def breaking(fleet: Fleet, locks: Mapping[str, Lock]) -> Job[Outcome[None]]:
    """The job that ends the processes which hold these locks; what they were doing stays as it is."""
    return Job("break lock", lambda emit, controls: fleet.break_locks(locks))


def said_of_breaking(job: Job[Outcome[None]], locks: Mapping[str, Lock]) -> tuple[str, Literal["information", "error"]]:
    """How it ended, in one sentence, and how bad that is."""
    lock = next(iter(locks.values()))
    if job.outcome is None:
        return job.error.title if job.error else "whether the locks were broken is unknown", "error"
    errors = job.outcome.errors
    said = f"{count(len(job.outcome.results), 'lock')} of {owner(lock)}'s {lock.kind or 'operation'} broken"
    if errors:
        return f"{said}; {'; '.join(f'{name}: {error.title}' for name, error in errors.items())}", "error"
    return said, "information"
